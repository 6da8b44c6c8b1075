"""Lives from a seed, until one of them fails: `python -m tests.fuzz.run SEED ANSWERS`; `scripts/fuzz` runs many."""

import gc
import sys
from itertools import count
from random import Random

from . import lives, worlds
from .shrink import failure, smallest

KINDS = {
    "life": (worlds.life, lives.agrees),
    "mutated": (worlds.mutated, lives.holds),
    "noise": (worlds.noise, lives.holds),
}
SHARES = ("life",) * 4 + ("mutated",) * 4 + ("noise",)
MOST = 100
"""Answers of a life."""


def main(seed: str, answers: str) -> int:
    """Print the smallest life that fails, if one of these answers' does; return whether one did."""
    # What is there now is there for good: it need not be looked at again and again.
    gc.freeze()
    gc.set_threshold(100_000)
    found = search(seed, int(answers))
    sys.stdout.write(found)
    return bool(found)


def search(seed: str, answers: int) -> str:
    """Run lives until they have had so many answers; return what is to be said of the first that fails, if any."""
    done = 0
    for number in count():
        kind = SHARES[number % len(SHARES)]
        draw, check = KINDS[kind]
        life = draw(Random(f"{seed}:{number}"), MOST)  # noqa: S311 - it has to be the same again
        if error := failure(check, life):
            small = smallest(check, life)
            told = "\n".join(f"    {one!r}," for one in small)
            return f"{kind} {seed}:{number} after {done:,} answers: {error!r}; the smallest life that fails so:\n{told}"
        done += len(life)
        if done >= answers:
            return ""
    raise AssertionError


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
