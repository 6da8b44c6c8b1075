"""One cycle of an import: plan, read, hand over; interrupted anywhere it goes on where it was."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from .database import Database, Found
from .errors import SourceTimeoutError
from .merge import believed
from .models import HOUR, Scope, Span, UsageRow, floor, requests_by_slot
from .planner import Ask, Bounds, Kind, halves, overlap, plan
from .progress import Progress
from .rows import Block


class Destination(Protocol):
    """Where usage rows are kept, and with them how far they have come."""

    async def progress(self) -> Progress:
        """Return what was written last; a new one where nothing was."""

    async def requests(self, scope: Scope, span: Span) -> Mapping[datetime, float]:
        """Return how many requests are known per hour that has any; see `models.requests_by_slot`."""

    async def replace(
        self, scope: Scope, slots: Collection[datetime], rows: Sequence[UsageRow], progress: Progress
    ) -> None:
        """Write in one transaction: rows in place of all that these slots had in this scope, and progress."""


class Importer:
    """Follows one database into one destination."""

    def __init__(self, database: Database, destination: Destination, slot: timedelta = HOUR) -> None:
        """Ask nothing yet."""
        self._database = database
        self._destination = destination
        self._slot = slot

    async def cycle(self, *, seam: datetime | None = None, gaps: Sequence[Span] = ()) -> Progress:
        """Bring the destination up to date and return how far that is; raises SourceError.

        `seam` is the ledger's first scrape, `gaps` are spans in which nothing was scraped.
        """
        found = await self._database.look()
        progress = (await self._destination.progress()).seen(now=found.now, oldest=found.oldest, newest=found.newest)
        progress = replace(progress, identity=found.identity)
        bounds = Bounds(
            now=found.now,
            oldest=found.oldest,
            seam=seam,
            gaps=gaps,
            by_month=found.table.indexed or found.table.spend_logs,
        )
        looked_back = overlap(progress, found.now) > overlap(replace(progress, looked_back_at=found.now), found.now)
        asks = plan(progress, bounds)
        for ask in asks:
            progress = await self._ask(found, ask, progress)
        followed = progress.followed(found.now, looked_back=looked_back)
        if progress.reached is None or followed != progress:
            progress = followed
            await self._destination.replace(Scope.SINCE, (), (), progress)
        return progress

    async def _ask(self, found: Found, ask: Ask, progress: Progress) -> Progress:
        """Read one span into the destination; a span that takes too long is read in halves."""

        async def take(block: Block) -> None:
            nonlocal progress
            progress = _after(ask, block.span, progress, found)
            await self._write(ask.scope, block, progress)

        try:
            await self._database.read(found, ask.span, take)
        except SourceTimeoutError:
            left = Span(ask.span.start, _left(ask, progress))
            parts = tuple(halves(left))
            if len(parts) == 1:
                raise
            for part in parts:
                progress = await self._ask(found, replace(ask, span=part), progress)
        return progress

    async def _write(self, scope: Scope, block: Block, progress: Progress) -> None:
        """Replace the hours of a block that tell no less than what is known."""
        known = await self._destination.requests(scope, block.span)
        told = requests_by_slot(block.rows, self._slot)
        slots = believed(known, told)
        rows = block.rows
        if len(slots) < len(told):
            rows = [row for row in rows if floor(row.start, self._slot) in slots]
        await self._destination.replace(scope, slots, rows, progress)


def _after(ask: Ask, span: Span, progress: Progress, found: Found) -> Progress:
    """Return how far it is after a block of an ask; what follows is far only when all of it is there."""
    if ask.kind is Kind.BACKFILL:
        return progress.backfilled(span.start, now=found.now)
    if ask.kind is Kind.SWEEP:
        oldest = None if found.oldest is None else floor(found.oldest, HOUR)
        return progress.swept(span.start, oldest=oldest, now=found.now)
    if ask.kind is Kind.GAP and span.start == ask.span.start:
        return progress.told(ask.span, now=found.now)
    return progress


def _left(ask: Ask, progress: Progress) -> datetime:
    """Return up to where a span that was interrupted is not known yet."""
    reached = {Kind.BACKFILL: progress.reached, Kind.SWEEP: progress.sweep}.get(ask.kind)
    return min(reached, ask.span.end) if reached else ask.span.end
