"""Whether answers leave it open what to count, and whether that goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .processes import WAIT_ANSWERS, Process
from .results import Ambiguity
from .series import ROUNDED


@dataclass(slots=True)
class TurnDetector:
    """Whether the answers without an identity come from one process, or from several in turn.

    One process that restarts falls and grows again. Several behind one address fall to where another
    of them was: with all its counters at least as high. Then nothing can be counted until that ends.
    """

    before: list[Mapping[bytes, float]] = field(default_factory=list)
    """The counters before each of the last falls."""
    after: Mapping[bytes, float] = field(default_factory=dict)
    """The counters after the last one."""
    fallen: set[bytes] = field(default_factory=set)
    """The series that fell."""
    came_back: bool = False
    """They have grown past those before the last fall since."""
    quiet: int = 0
    """Answers since the last fall."""
    found: bool = False

    def fell(self, before: Mapping[bytes, float], after: Mapping[bytes, float]) -> None:
        """Note that the counters fell from what they were before."""
        known = [*self.before, self.after] if self.came_back else self.before
        self.found |= any(_goes_on(one, after) for one in known)
        self.before = [*self.before[-WAIT_ANSWERS:], before]
        self.fallen |= {text for text, value in before.items() if after.get(text, value) < value * ROUNDED}
        self.after, self.came_back, self.quiet = after, False, 0

    def held(self, process: Process) -> None:
        """Note an answer in which nothing fell."""
        self.quiet += 1
        if self.quiet >= WAIT_ANSWERS:
            self.before, self.after, self.fallen, self.came_back, self.found = [], {}, set(), False, False
        elif self.before and not self.came_back:
            self.came_back = _goes_on(self.before[-1], process.present_values())


def _goes_on(before: Mapping[bytes, float], after: Mapping[bytes, float]) -> bool:
    """Whether counters may be those of a process that had others before."""
    return bool(before) and all(after.get(text, -1.0) >= value * ROUNDED for text, value in before.items())


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
