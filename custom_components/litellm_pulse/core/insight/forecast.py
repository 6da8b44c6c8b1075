"""What the ledger's past makes of the present: the forecast of this month, and unusual spend.

The forecast is what was spent this month, and for what is left of it the usual spend of each
weekday: the mean of that weekday's whole days among the last 28; for a weekday that has not been
seen yet, the mean of all whole days among them. What is left of today counts by its share of the
day. Before one whole day was seen there is no forecast.

The spend of the current hour is unusual by its distance from the median of the same hour of the
last 14 days, measured in their robust spread: 1.4826 times the median absolute deviation, which is
the standard deviation where noise is normal, but at least a tenth of the median and at least five
cents, so that a flat history does not cry over a cent. Before seven of those hours were seen,
nothing is unusual. What a scrape finds after a gap was spent all along it, also after a short one
into the current hour, and an hour that was not seen whole is unknown. (Iglewicz and Hoaglin, How to
Detect and Handle Outliers, 1993.)
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from zoneinfo import ZoneInfo

from .. import windows
from ..errors import StoreError
from ..models import TOTAL, Insight, Snapshot, Window
from ..store import reading
from ..windows import Resolution
from .gaps import GapSpend, gaps_of, read_gaps, spread
from .rate import spend_rate

PATTERN_DAYS = 28
"""Four of each weekday."""

SAME_HOURS = 14
SAME_HOURS_MIN = 7
"""Below this the median of a working week's hours is mostly chance."""

NORMAL = 1.4826
"""Turns a median absolute deviation into a standard deviation."""
LEAST_SHARE = 0.1
LEAST_USD = 0.05

_HOUR_QUARTERS = 4
_HOUR = timedelta(hours=1)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Past:
    """The spend of the past that an insight rests on; days and hours without any are zeros."""

    days: Mapping[int, float]
    """Whole local days of the last 28, by ordinal."""
    hours: Sequence[float]
    """The same local hour of the last 14 days, as far as it was seen whole."""
    hour: float
    """What was filed under the current hour, so far."""
    before_hour: float = 0.0
    """What of that was spent before it, in a gap."""
    last: int = 0
    """The last scrape, in UTC milliseconds."""
    since: datetime | None = None
    """When the first scrape was, UTC; None before one."""
    yesterday: float | None = None
    """None where nothing was seen before today."""
    last_month: float | None = None
    """None where nothing was seen before this month."""


def rest_of_month(days: Mapping[int, float], now: datetime, zone: ZoneInfo) -> float | None:
    """Return the usual spend from now to the end of the month; None before a whole day was seen."""
    if not days:
        return None
    today = windows.day_of(now, zone)
    end = windows.first_of_month(windows.month_of(today) + 1)
    left = _part_left(today, now, zone) * _usual(days, today)
    return left + sum(_usual(days, day) for day in range(today + 1, end))


def usual(hours: Sequence[float]) -> tuple[float, float] | None:
    """Return median and robust spread of the same hours; None where there are too few."""
    if len(hours) < SAME_HOURS_MIN:
        return None
    middle = median(hours)
    spread = NORMAL * median(abs(hour - middle) for hour in hours)
    return middle, max(spread, LEAST_SHARE * middle, LEAST_USD)


def past(path: Path, now: datetime, zone: ZoneInfo) -> Past:
    """Read what an insight rests on from a ledger's file, beside the thread's own connection.

    Raises StoreError.
    """
    with reading(path) as connection:
        return _read(connection, now, zone)


class Forecaster:
    """Reads the past once an hour, and tells the insight of every moment in between."""

    def __init__(self, path: Path) -> None:
        """Read nothing yet."""
        self._path = path
        self._read_for: tuple[float, int, str] | None = None
        self._past = Past({}, (), 0.0)
        self._rest: float | None = None
        self._usual: tuple[float, float] | None = None
        self._before_hour = 0.0
        """Lifetime spend when the hour began."""
        self._gaps_until = 0
        """The last scrape, in UTC milliseconds, that was looked at for a gap before it."""

    def insight(self, snapshot: Snapshot, now: datetime, zone: ZoneInfo) -> Insight:
        """Return the insight of a moment; without a forecast where the file cannot be read."""
        spent = snapshot.value(TOTAL, Window.LIFETIME, "cost")
        begin = _start_of_hour(now, zone)
        # Datetimes of one zone are equal where its clocks say the same: the hour that comes twice would be one.
        moment = begin.timestamp(), windows.day_of(now, zone), zone.key
        if moment != self._read_for:
            self._read_for = moment
            self._read(spent, now, zone)
            self._gaps_until = max(self._gaps_until, self._past.last)
        self._take_gaps(snapshot, begin)
        if self._past.since is None and snapshot.recent:
            # The first scrape was after the file was read for this hour.
            self._past = replace(self._past, since=datetime.fromtimestamp(snapshot.recent[0].at / 1000, UTC))
        since = self._past.since or now
        hour = max(0.0, spent - self._before_hour)
        return Insight(
            forecast=None if self._rest is None else snapshot.value(TOTAL, Window.MONTH, "cost") + self._rest,
            hour_spend=hour,
            usual_hour=self._usual[0] if self._usual else None,
            deviation=(hour - self._usual[0]) / self._usual[1] if self._usual else None,
            forecast_from=forecast_from(since, now, zone) if self._rest is None else None,
            unusual_from=None if self._usual else unusual_from(since, now, zone),
            yesterday=self._past.yesterday,
            last_month=self._past.last_month,
            rate=spend_rate(snapshot.recent),
        )

    def _take_gaps(self, snapshot: Snapshot, begin: datetime) -> None:
        """Take what was spent in gaps before the hour began for spent then."""
        if snapshot.recent and snapshot.recent[-1].at > self._gaps_until:
            for gap in gaps_of(snapshot.recent, self._gaps_until):
                self._before_hour += gap.cost - gap.within(begin, _END_OF_TIME)
            self._gaps_until = snapshot.recent[-1].at

    def _read(self, spent: float, now: datetime, zone: ZoneInfo) -> None:
        """Work out what holds for this hour."""
        try:
            found = past(self._path, now, zone)
        except StoreError:
            found = Past({}, (), 0.0)
        self._past = found
        self._rest = rest_of_month(found.days, now, zone)
        self._usual = usual(found.hours)
        self._before_hour = spent - found.hour + found.before_hour


