"""What was spent and used, per window, of the proxy and of each member; budgets, limits, diagnostics."""

from datetime import datetime
from typing import override

from homeassistant.components.sensor import SensorEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import LiteLLMPulseConfigEntry
from .descriptions import DESCRIPTIONS, PulseSensorDescription, Value
from .entity import PulseEntity, async_add_described

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001
    entry: LiteLLMPulseConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors."""
    async_add_described(entry, async_add_entities, PulseSensor, DESCRIPTIONS)


class PulseSensor(PulseEntity, SensorEntity):
    """One figure of the proxy or of one member."""

    entity_description: PulseSensorDescription

    @property
    @override
    def native_value(self) -> Value:
        """The figure."""
        return self.entity_description.value_fn(self.data, self.member)

    @property
    @override
    def last_reset(self) -> datetime | None:
        """When the figure was last 0; never, for what counts on."""
        window = self.entity_description.window
        return self.data.snapshot.window_starts.get(window) if window else None

    @override
    def shown(self) -> tuple[object, ...]:
        """Return all of it."""
        return self.available, self.native_value, self.last_reset
