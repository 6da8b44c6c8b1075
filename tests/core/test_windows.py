"""Day, week, month, year and lifetime: any zone, both days of daylight saving time, and moving house."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest

from custom_components.litellm_pulse.core import windows
from custom_components.litellm_pulse.core.models import TOTAL, Snapshot, Window

from .bodies import cost
from .conftest import LedgerHarness

type Event = tuple[datetime, float]
"""When it was scraped, and how much."""

QUARTER = timedelta(minutes=15)


def _expected(events: Sequence[Event], now: datetime, zone: ZoneInfo) -> dict[str, float]:
    """Return the usage per window, worked out from the calendar alone."""
    today = now.astimezone(zone).date()
    begins = {
        "day": today,
        "week": today - timedelta(days=today.weekday()),
        "month": today.replace(day=1),
        "year": today.replace(month=1, day=1),
        "lifetime": date.min,
    }
    return {
        window: sum(amount for at, amount in events if at.astimezone(zone).date() >= begin)
        for window, begin in begins.items()
    }


class Meter:
    """A proxy whose spend grows by a known amount before each scrape."""

    def __init__(self, harness: LedgerHarness, first: datetime) -> None:
        """Make the first scrape."""
        self.harness = harness
        self.events: list[Event] = []
        self._value = 1000.0
        harness.now = first
        harness.scrape(cost(self._value, start=1.0), seconds=0)

    def spend(self, at: datetime, amount: float) -> Snapshot:
        """Spend, then scrape."""
        self._value += amount
        self.harness.now = at
        self.events.append((at, amount))
        return self.harness.scrape(cost(self._value, start=1.0), seconds=0)

    def spend_every(self, step: timedelta, first: datetime, last: datetime) -> None:
        """Spend a different amount at each step."""
        at = first
        while at < last:
            self.spend(at, len(self.events) % 7 + 1)
            at += step

    def check(self) -> None:
        """Compare every window with the calendar."""
        assert self.harness.per_window() == pytest.approx(_expected(self.events, self.harness.now, self.harness.zone))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("UTC", "2026-11-18", 24),
        ("Asia/Kathmandu", "2026-11-18", 24),
        ("Pacific/Chatham", "2026-11-18", 24),
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
        ("Pacific/Chatham", "2026-04-05", 25),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Africa/Cairo", "2026-04-24", 23),
        ("America/Santiago", "2026-09-06", 23),
        ("America/Havana", "2026-03-08", 23),
        ("America/Havana", "2026-11-01", 25),
    ],
)
def test_a_local_day_holds_exactly_its_own_quarter_hours(tmp_path: Path, zone: str, day: str, hours: float) -> None:
    harness = LedgerHarness(tmp_path / "ledger.db", zone=zone)
    local = date.fromisoformat(day)
    start, end = (windows.start_of_day(one, harness.zone) for one in (local.toordinal(), local.toordinal() + 1))
    assert (end.astimezone(UTC) - start.astimezone(UTC)) == timedelta(hours=hours)
    meter = Meter(harness, start.astimezone(UTC) - 3 * QUARTER)
    meter.spend_every(QUARTER, start.astimezone(UTC) - 2 * QUARTER, end.astimezone(UTC))
    assert len(meter.events) == hours * 4 + 2
    meter.check()
    assert harness.snapshot.window_starts[Window.DAY] == start
    harness.reopen()
    meter.check()
    meter.spend(end.astimezone(UTC), 5)
    assert harness.total(window=Window.DAY) == 5
    meter.check()
    harness.close()


def test_every_day_of_every_zone_begins_at_its_first_instant_and_on_a_quarter_hour() -> None:
    days = range(date(2026, 1, 1).toordinal(), date(2027, 1, 1).toordinal())
    for key in sorted(available_timezones()):
        zone = ZoneInfo(key)
        offsets = {zone.utcoffset(datetime(2026, month, 15)) for month in range(1, 13)}  # noqa: DTZ001
        # A zone whose clocks do not change in a year is as good as any of its days.
        for day in days if len(offsets) > 1 else days[:2]:
            start = windows.start_of_day(day, zone)
            assert start.timestamp() % windows.QUARTER_SECONDS == 0, (key, start)
            assert windows.day_of(start, zone) == day, (key, start)
            before = start.astimezone(UTC) - timedelta(seconds=1)
            assert windows.day_of(before, zone) == day - 1, (key, start)
            assert windows.next_boundary(before, zone) == start.astimezone(UTC), (key, start)


def test_a_day_that_a_zone_skips_is_passed_over(tmp_path: Path) -> None:
    harness = LedgerHarness(tmp_path / "ledger.db", zone="Pacific/Apia")
    eve = datetime(2011, 12, 29, 23, 45, tzinfo=harness.zone).astimezone(UTC)
    meter = Meter(harness, eve - QUARTER)
    meter.spend(eve, 3)
    assert eve < windows.next_boundary(eve, harness.zone) <= eve + QUARTER
    meter.spend(eve + QUARTER, 4)
    assert str(harness.snapshot.window_starts[Window.DAY]) == "2011-12-31 00:00:00+14:00"
    meter.check()
    harness.close()


def test_windows_begin_at_midnight_on_monday_on_the_first_and_on_new_year(harness: LedgerHarness) -> None:
    harness.zone = ZoneInfo("Europe/Berlin")
    Meter(harness, datetime(2026, 11, 18, 12, tzinfo=UTC))
    starts = {str(window): str(start) for window, start in harness.snapshot.window_starts.items()}
    assert starts == {
        "day": "2026-11-18 00:00:00+01:00",
        "week": "2026-11-16 00:00:00+01:00",
        "month": "2026-11-01 00:00:00+01:00",
        "year": "2026-01-01 00:00:00+01:00",
        "lifetime": "None",
    }


def test_windows_roll_over_on_time_without_a_scrape(harness: LedgerHarness) -> None:
    harness.zone = ZoneInfo("Asia/Kathmandu")
    meter = Meter(harness, datetime(2026, 12, 25, 12, tzinfo=UTC))
    zero = {"day": 0.0}
    for _ in range(9):
        meter.spend(harness.now, 2)
        boundary = windows.next_boundary(harness.now, harness.zone)
        assert harness.now < boundary <= harness.now + timedelta(days=1)
        harness.now = boundary - timedelta(seconds=1)
        before = harness.snapshot
        assert harness.roll() is before
        meter.check()
        harness.now = boundary
        assert harness.roll().window_starts[Window.DAY] == boundary
        assert {**harness.per_window(), **zero} == harness.per_window()
        meter.check()
    assert harness.per_window() == {"day": 0, "week": 12, "month": 4, "year": 4, "lifetime": 18}
    last = harness.snapshot.last_scrape
    harness.reopen()
    meter.check()
    assert harness.snapshot.last_scrape == last


def test_a_roll_over_that_was_slept_through_is_made_up_for(harness: LedgerHarness) -> None:
    meter = Meter(harness, datetime(2026, 11, 18, 12, tzinfo=UTC))
    meter.spend(harness.now, 3)
    harness.roll(days=400)
    meter.check()
    meter.spend(harness.now, 4)
    meter.check()
    harness.close()
    harness.now += timedelta(days=40)
    harness.open()
    meter.check()


def test_an_increase_belongs_to_the_window_that_contains_the_scrape(harness: LedgerHarness) -> None:
    meter = Meter(harness, datetime(2026, 11, 18, 23, 59, tzinfo=UTC))
    meter.spend(datetime(2026, 11, 19, 0, 0, tzinfo=UTC), 9)
    assert harness.per_window()["day"] == 9


@pytest.mark.parametrize("moved", ["while running", "while stopped"])
@pytest.mark.parametrize(
    ("zone", "other"),
    [
        ("UTC", "America/Los_Angeles"),
        ("Asia/Kathmandu", "Pacific/Kiritimati"),
        ("Pacific/Pago_Pago", "Pacific/Kiritimati"),
        ("Pacific/Kiritimati", "Pacific/Pago_Pago"),
        ("Europe/Berlin", "Australia/Lord_Howe"),
    ],
)
def test_a_change_of_zone_cuts_every_window_anew(tmp_path: Path, zone: str, other: str, moved: str) -> None:
    harness = LedgerHarness(tmp_path / "ledger.db", zone=zone)
    meter = Meter(harness, datetime(2026, 9, 1, tzinfo=UTC))
    meter.spend_every(
        timedelta(hours=5, minutes=45), datetime(2026, 9, 20, tzinfo=UTC), datetime(2026, 11, 2, 3, tzinfo=UTC)
    )
    for key in (other, zone, other):
        harness.zone = ZoneInfo(key)
        if moved == "while running":
            harness.ledger.set_zone(harness.zone, now=harness.now)
        else:
            harness.reopen()
        meter.check()
        assert harness.snapshot.window_starts == windows.starts(windows.day_of(harness.now, harness.zone), harness.zone)
    harness.reopen()
    meter.check()
    meter.spend(harness.now + timedelta(hours=1), 3)
    meter.check()
    assert _days(harness) == pytest.approx(_days_of(meter.events, harness.zone))
    harness.close()


def test_a_change_of_zone_to_itself_changes_nothing(harness: LedgerHarness) -> None:
    Meter(harness, datetime(2026, 11, 18, tzinfo=UTC)).spend(datetime(2026, 11, 18, 1, tzinfo=UTC), 2)
    before = harness.snapshot
    assert harness.ledger.set_zone(ZoneInfo("UTC"), now=harness.now) is before


def test_what_is_older_than_the_retention_is_deleted_in_small_steps_and_totals_stay(harness: LedgerHarness) -> None:
    meter = Meter(harness, datetime(2026, 1, 1, tzinfo=UTC))
    meter.spend_every(timedelta(minutes=30), datetime(2026, 1, 1, 1, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC))
    before = harness.per_window()["lifetime"]
    sizes = []
    for minute in range(8):
        meter.spend(datetime(2026, 6, 1, 0, minute, tzinfo=UTC), 1)
        sizes.append((_count(harness, "scrapes"), _count(harness, "usage WHERE resolution = 0")))
    steps = [one - other for (one, _), (other, _) in pairwise(sizes)]
    assert all(-1 <= deleted <= 500 for deleted in steps)
    assert sizes[0][0] > 900
    assert sizes[-1] == (8, 1)
    assert harness.per_window()["lifetime"] == before + 8
    meter.check()
    harness.reopen()
    meter.check()
    assert _days(harness) == pytest.approx(_days_of(meter.events, harness.zone))


def test_after_a_purge_a_change_of_zone_keeps_lifetime_and_is_exact_where_quarters_are_left(
    harness: LedgerHarness,
) -> None:
    meter = Meter(harness, datetime(2026, 1, 1, tzinfo=UTC))
    meter.spend_every(timedelta(hours=3), datetime(2026, 1, 1, 1, tzinfo=UTC), datetime(2026, 5, 10, tzinfo=UTC))
    old = _days(harness)
    for key in ("America/Los_Angeles", "Pacific/Kiritimati", "Asia/Kathmandu"):
        harness.zone = ZoneInfo(key)
        harness.ledger.set_zone(harness.zone, now=harness.now)
        assert _recent(harness.per_window()) == pytest.approx(
            _recent(_expected(meter.events, harness.now, harness.zone))
        )
        days, exact = _days(harness), _days_of(meter.events, harness.zone)
        assert sum(days.values()) == pytest.approx(sum(amount for _, amount in meter.events))
        covered = (harness.now - timedelta(days=88)).date().toordinal()
        assert {day: one for day, one in days.items() if day > covered} == pytest.approx(
            {day: one for day, one in exact.items() if day > covered}
        )
        gone = (harness.now - timedelta(days=93)).date().toordinal()
        assert {day: one for day, one in days.items() if day < gone} == {
            day: one for day, one in old.items() if day < gone
        }
        _check_months(harness)


def _recent(figures: Mapping[str, float]) -> dict[str, float]:
    """Return the windows that the purge has not reached; lifetime is all that was ever used."""
    return {window: value for window, value in figures.items() if window != "year"}


def _days(harness: LedgerHarness) -> dict[int, float]:
    """Return local day -> spend, off the file."""
    return {int(day): spend for day, spend in _rows(harness, 1)}


def _days_of(events: Sequence[Event], zone: ZoneInfo) -> dict[int, float]:
    """Return local day -> spend, from the calendar alone."""
    days: dict[int, float] = {}
    for at, amount in events:
        day = at.astimezone(zone).date().toordinal()
        days[day] = days.get(day, 0) + amount
    return days


def _check_months(harness: LedgerHarness) -> None:
    """Check that the months are the sums of their days."""
    months: dict[int, float] = {}
    for day, spend in _rows(harness, 1):
        month = windows.month_of(int(day))
        months[month] = months.get(month, 0) + spend
    assert {int(month): spend for month, spend in _rows(harness, 2)} == pytest.approx(months)


def _rows(harness: LedgerHarness, resolution: int) -> list[tuple[float, float]]:
    """Return (number, spend) of a resolution."""
    query = "SELECT start, total(cost) FROM usage WHERE resolution = ? GROUP BY start"
    with closing(sqlite3.connect(harness.path)) as connection:
        return connection.execute(query, (resolution,)).fetchall()


def _count(harness: LedgerHarness, table: str) -> int:
    """Return how many rows a table has."""
    with closing(sqlite3.connect(harness.path)) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        return int(count)


def test_a_member_without_usage_has_zero_in_every_window(harness: LedgerHarness) -> None:
    Meter(harness, datetime(2026, 11, 18, tzinfo=UTC))
    assert harness.per_window() == dict.fromkeys(harness.per_window(), 0.0)
    assert harness.snapshot.usage.get(TOTAL) is None
