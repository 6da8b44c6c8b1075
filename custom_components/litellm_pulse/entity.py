"""The base of every entity: what it shows, of whom, and when it writes its state."""

from asyncio import Semaphore, sleep
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import batched
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import (
    AddConfigEntryEntitiesCallback,
    EntityPlatform,
    async_get_current_platform,
)
from homeassistant.util import slugify

from .const import CONF_CURRENCY, CONF_HISTORY_IDENTITY, CONF_MEMBER_FIGURES, CONF_PERFORMANCE, DOMAIN
from .coordinator import LiteLLMPulseConfigEntry, LiteLLMPulseCoordinator
from .core.catalog import Dimension
from .data import PulseData
from .device_manager import MemberFeature, NewFeature
from .devices import private_name
from .features import TEMPORARY, Feature
from .identifiers import entity_unique_id, member_and_key
from .loop_slice import LoopSlice

HISTORY = "history"
"""The figure that is there once a source of history was chosen."""

_FEATURES_AT_ONCE: Final = 8
"""Features of members whose entities are added in one go: some milliseconds."""

ON_PROXY = frozenset({Dimension.TOTAL})
ON_MEMBERS = frozenset(Dimension) - ON_PROXY
ON_MODELS = frozenset({Dimension.MODEL, Dimension.PUBLIC_MODEL})


@dataclass(frozen=True, kw_only=True)
class PulseDescription(EntityDescription):
    """What an entity shows, on whose device, and what its value rests on."""

    dimensions: frozenset[Dimension]
    """Whose members have it."""
    feature: Feature = Feature.USAGE
    figure: str | None = None
    """One that is only there where the options say so."""
    metric: str | None = None
    """Friendly name: unavailable while the proxy does not publish it."""
    live: bool = False
    """True of the moment of the scrape only: unavailable when the last scrape failed.

    All else is the ledger's, and stays true while the proxy is down.
    """


