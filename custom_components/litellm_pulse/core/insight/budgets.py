"""LiteLLM's own budgets, out of the many copies in which a proxy tells them.

Each worker, each replica and each former alias of a team keeps a copy of a gauge, stale in all but
one: the live one is the one whose value changed last.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import inf, isfinite, isnan

from ..catalog import BUDGETS, DEPLOYMENT_STATE, DIMENSIONS, GAUGE_NAMES, GAUGES, BudgetRow, Metric
from ..exposition import GaugeSample
from ..models import Budget, Health, Member, MemberKey

RESET_JITTER = timedelta(minutes=5)
"""LiteLLM tells hours, not a time: two readings of the same reset differ by less than this."""

LONGEST_HOURS = 24 * 366 * 100
"""A budget that is reset in more than a hundred years is never reset."""

STAYS = 2
"""Answers in which one copy tells the whole of a budget before that is believed."""

GONE = 10
"""Answers of a process that lack a copy it had before that is gone: lines and families are lost on the way, too."""

MOST_PROCESSES = 24
"""Processes whose copies are remembered: all of a proxy's replicas, however often they are restarted."""

type Gauges = Mapping[str, Sequence[GaugeSample]]
type Labels = frozenset[tuple[str, str]]
type CopyKey = tuple[int, Labels]
"""The process that tells it, and all its labels."""

_ROWS = {row.dimension: row for row in DIMENSIONS}
_STATES = (Health.HEALTHY, Health.PARTIAL_OUTAGE, Health.COMPLETE_OUTAGE)


@dataclass(slots=True)
class _Copy:
    """One copy of a gauge."""

    value: float
    changed: int
    """The answer in which its value changed last."""
    name: str
    """What it calls the member."""
    missing: int = 0
    """Answers of its process that lack it, one after the other."""


@dataclass(frozen=True, slots=True)
class BudgetReading:
    """What the gauges of one answer say of budgets."""

    budgets: Mapping[MemberKey, Budget]
    """All that are known; the same mapping where nothing changed."""
    changed: Mapping[MemberKey, Budget | None]
    """Those that are other ones now; None where there is none any more."""
    names: Sequence[Member]
    """Members that a live copy names, or that were not known."""


