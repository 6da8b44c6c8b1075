"""Whether answers leave it open what to count, and whether that goes on."""

from dataclasses import dataclass, field

from .processes import WAIT_ANSWERS, Process
from .results import Ambiguity


@dataclass(slots=True)
class TurnDetector:
    """Whether the answers without an identity come from one process, or from several in turn.

    One process that restarts falls once and grows again. Several behind one address fall, come
    back to where they were, and fall again: then nothing can be counted until that ends.
    """

    before: dict[bytes, float] = field(default_factory=dict)
    """The counters before the last fall."""
    came_back: bool = False
    quiet: int = 0
    """Answers since the last fall."""
    found: bool = False

    def fell(self, before: dict[bytes, float]) -> None:
        """Note that the counters fell from `before`."""
        if self.came_back and self.quiet < WAIT_ANSWERS:
            self.found = True
        self.before, self.came_back, self.quiet = before, False, 0

    def held(self, process: Process) -> None:
        """Note an answer in which nothing fell."""
        self.quiet += 1
        if self.quiet >= WAIT_ANSWERS:
            self.before, self.came_back, self.found = {}, False, False
        elif self.before and not self.came_back:
            now = process.values()
            self.came_back = all(now.get(text, -1.0) >= value for text, value in self.before.items())


@dataclass(slots=True)
class AmbiguityLog:
    """How often answers left it open what to count, and whether that goes on."""

    total: int = 0
    recent: dict[Ambiguity, int] = field(default_factory=dict)
    """Per kind, a score that each such answer raises and each clear one lowers."""

    def note(self, found: Ambiguity | None) -> None:
        """Take one answer in."""
        self.total += found is not None
        for kind in Ambiguity:
            score = self.recent.get(kind, 0)
            self.recent[kind] = min(100, score + 10) if kind is found else max(0, score - 1)

    @property
    def lasting(self) -> Ambiguity | None:
        """The kind that goes on: three answers in thirty, or more."""
        return next((kind for kind in Ambiguity if self.recent.get(kind, 0) > 20), None)  # noqa: PLR2004
