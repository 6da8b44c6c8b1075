"""The spare_copy: totals and raw sums in a few kilobytes of JSON, kept where the database is not.

It is what Home Assistant's own store holds. When the database is lost, a new one is begun from
the spare copy: the totals carry on, and the first answer of a process is counted against the raw sums
that the spare copy was taken at, so what was used in between is not lost either.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import TypedDict

from ..catalog import COUNTER_INDEX, COUNTERS, Dimension
from ..counters import Attributions, MemberKeys, Process, Tracker
from ..models import ZERO, Member, MemberKey, Usage, Vector, Window
from ..totals import Totals

VERSION = 1

_NONE = Usage()

type SparseVector = dict[str, float]
"""Friendly metric -> value, zeros left out."""


class SpareProcess(TypedDict):
    """A process and the sums of its counters per attribution."""

    start: float | None
    last_answer: float | None
    restarted: bool
    forgotten: bool
    raw: dict[str, SparseVector]


class SpareAttribution(TypedDict):
    """The members of an attribution and its usage per window."""

    members: list[tuple[str, str]]
    usage: dict[str, SparseVector]


class SpareCopy(TypedDict):
    """The whole spare_copy."""

    version: int
    last_scrape: float | None
    day: int
    names: list[tuple[str, str, str]]
    """Dimension, id and display name of members that have one."""
    models: list[tuple[str, str, str]]
    """Label, value and the upstream model that it means."""
    attributions: dict[str, SpareAttribution]
    processes: list[SpareProcess]
    origins: dict[str, tuple[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a spare copy is made of; nothing in it changes afterwards."""

    last_scrape: datetime | None
    day: int
    keys: list[MemberKeys]
    members: Mapping[MemberKey, Member]
    models: Mapping[tuple[str, str], str]
    usage: Mapping[int, Usage]
    processes: list[tuple[Process, Mapping[int, Vector]]]
    origins: Mapping[str, tuple[str, float]]


def dump(state: State) -> SpareCopy:
    """Return the spare copy of a ledger's state."""
    return {
        "version": VERSION,
        "last_scrape": state.last_scrape.timestamp() if state.last_scrape else None,
        "day": state.day,
        "names": [(str(one.dimension), one.id, one.name) for one in state.members.values() if one.name != one.id],
        "models": [(*pair, model) for pair, model in state.models.items()],
        "attributions": {
            str(number): {
                "members": [(str(dimension), key) for dimension, key in keys],
                "usage": {str(window): _sparse(getattr(state.usage.get(number, _NONE), window)) for window in Window},
            }
            for number, keys in enumerate(state.keys)
        },
        "processes": [
            {
                "start": process.start,
                "last_answer": process.last_answer,
                "restarted": process.restarted,
                "forgotten": process.forgotten,
                "raw": {} if process.forgotten else {str(number): _sparse(vector) for number, vector in raw.items()},
            }
            for process, raw in state.processes
        ],
        "origins": dict(state.origins),
    }


def load(spare_copy: SpareCopy, tracker: Tracker) -> tuple[Totals, datetime | None]:
    """Fill an empty tracker from a spare copy; return the totals and the time of the last scrape.

    Raises ValueError, KeyError, TypeError or AttributeError for a spare copy that is none.
    """
    if spare_copy["version"] != VERSION:
        message = f"version {spare_copy['version']} of the spare copy"
        raise ValueError(message)
    attributions = tracker.attributions
    numbers = _load_attributions(spare_copy, attributions)
    totals = Totals(
        spare_copy["day"],
        {
            numbers[old]: Usage(**{window: _dense(vector) for window, vector in one["usage"].items()})
            for old, one in spare_copy["attributions"].items()
        },
    )
    totals.regroup(attributions.groups)
    for process_id, saved in zip(count(1), spare_copy["processes"], strict=False):
        anchor = {numbers[old]: _dense(vector) for old, vector in saved["raw"].items() if old in numbers}
        process = Process(process_id, saved["start"], saved["last_answer"], saved["restarted"])
        process.forgotten, process.anchor = saved["forgotten"], None if saved["forgotten"] else anchor
        tracker.processes[process_id] = process
    tracker.origins = {metric: (sources, since) for metric, (sources, since) in spare_copy["origins"].items()}
    last = spare_copy["last_scrape"]
    return totals, datetime.fromtimestamp(last, UTC) if last else None


def _load_attributions(spare_copy: SpareCopy, attributions: Attributions) -> dict[str, int]:
    """Take the attributions and names of a spare copy in; return the numbers they have now."""
    numbers: dict[str, int] = {}
    for old, one in spare_copy["attributions"].items():
        keys = tuple((Dimension(dimension), key) for dimension, key in one["members"])
        for dimension, key in keys[1:]:
            attributions.name(Member(dimension, key, key))
        numbers[old] = attributions.number(keys[1:])
    for of, key, name in spare_copy["names"]:
        attributions.name(Member(Dimension(of), key, name))
    attributions.models = {(label, value): model for label, value, model in spare_copy["models"]}
    return numbers


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
