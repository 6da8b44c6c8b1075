"""What a benchmark is made of: timed work, its spread, and figures against budgets."""

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, Self, override

SLACK = 2.0
"""How far a ratio may miss its budget in the quick check, which shares a busy machine in CI."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where a benchmark runs and whom it may measure itself against."""

    cache: Path
    """An ignored folder: what takes minutes to make is kept here."""
    peer: Path
    """The Python of the environment that has litellm-pulse."""
    prometheus: Path | None
    """A Prometheus server, where there is one."""
    quick: bool
    """Few runs, ratios only."""
    minutes: float = 60
    """How long twenty proxies are watched."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some runs, and their quartiles."""

    median: float
    low: float
    high: float
    runs: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Return the spread of at least one value."""
        found = sorted(values)
        if len(found) == 1:
            return cls(found[0], found[0], found[0], 1)
        low, median, high = statistics.quantiles(found, n=4, method="inclusive")
        return cls(median, low, high, len(found))


class Budget(Protocol):
    """What a figure must hold."""

    in_quick_check: bool
    """Whether it is a ratio, which means the same on every machine."""

    def compare(self, ours: float, theirs: float) -> float:
        """Return the number that the budget is about."""

    def holds(self, number: float, slack: float) -> bool:
        """Whether the number is within the budget, which is widened by a factor."""


@dataclass(frozen=True, slots=True)
class Faster:
    """At least so many times faster, or smaller, than the peer."""

    times: float
    in_quick_check = True

    def compare(self, ours: float, theirs: float) -> float:
        """Return how many times ours goes into theirs."""
        return theirs / ours

    def holds(self, number: float, slack: float) -> bool:
        """Whether it is as often as promised."""
        return number >= self.times / slack

    @override
    def __str__(self) -> str:
        return f"≥ {self.times:g}x"


@dataclass(frozen=True, slots=True)
class Costs:
    """At most so many times the cost of something that cannot be undercut."""

    times: float
    in_quick_check = True

    def compare(self, ours: float, theirs: float) -> float:
        """Return how many times theirs goes into ours."""
        return ours / theirs

    def holds(self, number: float, slack: float) -> bool:
        """Whether it is as cheap as promised."""
        return number <= self.times * slack

    @override
    def __str__(self) -> str:
        return f"≤ {self.times:g}x"


@dataclass(frozen=True, slots=True)
class AtMost:
    """An absolute limit; not for the quick check, which runs on any machine."""

    limit: float
    unit: str
    in_quick_check = False

    def compare(self, ours: float, theirs: float) -> float:
        """Return the figure itself, or against a peer how many times it goes into the peer's."""
        return theirs / ours

    def holds(self, number: float, slack: float) -> bool:
        """Whether the figure is within the limit."""
        return number <= self.limit * slack

    @override
    def __str__(self) -> str:
        return f"≤ {self.limit:g} {self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the report."""

    name: str
    unit: str
    ours: Spread
    peer: str = ""
    theirs: Spread | None = None
    ratio: Spread | None = None
    """Of each pair of runs, in the direction that the budget speaks of."""
    budget: Budget | None = None

    def verdict(self, *, quick: bool) -> bool | None:
        """Return whether the budget is held; None where there is nothing to hold."""
        if self.budget is None or (quick and not self.budget.in_quick_check):
            return None
        about = self.ours if isinstance(self.budget, AtMost) else self.ratio
        return about is not None and self.budget.holds(about.median, SLACK if quick else 1.0)


def figure(
    name: str,
    unit: str,
    ours: Sequence[float],
    *,
    against: tuple[str, Sequence[float]] | None = None,
    budget: Budget | None = None,
) -> Figure:
    """Return the figure of some runs, pair by pair with those of a peer."""
    if against is None:
        return Figure(name=name, unit=unit, ours=Spread.of(ours), budget=budget)
    peer, theirs = against
    compare = (budget or Faster(1)).compare
    if len(ours) == len(theirs):
        ratio = Spread.of(map(compare, ours, theirs, strict=True))
    else:
        ratio = Spread.of([compare(statistics.median(ours), statistics.median(theirs))])
    return Figure(
        name=name, unit=unit, ours=Spread.of(ours), peer=peer, theirs=Spread.of(theirs), ratio=ratio, budget=budget
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Numbers that show a course rather than hold a budget."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What one benchmark has found."""

    title: str
    note: str
    """How it was measured, in the words of the report."""
    figures: Sequence[Figure]
    tables: Sequence[Table] = field(default_factory=tuple)


def cpu_ms(work: Callable[[], object]) -> float:
    """Return the milliseconds of processor time that some work takes; others' load does not count."""
    gc.collect()
    begun = time.process_time()
    work()
    return (time.process_time() - begun) * 1e3


def wall_ms(work: Callable[[], object]) -> float:
    """Return the milliseconds that some work takes by the clock."""
    gc.collect()
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


@contextmanager
def scratch_folder(setting: Setting) -> Iterator[Path]:
    """Make a folder on the disk of the cache for as long as the block runs; of memory the kernel counts no writes."""
    setting.cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=setting.cache) as folder:
        yield Path(folder)