@dataclass(slots=True)
class Budgets:
    """Reads the budgets of one proxy; remembers what it needs to tell a fault from a change."""

    budgets: dict[MemberKey, Budget] = field(default_factory=dict)
    """See `load`."""
    _copies: dict[str, dict[MemberKey, dict[CopyKey, _Copy]]] = field(default_factory=dict)
    """Family -> member -> its copies."""
    _read: dict[int, dict[str, Sequence[GaugeSample]]] = field(default_factory=dict)
    """What a process last told of each family; the process that answered last comes last."""
    _missing: dict[tuple[str, MemberKey, CopyKey], _Copy] = field(default_factory=dict)
    """The copies that the last answer of their process lacks."""
    _listed: frozenset[MemberKey] = frozenset()
    """Who has a budget by LiteLLM's API."""
    _doubted: dict[MemberKey, tuple[CopyKey, int]] = field(default_factory=dict)
    """Members whose copy tells the whole budget, and in how many answers it did."""
    _answers: int = 0
    _process: int = 0
    """Which process answered last."""

    def load(self, budgets: Mapping[MemberKey, Budget], processes: Iterable[int] = ()) -> None:
        """Take in what was written down, and which processes have answered, also those that told of no budget."""
        self.budgets = dict(budgets)
        self._read = {process: {} for process in processes}
        for row in BUDGETS:
            for member in [one for one in budgets if one[0] is row.dimension]:
                copies = self._copies.setdefault(row.remaining, {}).setdefault(member, {})
                for process, labels, value, changed in json.loads(budgets[member].copies or "[]"):
                    key = process, frozenset((name, text) for name, text in labels)
                    copies[key] = _Copy(value, changed, "")
                    self._read.setdefault(process, {})
                    self._answers = max(self._answers, changed)

    def read(self, process: int, gauges: Gauges, answered_at: datetime, *, stands: bool = False) -> BudgetReading:
        """Take in what a process tells of budgets; `stands` says that it was there before the last answer.

        Such a one that was not read before may have told all of it long ago.
        """
        self._answers += 1
        self._process = process
        at = 0 if stands and process not in self._read else self._answers
        self._read[process] = self._read.pop(process, {})
        while len(self._read) > MOST_PROCESSES:
            self._forget(next(iter(self._read)))
        touched = set(self._doubted) | self._miss(process)
        for row in BUDGETS:
            for family in filter(None, (row.remaining, row.maximum, row.hours)):
                touched |= self._take(row, family, process, gauges.get(family, ()), at)
        names: list[Member] = []
        changed: dict[MemberKey, Budget | None] = {}
        for row in BUDGETS:
            for member in [one for one in touched if one[0] is row.dimension]:
                known = self.budgets.get(member)
                found = self._budget(row, member, process, answered_at, names)
                if found != known or _told_anew(found, known):
                    changed[member] = found
        return self._reading(changed, names)

    def complete(self, listed: Mapping[MemberKey, Budget | None]) -> BudgetReading:
        """Take in the budgets that LiteLLM's API lists, None for who has none.

        The API is asked once in a while; of whom the last answer of /metrics tells a budget, that is the newer one.
        """
        live = self._live_members()
        self._listed = frozenset(member for member, budget in listed.items() if budget)
        changed: dict[MemberKey, Budget | None] = {}
        for member, budget in listed.items():
            known = self.budgets.get(member)
            found = replace(budget, hours=known.hours, copies=known.copies) if budget and known else budget
            if member not in live and found != known:
                changed[member] = found
        return self._reading(changed)

    @property
    def told(self) -> AbstractSet[MemberKey]:
        """Whose budget a process tells that is not gone, or LiteLLM's API."""
        copied = (member for row in BUDGETS for member, one in self._copies.get(row.remaining, {}).items() if one)
        return self._listed.union(copied)

    def forget(self, alive: Collection[int]) -> None:
        """Let go of what processes told that are gone; what is known stays."""
        for process in self._read.keys() - {*alive}:
            self._forget(process)

    def drop(self, members: Collection[MemberKey]) -> BudgetReading:
        """Let go of the budgets of members that are not told apart any more."""
        return self._reading(dict.fromkeys(self.budgets.keys() & {*members}))

    def _reading(self, changed: Mapping[MemberKey, Budget | None], names: Sequence[Member] = ()) -> BudgetReading:
        """Take in what has changed, and return it."""
        if changed:
            kept = {**self.budgets, **changed}
            self.budgets = {member: one for member, one in kept.items() if one is not None}
        return BudgetReading(self.budgets, changed, names)

    def _live_members(self) -> set[MemberKey]:
        """Return of whom the last answer tells a budget."""
        told = self._read.get(self._process, {})
        samples = ((row, one) for row in BUDGETS for one in told.get(row.remaining, ()))
        return {member.key for row, one in samples if (member := _member(row, one.labels))}

    def _take(
        self, row: BudgetRow, family: str, process: int, samples: Sequence[GaugeSample], at: int
    ) -> set[MemberKey]:
        """Take in one gauge of a process; return the members of whom it says something new.

        `at` is the number of the answer, 0 where what was not known stands there.
        """
        told = self._read[process]
        if samples == told.get(family):
            return set()
        told[family] = samples
        copies = self._copies.setdefault(family, {})
        touched: set[MemberKey] = set()
        present: set[tuple[MemberKey, CopyKey]] = set()
        for sample in samples:
            member = _member(row, sample.labels)
            if member is None:
                continue
            key = process, frozenset(sample.labels.items())
            present.add((member.key, key))
            known = copies.setdefault(member.key, {}).get(key)
            if known is None:
                copies[member.key][key] = _Copy(sample.value, at, member.name)
                touched.add(member.key)
                continue
            known.name = known.name or member.name
            if not (known.value == sample.value or (isnan(known.value) and isnan(sample.value))):
                known.value, known.changed = sample.value, self._answers
                touched.add(member.key)
        for member_key, of_member in copies.items():
            for key in [one for one in of_member if one[0] == process]:
                where = family, member_key, key
                if (member_key, key) in present:
                    if self._missing.pop(where, None):
                        of_member[key].missing = 0
                else:
                    self._missing.setdefault(where, of_member[key])
        return touched

    def _miss(self, process: int) -> set[MemberKey]:
        """Let go of what a process has not told for long; return the members whose it was."""
        touched: set[MemberKey] = set()
        for where, copy in [(where, copy) for where, copy in self._missing.items() if where[2][0] == process]:
            family, member, key = where
            copy.missing += 1
            if copy.missing >= GONE:
                copies = self._copies[family]
                del copies[member][key], self._missing[where]
                if not copies[member]:
                    del copies[member]
                touched.add(member)
        return touched

    def _forget(self, process: int) -> None:
        """Let go of the copies of a process that is gone; what it told last stays what is known."""
        del self._read[process]
        self._missing = {where: copy for where, copy in self._missing.items() if where[2][0] != process}
        for family, copies in self._copies.items():
            for of_member in copies.values():
                for key in [one for one in of_member if one[0] == process]:
                    del of_member[key]
            self._copies[family] = {member: of_member for member, of_member in copies.items() if of_member}

    def _budget(
        self, row: BudgetRow, member: MemberKey, process: int, answered_at: datetime, names: list[Member]
    ) -> Budget | None:
        """Return the budget of a member as its live copies tell it, None where it has none."""
        known = self.budgets.get(member)
        key = self._live(row.remaining, member, known.remaining if known else None)
        if key is None:
            return None
        copy = self._copies[row.remaining][member][key]
        maximum = self._of(row.maximum, member, key, known.maximum if known else None)
        self._name(member, copy, row, names)
        if not isfinite(copy.value):
            return known if maximum is not None and isfinite(maximum) else None
        most = maximum if maximum is not None and isfinite(maximum) else None
        told = self._of(row.hours, member, key, known.hours if known else None)
        hours = told if told is not None and isfinite(told) else None
        left = self._believed(member, key, copy.value, most, process, answered_at)
        return Budget(left, most, _reset(known, hours, answered_at), hours, self._dump(row.remaining, member))

    def _dump(self, family: str, member: MemberKey) -> str:
        """Return the copies of a member's gauge as text."""
        copies = self._copies[family][member]
        return json.dumps([(key[0], sorted(key[1]), one.value, one.changed) for key, one in copies.items()])

    def _name(self, member: MemberKey, copy: _Copy, row: BudgetRow, names: list[Member]) -> None:
        """Note the name that a live copy gives; one that merely stands there names only who was not known."""
        stands = len({one.changed for one in self._copies[row.remaining][member].values()}) < 2  # noqa: PLR2004
        if (
            copy.changed == self._answers and (not stands or len(self._copies[row.remaining][member]) == 1)
        ) or member not in self.budgets:
            names.append(Member(row.dimension, member[1], copy.name))

    def _live(self, family: str, member: MemberKey, known: float | None) -> CopyKey | None:
        """Return the copy that changed last; of several the one that says what is known, then the lowest.

        Where it was known that there is no budget, and all stand there, one that says so says what is known.
        """
        copies = self._copies.get(family, {}).get(member)
        if not copies:
            return None
        says = inf if known is None and not any(one.changed for one in copies.values()) else known
        return min(copies, key=lambda key: (-copies[key].changed, copies[key].value != says, copies[key].value))

    def _of(self, family: str | None, member: MemberKey, key: CopyKey, known: float | None) -> float | None:
        """Return what another gauge says in the same copy, or in its own live one."""
        copies = self._copies.get(family or "", {}).get(member)
        live = key if copies and key in copies else self._live(family or "", member, known)
        if not copies or live is None or isnan(copies[live].value):
            return known
        return copies[live].value

    def _believed(  # noqa: PLR0913, PLR0917
        self, member: MemberKey, key: CopyKey, left: float, most: float | None, process: int, answered_at: datetime
    ) -> float:
        """Return what remains of a budget; LiteLLM at times tells the whole of it, and another value soon after."""
        known = self.budgets.get(member)
        if known is None or left != most or known.maximum != most or known.remaining >= left:
            self._doubted.pop(member, None)
            return left
        if known.resets_at is not None and answered_at >= known.resets_at - RESET_JITTER:
            self._doubted.pop(member, None)
            return left
        doubted, times = self._doubted.get(member, (key, 0))
        if doubted != key:
            times = 0
        times += process == key[0]
        self._doubted[member] = key, times
        if times < STAYS:
            return known.remaining
        del self._doubted[member]
        return left


