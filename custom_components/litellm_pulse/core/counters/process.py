"""One process of the proxy: who it is, and what it had at its last answer."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from heapq import nsmallest

from ..models import Vector
from .origins import CLOCK_STEP
from .replicas import Replicas, together
from .results import BaselineKey, ProcessRow
from .series import Counter
from .shortfall import Shortfall
from .waiting import Waiting

WAIT_ANSWERS = 10
"""Answers after which several workers that are gone count as restarted, and processes told apart by nothing as one."""
_ELDEST = 32
"""Times of creation that a spare copy keeps of a process: the oldest series are those that nobody evicts."""

type Layout = tuple[bytes, ...]
"""What stands between the values of a series' labels: their names, in an order."""


def layout_of(series_text: bytes) -> Layout:
    """Return the layout of a series."""
    return tuple(series_text.split(b'"')[::2])


@dataclass(slots=True)
class LastAnswer:
    """What the last answer of a process said, line by line, to see at once what is another in the next one."""

    lines: dict[str, Sequence[bytes]] = field(default_factory=dict)
    """The sample lines per family."""
    slots: dict[str, list[Counter | None]] = field(default_factory=dict)
    """The counter of each line."""
    skipped: dict[str, frozenset[int]] = field(default_factory=dict)
    """Per family, the lines that could not be read."""
    unplaced: dict[str, Mapping[bytes, float]] = field(default_factory=dict)
    """Per family, times of creation that were told of counters that the answer lacked: they hold for the next one."""
    partly_told: set[str] = field(default_factory=set)
    """Families of which it has not said of all counters when they were created."""

    def let_go_of(self, family: str) -> None:
        """Let go of the lines of a family."""
        self.lines.pop(family, None)
        self.slots.pop(family, None)

    def let_go_of_lines(self) -> None:
        """Keep none, as after a restart: the next answer, if there is one, takes longer to compare."""
        self.lines.clear()
        self.slots.clear()


@dataclass(slots=True)
class Workers:
    """The workers of a process, by their numbers; without any where it has but one, or none is told."""

    pids: frozenset[str] = frozenset()
    """In multi-process mode, those that its gauges name; else those that the header names."""
    ports: frozenset[str] = frozenset()
    """Those that the header names."""
    is_unnamed: bool = False
    """The last answer named the worker of its header and no other."""

    def meet(self, pids: frozenset[str], port: str, *, names_workers: bool) -> None:
        """Take in those that an answer names; those of a header only as long as no gauge has named any."""
        if names_workers:
            self.pids = pids if self.pids == {port} else together(self.pids, pids)
        if port:
            self.ports = together(self.ports, {port})
            self.is_unnamed = not names_workers


