"""Home Assistant itself finds nothing to complain about, and its long-term statistics agree with the ledger."""

import logging
from datetime import datetime, timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
    do_adhoc_statistics,
)

from custom_components.litellm_pulse.core.catalog import COUNTER_INDEX, Dimension
from custom_components.litellm_pulse.core.query import sql

from .conftest import entity_id, pass_time, set_up, state
from .proxy import Proxy

pytestmark = [pytest.mark.freeze_time("2026-11-18 18:00:00+00:00"), pytest.mark.usefixtures("recorder_mock")]

PERIOD = timedelta(minutes=5)
"""Of the recorder's short-term statistics."""
STEP = timedelta(minutes=15)
DAY = 96
"""Steps."""

SHOWN = {
    "total:": ("spend_day", "spend_week", "spend_month", "spend_lifetime"),
    "model:gpt-4o": ("spend_day", "spend_month", "spend_lifetime"),
    "team:red": ("spend_day", "spend_month", "spend_lifetime"),
}


@pytest.fixture(autouse=True)
async def _home(hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture) -> None:
    """Show teams, in a zone whose midnight is in the day to come; mind warnings only."""
    caplog.set_level(logging.WARNING)
    await hass.config.async_set_time_zone("Europe/Berlin")
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"], "scan_interval": 900})


async def _live(hass: HomeAssistant, proxy: Proxy, freezer: FrozenDateTimeFactory, compile_every: timedelta) -> None:
    """Let a day pass, with statistics compiled as the recorder does it."""
    for step in range(DAY):
        _use(proxy, step)
        before = dt_util.utcnow()
        await pass_time(hass, freezer, STEP.total_seconds())
        await async_wait_recording_done(hass)
        while before < dt_util.utcnow():
            do_adhoc_statistics(hass, start=before)
            before += compile_every
    await async_wait_recording_done(hass)


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_a_day_with_every_entity_and_midnight_in_it_leaves_no_warning_in_the_log(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await set_up(hass, entry)
    await _live(hass, proxy, freezer, STEP)
    found = [one for one in caplog.records if one.levelno >= logging.WARNING]
    logged = [one.getMessage() for one in found if one.name.startswith(("homeassistant", "custom_components"))]
    # Said of every custom integration; and of the hour that the proxy is away, once.
    expected = ("We found a custom integration litellm_pulse", "Error fetching litellm_pulse")
    assert [one for one in logged if not one.startswith(expected)] == []


async def test_long_term_statistics_of_spend_equal_the_ledger_hour_by_hour(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    began = dt_util.utcnow()
    assert await set_up(hass, entry)
    await _live(hass, proxy, freezer, PERIOD)
    for member, keys in SHOWN.items():
        ledger = await _spend_per_hour(hass, entry, began, member)
        assert sum(ledger.values()) == pytest.approx(float(state(hass, entry, "spend_lifetime", member)))
        for key in keys:
            statistics = await _statistics(hass, entity_id(hass, entry, key, member), began)
            assert len(statistics) == 24
            assert {at: change for at, change in statistics.items() if change} == pytest.approx(ledger), (key, member)


def _use(proxy: Proxy, step: int) -> None:
    """Let the proxy serve some requests; it is restarted once, and away for an hour."""
    traffic = proxy.traffic
    if step == 30:
        proxy.restart(spend={"gpt-4o": 0.0, "claude-sonnet": 0.0})
    elif step == 50:
        proxy.answer(status=503)
    elif step == 54:
        proxy.recover()
    elif step % 3 and step < DAY - 1:
        # The last scrape belongs to the hour that begins with it.
        traffic.spend["gpt-4o"] += 0.01 * (step % 7)
        traffic.spend["claude-sonnet"] += 0.25
        traffic.tokens["gpt-4o"] = traffic.tokens.get("gpt-4o", 0) + 40
        traffic.requests += 2
        traffic.add("litellm_spend_metric_total", 0.5, model="gpt-4o", team="red")
        traffic.add("litellm_cache_hits_metric_total", 1, model="gpt-4o")
        traffic.add("litellm_cache_misses_metric_total", 2, model="gpt-4o")
        traffic.series["litellm_remaining_team_budget_metric"] = {'team="red"': 40 - step / 10}
        traffic.series["litellm_team_max_budget_metric"] = {'team="red"': 40}
        traffic.series["litellm_deployment_state"] = {'litellm_model_name="gpt-4o"': step % 2}


async def _spend_per_hour(
    hass: HomeAssistant, entry: MockConfigEntry, began: datetime, member: str
) -> dict[float, float]:
    """Return the ledger's spend in each hour that is over, by the time at which it begins."""
    dimension, key = member.split(":")
    ledger = entry.runtime_data.ledger
    split = [Dimension(dimension)] if key else []
    query = sql.UsageQuery(
        start=began, end=dt_util.utcnow(), period=sql.Period.HOUR, zone=ledger.zone, dimensions=split
    )
    rows = await hass.async_add_executor_job(lambda: list(sql.usage(ledger.path, query)))
    spent = {row.start.timestamp(): row.usage[COUNTER_INDEX["cost"]] for row in rows if row.group in {(), (key,)}}
    return {at: cost for at, cost in spent.items() if cost}


async def _statistics(hass: HomeAssistant, statistic: str, began: datetime) -> dict[float, float]:
    """Return by how much the sum of a statistic grew in each hour, by the time at which it begins."""
    found: dict[str, list[Any]] = await get_instance(hass).async_add_executor_job(
        statistics_during_period, hass, began, None, {statistic}, "hour", None, {"change"}
    )
    return {row["start"]: row["change"] for row in found[statistic]}
