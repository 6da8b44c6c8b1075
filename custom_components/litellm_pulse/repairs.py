"""Fix flows: more devices, or simply having read it."""

from typing import Any

import voluptuous as vol
from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlow, RepairsFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .options_flow import MAX_MEMBERS


class MoreMembersFlow(RepairsFlow):
    """Raises the number of members that have a device."""

    def __init__(self, entry_id: str) -> None:
        """Keep whose it is."""
        self._entry_id = entry_id

    async def async_step_init(self, _: dict[str, str] | None = None) -> RepairsFlowResult:
        """Begin; what comes with it is the id of the issue."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, int] | None = None) -> RepairsFlowResult:
        """Ask how many, and reload with it."""
        entry = self.hass.config_entries.async_get_known_entry(self._entry_id)
        if user_input is not None:
            self.hass.config_entries.async_update_entry(entry, options={**entry.options, **user_input})
            self.hass.config_entries.async_schedule_reload(entry.entry_id)
            return self.async_create_entry(data={})
        fields: Any = vol.Schema(MAX_MEMBERS)
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
    if data and data["kind"] == "too_many_members":
        return MoreMembersFlow(str(data["entry_id"]))
    return ConfirmRepairFlow()
