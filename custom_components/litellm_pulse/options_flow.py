"""The options: what is shown, and how often it is asked for. None of them changes a total."""

from typing import Any, Final

import voluptuous as vol
from homeassistant.config_entries import ConfigFlowResult, OptionsFlowWithReload
from homeassistant.const import UnitOfTime
from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)

from .const import (
    CONF_DIMENSIONS,
    CONF_GROUP_MODELS_BY,
    CONF_MAX_MEMBERS,
    CONF_SCAN_INTERVAL,
    CONF_UNUSUAL_THRESHOLD,
    MAX_MEMBERS_DEFAULT,
    MAX_MEMBERS_MAX,
    SCAN_INTERVAL_DEFAULT,
    SCAN_INTERVAL_MAX,
    SCAN_INTERVAL_MIN,
    UNUSUAL_THRESHOLD_DEFAULT,
    UNUSUAL_THRESHOLD_MAX,
    UNUSUAL_THRESHOLD_MIN,
)
from .device_manager import MODELS, OPTIONAL


def _number(low: float, high: float, step: float, unit: str | None = None) -> NumberSelector:
    """Return a field for a number."""
    config = NumberSelectorConfig(min=low, max=high, step=step, mode=NumberSelectorMode.BOX)
    if unit:
        config["unit_of_measurement"] = unit
    return NumberSelector(config)


def _choice(name: str, options: list[str], *, multiple: bool = False) -> SelectSelector:
    """Return a field to choose in; what is offered has its names in the translations."""
    mode = SelectSelectorMode.LIST
    return SelectSelector(SelectSelectorConfig(options=options, multiple=multiple, mode=mode, translation_key=name))


# voluptuous is another package's name for probatio in newer releases: its types do not match.
MAX_MEMBERS: Final[dict[Any, Any]] = {
    vol.Required(CONF_MAX_MEMBERS, default=MAX_MEMBERS_DEFAULT): vol.All(
        _number(1, MAX_MEMBERS_MAX, 1), vol.Coerce(int)
    ),
}
_SCHEMA: Final[Any] = vol.Schema(
    {
        vol.Required(CONF_DIMENSIONS, default=list): _choice(CONF_DIMENSIONS, list(map(str, OPTIONAL)), multiple=True),
        vol.Required(CONF_GROUP_MODELS_BY, default=str(MODELS[0])): _choice(
            CONF_GROUP_MODELS_BY, list(map(str, MODELS))
        ),
        **MAX_MEMBERS,
        vol.Required(CONF_UNUSUAL_THRESHOLD, default=UNUSUAL_THRESHOLD_DEFAULT): _number(
            UNUSUAL_THRESHOLD_MIN, UNUSUAL_THRESHOLD_MAX, 0.5
        ),
        vol.Required(CONF_SCAN_INTERVAL, default=SCAN_INTERVAL_DEFAULT): vol.All(
            _number(SCAN_INTERVAL_MIN, SCAN_INTERVAL_MAX, 1, UnitOfTime.SECONDS), vol.Coerce(int)
        ),
    },
)


class LiteLLMPulseOptionsFlow(OptionsFlowWithReload):
    """What can be changed without another scrape."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the options, or keep them."""
        if user_input is not None:
            return self.async_create_entry(data=user_input)
        schema = self.add_suggested_values_to_schema(_SCHEMA, self.config_entry.options)
        return self.async_show_form(step_id="init", data_schema=schema)
