"""Running totals of the current windows, per attribution and per member, as immutable values."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add

from . import windows
from .catalog import COUNTER_INDEX, Dimension
from .models import ZERO, MemberKey, Snapshot, Usage, Vector, Window

_DUST = 9
"""Decimals: a token costs 1e-8 dollars and more, differences of floats err below 1e-10."""


def plus(left: Vector, right: Iterable[float]) -> Vector:
    """Return the sum of two vectors."""
    return tuple(map(add, left, right, strict=True))


def total(vectors: Iterable[Vector]) -> Vector:
    """Return the sum of vectors."""
    return reduce(plus, vectors, ZERO)


def named(vector: Vector) -> dict[str, float]:
    """Return a vector by the friendly names of its counters."""
    return dict(zip(COUNTER_INDEX, vector, strict=True))


def grown(usage: Usage, by: Vector) -> Usage:
    """Return a usage that has grown in every window; windows that are one object stay one: most of what is new."""
    day = plus(usage.day, by)
    week = day if usage.week is usage.day else plus(usage.week, by)
    month = week if usage.month is usage.week else plus(usage.month, by)
    year = month if usage.year is usage.month else plus(usage.year, by)
    lifetime = year if usage.lifetime is usage.year else plus(usage.lifetime, by)
    return Usage(day, week, month, year, lifetime)


@dataclass(slots=True)
class Totals:
    """Usage in the current windows.

    The mappings are replaced, never changed, so that a snapshot may hold them; members and
    attributions that do not change keep their object.
    """

    day: int
    """The local day that the windows are cut at, as an ordinal."""
    week_start: int = field(default=0, kw_only=True)
    """The weekday that weeks begin with, 0 for Monday."""
    attributions: dict[int, Usage] = field(default_factory=dict)
    members: dict[MemberKey, Usage] = field(default_factory=dict)
    dimensions: dict[Dimension, Usage] = field(default_factory=dict)
    """The sum of a dimension's members."""
    _changed: set[MemberKey] | None = None
    """Members whose usage is another one since `take_changed`; None where all may be."""

    def add(self, increases: Mapping[int, Vector], groups: Callable[[int], Iterable[MemberKey]]) -> None:
        """Add increases per attribution to it and to its members; without any, every mapping stays the same object."""
        if not increases:
            return
        attributions, members, dimensions = dict(self.attributions), dict(self.members), dict(self.dimensions)
        per_member: dict[MemberKey, Vector] = {}
        per_dimension: dict[Dimension, Vector] = {}
        for number, by in increases.items():
            attributions[number] = grown(attributions.get(number, Usage()), by)
            for member in groups(number):
                known = per_member.get(member)
                per_member[member] = by if known is None else plus(known, by)
        for member, by in per_member.items():
            members[member] = grown(members.get(member, Usage()), by)
            sum_of = per_dimension.get(member[0])
            per_dimension[member[0]] = by if sum_of is None else plus(sum_of, by)
        for dimension, by in per_dimension.items():
            dimensions[dimension] = grown(dimensions.get(dimension, Usage()), by)
        self.attributions, self.members, self.dimensions = attributions, members, dimensions
        if self._changed is not None:
            self._changed.update(per_member)

    def take_changed(self) -> frozenset[MemberKey] | None:
        """Return the members whose usage has changed since this was asked last; None where all may have."""
        changed, self._changed = self._changed, set()
        return None if changed is None else frozenset(changed)

    def regroup(self, groups: Callable[[int], Iterable[MemberKey]]) -> None:
        """Work the members' totals out anew from those of the attributions."""
        self.members, self.dimensions, self._changed = {}, {}, None
        for number, usage in self.attributions.items():
            for member in groups(number):
                known = self.members.get(member, Usage())
                self.members[member] = combined(known, usage)
        for (dimension, _), usage in self.members.items():
            self.dimensions[dimension] = combined(self.dimensions.get(dimension, Usage()), usage)

    def roll(self, day: int) -> bool:
        """Begin the windows that start between the last day and `day`; return whether any did."""
        if day <= self.day:
            return False
        before, after = (windows.first_days(one, self.week_start) for one in (self.day, day))
        ended = {str(window): ZERO for window in after if after[window] != before[window]}
        self.day, self._changed = day, None
        self.attributions = {number: _ended(usage, ended) for number, usage in self.attributions.items()}
        self.members = {member: _ended(usage, ended) for member, usage in self.members.items()}
        self.dimensions = {dimension: _ended(usage, ended) for dimension, usage in self.dimensions.items()}
        return True


def _ended(usage: Usage, ended: dict[str, Vector]) -> Usage:
    """Return a usage whose ended windows are zero; the same object where they already were."""
    if all(getattr(usage, window) == ZERO for window in ended):
        return usage
    return replace(usage, **ended)


def combined(left: Usage, right: Usage) -> Usage:
    """Return the sum of two usages, window by window."""
    return Usage(*(plus(getattr(left, window), getattr(right, window)) for window in Window))


def combined_usage(snapshot: Snapshot, members: Iterable[MemberKey]) -> Usage:
    """Return the sum of some members' usage, window by window."""
    return reduce(combined, (snapshot.usage[one] for one in members if one in snapshot.usage), Usage())


def rest_of(snapshot: Snapshot, dimension: Dimension, members: Iterable[MemberKey]) -> Usage:
    """Return the usage of a dimension's members but these; costs what these are, however many the others."""
    whole, part = snapshot.dimensions.get(dimension, Usage()), combined_usage(snapshot, members)
    return Usage(*(_minus(getattr(whole, window), getattr(part, window)) for window in Window))


def _minus(whole: Vector, part: Vector) -> Vector:
    """Return the difference of two vectors, without what floats err by."""
    return tuple([max(0.0, round(one - other, _DUST)) for one, other in zip(whole, part, strict=True)])
