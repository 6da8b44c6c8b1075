"""What tests of history need: LiteLLM's API as a stand-in, a database's rows, and an entry that reads them."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.api import answers
from custom_components.litellm_pulse.core.query import parameters

from .proxy import Proxy
from .spend_logs.world import request

type Make = Callable[[str], str]
type Day = Mapping[str, Any]


def ago(**passed: float) -> str:
    """Return a time in the past as PostgreSQL writes it."""
    return f"{datetime.now(UTC) - timedelta(**passed):%Y-%m-%d %H:%M:%S}"


def past() -> list[dict[str, Any]]:
    """Return what was spent on two days before the set-up, by two models and teams: 15 dollars."""
    return [
        request(1, ago(days=40), cost=1.0, team_id="red"),
        request(2, ago(days=40), cost=2.0, team_id="blue", model="openai/gpt-4o"),
        request(3, ago(days=2), cost=4.0, team_id="red", model="opus", custom_llm_provider="anthropic"),
        request(4, ago(days=2), cost=8.0, team_id="red", request_tags='["kitchen"]'),
    ]


async def turn_on(hass: HomeAssistant, entry: MockConfigEntry, address: str | None = None, **options: Any) -> None:  # noqa: ANN401
    """Have history read from a database, or as these options say."""
    source = {"history_source": "database", "history_dsn": address} if address else {}
    hass.config_entries.async_update_entry(
        entry, options={**entry.options, "history_identity": "7/litellm", **source, **options}
    )
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


async def usage(hass: HomeAssistant, entry: MockConfigEntry, days: int = 60, **asked: str) -> list[dict[str, Any]]:
    """Return the rows of /usage over the last days."""
    runtime = entry.runtime_data
    day = dt_util.now(runtime.ledger.zone).date()
    span = {"from": str(day - timedelta(days=days)), "to": str(day)}
    query = parameters.usage({**span, **asked}, now=dt_util.utcnow(), zone=runtime.ledger.zone)
    rows: list[dict[str, Any]] = json.loads(await answers.async_usage(hass, runtime, query))["usage"]
    return rows


def metrics(cost: float, requests: int = 1) -> dict[str, float]:
    """Return the sums of a day or of a part of it, as the API has them."""
    return {"spend": cost, "api_requests": requests, "total_tokens": 12 * requests, "failed_requests": 0}


def day(date: str, models: Mapping[str, float], providers: Mapping[str, float]) -> Day:
    """Return a day of an answer: what one key of the team red spent by model, and by provider."""
    used = {
        name: {
            "metrics": metrics(cost),
            "metadata": {},
            "api_key_breakdown": {"key-1": {"metrics": metrics(cost), "metadata": {"team_id": "red"}}},
        }
        for name, cost in models.items()
    }
    return {
        "date": date,
        "metrics": metrics(sum(models.values()), len(models)),
        "breakdown": {
            "models": used,
            "providers": {name: {"metrics": metrics(cost), "metadata": {}} for name, cost in providers.items()},
        },
    }


def serve_days(proxy: Proxy, *days: Day) -> None:
    """Have a proxy answer /user/daily/activity with days, its relatives with 404, and the rest as before."""

    async def handler(asked: web.Request) -> web.StreamResponse:
        if asked.path == "/user/daily/activity":
            first, last = asked.query["start_date"], asked.query["end_date"]
            results = [one for one in days if first <= one["date"] <= last]
            return web.json_response({"results": results, "metadata": {"total_pages": 1}})
        if asked.path.endswith("/daily/activity"):
            return web.json_response({"detail": "Not Found"}, status=404)
        return web.Response(body=proxy.traffic.body(asked.query.getall("name[]", ())), content_type="text/plain")

    proxy.handler = handler
