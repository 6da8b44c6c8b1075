"""The processes of the proxy that have answered, and what each of them had at its last answer."""

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from ..models import Vector
from .results import BaselineKey, Changes, Origin, ProcessRow
from .series import Counter

WAIT_ANSWERS = 10
"""Answers after which several workers that are gone count as restarted, and processes told apart by nothing as one."""

FORGET_SECONDS = 7 * 86400
"""A process, or a counter, that was not seen for so long is taken for dead."""

MOST_PROCESSES = 48
"""Processes whose counters are remembered, however often a proxy restarts."""

MOST_FORGOTTEN = 100
"""Processes of which it is remembered besides that they were there: should one return, it is a baseline."""

MOST_TOLD = 256
"""Workers, and starts of those that are joined, that are remembered; past it, those of now take the place of all."""

MOST_FORMER = 1000
"""Incarnations of series that are remembered of a process after others have taken their place."""

MOST_EXPECTED = 4
"""Processes that began while another was silent, after which no answer of that one is expected any more."""


@dataclass(slots=True)
class Waiting:
    """What several workers had when they were first seen: a restart's, or another replica's baseline."""

    older: frozenset[int]
    """The processes that answered before; when one of them answers again, it is a replica."""
    held: dict[int, list[float]]
    """Attribution -> what it had at first sight."""
    answers: int = 0

    def dump(self) -> str:
        """Return it as text."""
        return json.dumps([sorted(self.older), {str(key): held for key, held in self.held.items()}, self.answers])

    @classmethod
    def load(cls, text: str) -> Waiting | None:
        """Return what `dump` made text of; None for the empty string."""
        if not text:
            return None
        older, held, answers = json.loads(text)
        return cls(frozenset(older), {int(key): values for key, values in held.items()}, answers)


def renumbered(waiting: str, numbers: Mapping[str, int]) -> str:
    """Return what `Waiting.dump` made with the attributions under other numbers; raises as `Waiting.load` does."""
    known = Waiting.load(waiting)
    if known is None:
        return ""
    known.held = {numbers[str(old)]: held for old, held in known.held.items()}
    return known.dump()


type Layout = tuple[bytes, ...]
"""What stands between the values of a series' labels: their names, in an order."""


def layout_of(series_text: bytes) -> Layout:
    """Return the layout of a series."""
    return tuple(series_text.split(b'"')[::2])


