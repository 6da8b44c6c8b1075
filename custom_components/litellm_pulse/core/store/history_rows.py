"""The rows of history in the file: their parts, local days cut from quarter-hours, lumps, and what is let go of."""

# ruff: noqa: S608  # the names that are put in are the catalog's own

import sqlite3
from collections.abc import Collection, Mapping
from enum import IntEnum
from zoneinfo import ZoneInfo

from .. import windows
from ..models import Vector
from .buckets import sparse
from .columns import MARKS, each

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


def cut_days(cursor: sqlite3.Cursor, part: Part, days: Collection[int], zone: ZoneInfo) -> None:
    """Make local days anew from the quarter-hours."""
    for day in days:
        delete_rows(cursor, part, day, day, resolution=1)
        cursor.execute(
            f"INSERT INTO history SELECT 1, part, {day}, attribution, max(apart), {_SUMS} FROM history "
            "WHERE resolution = 0 AND part = ? AND start >= ? AND start < ? GROUP BY attribution",
            (int(part), *(windows.quarter_of(windows.start_of_day(one, zone)) for one in (day, day + 1))),
        )


def rezone(cursor: sqlite3.Cursor, zone: ZoneInfo) -> None:
    """Cut local days anew in another zone, as far as quarter-hours are kept."""
    for part in CUT:
        first, last = cursor.execute(
            "SELECT min(start), max(start) FROM history WHERE resolution = 0 AND part = ?", (int(part),)
        ).fetchone()
        if first is not None:
            begin, end = (windows.day_of(windows.quarter_start(one), zone) for one in (first, last))
            delete_rows(cursor, part, begin - 1, end + 1, resolution=1)
            cut_days(cursor, part, range(begin, end + 1), zone)


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
    """Delete what is older than the quarter-hours of /metrics that are kept; local days stay, as do those before."""
    for part in (Part.MOVED, Part.GAP, Part.SINCE):
        cursor.execute("DELETE FROM history WHERE resolution = 0 AND part = ? AND start < ?", (int(part), quarter))
    seconds = quarter * windows.QUARTER_SECONDS
    for table, column in (("gaps", "end"), ("lumps", "gap"), ("moved", "gap")):
        cursor.execute(f"DELETE FROM {table} WHERE {column} < ?", (seconds,))
