"""History from before the set-up, from a real PostgreSQL, in the product: what a user sees of it."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import postgres
import pytest
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.api import answers
from custom_components.litellm_pulse.const import DOMAIN
from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.models import TOTAL, Window
from custom_components.litellm_pulse.core.query import parameters

from .conftest import entity_id, set_up
from .proxy import Proxy
from .spend_logs.conftest import make, server  # noqa: F401  # fixtures
from .spend_logs.schema import spend_logs
from .spend_logs.world import insert, request

type Make = Callable[[str], str]

NOW = datetime.now(UTC)


def ago(**passed: float) -> str:
    """Return a time in the past as PostgreSQL writes it."""
    return f"{NOW - timedelta(**passed):%Y-%m-%d %H:%M:%S}"


def past() -> list[dict[str, Any]]:
    """Return what was spent on two days before the set-up, by two models and teams."""
    return [
        request(1, ago(days=40), cost=1.0, team_id="red"),
        request(2, ago(days=40), cost=2.0, team_id="blue", model="openai/gpt-4o"),
        request(3, ago(days=2), cost=4.0, team_id="red", model="opus", custom_llm_provider="anthropic"),
        request(4, ago(days=2), cost=8.0, team_id="red", request_tags='["kitchen"]'),
    ]


async def turn_on(hass: HomeAssistant, entry: MockConfigEntry, address: str) -> None:
    """Have history read from a database, as the options would."""
    hass.config_entries.async_update_entry(
        entry, options={**entry.options, "history_source": "database", "history_dsn": address}
    )
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


async def usage(hass: HomeAssistant, entry: MockConfigEntry, **asked: str) -> list[dict[str, Any]]:
    """Return the rows of /usage over the last sixty days."""
    runtime = entry.runtime_data
    day = dt_util.now(runtime.ledger.zone).date()
    span = {"from": str(day - timedelta(days=60)), "to": str(day)}
    query = parameters.usage({**span, **asked}, now=dt_util.utcnow(), zone=runtime.ledger.zone)
    rows: list[dict[str, Any]] = json.loads(await answers.async_usage(hass, runtime, query))["usage"]
    return rows


async def test_spend_from_before_the_set_up_is_there_once_it_is_turned_on(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    server: postgres.Postgres,
    make: Make,  # noqa: F811
) -> None:
    await set_up(hass, entry)
    lifetime = entity_id(hass, entry, "spend_lifetime")
    before = hass.states.get(lifetime)
    await turn_on(hass, entry, server.dsn(make(spend_logs() + insert(past()))))
    assert entry.runtime_data.history._status.error is None
    assert sum(row["cost"] for row in await usage(hass, entry)) == 15.0
    assert sum(row["requests"] for row in await usage(hass, entry)) == 4
    models = {row["model"]: row["cost"] for row in await usage(hass, entry, group_by="model", period="month")}
    assert models["opus"] == 4.0
    teams = [(row["team"], row["cost"]) for row in await usage(hass, entry, group_by="team")]
    assert sorted(teams) == [("blue", 2.0), ("red", 1.0), ("red", 12.0)]
    tags = {row["tag"]: row["cost"] for row in await usage(hass, entry, group_by="tag") if row["cost"]}
    assert tags["kitchen"] == 8.0
    # Sensors go on as they were: since installation.
    assert hass.states.get(lifetime).state == before.state  # type: ignore[union-attr]
    snapshot = entry.runtime_data.coordinator.data.snapshot
    assert snapshot.before[TOTAL][6] == 15.0
    aggregate = json.loads(await answers.async_aggregate(hass, entry.runtime_data))
    assert {(row["provider"], row["model"]): row["total_cost"] for row in aggregate["data"]}["openai", "gpt-4o"] == 11.0
