"""One answer's diffs, applied: the only place where counters change."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from ..catalog import Metric, counted, metrics_of
from ..exposition import Exposition, LabelReader
from ..models import ZERO, Vector
from .attribution import Attributions, UnresolvedAttribution
from .diff import FamilyDiff, created_family, created_since
from .pending_writes import PendingWrites
from .series import Counter, Process, Series, increase

_ROUNDED = 1 - 1e-9
"""What is left of a sum whose terms were added in another order."""


@dataclass(slots=True)
class Delta:
    """What one answer adds to the usage of each attribution, and what was noticed in it."""

    metrics: tuple[Metric, ...]
    attributions: Attributions
    series: dict[bytes, Series]
    ids: Iterator[int]
    """Numbers for new series."""
    process: Process
    pending: PendingWrites
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

    def apply(self, diffs: Mapping[str, FamilyDiff], exposition: Exposition) -> None:
        """Apply all diffs of an answer; nothing here can fail."""
        twins = {family: exposition.get(created_family(family), ()) for family in diffs}
        created = {family: created_since(self.process, family, lines) for family, lines in twins.items()}
        for family, diff in diffs.items():
            self.samples += len(diff.slots)
            self.skipped += diff.skipped
            if diff.gone:
                self._remove(family, diff)
            if diff.changed or created[family]:
                self._count_known(diff, created[family], told=bool(twins[family]))
        self._count_newcomers({family: one for family, one in diffs.items() if one.newcomers}, created)
        for family, diff in diffs.items():
            self.process.lines[family] = diff.lines
            self.process.slots[family] = diff.slots
            self.process.lines[created_family(family)] = twins[family]
        for vector in self.increases.values() if self.begun else ():
            for metric in self.begun:
                vector[metric] = 0.0
        if self.unsettled:
            self.increases.clear()

    def _remove(self, family: str, diff: FamilyDiff) -> None:
        """Take counters away that the answer does not have any more."""
        self.removed += len(diff.gone)
        for counter in diff.gone:
            del self.process.counters[family][counter.series.text]
            if counter.series.metrics:
                self.pending.baselines[self.process.id, counter.series.id] = None

    def _count_known(self, diff: FamilyDiff, created: Mapping[bytes, float], *, told: bool) -> None:
        """Count what has grown of the counters that were there before.

        Where the answer does not tell when they were created, what is known of that grows old.
        """
        recreated = self._recreated(diff, created)
        for _, counter, value in diff.changed:
            series = counter.series
            self._add(series, increase(counter, value, recreated=series.text in recreated))
            counter.value = value
            if not told:
                counter.created = None
            self._keep(counter)
            recreated.pop(series.text, None)
        for counter in recreated.values():
            self._add(counter.series, counter.value)
            self._keep(counter)

    def _recreated(self, diff: FamilyDiff, created: Mapping[bytes, float]) -> dict[bytes, Counter]:
        """Return the known counters that the process has created anew, and note when it did."""
        found: dict[bytes, Counter] = {}
        for series_text, since in created.items():
            counter = diff.known.get(series_text)
            if counter is None:
                continue
            before, counter.created = counter.created, since
            if before is None:
                self._write(counter)
            elif since > before:
                found[series_text] = counter
        return found

    def _count_newcomers(self, diffs: Mapping[str, FamilyDiff], created: Mapping[str, Mapping[bytes, float]]) -> None:
        """Take in the series that this process did not have before, where a family has any."""
        self._register_series(diffs)
        anchored: dict[int, list[float]] = {}
        known, count_in = self.series, self._adder(anchored)
        process, baselines = self.process.id, self.pending.baselines
        for family, diff in diffs.items():
            counters, since, slots = self.process.counters.setdefault(family, {}), created[family], diff.slots
            for index, series_text, value in diff.newcomers:
                series = known.get(series_text)
                if series is None or series_text in counters:
                    self.skipped += 1
                    continue
                counter = slots[index] = counters[series_text] = Counter(series, value, since.get(series_text))
                if series.metrics:
                    self.changed += 1
                    baselines[process, series.id] = counter
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
        vector = self.increases.get(series.attribution)
        if vector is None:
            vector = self.increases[series.attribution] = list(ZERO)
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
            self.pending.baselines[self.process.id, counter.series.id] = counter

    def _register_series(self, diffs: Mapping[str, FamilyDiff]) -> None:
        """Make series of all series that no process had before."""
        unresolved: dict[bytes, UnresolvedAttribution] = {}
        new: list[tuple[Series, UnresolvedAttribution]] = []
        for family, diff in diffs.items():
            new += self._new_series(family, diff, unresolved)
        # Not before it is known what models there are.
        for series, whose in new:
            series.attribution = self.attributions.of(whose, self.pending)
            self.pending.series.append(series)

    def _new_series(
        self, family: str, diff: FamilyDiff, unresolved: dict[bytes, UnresolvedAttribution]
    ) -> Iterator[tuple[Series, UnresolvedAttribution]]:
        """Make series of a family's new series texts; yield those that count, with whose usage their labels say it is.

        `unresolved` has those of all families, which mostly repeat each other's labels to the byte.
        """
        carried = metrics_of(self.metrics, family)
        metrics = tuple([index for index, _ in carried])
        conditional = any(metric.only or metric.without for _, metric in carried)
        reader, skip = LabelReader(), len(family)
        for _, series_text, _ in diff.newcomers:
            if series_text in self.series:
                continue
            whose = unresolved.get(block := series_text[skip:])
            if whose is None or conditional:
                labels = reader.read(family, series_text)
                if labels is None:
                    continue
                self.attributions.learn(labels)
                if conditional:
                    metrics = counted(carried, labels.get)
                if whose is None and metrics:
                    whose = unresolved[block] = self.attributions.unresolved(labels, self.pending)
            series = self.series[series_text] = Series(next(self.ids), family, series_text, metrics, 0)
            if whose is not None and metrics:
                yield series, whose

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
