"""Which members have a device: all that are used, less those that were deleted by hand."""

from collections.abc import Callable, Collection
from functools import partial
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from .const import DOMAIN
from .core.catalog import Dimension
from .core.models import TOTAL, Member, MemberKey, Snapshot, Vector

type Welcome = Callable[[Collection[Member]], None]
"""Adds the entities of members to a platform."""

SHOWN: Final = frozenset({Dimension.MODEL})
"""Dimensions whose members have devices."""


def device_identifier(entry_id: str, member: MemberKey) -> tuple[str, str]:
    """Return the identifier of a member's device; the total's is the proxy itself."""
    return DOMAIN, entry_id if member == TOTAL else f"{entry_id}:{member[0]}:{member[1]}"


class Roster:
    """The members with a device, for every platform alike.

    Deleting a device leaves no mark but its absence from the device registry: a member that the
    ledger knew when it was opened and that has no device was deleted, and stays so until it is
    used again. Where a whole dimension has no device, it was not shown before.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, opened: Snapshot) -> None:
        """Begin with the ledger as it was opened, before the first scrape."""
        devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        identifiers = {identifier for device in devices for identifier in device.identifiers}
        known = {key for key in opened.members if device_identifier(entry.entry_id, key) in identifiers}
        dimensions = {dimension for dimension, _ in known}
        self._deleted: dict[MemberKey, Vector | None] = {
            key: _lifetime(opened, key) for key in opened.members if key not in known and key[0] in dimensions
        }
        self._members: dict[MemberKey, Member] = {TOTAL: Member(*TOTAL, entry.title)}
        self._welcomes: list[Welcome] = []

    @callback
    def attach(self, welcome: Welcome) -> CALLBACK_TYPE:
        """Have a platform welcome the members of today and those to come; returns what ends that."""
        self._welcomes.append(welcome)
        welcome(self._members.values())
        return partial(self._welcomes.remove, welcome)

    @callback
    def update(self, snapshot: Snapshot) -> None:
        """Welcome the members that are new, or used again."""
        newcomers = {
            key: member
            for key, member in snapshot.members.items()
            if key[0] in SHOWN and key not in self._members and not self._is_deleted(snapshot, key)
        }
        if newcomers:
            self._members |= newcomers
            for welcome in self._welcomes:
                welcome(newcomers.values())

    def _is_deleted(self, snapshot: Snapshot, key: MemberKey) -> bool:
        """Whether a member was deleted and has not been used since."""
        return key in self._deleted and self._deleted[key] == _lifetime(snapshot, key)

    @callback
    def dismiss(self, identifiers: Collection[tuple[str, str]], entry_id: str, snapshot: Snapshot) -> None:
        """Let the member with this device go, until it is used again."""
        for key in [key for key in self._members if device_identifier(entry_id, key) in identifiers]:
            del self._members[key]
            self._deleted[key] = _lifetime(snapshot, key)


def _lifetime(snapshot: Snapshot, key: MemberKey) -> Vector | None:
    """Return what a member has used so far."""
    usage = snapshot.usage.get(key)
    return usage.lifetime if usage else None
