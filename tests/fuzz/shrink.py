"""The smallest life that fails as another does."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from .worlds import Answer

type Check = Callable[[Sequence[Answer]], None]
"""Raises what is wrong with a life."""


def failure(check: Check, answers: Sequence[Answer]) -> Exception | None:
    """Return what a check raises, None where all is well."""
    try:
        check(answers)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is wrong
        return error
    return None


def smallest(check: Check, answers: Sequence[Answer]) -> list[Answer]:
    """Return the answers without all that is not needed for the same failure."""
    wanted, found = _kind(failure(check, answers)), list(answers)
    smaller: list[Answer] | None = found
    while smaller is not None:
        found = smaller
        candidates = (one for one in _smaller(found) if one != found)
        smaller = next((one for one in candidates if _kind(failure(check, one)) == wanted), None)
    return found


def _kind(error: Exception | None) -> tuple[str, str]:
    """Return what kind of failure it is: one that counts too much is none that counts too little."""
    return type(error).__name__, str(error).partition(":")[0]


def _smaller(answers: list[Answer]) -> Iterator[list[Answer]]:
    """Yield lives that lack something: half of the answers, one of them, a series, a piece of one."""
    half = len(answers) // 2
    if half:
        yield from (answers[:half], answers[half:])
    yield from (answers[:at] + answers[at + 1 :] for at in range(len(answers) - 1, -1, -1))
    for series in dict.fromkeys(_series(line) for one in answers for line in one.body.split(b"\n")):
        yield [_without(one, series) for one in answers]
    for at, one in enumerate(answers):
        yield from ([*answers[:at], simpler, *answers[at + 1 :]] for simpler in _simpler(one))


def _simpler(answer: Answer) -> Iterator[Answer]:
    """Yield an answer without a series, a cut, or the opening of the ledger before it."""
    if answer.reopened:
        yield replace(answer, reopened=False)
    yield from (replace(answer, cuts=answer.cuts[:at] + answer.cuts[at + 1 :]) for at in range(len(answer.cuts)))
    yield from (_without(answer, series) for series in dict.fromkeys(map(_series, answer.body.split(b"\n"))))


def _series(line: bytes) -> bytes:
    """Return what the lines of one series have in common; nothing for those that no answer is whole without."""
    return line[line.find(b"{") : line.rfind(b"}") + 1] or (line if line.startswith(b"# HELP") else b"")


def _without(answer: Answer, series: bytes) -> Answer:
    """Return an answer without the lines of a series."""
    kept = [line for line in answer.body.split(b"\n") if not series or _series(line) != series]
    return replace(answer, body=b"\n".join(kept))
