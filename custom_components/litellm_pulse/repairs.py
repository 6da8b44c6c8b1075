"""Fix flows: a form that changes an option, or simply having read it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import voluptuous as vol
from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.selector import SelectSelector, SelectSelectorConfig, SelectSelectorMode

from .const import CONF_FREE_MODELS, DOMAIN
from .issues import unpriced_models
from .options_flow import MAX_MEMBERS, SCAN_INTERVAL

type Fields = dict[Any, Any]


def _free_models(entry: ConfigEntry) -> Fields:
    """Return the field for the models that are free: those that had no price, and those that were chosen before."""
    unpriced = unpriced_models(entry.runtime_data.coordinator.data) if entry.state is ConfigEntryState.LOADED else []
    options = sorted({*unpriced, *entry.options.get(CONF_FREE_MODELS, ())})
    config = SelectSelectorConfig(options=options, multiple=True, mode=SelectSelectorMode.LIST)
    return {vol.Required(CONF_FREE_MODELS, default=list): SelectSelector(config)}


_FIELDS: Final[Mapping[str, Callable[[ConfigEntry], Fields]]] = {
    "too_many_members": lambda _: MAX_MEMBERS,
    "slow_scrape": lambda _: SCAN_INTERVAL,
    "unpriced_models": _free_models,
}
"""Issue -> the options that mend it."""


class ChangeOptionsFlow(RepairsFlow):
    """Changes options of the entry, and reloads it."""

    def __init__(self, entry_id: str, kind: str) -> None:
        """Keep whose issue of which kind it is."""
        self._entry_id = entry_id
        self._kind = kind

    async def async_step_init(self, _: dict[str, str] | None = None) -> RepairsFlowResult:
        """Begin; what comes with it is the id of the issue."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Ask for the options, and reload with them."""
        entry = self.hass.config_entries.async_get_known_entry(self._entry_id)
        if user_input is not None:
            self.hass.config_entries.async_update_entry(entry, options={**entry.options, **user_input})
            self.hass.config_entries.async_schedule_reload(entry.entry_id)
            return self.async_create_entry(data={})
        fields: Any = vol.Schema(_FIELDS[self._kind](entry))
        schema = self.add_suggested_values_to_schema(fields, entry.options)
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        return self.async_show_form(
            step_id="confirm",
            data_schema=schema,
            description_placeholders=issue.translation_placeholders if issue else None,
        )


async def async_create_fix_flow(
    hass: HomeAssistant,  # noqa: ARG001
    issue_id: str,  # noqa: ARG001
    data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Return the flow of an issue."""
    if data and data["kind"] in _FIELDS:
        return ChangeOptionsFlow(str(data["entry_id"]), str(data["kind"]))
    return ConfirmRepairFlow()
