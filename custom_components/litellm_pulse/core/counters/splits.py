"""Which figures a release publishes for models, public names and providers, and which it does not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..catalog import UPSTREAM, Dimension, Metric
from .results import MemberKeys, SeriesRow


@dataclass(slots=True)
class Splits:
    """Per metric, the dimensions that its series are split by."""

    _known: dict[int, set[Dimension]] = field(default_factory=dict)
    _unknown: Mapping[Dimension, frozenset[str]] = field(default_factory=dict)

    def learn(self, series: Iterable[SeriesRow], keys: Sequence[MemberKeys]) -> None:
        """Note of which dimensions series name a member; `keys` has the members of each attribution."""
        for row in series:
            for metric in row.metrics:
                known = self._known.setdefault(metric, set())
                if not known >= UPSTREAM:
                    known.update(dimension for dimension, _ in keys[row.attribution])

    def unknown(self, metrics: Sequence[Metric], counts: Mapping[Dimension, int]) -> Mapping[Dimension, frozenset[str]]:
        """Return per dimension upstream of the proxy the metrics that have series, none of which names a member.

        `counts` has how many members each dimension has; the same object where nothing has changed.
        """
        found = {
            dimension: frozenset(metrics[one].name for one, split in self._known.items() if dimension not in split)
            for dimension in UPSTREAM
            if counts.get(dimension)
        }
        if found != self._unknown:
            self._unknown = found
        return self._unknown
