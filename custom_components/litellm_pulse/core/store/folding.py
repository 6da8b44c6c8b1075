"""Members that were not used for long are counted together: what is kept does not grow with all there ever were.

Only attributions are folded that have no series any more: no process can go on counting them, and a member
that comes back is a new one. Usage is added up row by row, so no total changes.
"""

# ruff: noqa: S608  # the names that are put in are the catalog's own

import sqlite3
from collections.abc import Collection, Iterator, Sequence

from ..catalog import Dimension
from ..counters import MemberKeys, in_order
from ..models import OTHER, TOTAL, MemberKey
from .buckets import ADDED
from .columns import each

_TABLES = {"posted": "resolution, start", "history": "resolution, part, start"}
"""Table of usage that is kept for good -> the other columns by which its rows are told apart."""


def fold(
    cursor: sqlite3.Cursor, keys: Sequence[MemberKeys], before: int, kept: Collection[MemberKey]
) -> set[MemberKey]:
    """Count the members that were not used since a local day under `OTHER`; return them.

    `keys` are the members of each attribution. Whom `kept` names stays, as does whoever has series, or
    shares an attribution with a gap that is not told yet.
    """
    if cursor.execute("SELECT 1 FROM processes WHERE waiting != ''").fetchone():
        # What waits is noted by the number of its attribution.
        return set()
    used = _used(cursor, before)
    named = {key for number, members in enumerate(keys) if number in used for key in members}
    dead = {key for members in keys for key in members if key[1] != OTHER} - named - set(kept)
    if not dead:
        return set()
    folded = {number: _folded(members, dead) for number, members in enumerate(keys) if not dead.isdisjoint(members)}
    _move(cursor, dict(_targets(keys, folded)))
    _rename(cursor, dead)
    return dead


def _used(cursor: sqlite3.Cursor, before: int) -> set[int]:
    """Return the attributions that were used since a day, or may be counted again."""
    found = cursor.execute(
        "SELECT attribution FROM usage WHERE resolution = 1 AND start >= ? UNION SELECT attribution FROM series "
        "UNION SELECT attribution FROM lumps UNION SELECT attribution FROM moved "
        "UNION SELECT attribution FROM history WHERE resolution = 0",
        (before,),
    )
    return {number for (number,) in found}


def _folded(members: MemberKeys, dead: Collection[MemberKey]) -> MemberKeys:
    """Return the members of an attribution with `OTHER` in place of those that are dead, in order."""
    named = {(dimension, OTHER) if (dimension, key) in dead else (dimension, key) for dimension, key in members}
    return (TOTAL, *sorted(named - {TOTAL}, key=in_order))


def _targets(keys: Sequence[MemberKeys], folded: dict[int, MemberKeys]) -> Iterator[tuple[int, tuple[int, MemberKeys]]]:
    """Yield each attribution that is folded, the number of the one that it becomes part of, and its members."""
    numbers = {members: number for number, members in enumerate(keys) if number not in folded}
    for number, members in folded.items():
        # The first of those that become one goes on under its number.
        yield number, (numbers.setdefault(members, number), members)


def _move(cursor: sqlite3.Cursor, targets: dict[int, tuple[int, MemberKeys]]) -> None:
    """Have attributions become part of others, with all their usage."""
    cursor.execute("CREATE TEMP TABLE folded (attribution INTEGER PRIMARY KEY, into_number INTEGER NOT NULL)")
    cursor.executemany("INSERT INTO folded VALUES (?, ?)", [(old, new) for old, (new, _) in targets.items()])
    these = "attribution IN (SELECT attribution FROM folded)"
    for table, columns in _TABLES.items():
        apart = "max(apart), " if table == "history" else ""
        cursor.execute(
            f"CREATE TEMP TABLE sums AS SELECT {columns}, into_number, {apart}{each('sum({0})')} "
            f"FROM {table} JOIN folded USING (attribution) GROUP BY {columns}, into_number"
        )
        cursor.execute(f"DELETE FROM {table} WHERE {these}")
        cursor.execute(f"INSERT INTO {table} SELECT * FROM sums WHERE true {ADDED}")
        cursor.execute("DROP TABLE sums")
    cursor.execute(f"DELETE FROM attributions WHERE {these}")
    cursor.executemany(
        "INSERT OR REPLACE INTO attributions VALUES (?, ?, ?)",
        [(new, *key) for new, members in targets.values() for key in members],
    )
    cursor.execute("DROP TABLE folded")


def _rename(cursor: sqlite3.Cursor, dead: Collection[MemberKey]) -> None:
    """Let go of the names of members, but of those whom LiteLLM's records name, and give the others together one."""
    cursor.executemany(
        "DELETE FROM members WHERE dimension = ?1 AND key = ?2 "
        "AND NOT EXISTS (SELECT 1 FROM attributions WHERE dimension = ?1 AND key = ?2)",
        [(str(dimension), key) for dimension, key in dead],
    )
    cursor.executemany(
        "INSERT OR IGNORE INTO members VALUES (?, ?, 'Other')",
        [(str(dimension), OTHER) for dimension in {dimension for dimension, _ in dead} - {Dimension.TOTAL}],
    )
