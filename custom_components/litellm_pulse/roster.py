"""Which members have a device, and which entities on it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er

from .const import CONF_DIMENSIONS, CONF_GROUP_MODELS_BY, CONF_MAX_MEMBERS, MAX_MEMBERS_DEFAULT
from .core.catalog import Dimension
from .core.models import TOTAL, Member, MemberKey, Snapshot, Vector, Window
from .devices import async_register, member_of
from .wishes import Wishes

OTHER: Final = ""
"""The id under which a dimension's members without a device are gathered; no label has it."""

MODELS: Final = (Dimension.MODEL, Dimension.PUBLIC_MODEL)
OPTIONAL: Final = tuple(one for one in Dimension if one not in {Dimension.TOTAL, *MODELS})
"""Dimensions whose members have a device only where the options say so."""

_PLURALS: Final = {Dimension.PUBLIC_MODEL: "models", Dimension.METADATA: "metadata"}


class Facet(Enum):
    """A reason for entities: what every member has, and what only some have."""

    USAGE = auto()
    BUDGET = auto()
    HEALTH = auto()


_MARKS: Final = {"budget_remaining": Facet.BUDGET, "deployment_health": Facet.HEALTH}
"""Key of an entity that tells that the member had this facet before."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """A member that begins to have a facet."""

    member: MemberKey
    device: dr.AnyDeviceEntry
    facet: Facet


type Welcome = Callable[[Collection[Appearance]], None]
"""Adds entities to a platform."""


class Roster:
    """The members with a device, for every platform alike.

    A member that is used gets one, unless it was deleted by hand: then it stays away until it is
    used again. Past the most that the options allow, those with a device keep it, then those with
    the highest lifetime spend get one, and the rest of the dimension is gathered in one device.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, opened: Snapshot, wishes: Wishes) -> None:
        """Begin with the ledger as it was opened, before the first scrape."""
        self.models = Dimension(entry.options.get(CONF_GROUP_MODELS_BY, Dimension.MODEL))
        """What models are grouped by."""
        self.dimensions = {self.models, *map(Dimension, entry.options.get(CONF_DIMENSIONS, ()))}
        self.most: int = entry.options.get(CONF_MAX_MEMBERS, MAX_MEMBERS_DEFAULT)
        self.hidden: Mapping[Dimension, Collection[MemberKey]] = {}
        """Members without a device, of the dimensions that have too many."""
        self._hass = hass
        self._entry = entry
        self._wishes = wishes
        self._seated = {member_of(device) for device in _devices(hass, entry)}
        self._deleted: dict[MemberKey, Vector | None] = {
            key: _lifetime(opened, key) for key in wishes.deleted - self._seated
        }
        self._members: dict[MemberKey, Member] = {TOTAL: Member(*TOTAL, entry.title)}
        self._devices: dict[MemberKey, dr.AnyDeviceEntry] = {}
        self._facets: dict[tuple[MemberKey, Facet], None] = {}
        self._remembered = _remembered(hass, entry)
        self._welcomes: list[Welcome] = []

    def __contains__(self, member: object) -> bool:
        """Whether a member has a device."""
        return member in self._members

    @callback
    def attach(self, welcome: Welcome) -> CALLBACK_TYPE:
        """Have a platform welcome the members of today and those to come; returns what ends that."""
        self._welcomes.append(welcome)
        welcome([Appearance(key, self._devices[key], facet) for key, facet in self._facets])
        return partial(self._welcomes.remove, welcome)

    @callback
    def cast(self, snapshot: Snapshot) -> None:
        """Decide who has a device: those who had one, then by lifetime spend, as many as may."""
        waiting: dict[Dimension, list[MemberKey]] = {dimension: [] for dimension in self.dimensions}
        for key in snapshot.members:
            if key not in self._members and key[0] in waiting:
                waiting[key[0]].append(key)
        self.hidden = {
            dimension: hidden
            for dimension, keys in waiting.items()
            if (hidden := self._seat(snapshot, dimension, keys))
        }

    def _seat(self, snapshot: Snapshot, dimension: Dimension, waiting: Collection[MemberKey]) -> list[MemberKey]:
        """Give those who wait the places that are free; return for whom there was none, if any."""
        wanted = [key for key in waiting if not self._is_deleted(snapshot, key)]
        free = self.most - sum(one == dimension and key != OTHER for one, key in self._members)
        if len(wanted) > free:
            wanted.sort(key=lambda key: (key not in self._seated, -snapshot.value(key, Window.LIFETIME, "cost")))
        seated = wanted[:free]
        self._members |= {key: snapshot.members[key] for key in seated}
        other = dimension, OTHER
        if len(wanted) == len(seated):
            return []
        self._members.setdefault(other, Member(*other, f"Other {_PLURALS.get(dimension, f'{dimension}s')}"))
        return [key for key in waiting if key not in self._members]

    @callback
    def update(self, snapshot: Snapshot) -> None:
        """Register devices, rename them, and welcome who has something new to show."""
        for key, known in self._members.items():
            member = snapshot.members.get(key, known)
            if key not in self._devices:
                self._devices[key] = async_register(self._hass, self._entry, member, self._devices.get(TOTAL))
            elif member.name != known.name:
                dr.async_get(self._hass).async_update_device(self._devices[key].id, name=member.name)
            self._members[key] = member
        newcomers = [one for one in self._present(snapshot) if one not in self._facets]
        self._facets |= dict.fromkeys(newcomers)
        if newcomers:
            self._come_back({key for key, _ in newcomers} & self._deleted.keys())
            appearances = [Appearance(key, self._devices[key], facet) for key, facet in newcomers]
            for welcome in self._welcomes:
                welcome(appearances)

    def _present(self, snapshot: Snapshot) -> Iterable[tuple[MemberKey, Facet]]:
        """Yield the facets of all members with a device."""
        for key in self._members:
            yield key, Facet.USAGE
            if key in snapshot.budgets or (key, Facet.BUDGET) in self._remembered:
                yield key, Facet.BUDGET
            if (key[0] is Dimension.MODEL and key[1] in snapshot.health) or (key, Facet.HEALTH) in self._remembered:
                yield key, Facet.HEALTH

    @callback
    def tidy(self, snapshot: Snapshot) -> None:
        """Take away the devices of dimensions that are not shown any more, and of those past the most.

        A device whose member the ledger does not know stays: absence is not deletion.
        """
        for device in _devices(self._hass, self._entry):
            key = member_of(device)
            known = key in snapshot.members or key[1] == OTHER
            if key not in self._members and (known or key[0] not in self.dimensions):
                dr.async_get(self._hass).async_remove_device(device.id)

    async def async_dismiss(self, key: MemberKey, snapshot: Snapshot) -> None:
        """Let a member go that was deleted by hand, until it is used again."""
        self._members.pop(key, None)
        self._devices.pop(key, None)
        self._facets = {one: None for one in self._facets if one[0] != key}
        self._remembered = {one for one in self._remembered if one[0] != key}
        self._deleted[key] = _lifetime(snapshot, key)
        await self._wishes.async_delete(key)

    def _come_back(self, members: Collection[MemberKey]) -> None:
        """Forget that members were deleted: they are used again."""
        if members:
            self._deleted = {key: used for key, used in self._deleted.items() if key not in members}
            work = self._wishes.async_restore(frozenset(members))
            self._entry.async_create_background_task(self._hass, work, f"{self._entry.title} - wishes")

    def _is_deleted(self, snapshot: Snapshot, key: MemberKey) -> bool:
        """Whether a member was deleted and has not been used since."""
        return key in self._deleted and self._deleted[key] == _lifetime(snapshot, key)


def _devices(hass: HomeAssistant, entry: ConfigEntry) -> Iterable[dr.AnyDeviceEntry]:
    """Return the devices of an entry."""
    return dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)


def _remembered(hass: HomeAssistant, entry: ConfigEntry) -> set[tuple[MemberKey, Facet]]:
    """Return the facets that members had before: a proxy tells a budget only once it is used."""
    found: set[tuple[MemberKey, Facet]] = set()
    for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id):
        _, dimension, rest = entity.unique_id.split(":", 2)
        member, _, key = rest.rpartition(":")
        if key in _MARKS:
            found.add(((Dimension(dimension), member), _MARKS[key]))
    return found


def _lifetime(snapshot: Snapshot, key: MemberKey) -> Vector | None:
    """Return what a member has used so far."""
    usage = snapshot.usage.get(key)
    return usage.lifetime if usage else None
