"""How often LiteLLM failed to count, by its own word: each process tells it of itself, since it was started."""

from ..catalog import LOGGING_FAILURES
from .budgets import Gauges, finite_sum

EXPECTED = 60
"""Answers in which a process that goes on is expected to be met again behind a balancer."""


class LoggingFailures:
    """Sums what the processes told that may go on; an answer that lacks it takes none of it back."""

    def __init__(self) -> None:
        """Begin with none."""
        self._told: dict[int, tuple[float, int]] = {}
        """Process -> failures, and in which answer it answered last."""
        self._answers = 0

    def read(self, process: int, gauges: Gauges, *, restarted: bool) -> float:
        """Take in what a process tells; return the failures of all that go on. `restarted` says that the proxy was."""
        self._answers += 1
        after = self._answers - EXPECTED
        known = {} if restarted else {one: told for one, told in self._told.items() if told[1] > after}
        before, _ = known.get(process, (0.0, 0))
        self._told = {**known, process: (max(before, _failures(gauges)), self._answers)}
        return sum(failures for failures, _ in self._told.values())


def _failures(gauges: Gauges) -> float:
    """Return how often the callback failed that /metrics is made by."""
    samples = gauges.get(LOGGING_FAILURES, ())
    return finite_sum(one for one in samples if one.labels.get("callback_name", "").lower().startswith("prometheus"))
