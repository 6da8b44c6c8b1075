"""Tools for conversation agents that are language models: what AI costs and uses, in one call each."""

from typing import Any, Final, override

import voluptuous as vol
from homeassistant.components.llm import LLMTools
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import llm
from homeassistant.util.json import JsonObjectType, JsonValueType

from . import assist
from .assist import METRICS, Left, NotForEveryoneError, NotToldError
from .const import DOMAIN
from .core.catalog import Dimension
from .spoken_times import When

_NOT_FOR_EVERYONE: Final = "Only administrators may ask about keys, users and customers."
_NOT_TOLD: Final = "LiteLLM's metrics do not split this metric by this kind."
_KINDS: Final = tuple(str(one) for one in Dimension if one is not Dimension.TOTAL)
_RANKED: Final = 10
_CENTS: Final = 6
"""Decimals; less than a millionth of a dollar nobody asks about."""

_FIELDS: Final = {"cost": "spend_usd", "tokens": "tokens", "requests": "requests"}
"""What the amount of a metric is called in an answer."""

_Metric: Final = vol.In(METRICS)
_When: Final = vol.In([str(one) for one in When])
_LAST_SUCH_MONTH: Final = "A month is the last of its name that has begun"


class _PulseTool(llm.Tool):
    """A tool that only reads."""

    integration = DOMAIN

    def __init__(self) -> None:
        """Say that nothing is changed, to releases of Home Assistant that can be told so."""
        if annotations := getattr(llm, "ToolAnnotations", None):
            self.annotations = annotations(read_only=True, destructive=False, idempotent=True, open_world=False)

    @override
    async def async_call(self, hass: HomeAssistant, tool_input: llm.ToolInput, llm_context: llm.LLMContext) -> Any:
        """Return the answer as JSON; raises Invalid, which the model is told, where it asks for what there is not."""
        arguments = self.parameters(_given(tool_input.tool_args))
        try:
            data = await self.answer(hass, arguments, llm_context)
        except NotForEveryoneError:
            data = {"error": _NOT_FOR_EVERYONE}
        except NotToldError:
            data = {"error": _NOT_TOLD}
        result = getattr(llm, "ToolResult", None)
        return result(data=data) if result else data

    async def answer(self, hass: HomeAssistant, arguments: dict[str, Any], context: llm.LLMContext) -> JsonObjectType:
        """Return the answer; raises NotForEveryoneError and NotToldError."""
        raise NotImplementedError


def _given(arguments: Any) -> Any:  # noqa: ANN401 - whatever the model wrote
    """Return a tool's arguments without those that are empty: so models write what they leave out."""
    if not isinstance(arguments, dict):
        return arguments
    return {name: value for name, value in arguments.items() if value not in (None, "")}


class UsageTool(_PulseTool):
    """How much was used."""

    name = f"{DOMAIN}__get_usage"
    title = "Get AI usage"
    description = (
        "How much AI (language models, through LiteLLM) was used: what it cost in US dollars, tokens or requests; "
        "in total, or by a model, provider, team, key, user or tag, given by name as the user said it."
    )
    parameters: Any = vol.Schema(
        {
            vol.Required("metric", default="cost"): _Metric,
            vol.Required("when", default=str(When.TODAY), description=_LAST_SUCH_MONTH): _When,
            vol.Optional("name", description="Whose usage, as the user said it; leave it out for the total"): str,
        }
    )

    @override
    async def answer(self, hass: HomeAssistant, arguments: dict[str, Any], context: llm.LLMContext) -> JsonObjectType:
        """Return how much and who is meant."""
        metric, when, name = arguments["metric"], When(arguments["when"]), arguments.get("name")
        found = await assist.async_usage(hass, context.context, metric, when, name)
        if found is None:
            return {"error": await _unknown(hass, context, f"Nobody is called {name}.")}
        return {"when": str(when), _FIELDS[metric]: _rounded(found.used, metric), "of": list(found.names) or "all"}


class RankingTool(_PulseTool):
    """Who used most."""

    name = f"{DOMAIN}__get_usage_ranking"
    title = "Get AI usage ranking"
    description = "Which models, teams, keys and so on used most AI, by cost in US dollars, tokens or requests."
    parameters: Any = vol.Schema(
        {
            vol.Required("kind"): vol.In(_KINDS),
            vol.Required("metric", default="cost"): _Metric,
            vol.Required("when", default=str(When.TODAY), description=_LAST_SUCH_MONTH): _When,
        }
    )

    @override
    async def answer(self, hass: HomeAssistant, arguments: dict[str, Any], context: llm.LLMContext) -> JsonObjectType:
        """Return the ranking, the most first."""
        metric, when, kind = arguments["metric"], When(arguments["when"]), Dimension(arguments["kind"])
        ranking = await assist.async_ranking(hass, context.context, metric, when, kind)
        rows: list[JsonValueType] = [
            {"name": one.names[0], _FIELDS[metric]: _rounded(one.used, metric)} for one in ranking[:_RANKED]
        ]
        return {"when": str(when), "ranking": rows}


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
            return {"error": await _unknown(hass, context, "There is no such budget or limit.")}
        return {"left": [_left(one) for one in found]}


async def _unknown(hass: HomeAssistant, context: llm.LLMContext, error: str) -> str:
    """Return that there is nothing, and that there may be persons of whom who asks is not told."""
    return error if await assist.async_sees_everybody(hass, context.context) else f"{error} {_NOT_FOR_EVERYONE}"


def _rounded(used: float, metric: str) -> float:
    """Return how much of a metric, without what nobody asks about."""
    return round(used, _CENTS) if metric == "cost" else round(used)


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
    return LLMTools(tools=[UsageTool(), RankingTool(), BudgetTool()])
