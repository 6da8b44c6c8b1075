"""When a counter's value is an increase, when a restart, when a baseline: the rules of exactness.

A counter is a series inside one incarnation. The rule for a reset is the one of Prometheus'
`increase()`: a value that is lower started again from zero. What Prometheus cannot know, this
knows: that a counter of one incarnation, by its `_created`, cannot fall, and whether a series that
appears was created since the ledger's first look (all of it is new) or before (none of it is).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..models import Vector
from .results import Ambiguity, Baseline, Origin, ProcessRow, SeriesRow

ROUNDED = 1 - 1e-9
"""What is left of a sum whose terms were added in another order."""

WAIT_ANSWERS = 10
"""Answers after which several workers that are gone count as restarted, and processes told apart by nothing as one."""

CLOCK_STEP = 5.0
"""Seconds by which two clocks may drift apart between answers without one of them having been set."""


@dataclass(slots=True, eq=False)
class Series:
    """A metric and its labels; the fields are those of `SeriesRow`."""

    id: int
    family: str
    text: bytes
    metrics: tuple[int, ...]
    attribution: int

    @property
    def row(self) -> SeriesRow:
        """The series as it is written down."""
        return SeriesRow(self.id, self.family, self.text, self.metrics, self.attribution)


@dataclass(slots=True, eq=False)
class Counter:
    """A series inside one process."""

    series: Series
    value: float
    created: float | None = None
    """Its `_created`, when the process last told it."""
    untold: float = 0.0
    """What was counted since that was told last."""
    missing_since: float | None = None
    """By our clock; None while the answers have it."""
    first_seen: float = 0.0
    """By our clock; 0 where that was before Home Assistant was started."""

    @property
    def baseline(self) -> Baseline:
        """The counter as it is written down."""
        return self.value, self.created, self.untold, self.missing_since


class Growth(NamedTuple):
    """What a known counter's new value means."""

    by: float
    kept: bool = False
    """The baseline stays: the value is older than it."""
    reset: bool = False
    """It began again from zero, without a `_created` to say so."""


def growth(counter: Counter, value: float, created: float | None) -> Growth:
    """Return what a known counter has grown by; `created` is None where the answer does not tell it."""
    fell = value < counter.value * ROUNDED
    if created is None or counter.created is None:
        return Growth(value, reset=True) if fell else Growth(max(0.0, value - counter.value))
    if created < counter.created or (created == counter.created and fell):
        return Growth(0.0, kept=True)
    if created == counter.created:
        return Growth(max(0.0, value - counter.value))
    if not counter.untold:
        return Growth(value)
    # Some of this incarnation may have been counted already, in answers that did not tell when it was created.
    if counter.missing_since is not None:
        return Growth(max(0.0, value - counter.untold))
    return Growth(value if fell else value - counter.value)


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


