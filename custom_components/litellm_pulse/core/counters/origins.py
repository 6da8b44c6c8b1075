"""Since when each metric is tracked: what was used before counts nowhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..catalog import Metric
from .results import Origin

CLOCK_STEP = 5.0
"""Seconds by which two clocks may drift apart between answers without one of them having been set."""

CLOCK_UNIT = 1.0
"""Seconds in which the proxy's clock is told: within them it is not known what came first."""


@dataclass(slots=True)
class Origins:
    """The first look at each metric."""

    metrics: Sequence[Metric]
    known: dict[str, Origin] = field(default_factory=dict)
    """Per friendly name."""

    def track(self, number: int, last: int, answered_at: float, now: float) -> tuple[set[int], dict[str, Origin]]:
        """Begin to track what was not tracked, at the answer of this number; both clocks in Unix seconds.

        `last` is the number of the process' last answer, 0 for none. Returns the metrics, by index,
        that were not tracked then, and the origins that are new. A metric that goes on with one of
        its families goes on being tracked, and one that was begun at a time that has not come yet, by
        either clock, begins now.
        """
        untracked: set[int] = set()
        new: dict[str, Origin] = {}
        for index, metric in enumerate(self.metrics):
            known, sources = self.known.get(metric.name), " ".join(metric.sources)
            if known is None or known.sources != sources:
                if known is None or set(known.sources.split()).isdisjoint(metric.sources):
                    known = Origin(sources, answered_at, now, number)
                known = self.known[metric.name] = new[metric.name] = known._replace(sources=sources)
            if is_in_the_future(known, answered_at, now):
                # The other is kept: it may be these clocks that are wrong.
                known = known._replace(ours=now)
                self.known[metric.name] = new[metric.name] = known
            if known.number == number or (last and last < known.number):
                untracked.add(index)
        return untracked, new

    @property
    def latest(self) -> float:
        """When the metric that is tracked last was first seen, by the earlier of the two clocks."""
        return max(
            (min(one.since, one.since if one.ours is None else one.ours) for one in self.known.values()), default=0.0
        )

    def looks(self, answered_at: float, now: float) -> list[float]:
        """Return per metric when it was first seen, on the clock that the proxy has now."""
        return [first_look(self.known[metric.name], answered_at, now) for metric in self.metrics]

    def differ_from(self, known: Mapping[str, Origin]) -> bool:
        """Whether metrics have other families than they had then."""
        return any(
            metric.name not in known or known[metric.name].sources != " ".join(metric.sources)
            for metric in self.metrics
        )


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
