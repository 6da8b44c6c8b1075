"""Conditions of the integration, as the automation editor offers them for a device, an area or an entity."""

from collections.abc import Collection
from typing import Final, override

import voluptuous as vol
from homeassistant.const import CONF_OPTIONS, PERCENTAGE, STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant
from homeassistant.helpers.condition import (
    NUMERICAL_CONDITION_SCHEMA,
    Condition,
    ConditionConfig,
    EntityConditionBase,
    EntityNumericalConditionBase,
    EntityStateConditionBase,
)

from .automation_targets import (
    BINARY_SENSORS,
    CONF_PERIOD,
    PERIOD,
    SENSORS,
    USED,
    USED_UP,
    named_amounts,
    of_integration,
)
from .const import USD

_ON: Final[set[str | bool]] = {STATE_ON}
_OFF: Final[set[str | bool]] = {STATE_OFF}


class PulseCondition(EntityConditionBase):
    """A condition on entities of the integration."""

    _keys: Collection[str]
    """Keys of the descriptions of the entities that it tests."""

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Return the entities that it tests."""
        return of_integration(self._hass, super().entity_filter(entities), self._keys)


class Spend(PulseCondition, EntityNumericalConditionBase):
    """The spend of today, this week or this month is above or below an amount."""

    _domain_specs = SENSORS
    _valid_unit = USD
    _schema = NUMERICAL_CONDITION_SCHEMA.extend({vol.Required(CONF_OPTIONS): PERIOD})

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        """Test the spend of the period."""
        super().__init__(hass, config)
        self._keys = {f"spend_{(config.options or {})[CONF_PERIOD]}"}

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Return the spend of the period, and whatever amount the target itself names."""
        return super().entity_filter(entities) | named_amounts(self._hass, entities, self._target)


class Used(PulseCondition, EntityNumericalConditionBase):
    """So many percent of a limit or a budget are used."""

    _domain_specs = SENSORS
    _valid_unit = PERCENTAGE
    _keys = USED


class UsedUp(PulseCondition, EntityStateConditionBase):
    """A limit is reached or a budget used up."""

    _domain_specs = BINARY_SENSORS
    _keys = USED_UP
    _states = _ON


class UnusualSpend(PulseCondition, EntityStateConditionBase):
    """The spend of this hour is unusual."""

    _domain_specs = BINARY_SENSORS
    _keys = ("unusual_spend",)
    _states = _ON


class IsConnected(PulseCondition, EntityStateConditionBase):
    """A proxy answers."""

    _domain_specs = BINARY_SENSORS
    _keys = ("connected",)
    _states = _ON
    _primary_entities_only = False


class IsDisconnected(IsConnected):
    """A proxy does not answer."""

    _states = _OFF


CONDITIONS: dict[str, type[Condition]] = {
    "is_spend": Spend,
    "is_used": Used,
    "is_used_up": UsedUp,
    "is_spend_unusual": UnusualSpend,
    "is_connected": IsConnected,
    "is_disconnected": IsDisconnected,
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:  # noqa: ARG001
    """Return the conditions."""
    return CONDITIONS
