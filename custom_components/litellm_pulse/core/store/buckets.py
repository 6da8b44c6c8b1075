"""Usage of the running quarter-hour waits apart, so that a scrape writes a row per attribution, not three.

The table `running` has it. With the first usage of another quarter-hour it is posted: added to the
rows of its quarter-hour, day and month in the table `posted`. Until then the view `unposted` shows it
as those rows; the view `usage` has both.
"""

# ruff: noqa: S608  # the names that are put in are the catalog's own

import sqlite3
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from ..models import Vector
from ..windows import Bucket, UsageKey, bucket_of, quarter_start
from .columns import MARKS, NAMES, each

ADDED = "ON CONFLICT DO UPDATE SET " + ", ".join(
    f"{name} = coalesce({name}, 0) + coalesce(excluded.{name}, 0)" for name in NAMES
)

_SIGNED = each("{0} * :sign")


def add(cursor: sqlite3.Cursor, bucket: Bucket, usage: Mapping[int, Vector]) -> None:
    """Add usage by attribution to the running quarter-hour; that of another bucket is posted before."""
    if cursor.execute("SELECT 1 FROM running WHERE (quarter, day, month) != (?, ?, ?)", bucket).fetchone():
        post(cursor)
    cursor.executemany(
        f"INSERT INTO running VALUES (?, ?, ?, ?, {MARKS}) {ADDED}",
        [(number, *bucket, *sparse(vector)) for number, vector in usage.items()],
    )


def add_posted(cursor: sqlite3.Cursor, usage: Mapping[UsageKey, Vector]) -> None:
    """Add usage that is posted already."""
    cursor.executemany(
        f"INSERT INTO posted VALUES (?, ?, ?, {MARKS}) {ADDED}",
        [(*key, *sparse(vector)) for key, vector in usage.items()],
    )


def add_query(cursor: sqlite3.Cursor, query: str, parameters: Mapping[str, int]) -> None:
    """Add the rows of a query, with the columns of `posted`, to what is posted; it needs a WHERE."""
    cursor.execute(f"INSERT INTO posted {query} {ADDED}", parameters)


def post(cursor: sqlite3.Cursor) -> None:
    """Post everything, so that `posted` has all usage."""
    # Without WHERE, SQLite would take ON CONFLICT for the condition of a join.
    add_query(cursor, "SELECT * FROM unposted WHERE true", {})
    cursor.execute("DELETE FROM running")


def refile(cursor: sqlite3.Cursor, bucket: Bucket, into: Bucket) -> None:
    """Bring usage of quarter-hours, days and months later than those of a bucket into those of another."""
    post(cursor)
    sums = each("total({0})")
    for resolution, (later, number) in enumerate(zip(bucket, into, strict=True)):
        parameters = {"resolution": resolution, "later": later, "number": number}
        where = "WHERE resolution = :resolution AND start > :later AND start != :number"
        add_query(
            cursor,
            f"SELECT :resolution, :number, attribution, {sums} FROM posted {where} GROUP BY attribution",
            parameters,
        )
        cursor.execute(f"DELETE FROM posted {where}", parameters)


def refile_since(cursor: sqlite3.Cursor, quarter: int, zone: ZoneInfo, bucket: Bucket) -> None:
    """Bring usage of a quarter-hour and later ones into those of a bucket; what else their days have stays."""
    post(cursor)
    found = cursor.execute("SELECT DISTINCT start FROM posted WHERE resolution = 0 AND start >= ?", (quarter,))
    for (start,) in found.fetchall():
        filed = bucket_of(quarter_start(start), zone)
        if filed == bucket:
            continue
        for sign, of in ((1, bucket), (-1, filed)):
            # Last of its own quarter-hour, from which all of this is read.
            for resolution, number in reversed(list(enumerate(of))):
                add_query(
                    cursor,
                    f"SELECT :resolution, :number, attribution, {_SIGNED} FROM posted "
                    "WHERE resolution = 0 AND start = :start",
                    {"start": start, "sign": sign, "resolution": resolution, "number": number},
                )
        cursor.execute("DELETE FROM posted WHERE resolution = 0 AND start = ?", (start,))


def sparse(vector: Vector) -> list[float | None]:
    """Return a vector with nothing in place of zeros, which take no room in the file."""
    return [value or None for value in vector]
