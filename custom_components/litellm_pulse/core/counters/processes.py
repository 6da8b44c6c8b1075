"""The processes of the proxy that have answered."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from .process import WAIT_ANSWERS, Process, Workers
from .results import BaselineKey, Changes, Origin, ProcessRow
from .waiting import Waiting

FORGET_SECONDS = 7 * 86400
"""A process, or a counter, that was not seen for so long is taken for dead."""

MOST_PROCESSES = 48
"""Processes whose counters are remembered, however often a proxy restarts."""

MOST_FORGOTTEN = 100
"""Processes of which it is remembered besides that they were there: should one return, it is a baseline."""

MOST_GONE = 50_000
"""Counters that are remembered though answers lack them, once a proxy has more than that of other series again."""

MOST_SILENT = 200_000
"""Counters that are remembered then of all but the last `MOST_EXPECTED` processes that answered."""

MOST_EXPECTED = 4
"""Processes that began while another was silent, after which no answer of that one is expected any more."""


@dataclass(slots=True)
class Processes:
    """Every process that is known, and whether several answer in turn."""

    known: dict[int, Process] = field(default_factory=dict)
    """Per number."""
    number: int = 0
    """Of the last answer."""
    in_turn_until: float = 0.0
    """Until then, by our clock, several processes are taken to answer in turn."""

    def __iter__(self) -> Iterator[Process]:
        """Yield all of them."""
        return iter(self.known.values())

    def __contains__(self, process: Process) -> bool:
        """Whether a process has answered."""
        return process.id in self.known

    @property
    def newest(self) -> Process | None:
        """The process that answered last."""
        return max(self.known.values(), key=_number, default=None)

    @property
    def need_created(self) -> bool:
        """Whether two processes began in the same moment, or times of creation were lost that decide what counts."""
        starts = [one.start for one in self if one.start is not None and not one.forgotten]
        return len(starts) > len(set(starts)) or any(one.undecided for one in self)

    def begin(self, start: float | None, pids: frozenset[str], *, joined: bool, restarted: bool) -> Process:
        """Return a process that has not answered before; it is known once its answer is counted."""
        number = max(self.known, default=0) + 1
        # It may be one of those whose counters are not known any more.
        let_go = max((one.unknown_until for one in self if start in {None, one.start}), default=0.0)
        return Process(number, start, Workers(pids), joined=joined, restarted=restarted, let_go=let_go)

    def wait(self) -> Waiting | None:
        """Return what several workers wait for that were not seen before; None where nobody answered before."""
        older = frozenset(one.id for one in self if not one.forgotten and one.waiting is None)
        return Waiting(older, {}) if older else None

    def outwait(self, process: Process) -> list[Waiting]:
        """Note an answer for all that wait, whoever of them gives it; return what has waited for long enough."""
        everybody = (self.known | {process.id: process}).values()
        waiting = [one.waiting for one in everybody if one.waiting and process.id not in one.waiting.older]
        for one in waiting:
            one.answers += 1
        return [one for one in waiting if one.answers > WAIT_ANSWERS]

    def is_restart(self, process: Process, *, is_new: bool, fresh: bool) -> bool:
        """Whether the proxy was restarted: one of several replicas is not the proxy."""
        newest = self.newest
        if not is_new or newest is None or not fresh:
            return False
        if process.start is None:
            return process.restarted
        return newest.seen >= self.in_turn_until and process.start >= (newest.last_answer or 0.0)

    def answered(self, process: Process, answered_at: float, now: float) -> Changes:
        """Note that a process has answered; return what changes of others: those that are gone, or waited for it."""
        newest, is_new = self.newest or process, process not in self
        if not is_new and newest is not process:
            self.in_turn_until = now + FORGET_SECONDS
        # One with a start that was there before is another than the one that lost its start.
        dropped = [one.id for one in self if _is_replaced_by(one, process) and (is_new or process.start is None)]
        waiting = {one: one.waiting for one in self if one.waiting}
        waited = [one for one, its in waiting.items() if process.id in its.older or its.answers > WAIT_ANSWERS]
        for one in waited:
            one.waiting = None
        for number in dropped:
            del self.known[number]
        outlived = self._outlived(MOST_PROCESSES) if is_new else []
        if is_new and process.has_no_identity and not (process.workers.pids or process.restarted):
            # They do not tell any more who they are: whatever returns of them has counted as this one's.
            told = [one for one in self if one.start is not None or one.workers.pids or one.joined]
            outlived = [one for one in told if not one.forgotten]
        if is_new:
            remembered = sorted([one for one in self if not one.forgotten and one not in outlived], key=_number)
            outlived += remembered[:-MOST_PROCESSES]
        baselines = self._let_go_of(outlived)
        for one in self._outlived(MOST_EXPECTED) if is_new else ():
            one.last.let_go_of_lines()
        # What this answer lacks may be back; a clock may have been ahead then.
        process.let_go, process.forgotten = min(process.unknown_until, max(answered_at, now)), False
        process.last_answer, process.seen, process.number = answered_at, now, self.number
        self.known[process.id] = process
        changed = [one for one in (*waiting, *outlived) if one.id in self.known]
        rows = {one.id: one.row for one in (process, *changed)}
        return Changes(baselines=baselines, processes=rows, met=bool(waited or outlived), dropped=dropped)

    def _outlived(self, by: int) -> list[Process]:
        """Return the processes that have not answered since so many others have begun."""
        starts = sorted(one.start for one in self if one.start is not None)[-by:]
        if len(starts) < by:
            return []
        known = [one for one in self if one.start is not None and not one.forgotten]
        return [one for one in known if (one.last_answer or 0.0) < starts[0]]

    @staticmethod
    def _let_go_of(processes: Iterable[Process]) -> dict[BaselineKey, None]:
        """Drop the counters of processes; return what to delete."""
        baselines: dict[BaselineKey, None] = {}
        for process in processes:
            baselines |= {(process.id, one.series.id): None for one in process.all_counters() if one.series.metrics}
            process.forget()
        return baselines

    def forget(self, now: float) -> Changes:
        """Let go of what was not seen for seven days, and of the oldest processes past the most that are kept."""
        processes = sorted(self, key=_number)
        surplus = [one.id for one in processes[: -MOST_PROCESSES - MOST_FORGOTTEN]]
        for number in surplus:
            del self.known[number]
        expected = {one.id for one in processes[-MOST_PROCESSES:] if one.seen >= now - FORGET_SECONDS}
        forgotten = [one for one in self if not one.forgotten and one.id not in expected]
        return replace(self._forget(forgotten, now - FORGET_SECONDS), dropped=surplus)

    def make_room(self) -> Changes:
        """Let go of the counters that have been gone for longest, and of the processes, past the most that are kept."""
        gone = sorted([since for process in self for one in process.all_counters() if (since := one.missing_since)])
        silent = sorted(self, key=_number)[-MOST_EXPECTED - 1 :: -1]
        kept = accumulate(sum(map(len, one.counters.values())) for one in silent)
        forgotten = [one for one, sum_of in zip(silent, kept, strict=True) if sum_of > MOST_SILENT]
        return self._forget(forgotten, gone[-MOST_GONE] if len(gone) > MOST_GONE else 0.0)

    def _forget(self, forgotten: Sequence[Process], before: float) -> Changes:
        """Forget processes, and the counters of others that are missing since before a time; return what changes."""
        baselines = self._let_go_of(forgotten)
        for process in self:
            baselines |= process.forget_counters(before)
        return Changes(
            baselines=baselines,
            processes={one.id: one.row for one in self if one in forgotten or (one.let_go and not one.forgotten)},
            met=bool(forgotten),
        )

    def load(self, rows: Iterable[ProcessRow], origins: Mapping[str, Origin]) -> dict[str, Origin]:
        """Take in what was written down; an earlier release's is put in the order of its clock.

        Returns the origins, which that goes for, too.
        """
        rows = sorted(rows, key=lambda one: (one.number, one.last_answer))
        origins = dict(origins)
        if rows and not rows[-1].number:
            times = [one.last_answer for one in rows]
            rows = [one._replace(number=1 + at, seen=one.last_answer) for at, one in enumerate(rows)]
            origins = {
                name: one._replace(number=1 + sum(time < one.since for time in times)) for name, one in origins.items()
            }
        self.known = {row.id: Process.of(row) for row in rows}
        self.number = max([self.number, *(one.number for one in rows)])
        return origins


def _is_replaced_by(other: Process, process: Process) -> bool:
    """Whether a process is gone now that another has answered: only pids tell several without a start apart."""
    if other.id == process.id or other.start is not None or other.joined:
        return False
    if any(one.created is not None for one in other.all_counters()):
        # It has lost its start on the way; by its times of creation it is known when it is back.
        return False
    return not other.workers.pids or not process.workers.pids.isdisjoint(other.workers.pids)


def _number(process: Process) -> int:
    """Return what processes are ordered by: the number of their last answer."""
    return process.number
