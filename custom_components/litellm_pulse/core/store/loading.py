"""How a ledger's state gets out of its file, and whole into a new one."""

# ruff: noqa: S608  # the names that are put in are the schema's own

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from .. import windows
from ..catalog import Dimension
from ..counters import CountingState, MemberKeys, Origin, ProcessRow, SeriesRow, in_order
from ..models import ZERO, Budget, Member, MemberKey, Usage, Vector, Window
from ..totals import Totals, plus
from ..windows import Resolution, UsageKey
from .connection import Store
from .pending_writes import PendingWrites

_CHECKED = {
    **dict.fromkeys(("origins", "processes", "members", "budgets"), "true"),
    "series": "metrics NOT LIKE '%-%'",
    "baselines": "value >= 0",
    # As many are made room for as the highest number says.
    "attributions": "attribution < 10000000",
    "posted": "resolution IN (1, 2) AND start >= 0 AND attribution IN (SELECT attribution FROM attributions)",
    "running": "min(quarter, day, month) >= 0",
}
"""The tables from which counting goes on, and what is true of each row besides."""
_LAST_WEEK = "resolution = 1 AND start > (SELECT max(start) - 7 FROM posted WHERE resolution = 1)"
_LOOKED_AT = {"posted": f"resolution > 1 OR resolution < 0 OR {_LAST_WEEK}"}
"""Of the largest table those rows of which totals are made."""
_IS_RIGHT = {
    # So that sums of them are numbers as well; text and blobs are above all numbers.
    "REAL": "{0} BETWEEN -1e300 AND 1e300",
    "INTEGER": f"typeof({{0}}) = 'integer' AND {{0}} BETWEEN {-(1 << 40)} AND {1 << 40}",
    "TEXT": "typeof({0}) = 'text'",
    "BLOB": "typeof({0}) = 'blob'",
}
"""What is true of a value of a type."""


def load_counting(store: Store, order: Iterable[MemberKey] = ()) -> CountingState:
    """Return what a file knows of series, processes and members, those of `order` first.

    Raises ValueError where a value is not of its column's type: SQLite keeps whatever a damaged page says.
    """
    for table, condition in _CHECKED.items():
        _check(store, table, condition)
    rows = store.rows("SELECT dimension, key, name FROM members")
    members = {(one := Member(Dimension(dimension), key, name)).key: one for dimension, key, name in rows}
    members = {key: members[key] for key in order if key in members} | members
    return CountingState(
        keys=_load_attributions(store),
        members=members,
        origins={name: Origin(*row) for name, *row in store.rows("SELECT * FROM origins")},
        processes=[_process(row) for row in store.rows("SELECT * FROM processes")],
        series=[
            SeriesRow(number, family, text, tuple(map(int, metrics.split())), attribution)
            for number, family, text, metrics, attribution in store.rows("SELECT * FROM series")
        ],
        baselines=store.rows("SELECT * FROM baselines"),
        meta=dict(store.rows("SELECT key, value FROM meta")),
    )


def load_totals(store: Store, day: int, week_start: int = 0) -> Totals:
    """Return the totals of the windows that contain a local day, of the attributions alone; see `Totals.regroup`.

    What is filed under days that have not come yet counts in lifetime only.
    """
    first = windows.first_days(day, week_start)
    month = windows.month_of(day)
    sums = {
        "day": store.sums(Resolution.DAY, day, day),
        "week": store.sums(Resolution.DAY, first[Window.WEEK], day),
        "month": store.sums(Resolution.MONTH, month, month),
        "year": store.sums(Resolution.MONTH, windows.month_of(first[Window.YEAR]), month),
        "lifetime": store.sums(Resolution.MONTH, 0, 1 << 40),
    }
    numbers = set().union(*sums.values())
    return Totals(
        day,
        {number: Usage(**{window: one.get(number, ZERO) for window, one in sums.items()}) for number in numbers},
        week_start=week_start,
    )


