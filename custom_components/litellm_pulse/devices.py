"""The devices of the proxy and of all members: what they are called, and their places in the registry.

A member's name begins with that of its proxy and says its kind: "LiteLLM team Home". So a team, a
key and a user of one name can be told apart in every picker, two proxies never give the same name,
the proxy sorts before its members, and the ids that Home Assistant makes of the names are as clear.
"""

import re
from hashlib import sha256
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType
from yarl import URL

from . import address
from .const import DOMAIN
from .core.models import OTHER, TOTAL, Member
from .identifiers import device_identifier
from .localize import localize

_MANUFACTURER: Final = "BerriAI"
"""Who makes LiteLLM."""

_OPAQUE: Final = re.compile(r"[0-9a-f]{32,}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
"""A hash or a UUID, which LiteLLM shows where a key, team or user has no alias."""
_OPAQUE_SHOWN: Final = 8
"""Characters of it that are shown: enough to find it in LiteLLM's own lists, and it fits on a phone."""
_NAME_SHOWN: Final = 200
"""Characters of any name that are shown: of a longer one, Home Assistant makes each entity's id for milliseconds."""


@callback
def async_register(
    hass: HomeAssistant, entry: ConfigEntry, member: Member, proxy: dr.AnyDeviceEntry | None
) -> dr.AnyDeviceEntry:
    """Register the device of a member below the proxy's, or the proxy's own; gives it the name of today."""
    if proxy is None:
        return _async_register_proxy(hass, entry)
    kind = f"other_{member.dimension}" if member.id == OTHER else str(member.dimension)
    return dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={device_identifier(entry.entry_id, member.key)},
        entry_type=DeviceEntryType.SERVICE,
        translation_key=kind,
        translation_placeholders={"proxy": name_of(proxy), "member": short_name(member)},
        manufacturer=_MANUFACTURER,
        model=localize(hass, member.dimension),
        via_device_id=proxy.id,
    )


@callback
def _async_register_proxy(hass: HomeAssistant, entry: ConfigEntry) -> dr.AnyDeviceEntry:
    """Register the proxy's device; it keeps its name when another proxy is added."""
    registry, identifier = dr.async_get(hass), device_identifier(entry.entry_id, TOTAL)
    known = registry.async_get_device_by_identifier(identifier, entry.entry_id)
    alone = len(hass.config_entries.async_entries(DOMAIN, include_ignore=False)) == 1
    chosen = entry.title != address.title(URL(entry.data[CONF_URL]))
    # Entity ids begin with this: short for the one proxy that most homes have.
    name = entry.title if chosen else "LiteLLM" if alone else f"LiteLLM {entry.title}"
    return registry.async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={identifier},
        entry_type=DeviceEntryType.SERVICE,
        name=known.name if known and known.name else name,
        manufacturer=_MANUFACTURER,
        model=localize(hass, TOTAL[0]),
        configuration_url=f"{entry.data[CONF_URL].rstrip('/')}/ui",
    )


def name_of(device: dr.AnyDeviceEntry) -> str:
    """Return what a device is called: by the user, else by the integration."""
    return device.name_by_user or device.name or ""


def short_name(member: Member) -> str:
    """Return a member's name; of a hash, of a UUID and of one without end the beginning."""
    if _OPAQUE.fullmatch(member.name):
        return member.name[:_OPAQUE_SHOWN]
    return member.name if len(member.name) <= _NAME_SHOWN else f"{member.name[:_NAME_SHOWN]}…"


def private_name(device: dr.AnyDeviceEntry, member: Member) -> str | None:
    """Return what to call a device in entity ids where its name holds an e-mail address, else None.

    Ids end up in logs, screenshots and forum posts. A device that the user has named is called so.
    """
    if "@" not in member.name or device.name_by_user:
        return None
    name = member.id if "@" not in member.id else sha256(member.id.encode()).hexdigest()
    return (device.name or "").replace(short_name(member), short_name(Member(*member.key, name)))
