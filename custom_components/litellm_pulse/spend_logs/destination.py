"""Where usage rows go: what the ledger, or a test's small database, has to be able to do."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from .merge import believed
from .models import HOUR, Scope, Span, UsageRow, floor, requests_by_slot
from .progress import Progress
from .rows import Block


class Destination(Protocol):
    """Where usage rows are kept, and with them how far they have come."""

    async def progress(self) -> Progress:
        """Return what was written last; a new one where nothing was."""

    async def requests(self, scope: Scope, span: Span) -> Mapping[datetime, float]:
        """Return how many requests are known per slot that has any; see `models.requests_by_slot`."""

    async def replace(
        self, scope: Scope, slots: Collection[datetime], rows: Sequence[UsageRow], progress: Progress
    ) -> None:
        """Write in one transaction: rows in place of all that these slots had in this scope, and progress."""


async def hand_over(
    destination: Destination, scope: Scope, block: Block, progress: Progress, *, slot: timedelta = HOUR
) -> None:
    """Replace the slots of a block in which no fewer requests are told than are known; always write progress."""
    known = await destination.requests(scope, block.span)
    told = requests_by_slot(block.rows, slot)
    slots = believed(known, told)
    rows = block.rows
    if len(slots) < len(told):
        rows = [row for row in rows if floor(row.start, slot) in slots]
    await destination.replace(scope, slots, rows, progress)
