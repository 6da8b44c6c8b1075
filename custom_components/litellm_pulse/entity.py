"""The base of every entity: what it shows, of whom, and when it writes its state."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import override

from homeassistant.core import callback
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import LiteLLMPulseConfigEntry, LiteLLMPulseCoordinator
from .core.catalog import Dimension
from .data import PulseData
from .device_manager import Feature, NewFeature
from .identifiers import entity_unique_id

ON_PROXY = frozenset({Dimension.TOTAL})
ON_MEMBERS = frozenset(Dimension) - ON_PROXY
ON_MODELS = frozenset({Dimension.MODEL, Dimension.PUBLIC_MODEL})


@dataclass(frozen=True, kw_only=True)
class PulseDescription(EntityDescription):
    """What an entity shows, on whose device, and what its value rests on."""

    dimensions: frozenset[Dimension]
    """Whose members have it."""
    feature: Feature = Feature.USAGE
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


@callback
def async_add_described[D: PulseDescription](
    entry: LiteLLMPulseConfigEntry,
    add: AddConfigEntryEntitiesCallback,
    entity: Callable[[LiteLLMPulseCoordinator, NewFeature, D], Entity],
    descriptions: Iterable[D],
) -> None:
    """Add a platform's entities, as described, for every member with a device, and for those that come later."""
    runtime = entry.runtime_data

    @callback
    def async_add(features: Collection[NewFeature]) -> None:
        add(
            [
                entity(runtime.coordinator, new, description)
                for new in features
                for description in descriptions
                if description.feature is new.feature and new.member[0] in description.dimensions
            ],
        )

    entry.async_on_unload(runtime.device_manager.async_subscribe(async_add))
