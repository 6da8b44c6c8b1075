"""When a counter's value is an increase, when a restart, when a baseline: the rules of exactness.

A counter is a series inside one incarnation of the proxy's process. The rule for a reset is the
one of Prometheus' `increase()`: a value that is lower started again from zero. What Prometheus
cannot know, this knows: whether a series that appears was born since the last answer (all of it is
new) or was there long before anybody looked (none of it is).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..models import Vector

SETTLE_ANSWERS = 10
"""Answers without a fall after which processes that cannot be told apart count as one again."""


@dataclass(slots=True)
class Series:
    """A metric and its labels, whichever process counts it."""

    id: int
    family: str
    text: bytes
    """`family{labels}`, as the proxy writes it."""
    metrics: tuple[int, ...]
    """The counters of the catalog that it belongs to; none where it does not count."""
    attribution: int
    """Whose usage it is."""


@dataclass(slots=True, eq=False)
class Counter:
    """A series inside one process: its last value, and when the process created it if it says so."""

    series: Series
    value: float
    created: float | None = None


def increase(counter: Counter, value: float, *, recreated: bool) -> float:
    """Return what a known counter has grown by; all of its value after a reset or an eviction."""
    if recreated or value < counter.value:
        return value
    return value - counter.value


@dataclass(slots=True)
class Process:
    """One incarnation of the proxy's process: a restart makes a new one.

    `start` is its `process_start_time_seconds`, None in multi-process mode, which has no
    identity. `last_answer` is the proxy's own clock at the last answer counted, None before it.
    """

    id: int
    start: float | None
    last_answer: float | None = None
    restarted: bool = False
    """It is known to have begun after the ledger did, though it has no start to show for it."""
    counters: dict[str, dict[bytes, Counter]] = field(default_factory=dict)
    """Per family and series_text."""
    lines: dict[str, Sequence[bytes]] = field(default_factory=dict)
    """The last answer's sample lines per family, to see at once which of them changed."""
    slots: dict[str, list[Counter | None]] = field(default_factory=dict)
    """The counter of each line."""
    anchor: dict[int, Vector] | None = None
    """Attribution -> sum of its counters at the last answer, where the counters themselves are lost."""
    published: frozenset[str] = frozenset()
    """The wanted families of its last whole answer; a part leaves those out that have no series."""
    forgotten: bool = False
    """It was not seen for so long that its counters were dropped; should it return, they are baselines."""

    def counts_newcomers(self, tracked_since: float) -> bool:
        """Whether a series that appears in this process is all new, or only a baseline.

        It is new when the process itself began after its metric was first tracked, or has
        already answered since. `tracked_since` is the proxy's clock at that first answer.
        """
        if self.forgotten:
            return False
        if self.last_answer is not None and self.last_answer >= tracked_since:
            return True
        if self.start is None:
            return self.restarted and self.last_answer is None
        return self.start > tracked_since

    def add(self, counter: Counter) -> None:
        """Take a counter in."""
        self.counters.setdefault(counter.series.family, {})[counter.series.text] = counter

    def forget(self) -> None:
        """Drop all counters, for a process that has not answered for long."""
        self.forgotten, self.anchor = True, None
        self.counters, self.lines, self.slots = {}, {}, {}

    def values(self) -> dict[bytes, float]:
        """Return the last value of each series."""
        return {
            series_text: counter.value for family in self.counters.values() for series_text, counter in family.items()
        }


@dataclass(slots=True)
class Settling:
    """Whether the answers without an identity come from one process, or from several in turn.

    One process that restarts falls once and grows again. Several behind one address fall, come
    back to where they were, and fall again: then nothing can be counted until that ends.
    """

    before: dict[bytes, float] = field(default_factory=dict)
    """The counters before the last fall."""
    came_back: bool = False
    quiet: int = 0
    """Answers since the last fall."""
    unsettled: bool = False

    def fell(self, before: dict[bytes, float]) -> None:
        """Note that the counters fell from `before`."""
        if self.came_back and self.quiet < SETTLE_ANSWERS:
            self.unsettled = True
        self.before, self.came_back, self.quiet = before, False, 0

    def held(self, process: Process) -> None:
        """Note an answer in which nothing fell."""
        self.quiet += 1
        if self.quiet >= SETTLE_ANSWERS:
            self.before, self.came_back, self.unsettled = {}, False, False
        elif self.before and not self.came_back:
            now = process.values()
            self.came_back = all(now.get(series_text, -1.0) >= value for series_text, value in self.before.items())
