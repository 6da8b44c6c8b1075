"""Reads the ledger's file for the API, beside the thread that writes it; never changes anything."""

# ruff: noqa: S608  # the names that are put in are the catalog's own

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from . import windows
from .catalog import COUNTERS, Dimension
from .changes import Resolution
from .errors import StoreError
from .models import ScrapeRow, Vector
from .totals import plus

_NAMES = tuple(metric.name for metric in COUNTERS)
_SUMS = ", ".join(f"total(usage.{name})" for name in _NAMES)
_WIDTH = len(_NAMES)


class Period(StrEnum):
    """What usage is cut into."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class UsageRow:
    """The usage of a group of members in one period."""

    start: datetime
    """When the period begins, in the zone."""
    group: tuple[str | None, ...]
    """Ids of members, in the order of the dimensions asked for; None where usage has none."""
    usage: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """Usage from `start` on and before `end`, cut into periods of a zone, split by dimensions."""

    start: datetime
    end: datetime
    period: Period
    zone: ZoneInfo
    dimensions: Sequence[Dimension] = ()


def usage(path: Path, query: UsageQuery) -> list[UsageRow]:
    """Return usage by time and group, in order; periods without any are left out.

    Hours, and days that are cut anywhere but at midnight, come from the quarter-hours, which are
    kept for the retention only; whole days and months are kept for good. Raises StoreError.
    """
    resolution, first, last = _span(query)
    sums: dict[tuple[datetime, tuple[str | None, ...]], Vector] = {}
    starts: dict[int, datetime] = {}
    for row in _rows(path, _statement(query.dimensions), (int(resolution), first, last)):
        number, group, vector = row[0], row[1:-_WIDTH], row[-_WIDTH:]
        if number not in starts:
            starts[number] = _period_start(query, resolution, number)
        key = starts[number], group
        known = sums.get(key)
        sums[key] = vector if known is None else plus(known, vector)
    return [UsageRow(*key, vector) for key, vector in sorted(sums.items(), key=_by_time_and_name)]


def history(path: Path, limit: int, before: int | None) -> list[ScrapeRow]:
    """Return the last scrapes before a time (see `ScrapeRow`), newest last; at most `limit`.

    A run of scrapes in which nothing changed is given back scrape by scrape. Raises StoreError.
    """
    found: list[ScrapeRow] = []
    statement = "SELECT * FROM scrapes WHERE at < ? ORDER BY at DESC LIMIT ?"
    for row in _rows(path, statement, (before if before is not None else 1 << 62, limit)):
        at, until, scrapes, restarted, in_flight, *numbers = row
        vector = tuple(value or 0.0 for value in numbers)
        run = ScrapeRow(at, until, scrapes, bool(restarted), in_flight, vector[:_WIDTH], vector[_WIDTH:])
        found += reversed(unrolled(run, limit - len(found), before))
        if len(found) >= limit:
            break
    return found[::-1]


def unrolled(run: ScrapeRow, most: int, before: int | None = None) -> list[ScrapeRow]:
    """Return the scrapes that a row stands for, evenly spaced, the last `most` of them."""
    if run.scrapes == 1:
        return [run]
    step = (run.until - run.at) / (run.scrapes - 1)
    times = [round(run.at + index * step) for index in range(run.scrapes)]
    kept = [at for at in times if before is None or at < before][-most:]
    return [ScrapeRow(at, at, 1, run.restarted, run.in_flight_requests, run.increase, run.raw) for at in kept]


def _span(query: UsageQuery) -> tuple[Resolution, int, int]:
    """Return the rows to read for a query: their resolution, the first number, and the one after the last."""
    first, last = (windows.day_of(at, query.zone) for at in (query.start, query.end))
    whole_days = all(
        windows.start_of_day(day, query.zone) == at for day, at in ((first, query.start), (last, query.end))
    )
    if query.period is Period.HOUR or not whole_days:
        return Resolution.QUARTER, windows.quarter_of(query.start), -(-int(query.end.timestamp()) // 900)
    months = windows.month_of(first), windows.month_of(last)
    if query.period is Period.MONTH and (first, last) == tuple(map(windows.first_of_month, months)):
        return Resolution.MONTH, *months
    return Resolution.DAY, first, last


def _period_start(query: UsageQuery, resolution: Resolution, number: int) -> datetime:
    """Return when the period began that a row's number belongs to."""
    if resolution is Resolution.QUARTER:
        at = windows.quarter_start(number).astimezone(query.zone)
        if query.period is Period.HOUR:
            return at.replace(minute=0)
        number = windows.day_of(at, query.zone)
    elif resolution is Resolution.MONTH:
        number = windows.first_of_month(number)
    if query.period is Period.MONTH:
        number = windows.first_of_month(windows.month_of(number))
    return windows.start_of_day(number, query.zone)


def _statement(dimensions: Sequence[Dimension]) -> str:
    """Return the query for usage split by dimensions; usage without a member is kept, with NULL."""
    split = [f"by{index}" for index in range(len(dimensions))]
    joins = "".join(
        f" LEFT JOIN attributions {name} ON {name}.attribution = usage.attribution AND {name}.dimension = '{dimension}'"
        for name, dimension in zip(split, dimensions, strict=True)
    )
    groups = ", ".join(["usage.start", *(f"{name}.key" for name in split)])
    return (
        f"SELECT {groups}, {_SUMS} FROM usage{joins} "
        f"WHERE usage.resolution = ? AND usage.start >= ? AND usage.start < ? GROUP BY {groups}"
    )


def _rows(path: Path, statement: str, parameters: tuple[int, ...]) -> list[tuple[Any, ...]]:
    """Run a query on a connection of its own that cannot write."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(statement, parameters).fetchall()
    except sqlite3.Error as error:
        raise StoreError(str(error)) from error


def _by_time_and_name(item: tuple[tuple[datetime, tuple[str | None, ...]], Vector]) -> tuple[float, Iterable[str]]:
    """Return what rows are sorted by."""
    (start, group), _ = item
    return start.timestamp(), [name or "" for name in group]
