"""What the proxy's gauges say now: requests in flight, budgets, the state of deployments."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite

from ..catalog import BUDGETS, DEPLOYMENT_STATE, DIMENSIONS, GAUGES, BudgetRow
from ..exposition import Exposition, gauges
from ..models import Budget, Health, Member, MemberKey

RESET_JITTER = timedelta(minutes=5)
"""LiteLLM tells hours, not a time: two readings of the same reset differ by less than this."""

LONGEST_HOURS = 24 * 366 * 100
"""A budget that is reset in more than a hundred years is never reset."""

_ROWS = {row.dimension: row for row in DIMENSIONS}
_STATES = (Health.HEALTHY, Health.PARTIAL_OUTAGE, Health.COMPLETE_OUTAGE)


@dataclass(slots=True)
class Budgets:
    """Reads the gauges of one proxy; remembers what it needs to tell a fault from a change."""

    names: Callable[[Member], object]
    """Is told the member, with its name, of each budget."""
    budgets: Mapping[MemberKey, Budget] = field(default_factory=dict)
    _hours: dict[MemberKey, float] = field(default_factory=dict)
    _doubted: dict[MemberKey, float] = field(default_factory=dict)
    """Remaining amounts that jumped to the whole budget, not believed before they are repeated."""

    def read(self, exposition: Exposition, answered_at: datetime) -> Mapping[MemberKey, Budget]:
        """Return the budget of every member that has one; the same mapping where nothing changed."""
        found: dict[MemberKey, Budget] = {}
        for row in BUDGETS:
            # Several workers each keep a copy, stale in all but one: the lowest is nearest the truth.
            remaining = self._values(row, row.remaining, exposition, min)
            maximum = self._values(row, row.maximum, exposition, max)
            hours = self._values(row, row.hours, exposition, min)
            for member, left in remaining.items():
                most = maximum.get(member)
                found[member] = Budget(
                    self._believed(member, left, most), most, self._reset(member, hours.get(member), answered_at)
                )
        if found != self.budgets:
            self.budgets = found
        return self.budgets

    def _values(
        self,
        row: BudgetRow,
        family: str | None,
        exposition: Exposition,
        choose: Callable[[float, float], float],
    ) -> dict[MemberKey, float]:
        """Return member -> value of one gauge; infinity and NaN mean that there is no budget."""
        values: dict[MemberKey, float] = {}
        for labels, value in gauges(exposition.get(family or "", ())):
            member = isfinite(value) and self._member(row, labels)
            if member:
                values[member] = choose(values[member], value) if member in values else value
        return values

    def _member(self, row: BudgetRow, labels: Mapping[str, str]) -> MemberKey | None:
        """Return whose budget a sample tells, and have its name known."""
        where = _ROWS[row.dimension]
        found = where.member(tuple(map(labels.get, where.labels)), tuple(map(labels.get, where.names)))
        if found is None:
            return None
        self.names(Member(row.dimension, *found))
        return row.dimension, found[0]

    def _believed(self, member: MemberKey, left: float, most: float | None) -> float:
        """Return what remains of a budget; LiteLLM at times tells the whole of it for one scrape."""
        known = self.budgets.get(member)
        jumped = known is not None and left == most and known.maximum == most and known.remaining < left
        if not jumped or self._doubted.get(member) == left:
            self._doubted.pop(member, None)
            return left
        self._doubted[member] = left
        return known.remaining if known else left

    def _reset(self, member: MemberKey, hours: float | None, answered_at: datetime) -> datetime | None:
        """Return when a budget is reset; the gauge stands still between requests, time does not."""
        known = self.budgets.get(member)
        before = known.resets_at if known else None
        if hours is None or not 0 < hours < LONGEST_HOURS:
            return None
        if self._hours.get(member) == hours and before is not None:
            return before
        self._hours[member] = hours
        at = (answered_at + timedelta(hours=hours)).replace(second=0, microsecond=0)
        return before if before is not None and abs(at - before) < RESET_JITTER else at


def live_gauges(exposition: Exposition) -> dict[str, float]:
    """Return each live figure that is published, summed over its finite samples."""
    found: dict[str, float] = {}
    for gauge in GAUGES:
        source = next((one for one in gauge.sources if one in exposition), None)
        if source is not None:
            found[gauge.name] = sum(_finite(value for _, value in gauges(exposition[source])))
    return found


def deployment_health(exposition: Exposition) -> dict[str, Health]:
    """Return upstream model -> the worst state of its deployments."""
    worst: dict[str, Health] = {}
    for labels, value in gauges(exposition.get(DEPLOYMENT_STATE, ())):
        model = labels.get("litellm_model_name", "")
        if model and value in range(len(_STATES)):
            worst[model] = max(worst.get(model, Health.HEALTHY), _STATES[int(value)], key=_STATES.index)
    return worst


def _finite(values: Iterable[float]) -> Iterator[float]:
    """Yield the values that are numbers."""
    return (value for value in values if isfinite(value))
