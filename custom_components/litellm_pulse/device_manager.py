"""Which members have a device, and which entities on it."""

from asyncio import Lock
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_connect, async_dispatcher_send
from homeassistant.util.signal_type import SignalType

from .const import CONF_DIMENSIONS, CONF_GROUP_MODELS_BY, CONF_MAX_MEMBERS, DOMAIN, MAX_MEMBERS_DEFAULT
from .core.catalog import Dimension
from .core.models import OTHER, TOTAL, Member, MemberKey, Snapshot, Vector
from .devices import async_register
from .features import MARKS, TEMPORARY, Feature, basis_of_features, present
from .identifiers import Registered, member_of_device
from .loop_slice import LoopSlice
from .user_settings import UserSettings

MODELS: Final = (Dimension.MODEL, Dimension.PUBLIC_MODEL)
OPTIONAL: Final = tuple(one for one in Dimension if one not in {Dimension.TOTAL, *MODELS})
"""Dimensions whose members have a device only where the options say so."""

type MemberFeature = tuple[MemberKey, Feature]


@dataclass(frozen=True, slots=True)
class NewFeature:
    """A member that begins to have a feature."""

    member: MemberKey
    device: dr.AnyDeviceEntry
    feature: Feature


type FeatureListener = Callable[[Collection[NewFeature], Collection[MemberFeature]], None]
"""Adds entities to a platform for what is new, and takes those away whose reason is gone."""


