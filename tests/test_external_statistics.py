"""Statistics in the recorder are the ledger's mirror, hour by hour and day by day."""

import logging
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.db_schema import Statistics
from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.components.recorder.statistics import (
    list_statistic_ids,
    statistic_during_period,
    statistics_during_period,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance, session_scope
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done
from sqlalchemy import delete

from custom_components.litellm_pulse.core import windows
from custom_components.litellm_pulse.core.catalog import COUNTER_INDEX, Dimension
from custom_components.litellm_pulse.core.models import OTHER, TOTAL, MemberKey
from custom_components.litellm_pulse.core.query import sql
from custom_components.litellm_pulse.statistic_ids import METRICS, statistic_id, statistic_prefix

from .conftest import pass_time, set_up
from .past import steps, write_past
from .proxy import Proxy

pytestmark = [pytest.mark.freeze_time("2026-11-18 12:20:00+00:00"), pytest.mark.usefixtures("recorder_mock")]

GPT: MemberKey = (Dimension.MODEL, "gpt-4o")
RED: MemberKey = (Dimension.TEAM, "red")
EPOCH = datetime.fromtimestamp(0, UTC)
HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)

type Changes = dict[str, float]
"""Local time -> change."""


@pytest.fixture(autouse=True)
async def _home(hass: HomeAssistant, caplog: pytest.LogCaptureFixture) -> None:
    """Live where clocks show UTC, unless a test moves; keep no log of every statement."""
    caplog.set_level(logging.WARNING)
    caplog.set_level(logging.WARNING, "sqlalchemy.engine")
    await hass.config.async_set_time_zone("UTC")


async def _settle(hass: HomeAssistant) -> None:
    """Wait until everything is written that is due."""
    for _ in range(2):
        await hass.async_block_till_done(wait_background_tasks=True)
        await async_wait_recording_done(hass)


async def _until(hass: HomeAssistant, freezer: FrozenDateTimeFactory, moment: str) -> None:
    """Let it be that time now, with what Home Assistant does then."""
    freezer.move_to(f"2026-11-{moment}+00:00")
    await pass_time(hass, freezer, 0)
    await _settle(hass)


async def _start(hass: HomeAssistant, *entries: MockConfigEntry) -> None:
    """Set entries up and wait for their statistics."""
    assert await set_up(hass, *entries)
    await _settle(hass)


