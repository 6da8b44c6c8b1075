"""What happened, as one event entity per proxy: automations listen to it with the trigger "event received"."""

from dataclasses import dataclass
from typing import Final, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import LiteLLMPulseConfigEntry
from .entity import ON_PROXY, PulseDescription, PulseEntity, async_follow
from .happenings import Happening, Kind

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class PulseEventDescription(PulseDescription, EventEntityDescription):
    """An event entity."""


DESCRIPTIONS: Final = (
    PulseEventDescription(key="events", translation_key="events", dimensions=ON_PROXY, event_types=list(Kind)),
)


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001
    entry: LiteLLMPulseConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the event entity."""
    async_follow(entry, async_add_entities, PulseEvent, DESCRIPTIONS)


class PulseEvent(PulseEntity, EventEntity):
    """The last thing that happened."""

    entity_description: PulseEventDescription

    @override
    async def async_added_to_hass(self) -> None:
        """Begin to listen; what happened in the first scrape is told once the entity is there."""
        await super().async_added_to_hass()
        self.async_on_remove(self.scrapes.herald.listen(self._async_hear))

    @override
    def shown(self) -> tuple[object, ...]:
        """Return nothing: an event is told, not watched."""
        return ()

    @callback
    def _async_hear(self, happening: Happening) -> None:
        """Show what happened."""
        self._trigger_event(happening.kind, happening.details)
        self.async_write_ha_state()
