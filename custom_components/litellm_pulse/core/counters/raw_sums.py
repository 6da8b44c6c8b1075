"""The sums of a process' counters as they stand, before anything is subtracted."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ..models import ZERO, Vector
from .processes import Process


@dataclass(slots=True)
class RawSums:
    """Per process, attribution -> the sum of its counters at the last answer."""

    known: dict[int, Mapping[int, Vector]] = field(default_factory=dict)

    def update(self, process: Process, touched: Collection[int], *, anew: bool) -> Mapping[int, Vector]:
        """Return the sums of a process, of which those of `touched` attributions may have changed.

        The same object where nothing has.
        """
        known = self.known.get(process.id)
        if known is not None and not touched and not anew:
            return known
        keep = known is not None and not anew
        sums: dict[int, list[float]] = {}
        for counter in process.all_counters():
            series = counter.series
            if not series.metrics or counter.missing_since is not None:
                continue
            if keep and series.attribution not in touched:
                continue
            vector = sums.get(series.attribution)
            if vector is None:
                vector = sums[series.attribution] = list(ZERO)
            for metric in series.metrics:
                vector[metric] += counter.value
        kept = {one: vector for one, vector in (known or {}).items() if keep and one not in touched}
        found = self.known[process.id] = kept | {number: tuple(vector) for number, vector in sums.items()}
        return found

    def of(self, process: Process) -> Mapping[int, Vector] | None:
        """Return the sums of a process: those of a spare copy until its counters are known; None for none."""
        return process.sums if process.sums is not None else self.known.get(process.id)

    def keep_only(self, processes: Collection[int]) -> None:
        """Let go of the processes that are gone."""
        for number in self.known.keys() - processes:
            del self.known[number]
