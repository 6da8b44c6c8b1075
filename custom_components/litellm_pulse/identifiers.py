"""Identities in Home Assistant's registries: built and taken apart here only, never made of names."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN
from .core.catalog import Dimension
from .core.models import TOTAL, MemberKey
from .loop_slice import LoopSlice


def device_identifier(entry_id: str, member: MemberKey) -> tuple[str, str]:
    """Return the identifier of a member's device; the total's is the proxy itself."""
    return DOMAIN, entry_id if member == TOTAL else f"{entry_id}:{member[0]}:{member[1]}"


def member_of_device(device: dr.AnyDeviceEntry) -> MemberKey:
    """Return the member whose device it is; raises ValueError for one that is none of ours."""
    (identifier,) = (own for domain, own in device.identifiers if domain == DOMAIN)
    if ":" not in identifier:
        return TOTAL
    _, dimension, member = identifier.split(":", 2)
    return Dimension(dimension), member


def entity_unique_id(entry_id: str, member: MemberKey, key: str) -> str:
    """Return the unique id of the entity with a description's key, of a member."""
    return f"{entry_id}:{member[0]}:{member[1]}:{key}"


def member_and_key(unique_id: str) -> tuple[MemberKey, str]:
    """Return the member and the description's key that a unique id is made of; raises ValueError for another's."""
    _, dimension, rest = unique_id.split(":", 2)
    member, _, key = rest.rpartition(":")
    return (Dimension(dimension), member), key


def known_devices(devices: Iterable[dr.AnyDeviceEntry]) -> Iterator[tuple[dr.AnyDeviceEntry, MemberKey]]:
    """Yield devices with whose they are; an entry that is not set up may have some that only a newer release knows."""
    for device in devices:
        with suppress(ValueError):
            yield device, member_of_device(device)


def known_entities(entities: Iterable[er.RegistryEntry]) -> Iterator[tuple[er.RegistryEntry, MemberKey, str]]:
    """Yield entities with whose they are and their descriptions' keys, as `known_devices` does."""
    for entity in entities:
        with suppress(ValueError):
            yield entity, *member_and_key(entity.unique_id)


@dataclass(frozen=True, slots=True)
class Registered:
    """What an entry has in the registries."""

    members: Collection[MemberKey]
    """Those that have a device."""
    entities: Collection[tuple[MemberKey, str]]
    """Whose entities, and their descriptions' keys."""


async def async_registered(hass: HomeAssistant, entry: ConfigEntry) -> Registered:
    """Return what an entry has in the registries; they forget what this release knows nothing of.

    A newer release may have been here before this one, with members of a kind of its own. There may
    be ten thousand, so everyone else gets a turn in between.
    """
    entities, devices, turn = er.async_get(hass), dr.async_get(hass), LoopSlice()
    found: list[tuple[MemberKey, str]] = []
    members: set[MemberKey] = set()
    for entity in er.async_entries_for_config_entry(entities, entry.entry_id):
        try:
            found.append(member_and_key(entity.unique_id))
        except ValueError:
            entities.async_remove(entity.entity_id)
        await turn.async_yield()
    for device in dr.async_entries_for_config_entry(devices, entry.entry_id):
        try:
            members.add(member_of_device(device))
        except ValueError:
            devices.async_update_device(device.id, remove_config_entry_id=entry.entry_id)
        await turn.async_yield()
    return Registered(members, found)
