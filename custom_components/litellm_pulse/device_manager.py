"""Which members have a device, and which entities on it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_connect, async_dispatcher_send
from homeassistant.util.signal_type import SignalType

from .const import CONF_DIMENSIONS, CONF_GROUP_MODELS_BY, CONF_MAX_MEMBERS, DOMAIN, MAX_MEMBERS_DEFAULT
from .core.catalog import Dimension
from .core.models import OTHER, TOTAL, Member, MemberKey, Snapshot, Vector, Window
from .devices import async_register
from .identifiers import member_and_key, member_of_device
from .user_settings import UserSettings

MODELS: Final = (Dimension.MODEL, Dimension.PUBLIC_MODEL)
OPTIONAL: Final = tuple(one for one in Dimension if one not in {Dimension.TOTAL, *MODELS})
"""Dimensions whose members have a device only where the options say so."""

_PLURALS: Final = {Dimension.PUBLIC_MODEL: "models", Dimension.METADATA: "metadata"}


class Feature(Enum):
    """A reason for entities: what every member has, and what only some have."""

    USAGE = auto()
    BUDGET = auto()
    HEALTH = auto()


_MARKS: Final = {"budget_remaining": Feature.BUDGET, "deployment_health": Feature.HEALTH}
"""Key of an entity that tells that the member had this feature before."""


@dataclass(frozen=True, slots=True)
class NewFeature:
    """A member that begins to have a feature."""

    member: MemberKey
    device: dr.AnyDeviceEntry
    feature: Feature


type NewFeatureListener = Callable[[Collection[NewFeature]], None]
"""Adds entities to a platform."""


class DeviceManager:
    """The members with a device, for every platform alike.

    A member that is used gets one, unless it was deleted by hand: then it stays away until it is
    used again. Past the most that the options allow, those with a device keep it, then those with
    the highest lifetime spend get one, and the rest of the dimension is shown together in one device.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, opened: Snapshot, user_settings: UserSettings) -> None:
        """Begin with the ledger as it was opened, before the first scrape."""
        self.models = Dimension(entry.options.get(CONF_GROUP_MODELS_BY, Dimension.MODEL))
        """What models are grouped by."""
        self.dimensions = {self.models, *map(Dimension, entry.options.get(CONF_DIMENSIONS, ()))}
        self.max_members: int = entry.options.get(CONF_MAX_MEMBERS, MAX_MEMBERS_DEFAULT)
        self.overflow: Mapping[Dimension, Collection[MemberKey]] = {}
        """Members without a device, of the dimensions that have too many."""
        self._hass = hass
        self._entry = entry
        self._user_settings = user_settings
        self._registered = {member_of_device(device) for device in _devices(hass, entry)}
        self._dismissed: dict[MemberKey, Vector | None] = {
            key: _lifetime(opened, key) for key in user_settings.dismissed - self._registered
        }
        self._members: dict[MemberKey, Member] = {TOTAL: Member(*TOTAL, entry.title)}
        self._devices: dict[MemberKey, dr.AnyDeviceEntry] = {}
        self._features: dict[tuple[MemberKey, Feature], None] = {}
        self._remembered = _remembered(hass, entry)
        self._signal: SignalType[Collection[NewFeature]] = SignalType(f"{DOMAIN}_{entry.entry_id}_features")

    def __contains__(self, member: object) -> bool:
        """Whether a member has a device."""
        return member in self._members

    @callback
    def async_subscribe(self, listener: NewFeatureListener) -> CALLBACK_TYPE:
        """Have a platform add entities for the members of today and those to come; returns what ends that."""
        listener([NewFeature(key, self._devices[key], feature) for key, feature in self._features])
        return async_dispatcher_connect(self._hass, self._signal, listener)

    @callback
    def async_select(self, snapshot: Snapshot) -> Mapping[Dimension, Collection[MemberKey]]:
        """Decide who has a device: those who had one, then by lifetime spend, as many as may.

        Returns those without one, per dimension that has too many.
        """
        waiting: dict[Dimension, list[MemberKey]] = {dimension: [] for dimension in self.dimensions}
        for key in snapshot.members:
            if key not in self._members and key[0] in waiting:
                waiting[key[0]].append(key)
        self.overflow = {
            dimension: rest for dimension, keys in waiting.items() if (rest := self._select(snapshot, dimension, keys))
        }
        return self.overflow

    def _select(self, snapshot: Snapshot, dimension: Dimension, waiting: Collection[MemberKey]) -> list[MemberKey]:
        """Give those who wait the places that are free; return for whom there was none, if any."""
        wanted = [key for key in waiting if not self._is_dismissed(snapshot, key)]
        free = self.max_members - sum(one == dimension and key != OTHER for one, key in self._members)
        if len(wanted) > free:
            wanted.sort(key=lambda key: (key not in self._registered, -snapshot.value(key, Window.LIFETIME, "cost")))
        selected = wanted[:free]
        self._members |= {key: snapshot.members[key] for key in selected}
        other = dimension, OTHER
        if len(wanted) == len(selected):
            return []
        self._members.setdefault(other, Member(*other, f"Other {_PLURALS.get(dimension, f'{dimension}s')}"))
        return [key for key in waiting if key not in self._members]

    @callback
    def async_update(self, snapshot: Snapshot) -> None:
        """Register devices, rename them, and have entities added for what is new."""
        for key, known in self._members.items():
            member = snapshot.members.get(key, known)
            if key not in self._devices:
                self._devices[key] = async_register(self._hass, self._entry, member, self._devices.get(TOTAL))
            elif member.name != known.name:
                dr.async_get(self._hass).async_update_device(self._devices[key].id, name=member.name)
            self._members[key] = member
        newcomers = [one for one in self._present(snapshot) if one not in self._features]
        self._features |= dict.fromkeys(newcomers)
        if newcomers:
            self._restore({key for key, _ in newcomers} & self._dismissed.keys())
            features = [NewFeature(key, self._devices[key], feature) for key, feature in newcomers]
            async_dispatcher_send(self._hass, self._signal, features)

    def _present(self, snapshot: Snapshot) -> Iterable[tuple[MemberKey, Feature]]:
        """Yield the facets of all members with a device."""
        for key in self._members:
            yield key, Feature.USAGE
            if key in snapshot.budgets or (key, Feature.BUDGET) in self._remembered:
                yield key, Feature.BUDGET
            if (key[0] is Dimension.MODEL and key[1] in snapshot.health) or (key, Feature.HEALTH) in self._remembered:
                yield key, Feature.HEALTH

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
        self._members.pop(key, None)
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


def _devices(hass: HomeAssistant, entry: ConfigEntry) -> Iterable[dr.AnyDeviceEntry]:
    """Return the devices of an entry."""
    return dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)


def _remembered(hass: HomeAssistant, entry: ConfigEntry) -> set[tuple[MemberKey, Feature]]:
    """Return the facets that members had before: a proxy tells a budget only once it is used."""
    found: set[tuple[MemberKey, Feature]] = set()
    for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id):
        member, key = member_and_key(entity.unique_id)
        if key in _MARKS:
            found.add((member, _MARKS[key]))
    return found


def _lifetime(snapshot: Snapshot, key: MemberKey) -> Vector | None:
    """Return what a member has used so far."""
    usage = snapshot.usage.get(key)
    return usage.lifetime if usage else None
