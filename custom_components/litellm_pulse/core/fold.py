"""One answer's readings, applied: the only place where counters change."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from .attribution import Attributions
from .catalog import Metric, metrics_of
from .changes import Changes
from .counter import Counter, Process, Series, increase
from .exposition import Exposition
from .labels import LabelReader, Labels
from .models import ZERO, Vector
from .reading import FamilyReading, created_family, created_since

_ROUNDED = 1 - 1e-9
"""What is left of a sum whose terms were added in another order."""


@dataclass(slots=True)
class Fold:
    """What one answer adds to the usage of each attribution, and what was noticed in it."""

    metrics: tuple[Metric, ...]
    attributions: Attributions
    series: dict[bytes, Series]
    ids: Iterator[int]
    """Numbers for new series."""
    process: Process
    changes: Changes
    fresh: list[bool] = field(default_factory=list)
    """Per metric, whether series that appear are all new in this process."""
    begun: set[int] = field(default_factory=set)
    """Metrics that were not tracked at the last answer: nothing of them counts."""
    increases: dict[int, list[float]] = field(default_factory=dict)
    """Attribution -> one number per counter."""
    samples: int = 0
    skipped: int = 0
    changed: int = 0
    removed: int = 0
    resumed: bool = False
    """The process was counted against its sums, since its counters were lost."""
    restarted: bool = False
    unsettled: bool = False

    def apply(self, readings: Mapping[str, FamilyReading], exposition: Exposition) -> None:
        """Apply all readings of an answer; nothing here can fail."""
        blocks = {family: exposition.blocks.get(created_family(family), b"") for family in readings}
        created = {family: created_since(self.process, family, block) for family, block in blocks.items()}
        for family, reading in readings.items():
            self.samples += len(reading.slots)
            self.skipped += reading.skipped
            self._remove(family, reading)
            self._count_known(reading, created[family], told=bool(blocks[family]))
        self._count_newcomers(readings, created)
        for family, reading in readings.items():
            self.process.blocks[family] = reading.block
            self.process.slots[family] = reading.slots
            self.process.blocks[created_family(family)] = blocks[family]
        for vector in self.increases.values() if self.begun else ():
            for metric in self.begun:
                vector[metric] = 0.0
        if self.unsettled:
            self.increases.clear()

    def _remove(self, family: str, reading: FamilyReading) -> None:
        """Take counters away that the answer does not have any more."""
        self.removed += len(reading.gone)
        for counter in reading.gone:
            del self.process.counters[family][counter.series.head]
            if counter.series.metrics:
                self.changes.baselines[self.process.id, counter.series.id] = None

    def _count_known(self, reading: FamilyReading, created: Mapping[bytes, float], *, told: bool) -> None:
        """Count what has grown of the counters that were there before.

        Where the answer does not tell when they were created, what is known of that grows old.
        """
        recreated = self._recreated(reading, created)
        for _, counter, value in reading.changed:
            series = counter.series
            self._add(series, increase(counter, value, recreated=series.head in recreated))
            counter.value = value
            if not told:
                counter.created = None
            self._keep(counter)
            recreated.pop(series.head, None)
        for counter in recreated.values():
            self._add(counter.series, counter.value)
            self._keep(counter)

    def _recreated(self, reading: FamilyReading, created: Mapping[bytes, float]) -> dict[bytes, Counter]:
        """Return the known counters that the process has created anew, and note when it did."""
        found: dict[bytes, Counter] = {}
        for head, since in created.items():
            counter = reading.known.get(head)
            if counter is None:
                continue
            before, counter.created = counter.created, since
            if before is None:
                self._write(counter)
            elif since > before:
                found[head] = counter
        return found

    def _count_newcomers(
        self, readings: Mapping[str, FamilyReading], created: Mapping[str, Mapping[bytes, float]]
    ) -> None:
        """Take in the series that this process did not have before."""
        self._meet(readings)
        anchored: dict[int, list[float]] = {}
        known, count_in = self.series, self._adder(anchored)
        for family, reading in readings.items():
            counters, since = self.process.counters.setdefault(family, {}), created[family]
            for index, head, value in reading.newcomers:
                series = known.get(head)
                if series is None or head in counters:
                    self.skipped += 1
                    continue
                counter = reading.slots[index] = counters[head] = Counter(series, value, since.get(head))
                self._keep(counter)
                if count_in is not None:
                    count_in(series, value)
        self._count_from_anchor(anchored)

    def _adder(self, anchored: dict[int, list[float]]) -> Callable[[Series, float], None] | None:
        """Return what a newcomer's value is added with; None where newcomers are baselines only."""
        if self.process.anchor is not None:
            return partial(_sum, anchored)
        return self._add_fresh if any(self.fresh) else None

    def _add(self, series: Series, by: float) -> None:
        """Add to the increase of a series' attribution."""
        vector = self.increases.get(series.attribution)
        if vector is None and series.metrics:
            vector = self.increases[series.attribution] = list(ZERO)
        for metric in series.metrics:
            vector[metric] += by  # type: ignore[index]

    def _add_fresh(self, series: Series, value: float) -> None:
        """Add all of a newcomer to those of its metrics for which newcomers are new."""
        vector = self.increases.setdefault(series.attribution, list(ZERO))
        for metric in series.metrics:
            if self.fresh[metric]:
                vector[metric] += value

    def _keep(self, counter: Counter) -> None:
        """Have a counter's new value written down, where it counts at all."""
        self.changed += bool(counter.series.metrics)
        self._write(counter)

    def _write(self, counter: Counter) -> None:
        """Have a counter written down, where it counts at all."""
        if counter.series.metrics:
            self.changes.baselines[self.process.id, counter.series.id] = counter

    def _meet(self, readings: Mapping[str, FamilyReading]) -> None:
        """Make series of all heads that no process had before, once it is known what models there are."""
        blocks: dict[bytes, Labels | None] = {}
        unknown = {
            family: [head for _, head, _ in reading.newcomers if head not in self.series]
            for family, reading in readings.items()
        }
        for family, heads in unknown.items():
            self._learn(family, heads, blocks)
        numbers: dict[bytes, int] = {}
        for family, heads in unknown.items():
            carried = metrics_of(self.metrics, family)
            for head in heads:
                block = head[len(family) :]
                if (labels := blocks[block]) is None:
                    continue
                metrics = tuple([index for index, metric in carried if metric.counts(labels.get)])
                if metrics and block not in numbers:
                    numbers[block] = self.attributions.of(labels, self.changes)
                self.series[head] = series = Series(next(self.ids), family, head, metrics, numbers.get(block, 0))
                if metrics:
                    self.changes.series.append(series)

    def _learn(self, family: str, heads: list[bytes], blocks: dict[bytes, Labels | None]) -> None:
        """Read the labels of heads into `blocks`; families mostly repeat each other's to the byte."""
        reader = LabelReader()
        for head in heads:
            block = head[len(family) :]
            if block not in blocks:
                labels = blocks[block] = reader.read(family, head)
                if labels is not None:
                    self.attributions.learn(labels)

    def _count_from_anchor(self, anchored: Mapping[int, list[float]]) -> None:
        """Count against the sums at the last answer, where the counters themselves were lost.

        A sum that is lower is a restart where the process has no identity. Where it has one, a
        series was evicted, and what was used since cannot be told: what is certain counts.
        """
        anchor, self.process.anchor = self.process.anchor, None
        self.resumed = anchor is not None
        if anchor is None or (self.process.start is None and self._is_below(anchor, anchored)):
            anchor = {}
        for attribution, sums in anchored.items():
            last = anchor.get(attribution, ZERO)
            self.increases[attribution] = [max(0.0, now - before) for now, before in zip(sums, last, strict=True)]

    def _is_below(self, anchor: Mapping[int, Vector], anchored: Mapping[int, list[float]]) -> bool:
        """Whether any sum of what was tracked is lower than it was, by more than rounding."""
        return any(
            now < before * _ROUNDED and metric not in self.begun
            for attribution, last in anchor.items()
            for metric, (now, before) in enumerate(zip(anchored.get(attribution, ZERO), last, strict=True))
        )


def _sum(sums: dict[int, list[float]], series: Series, value: float) -> None:
    """Add a counter to the sums of its attribution."""
    vector = sums.setdefault(series.attribution, list(ZERO))
    for metric in series.metrics:
        vector[metric] += value
