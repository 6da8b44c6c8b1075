"""The devices of the proxy and of all members: their names and places in the registry."""

from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType
from yarl import URL

from . import address
from .const import DOMAIN
from .core.catalog import Dimension
from .core.models import TOTAL, Member
from .identifiers import device_identifier

_KINDS: Final = {Dimension.PUBLIC_MODEL: "Model"}


@callback
def async_register(
    hass: HomeAssistant, entry: ConfigEntry, member: Member, proxy: dr.AnyDeviceEntry | None
) -> dr.AnyDeviceEntry:
    """Register the device of a member below the proxy's, or the proxy's own."""
    if proxy is None:
        return _async_register_proxy(hass, entry)
    return dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={device_identifier(entry.entry_id, member.key)},
        entry_type=DeviceEntryType.SERVICE,
        name=member.name,
        model=_KINDS.get(member.dimension, member.dimension.capitalize()),
        via_device_id=proxy.id,
    )


@callback
def _async_register_proxy(hass: HomeAssistant, entry: ConfigEntry) -> dr.AnyDeviceEntry:
    """Register the proxy's device; it keeps its name when another proxy is added."""
    registry, identifier = dr.async_get(hass), device_identifier(entry.entry_id, TOTAL)
    known = registry.async_get_device_by_identifier(identifier, entry.entry_id)
    alone = len(hass.config_entries.async_entries(DOMAIN)) == 1
    chosen = entry.title != address.title(URL(entry.data[CONF_URL]))
    # Entity ids begin with this: short for the one proxy that most homes have.
    name = entry.title if chosen else "LiteLLM" if alone else f"LiteLLM {entry.title}"
    return registry.async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={identifier},
        entry_type=DeviceEntryType.SERVICE,
        name=known.name if known and known.name else name,
        manufacturer="BerriAI",
        model="Proxy",
        configuration_url=f"{entry.data[CONF_URL].rstrip('/')}/ui",
    )
