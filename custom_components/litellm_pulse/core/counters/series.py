"""When a counter's value is an increase, when a restart, when a baseline: the rules of exactness.

A counter is a series inside one incarnation. The rule for a reset is the one of Prometheus'
`increase()`: a value that is lower started again from zero. What Prometheus cannot know, this
knows: that a counter of one incarnation, by its `_created`, cannot fall, and whether a series that
appears was created since the ledger's first look (all of it is new) or before (none of it is).
"""

from dataclasses import dataclass
from typing import NamedTuple

from .results import Baseline, SeriesRow

ROUNDED = 1 - 1e-5
"""What is left of a sum whose terms were added in another order, or that is written with six digits (`%g`)."""


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
    """What was counted since that was told last; in a process without an identity, since any counter is missing."""
    missing_since: float | None = None
    """By our clock; None while the answers have it."""
    first_seen: float = 0.0
    """By our clock; 0 in a process with an identity, which needs no such evidence of a restart."""
    former: float | None = None
    """The `_created` of the incarnation before it: an older answer has that."""

    @property
    def baseline(self) -> Baseline:
        """The counter as it is written down."""
        return self.value, self.created, self.untold, self.missing_since, self.first_seen, self.former


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
    if counter.created is not None and (
        (fell and created in {None, counter.created}) or (created is not None and created < counter.created)
    ):
        # An older answer; or born anew, which the next one will tell that tells when it was created.
        return Growth(0.0, kept=True)
    if created is None or counter.created is None:
        return Growth(value, reset=True) if fell else Growth(max(0.0, value - counter.value))
    if created == counter.created:
        return Growth(max(0.0, value - counter.value))
    # Another incarnation, which began after the last value where it has less than that.
    if fell or not counter.untold:
        return Growth(value)
    # Some of it may have been counted already, in answers that did not tell when it was created.
    return Growth(max(0.0, value - (counter.value if counter.missing_since is None else counter.untold)))
