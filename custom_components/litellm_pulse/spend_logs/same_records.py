"""Whether two sources tell the same requests: replicas of one LiteLLM, its API and its database. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..core.catalog import Dimension
from .models import COST, DAY, METRICS, MOST_TOLD, Members, Sums, floor, rows_of

COMPARED = timedelta(days=14)
"""How far back two sources are compared: what an older proxy may have pruned says nothing."""
ALIKE = 0.01
"""The part of a day by which two that tell the same may differ: the API files requests by when they began."""
_FIGURES = (COST, METRICS.index("tokens"))

type Figures = dict[Members, list[float]]
"""Key and model, as far as they are named -> US dollars and tokens."""


@dataclass(slots=True)
class Days:
    """What a source tells, summed up by UTC day, key and model."""

    days: dict[datetime, Figures] = field(default_factory=dict)
    named: set[Dimension] = field(default_factory=set)
    """What it tells apart of these."""

    def add(self, told: Iterable[Sums]) -> None:
        """Take in what does not overlap."""
        for row in rows_of(one for one in told if not one.apart):
            members = tuple([one for one in row.members if one[0] in {Dimension.KEY, Dimension.MODEL}])
            self.named.update([dimension for dimension, _ in members])
            day = self.days.setdefault(floor(row.start, DAY), {})
            named = members if members in day or len(day) < MOST_TOLD else ()
            sums = day.setdefault(named, [0.0] * len(_FIGURES))
            for place, index in enumerate(_FIGURES):
                sums[place] += row.values[index] or 0.0

    def by(self, dimensions: set[Dimension], day: datetime) -> Figures:
        """Return a day, by fewer dimensions."""
        found: Figures = {}
        for members, figures in self.days[day].items():
            kept = tuple([one for one in members if one[0] in dimensions])
            found[kept] = [a + b for a, b in zip(found.get(kept, [0.0] * len(_FIGURES)), figures, strict=True)]
        return found


def same_records(mine: Days, others: Days) -> bool:
    """Whether two sources agree on most of the days that both tell of, and on what both tell apart."""
    common = mine.named & others.named
    days = mine.days.keys() & others.days.keys()
    agreed = sum(_alike(mine.by(common, day), others.by(common, day)) for day in days)
    return agreed * 2 > len(days)


def _alike(mine: Figures, others: Figures) -> bool:
    """Whether two days are the same, but for a few requests."""
    nothing = [0.0] * len(_FIGURES)
    pairs = [(mine.get(key, nothing), others.get(key, nothing)) for key in mine.keys() | others.keys()]
    return all(
        sum(abs(one[index] - other[index]) for one, other in pairs)
        <= ALIKE * sum(max(one[index], other[index]) for one, other in pairs)
        for index in range(len(_FIGURES))
    )
