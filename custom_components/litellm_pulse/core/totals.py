"""Running totals of the current windows, per attribution and per member, as immutable values."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add

from . import windows
from .models import ZERO, MemberKey, Snapshot, Usage, Vector, Window


def plus(left: Vector, right: Iterable[float]) -> Vector:
    """Return the sum of two vectors."""
    return tuple(map(add, left, right, strict=True))


def grown(usage: Usage, by: Vector) -> Usage:
    """Return a usage that has grown in every window."""
    return Usage(
        plus(usage.day, by),
        plus(usage.week, by),
        plus(usage.month, by),
        plus(usage.year, by),
        plus(usage.lifetime, by),
    )


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

    def add(self, increases: Mapping[int, Vector], groups: Callable[[int], Iterable[MemberKey]]) -> None:
        """Add increases per attribution to it and to each member of its groups."""
        attributions, members = dict(self.attributions), dict(self.members)
        per_member: dict[MemberKey, Vector] = {}
        for number, by in increases.items():
            attributions[number] = grown(attributions.get(number, Usage()), by)
            for member in groups(number):
                known = per_member.get(member)
                per_member[member] = by if known is None else plus(known, by)
        for member, by in per_member.items():
            members[member] = grown(members.get(member, Usage()), by)
        self.attributions, self.members = attributions, members

    def regroup(self, groups: Callable[[int], Iterable[MemberKey]]) -> None:
        """Work the members' totals out anew from those of the attributions."""
        self.members = {}
        for number, usage in self.attributions.items():
            for member in groups(number):
                known = self.members.get(member, Usage())
                self.members[member] = combined(known, usage)

    def roll(self, day: int) -> bool:
        """Begin the windows that start between the last day and `day`; return whether any did."""
        if day <= self.day:
            return False
        before, after = (windows.first_days(one, self.week_start) for one in (self.day, day))
        ended = {str(window): ZERO for window in after if after[window] != before[window]}
        self.day = day
        self.attributions = {number: _ended(usage, ended) for number, usage in self.attributions.items()}
        self.members = {member: _ended(usage, ended) for member, usage in self.members.items()}
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