@dataclass(slots=True, eq=False)
class Process:
    """One incarnation of the proxy's process, or of its workers together; a restart makes a new one."""

    id: int
    start: float | None
    """`process_start_time_seconds`; None in multi-process mode and where several are joined."""
    workers: Workers = field(default_factory=Workers)
    replicas: Replicas = field(default_factory=Replicas)
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
    last: LastAnswer = field(default_factory=LastAnswer)
    unsure: dict[Counter, float] = field(default_factory=dict)
    """Counters that the last answers lack, which were not proven to be whole -> our clock at the first of these."""
    undecided: dict[Counter, float] = field(default_factory=dict)
    """Counters of which nothing counted when they appeared, as their times of creation were lost -> what they had."""
    untold: set[Counter] = field(default_factory=set)
    """Those that have counted since it was told when they were created."""
    layouts: dict[str, set[Layout]] = field(default_factory=dict)
    """Per family, those of its counters; only where it was asked for."""
    whole: set[str] | None = field(default_factory=set)
    """Families that an answer has shown with nothing lost: what appears in them later is new. None: all of them."""
    recent: deque[int] = field(default_factory=lambda: deque(maxlen=WAIT_ANSWERS))
    """What tells the last answers apart, where it has no identity: one that comes again is an older answer."""
    was_complete: bool = False
    """A complete answer has come."""
    let_go: float = 0.0
    """When the last of the counters was seen that it has let go of, or of which only sums were left."""
    published: frozenset[str] = frozenset()
    """The wanted families of its last whole answer; a part leaves those out that have no series."""
    sums: Mapping[int, Vector] | None = None
    """Attribution -> sum of its counters at the last answer, where the counters themselves are lost."""
    shortfall: Shortfall | None = None
    """By what the first answer after that was below those sums."""
    eldest: frozenset[float] | None = None
    """What `oldest` has worked out; None where that has to be done anew."""

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
            _words(self.workers.pids),
            self.joined,
            self.waiting.dump() if self.waiting else "",
            _words(self.counters.keys() - self.whole) if self.whole is not None else "",
            _words(self.workers.ports),
            self.workers.is_unnamed,
            _words(map(str, self.replicas.starts)) if self.joined else "",
            _words(self.replicas.apart) if self.joined else "",
            self.let_go,
        )

    @classmethod
    def of(cls, row: ProcessRow) -> Process:
        """Return the process that was written down."""
        return cls(
            row.id,
            row.start,
            Workers(frozenset(row.pids.split()), frozenset(row.ports.split()), row.is_unnamed),
            Replicas(frozenset(map(float, row.starts.split())), frozenset(row.apart.split())),
            joined=row.joined,
            restarted=row.restarted,
            last_answer=row.last_answer,
            seen=row.seen,
            number=row.number,
            waiting=Waiting.load(row.waiting),
            forgotten=row.forgotten,
            whole=set() if row.partial else None,
            let_go=row.let_go,
        )

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
        self.forgotten, self.sums, self.shortfall, self.waiting, self.eldest = True, None, None, None, None
        self.last = LastAnswer()
        for state in (self.counters, self.layouts, self.unsure, self.undecided, self.untold):
            state.clear()

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
    def has_lost_identity(self) -> bool:
        """Whether it may be one that was restarted, or several workers, and did not tell who it is since."""
        return self.has_no_identity and self.restarted and not self.workers.pids

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

    @property
    def unknown_until(self) -> float:
        """When the last of the counters was seen that are not known any more, by the proxy's clock."""
        is_unknown = self.forgotten or self.sums is not None
        return max(self.let_go, (self.last_answer or 0.0) + CLOCK_STEP) if is_unknown else self.let_go

    def oldest(self) -> frozenset[float]:
        """Return when the oldest counters were created that its answers have, as far as that was told."""
        if self.eldest is None:
            present = {one.created for one in self.all_counters() if one.created and one.missing_since is None}
            self.eldest = frozenset(nsmallest(_ELDEST, present or set(self.created_times())))
        return self.eldest

    def note_present(self, created: float | None) -> None:
        """Note that its answers have a counter from now on that was created then."""
        if created is not None and self.eldest is not None:
            is_among = len(self.eldest) < _ELDEST or created < max(self.eldest)
            self.eldest = None if is_among else self.eldest

    def note_told(self, counter: Counter, since: float | None) -> None:
        """Note that an answer has a counter that was known, and when it was created, unless it does not tell."""
        if counter.missing_since is not None or since not in {None, counter.created}:
            self.note_gone(counter.created)
            self.note_present(counter.created if since is None else since)

    def note_gone(self, created: float | None) -> None:
        """Note that its answers lack a counter from now on that was created then, or that it was created anew."""
        if self.eldest and created in self.eldest:
            self.eldest = None

    def created_times(self) -> Iterator[float]:
        """Yield when its counters were created, as far as that was told."""
        yield from (one.created for one in self.all_counters() if one.created is not None)

    def forget_counters(self, before: float) -> dict[BaselineKey, None]:
        """Let go of the counters that it has not shown since then; return what to delete."""
        dead: dict[BaselineKey, None] = {}
        for family in self.counters.values():
            for text in [text for text, one in family.items() if one.missing_since and one.missing_since < before]:
                counter = family.pop(text)
                self.let_go = max(self.let_go, counter.missing_since or 0.0, counter.created or 0.0)
                self.untold.discard(counter)
                for waiting in (self.unsure, self.undecided):
                    waiting.pop(counter, None)
                dead[self.id, counter.series.id] = None
        return dead


def _words(words: Iterable[str]) -> str:
    """Return words as text, in one order."""
    return " ".join(sorted(words))
