"""One cycle of an import: plan, read, hand over; interrupted anywhere it goes on where it was."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from .database import Database, Found
from .destination import Destination, hand_over
from .errors import SourceTimeoutError
from .models import HOUR, QUARTER, Scope, Span, floor
from .planner import Ask, Bounds, Kind, halves, overlap, plan
from .progress import Progress
from .rows import Block


class Importer:
    """Follows one database into one destination."""

    def __init__(self, database: Database, destination: Destination) -> None:
        """Ask nothing yet."""
        self._database = database
        self._destination = destination

    async def cycle(self, *, seam: datetime | None = None, gaps: Sequence[Span] = ()) -> Progress:
        """Bring the destination up to date and return how far that is; raises SourceError.

        `seam` is the ledger's first scrape, `gaps` are spans in which nothing was scraped.
        """
        found = await self._database.look()
        progress = (await self._destination.progress()).seen(
            identity=found.identity, now=found.now, oldest=found.oldest, newest=found.newest
        )
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
            slot = QUARTER if ask.scope is Scope.GAP else HOUR
            await hand_over(self._destination, ask.scope, block, progress, slot=slot)

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
