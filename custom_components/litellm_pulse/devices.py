"""The devices of the proxy and of all members: their names and places in the registry."""

from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType

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
    """Register the proxy's device."""
    alone = len(hass.config_entries.async_entries(DOMAIN)) == 1
    return dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={device_identifier(entry.entry_id, TOTAL)},
        entry_type=DeviceEntryType.SERVICE,
        # Entity ids begin with this: short for the one proxy that most homes have.
        name="LiteLLM" if alone else f"LiteLLM {entry.title}",
        manufacturer="BerriAI",
        model="Proxy",
        configuration_url=f"{entry.data[CONF_URL].rstrip('/')}/ui",
    )