class DeviceManager:
    """The members with a device, for every platform alike.

    A member that is used gets one, unless it was deleted by hand: then it stays away until it is
    used again. Past the most that the options allow, those with a device keep it, then those get one
    that spent the most, before the set-up included, and the rest of the dimension is shown together in
    one device.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        opened: Snapshot,
        user_settings: UserSettings,
        registered: Registered,
    ) -> None:
        """Begin with the ledger as it was opened, before the first scrape, and with the registries as they were."""
        self.models = _models(entry.options)
        """What models are grouped by."""
        self.dimensions = _shown(entry.options)
        self.max_members: int = entry.options.get(CONF_MAX_MEMBERS, MAX_MEMBERS_DEFAULT)
        self.overflow: Mapping[Dimension, Collection[MemberKey]] = {}
        """Members without a device, of the dimensions that have too many."""
        self._hass = hass
        self._entry = entry
        self._user_settings = user_settings
        self._registered = registered.members
        self._dismissed: dict[MemberKey, Vector | None] = {
            key: _lifetime(opened, key) for key in user_settings.dismissed.difference(registered.members)
        }
        self._members: dict[MemberKey, Member] = {TOTAL: Member(*TOTAL, entry.title)}
        self._waiting: dict[Dimension, dict[MemberKey, None]] = {dimension: {} for dimension in self.dimensions}
        """Members without a device, in the order in which they were met."""
        self._moved: set[Dimension] = set(self._waiting)
        """Dimensions in which others wait than at the last selection."""
        self._met = 0
        """How many members of the ledger have been looked at."""
        self._folded = 0
        """How many of them the ledger has taken away since it was opened."""
        self._devices: dict[MemberKey, dr.AnyDeviceEntry] = {}
        self._features: dict[MemberFeature, None] = {}
        self._basis: tuple[object, ...] | None = None
        """What those were worked out from."""
        self.lock = Lock()
        """Held while it is decided who has a device, and while that is carried out."""
        self._remembered = {(member, MARKS[key]) for member, key in registered.entities if key in MARKS}
        """The features that members had before."""
        self._signal: SignalType[Collection[NewFeature], Collection[MemberFeature]] = SignalType(
            f"{DOMAIN}_{entry.entry_id}_features"
        )

    def __contains__(self, member: object) -> bool:
        """Whether a member has a device."""
        return member in self._members

    def has(self, member: MemberKey, feature: Feature) -> bool:
        """Whether a member that has a device has a feature now."""
        return (member, feature) in self._features

    def member(self, key: MemberKey) -> Member:
        """Return a member that has a device, with its name of today; KeyError for another."""
        return self._members[key]

    def device(self, key: MemberKey) -> dr.AnyDeviceEntry:
        """Return the device of a member, with its name of today; KeyError for a member without."""
        return dr.async_get(self._hass).async_get(self._devices[key].id) or self._devices[key]

    @property
    def members(self) -> Mapping[MemberKey, Member]:
        """The members that have a device, the proxy and those that are shown together included."""
        return self._members

    @callback
    def async_subscribe(self, listener: FeatureListener) -> CALLBACK_TYPE:
        """Have a platform add entities for the members to come; returns what ends that."""
        return async_dispatcher_connect(self._hass, self._signal, listener)

    @property
    def features(self) -> list[NewFeature]:
        """The features of the members of today."""
        return [NewFeature(key, self._devices[key], feature) for key, feature in self._features]

    @property
    def is_due(self) -> bool:
        """Whether somebody else may have a device, though the ledger says what it said at the last selection."""
        return bool(self._moved)

    def select(self, snapshot: Snapshot) -> None:
        """Decide who has a device: those who had one, then by all spend that is known, as many as may.

        On a thread, for there may be thousands; `lock` is held.
        """
        moved, self._moved = self._moved, set()
        if snapshot.folded != self._folded:
            self._forget_folded(snapshot, moved)
        # Others are only ever added, at the end.
        for key in islice(snapshot.members, self._met, None):
            if key not in self._members and key[0] in self._waiting and key[1] != OTHER:
                self._waiting[key[0]][key] = None
                moved.add(key[0])
        self._met = len(snapshot.members)
        overflow: dict[Dimension, Collection[MemberKey]] = {}
        # The event loop may be walking through those of today.
        members = dict(self._members)
        for dimension, waiting in self._waiting.items():
            if self._select(snapshot, dimension, members, moved):
                known = self.overflow.get(dimension, ())
                # Whoever holds it looks at all of them only where it is another one.
                overflow[dimension] = frozenset(waiting) if dimension in moved or not known else known
                members.setdefault((dimension, OTHER), Member(dimension, OTHER, OTHER))
        if members.keys() != self._members.keys():
            self._members = members
        self.overflow = overflow

    def _forget_folded(self, snapshot: Snapshot, moved: set[Dimension]) -> None:
        """Let those wait no more who are counted together with others now."""
        self._met -= snapshot.folded - self._folded
        self._folded = snapshot.folded
        for dimension, waiting in self._waiting.items():
            for key in [key for key in waiting if key not in snapshot.members]:
                del waiting[key]
                moved.add(dimension)

    def _select(
        self, snapshot: Snapshot, dimension: Dimension, members: dict[MemberKey, Member], moved: set[Dimension]
    ) -> bool:
        """Give those who wait the places among `members` that are free; return whether there were too few."""
        waiting = self._waiting[dimension]
        wanted = (key for key in waiting if not self._is_dismissed(snapshot, key))
        free = self.max_members - len(_shown_of(members, dimension))
        if free <= 0:
            return next(wanted, None) is not None
        ordered = list(wanted)
        if len(ordered) > free:
            ordered.sort(key=lambda key: (key not in self._registered, -snapshot.ever(key, "cost")))
        for key in ordered[:free]:
            members[key] = snapshot.members[key]
            del waiting[key]
            moved.add(dimension)
        return len(ordered) > free

    def shown(self, dimension: Dimension) -> list[MemberKey]:
        """Return the members of a dimension that have a device of their own."""
        return _shown_of(self._members, dimension)

    async def async_update(self, snapshot: Snapshot) -> None:
        """Register devices, rename them, have entities added for what is new and taken away for what is over.

        `lock` is held; hundreds may be new at once, so everyone else gets a turn in between.
        """
        basis = (self._members, snapshot.members, basis_of_features(snapshot, self._user_settings.limits))
        if basis == self._basis:
            return
        turn = LoopSlice()
        for key, known in [*self._members.items()]:
            member = snapshot.members.get(key, known)
            if key not in self._devices or member.name != known.name:
                self._devices[key] = async_register(self._hass, self._entry, member, self._devices.get(TOTAL))
                await turn.async_yield()
            self._members[key] = member
        features = dict.fromkeys(self._present(snapshot))
        newcomers = [one for one in features if one not in self._features]
        gone = [one for one in self._features if one[1] in TEMPORARY and one not in features]
        self._features = {one: None for one in self._features if one not in gone}
        self._restore({key for key, _ in newcomers} & self._dismissed.keys())
        if gone:
            async_dispatcher_send(self._hass, self._signal, (), gone)
        for key, of_member in groupby(newcomers, itemgetter(0)):
            new = [NewFeature(key, self._devices[key], feature) for _, feature in of_member]
            self._features |= {(key, one.feature): None for one in new}
            async_dispatcher_send(self._hass, self._signal, new, ())
            await turn.async_yield()
        self._basis = basis

    def _present(self, snapshot: Snapshot) -> Iterable[MemberFeature]:
        """Yield the features of all members with a device."""
        for key in self._members:
            for feature in present(key, snapshot, self._user_settings.limits):
                yield key, feature
        yield from (one for one in self._remembered if one[0] in self._members)

    @callback
    def async_remove_stale(self, snapshot: Snapshot) -> None:
        """Take away the devices of dimensions that are not shown any more, and of those past the most.

        A device whose member the ledger does not know stays: absence is not deletion.
        """
        for device in _devices(self._hass, self._entry):
            key = member_of_device(device)
            known = key in snapshot.members or key[1] == OTHER
            if key not in self._members and (known or key[0] not in self.dimensions):
                dr.async_get(self._hass).async_remove_device(device.id)

    async def async_dismiss(self, key: MemberKey, snapshot: Snapshot) -> None:
        """Let a member go that was deleted by hand, until it is used again."""
        async with self.lock:
            member = self._members.pop(key, None)
            if key[0] in self._waiting:
                self._moved.add(key[0])
                if member:
                    self._waiting[key[0]][key] = None
            self._devices.pop(key, None)
            self._features = {one: None for one in self._features if one[0] != key}
            self._remembered = {one for one in self._remembered if one[0] != key}
            self._dismissed[key] = _lifetime(snapshot, key)
        await self._user_settings.async_dismiss(key)

    def _restore(self, members: Collection[MemberKey]) -> None:
        """Forget that members were deleted: they are used again."""
        if members:
            self._dismissed = {key: used for key, used in self._dismissed.items() if key not in members}
            work = self._user_settings.async_restore(frozenset(members))
            self._entry.async_create_background_task(self._hass, work, f"{self._entry.title} - settings")

    def _is_dismissed(self, snapshot: Snapshot, key: MemberKey) -> bool:
        """Whether a member was deleted and has not been used since."""
        return key in self._dismissed and self._dismissed[key] == _lifetime(snapshot, key)


@callback
def async_leaving(
    hass: HomeAssistant, entry: ConfigEntry, options: Mapping[str, Any], snapshot: Snapshot
) -> list[dr.AnyDeviceEntry]:
    """Return the devices that go with new options: of dimensions not shown any more, and those past the most."""
    shown = _shown(options)
    devices: dict[Dimension, list[tuple[float, dr.AnyDeviceEntry]]] = {}
    leaving: list[dr.AnyDeviceEntry] = []
    for device in _devices(hass, entry):
        key = member_of_device(device)
        if key[0] not in {Dimension.TOTAL, *shown}:
            leaving.append(device)
        elif key in snapshot.members:
            devices.setdefault(key[0], []).append((snapshot.ever(key, "cost"), device))
    most = options.get(CONF_MAX_MEMBERS, MAX_MEMBERS_DEFAULT)
    for ranked in devices.values():
        leaving += [device for _, device in sorted(ranked, key=lambda one: -one[0])[most:]]
    return leaving


def _shown_of(members: Iterable[MemberKey], dimension: Dimension) -> list[MemberKey]:
    """Return those of a dimension that are shown by themselves."""
    return [key for key in members if key[0] is dimension and key[1] != OTHER]


def _shown(options: Mapping[str, Any]) -> set[Dimension]:
    """Return the dimensions whose members have devices."""
    chosen = options.get(CONF_DIMENSIONS, ())
    return {_models(options), *(one for one in OPTIONAL if one in chosen)}


def _models(options: Mapping[str, Any]) -> Dimension:
    """Return what models are grouped by; a newer release may know another way."""
    return next((one for one in MODELS if one == options.get(CONF_GROUP_MODELS_BY)), Dimension.MODEL)


def _devices(hass: HomeAssistant, entry: ConfigEntry) -> Iterable[dr.AnyDeviceEntry]:
    """Return the devices of an entry."""
    return dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)


def _lifetime(snapshot: Snapshot, key: MemberKey) -> Vector | None:
    """Return what a member has used so far."""
    usage = snapshot.usage.get(key)
    return usage.lifetime if usage else None
