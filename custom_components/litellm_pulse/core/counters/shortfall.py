"""What a first answer after a lost file lacks of the sums before it."""

from collections.abc import Mapping
from dataclasses import dataclass

from .series import ROUNDED, Series


@dataclass(slots=True)
class Shortfall:
    """What sums are short of what they were: evicted by the proxy, or only lacking in one answer.

    Which of the two, nothing tells at first. What comes back in the next answers has counted before.
    """

    lacking: dict[int, list[float]]
    """Attribution -> one number per counter, not below zero."""
    answers: int = 0
    """Answers since."""

    @classmethod
    def of(cls, gained: Mapping[int, list[float]]) -> Shortfall | None:
        """Return that of sums that have grown by so much, or fallen; None where none has fallen."""
        lacking = {number: [max(0.0, -by) for by in vector] for number, vector in gained.items() if min(vector) < 0}
        return cls(lacking) if lacking else None

    def beyond(self, series: Series, value: float) -> float:
        """Return what is left of the value of a series that appears, without what may be back."""
        lacking = self.lacking.get(series.attribution)
        if lacking is None:
            return value
        back = min(value, *(lacking[metric] for metric in series.metrics))
        for metric in series.metrics:
            lacking[metric] -= back
        return value - back

    def take_back(self, increases: Mapping[int, list[float]]) -> bool:
        """Take off the increases of an answer all that is lacking where they reach it; return whether any does.

        The first answer was older than this one then. Where they do not reach it, something was evicted.
        """
        self.answers += 1
        found = False
        for number in increases.keys() & self.lacking.keys():
            lacking, vector = self.lacking[number], increases[number]
            for metric, by in enumerate(vector):
                if 0 < lacking[metric] * ROUNDED <= by:
                    vector[metric], lacking[metric] = max(0.0, by - lacking[metric]), 0.0
                    found = True
        return found