def load_budgets(store: Store) -> dict[MemberKey, Budget]:
    """Return the budgets as they were last known."""
    return {
        (Dimension(dimension), key): Budget(
            remaining, maximum, datetime.fromtimestamp(resets_at, UTC) if resets_at else None, hours, copies
        )
        for dimension, key, remaining, maximum, resets_at, hours, copies in store.rows("SELECT * FROM budgets")
    }


def everything(state: CountingState, totals: Totals, budgets: dict[MemberKey, Budget]) -> PendingWrites:
    """Return what writes the whole state into an empty file.

    The rows of usage are the fewest from which the same windows come out again; the quarter-hours,
    and the days that have ended, are lost with the old file.
    """
    pending = PendingWrites(
        members=dict(state.members),
        attributions=dict(enumerate(state.keys)),
        series={one.id: one for one in state.series},
        processes={one.id: one for one in state.processes if one.number},
        origins=dict(state.origins),
        budgets=dict(budgets),
        baselines={(process, series): tuple(baseline) for process, series, *baseline in state.baselines},  # type: ignore[misc]
        meta=dict(state.meta),
    )
    for number, usage in totals.attributions.items():
        for key, vector in _usage_rows(number, usage, totals.day, totals.week_start):
            pending.posted[key] = plus(pending.posted.get(key, ZERO), vector)
    return pending


def _check(store: Store, table: str, condition: str) -> None:
    """Raise ValueError for a table with a value that is not of its column's type, or no number that can be."""
    wrong = [f"NOT ({condition})"]
    for _, name, kind, not_null, _, is_key in store.rows(f"PRAGMA table_info({table})"):
        right = _IS_RIGHT[kind].format(name)
        wrong.append(f"({right}) IS NOT TRUE" if not_null or is_key else f"NOT ({right})")
    looked_at = _LOOKED_AT.get(table, "true")
    if store.rows(f"SELECT 1 FROM {table} WHERE ({looked_at}) AND ({' OR '.join(wrong)}) LIMIT 1"):
        raise ValueError(f"{table} has a value that cannot be")


def _load_attributions(store: Store) -> list[MemberKeys]:
    """Return the attributions of a file; one that is empty is a number that is free."""
    keys: defaultdict[int, list[MemberKey]] = defaultdict(list)
    for number, dimension, key in store.rows("SELECT * FROM attributions WHERE attribution >= 0"):
        keys[number].append((Dimension(dimension), key))
    # What was folded has left gaps between their numbers.
    return [tuple(sorted(keys[number], key=in_order)) for number in range(max(keys, default=-1) + 1)]


def _process(row: tuple[float, ...]) -> ProcessRow:
    """Return the row of a process as the counting room has it."""
    one = ProcessRow(*row)  # type: ignore[arg-type]
    return one._replace(
        restarted=bool(one.restarted),
        forgotten=bool(one.forgotten),
        joined=bool(one.joined),
        is_unnamed=bool(one.is_unnamed),
    )


def _usage_rows(number: int, usage: Usage, day: int, week_start: int) -> list[tuple[UsageKey, Vector]]:
    """Return the rows from which an attribution's windows come out again."""
    first = windows.first_days(day, week_start)
    month, january = windows.month_of(day), windows.month_of(first[Window.YEAR])
    return [
        ((Resolution.DAY, day, number), usage.day),
        ((Resolution.DAY, first[Window.WEEK], number), _minus(usage.week, usage.day)),
        ((Resolution.MONTH, month, number), usage.month),
        ((Resolution.MONTH, january, number), _minus(usage.year, usage.month)),
        ((Resolution.MONTH, january - 1, number), _minus(usage.lifetime, usage.year)),
    ]


def _minus(left: Vector, right: Vector) -> Vector:
    """Return the difference of two vectors."""
    return tuple(a - b for a, b in zip(left, right, strict=True))
