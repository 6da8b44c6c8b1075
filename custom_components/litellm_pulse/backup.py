"""Backups of Home Assistant hold whole ledgers: none is written while it is copied, whatever is reloaded meanwhile."""

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant

from .const import DOMAIN
from .open_ledgers import async_get_open_ledgers


async def async_pre_backup(hass: HomeAssistant) -> None:
    """Write what waits, and let go of the files."""
    await async_get_open_ledgers(hass).async_pause()


async def async_post_backup(hass: HomeAssistant) -> None:
    """Go on writing, and set up what had to wait."""
    await async_get_open_ledgers(hass).async_resume()
    for entry in hass.config_entries.async_entries(DOMAIN):
        if entry.state is ConfigEntryState.SETUP_RETRY:
            hass.config_entries.async_schedule_reload(entry.entry_id)
