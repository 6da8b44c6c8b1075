"""Backups of Home Assistant hold whole ledgers: none is written while it is copied."""

from homeassistant.core import HomeAssistant

from .const import DOMAIN
from .coordinator import LiteLLMPulseConfigEntry


async def async_pre_backup(hass: HomeAssistant) -> None:
    """Write what waits, and let go of the files."""
    for entry in _loaded(hass):
        await entry.runtime_data.ledger.async_pause()


async def async_post_backup(hass: HomeAssistant) -> None:
    """Go on writing."""
    for entry in _loaded(hass):
        await entry.runtime_data.ledger.async_resume()


def _loaded(hass: HomeAssistant) -> list[LiteLLMPulseConfigEntry]:
    """Return the entries whose ledgers are open."""
    return hass.config_entries.async_loaded_entries(DOMAIN)
