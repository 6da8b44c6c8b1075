"""The sums of a process' counters as they stand, before anything is subtracted."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import add

from ..catalog import UPSTREAM, Dimension
from ..models import ZERO, Vector
from .process import Process
from .results import MemberKeys
from .series import Counter

_LACKED = 600.0
"""Seconds for which a counter that the answers lack may be one that they have lost, and none that was evicted."""


@dataclass(slots=True)
class RawSums:
    """Per process, attribution -> the sum of its counters at the last answer."""

    known: dict[int, Mapping[int, Vector]] = field(default_factory=dict)
    _counters: dict[int, dict[int, list[Counter]]] = field(default_factory=dict)
    """Per process, attribution -> its counters."""
    _short: dict[int, set[int]] = field(default_factory=dict)
    """Per process, attributions of which the last answers lack a counter."""

    def grow(self, process: Process, increases: Mapping[int, Sequence[float]]) -> Mapping[int, Vector]:
        """Return the sums of a process of which some counters have grown by this much, and no other has changed.

        The same object where nothing has grown.
        """
        known = self.known.get(process.id)
        if known is None or not increases.keys() <= known.keys():
            return self.update(process, (), anew=True)
        if increases:
            known = self.known[process.id] = added(known, increases)
        return known

    def update(self, process: Process, touched: Collection[int], *, anew: bool) -> Mapping[int, Vector]:
        """Return the sums of a process, of which those of `touched` attributions may have changed.

        `anew` says that there may be other counters than before. The same object where nothing has changed.
        """
        known = self.known.get(process.id)
        if anew or known is None:
            self._counters.pop(process.id, None)
            known, touched = {}, self._group(process).keys()
        if touched:
            counters = self._counters.get(process.id) or self._group(process)
            changed = {number: sums for number in touched if (sums := _sum(counters.get(number, ())))}
            known = {number: one for number, one in known.items() if number not in touched} | changed
            lacks = {one for one in touched if any(map(_is_missing, counters.get(one, ())))}
            self._short[process.id] = self._short.get(process.id, set()) | lacks
        self.known[process.id] = known
        return known

    def _group(self, process: Process) -> dict[int, list[Counter]]:
        """Return the counters of a process by attribution."""
        found = self._counters[process.id] = {}
        for counter in process.all_counters():
            if counter.series.metrics:
                found.setdefault(counter.series.attribution, []).append(counter)
        return found

    def of(self, process: Process) -> Mapping[int, Vector] | None:
        """Return the sums of a process: those of a spare copy until its counters are known; None for none."""
        return process.sums if process.sums is not None else self.known.get(process.id)

    def lacking(self, process: Process) -> Mapping[int, Vector]:
        """Return what a process has counted that its last answers lack, and the next may have again."""
        lacking = {number: [*by] for number, by in process.shortfall.lacking.items()} if process.shortfall else {}
        if short := self._short.get(process.id):
            counters = self._counters.get(process.id) or self._group(process)
            for number in [*short]:
                recent = [one for one in counters.get(number, ()) if _is_missing(one, process.seen - _LACKED)]
                if not recent:
                    short.discard(number)
                for one in recent:
                    vector = lacking.setdefault(one.series.attribution, [*ZERO])
                    for metric in one.series.metrics:
                        vector[metric] += one.value
        return {number: tuple(by) for number, by in lacking.items()}

    def keep_only(self, processes: Collection[int]) -> None:
        """Let go of the processes that are gone, and of counters that may be."""
        self._counters.clear()
        for number in self.known.keys() - processes:
            del self.known[number]
        for number in self._short.keys() - processes:
            del self._short[number]


def highest(several: Iterable[Mapping[int, Vector]]) -> Mapping[int, Vector]:
    """Return the highest of several processes' sums, per attribution and metric."""
    found: dict[int, Vector] = {}
    for sums in several:
        for number, vector in sums.items():
            found[number] = tuple(map(max, found.get(number, ZERO), vector, strict=True))
    return found


def added(sums: Mapping[int, Vector], more: Mapping[int, Sequence[float]]) -> Mapping[int, Vector]:
    """Return sums, and what is more of each attribution."""
    return {**sums, **{one: tuple(map(add, sums.get(one, ZERO), by, strict=True)) for one, by in more.items()}}


def gained_by(before: Mapping[int, Vector], now: Mapping[int, list[float]]) -> dict[int, list[float]]:
    """Return by how much the sums of each attribution have grown; below zero where they fell."""
    return {
        number: [new - old for new, old in zip(now.get(number, ZERO), before.get(number, ZERO), strict=True)]
        for number in before.keys() | now.keys()
    }


def follow_moves(gained: Mapping[int, list[float]], keys: Sequence[MemberKeys], *, certain: bool = False) -> None:
    """Take what an attribution lost off what others gained to which its series belong now.

    A series is attributed anew once its model, public name or provider has become known; the others
    that its labels name stay. Of several the one that says the same and more comes first; `certain`
    are those that say the same and more, or less, or that the model was a public name.
    """
    by_callers: dict[MemberKeys, list[int]] = {}
    for number in gained:
        callers = tuple([key for key in keys[number] if key[0] not in UPSTREAM])
        by_callers.setdefault(callers, []).append(number)
    for group in by_callers.values():
        for loser in group if len(group) > 1 else ():
            if min(gained[loser]) < 0:
                said = set(keys[loser])
                as_public = {(Dimension.PUBLIC_MODEL, name) for dimension, name in said if dimension is Dimension.MODEL}
                for winner in sorted(group, key=lambda one: (not said < set(keys[one]), one)):
                    says = set(keys[winner])
                    if not certain or said < says or said > says or as_public & says:
                        _settle(gained[loser], gained[winner])


def _settle(loser: list[float], winner: list[float]) -> None:
    """Take what one lost off what another gained, per metric."""
    for metric, by in enumerate(loser):
        moved = min(-by, winner[metric])
        if moved > 0:
            loser[metric] += moved
            winner[metric] -= moved


def _is_missing(counter: Counter, since: float = 0.0) -> bool:
    """Whether a counter is missing, and was not for long before a time."""
    return counter.missing_since is not None and counter.missing_since > since


def _sum(counters: Collection[Counter]) -> Vector | None:
    """Return the sum of the counters that are not missing, None where all are."""
    vector: list[float] | None = None
    for counter in counters:
        if counter.missing_since is None:
            vector = vector or [*ZERO]
            value = counter.value
            for metric in counter.series.metrics:
                vector[metric] += value
    return tuple(vector) if vector else None