@dataclass(slots=True, eq=False)
class Process:
    """One incarnation of the proxy's process, or of its workers together; a restart makes a new one."""

    id: int
    start: float | None
    """`process_start_time_seconds`; None in multi-process mode and where several are joined."""
    pids: frozenset[str] = frozenset()
    """In multi-process mode, the workers that its gauges name."""
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
    skewed: bool = False
    """It told times of creation that lay in the future: they say nothing beside our first look."""
    forgotten: bool = False
    """It was not seen for so long that its counters were dropped; should it return, they are baselines."""
    counters: dict[str, dict[bytes, Counter]] = field(default_factory=dict)
    """Per family and series text."""
    lines: dict[str, Sequence[bytes]] = field(default_factory=dict)
    """The last answer's sample lines per family, to see at once which of them changed."""
    slots: dict[str, list[Counter | None]] = field(default_factory=dict)
    """The counter of each line."""
    skipped: dict[str, frozenset[int]] = field(default_factory=dict)
    """Per family, the lines that could not be read."""
    whole: set[str] | None = field(default_factory=set)
    """Families that an answer has shown with nothing lost: what appears in them later is new. None: all of them."""
    was_complete: bool = False
    """A complete answer has come."""
    starts: frozenset[float] = frozenset()
    """The starts that its last answer told, where several are joined."""
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
            " ".join(sorted(self.pids)),
            self.joined,
            self.waiting.dump() if self.waiting else "",
        )

    @classmethod
    def of(cls, row: ProcessRow) -> Process:
        """Return the process that was written down."""
        return cls(
            row.id,
            row.start,
            pids=frozenset(row.pids.split()),
            joined=row.joined,
            restarted=row.restarted,
            last_answer=row.last_answer,
            seen=row.seen,
            number=row.number,
            waiting=Waiting.load(row.waiting),
            forgotten=row.forgotten,
            whole=None,
        )

    def counters_of(self, family: str) -> dict[bytes, Counter]:
        """Return the counters of a family, which may be added to."""
        return self.counters.setdefault(family, {})

    def forget(self) -> None:
        """Drop all counters, for a process that has not answered for long."""
        self.forgotten, self.sums, self.waiting = True, None, None
        for state in (self.counters, self.lines, self.slots, self.skipped):
            state.clear()

    def values(self) -> dict[bytes, float]:
        """Return the last value of each series."""
        return {text: counter.value for family in self.counters.values() for text, counter in family.items()}


def first_look(origin: Origin, answered_at: float, now: float) -> float:
    """Return when a metric was first seen, on the clock that the proxy has now.

    Noted were both clocks. Where they have moved apart since, one of them was wrong, then or now: a
    time that lies in the future is not it, and of two that may be it the later one lets less count.
    """
    if origin.ours is None:
        return min(origin.since, answered_at)
    ours = origin.ours + answered_at - now
    if abs(ours - origin.since) <= CLOCK_STEP:
        return origin.since
    possible = [since for since in (origin.since, ours) if since <= answered_at + CLOCK_STEP]
    return max(possible, default=answered_at)


def is_in_the_future(origin: Origin, answered_at: float, now: float) -> bool:
    """Whether a metric was first seen at a time that has not come yet: both clocks were wrong then."""
    times = [origin.since] if origin.ours is None else [origin.since, origin.ours + answered_at - now]
    return min(times) > answered_at + CLOCK_STEP


@dataclass(slots=True)
class TurnDetector:
    """Whether the answers without an identity come from one process, or from several in turn.

    One process that restarts falls once and grows again. Several behind one address fall, come
    back to where they were, and fall again: then nothing can be counted until that ends.
    """

    before: dict[bytes, float] = field(default_factory=dict)
    """The counters before the last fall."""
    came_back: bool = False
    quiet: int = 0
    """Answers since the last fall."""
    found: bool = False

    def fell(self, before: dict[bytes, float]) -> None:
        """Note that the counters fell from `before`."""
        if self.came_back and self.quiet < WAIT_ANSWERS:
            self.found = True
        self.before, self.came_back, self.quiet = before, False, 0

    def held(self, process: Process) -> None:
        """Note an answer in which nothing fell."""
        self.quiet += 1
        if self.quiet >= WAIT_ANSWERS:
            self.before, self.came_back, self.found = {}, False, False
        elif self.before and not self.came_back:
            now = process.values()
            self.came_back = all(now.get(text, -1.0) >= value for text, value in self.before.items())


@dataclass(slots=True)
class AmbiguityLog:
    """How often answers left it open what to count, and whether that goes on."""

    total: int = 0
    recent: dict[Ambiguity, int] = field(default_factory=dict)
    """Per kind, a score that each such answer raises and each clear one lowers."""

    def note(self, found: Ambiguity | None) -> None:
        """Take one answer in."""
        self.total += found is not None
        for kind in Ambiguity:
            score = self.recent.get(kind, 0)
            self.recent[kind] = min(100, score + 10) if kind is found else max(0, score - 1)

    @property
    def lasting(self) -> Ambiguity | None:
        """The kind that goes on: three answers in thirty, or more."""
        return next((kind for kind in Ambiguity if self.recent.get(kind, 0) > 20), None)  # noqa: PLR2004
