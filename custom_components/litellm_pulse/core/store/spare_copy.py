"""The spare copy: totals and raw sums in a few kilobytes of JSON, kept where the database is not.

It is what Home Assistant's own store holds. When the database is lost, a new one is begun from
the spare copy: the totals carry on, and the first answer of a process is counted against the raw sums
that the spare copy was taken at, so what was used in between is not lost either.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypedDict

from ..catalog import COUNTER_INDEX, COUNTERS, Dimension
from ..counters import CountingState, MemberKeys, Origin, ProcessRow, Traced, in_order
from ..models import TOTAL, ZERO, Member, MemberKey, Usage, Vector, Window
from ..totals import Totals

VERSION = 2

_NONE = Usage()

type SparseVector = dict[str, float]
"""Friendly metric -> value, zeros left out."""


class SpareProcess(TypedDict):
    """A process and the sums of its counters per attribution."""

    row: list[float | str | None]
    """See `ProcessRow`."""
    raw: dict[str, SparseVector]


class SpareAttribution(TypedDict):
    """The members of an attribution and its usage per window."""

    members: list[tuple[str, str]]
    usage: dict[str, SparseVector]


class SpareCopy(TypedDict):
    """The whole spare copy."""

    version: int
    last_scrape: float | None
    day: int
    names: list[tuple[str, str, str]]
    """Dimension, id and display name of members that have one."""
    models: list[tuple[str, str, str, str]]
    """What is looked for, label, value and what it means."""
    attributions: dict[str, SpareAttribution]
    processes: list[SpareProcess]
    origins: dict[str, list[float | str | None]]
    """See `Origin`."""
    meta: dict[str, float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a spare copy is made of; nothing in it changes afterwards."""

    last_scrape: datetime | None
    day: int
    counting: CountingState
    usage: Mapping[int, Usage]


def dump(state: State) -> SpareCopy:
    """Return the spare copy of a ledger's state."""
    counting = state.counting
    return {
        "version": VERSION,
        "last_scrape": state.last_scrape.timestamp() if state.last_scrape else None,
        "day": state.day,
        "names": [(str(one.dimension), one.id, one.name) for one in counting.members.values() if one.name != one.id],
        "models": [(str(traced), label, value, meaning) for (traced, label, value), meaning in counting.models.items()],
        "attributions": {
            str(number): {
                "members": [(str(dimension), key) for dimension, key in keys],
                "usage": {str(window): _sparse(getattr(state.usage.get(number, _NONE), window)) for window in Window},
            }
            for number, keys in enumerate(counting.keys)
            if keys
        },
        "processes": [
            {"row": list(one), "raw": {str(number): _sparse(vector) for number, vector in _sums(counting, one).items()}}
            for one in counting.processes
        ],
        "origins": {metric: list(origin) for metric, origin in counting.origins.items()},
        "meta": dict(counting.meta),
    }


def load(spare_copy: SpareCopy, week_start: int = 0) -> tuple[CountingState, Totals, datetime]:
    """Return what the counting room knows of a spare copy, the totals, and the time of the last scrape.

    Raises ValueError, KeyError, TypeError or AttributeError for a spare copy that is none.
    """
    if spare_copy["version"] not in {1, VERSION}:
        raise ValueError(f"it is of another release (version {spare_copy['version']})")
    keys, numbers = _load_attributions(spare_copy)
    usage = {
        numbers[old]: Usage(**{window: _dense(vector) for window, vector in one["usage"].items()})
        for old, one in spare_copy["attributions"].items()
    }
    rows = [_row(number, one) for number, one in enumerate(spare_copy["processes"], 1)]
    state = CountingState(
        keys=keys,
        members=_load_members(spare_copy, keys),
        models={_traced(row): row[-1] for row in spare_copy["models"]},
        origins={metric: _origin(row) for metric, row in spare_copy["origins"].items()},
        processes=rows,
        sums={
            row.id: {numbers[old]: _dense(vector) for old, vector in one["raw"].items() if old in numbers}
            for row, one in zip(rows, spare_copy["processes"], strict=True)
        },
        meta=spare_copy.get("meta", {}),
    )
    last = datetime.fromtimestamp(float(spare_copy["last_scrape"] or 0.0), UTC)
    return state, Totals(spare_copy["day"], usage, week_start=week_start), last


def _sums(counting: CountingState, process: ProcessRow) -> Mapping[int, Vector]:
    """Return the sums of a process, nothing for one that is forgotten."""
    return counting.sums.get(process.id, {})


def _row(number: int, saved: SpareProcess) -> ProcessRow:
    """Return a process that was saved; the first release saved it by names."""
    if "row" in saved:
        return ProcessRow(*saved["row"])  # type: ignore[arg-type]  # as JSON gave it back
    old: Mapping[str, float | None] = saved
    last = old["last_answer"] or 0.0
    restarted, forgotten = bool(old["restarted"]), bool(old["forgotten"])
    return ProcessRow(number, old["start"], last, restarted, forgotten, last, 0, "", joined=False, waiting="")


def _origin(row: list[float | str | None]) -> Origin:
    """Return an origin that was saved; the first release noted one clock."""
    return Origin(*row) if len(row) > 2 else Origin(str(row[0]), float(row[1] or 0.0), None, 0)  # type: ignore[arg-type]  # noqa: PLR2004


def _traced(row: tuple[str, ...]) -> tuple[Traced, str, str]:
    """Return what is looked for, label and value; the first release looked for models only."""
    *kind, label, value, _ = row
    return Traced(kind[0]) if kind else Traced.MODEL, label, value


def _load_attributions(spare_copy: SpareCopy) -> tuple[list[MemberKeys], dict[str, int]]:
    """Return the attributions of a spare copy, and the numbers that they have now."""
    keys: list[MemberKeys] = []
    numbers: dict[str, int] = {}
    for old, one in spare_copy["attributions"].items():
        numbers[old] = len(keys)
        keys.append(tuple(sorted(((Dimension(dimension), key) for dimension, key in one["members"]), key=in_order)))
    return keys, numbers


def _load_members(spare_copy: SpareCopy, keys: list[MemberKeys]) -> dict[MemberKey, Member]:
    """Return the members of a spare copy."""
    members = {key: Member(*key, key[1]) for one in keys for key in one if key != TOTAL}
    members |= {(Dimension(of), key): Member(Dimension(of), key, name) for of, key, name in spare_copy["names"]}
    return members


def _sparse(vector: Vector) -> SparseVector:
    """Return a vector as a mapping without its zeros."""
    return {metric.name: value for metric, value in zip(COUNTERS, vector, strict=True) if value}


def _dense(sparse: SparseVector) -> Vector:
    """Return the vector of a mapping; metrics that are not in the catalog any more are left out."""
    values = list(ZERO)
    for metric, value in sparse.items():
        if metric in COUNTER_INDEX:
            values[COUNTER_INDEX[metric]] = value
    return tuple(values)
