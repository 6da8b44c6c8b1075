"""The rows of history in the file: their parts, local days cut from quarter-hours, lumps, and what is let go of."""

# ruff: noqa: S608  # the names that are put in are the catalog's own

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import IntEnum
from zoneinfo import ZoneInfo

from .. import windows
from ..models import Vector
from .buckets import sparse
from .columns import MARKS, NAMES, each

_SUMS = each("sum({0})")


class Part(IntEnum):
    """What rows of the history are; those up to MOVED count."""

    BEFORE = 0
    """Usage before the first scrape, by the quarter-hour."""
    DAYS = 1
    """Usage before the first scrape by a source that knows UTC days only, under the local day of that date."""
    MOVED = 2
    """What is taken away from where /metrics told it in one lump, and added where it happened."""
    GAP = 3
    """Usage while nothing was scraped, as the source tells it."""
    SINCE = 4
    """Usage since the first scrape, as the source tells it."""


CUT = (Part.BEFORE, Part.MOVED)
"""Those of which local days are kept beside the quarter-hours."""


def cut_days(
    cursor: sqlite3.Cursor, part: Part, days: Collection[int], zone: ZoneInfo, names: Sequence[str] = NAMES
) -> None:
    """Make local days anew from the quarter-hours; `names` are the counters that they have."""
    columns, sums = ", ".join(names), ", ".join(f"sum({name})" for name in names)
    for day in days:
        delete_rows(cursor, part, day, day, resolution=1)
        cursor.execute(
            f"INSERT INTO history (resolution, part, start, attribution, apart, {columns}) "
            f"SELECT 1, part, {day}, attribution, max(apart), {sums} FROM history "
            "WHERE resolution = 0 AND part = ? AND start >= ? AND start < ? GROUP BY attribution",
            (int(part), *(windows.quarter_of(windows.start_of_day(one, zone)) for one in (day, day + 1))),
        )


def rezone(cursor: sqlite3.Cursor, zone: ZoneInfo) -> None:
    """Cut local days anew in another zone, as far as quarter-hours are kept; the sum over all days stays."""
    kept = kept_from(cursor)
    for part in CUT:
        oldest, begun = kept if part is Part.BEFORE else (0, 0)
        first, last = cursor.execute(
            "SELECT min(start), max(start) FROM history WHERE resolution = 0 AND part = ? AND start >= ?",
            (int(part), oldest),
        ).fetchone()
        if first is not None:
            begin, end = (windows.day_of(windows.quarter_start(one), zone) for one in (first, last))
            delete_rows(cursor, part, begun or begin - 1, end + 1, resolution=1)
            if begin < begun:
                # Its other hours are in the sum of a day that is not cut any more.
                _close(cursor, begin, oldest, zone)
                begin = begun
            cut_days(cursor, part, range(begin, end + 1), zone)


def _close(cursor: sqlite3.Cursor, day: int, first: int, zone: ZoneInfo) -> None:
    """Add the quarter-hours of a day from `first` on to the sum that it has, and delete them."""
    end = windows.quarter_of(windows.start_of_day(day + 1, zone))
    added = ", ".join(f"{name} = coalesce({name}, 0) + coalesce(excluded.{name}, 0)" for name in NAMES)
    cursor.execute(
        f"INSERT INTO history SELECT 1, part, {day}, attribution, max(apart), {_SUMS} FROM history "
        f"WHERE resolution = 0 AND part = 0 AND start >= ? AND start < ? GROUP BY attribution "
        f"ON CONFLICT DO UPDATE SET {added}",
        (first, end),
    )
    delete_rows(cursor, Part.BEFORE, first, end - 1)
    _keep_from(cursor, end, day + 1)


def kept_from(cursor: sqlite3.Cursor) -> tuple[int, int]:
    """Return the quarter-hour from which on those before the first scrape are kept, and its local day; 0 for all."""
    meta = dict(cursor.execute("SELECT key, value FROM meta WHERE key IN ('before_quarter', 'before_day')"))
    return meta.get("before_quarter", 0), meta.get("before_day", 0)


def keep_from(cursor: sqlite3.Cursor, day: int, zone: ZoneInfo) -> None:
    """Delete the quarter-hours before the first scrape that are older than a local day; their days stay."""
    quarter, kept = kept_from(cursor)
    if day > kept:
        quarter = windows.quarter_of(windows.start_of_day(day, zone))
        _keep_from(cursor, quarter, day)
    delete_rows(cursor, Part.BEFORE, 0, quarter - 1)


def _keep_from(cursor: sqlite3.Cursor, quarter: int, day: int) -> None:
    """Note from when on the quarter-hours before the first scrape are kept."""
    cursor.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", [("before_quarter", quarter), ("before_day", day)])


def closed_days(cursor: sqlite3.Cursor, days: Iterable[int], zone: ZoneInfo) -> set[int]:
    """Return those local days of which the sum is known, and the quarter-hours are not any more."""
    _, kept = kept_from(cursor)
    return {day for day in days if day < kept and _has(cursor, 1, day, day) and not _has(cursor, 0, *_span(day, zone))}


def _span(day: int, zone: ZoneInfo) -> tuple[int, int]:
    """Return the first and the last quarter-hour of a local day."""
    begin, end = (windows.quarter_of(windows.start_of_day(one, zone)) for one in (day, day + 1))
    return begin, end - 1


def _has(cursor: sqlite3.Cursor, resolution: int, first: int, last: int) -> bool:
    """Whether there is any usage before the first scrape from one number to another."""
    query = "SELECT 1 FROM history WHERE resolution = ? AND part = 0 AND start BETWEEN ? AND ? LIMIT 1"
    return cursor.execute(query, (resolution, first, last)).fetchone() is not None


def delete_rows(cursor: sqlite3.Cursor, part: Part, first: int, last: int, *, resolution: int = 0) -> None:
    """Delete the rows from one number to another."""
    cursor.execute(
        "DELETE FROM history WHERE resolution = ? AND part = ? AND start BETWEEN ? AND ?",
        (resolution, int(part), first, last),
    )


def write_lumps(cursor: sqlite3.Cursor, lumps: Mapping[tuple[float, float], Mapping[int, Vector]]) -> None:
    """Write gaps, and what was told after each."""
    for gap, increases in lumps.items():
        cursor.execute("INSERT OR REPLACE INTO gaps VALUES (?, ?)", gap)
        cursor.executemany(
            f"INSERT OR REPLACE INTO lumps VALUES (?, ?, {MARKS})",
            [(gap[1], number, *sparse(vector)) for number, vector in increases.items()],
        )


def purge(cursor: sqlite3.Cursor, quarter: int) -> None:
    """Delete what is older than the quarter-hours of /metrics that are kept; local days stay.

    Of those before the first scrape see `keep_from`: that has to wait until all of a day was told.
    """
    for part in (Part.MOVED, Part.GAP, Part.SINCE):
        cursor.execute("DELETE FROM history WHERE resolution = 0 AND part = ? AND start < ?", (int(part), quarter))
    seconds = quarter * windows.QUARTER_SECONDS
    for table, column in (("gaps", "end"), ("lumps", "gap"), ("moved", "gap")):
        cursor.execute(f"DELETE FROM {table} WHERE {column} < ?", (seconds,))
