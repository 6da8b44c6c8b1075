"""Answers to `name[]`, of which some families only were asked for: when such a part is enough."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..errors import SurprisingPartError
from ..exposition import Exposition
from .diff import FamilyDiff, created_family
from .processes import Process

if TYPE_CHECKING:
    from .identity import Identity


def completed(part: Exposition, process: Process, identity: Identity) -> Exposition:
    """Return an answer to `name[]` with the families that it lacks because they have no series.

    Raises SurprisingPartError for a process that has not given a whole answer yet.
    """
    if not process.published or (identity.start is None and not identity.joined):
        raise SurprisingPartError(identity.start)
    absent = (family for family in process.published if not family.endswith("_created"))
    return {**dict.fromkeys(absent, ()), **part}


def refuse_surprises(diffs: Mapping[str, FamilyDiff], identity: Identity) -> None:
    """Raise SurprisingPartError where a part says what only a whole answer can explain."""
    for diff in diffs.values():
        if diff.missing and not diff.tells_created:
            raise SurprisingPartError(identity.start)
        if not diff.tells_created and (diff.newcomers or diff.falls or diff.has_returned):
            raise SurprisingPartError(identity.start)


def witness(exposition: Exposition, families: Iterable[str]) -> str:
    """Return the smallest `_created` family that has a series, which tells processes apart that share a start.

    Empty where there is none.
    """
    sizes = {twin: len(lines) for family in families if (lines := exposition.get(twin := created_family(family)))}
    return min(sizes, key=lambda twin: (sizes[twin], twin), default="")
