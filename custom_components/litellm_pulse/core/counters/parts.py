"""Answers to `name[]`, of which some families only were asked for: when such a part is enough."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import SurprisingPartError
from ..exposition import Exposition
from .diff import FamilyDiff, created_family
from .process import Process

if TYPE_CHECKING:
    from .identity import Identity

_CREATED = "_created"


@dataclass(frozen=True, slots=True)
class OpenPart:
    """A part that was not believed, until the process that gave it gives the whole."""

    start: float | None
    witness: str
    """The `_created` family that was asked for."""
    created: frozenset[bytes]
    """The lines that tell when series were created; empty where the part has none."""

    def is_of(self, process: Process) -> bool:
        """Whether a process that has given a whole answer is the one; any is where the part tells no start."""
        if self.start is None:
            return True
        if process.start != self.start:
            return False
        if not self.created:
            return self.witness not in process.last.lines
        known = (lines for family, lines in process.last.lines.items() if family.endswith(_CREATED))
        return any(not self.created.isdisjoint(lines) for lines in known)


def opened(part: Exposition, identity: Identity, asked: str) -> OpenPart:
    """Return a part that was not believed as what a whole answer has to explain."""
    lines = (lines for family, lines in part.items() if family.endswith(_CREATED))
    return OpenPart(identity.start, asked, frozenset().union(*lines))


def completed(part: Exposition, process: Process, identity: Identity, asked: str) -> Exposition:
    """Return an answer to `name[]` with the families that it lacks because they have no series.

    Raises SurprisingPartError for a process that has not given a whole answer yet, and for one that does not tell
    what it told before in the `_created` family that was asked for: another shares its start.
    """
    if not process.published or (identity.start is None and not identity.joined):
        raise SurprisingPartError
    if asked in process.last.lines and asked not in part:
        raise SurprisingPartError
    absent = (family for family in process.published if not family.endswith(_CREATED))
    return {**dict.fromkeys(absent, ()), **part}


def refuse_surprises(diffs: Mapping[str, FamilyDiff]) -> None:
    """Raise SurprisingPartError where a part says what only a whole answer can explain."""
    for diff in diffs.values():
        if diff.missing and not diff.tells_created:
            raise SurprisingPartError
        if not diff.tells_created and (diff.newcomers or diff.falls or diff.has_returned):
            raise SurprisingPartError


def witness(exposition: Exposition, families: Iterable[str]) -> str:
    """Return the smallest `_created` family that has a series, which tells processes apart that share a start.

    Empty where there is none.
    """
    sizes = {twin: len(lines) for family in families if (lines := exposition.get(twin := created_family(family)))}
    return min(sizes, key=lambda twin: (sizes[twin], twin), default="")
