"""Triggers of the integration, as the automation editor offers them for a device, an area or an entity.

Each tells an automation, besides what every trigger tells, `trigger.message`, `trigger.name` and `trigger.value`.
"""

from asyncio import Task
from collections.abc import Collection
from typing import Any, ClassVar, Final, override

import voluptuous as vol
from homeassistant.const import CONF_OPTIONS, PERCENTAGE, STATE_OFF, STATE_ON
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, State
from homeassistant.helpers.trigger import (
    NUMERICAL_ATTRIBUTE_CROSSED_THRESHOLD_SCHEMA,
    EntityNumericalStateCrossedThresholdTriggerBase,
    EntityTargetStateTriggerBase,
    EntityTriggerBase,
    NotTriggeredReasonReporter,
    StatelessEntityTriggerBase,
    Trigger,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)

from .automation_targets import (
    BINARY_SENSORS,
    CONF_PERIOD,
    EVENTS,
    PERIOD,
    SENSORS,
    USED,
    USED_UP,
    named_amounts,
    of_integration,
    told,
)
from .const import USD
from .events import EventType

_ON: Final[set[str]] = {STATE_ON}
_OFF: Final[set[str]] = {STATE_OFF}


class PulseTrigger(EntityTriggerBase):
    """A trigger on entities of the integration that tells whose they are."""

    _keys: Collection[str]
    """Keys of the descriptions of the entities that it watches."""

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Return the entities that it watches."""
        return of_integration(self._hass, super().entity_filter(entities), self._keys)

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Run the action with what there is to tell besides."""

        def run(extra_trigger_payload: dict[str, Any], description: str, context: Context | None = None) -> Task[Any]:
            payload = extra_trigger_payload | told(self._hass, extra_trigger_payload["to_state"])
            return run_action(payload, description, context)

        return await super().async_attach_runner(run, did_not_trigger)


class SpendCrossedThreshold(PulseTrigger, EntityNumericalStateCrossedThresholdTriggerBase):
    """The spend of today, this week or this month gets above or below an amount."""

    _domain_specs = SENSORS
    _valid_unit = USD
    _schema = NUMERICAL_ATTRIBUTE_CROSSED_THRESHOLD_SCHEMA.extend({vol.Required(CONF_OPTIONS): PERIOD})

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Watch the spend of the period."""
        super().__init__(hass, config)
        self._keys = {f"spend_{self._options[CONF_PERIOD]}"}

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Return the spend of the period, and whatever amount the target itself names."""
        return super().entity_filter(entities) | named_amounts(self._hass, entities, self._target)


class UsedCrossedThreshold(PulseTrigger, EntityNumericalStateCrossedThresholdTriggerBase):
    """So many percent of a limit or a budget are used."""

    _domain_specs = SENSORS
    _valid_unit = PERCENTAGE
    _keys = USED


class UsedUp(PulseTrigger, EntityTargetStateTriggerBase):
    """A limit is reached or a budget used up."""

    _domain_specs = BINARY_SENSORS
    _keys = USED_UP
    _to_states = _ON


class Disconnected(PulseTrigger, EntityTargetStateTriggerBase):
    """A proxy stops to answer."""

    _domain_specs = BINARY_SENSORS
    _keys = ("connected",)
    _to_states = _OFF
    _primary_entities_only = False


class Connected(Disconnected):
    """A proxy answers again."""

    _to_states = _ON


class Happened(PulseTrigger, StatelessEntityTriggerBase):
    """Something happened to a proxy."""

    _domain_specs = EVENTS
    _keys = ("events",)
    _type: ClassVar[EventType]

    @override
    def is_valid_state(self, state: State, report_not_triggered: NotTriggeredReasonReporter) -> bool:
        """Whether it is what happened."""
        return state.attributes.get("event_type") == self._type


class NewModel(Happened):
    """A model is used for the first time."""

    _type = EventType.NEW_MODEL


class UnusualSpend(Happened):
    """The spend of this hour is unusual."""

    _type = EventType.UNUSUAL_SPEND


class ProxyRestarted(Happened):
    """A proxy was restarted."""

    _type = EventType.PROXY_RESTARTED


TRIGGERS: dict[str, type[Trigger]] = {
    "spend_crossed_threshold": SpendCrossedThreshold,
    "used_crossed_threshold": UsedCrossedThreshold,
    "used_up": UsedUp,
    "unusual_spend": UnusualSpend,
    "new_model": NewModel,
    "disconnected": Disconnected,
    "connected": Connected,
    "restarted": ProxyRestarted,
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:  # noqa: ARG001
    """Return the triggers."""
    return TRIGGERS
