"""Which entities the integration's triggers and conditions mean, and what they tell an automation of them."""

from collections.abc import Collection, Mapping
from typing import Any, Final

import voluptuous as vol
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.target import TargetSelection
from homeassistant.helpers.translation import async_translate_state
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN, USD
from .devices import name_of
from .features import LIMITS
from .identifiers import known_entities
from .localize import dollars, number

CONF_PERIOD: Final = "period"
PERIODS: Final = ("day", "week", "month")
# voluptuous is another package's name for probatio in newer releases: its types do not match.
PERIOD: Final[dict[Any, Any]] = {vol.Required(CONF_PERIOD, default=PERIODS[0]): vol.In(PERIODS)}

SENSORS: Final[Mapping[str, DomainSpec]] = {Platform.SENSOR: DomainSpec()}
BINARY_SENSORS: Final[Mapping[str, DomainSpec]] = {Platform.BINARY_SENSOR: DomainSpec()}
EVENTS: Final[Mapping[str, DomainSpec]] = {Platform.EVENT: DomainSpec()}

AMOUNTS: Final = frozenset(
    {*(f"spend_{span}" for span in (*PERIODS, "lifetime", "yesterday", "last_month", "forecast")), "budget_remaining"}
)
"""Keys of the sensors that tell an amount of money."""
USED: Final = frozenset({"budget_used", *(f"limit_used_{window}" for window in LIMITS)})
"""Keys of the sensors that tell how many percent of a limit or budget are used."""
USED_UP: Final = frozenset({"budget_used_up", *(f"limit_reached_{window}" for window in LIMITS)})
"""Keys of the binary sensors that tell that nothing is left."""


def of_integration(hass: HomeAssistant, entities: Collection[str], keys: Collection[str]) -> set[str]:
    """Return the integration's entities of descriptions with these keys."""
    registered = filter(None, map(er.async_get(hass).async_get, entities))
    ours = (entity for entity in registered if entity.platform == DOMAIN)
    return {entity.entity_id for entity, _, key in known_entities(ours) if key in keys}


def named_amounts(hass: HomeAssistant, entities: set[str], target: ConfigType) -> set[str]:
    """Return those of the entities that tell an amount and that a target names, rather than their device or area.

    Whoever picks "Spend this month" does not mean today, whatever else the period says.
    """
    return of_integration(hass, entities & TargetSelection(target).entity_ids, AMOUNTS)


def told(hass: HomeAssistant, state: State) -> dict[str, str]:
    """Return what a trigger tells: `name`, whose entity it is, `value` with its unit, and `message`, a sentence."""
    entity = er.async_get(hass).async_get(state.entity_id)
    device = dr.async_get(hass).async_get(entity.device_id) if entity and entity.device_id else None
    value = _shown(hass, state)
    # "Daily limit reached" is a sentence.
    problem = entity is not None and entity.translation_key in USED_UP
    return {
        "name": name_of(device) if device else state.name,
        "value": value,
        "message": str(state.attributes.get("message") or (state.name if problem else f"{state.name}: {value}")),
    }


def _shown(hass: HomeAssistant, state: State) -> str:
    """Return a state as people write it."""
    unit, device_class = state.attributes.get("unit_of_measurement"), state.attributes.get("device_class")
    if unit == USD:
        return dollars(hass, float(state.state))
    if unit:
        return f"{number(hass, float(state.state))} {unit}"
    return async_translate_state(hass, state.state, state.domain, DOMAIN, None, device_class)
