"""What was spent and used, per window, of the proxy and of each member; budgets, limits, diagnostics."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, override

from homeassistant.components.sensor import SensorEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_CURRENCY, USD, USD_PER_HOUR
from .coordinator import LiteLLMPulseConfigEntry, LiteLLMPulseCoordinator
from .descriptions import DESCRIPTIONS, PARTS, Attribute, PulseSensorDescription, Value
from .device_manager import NewFeature
from .entity import PulseEntity, async_add_described
from .localize import WHOLE_FROM

PARALLEL_UPDATES = 0

_CENTS: Final = 0.1
"""Dollars from which on two decimals tell enough."""
_MILLS: Final = 0.001
"""Dollars from which on four do."""


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001
    entry: LiteLLMPulseConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors."""
    await async_add_described(entry, async_add_entities, PulseSensor, DESCRIPTIONS)


class PulseSensor(PulseEntity, SensorEntity):
    """One figure of the proxy or of one member."""

    entity_description: PulseSensorDescription

    _unrecorded_attributes = frozenset({PARTS})

    def __init__(
        self, coordinator: LiteLLMPulseCoordinator, new: NewFeature, description: PulseSensorDescription
    ) -> None:
        """Begin with as many decimals as the amount of now needs."""
        super().__init__(coordinator, new, description)
        self._is_money = description.native_unit_of_measurement in {USD, USD_PER_HOUR}
        if description.figure == CONF_CURRENCY:
            currency = coordinator.config_entry.options[CONF_CURRENCY]
            self._attr_native_unit_of_measurement = currency
            self._attr_translation_placeholders = {"currency": currency}
            self._is_money = True
        self._attr_suggested_display_precision = description.suggested_display_precision
        self._follow_amount()

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

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Attribute] | None:
        """What else there is to say."""
        attributes_fn = self.entity_description.attributes_fn
        return attributes_fn(self.data, self.member) if attributes_fn else None

    @override
    def shown(self) -> tuple[object, ...]:
        """Return all of it."""
        if self._follow_amount() and self.registry_entry:
            # Has Home Assistant keep the number of decimals where the user has not chosen one.
            self.async_registry_entry_updated()
        return self.available, self.native_value, self.last_reset, self.extra_state_attributes

    def _follow_amount(self) -> bool:
        """Take as many decimals as an amount of money needs; return whether that is another number."""
        value = self.native_value if self._is_money else None
        known = self._attr_suggested_display_precision
        if not isinstance(value, float) or known is None or (needed := _decimals(value, known)) == known:
            return False
        self._attr_suggested_display_precision = needed
        return True


def _decimals(dollars: float, known: int) -> int:
    """Return how many decimals show an amount: below a cent more than two, as before until it is a dollar."""
    amount = abs(dollars)
    if amount >= WHOLE_FROM:
        return 0
    if amount >= 1:
        return 2
    if not amount:
        return max(known, 2)
    return max(known, 2 if amount >= _CENTS else 4 if amount >= _MILLS else 6)
