"""One cycle of an import: plan, read, hand over; interrupted anywhere it goes on where it was."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime

from .database import Database, Found
from .destination import Destination, hand_over
from .errors import SourceTimeoutError
from .models import HOUR, QUARTER, Scope, Span, floor
from .planner import DAILY_OVERLAP, Ask, Bounds, Kind, halves, overlap, plan
from .progress import Progress
from .rows import Block

AHEAD = 2
"""Spans that are asked for before they are taken: as many as there may be connections."""


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
            by_halves=found.table.indexed or found.table.spend_logs,
        )
        looked_back = overlap(progress, found.now) > overlap(replace(progress, looked_back_at=found.now), found.now)
        asks = plan(progress, bounds)
        readings = _Readings(self._database, found)
        try:
            for number, ask in enumerate(asks):
                progress = await self._ask(readings, ask, progress, asks[number + 1 : number + 1 + AHEAD])
        finally:
            await readings.close()
        followed = progress.followed(found.now, looked_back=looked_back)
        if progress.reached is None or followed != progress:
            progress = followed
            await self._destination.replace(Scope.SINCE, {}, [], progress)
        return progress

    async def _ask(self, readings: _Readings, ask: Ask, progress: Progress, upcoming: Sequence[Ask] = ()) -> Progress:
        """Read one span into the destination; a span that takes too long is read in halves."""
        slot = QUARTER if ask.scope is Scope.GAP else HOUR
        try:
            for one in (ask, *upcoming):
                # The database sums up what is next while this is written down.
                readings.begin(one.span)
            async for block in readings.blocks(ask.span):
                progress = _after(ask, block.span, progress, readings.found)
                progress = await hand_over(
                    self._destination, ask.scope, block, progress, slot=slot, unpruned=_unpruned(readings.found)
                )
        except SourceTimeoutError:
            left = Span(ask.span.start, _left(ask, progress))
            parts = tuple(halves(left))
            if len(parts) == 1:
                raise
            # What is next may hold every connection, and wait until this is taken.
            await readings.close()
            for part in parts:
                progress = await self._ask(readings, replace(ask, span=part), progress)
        return progress


type _Queue = asyncio.Queue[Block | Exception | None]
"""Blocks of a span, and at the end None, or what went wrong."""


class _Readings:
    """Spans that are being read: the one whose blocks are taken, and those that come after it."""

    def __init__(self, database: Database, found: Found) -> None:
        """Read nothing yet."""
        self.found = found
        self._database = database
        self._begun: dict[Span, tuple[_Queue, asyncio.Task[None]]] = {}

    def begin(self, span: Span) -> None:
        """Begin to read a span, which waits once it has a block that nobody has taken."""
        if span not in self._begun:
            queue: _Queue = asyncio.Queue(maxsize=1)
            self._begun[span] = queue, asyncio.create_task(self._read(span, queue))

    async def blocks(self, span: Span) -> AsyncIterator[Block]:
        """Yield the blocks of a span, newest first; raises SourceError."""
        self.begin(span)
        queue, task = self._begun[span]
        while isinstance(found := await queue.get(), Block):
            yield found
        del self._begun[span]
        await task
        if found is not None:
            raise found

    async def close(self) -> None:
        """Read no more of what was begun."""
        tasks = [task for _, task in self._begun.values()]
        self._begun.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, span: Span, queue: _Queue) -> None:
        """Read a span into a queue."""
        try:
            await self._database.read(self.found, span, queue.put)
        except Exception as err:  # noqa: BLE001  # whoever takes the blocks raises it
            await queue.put(err)
        else:
            await queue.put(None)


def _unpruned(found: Found) -> Span:
    """Return the time of which LiteLLM has deleted nothing: it deletes what is old, but not in order."""
    start = found.now - DAILY_OVERLAP
    return Span(max(start, found.oldest + HOUR) if found.oldest else start, found.now)


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
