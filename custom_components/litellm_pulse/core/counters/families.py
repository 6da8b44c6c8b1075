"""Which families of an answer are read: of each metric the newest name, its twin, and what is not counted."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from ..catalog import LIVE_FAMILIES, Metric
from ..exposition import PROCESS_START, Exposition
from .diff import created_family

EVIDENCE = "_count"
"""How the families of histograms end whose counts are evidence of a restart."""


@dataclass(slots=True)
class Families:
    """The families that metrics and gauges are read from."""

    metrics: tuple[Metric, ...]
    gauges: tuple[Metric, ...]
    witness: str = ""
    """The twin that a part is asked for, too, since it tells processes apart that share a start; mostly a small one."""
    live: AbstractSet[str] = field(init=False)
    """Those of gauges."""
    twins: AbstractSet[str] = field(init=False)
    """Those that tell when series were created."""
    wanted: AbstractSet[str] = field(init=False)
    """All that are read."""
    _published: tuple[AbstractSet[str], frozenset[str]] = frozenset(), frozenset()
    """The families of the last answer, and the metrics that these are."""

    def __post_init__(self) -> None:
        """Find them."""
        sources = frozenset(source for metric in self.metrics for source in metric.sources)
        self.live = LIVE_FAMILIES | {source for gauge in self.gauges for source in gauge.sources} | {PROCESS_START}
        self.twins = frozenset(map(created_family, sources))
        self.wanted = sources | self.twins | self.live

    def counted(self, exposition: Exposition, *, with_evidence: bool = False) -> list[str]:
        """Return the families to count: of each metric the newest name that is published; counts of histograms too."""
        chosen = (_source(metric, exposition) for metric in self.metrics)
        families = [family for family in dict.fromkeys(chosen) if family]
        if with_evidence:
            families += [family for family in exposition if family.endswith(EVIDENCE)]
        return families

    def published(self, exposition: Exposition) -> frozenset[str]:
        """Return the friendly names of the metrics that have a family; worked out anew when families come or go."""
        families = exposition.keys()
        if families != self._published[0]:
            metrics = (*self.metrics, *self.gauges)
            self._published = set(families), frozenset(one.name for one in metrics if _source(one, exposition))
        return self._published[1]


def _source(metric: Metric, exposition: Exposition) -> str | None:
    """Return the newest of a metric's families that is published."""
    return next((source for source in metric.sources if source in exposition), None)
