"""Where usage rows go: what the ledger, or a test's small database, has to be able to do."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from .merge import believed
from .models import HOUR, Scope, Span, Sums, floor, requests_by_slot
from .progress import Progress
from .rows import Block


class Destination(Protocol):
    """Where usage rows are kept, and with them how far they have come."""

    async def progress(self) -> Progress:
        """Return what was written last; a new one where nothing was."""

    async def requests(self, scope: Scope, span: Span) -> Mapping[datetime, float]:
        """Return how many requests are known per slot that has any; see `models.requests_by_slot`."""

    async def replace(
        self, scope: Scope, slots: Mapping[datetime, float], told: list[Sums], progress: Progress
    ) -> None:
        """Write in one transaction: sums in place of all that these slots had in this scope, and progress.

        `slots` have the requests that are told of each; `told` is emptied.
        """


async def hand_over(  # noqa: PLR0913
    destination: Destination,
    scope: Scope,
    block: Block,
    progress: Progress,
    *,
    slot: timedelta = HOUR,
    unpruned: Span | None = None,
) -> Progress:
    """Replace the slots of a block in which no fewer requests are told than are known; always write progress.

    Returns it, with a note where fewer are told of a slot of `unpruned`: the source is an older one, restored.
    """
    known = await destination.requests(scope, block.span)
    requests = requests_by_slot(block.told, slot)
    if unpruned is not None and _lacks(known, requests, block.span, unpruned, slot):
        progress = replace(progress, restored_at=unpruned.end)
    slots = believed(known, requests)
    if len(slots) < len(requests):
        block.told[:] = [one for one in block.told if floor(one.start, slot) in slots]
    await destination.replace(scope, {slot: requests[slot] for slot in slots}, block.told, progress)
    return progress


def _lacks(
    known: Mapping[datetime, float], told: Mapping[datetime, float], span: Span, unpruned: Span, slot: timedelta
) -> bool:
    """Whether fewer requests are told than are known of any slot that lies within both spans."""
    begin, end = max(span.start, unpruned.start), min(span.end, unpruned.end)
    return any(begin <= at and at + slot <= end and told.get(at, 0.0) < count for at, count in known.items())
