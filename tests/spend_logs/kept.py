"""A destination in a small SQLite file: what tests and benchmarks import into."""

# ruff: noqa: S608  # queries of the tests' own making

import asyncio
import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.spend_logs.models import (
    HOUR,
    METRICS,
    QUARTER,
    REQUESTS,
    Scope,
    Span,
    Sums,
    UsageRow,
    floor,
    rows_of,
)
from custom_components.litellm_pulse.spend_logs.progress import Progress

_VALUES = ", ".join(METRICS)


class Kept:
    """Usage rows and progress in one file; a transaction per block."""

    def __init__(self, path: Path) -> None:
        """Open or create it."""
        self._connection = sqlite3.connect(path, autocommit=True, check_same_thread=False)
        self._connection.executescript(
            f"""PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
            CREATE TABLE IF NOT EXISTS usage (scope TEXT, slot REAL, start REAL, members TEXT, apart INTEGER, {_VALUES},
                PRIMARY KEY (scope, slot, start, members, apart)) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS progress (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), told TEXT);"""
        )
        self.written = 0
        """Rows written through this object."""

    async def progress(self) -> Progress:
        """Return what was written last."""
        row = self._connection.execute("SELECT told FROM progress").fetchone()
        return Progress.from_json(json.loads(row[0])) if row else Progress()

    async def requests(self, scope: Scope, span: Span) -> Mapping[datetime, float]:
        """Return the requests per hour of a span."""
        first, last = floor(span.start, _slot(scope)).timestamp(), span.end.timestamp()
        rows = self._connection.execute(
            f"SELECT slot, sum({METRICS[REQUESTS]}) FROM usage "
            "WHERE scope = ? AND slot >= ? AND slot < ? AND NOT apart GROUP BY slot",
            (scope, first, last),
        )
        return {datetime.fromtimestamp(slot, UTC): requests for slot, requests in rows}

    async def replace(self, scope: Scope, slots: Collection[datetime], told: list[Sums], progress: Progress) -> None:
        """Write a block in one transaction, off the loop."""
        await asyncio.to_thread(self._replace, scope, slots, [*rows_of(told)], progress)
        told.clear()

    def _replace(self, scope: Scope, slots: Collection[datetime], rows: Sequence[UsageRow], progress: Progress) -> None:
        run = self._connection
        run.execute("BEGIN IMMEDIATE")
        run.executemany("DELETE FROM usage WHERE scope = ? AND slot = ?", [(scope, slot.timestamp()) for slot in slots])
        slot_of = {start: floor(start, _slot(scope)).timestamp() for start in {row.start for row in rows}}
        names = {
            members: "\t".join(f"{kind}={key}" for kind, key in members) for members in {row.members for row in rows}
        }
        run.executemany(
            f"INSERT INTO usage VALUES (?, ?, ?, ?, ?{', ?' * len(METRICS)})",
            [
                (scope, slot_of[row.start], row.start.timestamp(), names[row.members], row.apart, *row.values)
                for row in rows
            ],
        )
        run.execute("INSERT OR REPLACE INTO progress VALUES (1, ?)", (json.dumps(progress.to_json()),))
        run.execute("COMMIT")
        self.written += len(rows)

    def total(self, metric: str = "cost", scope: Scope | None = None, where: str = "NOT apart") -> float:
        """Return the sum of a metric, over all scopes or one."""
        (found,) = self._connection.execute(
            f"SELECT total({metric}) FROM usage WHERE {where} AND (?1 IS NULL OR scope = ?1)", (scope,)
        ).fetchone()
        return float(found)

    def by(self, dimension: Dimension, metric: str = "cost") -> dict[str, float]:
        """Return the sums of a metric per member of a dimension, over the rows that no total leaves out."""
        sums: dict[str, float] = {}
        query = f"SELECT members, {metric} FROM usage WHERE NOT apart OR ?"
        for members, value in self._connection.execute(query, (dimension is Dimension.TAG,)):
            for pair in members.split("\t"):
                kind, _, key = pair.partition("=")
                if kind == dimension:
                    sums[key] = sums.get(key, 0.0) + value
        return sums

    def rows(self) -> list[tuple[object, ...]]:
        """Return everything, in order."""
        return self._connection.execute("SELECT * FROM usage ORDER BY 1, 2, 3, 4, 5").fetchall()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _slot(scope: Scope) -> timedelta:
    """Return the slots that a scope is replaced in."""
    return QUARTER if scope is Scope.GAP else HOUR
