"""The schema of the ledger's file, as the steps that lead to it.

A step and its record (`PRAGMA user_version`) are one transaction. Steps are only ever added.
"""

import sqlite3
from collections.abc import Callable

from ..errors import NewerSchemaError


def _first(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the schema of the first release."""
    vector = ", ".join(f"{name} REAL" for name in names)
    raw = ", ".join(f"raw_{name} REAL" for name in names)
    return (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
        "CREATE TABLE origins (metric TEXT PRIMARY KEY, sources TEXT NOT NULL, since REAL NOT NULL) WITHOUT ROWID",
        """CREATE TABLE processes (id INTEGER PRIMARY KEY, start REAL, last_answer REAL NOT NULL,
            restarted INTEGER NOT NULL, forgotten INTEGER NOT NULL)""",
        """CREATE TABLE members (dimension TEXT, key TEXT, name TEXT NOT NULL,
            PRIMARY KEY (dimension, key)) WITHOUT ROWID""",
        """CREATE TABLE attributions (attribution INTEGER, dimension TEXT, key TEXT,
            PRIMARY KEY (attribution, dimension, key)) WITHOUT ROWID""",
        """CREATE TABLE series (id INTEGER PRIMARY KEY, family TEXT NOT NULL, head BLOB NOT NULL,
            metrics TEXT NOT NULL, attribution INTEGER NOT NULL)""",
        """CREATE TABLE baselines (process INTEGER, series INTEGER, value REAL NOT NULL, created REAL,
            PRIMARY KEY (process, series)) WITHOUT ROWID""",
        # resolution 0: UTC quarter-hours; 1: local days; 2: local months, which hold lifetime for good
        f"""CREATE TABLE usage (resolution INTEGER, start INTEGER, attribution INTEGER, {vector},
            PRIMARY KEY (resolution, start, attribution)) WITHOUT ROWID""",
        # one row a scrape, or one for a run of scrapes between which nothing changed
        f"""CREATE TABLE scrapes (at INTEGER PRIMARY KEY, until INTEGER NOT NULL, scrapes INTEGER NOT NULL,
            restarted INTEGER NOT NULL, in_flight_requests REAL, {vector}, {raw})""",
    )


def _second(names: tuple[str, ...]) -> tuple[str, ...]:
    """Keep the usage of the running quarter-hour apart until it is posted; the view `usage` has all of it."""
    columns = ", ".join(names)
    vector = ", ".join(f"{name} REAL" for name in names)
    unposted = " UNION ALL ".join(
        f"SELECT {numbers}, attribution, {columns} FROM running"  # noqa: S608  # the catalog's own names
        for numbers in ("0, quarter", "1, day", "2, month")
    )
    return (
        "ALTER TABLE usage RENAME TO posted",
        f"""CREATE TABLE running (attribution INTEGER PRIMARY KEY, quarter INTEGER NOT NULL, day INTEGER NOT NULL,
            month INTEGER NOT NULL, {vector})""",
        f"CREATE VIEW unposted (resolution, start, attribution, {columns}) AS {unposted}",
        "CREATE VIEW usage AS SELECT * FROM posted UNION ALL SELECT * FROM unposted",
    )


def _third() -> tuple[str, ...]:
    """Keep what tells processes and incarnations apart, both clocks of an origin, and budgets."""
    return (
        "ALTER TABLE processes ADD COLUMN seen REAL NOT NULL DEFAULT 0",
        "ALTER TABLE processes ADD COLUMN number INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE processes ADD COLUMN pids TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE processes ADD COLUMN joined INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE processes ADD COLUMN waiting TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE baselines ADD COLUMN untold REAL NOT NULL DEFAULT 0",
        "ALTER TABLE baselines ADD COLUMN missing_since REAL",
        "ALTER TABLE origins ADD COLUMN ours REAL",
        "ALTER TABLE origins ADD COLUMN number INTEGER NOT NULL DEFAULT 0",
        """CREATE TABLE budgets (dimension TEXT, key TEXT, remaining REAL NOT NULL, maximum REAL, resets_at REAL,
            hours REAL, copies TEXT NOT NULL,
            PRIMARY KEY (dimension, key)) WITHOUT ROWID""",
    )


def _history(names: tuple[str, ...]) -> tuple[str, ...]:
    """Keep what sources of the past tell, and what /metrics told in one lump after nobody had looked."""
    counted = "0, 1, 2"
    vector = ", ".join(f"{name} REAL" for name in names)
    return (
        # resolution as in `posted`, 0 and 1 only; part: see `history.Part`
        f"""CREATE TABLE history (resolution INTEGER, part INTEGER, start INTEGER, attribution INTEGER,
            apart INTEGER NOT NULL, {vector}, PRIMARY KEY (resolution, part, start, attribution)) WITHOUT ROWID""",
        """CREATE TABLE history_slots (part INTEGER, start INTEGER, requests REAL NOT NULL,
            PRIMARY KEY (part, start)) WITHOUT ROWID""",
        "CREATE TABLE history_progress (source TEXT PRIMARY KEY, told TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE gaps (start REAL NOT NULL, end REAL PRIMARY KEY) WITHOUT ROWID",
        f"""CREATE TABLE lumps (gap REAL, attribution INTEGER, {vector},
            PRIMARY KEY (gap, attribution)) WITHOUT ROWID""",
        f"""CREATE TABLE moved (gap REAL, start INTEGER, attribution INTEGER, {vector},
            PRIMARY KEY (gap, start, attribution)) WITHOUT ROWID""",
        # those parts that count
        f"CREATE VIEW past AS SELECT * FROM history WHERE part IN ({counted})",  # noqa: S608  # numbers of ours
    )


def _fourth() -> tuple[str, ...]:
    """Keep since when counters are known, which shows restarts of several workers, and what was never seen whole."""
    return (
        "ALTER TABLE baselines ADD COLUMN first_seen REAL NOT NULL DEFAULT 0",
        "ALTER TABLE processes ADD COLUMN partial TEXT NOT NULL DEFAULT ''",
    )


def _fifth() -> tuple[str, ...]:
    """Keep apart what tells processes apart: workers of headers, and of joined processes their starts and labels."""
    return (
        "ALTER TABLE processes ADD COLUMN ports TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE processes ADD COLUMN is_unnamed INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE processes ADD COLUMN starts TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE processes ADD COLUMN apart TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE processes ADD COLUMN let_go REAL NOT NULL DEFAULT 0",
    )


def _sixth() -> tuple[str, ...]:
    """Keep when the incarnation before was created, of which an older answer tells."""
    return ("ALTER TABLE baselines ADD COLUMN former REAL",)


FIRST_COUNTERS = (
    "requests failed_requests tokens input_tokens output_tokens reasoning_tokens cost cache_hits "
    "cache_misses cached_tokens input_cached_tokens input_cache_creation_tokens deployment_requests "
    "deployment_success deployment_failures deployment_cooldowns unpriced_requests refused_requests"
)
"""The counters of the first release. A counter added later is a step that adds its columns."""

STEPS: tuple[Callable[[], tuple[str, ...]], ...] = (
    lambda: _first(tuple(FIRST_COUNTERS.split())),
    lambda: _second(tuple(FIRST_COUNTERS.split())),
    lambda: (*_third(), *_history(tuple(FIRST_COUNTERS.split()))),
    _fourth,
    _fifth,
    _sixth,
)

VERSION = len(STEPS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a file, empty or older, to the newest schema; NewerSchemaError leaves it untouched."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        message = f"schema {version} is newer than {VERSION}, the newest that this release knows"
        raise NewerSchemaError(message)
    for number in range(version, VERSION):
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for statement in STEPS[number]():
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number + 1}")
