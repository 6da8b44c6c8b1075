"""The ledger's own SQLite file: what it holds, one transaction at a time.

The worker thread that opens a store owns it. Everything that a scrape pending is collected in
`PendingWrites` and written together, or not at all; what could not be written stays collected and is
written with the next. Usage is added up inside the database, so a retry is never counted twice.
"""

# ruff: noqa: S608  # the names that are put in are the catalog's own

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from sys import maxsize
from typing import Any
from zoneinfo import ZoneInfo

from ..counters import ProcessRow
from ..errors import DamagedStoreError
from ..models import Vector
from ..windows import Bucket, Resolution
from . import buckets, history_rows
from .buckets import sparse
from .columns import MARKS, SCRAPES, each
from .database import companions, connect, delete, fetch, typed_errors
from .migrations import migrate
from .pending_writes import PendingWrites

PAGE_BYTES = 1024
"""A scrape touches a few rows here and there: small pages write a quarter of SQLite's default."""


class Store:
    """An open file. Every method raises StoreError where SQLite or the disk refuses."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make a new one, and bring it to the newest schema.

        Raises NewerSchemaError for a file of a newer release, which is left as it is.
        """
        self.path = path
        with typed_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            new = not path.exists()
            if new:
                # A journal that outlived its file would be played into the new one.
                delete(path)
                # Its log and whatever else SQLite puts beside it are as private as the file.
                path.touch(mode=0o600)
            else:
                fetch(path)
            self._connection = connect(path, "rwc")
            self._open = True
        try:
            self._prepare()
            self._inode = os.stat(path).st_ino  # noqa: PTH116  # Path.stat follows the same call, slower
        except BaseException:
            self._connection.close()
            if new:
                delete(path)
            raise

    def _prepare(self) -> None:
        """Set the file up and migrate it."""
        with typed_errors():
            migrated = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if not migrated:
                self._connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            elif self._connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise DamagedStoreError("quick_check found damaged pages")
            # Before anything is changed: a file of a newer release is left as it is.
            migrate(self._connection)
            self._connection.execute("PRAGMA journal_mode = WAL")
            # A power cut may take the last transactions, never the file: counters make up for them.
            self._connection.execute("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._open = False
        self._connection.close()

    def is_in_place(self) -> bool:
        """Whether the path still leads to the file that is open."""
        try:
            return os.stat(self.path).st_ino == self._inode  # noqa: PTH116
        except OSError:
            return False

    def is_usable(self) -> bool:
        """Whether the file is open, and its write-ahead log where it belongs."""
        return self._open and companions(self.path)[1].exists()

    def rows(self, query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with typed_errors():
            return self._connection.execute(query, parameters).fetchall()

    def sums(self, resolution: Resolution, first: int, last: int) -> dict[int, Vector]:
        """Return attribution -> usage of all rows of a resolution from number `first` to `last`."""
        columns = each("total({0})")
        query = (
            f"SELECT attribution, {columns} FROM usage "
            "WHERE resolution = ? AND start BETWEEN ? AND ? GROUP BY attribution"
        )
        return {row[0]: row[1:] for row in self.rows(query, (resolution, first, last))}

    def refile_since(self, quarter: int, zone: ZoneInfo, bucket: Bucket) -> float:
        """Bring what was filed under a quarter-hour and later ones into a bucket; return the dollars."""
        with self.atomic() as cursor:
            (dollars,) = cursor.execute(
                "SELECT total(cost) FROM usage WHERE resolution = 0 AND start >= ?", (quarter,)
            ).fetchone()
            buckets.refile_since(cursor, quarter, zone, bucket)
        return float(dollars)

    def refile(self, bucket: Bucket, into: Bucket, at: int) -> float:
        """Bring what was filed under buckets after one into another; return the dollars.

        `at` is that time as a scrape has it (see `ScrapeRow`); later scrapes are put right before it.
        """
        with self.atomic() as cursor:
            (dollars,) = cursor.execute(
                "SELECT total(cost) FROM usage WHERE resolution = 0 AND start > ?", (bucket.quarter,)
            ).fetchone()
            buckets.refile(cursor, bucket, into)
            (last,) = cursor.execute("SELECT coalesce(max(at), 0) FROM scrapes WHERE at <= ?", (at,)).fetchone()
            later = cursor.execute("SELECT at FROM scrapes WHERE at > ? ORDER BY at", (at,)).fetchall()
            cursor.executemany(
                "UPDATE scrapes SET at = ?, until = ? WHERE at = ?",
                [(last + index, last + index, *row) for index, row in enumerate(later, 1)],
            )
        return float(dollars)

    def write(self, pending: PendingWrites) -> None:
        """Write all pending in one transaction."""
        with self.atomic() as cursor:
            _write_drops(cursor, pending)
            _write_identities(cursor, pending)
            _write_baselines(cursor, pending)
            _write_budgets(cursor, pending)
            for bucket, usage in pending.usage.items():
                buckets.add(cursor, bucket, usage)
            buckets.add_posted(cursor, pending.posted)
            history_rows.write_lumps(cursor, pending.lumps)
            cursor.executemany(
                f"INSERT OR REPLACE INTO scrapes ({SCRAPES}) VALUES (?, ?, ?, ?, ?, {MARKS}, {MARKS})",
                [
                    (
                        *(row.at, row.until, row.scrapes, row.restarted, row.in_flight_requests),
                        *sparse(row.increase),
                        *sparse(row.raw),
                    )
                    for row in pending.scrapes.values()
                ],
            )
            cursor.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(pending.meta.items()))

    def checkpoint(self) -> None:
        """Bring what is in the log into the file itself, and empty it."""
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def purge(self, before: int, quarter: int, most: int) -> bool:
        """Delete at most `most` scrapes and as many quarter-hours that are older.

        `before` is a time of a scrape (see `ScrapeRow`), `quarter` the number of a quarter-hour;
        what is left of that day's work is for the next call. Returns whether nothing is left.
        """
        with self.atomic() as cursor:
            scrapes = cursor.execute(
                "DELETE FROM scrapes WHERE at IN (SELECT at FROM scrapes WHERE at < ? ORDER BY at LIMIT ?)",
                (before, most),
            ).rowcount
            rows = cursor.execute(
                "DELETE FROM posted WHERE resolution = 0 AND (start, attribution) IN (SELECT start, attribution "
                "FROM posted WHERE resolution = 0 AND start < ? ORDER BY start LIMIT ?)",
                (quarter, most),
            ).rowcount
            history_rows.purge(cursor, quarter)
            if rows:
                cursor.execute("INSERT OR REPLACE INTO meta VALUES ('quarters_from', ?)", (quarter,))
        return scrapes < most and rows < most

    @contextmanager
    def atomic(self) -> Iterator[sqlite3.Cursor]:
        """Run a block as one transaction: all of it, or nothing, also of the room on the disk."""
        log = companions(self.path)[1]
        size = _size(log)
        with typed_errors(), closing(self._connection.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    cursor.execute("ROLLBACK")
                # What it appended is read by nobody, and SQLite keeps its room: on a full disk all that was left,
                # so that the file could not grow by what the log holds, and the log would stay for good.
                if size < _size(log) < maxsize:
                    os.truncate(log, size)
                raise


def _size(file: Path) -> int:
    """Return the bytes of a file, no end of them where there is none."""
    return file.stat().st_size if file.exists() else maxsize


def _write_drops(cursor: sqlite3.Cursor, pending: PendingWrites) -> None:
    """Take processes away that are dead, with their baselines, and series that nobody counts."""
    for process in pending.dropped:
        cursor.execute("DELETE FROM baselines WHERE process = ?", (process,))
        cursor.execute("DELETE FROM processes WHERE id = ?", (process,))
    cursor.executemany("DELETE FROM series WHERE id = ?", [(series,) for series in pending.dead_series])


def _write_identities(cursor: sqlite3.Cursor, pending: PendingWrites) -> None:
    """Write who is who: members, attributions, series, processes and origins."""
    cursor.executemany(
        "INSERT OR REPLACE INTO members VALUES (?, ?, ?)",
        [(member.dimension, member.id, member.name) for member in pending.members.values()],
    )
    cursor.executemany(
        "INSERT OR REPLACE INTO attributions VALUES (?, ?, ?)",
        [(number, *key) for number, keys in pending.attributions.items() for key in keys],
    )
    cursor.executemany(
        "DELETE FROM members WHERE dimension = ? AND key = ?", [(str(one[0]), one[1]) for one in pending.dead_members]
    )
    cursor.executemany(
        "INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?)",
        [(one.id, one.family, one.text, _numbers(one.metrics), one.attribution) for one in pending.series.values()],
    )
    cursor.executemany(
        f"INSERT OR REPLACE INTO processes VALUES ({', '.join('?' * len(ProcessRow._fields))})",
        list(pending.processes.values()),
    )
    cursor.executemany(
        "INSERT OR REPLACE INTO origins VALUES (?, ?, ?, ?, ?)",
        [(metric, *origin) for metric, origin in pending.origins.items()],
    )


def _write_budgets(cursor: sqlite3.Cursor, pending: PendingWrites) -> None:
    """Write what is known of budgets, and take those away that are none any more."""
    cursor.executemany(
        "DELETE FROM budgets WHERE dimension = ? AND key = ?",
        [(str(dimension), key) for (dimension, key), one in pending.budgets.items() if one is None],
    )
    cursor.executemany(
        "INSERT OR REPLACE INTO budgets VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                *(str(key[0]), key[1], one.remaining, one.maximum),
                *(one.resets_at.timestamp() if one.resets_at else None, one.hours, one.copies),
            )
            for key, one in pending.budgets.items()
            if one is not None
        ],
    )


def _write_baselines(cursor: sqlite3.Cursor, pending: PendingWrites) -> None:
    """Write the last value of each counter, and take those away that are gone."""
    cursor.executemany(
        "INSERT OR REPLACE INTO baselines VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(*key, *one) for key, one in pending.baselines.items() if one is not None],
    )
    cursor.executemany(
        "DELETE FROM baselines WHERE process = ? AND series = ?",
        [key for key, one in pending.baselines.items() if one is None],
    )


def _numbers(metrics: tuple[int, ...]) -> str:
    """Return indices as text, as the column `metrics` has them."""
    return " ".join(map(str, metrics))
