"""After the user moves: local days and months cut anew from the UTC quarter-hours.

Lifetime never changes by it. What the quarters do not reach stays as it was cut, and the hours
between the old and the new beginning of the first day that they reach go to the day before it.
"""

# ruff: noqa: S608  # the names that are put in are the catalog's own

import sqlite3
from zoneinfo import ZoneInfo

from .. import windows
from ..windows import Resolution
from . import buckets, history_rows
from .columns import each
from .connection import Store

_SUMS = each("total({0}) AS {0}")
_SIGNED = each("{0} * :sign")


def rezone(store: Store, zone: ZoneInfo, covered_from: int | None) -> None:
    """Cut days and months anew in another zone, and note that they are.

    `covered_from` is the quarter from which on every quarter-hour is kept, None where all are.
    Raises StoreError; then nothing is changed.
    """
    with store.atomic() as cursor:
        buckets.post(cursor)
        history_rows.rezone(cursor, zone)
        query = "SELECT min(start), max(start) FROM posted WHERE resolution = 0"
        first, last = cursor.execute(query).fetchone()
        cursor.execute("INSERT OR REPLACE INTO meta VALUES ('zone', ?)", (zone.key,))
        if first is not None:
            covered = max(first, covered_from or 0)
            begin, end = (windows.day_of(windows.quarter_start(one), zone) for one in (covered, last))
            _replace(cursor, zone, range(begin, end + 1), whole=covered_from is None)


def _replace(cursor: sqlite3.Cursor, zone: ZoneInfo, days: range, *, whole: bool) -> None:
    """Replace all days that there are or, where they are not all covered, those after the first of `days`."""
    if whole:
        _cut(cursor, zone, 0, days)
    else:
        _cut(cursor, zone, days.start + 1, days[1:])
        _close_seam(cursor, days.start + 1)
    cursor.execute("DROP TABLE moved")


def _cut(cursor: sqlite3.Cursor, zone: ZoneInfo, start: int, days: range) -> None:
    """Replace the days from `start` on by others, and let the months follow; what was there stays in `moved`."""
    cursor.connection.create_function("month_of", 1, windows.month_of, deterministic=True)
    cursor.execute("CREATE TEMP TABLE moved AS SELECT * FROM posted WHERE resolution = 1 AND start >= ?", (start,))
    cursor.execute("DELETE FROM posted WHERE resolution = 1 AND start >= ?", (start,))
    for day in days:
        cursor.execute(
            f"INSERT INTO posted SELECT 1, ?, attribution, {_SUMS} FROM posted "
            "WHERE resolution = 0 AND start >= ? AND start < ? GROUP BY attribution",
            (day, *(windows.quarter_of(windows.start_of_day(one, zone)) for one in (day, day + 1))),
        )
    _follow(cursor, start)


def _follow(cursor: sqlite3.Cursor, start: int) -> None:
    """Take the old days out of their months and put the new ones in."""
    for table, sign in (("moved", -1), ("posted", 1)):
        buckets.add_query(
            cursor,
            f"SELECT 2, month_of(start), attribution, {_SIGNED} FROM {table} WHERE resolution = 1 AND start >= :start",
            {"sign": sign, "start": start},
        )


def _close_seam(cursor: sqlite3.Cursor, start: int) -> None:
    """Give what the new days have less, or more, than the old ones to the day before them."""
    for resolution, number in ((Resolution.DAY, start - 1), (Resolution.MONTH, windows.month_of(start - 1))):
        for table, sign in (("moved", 1), ("posted", -1)):
            buckets.add_query(
                cursor,
                f"SELECT :resolution, :number, attribution, {_SIGNED} FROM {table} "
                "WHERE resolution = 1 AND start >= :start",
                {"sign": sign, "start": start, "resolution": int(resolution), "number": number},
            )
