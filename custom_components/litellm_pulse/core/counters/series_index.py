"""Every series that any process has, and whose usage each of them is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from ..catalog import COUNTERS, Metric, counted, metrics_of, proves_use
from ..exposition import LabelReader
from .attribution import Attributions
from .results import SeriesRow
from .series import Counter, Series

_SPEND = next(metric.sources[0] for metric in COUNTERS if metric.name == "cost")
"""Its series name the model and everything that leads to it."""


@dataclass(slots=True)
class SeriesIndex:
    """The series by their texts."""

    by_text: dict[bytes, Series] = field(default_factory=dict)
    ids: Iterator[int] = field(default_factory=lambda: count(1))
    """Numbers for new ones."""

    def reassign(self, attributions: Attributions) -> list[SeriesRow]:
        """Find anew whose usage series are that do not name all of it themselves; return those that moved."""
        reader, moved = LabelReader(), []
        for text, series in self.by_text.items():
            labels = reader.read(series.family, text) if series.metrics else None
            if labels is None:
                continue
            proven = proves_use(series.family, labels.get)
            whose = attributions.of(attributions.unresolved(labels, proven=proven))
            if whose != series.attribution:
                series.attribution = whose
                moved.append(series.row)
        return moved

    def bury(self, alive: Iterable[Counter]) -> list[int]:
        """Let go of the series that have no counter any more; return their numbers."""
        kept = {id(one.series) for one in alive}
        dead = [text for text, series in self.by_text.items() if id(series) not in kept]
        return [self.by_text.pop(text).id for text in dead]

    def rows(self) -> list[SeriesRow]:
        """Return those that count, as they are written down."""
        return list({one.id: one.row for one in self.by_text.values() if one.metrics}.values())

    def load(
        self, rows: Iterable[SeriesRow], attributions: Attributions, remapped: tuple[Metric, ...] | None
    ) -> tuple[dict[int, Series], list[SeriesRow]]:
        """Take series in, and what their labels teach; those of `remapped` metrics are read off the labels.

        Returns all by number, those too that count for nothing any more, and those that count as
        something else.
        """
        by_id: dict[int, Series] = {}
        changed: list[SeriesRow] = []
        reader = LabelReader()
        for row in rows:
            labels = reader.read(row.family, row.text) if remapped or row.family == _SPEND else None
            metrics = counted(metrics_of(remapped, row.family), labels.get) if remapped and labels else row.metrics
            one = by_id[row.id] = Series(row.id, row.family, row.text, metrics, row.attribution)
            if not metrics:
                continue
            self.by_text[row.text] = one
            if metrics != row.metrics:
                changed.append(one.row)
            if labels:
                attributions.learn(attributions.unresolved(labels, proven=True))
        self.ids = count(max(by_id, default=0) + 1)
        return by_id, changed
