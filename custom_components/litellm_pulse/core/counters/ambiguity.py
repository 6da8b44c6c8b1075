"""Whether answers leave it open what to count, and whether that goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .processes import WAIT_ANSWERS
from .results import Ambiguity
from .series import ROUNDED


@dataclass(slots=True)
class TurnDetector:
    """Whether the answers without an identity come from one process, or from several in turn.

    One process that restarts falls and grows again. Several behind one address fall to where another
    of them was: with all its counters at least as high. Then nothing can be counted until that ends.
    """

    others: list[Mapping[bytes, float]] = field(default_factory=list)
    """The counters of those that may be others: as they were before some fell, were missing, or came back."""
    after: Mapping[bytes, float] = field(default_factory=dict)
    """The counters after the last fall."""
    fallen: set[bytes] = field(default_factory=set)
    """The series that fell."""
    quiet: int = 0
    """Answers since the last fall."""
    found: bool = False

    def fell(self, before: Mapping[bytes, float], after: Mapping[bytes, float]) -> None:
        """Note that the counters fell from what they were before."""
        self.found |= self._take_turn([one for one in self.others if _goes_on(one, after)])
        self._remember(before)
        self.after = after
        self.fallen |= {text for text, value in before.items() if after.get(text, value) < value * ROUNDED}
        self.quiet = 0

    def held(self, before: Mapping[bytes, float], after: Mapping[bytes, float]) -> None:
        """Note an answer in which nothing fell."""
        self.quiet += 1
        if self.quiet >= WAIT_ANSWERS:
            self.others, self.after, self.fallen, self.found = [], {}, set(), False
        elif self.others:
            back = [one for one in self.others if _goes_on(one, after) and not _goes_on(one, before)]
            if self._take_turn(back):
                self._remember(self.after)
                self._remember(before)
            elif not before.keys() <= after.keys():
                self._remember(before)

    def _take_turn(self, candidates: Sequence[Mapping[bytes, float]]) -> bool:
        """Have the closest of others be the one that answers now; return whether there is one."""
        closest = max(candidates, key=lambda one: sum(one.values()), default=None)
        self.others = [one for one in self.others if one is not closest]
        return closest is not None

    def _remember(self, before: Mapping[bytes, float]) -> None:
        """Take what the last answer was for one of others."""
        self.others = [*self.others[1 - WAIT_ANSWERS :], before]


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
