"""What happened, as one event entity per proxy: automations listen to it with the trigger "event received"."""

from dataclasses import dataclass
from typing import Final, override

from homeassistant.components.event import EventEntity, EventEntityDescription, EventExtraStoredData
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import LiteLLMPulseConfigEntry
from .core.query.parameters import PERSONAL
from .entity import ON_PROXY, PulseDescription, PulseEntity, async_add_described
from .events import EventType, PulseEvent, event_signal

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class PulseEventDescription(PulseDescription, EventEntityDescription):
    """An event entity."""


DESCRIPTIONS: Final = (
    PulseEventDescription(key="events", translation_key="events", dimensions=ON_PROXY, event_types=list(EventType)),
)


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001
    entry: LiteLLMPulseConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the event entity."""
    await async_add_described(entry, async_add_entities, PulseEventEntity, DESCRIPTIONS)


class PulseEventEntity(PulseEntity, EventEntity):
    """The last thing that happened."""

    entity_description: PulseEventDescription

    @override
    async def async_added_to_hass(self) -> None:
        """Begin to listen."""
        await super().async_added_to_hass()
        signal = event_signal(self.coordinator.config_entry.entry_id)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self._async_show))

    @override
    async def async_get_last_event_data(self) -> EventExtraStoredData | None:
        """Return what happened last; not to a person where that kind is not shown any more."""
        last = await super().async_get_last_event_data()
        dimension = (last.last_event_attributes or {}).get("dimension") if last else None
        shown = self.coordinator.config_entry.runtime_data.device_manager.dimensions
        return None if dimension in PERSONAL - shown else last

    @override
    def shown(self) -> tuple[object, ...]:
        """Return nothing: an event is received, not watched."""
        return ()

    @callback
    def _async_show(self, event: PulseEvent) -> None:
        """Show what happened."""
        if event.context:
            self.async_set_context(event.context)
        self._trigger_event(event.type, event.data)
        self.async_write_ha_state()
