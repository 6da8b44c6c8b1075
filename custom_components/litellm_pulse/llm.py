"""Tools for conversation agents that are language models: what AI costs, in one call each."""

from typing import Any, Final, override

import voluptuous as vol
from homeassistant.components.llm import LLMTools
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import llm
from homeassistant.util.json import JsonObjectType

from . import assist
from .assist import Left, NotForEveryoneError, When
from .const import DOMAIN
from .core.catalog import Dimension

_NOT_FOR_EVERYONE: Final = "Only administrators may ask about keys, users and customers."
_KINDS: Final = tuple(str(one) for one in Dimension if one is not Dimension.TOTAL)
_RANKED: Final = 10
_CENTS: Final = 6
"""Decimals; less than a millionth of a dollar nobody asks about."""

_When: Final = vol.In([str(one) for one in When])


class _PulseTool(llm.Tool):
    """A tool that only reads."""

    integration = DOMAIN

    def __init__(self) -> None:
        """Say that nothing is changed, to releases of Home Assistant that can be told so."""
        if annotations := getattr(llm, "ToolAnnotations", None):
            self.annotations = annotations(read_only=True, destructive=False, idempotent=True, open_world=False)

    @override
    async def async_call(self, hass: HomeAssistant, tool_input: llm.ToolInput, llm_context: llm.LLMContext) -> Any:
        """Return the answer as JSON."""
        arguments = self.parameters(tool_input.tool_args)
        try:
            data = await self.answer(hass, arguments, llm_context)
        except NotForEveryoneError:
            data = {"error": _NOT_FOR_EVERYONE}
        result = getattr(llm, "ToolResult", None)
        return result(data=data) if result else data

    async def answer(self, hass: HomeAssistant, arguments: dict[str, Any], context: llm.LLMContext) -> JsonObjectType:
        """Return the answer; raises NotForEveryoneError."""
        raise NotImplementedError


class SpendTool(_PulseTool):
    """How much was spent."""

    name = f"{DOMAIN}__get_spend"
    title = "Get AI spend"
    description = (
        "How much was spent on AI (language models, through LiteLLM), in US dollars: in total, or by a model, "
        "provider, team, key, user or tag, given by name as the user said it."
    )
    parameters: Any = vol.Schema(
        {
            vol.Required("when", default=str(When.TODAY)): _When,
            vol.Optional("name", description="Whose spend, as the user said it; leave it out for the total"): str,
        }
    )

    @override
    async def answer(self, hass: HomeAssistant, arguments: dict[str, Any], context: llm.LLMContext) -> JsonObjectType:
        """Return the spend and who is meant."""
        found = await assist.async_spend(hass, context.context, When(arguments["when"]), arguments.get("name"))
        if found is None:
            return {"error": f"Nobody is called {arguments['name']}"}
        return {"when": arguments["when"], "spend_usd": round(found.spend, _CENTS), "of": list(found.names) or "all"}


class RankingTool(_PulseTool):
    """Who spent most."""

    name = f"{DOMAIN}__get_spend_ranking"
    title = "Get AI spend ranking"
    description = "Which models, teams, keys and so on spent most on AI, in US dollars, the most first."
    parameters: Any = vol.Schema(
        {vol.Required("kind"): vol.In(_KINDS), vol.Required("when", default=str(When.TODAY)): _When}
    )

    @override
    async def answer(self, hass: HomeAssistant, arguments: dict[str, Any], context: llm.LLMContext) -> JsonObjectType:
        """Return the ranking."""
        ranking = await assist.async_ranking(
            hass, context.context, When(arguments["when"]), Dimension(arguments["kind"])
        )
        rows = [{"name": one.names[0], "spend_usd": round(one.spend, _CENTS)} for one in ranking[:_RANKED]]
        return {"when": arguments["when"], "ranking": rows}


class BudgetTool(_PulseTool):
    """What is left."""

    name = f"{DOMAIN}__get_budget_left"
    title = "Get what is left of an AI budget"
    description = (
        "How much is left of the AI budgets and limits, in US dollars, of all or of a team, key, user, model, "
        "provider or organization, given by name as the user said it."
    )
    parameters: Any = vol.Schema(
        {vol.Optional("name", description="Whose budget, as the user said it; leave it out for the whole home's"): str}
    )

    @override
    async def answer(self, hass: HomeAssistant, arguments: dict[str, Any], context: llm.LLMContext) -> JsonObjectType:
        """Return every budget and limit."""
        found = await assist.async_left(hass, context.context, arguments.get("name"))
        if not found:
            return {"error": "There is no such budget or limit"}
        return {"left": [_left(one) for one in found]}


def _left(one: Left) -> JsonObjectType:
    """Return what is left, as JSON."""
    row: JsonObjectType = {"name": one.name, "remaining_usd": round(one.remaining, _CENTS), "maximum_usd": one.maximum}
    row |= {"kind": f"limit per {one.window}" if one.window else "budget in LiteLLM"}
    return row | ({"resets_at": one.resets_at.isoformat()} if one.resets_at else {})


@callback
def async_get_tools(hass: HomeAssistant, llm_context: llm.LLMContext, api_id: str) -> LLMTools | None:  # noqa: ARG001
    """Return the tools for Assist, as long as a proxy is loaded."""
    if api_id != llm.LLM_API_ASSIST or not hass.config_entries.async_loaded_entries(DOMAIN):
        return None
    return LLMTools(tools=[SpendTool(), RankingTool(), BudgetTool()])