def _member(row: BudgetRow, labels: Mapping[str, str]) -> Member | None:
    """Return whose budget a sample tells."""
    where = _ROWS[row.dimension]
    found = where.member(tuple(map(labels.get, where.labels)), tuple(map(labels.get, where.names)))
    return Member(row.dimension, *found) if found else None


def _told_anew(found: Budget | None, known: Budget | None) -> bool:
    """Whether the same budget was told in other words, which a restart of Home Assistant must not take for news."""
    return bool(found and known and (found.hours, found.copies) != (known.hours, known.copies))


def _reset(known: Budget | None, hours: float | None, answered_at: datetime) -> datetime | None:
    """Return when a budget is reset; the gauge stands still between requests, time does not.

    Below zero is a time that is past: the reset is due.
    """
    before = known.resets_at if known else None
    if hours is None or not -LONGEST_HOURS < hours < LONGEST_HOURS:
        return None
    if known and known.hours == hours and before is not None:
        return before
    at = (answered_at + timedelta(hours=hours)).replace(second=0, microsecond=0)
    return before if before is not None and abs(at - before) < RESET_JITTER else at


def live_gauges(gauges: Gauges, wanted: Iterable[Metric] = GAUGES) -> dict[str, float]:
    """Return each live figure that is published, summed over its finite samples."""
    found: dict[str, float] = {}
    for gauge in (one for one in wanted if one.name in GAUGE_NAMES):
        source = next((one for one in gauge.sources if one in gauges), None)
        if source is not None:
            found[gauge.name] = finite_sum(gauges[source])
    return found


def deployment_health(gauges: Gauges) -> dict[str, Health]:
    """Return upstream model -> the worst state of its deployments."""
    worst: dict[str, Health] = {}
    for sample in gauges.get(DEPLOYMENT_STATE, ()):
        model = sample.labels.get("litellm_model_name", "")
        if model and sample.value in range(len(_STATES)):
            worst[model] = max(worst.get(model, Health.HEALTHY), _STATES[int(sample.value)], key=_STATES.index)
    return worst


def finite_sum(samples: Iterable[GaugeSample]) -> float:
    """Return the sum of the values that are numbers."""
    return sum((one.value for one in samples if isfinite(one.value)), 0.0)
