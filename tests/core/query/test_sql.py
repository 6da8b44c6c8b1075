"""The past is read off the file as it was: nothing is missing, nothing is there twice."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse.core.catalog import COUNTER_INDEX, Dimension
from custom_components.litellm_pulse.core.errors import StoreError
from custom_components.litellm_pulse.core.query import Period, UsageQuery, sql
from custom_components.litellm_pulse.core.store.writer import RECENT_SCRAPES

from ..bodies import COST, START, body, cost, family, series
from ..conftest import LedgerHarness

BERLIN = ZoneInfo("Europe/Berlin")
_COST = COUNTER_INDEX["cost"]


def _spend(harness: LedgerHarness, query: UsageQuery) -> list[tuple[str, tuple[str | None, ...], float]]:
    """Return period, group and spend of each row."""
    return [(row.start.isoformat(), row.group, row.usage[_COST]) for row in sql.usage(harness.path, query)]


def _at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    """Return a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def _ask(start: str, end: str, period: Period = Period.DAY, *dimensions: Dimension) -> UsageQuery:
    """Return a question in the zone of Berlin."""
    return UsageQuery(start=_at(start), end=_at(end), period=period, zone=BERLIN, dimensions=dimensions)


def _history(harness: LedgerHarness, limit: int) -> list[int]:
    """Return when the last scrapes were, in seconds since the test began."""
    found = sql.history(harness.path, limit, harness.snapshot.recent, harness.snapshot.runs)
    return [row.at // 1000 - int(START.timestamp()) for row in found]


# Usage


def test_the_first_day_is_the_first_that_has_usage(harness: LedgerHarness) -> None:
    harness.scrape(cost(1))
    assert sql.first_day(harness.path) is None
    for _ in range(2):
        harness.now += timedelta(days=1)
        harness.scrape(cost(harness.now.day))
    assert sql.first_day(harness.path) == START.toordinal() + 1


def test_usage_is_cut_at_local_midnight(tmp_path: Path) -> None:
    harness = LedgerHarness(tmp_path / "a.db", now=_at("2026-11-18T23:57").astimezone(UTC), zone="Europe/Berlin")
    for spend in (1, 2, 4, 8):
        harness.scrape(cost(spend, start=1.0))
    harness.crash()
    assert _spend(harness, _ask("2026-11-18", "2026-11-20")) == [
        ("2026-11-18T00:00:00+01:00", (), 1.0),
        ("2026-11-19T00:00:00+01:00", (), 6.0),
    ]
    assert _spend(harness, _ask("2026-11-01", "2026-12-01", Period.MONTH)) == [("2026-11-01T00:00:00+01:00", (), 7.0)]


def test_the_day_on_which_clocks_are_set_back_has_two_hours_of_the_same_name(tmp_path: Path) -> None:
    harness = LedgerHarness(tmp_path / "a.db", now=datetime(2026, 10, 25, 0, 29, tzinfo=UTC), zone="Europe/Berlin")
    harness.scrape(cost(1, start=1.0))
    harness.scrape(cost(2, start=1.0), seconds=60)
    harness.scrape(cost(4, start=1.0), seconds=3600)
    harness.crash()
    assert _spend(harness, _ask("2026-10-25", "2026-10-26", Period.HOUR)) == [
        ("2026-10-25T02:00:00+02:00", (), 1.0),
        ("2026-10-25T02:00:00+01:00", (), 2.0),
    ]
    assert _spend(harness, _ask("2026-10-25", "2026-10-26")) == [("2026-10-25T00:00:00+02:00", (), 3.0)]


def test_usage_is_split_by_any_dimensions_and_what_has_none_is_kept(harness: LedgerHarness) -> None:
    one, two = series(model="gpt-4o", team="a"), series(model="opus")
    harness.scrape(body(family(COST, {one: 1, two: 1}), start=1.0))
    harness.scrape(body(family(COST, {one: 2, two: 5}), start=1.0))
    query = _ask("2026-11-01", "2026-12-01", Period.MONTH, Dimension.MODEL, Dimension.TEAM)
    assert [(group, spend) for _, group, spend in _spend(harness, query)] == [
        (("gpt-4o", "a"), 1.0),
        (("opus", None), 4.0),
    ]


def test_a_time_of_day_is_cut_at_quarter_hours(tmp_path: Path) -> None:
    harness = LedgerHarness(tmp_path / "a.db", now=_at("2026-11-18T09:57").astimezone(UTC), zone="Europe/Berlin")
    for spend in (1, 2, 4, 8):
        harness.scrape(cost(spend, start=1.0))
    harness.crash()
    assert _spend(harness, _ask("2026-11-18T10:00", "2026-11-18T10:15")) == [("2026-11-18T00:00:00+01:00", (), 6.0)]
    assert _spend(harness, _ask("2026-11-18T00:00", "2026-11-18T10:00")) == [("2026-11-18T00:00:00+01:00", (), 1.0)]


def test_it_is_known_since_when_the_quarter_hours_are_kept(harness: LedgerHarness) -> None:
    harness.scrape(cost(1, start=1.0))
    hours = _ask("2026-01-01", "2027-01-01", Period.HOUR)
    assert sql.usage_since(harness.path, hours) is None
    spare_copy = harness.spare_copy()
    harness.crash()
    harness.path.unlink()
    harness.open(spare_copy)
    harness.scrape(cost(2, start=1.0))
    since = sql.usage_since(harness.path, hours)
    assert since is not None
    assert 0 <= (harness.now - since).total_seconds() < 900 + 60
    # The running day came out of the spare copy; the days before it are not known by themselves.
    days = sql.usage_since(harness.path, _ask("2026-01-01", "2027-01-01"))
    assert days is not None
    assert days.isoformat() == "2026-11-18T00:00:00+01:00"


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        list(sql.usage(tmp_path / "none.db", _ask("2026-01-01", "2027-01-01")))


# History


def test_history_is_the_same_whether_it_is_in_memory_or_in_the_file(harness: LedgerHarness) -> None:
    spends = [1, 2, 2, 2, 3, 3, 4]
    for spend in spends:
        harness.scrape(cost(spend, start=1.0))
    in_memory = sql.history(harness.path, 99, harness.snapshot.recent, harness.snapshot.runs)
    harness.reopen()
    in_file = sql.history(harness.path, 99, (), ())
    assert in_file == in_memory == list(harness.snapshot.recent)
    assert [row.increase[_COST] for row in in_file] == [0, 1, 0, 0, 1, 0, 1]
    assert [row.raw[_COST] for row in in_file] == spends


@pytest.mark.parametrize("limit", [0, 1, 3, 6, 7, 9, 10, 99])
def test_history_over_a_restart_has_every_scrape_once(harness: LedgerHarness, limit: int) -> None:
    for spend in (1, 1, 1, 2, 2, 3):
        harness.scrape(cost(spend, start=1.0))
    harness.reopen()
    for spend in (3, 3, 3, 4):
        harness.scrape(cost(spend, start=1.0))
    every = [60 * number for number in range(1, 11)]
    assert _history(harness, limit) == every[-limit:] if limit else not _history(harness, limit)


@pytest.mark.parametrize("seconds", [10, 60])
@pytest.mark.parametrize("more", [1, 2, 20, 40])
def test_a_long_idle_run_that_the_ring_has_partly_forgotten_has_every_scrape_once(
    harness: LedgerHarness, seconds: int, more: int
) -> None:
    count = RECENT_SCRAPES + more
    for _ in range(count):
        harness.scrape(cost(1, start=1.0), seconds=seconds)
    assert _history(harness, 9999) == [seconds * number for number in range(1, count + 1)]
    assert _history(harness, RECENT_SCRAPES + 1) == _history(harness, 9999)[-RECENT_SCRAPES - 1 :]


def test_a_run_that_grew_in_the_file_after_the_snapshot_adds_nothing(harness: LedgerHarness) -> None:
    for _ in range(RECENT_SCRAPES + 3):
        harness.scrape(cost(1, start=1.0))
    then = harness.snapshot
    before = sql.history(harness.path, 9999, then.recent, then.runs)
    for _ in range(40):
        harness.scrape(cost(1, start=1.0))
    assert sql.history(harness.path, 9999, then.recent, then.runs) == before


def test_only_the_first_scrape_of_a_run_is_the_restart(harness: LedgerHarness) -> None:
    harness.scrape(cost(1, start=1.0))
    for _ in range(3):
        harness.scrape(cost(0, start=START.timestamp() + 90))
    harness.reopen()
    found = sql.history(harness.path, 9, (), ())
    assert [row.restarted for row in found] == [False, True, False, False]


def test_recent_scrapes_need_no_file(harness: LedgerHarness) -> None:
    for _ in range(3):
        harness.scrape(cost(1, start=1.0))
    recent = harness.snapshot.recent
    assert sql.history(harness.path.with_name("none.db"), 2, recent, ()) == list(recent[1:])
    with pytest.raises(StoreError):
        sql.history(harness.path.with_name("none.db"), 4, recent, ())


def test_after_a_restart_the_last_scrapes_are_in_memory(harness: LedgerHarness) -> None:
    for scrape in range(RECENT_SCRAPES + 30):
        # Busy and idle by turns: idle scrapes are one row of the file.
        harness.scrape(cost(scrape // 4, start=1.0))
    before = [row.at for row in harness.snapshot.recent]
    harness.reopen()
    assert len(harness.snapshot.recent) == RECENT_SCRAPES
    assert [row.at for row in harness.snapshot.recent] == before
    harness.scrape(cost(1000, start=1.0))
    assert [row.at for row in harness.snapshot.recent][:-1] == before[1:]
