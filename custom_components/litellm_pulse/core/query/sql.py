"""Reads the ledger's file for the API, beside the thread that writes it; never changes anything."""

# ruff: noqa: S608  # the names that are put in are the catalog's own

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from .. import windows
from ..catalog import Dimension
from ..models import ScrapeRow, Vector
from ..store import reading
from ..store.columns import COLUMNS, NAMES, SCRAPES, each
from ..windows import Resolution

_SUMS = each("total(usage.{0})")
_WIDTH = len(NAMES)


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
    # Of /metrics, before that there are sums of many days or months, in the place of one.
    known = None if resolution is Resolution.QUARTER else _known_from(path, resolution, query.zone)
    with reading(path) as connection:
        oldest, newest = _edges(connection, resolution)
        for start, numbers in _periods(query, resolution, range(max(first, oldest), min(last, newest + 1))):
            span = numbers[0], numbers[-1]
            bounds = (int(resolution), *span, known or 0, *_past(resolution, *span))
            for row in connection.execute(statement, bounds):
                yield UsageRow(start, row[:-_WIDTH], row[-_WIDTH:])


def _edges(connection: sqlite3.Connection, resolution: Resolution) -> tuple[int, int]:
    """Return the first and the last number of a resolution that has any usage; the last is less where none has."""
    query = "SELECT coalesce(min(start), 1 << 40), coalesce(max(start), -1) FROM {} WHERE resolution = ?"
    first, last = connection.execute(query.format("usage"), (int(resolution),)).fetchone()
    kept = Resolution.DAY if resolution is Resolution.MONTH else resolution
    oldest, newest = connection.execute(query.format("past"), (int(kept),)).fetchone()
    if newest >= 0 and resolution is Resolution.MONTH:
        oldest, newest = windows.month_of(oldest), windows.month_of(newest)
    return min(first, oldest), max(last, newest)


def first_day(path: Path) -> int | None:
    """Return the number of the first local day that has usage; None where there is none. Raises StoreError."""
    with reading(path) as connection:
        oldest, newest = _edges(connection, Resolution.DAY)
    return oldest if newest >= 0 else None


def _past(resolution: Resolution, first: int, last: int) -> tuple[int, int, int]:
    """Return resolution and numbers of the history of some quarter-hours, days or months; it has no months."""
    if resolution is not Resolution.MONTH:
        return int(resolution), first, last
    return int(Resolution.DAY), windows.first_of_month(first), windows.first_of_month(last + 1) - 1


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
    statement = f"SELECT {SCRAPES} FROM scrapes WHERE at < ? ORDER BY at DESC LIMIT ?"
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
    """Return the query for the usage of a period split by dimensions; usage without a member is kept, with NULL.

    Its parameters are resolution, first and last number, the first that is known of /metrics, and
    what `_past` returns.
    """
    split = [f"by{index}" for index in range(len(dimensions))]
    joins = "".join(
        f" LEFT JOIN attributions {name} ON {name}.attribution = usage.attribution AND {name}.dimension = '{dimension}'"
        for name, dimension in zip(split, dimensions, strict=True)
    )
    parts = [
        f"SELECT resolution, attribution, {COLUMNS} FROM {table} "
        "WHERE resolution = ?1 AND start BETWEEN ?2 AND ?3 AND start >= ?4"
        for table in ("posted", "unposted")
    ]
    within = "FROM past WHERE resolution = ?5 AND start BETWEEN ?6 AND ?7 AND {}"
    parts.append(f"SELECT ?1, attribution, {COLUMNS} {within.format('NOT apart')}")
    having = ""
    if len(dimensions) == 1:
        # What a source tells by one dimension only is named there, and nobody's no more.
        own = f"apart AND attribution IN (SELECT attribution FROM attributions WHERE dimension = '{dimensions[0]}')"
        parts.append(f"SELECT ?1, attribution, {COLUMNS} {within.format(own)}")
        if dimensions[0] is not Dimension.TAG:
            parts.append(f"SELECT ?1, NULL, {each('-{0}')} {within.format(own)}")
        some = " OR ".join(f"abs(total(usage.{name})) > 1e-9" for name in NAMES)
        having = f"HAVING by0.key IS NOT NULL OR {some} "
    members = [f"{name}.key" for name in split]
    # Grouped by the resolution too, which is one: without usage there is no row then.
    return (
        f"SELECT {', '.join([*members, _SUMS])} FROM ({' UNION ALL '.join(parts)}) AS usage{joins} "
        f"GROUP BY {', '.join(['usage.resolution', *members])} {having}"
        f"ORDER BY {', '.join([f"coalesce({one}, '')" for one in members]) or '1'}"
    )


def spend_before(path: Path) -> dict[tuple[str, str], float]:
    """Return (provider, model) -> US dollars before the first scrape, '' where there is none; raises StoreError."""
    statement = (
        "SELECT coalesce(provider.key, ''), coalesce(model.key, ''), total(cost) FROM history AS one "
        "LEFT JOIN attributions provider ON provider.attribution = one.attribution AND provider.dimension = 'provider' "
        "LEFT JOIN attributions model ON model.attribution = one.attribution AND model.dimension = 'model' "
        "WHERE resolution = 1 AND part IN (0, 1) AND NOT apart GROUP BY 1, 2"
    )
    return {(provider, model): cost for provider, model, cost in _rows(path, statement, ())}


def _rows(path: Path, statement: str, parameters: tuple[int, ...]) -> list[tuple[Any, ...]]:
    """Run a query on a connection of its own that cannot write."""
    with reading(path) as connection:
        return connection.execute(statement, parameters).fetchall()


def _scrape(row: tuple[Any, ...]) -> ScrapeRow:
    """Return a row of the table of scrapes."""
    at, until, scrapes, restarted, in_flight, *numbers = row
    vector = tuple([value or 0.0 for value in numbers])
    return ScrapeRow(at, until, scrapes, bool(restarted), in_flight, vector[:_WIDTH], vector[_WIDTH:])