async def _stop(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Unload an entry, as Home Assistant does when it stops."""
    await _settle(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await _settle(hass)


async def _changes(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    member: MemberKey = TOTAL,
    metric: str = "spend",
    period: Literal["hour", "day", "month"] = "hour",
) -> Changes:
    """Return by how much a statistic grew, as the frontend is told, by the local time at which it begins."""
    identifier = statistic_id(entry.entry_id, member, metric)
    found: dict[str, list[Any]] = await get_instance(hass).async_add_executor_job(
        statistics_during_period, hass, EPOCH, None, {identifier}, period, None, {"change"}
    )
    return {_local(row["start"]): row["change"] for row in found.get(identifier, [])}


def _zone() -> ZoneInfo:
    """Return Home Assistant's time zone."""
    zone = dt_util.get_default_time_zone()
    assert isinstance(zone, ZoneInfo)
    return zone


def _local(at: float) -> str:
    """Return a time as clocks show it."""
    return datetime.fromtimestamp(at, dt_util.get_default_time_zone()).strftime("%m-%d %H:%M")


async def _table(hass: HomeAssistant) -> list[tuple[Any, ...]]:
    """Return everything that the recorder has of statistics, ids of rows included."""

    def read() -> list[tuple[Any, ...]]:
        with session_scope(hass=hass, read_only=True) as session:
            columns = Statistics.id, Statistics.metadata_id, Statistics.start_ts, Statistics.state, Statistics.sum
            return [tuple(row) for row in session.query(*columns).order_by(Statistics.id)]

    return await get_instance(hass).async_add_executor_job(read)


async def _metadata(hass: HomeAssistant) -> Mapping[str, dict[str, Any]]:
    """Return what the recorder keeps of our statistics, by id."""
    found = await get_instance(hass).async_add_executor_job(list_statistic_ids, hass)
    return {one["statistic_id"]: one for one in found if one["source"] == "litellm_pulse"}


def _alter(path: Path, statement: str, *parameters: float) -> None:
    """Correct a ledger behind Home Assistant's back, as an import of what came before does."""
    with closing(sqlite3.connect(f"{path.as_uri()}?vfs=unix-excl", uri=True, isolation_level=None)) as connection:
        connection.execute(statement, parameters)


async def test_an_hour_is_written_when_it_is_over(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    await _start(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.5
    await pass_time(hass, freezer)
    await _until(hass, freezer, "18 12:59")
    assert await _metadata(hass) == {}
    proxy.traffic.spend["gpt-4o"] += 0.25
    await _until(hass, freezer, "18 13:00")
    assert await _changes(hass, entry) == {"11-18 12:00": 0.5}
    await _until(hass, freezer, "18 14:00")
    expected = {"11-18 12:00": 0.5, "11-18 13:00": 0.25}
    assert await _changes(hass, entry) == await _changes(hass, entry, GPT) == expected


async def test_metadata_is_what_home_assistant_and_people_expect(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.add("litellm_spend_metric_total", 1, model="gpt-4o", team="t-1", team_alias="Red")
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"]})
    await _start(hass, entry)
    await _until(hass, freezer, "18 13:00")
    found = await _metadata(hass)
    assert {one["name"] for one in found.values() if one["statistics_unit_of_measurement"] == "USD"} == {
        "LiteLLM spend",
        "LiteLLM gpt-4o spend",
        "LiteLLM claude-sonnet spend",
        "LiteLLM team Red spend",
    }
    total = {metric: found[statistic_id(entry.entry_id, TOTAL, metric)] for metric in _published(found, entry)}
    units = {metric: (one["statistics_unit_of_measurement"], one["unit_class"]) for metric, one in total.items()}
    assert units == {
        "spend": ("USD", None),
        "tokens": ("tokens", None),
        "requests": ("requests", None),
        "failed_requests": ("requests", None),
    }
    assert {(one["mean_type"], one["has_sum"]) for one in found.values()} == {(StatisticMeanType.NONE, True)}


async def test_names_and_units_are_in_home_assistants_language(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.add("litellm_spend_metric_total", 1, model="gpt-4o", team="t-1", team_alias="{name}")
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"]})
    await _start(hass, entry)
    await _until(hass, freezer, "18 13:00")
    hass.config.language = "de"
    await _stop(hass, entry)
    await _start(hass, entry)
    await _until(hass, freezer, "18 14:00")
    found = (await _metadata(hass)).values()
    assert {(one["name"], one["statistics_unit_of_measurement"]) for one in found} >= {
        ("LiteLLM Ausgaben", "USD"),
        ("LiteLLM gpt-4o Ausgaben", "USD"),
        ("LiteLLM Team {name} Ausgaben", "USD"),
        ("LiteLLM Token", "Token"),
        ("LiteLLM fehlgeschlagene Anfragen", "Anfragen"),
    }


def _published(found: Mapping[str, object], entry: MockConfigEntry) -> list[str]:
    """Return the metrics of the proxy that have statistics."""
    return [metric for metric in METRICS if statistic_id(entry.entry_id, TOTAL, metric) in found]


async def test_two_proxies_are_told_apart_by_name(
    hass: HomeAssistant, entry: MockConfigEntry, other_entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    await _start(hass, entry, other_entry)
    await _until(hass, freezer, "18 13:00")
    names = [one["name"] for one in (await _metadata(hass)).values()]
    assert f"LiteLLM {entry.title} gpt-4o spend" in names
    assert len(names) == len(set(names)) == 24


async def test_what_is_missing_comes_back_with_the_action(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    write_past(hass, entry, steps(datetime(2026, 11, 16, tzinfo=UTC), dt_util.utcnow(), QUARTER))
    await _start(hass, entry)
    before = await _table(hass)
    with session_scope(hass=hass) as session:
        session.execute(delete(Statistics))
    assert await _table(hass) == []
    await hass.services.async_call("litellm_pulse", "rebuild_statistics", blocking=True)
    await _settle(hass)
    assert await _table(hass) == before


async def test_writing_twice_changes_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    write_past(hass, entry, steps(datetime(2026, 11, 16, tzinfo=UTC), dt_util.utcnow(), QUARTER))
    await _start(hass, entry)
    before = await _table(hass)
    assert len(before) > 500
    await entry.runtime_data.statistics.async_rebuild()
    await _stop(hass, entry)
    await _start(hass, entry)
    await entry.runtime_data.statistics.async_rebuild()
    assert await _table(hass) == before
    await _until(hass, freezer, "18 13:00")
    assert (await _table(hass))[: len(before)] == before


@pytest.mark.parametrize(
    ("zone", "changes_on"),
    [
        ("UTC", "2026-11-10"),
        ("Europe/Berlin", "2026-03-29"),
        ("Europe/Berlin", "2026-10-25"),
        ("America/Havana", "2026-03-08"),
        ("America/Havana", "2026-11-01"),
        ("America/Santiago", "2026-09-06"),
        ("America/St_Johns", "2026-11-01"),
        ("Asia/Kolkata", "2026-11-10"),
        ("Asia/Kathmandu", "2026-11-10"),
        ("Australia/Lord_Howe", "2026-04-05"),
        ("Australia/Lord_Howe", "2026-10-04"),
        ("Pacific/Chatham", "2026-09-27"),
    ],
)
async def test_sums_equal_the_ledgers_per_local_day(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory, zone: str, changes_on: str
) -> None:
    await hass.config.async_set_time_zone(zone)
    local = dt_util.get_default_time_zone()
    day = datetime.fromisoformat(changes_on).replace(tzinfo=local)
    begin, end = (day + timedelta(days=days) for days in (-1, 3))
    path = write_past(hass, entry, steps(begin.astimezone(UTC), end.astimezone(UTC) + QUARTER, QUARTER))
    freezer.move_to(end.astimezone(UTC) + 2 * HOUR)
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"]})
    await _start(hass, entry)
    for member in (TOTAL, GPT, RED):
        for metric, counter in (("spend", "cost"), ("tokens", "tokens")):
            ledger = _days(path, begin, end, member, counter)
            assert len(ledger) == 4
            statistics = await _changes(hass, entry, member, metric, period="day")
            assert {at: change for at, change in statistics.items() if at in ledger} == pytest.approx(ledger)


def _days(path: Path, begin: datetime, end: datetime, member: MemberKey, counter: str) -> Changes:
    """Return what the ledger says of each local day."""
    zone = _zone()
    split = [] if member == TOTAL else [member[0]]
    query = sql.UsageQuery(start=begin, end=end, period=sql.Period.DAY, zone=zone, dimensions=split)
    rows = sql.usage(path, query)
    return {
        _local(row.start.timestamp()): row.usage[COUNTER_INDEX[counter]]
        for row in rows
        if row.group in {(), (member[1],)}
    }


async def test_a_card_that_asks_for_the_change_over_a_day_gets_the_ledgers(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """It takes the difference of two sums, and so needs the hours in which nothing was used, too."""
    begin = datetime(2026, 11, 15, 8, tzinfo=UTC)
    # Used at eight in the morning only.
    write_past(
        hass,
        entry,
        steps(begin, dt_util.utcnow(), HOUR),
        lambda step: {("gpt-4o", "red"): 1.5 if step % 24 == 0 else 0.0},
    )
    await _start(hass, entry)
    for day in (16, 17):
        start = datetime(2026, 11, day, tzinfo=UTC)
        found = await get_instance(hass).async_add_executor_job(
            statistic_during_period,
            hass,
            start,
            start + timedelta(days=1),
            statistic_id(entry.entry_id, GPT, "spend"),
            {"change"},
            None,
        )
        assert found == {"change": 1.5}


async def test_hours_that_the_recorder_missed_are_written_at_the_next_start(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    write_past(hass, entry, steps(datetime(2026, 11, 17, tzinfo=UTC), dt_util.utcnow(), QUARTER))
    await _start(hass, entry)
    before = await _content(hass)
    await _stop(hass, entry)

    def lose() -> None:
        with session_scope(hass=hass) as session:
            late = datetime(2026, 11, 18, 3, tzinfo=UTC).timestamp()
            session.execute(delete(Statistics).where(Statistics.start_ts >= late))

    await get_instance(hass).async_add_executor_job(lose)
    assert await _content(hass) != before
    await _start(hass, entry)
    assert await _content(hass) == before


async def _content(hass: HomeAssistant) -> list[tuple[Any, ...]]:
    """Return what the rows of statistics say, whatever their ids."""
    names = {}

    def read() -> None:
        with session_scope(hass=hass, read_only=True) as session:
            known = get_instance(hass).statistics_meta_manager.get_many(session)
            names.update({number: name for name, (number, _) in known.items()})

    await get_instance(hass).async_add_executor_job(read)
    return sorted((names[number], *rest) for _, number, *rest in await _table(hass))


@pytest.mark.parametrize("running", [True, False], ids=["while it runs", "while it is down"])
async def test_a_lost_recorder_database_is_written_anew(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory, *, running: bool
) -> None:
    write_past(hass, entry, steps(datetime(2026, 11, 16, tzinfo=UTC), dt_util.utcnow(), QUARTER))
    await _start(hass, entry)
    before = await _content(hass)
    if not running:
        await _stop(hass, entry)
    get_instance(hass).async_clear_statistics([*await _metadata(hass)])
    await _settle(hass)
    assert await _content(hass) == []
    if running:
        await _until(hass, freezer, "18 13:00")
        hour = datetime(2026, 11, 18, 12, tzinfo=UTC).timestamp()
        assert [row for row in await _content(hass) if row[1] < hour] == before
    else:
        await _start(hass, entry)
        assert await _content(hass) == before


async def test_a_purge_of_the_recorder_takes_no_hour(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    write_past(hass, entry, steps(datetime(2026, 11, 16, tzinfo=UTC), dt_util.utcnow(), QUARTER))
    await _start(hass, entry)
    before = await _content(hass)
    await hass.services.async_call("recorder", "purge", {"keep_days": 0, "repack": True}, blocking=True)
    await _settle(hass)
    assert await _content(hass) == before
    await _until(hass, freezer, "18 13:00")
    assert [row for row in await _content(hass) if row in before] == before


async def test_a_correction_of_the_ledger_moves_every_later_sum(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    path = write_past(hass, entry, steps(datetime(2026, 11, 17, tzinfo=UTC), dt_util.utcnow(), QUARTER))
    await _start(hass, entry)
    before = await _changes(hass, entry)
    quarter = windows.quarter_of(datetime(2026, 11, 17, 9, 30, tzinfo=UTC))
    _alter(path, "UPDATE posted SET cost = coalesce(cost, 0) + 2 WHERE resolution = 0 AND start = ?", quarter)
    _alter(path, "UPDATE posted SET cost = NULL WHERE resolution = 0 AND start = ?", quarter + 8)
    await _until(hass, freezer, "18 13:00")
    after = await _changes(hass, entry)
    different = {at for at in before if before[at] != pytest.approx(after[at])}
    assert different == {"11-17 09:00", "11-17 11:00"}
    assert after["11-17 09:00"] == pytest.approx(before["11-17 09:00"] + 4)
    assert after["11-17 11:00"] < before["11-17 11:00"]
    rows = await _content(hass)
    for identifier in await _metadata(hass):
        states = [row[2] for row in rows if row[0] == identifier]
        sums = [row[3] for row in rows if row[0] == identifier]
        assert sums == pytest.approx(list(accumulate(states)))


async def test_usage_that_goes_from_one_member_to_another_is_corrected_too(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    path = write_past(hass, entry, steps(datetime(2026, 11, 17, tzinfo=UTC), dt_util.utcnow(), QUARTER))
    await _start(hass, entry)
    quarter = windows.quarter_of(datetime(2026, 11, 17, 9, 15, tzinfo=UTC))
    # What the two used becomes what the other one used.
    for step in (-1000, 1001):
        _alter(
            path,
            "UPDATE posted SET attribution = CASE WHEN ?2 < 0 THEN attribution - 1000 ELSE -999 - attribution END "
            "WHERE resolution = 0 AND start = ?1",
            quarter,
            step,
        )
    await _until(hass, freezer, "18 13:00")
    day = datetime(2026, 11, 17, tzinfo=UTC)
    ledger = _hours(path, day, day + timedelta(days=1), GPT)
    statistics = await _changes(hass, entry, GPT)
    assert {at: statistics[at] for at in ledger} == pytest.approx(ledger)


def _hours(path: Path, begin: datetime, end: datetime, member: MemberKey) -> Changes:
    """Return what the ledger says was spent in each local hour."""
    zone = _zone()
    query = sql.UsageQuery(start=begin, end=end, period=sql.Period.HOUR, zone=zone, dimensions=[member[0]])
    return {
        _local(row.start.timestamp()): row.usage[COUNTER_INDEX["cost"]]
        for row in sql.usage(path, query)
        if row.group == (member[1],)
    }


async def test_what_was_used_while_nobody_looked_is_no_hour_of_its_own(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    await _start(hass, entry)
    await _until(hass, freezer, "18 13:10")
    await _stop(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 3
    freezer.move_to("2026-11-18 16:30:00+00:00")
    await _start(hass, entry)
    await _until(hass, freezer, "18 17:00")
    seen = {"11-18 12:00": 0.0, "11-18 13:00": 0.0, "11-18 16:00": 3.0}
    assert await _changes(hass, entry) == seen
    await _until(hass, freezer, "18 18:00")
    assert await _changes(hass, entry) == seen | {"11-18 17:00": 0.0}


async def test_where_nothing_was_used_meanwhile_the_hours_are_known_after_all(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    await _start(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 1
    await _until(hass, freezer, "18 13:10")
    proxy.answer(status=503)
    for hour in (14, 15, 16):
        await _until(hass, freezer, f"18 {hour}:00")
    assert await _changes(hass, entry) == {"11-18 12:00": 0.0, "11-18 13:00": 1.0}
    proxy.recover()
    await _until(hass, freezer, "18 16:30")
    await _until(hass, freezer, "18 17:00")
    assert await _changes(hass, entry) == {f"11-18 {hour}:00": float(hour == 13) for hour in range(12, 17)}


async def test_after_a_lost_file_the_hours_before_stay_and_the_lost_ones_are_a_gap(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    await _start(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 1
    await _until(hass, freezer, "18 13:10")
    await _until(hass, freezer, "18 14:10")
    path = entry.runtime_data.ledger.path
    await _stop(hass, entry)
    before = await _changes(hass, entry)
    assert before == {"11-18 12:00": 0.0, "11-18 13:00": 1.0}
    for file in path.parent.glob(f"{path.stem}.*"):
        file.unlink()
    freezer.move_to("2026-11-18 17:10:00+00:00")
    await _start(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 2
    await _until(hass, freezer, "18 17:40")
    await _until(hass, freezer, "18 18:00")
    assert await _changes(hass, entry) == before | {"11-18 17:00": 2.0}


async def test_days_older_than_the_retention_are_one_row_each_and_never_spread_over_hours(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    begin = datetime(2026, 8, 10, tzinfo=UTC)
    path = write_past(hass, entry, steps(begin, dt_util.utcnow(), 6 * HOUR))
    await _start(hass, entry)
    changes = await _changes(hass, entry)
    # Ninety days before were at noon on 20 August; the first hour that is known after it, at six in the evening.
    old = {at for at in changes if at < "08-20 18:00"}
    assert old == {*(f"08-{day} 23:00" for day in range(10, 20)), "08-20 17:00"}
    ledger = _days(path, begin, datetime(2026, 11, 18, tzinfo=UTC), TOTAL, "cost")
    days = await _changes(hass, entry, period="day")
    assert {at: change for at, change in days.items() if at in ledger} == pytest.approx(ledger)
    states = {row[1]: row[2] for row in await _content(hass) if row[0] == statistic_id(entry.entry_id, TOTAL, "spend")}
    assert states[datetime(2026, 8, 12, 23, tzinfo=UTC).timestamp()] is None


async def test_hours_that_outlive_the_ledgers_stay_when_statistics_are_rebuilt(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-08-13 12:20:00+00:00")
    begin = datetime(2026, 8, 10, tzinfo=UTC)
    path = write_past(hass, entry, steps(begin, datetime(2026, 8, 13, tzinfo=UTC), HOUR))
    await _start(hass, entry)
    before = await _changes(hass, entry)
    await _stop(hass, entry)
    freezer.move_to("2026-11-18 12:20:00+00:00")
    _alter(path, "DELETE FROM posted WHERE resolution = 0")
    day = datetime(2026, 8, 11, tzinfo=UTC).toordinal()
    await _start(hass, entry)
    await entry.runtime_data.statistics.async_rebuild()
    after = await _changes(hass, entry)
    assert {at: after[at] for at in before} == before
    _alter(path, "UPDATE posted SET cost = cost + 1 WHERE resolution = 1 AND start = ?", day)
    await entry.runtime_data.statistics.async_rebuild()
    after = await _changes(hass, entry)
    assert [at for at in after if at.startswith("08-11")] == ["08-11 23:00"]
    assert {at: after[at] for at in before if at[:5] != "08-11"} == {
        at: change for at, change in before.items() if at[:5] != "08-11"
    }
    ledger = _days(path, begin, datetime(2026, 8, 13, tzinfo=UTC), TOTAL, "cost")
    days = await _changes(hass, entry, period="day")
    assert {at: days[at] for at in ledger} == pytest.approx(ledger)


async def test_turning_a_kind_on_shows_its_history(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    path = write_past(hass, entry, steps(datetime(2026, 11, 16, tzinfo=UTC), dt_util.utcnow(), QUARTER))
    await _start(hass, entry)
    assert await _changes(hass, entry, RED) == {}
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"]})
    await _stop(hass, entry)
    await _start(hass, entry)
    begin = datetime(2026, 11, 16, tzinfo=UTC)
    ledger = _days(path, begin, begin + timedelta(days=2), RED, "cost")
    days = await _changes(hass, entry, RED, period="day")
    assert {at: days[at] for at in ledger} == pytest.approx(ledger)


async def test_members_past_the_most_are_written_together(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    path = write_past(hass, entry, steps(datetime(2026, 11, 17, tzinfo=UTC), dt_util.utcnow(), QUARTER))
    hass.config_entries.async_update_entry(entry, options={"max_members": 1})
    await _start(hass, entry)
    names = {one["name"] for one in (await _metadata(hass)).values()}
    assert {name for name in names if name.endswith(" spend")} == {
        "LiteLLM spend",
        "LiteLLM claude-sonnet spend",
        "LiteLLM other models spend",
    }
    day = datetime(2026, 11, 17, tzinfo=UTC)
    together = await _changes(hass, entry, (Dimension.MODEL, OTHER), period="day")
    assert together["11-17 00:00"] == pytest.approx(
        _days(path, day, day + timedelta(days=1), GPT, "cost")["11-17 00:00"]
    )


async def test_a_renamed_member_keeps_its_id_and_gets_the_new_name(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"]})
    member = Dimension.TEAM, "t-1"
    identifier = statistic_id(entry.entry_id, member, "spend")
    proxy.traffic.add("litellm_spend_metric_total", 1, model="gpt-4o", team="t-1", team_alias="Red")
    await _start(hass, entry)
    proxy.traffic.add("litellm_spend_metric_total", 1, model="gpt-4o", team="t-1", team_alias="Red")
    await _until(hass, freezer, "18 12:40")
    await _until(hass, freezer, "18 13:00")
    assert (await _metadata(hass))[identifier]["name"] == "LiteLLM team Red spend"
    before = await _changes(hass, entry, member)
    proxy.traffic.add("litellm_spend_metric_total", 1, model="gpt-4o", team="t-1", team_alias="Blue")
    await _until(hass, freezer, "18 13:40")
    await _until(hass, freezer, "18 14:00")
    assert (await _metadata(hass))[identifier]["name"] == "LiteLLM team Blue spend"
    assert (await _changes(hass, entry, member)).items() >= before.items()


async def test_a_user_who_moves_gets_the_hours_of_the_new_zone(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    begin = datetime(2026, 11, 14, tzinfo=UTC)
    path = write_past(hass, entry, steps(begin, dt_util.utcnow(), QUARTER))
    await _start(hass, entry)
    await hass.config.async_update(time_zone="Asia/Kolkata")
    await _until(hass, freezer, "18 12:30")
    await _until(hass, freezer, "18 13:30")
    zone = dt_util.get_default_time_zone()
    ledger = _days(path, datetime(2026, 11, 15, tzinfo=zone), datetime(2026, 11, 18, tzinfo=zone), TOTAL, "cost")
    days = await _changes(hass, entry, period="day")
    assert {at: days[at] for at in ledger} == pytest.approx(ledger)
    assert {at[-2:] for at in await _changes(hass, entry)} == {"00"}


async def test_removing_the_entry_removes_its_statistics_and_no_others(
    hass: HomeAssistant, entry: MockConfigEntry, other_entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    await _start(hass, entry, other_entry)
    await _until(hass, freezer, "18 13:00")
    before = await _metadata(hass)
    # With an hour that is about to be written.
    freezer.move_to("2026-11-18 14:00:00+00:00")
    await pass_time(hass, freezer, 0)
    assert await hass.config_entries.async_remove(entry.entry_id)
    await _settle(hass)
    prefix = statistic_prefix(other_entry.entry_id)
    assert set(await _metadata(hass)) == {one for one in before if one.startswith(prefix)} != set()
    assert all(row[0].startswith(prefix) for row in await _content(hass))


async def test_statistics_of_persons_go_when_their_kind_is_turned_off_and_come_back_from_the_ledger(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    persons = {"hashed_api_key": "anna-1", "user": "anna@home", "end_user": "anna-3", "metadata_who": "anna-4"}
    kinds = ["key", "user", "customer", "metadata"]
    proxy.traffic.add("litellm_spend_metric_total", 1, model="gpt-4o", team="red", **persons)
    hass.config_entries.async_update_entry(entry, options={"dimensions": [*kinds, "team"]})
    await _start(hass, entry)
    proxy.traffic.add("litellm_spend_metric_total", 1, model="gpt-4o", team="red", **persons)
    await pass_time(hass, freezer)
    await _until(hass, freezer, "18 13:00")
    before = await _content(hass)
    assert sum("anna" in one["name"] for one in (await _metadata(hass)).values()) >= len(kinds)
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"]})
    await _stop(hass, entry)
    await _start(hass, entry)
    names = {one["name"] for one in (await _metadata(hass)).values()}
    assert not [one for one in names if "anna" in one]
    assert "LiteLLM team red spend" in names
    hass.config_entries.async_update_entry(entry, options={"dimensions": [*kinds, "team"]})
    await _stop(hass, entry)
    await _start(hass, entry)
    assert await _content(hass) == before


async def test_what_the_proxy_does_not_publish_has_no_statistics(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.unpublished = frozenset({"litellm_total_tokens_metric_total"})
    await _start(hass, entry)
    await _until(hass, freezer, "18 13:00")
    assert _published(await _metadata(hass), entry) == ["spend", "requests", "failed_requests"]
