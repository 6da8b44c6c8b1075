"""Whether answers leave it open what to count, and whether that goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .process import WAIT_ANSWERS
from .processes import FORGET_SECONDS
from .results import Ambiguity
from .series import ROUNDED

REMEMBERED_ANSWERS = 60
"""Answers for which it is remembered what fell: a balancer may stay with one of several for long."""


@dataclass(slots=True)
class TurnDetector:
    """Whether the answers without an identity come from one process, or from several in turn.

    One process that restarts falls and grows again. Several behind one address fall to where another
    of them was: with all its counters at least as high. Then nothing can be counted until that ends.
    Where that has happened twice running, they are known to be several for seven days: no fall counts then.
    """

    others: list[Mapping[bytes, float]] = field(default_factory=list)
    """The counters of those that may be others: as they were before some fell, were missing, or came back."""
    older: list[Mapping[bytes, float]] = field(default_factory=list)
    """The counters of answers that came again."""
    fallen: set[bytes] = field(default_factory=set)
    """The series that fell."""
    quiet: int = 0
    """Answers since the last fall, or, once they are found, since the last turn."""
    doubted: list[Mapping[bytes, float]] = field(default_factory=list)
    """The counters of answers that were not taken in, as they looked like a restart and the next may tell."""
    found: bool = False
    turns: int = 0
    """Falls, one after the other, to where another was."""
    known_until: float = 0.0
    """Until then, by our clock, they are known to be several."""

    def is_doubtful(self, values: Mapping[bytes, float], now: float) -> bool:
        """Whether an answer whose counters fell may be one of a process that was not seen before."""
        known = self.found or now < self.known_until
        return not (known or any(_goes_on(one, values) for one in (*self.others, *self.older)))

    def fell(self, before: Mapping[bytes, float], after: Mapping[bytes, float], now: float) -> None:
        """Note that the counters fell from what they were before."""
        self.doubted = []
        turned = self._take_turn([one for one in (*self.others, *self.older) if _goes_on(one, after)])
        self.turns = self.turns + 1 if turned else 0
        if self.turns > 1:
            self.known_until = now + FORGET_SECONDS
        if self.found and not turned:
            # One that goes on restarting is not several.
            self._settle()
        else:
            self.found, self.quiet = turned, 0
        self._remember(before)
        self.fallen |= {text for text, value in before.items() if after.get(text, value) < value * ROUNDED}

    def held(self, before: Mapping[bytes, float], after: Mapping[bytes, float], now: float) -> None:
        """Note an answer in which nothing fell; what was doubted before it was another's."""
        for values in self.doubted:
            self._remember(values)
        self.doubted = []
        self._settle()
        if self.quiet >= REMEMBERED_ANSWERS and now >= self.known_until:
            self.others, self.older = [], []
        if self.others:
            back = [one for one in self.others if _goes_on(one, after) and not _goes_on(one, before)]
            if self._take_turn(back):
                self.found |= now < self.known_until
                self._remember(before)
            elif not before.keys() <= after.keys():
                self._remember(before)

    def _settle(self) -> None:
        """Note an answer in which nobody took a turn: after ten of them it is one again."""
        self.quiet += 1
        if self.quiet >= WAIT_ANSWERS:
            self.fallen, self.found = set(), False

    def came_again(self, values: Mapping[bytes, float]) -> None:
        """Note an answer that came before: an older one, or another's that has counted nothing since."""
        if self._take_turn([one for one in self.others if _goes_on(one, values)]):
            self.found, self.quiet = True, 0
        self.older = [*self.older[1 - WAIT_ANSWERS :], values]

    def _take_turn(self, candidates: Sequence[Mapping[bytes, float]]) -> bool:
        """Have the closest of others be the one that answers now; return whether there is one."""
        closest = max(candidates, key=lambda one: sum(one.values()), default=None)
        self.others = [one for one in self.others if one is not closest]
        return closest is not None

    def _remember(self, values: Mapping[bytes, float]) -> None:
        """Take what an answer was for one of others."""
        self.others = [*self.others[1 - WAIT_ANSWERS :], values]


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
