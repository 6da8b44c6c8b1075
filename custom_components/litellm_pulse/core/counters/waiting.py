"""What several workers had when they were first seen, kept until it is known whose it is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class Waiting:
    """What several workers had when they were first seen: a restart's, or another replica's baseline."""

    older: frozenset[int]
    """The processes that answered before; when one of them answers again, it is a replica."""
    held: dict[int, list[float]]
    """Attribution -> what it had at first sight."""
    answers: int = 0
    """Answers since, in which those before stayed away."""

    def dump(self) -> str:
        """Return it as text."""
        return json.dumps([sorted(self.older), {str(key): held for key, held in self.held.items()}, self.answers])

    @classmethod
    def load(cls, text: str) -> Waiting | None:
        """Return what `dump` made text of; None for the empty string."""
        if not text:
            return None
        older, held, answers = json.loads(text)
        return cls(frozenset(older), {int(key): values for key, values in held.items()}, answers)


def renumbered(waiting: str, numbers: Mapping[str, int]) -> str:
    """Return what `Waiting.dump` made with the attributions under other numbers; raises as `Waiting.load` does."""
    known = Waiting.load(waiting)
    if known is None:
        return ""
    known.held = {numbers[str(old)]: held for old, held in known.held.items()}
    return known.dump()
