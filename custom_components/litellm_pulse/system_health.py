"""What the page "System information" says of each proxy."""

from pathlib import Path
from typing import Any

from homeassistant.components import system_health
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .coordinator import LiteLLMPulseConfigEntry

_MEGABYTE = 1_000_000


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:  # noqa: ARG001
    """Register what is told."""
    register.async_register_info(_async_info)


async def _async_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return what is told; with several proxies, each line names its own."""
    entries: list[LiteLLMPulseConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    info: dict[str, Any] = {}
    for entry in entries:
        suffix = f" ({entry.title})" if len(entries) > 1 else ""
        info |= {f"{key}{suffix}": value for key, value in (await _async_of(hass, entry)).items()}
    return info


async def _async_of(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> dict[str, Any]:
    """Return what is told of one proxy; what takes time is awaited by the page."""
    if entry.state is not ConfigEntryState.LOADED:
        return {}
    runtime = entry.runtime_data
    return {
        "can_reach_server": system_health.async_check_can_reach_url(hass, str(runtime.scraper.client.liveness)),
        "last_scrape": runtime.coordinator.data.snapshot.last_scrape,
        "database_size": f"{await hass.async_add_executor_job(_size, runtime.ledger.path) / _MEGABYTE:.1f} MB",
        "litellm_version": runtime.scraper.client.version(),
    }


def _size(path: Path) -> int:
    """Return the bytes of the ledger's files; blocking."""
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.stem}.db*") if file.exists())
