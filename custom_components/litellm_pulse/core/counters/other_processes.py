"""What other processes have counted of the series of one: of the same incarnation it must not count again."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..exposition import canonical
from .process import Process, layout_of
from .series import Counter, Series


@dataclass(frozen=True, slots=True)
class OtherProcesses:
    """All processes that are known but the one that answers."""

    known: Sequence[Process]
    akin: Sequence[Process]
    """Those of them that share its start, or tell none as it does, where it was not seen before: it may be one."""
    _by_labels: dict[tuple[int, str], dict[object, Counter]] = field(default_factory=dict)
    """Process and family -> its counters by their labels, where an answer has these in another order."""

    def counted(self, counter: Counter) -> float | None:
        """Return the value at which one is known to have had the same incarnation of a series, if any."""
        return max(
            (one.value for one in self._same(counter, self.known) if one.created == counter.created), default=None
        )

    def counted_untold(self, counter: Counter) -> float:
        """Return what a series has counted that did not tell when it was created, where one may be the process."""
        return max((one.value for one in self._same(counter, self.akin) if one.created is None), default=0.0)

    def _same(self, counter: Counter, processes: Sequence[Process]) -> list[Counter]:
        """Return the counters that processes have of the same series."""
        return [found for one in processes if (found := self._counter_of(one, counter.series))]

    def _counter_of(self, process: Process, series: Series) -> Counter | None:
        """Return the counter that a process has of a series, also where its labels come in another order there."""
        family, text = series.family, series.text
        known = process.counters.get(family, {})
        if text in known or not known or process.layouts_of(family) == {layout_of(text)}:
            return known.get(text)
        by_labels = self._by_labels.get((process.id, family))
        if by_labels is None:
            by_labels = self._by_labels[process.id, family] = {canonical(one): known[one] for one in known}
        return by_labels.get(canonical(text))
