"""The forecast and unusual spend, by the rules that their module states."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse.core.insight.forecast import (
    Forecaster,
    Past,
    _same_hours,
    forecast_from,
    past,
    rest_of_month,
    unusual_from,
    usual,
)
from custom_components.litellm_pulse.core.ledger import Ledger
from custom_components.litellm_pulse.core.models import Insight

from ..bodies import cost, read
from ..conftest import LedgerHarness

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 18, 12, tzinfo=BERLIN)
"""A Wednesday with twelve days of its month behind it, half of its own day, and twelve days to come."""

TODAY = date(2026, 11, 18).toordinal()


def _days(*spent: float) -> dict[int, float]:
    """Return whole days, the last of them yesterday."""
    return {TODAY - len(spent) + index: value for index, value in enumerate(spent)}


def test_without_a_whole_day_there_is_no_forecast() -> None:
    assert rest_of_month({}, NOON, BERLIN) is None


def test_one_whole_day_is_taken_for_all() -> None:
    assert rest_of_month(_days(2), NOON, BERLIN) == pytest.approx(2 * 12.5)


def test_weekends_are_forecast_as_weekends() -> None:
    # Two weeks of 10 on working days and 1 at the weekend; 18 to 30 November has two weekends.
    spent = [1.0 if date.fromordinal(TODAY - ago).weekday() > 4 else 10.0 for ago in range(14, 0, -1)]
    assert rest_of_month(_days(*spent), NOON, BERLIN) == pytest.approx(0.5 * 10 + 8 * 10 + 4 * 1)


def test_a_weekday_that_was_not_seen_yet_is_the_mean_of_all() -> None:
    monday = datetime(2026, 11, 30, tzinfo=BERLIN)
    seen = {date(2026, 11, 28).toordinal(): 1.0, date(2026, 11, 29).toordinal(): 3.0}
    assert rest_of_month(seen, monday, BERLIN) == pytest.approx(2)


def test_nothing_is_left_of_a_month_that_ends() -> None:
    assert rest_of_month(_days(5), datetime(2026, 11, 30, 23, 59, 59, 999999, BERLIN), BERLIN) == pytest.approx(
        0, abs=1e-3
    )


@pytest.mark.parametrize(
    ("noon", "left"),
    [(datetime(2026, 3, 29, 12, tzinfo=BERLIN), 12 / 23 + 2), (datetime(2026, 10, 25, 12, tzinfo=BERLIN), 12 / 25 + 6)],
)
def test_days_of_23_and_25_hours_count_by_their_own_length(noon: datetime, left: float) -> None:
    yesterday = noon.date().toordinal() - 1
    assert rest_of_month({yesterday: 1.0}, noon, BERLIN) == pytest.approx(left)


def test_six_hours_are_not_enough_to_know_what_is_usual() -> None:
    assert usual([1.0] * 6) is None


@pytest.mark.parametrize(
    ("hours", "median", "spread"),
    [
        ([0] * 14, 0, 0.05),
        ([10] * 7, 10, 1),
        ([1, 2, 3, 4, 5, 6, 7], 4, 1.4826 * 2),
        # One wild hour moves neither.
        ([1, 2, 3, 4, 5, 6, 700], 4, 1.4826 * 2),
    ],
)
def test_the_spread_is_robust_and_never_nothing(hours: list[float], median: float, spread: float) -> None:
    assert usual(hours) == pytest.approx((median, spread))


class _Proxy:
    """A proxy whose spend a test decides, and the ledger that scrapes it."""

    def __init__(self, path: Path, now: datetime) -> None:
        self.path = path
        self.now = now
        self.spent = 0.0
        self.ledger = Ledger.open(path, now=now, zone=BERLIN)
        self.forecaster = Forecaster(path)
        self.scrape()

    def scrape(self, by: float = 0.0) -> Insight:
        """Let it spend, and look."""
        self.spent += by
        body = (
            "process_start_time_seconds 1700000000\n"
            f'# TYPE litellm_spend_metric_total counter\nlitellm_spend_metric_total{{model="m"}} {self.spent}\n'
        )
        self.ledger.scrape(read(self.ledger.parser(), body.encode()), now=self.now, answered_at=self.now)
        return self.insight()

    def insight(self) -> Insight:
        """Return the insight without a scrape."""
        return self.forecaster.insight(self.ledger.snapshot, self.now, BERLIN)

    def live(self, days: int, *spend: float) -> Insight:
        """Scrape at each full hour and half, and spend by the hour of the day."""
        for _ in range(days * 24):
            self.now += timedelta(minutes=30)
            self.scrape(spend[self.now.astimezone(BERLIN).hour % len(spend)])
            self.now += timedelta(minutes=30)
        return self.scrape()


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[_Proxy]:
    """Return a proxy that was first scraped at midnight in Berlin, on 1 November."""
    proxy = _Proxy(tmp_path / "ledger.db", datetime(2026, 10, 31, 23, tzinfo=UTC))
    yield proxy
    proxy.ledger.close()


def test_the_forecast_is_what_was_spent_and_what_is_usual_for_the_rest(proxy: _Proxy) -> None:
    assert proxy.insight().forecast is None
    # The day of the first scrape is not whole.
    assert proxy.live(1, 0.5).forecast is None
    insight = proxy.live(1, 0.5)
    assert insight.forecast == pytest.approx(30 * 12)
    assert proxy.scrape(100).forecast == pytest.approx(30 * 12 + 100)


def test_the_day_of_the_first_scrape_is_no_whole_day(proxy: _Proxy) -> None:
    proxy.now += timedelta(hours=23, minutes=59)
    assert proxy.scrape(50).forecast is None
    proxy.now += timedelta(minutes=2)
    assert proxy.scrape().forecast is None


def test_hours_before_the_first_scrape_are_not_hours_without_spend(proxy: _Proxy) -> None:
    assert len(past(proxy.path, proxy.now, BERLIN).hours) == 0
    proxy.live(3, 0.5)
    assert past(proxy.path, proxy.now, BERLIN).hours == [0.5, 0.5, 0.5]


def test_an_hour_is_compared_with_the_same_hour_of_other_days(proxy: _Proxy) -> None:
    busy_at_night = [5.0, *[0.1] * 23]
    assert proxy.live(6, *busy_at_night).deviation is None
    proxy.live(2, *busy_at_night)
    assert proxy.scrape(5).deviation == pytest.approx(0)
    for _ in range(12):
        proxy.now += timedelta(hours=1)
        proxy.scrape()
    insight = proxy.scrape(5)
    assert insight.usual_hour == pytest.approx(0.1)
    assert insight.hour_spend == pytest.approx(5)
    assert insight.deviation == pytest.approx(4.9 / 0.05)


@pytest.mark.parametrize("restarted", [False, True])
def test_what_an_outage_leaves_behind_was_not_spent_in_the_hour_it_ended(proxy: _Proxy, *, restarted: bool) -> None:
    proxy.live(9, 0.5)
    proxy.now += timedelta(hours=23, minutes=30)
    insight = proxy.scrape(12)
    if restarted:
        proxy.forecaster = Forecaster(proxy.path)
        insight = proxy.insight()
    # Half an hour of 23 and a half.
    assert insight.hour_spend == pytest.approx(12 / 23.5 / 2, rel=1e-3)
    assert insight.deviation is not None
    assert insight.deviation < 1


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("minutes", [16, 40, 58])
def test_what_a_short_outage_leaves_behind_of_the_hour_before_was_spent_then(
    proxy: _Proxy, minutes: int, *, restarted: bool
) -> None:
    proxy.live(9, 0.5)
    proxy.now += timedelta(minutes=62 - minutes)
    proxy.scrape(0.1)
    proxy.now += timedelta(minutes=minutes)
    insight = proxy.scrape(5)
    if restarted:
        proxy.forecaster = Forecaster(proxy.path)
        insight = proxy.insight()
    # Two minutes of it.
    assert insight.hour_spend == pytest.approx(5 * 2 / minutes, rel=0.05)


def test_an_hour_that_was_not_seen_is_unknown_and_not_without_spend(proxy: _Proxy) -> None:
    proxy.live(4, 0.5)
    proxy.now += timedelta(days=2)
    proxy.scrape(24)
    proxy.live(1, 0.5)
    found = past(proxy.path, proxy.now, BERLIN)
    assert found.hours == [0.5] * len(found.hours)
    assert len(found.hours) in {3, 4}
    # The days are forecast from what was spent on them, as far as anybody can tell.
    assert all(10 < spent < 14 for spent in found.days.values())


def test_the_hour_that_clocks_leave_out_is_not_compared() -> None:
    missing = datetime(2026, 3, 29, 2, tzinfo=BERLIN)
    hours = list(_same_hours(missing + timedelta(days=3), BERLIN))
    assert len(hours) == 13
    assert all(hour.astimezone(UTC).astimezone(BERLIN).hour == 2 for hour in hours)


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("Europe/Berlin", "2026-10-25T00:00+02:00"),
        ("Europe/Berlin", "2026-03-29T00:00+01:00"),
        ("America/Sao_Paulo", "2018-11-03T23:00-03:00"),
        ("Australia/Lord_Howe", "2026-04-05T00:00+11:00"),
        ("Australia/Lord_Howe", "2026-10-04T00:00+10:30"),
    ],
)
def test_in_a_night_in_which_clocks_are_set_no_hour_has_more_than_its_own_spend(
    tmp_path: Path, zone: str, midnight: str
) -> None:
    night = datetime.fromisoformat(midnight).astimezone(UTC)
    harness = LedgerHarness(tmp_path / "ledger.db", now=night - timedelta(minutes=65), zone=zone)
    forecaster, spent = Forecaster(harness.path), 0.0
    harness.scrape(cost(spent, start=1e9), seconds=0)
    for _ in range(6 * 12):
        spent += 1
        harness.scrape(cost(spent, start=1e9), seconds=300)
        local = harness.now.astimezone(harness.zone)
        found = forecaster.insight(harness.snapshot, harness.now, harness.zone).hour_spend
        assert found == pytest.approx(local.minute / 5 + 1), local
    harness.close()


def test_the_current_hour_survives_a_restart(proxy: _Proxy) -> None:
    proxy.live(8, 0.5)
    proxy.scrape(3)
    assert proxy.insight().hour_spend == pytest.approx(3)
    assert Forecaster(proxy.path).insight(proxy.ledger.snapshot, proxy.now, BERLIN).hour_spend == pytest.approx(3)


def test_a_new_hour_begins_without_spend(proxy: _Proxy) -> None:
    proxy.scrape(3)
    proxy.now += timedelta(hours=1)
    assert proxy.insight().hour_spend == 0


def test_the_file_is_read_once_an_hour(proxy: _Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[datetime] = []
    module = "custom_components.litellm_pulse.core.insight.forecast.past"

    def read(path: Path, now: datetime, zone: ZoneInfo) -> Past:
        reads.append(now)
        return past(path, now, zone)

    monkeypatch.setattr(module, read)
    for _ in range(12):
        proxy.now += timedelta(minutes=10)
        proxy.scrape(0.25)
    assert len(reads) == 2


def test_a_file_that_cannot_be_read_gives_no_forecast(tmp_path: Path, proxy: _Proxy) -> None:
    proxy.live(3, 0.5)
    insight = Forecaster(tmp_path / "gone.db").insight(proxy.ledger.snapshot, proxy.now, BERLIN)
    assert (insight.forecast, insight.deviation) == (None, None)


@pytest.mark.parametrize(
    ("now", "from_"),
    [
        ("2026-11-18 12:00", "2026-11-20 00:00"),
        ("2026-11-19 23:00", "2026-11-20 00:00"),
        # It ought to be there by now, but the day was not seen whole.
        ("2026-11-21 12:00", "2026-11-22 00:00"),
    ],
)
def test_a_forecast_is_promised_for_a_time_that_is_still_to_come(now: str, from_: str) -> None:
    since, at, promised = (datetime.fromisoformat(f"{one}+00:00") for one in ("2026-11-18 12:00", now, from_))
    assert forecast_from(since, at, ZoneInfo("UTC")) == promised


@pytest.mark.parametrize(
    ("since", "now", "from_"),
    [
        ("2026-11-18 12:00", "2026-11-18 12:00", "2026-11-25 12:00"),
        ("2026-11-18 12:01", "2026-11-18 12:01", "2026-11-25 13:00"),
        ("2026-11-18 12:01", "2026-11-26 13:30", "2026-11-26 14:00"),
    ],
)
def test_unusual_spend_is_promised_for_a_time_that_is_still_to_come(since: str, now: str, from_: str) -> None:
    began, at, promised = (datetime.fromisoformat(f"{one}+00:00") for one in (since, now, from_))
    assert unusual_from(began, at, ZoneInfo("UTC")) == promised
