"""The spare copy: totals and raw sums in a few kilobytes of JSON, kept where the database is not.

It is what Home Assistant's own store holds. When the database is lost, a new one is begun from
the spare copy: the totals carry on, and the first answer of a process is counted against the raw sums
that the spare copy was taken at, so what was used in between is not lost either.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NotRequired, TypedDict

from ..catalog import COUNTER_INDEX, COUNTERS, Dimension
from ..counters import CountingState, MemberKeys, Origin, ProcessRow, Traced, in_order, renumbered
from ..exposition import HIGHEST
from ..models import TOTAL, ZERO, Member, MemberKey, Usage, Vector, Window
from ..totals import Totals

VERSION = 2

_NONE = Usage()

_DUST = 1e-6
"""By how much sums of floats may be below zero."""

type SparseVector = dict[str, float]
"""Friendly metric -> value, zeros left out."""


class SpareProcess(TypedDict):
    """A process and the sums of its counters per attribution."""

    row: list[float | str | None]
    """See `ProcessRow`."""
    raw: dict[str, SparseVector]
    lacking: NotRequired[dict[str, SparseVector]]
    """What has counted beyond those sums, and may be told again; earlier releases did not save it."""
    eldest: NotRequired[list[float]]
    """When its oldest counters were created."""


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
            {
                "row": list(one),
                "raw": _dump_sums(counting.sums.get(one.id, {})),
                "lacking": _dump_sums(counting.lacking.get(one.id, {})),
                "eldest": sorted(counting.eldest.get(one.id, ())),
            }
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
        numbers[old]: Usage(**{str(window): _dense(one["usage"][window]) for window in Window})
        for old, one in spare_copy["attributions"].items()
    }
    rows = [_row(number, one, numbers) for number, one in enumerate(spare_copy["processes"], 1)]
    saved = [*zip(rows, spare_copy["processes"], strict=True)]
    state = CountingState(
        keys=keys,
        members=_load_members(spare_copy, keys),
        models={_traced(row): str(row[-1]) for row in spare_copy["models"]},
        origins={metric: _origin(row) for metric, row in spare_copy["origins"].items()},
        processes=rows,
        sums={row.id: _load_sums(one["raw"], numbers) for row, one in saved},
        lacking={row.id: _load_sums(one.get("lacking", {}), numbers) for row, one in saved},
        eldest={row.id: [*map(_number, one.get("eldest", ()))] for row, one in saved if one.get("eldest")},
        meta={key: _number(value) for key, value in spare_copy.get("meta", {}).items()},
    )
    last = datetime.fromtimestamp(_number(spare_copy["last_scrape"]), UTC)
    return state, Totals(int(_number(spare_copy["day"])), usage, week_start=week_start), last


def _dump_sums(sums: Mapping[int, Vector]) -> dict[str, SparseVector]:
    """Return the sums of a process by the numbers of attributions, as JSON has them."""
    return {str(number): _sparse(vector) for number, vector in sums.items()}


def _load_sums(saved: Mapping[str, SparseVector], numbers: Mapping[str, int]) -> dict[int, Vector]:
    """Return sums that were saved, under the numbers that the attributions have now."""
    return {numbers[old]: _dense(vector) for old, vector in saved.items()}


def _row(number: int, saved: SpareProcess, numbers: Mapping[str, int]) -> ProcessRow:
    """Return a process that was saved; the first release saved it by names."""
    if "row" in saved:
        row = ProcessRow(*saved["row"])  # type: ignore[arg-type]  # as JSON gave it back
        start = None if row.start is None else _number(row.start)
        texts = row.pids, row.waiting, row.partial, row.ports, row.starts, row.apart
        flags = row.restarted, row.forgotten, row.joined, row.is_unnamed
        if not all(isinstance(one, str) for one in texts) or not all(isinstance(one, bool) for one in flags):
            raise TypeError("a process is none")
        return row._replace(
            id=int(_number(row.id)),
            start=start,
            last_answer=_number(row.last_answer),
            seen=_number(row.seen),
            number=int(_number(row.number)),
            let_go=_number(row.let_go),
            waiting=renumbered(row.waiting, numbers),
        )
    old: Mapping[str, float | None] = saved
    last = old["last_answer"] or 0.0
    restarted, forgotten = bool(old["restarted"]), bool(old["forgotten"])
    return ProcessRow(number, old["start"], last, restarted, forgotten, last, 0, "", joined=False, waiting="")


def _origin(row: list[float | str | None]) -> Origin:
    """Return an origin that was saved; the first release noted one clock."""
    sources, since, ours, number = row if len(row) > 2 else (*row, None, 0)  # noqa: PLR2004
    if not isinstance(sources, str):
        raise TypeError("an origin is none")
    return Origin(sources, _number(since), None if ours is None else _number(ours), int(_number(number)))


def _number(value: object) -> float:
    """Return a number that was saved; raises TypeError or ValueError for what is none, or beyond all bounds."""
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    if not -_DUST < value < HIGHEST:
        raise ValueError(f"{value!r} is no amount")
    return value


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
        members = [(Dimension(dimension), key) for dimension, key in one["members"]]
        if TOTAL not in members or not all(isinstance(key, str) for _, key in members):
            raise ValueError("an attribution is none")
        keys.append(tuple(sorted(members, key=in_order)))
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
            values[COUNTER_INDEX[metric]] = _number(value)
    return tuple(values)
