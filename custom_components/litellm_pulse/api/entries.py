"""Which proxy is meant: by the id or the title of its entry, or the only one."""

from asyncio import Event, timeout
from typing import TYPE_CHECKING, Final

from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from ..const import DOMAIN
from ..core.errors import NotAvailableError, QueryError

if TYPE_CHECKING:
    from ..coordinator import LiteLLMPulseConfigEntry, RuntimeData

_PATIENCE_SECONDS: Final = 30
"""How long is waited for an entry that is about to load: its first scrape may take as long."""


async def async_get_runtime(hass: HomeAssistant, instance: str | None = None) -> RuntimeData:
    """Return what the entry with this id or title holds, or the only one; raises QueryError.

    An entry is not loaded before its first scrape, nor while its ledger cannot be opened.
    """
    entry = _entry(hass, instance)
    if _is_about_to_load(hass, entry):
        await _async_wait(hass, entry)
    if entry.state is not ConfigEntryState.LOADED:
        raise NotAvailableError("not_loaded", title=entry.title, reason=entry.reason or "")
    return entry.runtime_data


async def _async_wait(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> None:
    """Wait until an entry is loaded, or has failed to; for some time at most."""
    changed = Event()

    @callback
    def note(*_: object) -> None:
        changed.set()

    unsubscribe = async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, note)
    try:
        async with timeout(_PATIENCE_SECONDS):
            while _is_about_to_load(hass, entry):
                changed.clear()
                await changed.wait()
    except TimeoutError:
        pass
    finally:
        unsubscribe()


def _is_about_to_load(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> bool:
    """Whether an entry is being reloaded, or Home Assistant has not come to it yet.

    Home Assistant's own rest integration gives a sensor up for good whose first answer is an error.
    """
    match entry.state:
        case ConfigEntryState.SETUP_IN_PROGRESS | ConfigEntryState.UNLOAD_IN_PROGRESS:
            return True
        case ConfigEntryState.NOT_LOADED:
            return entry.setup_lock.locked() or not (hass.is_running or entry.disabled_by)
        case _:
            return False


def _entry(hass: HomeAssistant, instance: str | None) -> LiteLLMPulseConfigEntry:
    """Return the entry with this id or title, or the only one that is enabled; raises QueryError."""
    entries: list[LiteLLMPulseConfigEntry] = hass.config_entries.async_entries(DOMAIN, include_ignore=False)
    if not entries:
        raise NotAvailableError("no_proxy")
    enabled = [entry for entry in entries if not entry.disabled_by] or entries
    meant = enabled if instance is None else [entry for entry in entries if instance in {entry.entry_id, entry.title}]
    if len(meant) == 1:
        return meant[0]
    available = [{"id": entry.entry_id, "title": entry.title} for entry in entries]
    if instance is None:
        raise QueryError("several_proxies", field="instance", available=available)
    raise QueryError("unknown_proxy", field="instance", available=available, value=instance, count=str(len(meant)))
