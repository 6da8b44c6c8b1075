"""The rules of exact increases once more, with the parser of Prometheus' own client: what the ledger is held against.

Of spend, for a process that tells of each series when it was created.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from math import isfinite

from prometheus_client.parser import text_string_to_metric_families

SPEND, CREATED = "litellm_spend_metric_total", "litellm_spend_metric_created"

type Labels = frozenset[tuple[str, str]]


@dataclass
class Reference:
    """What was spent, from the answers so far."""

    total: float = 0.0
    spent: dict[tuple[str, str], float] = field(default_factory=dict)
    """By a label and its value."""
    _first: float | None = None
    """The proxy's clock at the first answer."""
    _last: dict[tuple[Labels, float], float] = field(default_factory=dict)
    """The last value of each series, by its labels and when it was created."""

    def take(self, body: str, clock: float) -> None:
        """Count an answer, given at a time of the proxy's clock."""
        values, created = _samples(body)
        first = clock if self._first is None else self._first
        for labels, value in values.items():
            born = created[labels]
            known = self._last.get((labels, born))
            if known is None:
                known = 0.0 if self._first is not None and born > first else value
            if value >= known:
                self.total += value - known
                for label in labels:
                    self.spent[label] = self.spent.get(label, 0.0) + value - known
                self._last[labels, born] = value
        self._first = first


def _samples(body: str) -> tuple[dict[Labels, float], dict[Labels, float]]:
    """Return the finite values of spend, the first of each series, and when each was created."""
    values: dict[Labels, float] = {}
    created: dict[Labels, float] = {}
    for name, labels, value in chain.from_iterable(map(_read, body.split("\n"))):
        if name == SPEND and isfinite(value) and value >= 0:
            values.setdefault(labels, value)
        elif name == CREATED:
            created.setdefault(labels, value)
    return values, created


@lru_cache(maxsize=4096)
def _read(line: str) -> list[tuple[str, Labels, float]]:
    """Return the sample of a line, if it has one; most lines come again in the next answer."""
    return [
        (sample.name, frozenset((name, value) for name, value in sample.labels.items() if value), sample.value)
        for family in text_string_to_metric_families(line)
        for sample in family.samples
    ]