@dataclass(slots=True, eq=False)
class Process:
    """One incarnation of the proxy's process, or of its workers together; a restart makes a new one."""

    id: int
    start: float | None
    """`process_start_time_seconds`; None in multi-process mode and where several are joined."""
    pids: frozenset[str] = frozenset()
    """In multi-process mode, the workers that its gauges name; else those that the header names."""
    ports: frozenset[str] = frozenset()
    """Those that the header names."""
    is_unnamed: bool = False
    """Its last answer named the worker of its header and no other."""
    joined: bool = False
    """Its answers join several processes: a collector or a federation stands before them."""
    restarted: bool = False
    """It is known to have begun after the ledger did, though it has no start to show for it."""
    last_answer: float | None = None
    """The proxy's clock at the last answer counted, None before it."""
    seen: float = 0.0
    """Our clock then."""
    number: int = 0
    """The number of that answer."""
    waiting: Waiting | None = None
    ahead: float | None = None
    """Seconds from our clock to the latest time of creation, where that lay in the future: then they say nothing."""
    forgotten: bool = False
    """It was not seen for so long that its counters were dropped; should it return, they are baselines."""
    counters: dict[str, dict[bytes, Counter]] = field(default_factory=dict)
    """Per family and series text."""
    lines: dict[str, Sequence[bytes]] = field(default_factory=dict)
    """The last answer's sample lines per family, to see at once which of them changed."""
    unsure: dict[Counter, float] = field(default_factory=dict)
    """Counters that the last answers lack, which were not proven to be whole -> our clock at the first of these."""
    unplaced: dict[str, Mapping[bytes, float]] = field(default_factory=dict)
    """Per family, times of creation that were told of counters that the answer lacked: they hold for the next one."""
    partly_told: set[str] = field(default_factory=set)
    """Families of which the last answer has not said of all counters when they were created."""
    undecided: dict[Counter, float] = field(default_factory=dict)
    """Counters of which nothing counted when they appeared, as their times of creation were lost -> what they had."""
    former: deque[tuple[bytes, float]] = field(default_factory=lambda: deque(maxlen=MOST_FORMER))
    """Series that have been created anew, and when they had been created before: an older answer has that."""
    untold: set[Counter] = field(default_factory=set)
    """Those that have counted since it was told when they were created."""
    slots: dict[str, list[Counter | None]] = field(default_factory=dict)
    """The counter of each line."""
    layouts: dict[str, set[Layout]] = field(default_factory=dict)
    """Per family, those of its counters; only where it was asked for."""
    skipped: dict[str, frozenset[int]] = field(default_factory=dict)
    """Per family, the lines that could not be read."""
    whole: set[str] | None = field(default_factory=set)
    """Families that an answer has shown with nothing lost: what appears in them later is new. None: all of them."""
    recent: deque[int] = field(default_factory=lambda: deque(maxlen=WAIT_ANSWERS))
    """What tells the last answers apart, where it has no identity: one that comes again is an older answer."""
    was_complete: bool = False
    """A complete answer has come."""
    starts: frozenset[float] = frozenset()
    """The starts that its answers told, where several are joined."""
    let_go: float = 0.0
    """When the last of the counters was seen that it has let go of, or of which only sums were left."""
    apart: frozenset[str] = frozenset()
    """The labels that tell those apart."""
    current: dict[tuple[str, ...], frozenset[float | str]] = field(default_factory=dict)
    """By the values of these labels: the start, or the workers, that were told last of each."""
    published: frozenset[str] = frozenset()
    """The wanted families of its last whole answer; a part leaves those out that have no series."""
    sums: Mapping[int, Vector] | None = None
    """Attribution -> sum of its counters at the last answer, where the counters themselves are lost."""

    @property
    def row(self) -> ProcessRow:
        """The process as it is written down. Sums are in memory only; without them its counters are baselines."""
        return ProcessRow(
            self.id,
            self.start,
            self.last_answer or 0.0,
            self.restarted,
            self.forgotten or self.sums is not None,
            self.seen,
            self.number,
            _words(self.pids),
            self.joined,
            self.waiting.dump() if self.waiting else "",
            _words(self.counters.keys() - self.whole) if self.whole is not None else "",
            _words(self.ports),
            self.is_unnamed,
            _words(map(str, self.starts)) if self.joined else "",
            _words(self.apart) if self.joined else "",
            self.let_go,
        )

    @classmethod
    def of(cls, row: ProcessRow) -> Process:
        """Return the process that was written down."""
        return cls(
            row.id,
            row.start,
            pids=frozenset(row.pids.split()),
            ports=frozenset(row.ports.split()),
            is_unnamed=row.is_unnamed,
            joined=row.joined,
            restarted=row.restarted,
            last_answer=row.last_answer,
            seen=row.seen,
            number=row.number,
            waiting=Waiting.load(row.waiting),
            forgotten=row.forgotten,
            whole=set() if row.partial else None,
            starts=frozenset(map(float, row.starts.split())),
            apart=frozenset(row.apart.split()),
            let_go=row.let_go,
        )

    def join(self, starts: frozenset[float], apart: frozenset[str]) -> None:
        """Take in the starts that an answer tells, and the labels that tell these apart."""
        self.starts = _together(self.starts, starts)
        self.apart |= apart

    def meet(self, pids: frozenset[str], port: str, *, names_workers: bool) -> None:
        """Take in the workers that an answer names; those of a header only as long as no gauge has named any."""
        if names_workers:
            self.pids = pids if self.pids == {port} else _together(self.pids, pids)
        if port:
            self.ports = _together(self.ports, {port})
            self.is_unnamed = not names_workers

    def has_shown_all(self, family: str) -> bool:
        """Whether an answer has shown a family with nothing lost: what appears in it later is new."""
        return self.whole is None or family in self.whole

    def counters_of(self, family: str) -> dict[bytes, Counter]:
        """Return the counters of a family, which may be added to."""
        return self.counters.setdefault(family, {})

    def layouts_of(self, family: str) -> set[Layout]:
        """Return the layouts of a family's counters, which may be added to."""
        layouts = self.layouts.get(family)
        if layouts is None:
            layouts = self.layouts[family] = set(map(layout_of, self.counters.get(family, ())))
        return layouts

    def forget(self) -> None:
        """Drop all counters, for a process that has not answered for long."""
        self.forgotten, self.sums, self.waiting = True, None, None
        for state in (
            self.counters,
            self.lines,
            self.slots,
            self.skipped,
            self.layouts,
            self.unplaced,
            self.undecided,
            self.untold,
            self.unsure,
            self.partly_told,
        ):
            state.clear()

    def let_go_of_lines(self) -> None:
        """Keep counters only, as after they were loaded: the next answer, if there is one, takes longer to compare."""
        self.lines.clear()
        self.slots.clear()

    def present_values(self) -> dict[bytes, float]:
        """Return the value of each series that the last answer has."""
        return {
            text: counter.value
            for family in self.counters.values()
            for text, counter in family.items()
            if counter.missing_since is None
        }

    @property
    def has_no_identity(self) -> bool:
        """Whether only falling counters tell that it was restarted."""
        return self.start is None and not self.joined

    @property
    def has_missing(self) -> bool:
        """Whether any of its counters is missing."""
        return any(one.missing_since is not None for one in self.all_counters())

    def counters_named(self, texts: AbstractSet[bytes]) -> set[Counter]:
        """Return the counters of these series."""
        return {family[text] for family in self.counters.values() for text in texts & family.keys()}

    def all_counters(self) -> Iterator[Counter]:
        """Yield all counters."""
        for family in self.counters.values():
            yield from family.values()

    def created_times(self) -> Iterator[float]:
        """Yield when its counters were created, as far as that was told."""
        yield from (one.created for one in self.all_counters() if one.created is not None)

    def forget_counters(self, before: float) -> dict[BaselineKey, None]:
        """Let go of the counters that it has not shown since then; return what to delete."""
        dead: dict[BaselineKey, None] = {}
        for family in self.counters.values():
            for text in [text for text, one in family.items() if one.missing_since and one.missing_since < before]:
                counter = family.pop(text)
                self.let_go = max(self.let_go, counter.missing_since or 0.0)
                dead[self.id, counter.series.id] = None
        return dead


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
        return Process(number, start, pids, joined=joined, restarted=restarted)

    def wait(self) -> Waiting | None:
        """Return what several workers wait for that were not seen before; None where nobody answered before."""
        older = frozenset(one.id for one in self if not one.forgotten and one.waiting is None)
        return Waiting(older, {}) if older else None

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
        dropped = [one.id for one in self if _is_replaced_by(one, process)]
        waited = [one for one in self if one.waiting and process.id in one.waiting.older]
        for one in waited:
            one.waiting = None
        for number in dropped:
            del self.known[number]
        outlived = self._outlived(MOST_PROCESSES) if is_new else []
        if is_new and process.has_no_identity and not (process.pids or process.restarted):
            # They do not tell any more who they are: whatever returns of them has counted as this one's.
            told = [one for one in self if one.start is not None or one.pids or one.joined]
            outlived = [one for one in told if not one.forgotten]
        baselines = self._let_go_of(outlived)
        for one in self._outlived(MOST_EXPECTED) if is_new else ():
            one.let_go_of_lines()
        process.forgotten = False
        process.last_answer, process.seen, process.number = answered_at, now, self.number
        self.known[process.id] = process
        changed = [one for one in (*waited, *outlived) if one.id in self.known]
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
        baselines = self._let_go_of(forgotten)
        for process in self:
            baselines |= process.forget_counters(now - FORGET_SECONDS)
        return Changes(
            baselines=baselines,
            processes={one.id: one.row for one in self if one in forgotten or (one.let_go and not one.forgotten)},
            met=bool(forgotten),
            dropped=surplus,
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


def _words(words: Iterable[str]) -> str:
    """Return words as text, in one order."""
    return " ".join(sorted(words))


def _together[T](known: frozenset[T], told: AbstractSet[T]) -> frozenset[T]:
    """Return what is known and what is told now, or that alone where it would be too much."""
    both = known | told
    return both if len(both) <= MOST_TOLD else frozenset(told)


def _is_replaced_by(other: Process, process: Process) -> bool:
    """Whether a process is gone now that another has answered: only pids tell several without a start apart."""
    if other.id == process.id or other.start is not None or other.joined:
        return False
    if any(one.created is not None for one in other.all_counters()):
        # It has lost its start on the way; by its times of creation it is known when it is back.
        return False
    return not other.pids or not process.pids.isdisjoint(other.pids)


def _number(process: Process) -> int:
    """Return what processes are ordered by: the number of their last answer."""
    return process.number
