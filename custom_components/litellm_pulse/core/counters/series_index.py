"""Every series that any process has, and whose usage each of them is."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count, takewhile

from ..catalog import Metric, counted, metrics_of, proves_use
from ..exposition import LabelReader, Labels, canonical
from .attribution import Attributions, UnresolvedAttribution
from .diff import FamilyDiff
from .results import SeriesRow
from .series import Counter, Series


@dataclass(slots=True)
class SeriesIndex:
    """The series by their texts."""

    by_text: dict[bytes, Series] = field(default_factory=dict)
    ids: Iterator[int] = field(default_factory=lambda: count(1))
    """Numbers for new ones."""
    renamed: dict[bytes, Series] = field(default_factory=dict)
    """Those that have other texts now than were written down."""

    def rename(self, series: Series, text: bytes) -> Series:
        """Return a series as it is under another text, by which it is known from now on."""
        if self.by_text.get(series.text) is series:
            del self.by_text[series.text]
        renamed = self.by_text[text] = replace(series, text=text)
        self.renamed.pop(series.text, None)
        if series.metrics:
            self.renamed[text] = renamed
        return renamed

    def register(
        self, diffs: Mapping[str, FamilyDiff], metrics: tuple[Metric, ...], attributions: Attributions
    ) -> list[SeriesRow]:
        """Make series of all series that no process had before; return those that count."""
        # Those that are proven to be used, and those that are perhaps only named.
        unresolved: tuple[dict[bytes, UnresolvedAttribution], dict[bytes, UnresolvedAttribution]] = {}, {}
        new: tuple[list[tuple[Series, UnresolvedAttribution]], list[tuple[Series, UnresolvedAttribution]]] = [], []
        for family, diff in diffs.items():
            self._register_family(_Family(metrics, family), diff, attributions, unresolved, new)
        # Not before it is known what models there are, and who was used and not only named.
        of, rows = attributions.of, []
        for known in (new[True], new[False]):
            for series, whose in known:
                number = whose.number
                series.attribution = of(whose) if number is None else number
                rows.append(SeriesRow(series.id, series.family, series.text, series.metrics, series.attribution))
        return rows

    def _register_family(
        self,
        family: _Family,
        diff: FamilyDiff,
        attributions: Attributions,
        unresolved: tuple[dict[bytes, UnresolvedAttribution], ...],
        new: tuple[list[tuple[Series, UnresolvedAttribution]], ...],
    ) -> None:
        """Make series of a family's new ones; those that count go to `new`, with whose usage they are.

        `unresolved` has those of all families, which mostly repeat each other's labels to the byte.
        """
        name, known, ids = family.name, self.by_text, self.ids
        reader, skip = LabelReader(), len(name)
        layouts: set[tuple[str, ...]] = set()
        metrics, proven, conditional = family.metrics, family.proven, family.conditional
        blocks, into = unresolved[proven], new[proven]
        for _, text, _ in diff.newcomers:
            if text in known:
                continue
            whose = blocks.get(block := text[skip:])
            if whose is None or conditional:
                labels = reader.read(name, text)
                if labels is None or (labels.names not in layouts and self._repeats_other(text, diff, layouts, labels)):
                    continue
                if conditional:
                    metrics, proven = family.of(labels)
                    blocks, into = unresolved[proven], new[proven]
                    whose = blocks.get(block)
                if family.metrics and whose is None:
                    whose = attributions.unresolved(labels, proven=proven)
                    attributions.learn(whose)
                    if metrics:
                        blocks[block] = whose
            series = known[text] = Series(next(ids), name, text, metrics, 0)
            if metrics and whose is not None:
                into.append((series, whose))

    @staticmethod
    def _repeats_other(text: bytes, diff: FamilyDiff, layouts: set[tuple[str, ...]], labels: Labels) -> bool:
        """Whether a series with other label names, or in another order, is one that the answer has before."""
        layouts.add(labels.names)
        return len(layouts) > 1 and _repeats(text, diff)

    def reassign(self, attributions: Attributions) -> list[SeriesRow]:
        """Find anew whose usage series are that do not name all of it themselves; return those that moved."""
        moved = []
        for series, unresolved in self._unresolved(attributions):
            whose = attributions.of(unresolved)
            if whose != series.attribution:
                series.attribution = whose
                moved.append(series.row)
        return moved

    def teach(self, attributions: Attributions) -> None:
        """Have attributions learn from all series that are known, as from new ones."""
        for _, whose in self._unresolved(attributions):
            attributions.learn(whose)
            attributions.meet(whose)

    def _unresolved(self, attributions: Attributions) -> Iterator[tuple[Series, UnresolvedAttribution]]:
        """Yield the series that count, and what their labels say of whose usage they are."""
        reader = LabelReader()
        for text, series in self.by_text.items():
            labels = reader.read(series.family, text) if series.metrics else None
            if labels is not None:
                yield series, attributions.unresolved(labels, proven=proves_use(series.family, labels.get))

    def bury(self, alive: Iterable[Counter]) -> list[int]:
        """Let go of the series that have no counter any more; return their numbers."""
        kept = {one.series.id for one in alive}
        dead = [text for text, series in self.by_text.items() if series.id not in kept]
        return list({self.by_text.pop(text).id for text in dead})

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
            labels = reader.read(row.family, row.text) if remapped or row.metrics else None
            metrics = counted(metrics_of(remapped, row.family), labels.get) if remapped and labels else row.metrics
            one = by_id[row.id] = Series(row.id, row.family, row.text, metrics, row.attribution)
            if not metrics:
                continue
            self.by_text[row.text] = one
            if metrics != row.metrics:
                changed.append(one.row)
            if labels:
                whose = attributions.unresolved(labels, proven=True)
                attributions.learn(whose)
                attributions.meet(whose)
        self.ids = count(max(by_id, default=0) + 1)
        return by_id, changed


class _Family:
    """What the series of a family count as."""

    def __init__(self, metrics: tuple[Metric, ...], family: str) -> None:
        """Look it up once."""
        self.name = family
        self._carried = metrics_of(metrics, family)
        self.metrics = tuple([index for index, _ in self._carried])
        self.conditional = any(metric.only or metric.without for _, metric in self._carried)
        self.proven = proves_use(family, _no_label)

    def of(self, labels: Labels) -> tuple[tuple[int, ...], bool]:
        """Return the counters that a series belongs to, and whether it proves that those it names were used."""
        return counted(self._carried, labels.get), proves_use(self.name, labels.get)


def _repeats(text: bytes, diff: FamilyDiff) -> bool:
    """Whether an earlier newcomer of the answer is the same series, with its labels in another order."""
    labels = canonical(text)
    earlier = takewhile(lambda other: other != text, (other for _, other, _ in diff.newcomers))
    return any(canonical(other) == labels for other in earlier)


def _no_label(_: str) -> str | None:
    """Return the value of a label of no series."""
    return None