def forecast_from(since: datetime, now: datetime, zone: ZoneInfo) -> datetime:
    """Return when a forecast that there is none of yet can be told: after a whole day, after today at least."""
    whole = windows.day_of(since, zone) + 2
    return windows.start_of_day(max(whole, windows.day_of(now, zone) + 1), zone)


def unusual_from(since: datetime, now: datetime, zone: ZoneInfo) -> datetime:
    """Return when enough hours will have been seen to tell an unusual one, after the current hour at least."""
    first = _start_of_hour(since, zone)
    whole = first if first == since else windows.next_hour(since, zone).astimezone(zone)
    enough = whole + timedelta(days=SAME_HOURS_MIN)
    return enough if enough > now else windows.next_hour(now, zone).astimezone(zone)


def _usual(days: Mapping[int, float], day: int) -> float:
    """Return the usual spend of a day."""
    weekday = date.fromordinal(day).weekday()
    same = [spent for seen, spent in days.items() if date.fromordinal(seen).weekday() == weekday]
    return fmean(same or days.values())


def _part_left(today: int, now: datetime, zone: ZoneInfo) -> float:
    """Return how much of today is left, from 0 to 1; days of 23 and 25 hours included."""
    begin, end = (windows.start_of_day(day, zone).timestamp() for day in (today, today + 1))
    return min(1.0, max(0.0, (end - now.timestamp()) / (end - begin)))


def _read(connection: sqlite3.Connection, now: datetime, zone: ZoneInfo) -> Past:
    """Read the past; what lies before the file's first scrape was not seen."""
    first, last = connection.execute("SELECT min(at), max(at) FROM scrapes").fetchone()
    if first is None:
        return Past({}, (), 0.0)
    since = datetime.fromtimestamp(first / 1000, UTC)
    begin = _start_of_hour(now, zone)
    gaps = read_gaps(connection, begin - timedelta(days=PATTERN_DAYS + 1))
    seen = [
        start
        for start in _same_hours(now, zone)
        if start >= since and not any(gap.overlaps(start, start + _HOUR) for gap in gaps)
    ]
    hour = _hour(connection, begin)
    # Also what a short one left behind of the hour before.
    into_hour = read_gaps(connection, begin, windows.LUMP_AFTER)
    today = windows.day_of(now, zone)
    month = windows.month_of(today)
    return Past(
        _days(connection, gaps, since, now, zone),
        [_hour(connection, start) for start in seen],
        hour,
        hour - spread(hour, into_hour, begin, _END_OF_TIME),
        last,
        since,
        _spent(connection, Resolution.DAY, today - 1) if since < windows.start_of_day(today, zone) else None,
        _spent(connection, Resolution.MONTH, month - 1)
        if since < windows.start_of_day(windows.first_of_month(month), zone)
        else None,
    )


def _spent(connection: sqlite3.Connection, resolution: Resolution, start: int) -> float:
    """Return the spend of one day or one month."""
    statement = "SELECT total(cost) FROM usage WHERE resolution = ? AND start = ?"
    (spent,) = connection.execute(statement, (int(resolution), start)).fetchone()
    return float(spent)


def _days(
    connection: sqlite3.Connection, gaps: Sequence[GapSpend], since: datetime, now: datetime, zone: ZoneInfo
) -> dict[int, float]:
    """Return the spend of the whole days that were seen."""
    today = windows.day_of(now, zone)
    first = max(windows.day_of(since, zone) + 1, today - PATTERN_DAYS)
    statement = "SELECT start, total(cost) FROM usage WHERE resolution = ? AND start >= ? AND start < ? GROUP BY start"
    spent = dict(connection.execute(statement, (int(Resolution.DAY), first, today)).fetchall())
    starts = [windows.start_of_day(day, zone) for day in range(first, today + 1)]
    return {
        day: spread(spent.get(day, 0.0), gaps, begin, end)
        for day, (begin, end) in zip(range(first, today), pairwise(starts), strict=True)
    }


def _hour(connection: sqlite3.Connection, start: datetime) -> float:
    """Return the spend of the hour that begins then."""
    quarter = windows.quarter_of(start)
    statement = "SELECT total(cost) FROM usage WHERE resolution = ? AND start >= ? AND start < ?"
    (spent,) = connection.execute(statement, (int(Resolution.QUARTER), quarter, quarter + _HOUR_QUARTERS)).fetchone()
    return float(spent)


def _same_hours(now: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield when the current local hour began on each of the last 14 days, the latest first."""
    local = _start_of_hour(now, zone)
    for days in range(1, SAME_HOURS + 1):
        start = (local - timedelta(days=days)).replace(fold=0)
        # In the night in which clocks are set forward, an hour is missing.
        if start.astimezone(UTC).astimezone(zone).hour == start.hour:
            yield start


def _start_of_hour(now: datetime, zone: ZoneInfo) -> datetime:
    """Return when the local hour began that contains `now`: an hour before it ends, whatever clocks are set by."""
    return (windows.next_hour(now, zone) - _HOUR).astimezone(zone)