class PulseEntity(Entity):
    """Shows one figure of one member, and writes its state only when what it shows has changed."""

    entity_description: PulseDescription

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, coordinator: LiteLLMPulseCoordinator, new: NewFeature, description: PulseDescription) -> None:
        """Name the entity by entry, dimension and id: a renamed member stays the same entity."""
        self.entity_description = description
        self.member = new.member
        self.coordinator = coordinator
        # Registered once for all entities of a member: one by one it takes half of the set-up.
        self.device_entry = new.device
        self._attr_unique_id = entity_unique_id(coordinator.config_entry.entry_id, new.member, description.key)
        self._written: tuple[object, ...] = ()

    @override
    @callback
    def add_to_platform_start(
        self, hass: HomeAssistant, platform: EntityPlatform, parallel_updates: Semaphore | None
    ) -> None:
        """Suggest an id where the one that Home Assistant makes of the names would hold an e-mail address."""
        super().add_to_platform_start(hass, platform, parallel_updates)
        member = self.coordinator.config_entry.runtime_data.device_manager.member(self.member)
        if self.device_entry and (name := private_name(self.device_entry, member)):
            self.entity_id = f"{platform.domain}.{slugify(f'{name} {self.suggested_object_id}')}"

    @property
    def data(self) -> PulseData:
        """What is known."""
        return self.coordinator.data

    @property
    @override
    def available(self) -> bool:
        """Whether what it shows is known."""
        description, data = self.entity_description, self.data
        published = description.metric is None or description.metric in data.snapshot.published
        return published and (data.connected or not description.live)

    def shown(self) -> tuple[object, ...]:
        """Return everything in the state that can change."""
        raise NotImplementedError

    @override
    async def async_added_to_hass(self) -> None:
        """Begin to follow the member; Home Assistant writes the first state itself."""
        await super().async_added_to_hass()
        self._written = self.shown()
        dispatcher = self.coordinator.config_entry.runtime_data.dispatcher
        self.async_on_remove(dispatcher.async_subscribe(self.member, self._async_update_state))

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Let everyone else have a turn: an entry that is unloaded may have ten thousand entities."""
        await super().async_will_remove_from_hass()
        entry = self.coordinator.config_entry
        if entry.state is ConfigEntryState.UNLOAD_IN_PROGRESS:
            await entry.runtime_data.dispatcher.removing.async_yield()

    async def async_update(self) -> None:
        """Scrape now, because somebody called `homeassistant.update_entity`."""
        await self.coordinator.async_request_refresh()

    @callback
    def _async_update_state(self) -> None:
        """Write the state if it is another one."""
        shown = self.shown()
        if shown != self._written:
            self._written = shown
            self.async_write_ha_state()


def _chosen_figures(options: Mapping[str, Any]) -> set[str]:
    """Return what has entities because an option asks for it."""
    found = {*options.get(CONF_MEMBER_FIGURES, ()), *options.get(CONF_PERFORMANCE, ())}
    if options.get(CONF_CURRENCY):
        found.add(CONF_CURRENCY)
    if CONF_HISTORY_IDENTITY in options:
        found.add(HISTORY)
    return found


async def async_add_described[D: PulseDescription](
    entry: LiteLLMPulseConfigEntry,
    add: AddConfigEntryEntitiesCallback,
    entity: Callable[[LiteLLMPulseCoordinator, NewFeature, D], PulseEntity],
    descriptions: Collection[D],
) -> None:
    """Keep a platform's entities as described: for every member with a device, also for those that come later.

    There may be ten thousand of them, so everyone else gets a turn in between.
    """
    runtime = entry.runtime_data
    manager = runtime.device_manager
    registry = er.async_get(runtime.coordinator.hass)
    platform = async_get_current_platform()
    chosen = _chosen_figures(entry.options)
    wanted = [one for one in descriptions if one.figure is None or one.figure in chosen]

    @callback
    def async_update(new: Collection[NewFeature], gone: Collection[MemberFeature]) -> None:
        if entry.state is ConfigEntryState.UNLOAD_IN_PROGRESS:
            return
        for (dimension, member), feature in gone:
            for description in wanted:
                if description.feature is feature and dimension in description.dimensions:
                    unique_id = entity_unique_id(entry.entry_id, (dimension, member), description.key)
                    if entity_id := registry.async_get_entity_id(platform.domain, DOMAIN, unique_id):
                        registry.async_remove(entity_id)
        add(
            [
                entity(runtime.coordinator, one, description)
                for one in new
                for description in wanted
                if description.feature is one.feature and one.member[0] in description.dimensions
            ],
        )

    # The platforms of an entry are set up in one turn until the first of them waits for something.
    await sleep(0)
    turn = LoopSlice()
    await _async_remove_others(entry, platform.domain, wanted, turn)
    entry.async_on_unload(manager.async_subscribe(async_update))
    for features in batched(manager.features, _FEATURES_AT_ONCE, strict=False):
        async_update(features, ())
        await turn.async_yield()


async def _async_remove_others(
    entry: LiteLLMPulseConfigEntry, domain: str, wanted: Collection[PulseDescription], turn: LoopSlice
) -> None:
    """Take the entities of a platform away that are not described any more, or whose reason is gone."""
    manager = entry.runtime_data.device_manager
    registry = er.async_get(entry.runtime_data.coordinator.hass)
    known = {(dimension, one.key): one.feature for one in wanted for dimension in one.dimensions}
    for registered in er.async_entries_for_config_entry(registry, entry.entry_id):
        if registered.domain == domain:
            member, key = member_and_key(registered.unique_id)
            feature = known.get((member[0], key))
            over = feature in TEMPORARY and member in manager and not manager.has(member, feature)
            if (feature is None or over) and registry.async_get(registered.entity_id):
                registry.async_remove(registered.entity_id)
            await turn.async_yield()
