"""Reads the ledger's file for the API, beside the thread that writes it; never changes anything."""

# ruff: noqa: S608  # the names that are put in are the catalog's own

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from .. import windows
from ..catalog import COUNTERS, Dimension
from ..models import ScrapeRow, Vector
from ..store import reading
from ..windows import Resolution

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


def usage(path: Path, query: UsageQuery) -> Iterator[UsageRow]:
    """Yield usage by time and group, in order; periods without any are left out.

    Hours, and days that are cut anywhere but at midnight, come from the quarter-hours, which are
    kept for the retention only; whole days and months are kept for good. No more than a period is
    held at a time. Raises StoreError.
    """
    statement = _statement(query.dimensions)
    resolution, first, last = _span(query)
    if resolution is not Resolution.QUARTER:
        # Before that there are sums of many days or months, in the place of one.
        first = max(first, _known_from(path, resolution, query.zone) or first)
    with reading(path) as connection:
        # All periods as of one moment, whatever is posted meanwhile.
        connection.execute("BEGIN")
        known = "SELECT coalesce(min(start), 0), coalesce(max(start), -1) FROM usage WHERE resolution = ?"
        oldest, newest = connection.execute(known, (int(resolution),)).fetchone()
        for start, numbers in _periods(query, resolution, range(max(first, oldest), min(last, newest + 1))):
            for row in connection.execute(statement, (int(resolution), numbers[0], numbers[-1])):
                yield UsageRow(start, row[:-_WIDTH], row[-_WIDTH:])


def usage_since(path: Path, query: UsageQuery) -> datetime | None:
    """Return since when the usage that is asked for is known, where that is after it begins.

    Quarter-hours that are older than the retention are deleted, and a file that was lost took all
    with it but the sums of the running day, month and year. Raises StoreError.
    """
    resolution, first, _ = _span(query)
    known = _known_from(path, resolution, query.zone)
    if known is None or known <= first:
        return None
    if resolution is Resolution.QUARTER:
        return windows.quarter_start(known).astimezone(query.zone)
    day = known if resolution is Resolution.DAY else windows.first_of_month(known)
    return windows.start_of_day(day, query.zone)


def _known_from(path: Path, resolution: Resolution, zone: ZoneInfo) -> int | None:
    """Return the number of the first quarter-hour, day or month that is known by itself; None for all of them."""
    meta = dict(_rows(path, "SELECT key, value FROM meta WHERE key IN ('quarters_from', 'recovered_at')", ()))
    if resolution is Resolution.QUARTER:
        return int(meta["quarters_from"]) if "quarters_from" in meta else None
    if "recovered_at" not in meta:
        return None
    day = windows.day_of(datetime.fromtimestamp(meta["recovered_at"], zone), zone)
    return day if resolution is Resolution.DAY else windows.month_of(day)


def history(path: Path, limit: int, recent: Sequence[ScrapeRow], runs: Sequence[ScrapeRow]) -> list[ScrapeRow]:
    """Return the last scrapes (see `ScrapeRow`), newest last; at most `limit`.

    `recent` and `runs` are those of a snapshot: what is in memory comes from there, only what is
    older is read off the file. A run of scrapes in which nothing changed is given back scrape by
    scrape. Raises StoreError.
    """
    missing = limit - len(recent)
    if missing <= 0:
        return list(recent[-missing:])
    first = recent[0].at if recent else 1 << 62
    statement = "SELECT * FROM scrapes WHERE at < ? ORDER BY at DESC LIMIT ?"
    rows = {row.at: row for row in map(_scrape, _rows(path, statement, (first, missing)))}
    rows |= {run.at: run for run in runs if run.at < first}
    found: list[ScrapeRow] = []
    for at in sorted(rows, reverse=True):
        found += reversed(unrolled(rows[at], recent)[-(missing - len(found)) :])
        if len(found) >= missing:
            break
    return [*reversed(found), *recent]


def unrolled(run: ScrapeRow, recent: Sequence[ScrapeRow] = ()) -> list[ScrapeRow]:
    """Return the scrapes that a row stands for, evenly spaced, less those that are in `recent`."""
    if run.scrapes == 1:
        return [run]
    known = [row.at for row in recent if row.at <= run.until]
    count = run.scrapes - len(known)
    step = (known[0] - run.at) / count if known else (run.until - run.at) / (count - 1)
    times = [round(run.at + index * step) for index in range(count)]
    return [
        ScrapeRow(at, at, 1, run.restarted and at == run.at, run.in_flight_requests, run.increase, run.raw)
        for at in times
    ]


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


def _periods(query: UsageQuery, resolution: Resolution, numbers: range) -> Iterator[tuple[datetime, list[int]]]:
    """Yield when each period begins, and the numbers of its rows."""
    starts = ((number, _period_start(query, resolution, number)) for number in numbers)
    # By instant: local times come twice when clocks are set back.
    for _, rows in groupby(starts, lambda pair: pair[1].timestamp()):
        found = list(rows)
        yield found[0][1], [number for number, _ in found]


def _statement(dimensions: Sequence[Dimension]) -> str:
    """Return the query for the usage of a period split by dimensions; usage without a member is kept, with NULL."""
    split = [f"by{index}" for index in range(len(dimensions))]
    joins = "".join(
        f" LEFT JOIN attributions {name} ON {name}.attribution = usage.attribution AND {name}.dimension = '{dimension}'"
        for name, dimension in zip(split, dimensions, strict=True)
    )
    rows = " UNION ALL ".join(
        f"SELECT * FROM {table} WHERE resolution = ?1 AND start BETWEEN ?2 AND ?3" for table in ("posted", "unposted")
    )
    members = [f"{name}.key" for name in split]
    # Grouped by the resolution too, which is one: without usage there is no row then.
    return (
        f"SELECT {', '.join([*members, _SUMS])} FROM ({rows}) AS usage{joins} "
        f"GROUP BY {', '.join(['usage.resolution', *members])} "
        f"ORDER BY {', '.join([f"coalesce({one}, '')" for one in members]) or '1'}"
    )


def _rows(path: Path, statement: str, parameters: tuple[int, ...]) -> list[tuple[Any, ...]]:
    """Run a query on a connection of its own that cannot write."""
    with reading(path) as connection:
        return connection.execute(statement, parameters).fetchall()


def _scrape(row: tuple[Any, ...]) -> ScrapeRow:
    """Return a row of the table of scrapes."""
    at, until, scrapes, restarted, in_flight, *numbers = row
    vector = tuple([value or 0.0 for value in numbers])
    return ScrapeRow(at, until, scrapes, bool(restarted), in_flight, vector[:_WIDTH], vector[_WIDTH:])
