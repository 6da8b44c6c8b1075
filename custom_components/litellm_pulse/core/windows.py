"""Day, week, month, year and lifetime in any zone of the world.

Local days are 23, 24 or 25 hours long; a bucket is a quarter of an hour of UTC, the finest offset
that zones have, so every local day is a whole number of buckets.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from .models import Window

QUARTER_SECONDS = 900

LUMP_AFTER = timedelta(seconds=QUARTER_SECONDS)
"""What a scrape tells this long after the one before it, or longer, was used in more than one quarter-hour."""
UNSEEN_AFTER = timedelta(hours=1)
"""Scrapes further apart leave hours of which it is unknown what was used in them."""


class Bucket(NamedTuple):
    """What the usage of an instant is added to, by number."""

    quarter: int
    """UTC quarter-hour."""
    day: int
    """Local day."""
    month: int
    """Local month."""


class Resolution(IntEnum):
    """How finely a row of usage is cut: UTC quarter-hours, local days, local months."""

    QUARTER = 0
    DAY = 1
    MONTH = 2


type UsageKey = tuple[Resolution, int, int]
"""Resolution, number of the quarter, day or month, attribution."""


def bucket_of(now: datetime, zone: ZoneInfo) -> Bucket:
    """Return the bucket that `now` belongs to."""
    day = day_of(now, zone)
    return Bucket(quarter_of(now), day, month_of(day))


def quarter_of(now: datetime) -> int:
    """Return the number of the UTC quarter-hour that contains `now`, counted from 1970."""
    return int(now.timestamp()) // QUARTER_SECONDS


def quarter_start(quarter: int) -> datetime:
    """Return the instant at which a quarter-hour begins, in UTC."""
    return datetime.fromtimestamp(quarter * QUARTER_SECONDS, UTC)


def day_of(now: datetime, zone: ZoneInfo) -> int:
    """Return the local day that contains `now`, as an ordinal (`date.toordinal`)."""
    return now.astimezone(zone).date().toordinal()


def month_of(day: int) -> int:
    """Return the number of the month that a day belongs to, counted in months from year 0."""
    local = date.fromordinal(day)
    return local.year * 12 + local.month - 1


def first_of_month(month: int) -> int:
    """Return the first day of a month, as an ordinal."""
    return date(month // 12, month % 12 + 1, 1).toordinal()


def start_of_day(day: int, zone: ZoneInfo) -> datetime:
    """Return the first instant of a local day, in the zone.

    Where midnight itself is skipped by daylight saving time, it is the instant of the change.
    """
    local = date.fromordinal(day)
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone)
    return midnight.astimezone(UTC).astimezone(zone)


@lru_cache(maxsize=16)
def starts(day: int, zone: ZoneInfo, week_start: int = 0) -> Mapping[Window, datetime | None]:
    """Return when each window that contains a local day began: midnight, the week's first day, the 1st, 1 January."""
    began = {window: start_of_day(first, zone) for window, first in first_days(day, week_start).items()}
    return {**began, Window.LIFETIME: None}


def first_days(day: int, week_start: int = 0) -> dict[Window, int]:
    """Return the first day of each window that contains a local day; a week begins on `week_start`, 0 for Monday."""
    local = date.fromordinal(day)
    return {
        Window.DAY: day,
        Window.WEEK: day - (local.weekday() - week_start) % 7,
        Window.MONTH: day - local.day + 1,
        Window.YEAR: date(local.year, 1, 1).toordinal(),
    }


def next_boundary(now: datetime, zone: ZoneInfo) -> datetime:
    """Return when the next window begins: the next local midnight, in UTC."""
    boundary = start_of_day(day_of(now, zone) + 1, zone).astimezone(UTC)
    # Zones have skipped whole days (Samoa, 30 December 2011): never return an instant that is past.
    return boundary if boundary > now else now.astimezone(UTC) + timedelta(minutes=15)


def next_hour(now: datetime, zone: ZoneInfo) -> datetime:
    """Return when the next local hour begins, in UTC."""
    local = now.astimezone(zone)
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return now.astimezone(UTC) + timedelta(hours=1) - past
