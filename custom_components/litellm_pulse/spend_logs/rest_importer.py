"""The import from LiteLLM's REST: UTC days, newest first, down to where nothing is told any more."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from .daily import Activity
from .destination import Destination, hand_over
from .errors import NotOfferedError, PermissionDeniedError
from .models import DAY, Scope, Span, Sums, floor, month_start
from .progress import Progress
from .rest import Rest
from .rows import Block

BEGINNING = datetime(2023, 1, 1, tzinfo=UTC)
"""The year in which LiteLLM was first released: whoever tells of earlier ones is not believed."""
EMPTY_MONTHS = 12
"""After so many months without any usage nothing older is looked for."""


class RestImporter:
    """Brings the days before the ledger's first scrape into one destination."""

    def __init__(self, rest: Rest, destination: Destination) -> None:
        """Ask nothing yet."""
        self._rest = rest
        self._destination = destination
        self._others = [activity for activity in Activity if activity is not Activity.USER]

    async def run(self, *, now: datetime, seam: datetime) -> Progress:
        """Import what is not known yet, and return how far that is; raises SourceError.

        The last day is the UTC day before that of `seam`: a day cannot be cut, so the rest of the
        seam's own day, before it, stays untold.
        """
        progress = await self._destination.progress()
        end = min(progress.reached or floor(seam, DAY), floor(seam, DAY))
        oldest = progress.oldest or end
        while end > max(BEGINNING, _add_months(oldest, -EMPTY_MONTHS)):
            span = Span(month_start(end - timedelta.resolution), end)
            async for block in self._blocks(span):
                oldest = min([oldest, *[one.start for one in block.told]])
                progress = replace(progress.backfilled(block.span.start, now=now), oldest=oldest)
                await hand_over(self._destination, Scope.BEFORE, block, progress, slot=DAY)
            end = span.start
        return progress

    async def _blocks(self, span: Span) -> AsyncIterator[Block]:
        """Yield what was used on some days by everything that the key may read, newest first, as it is told."""
        async for first, last, page in self._rest.days(Activity.USER, span.start.date(), (span.end - DAY).date()):
            told = [*page.told]
            if told:
                told += await self._others_of(first, last)
            yield Block(Span(_midnight(first), _midnight(last) + DAY), told)

    async def _others_of(self, first: date, last: date) -> list[Sums]:
        """Return what every activity but the whole tells of some days."""
        told: list[Sums] = []
        for activity in tuple(self._others):
            try:
                told += [one async for *_, page in self._rest.days(activity, first, last) for one in page.told]
            except NotOfferedError, PermissionDeniedError:
                self._others.remove(activity)
        return told


def _midnight(day: date) -> datetime:
    """Return when a UTC day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def told_all(progress: Progress) -> bool:
    """Whether so many months without usage were met that nothing older is looked for."""
    oldest = progress.oldest
    if progress.reached is None or oldest is None:
        return False
    return progress.reached <= max(BEGINNING, _add_months(oldest, -EMPTY_MONTHS))


def _add_months(at: datetime, months: int) -> datetime:
    """Return the start of the month that is so many months away."""
    number = at.year * 12 + at.month - 1 + months
    return month_start(at).replace(year=number // 12, month=number % 12 + 1)


def untold(seam: datetime) -> Span:
    """Return the part of the seam's own UTC day that REST cannot tell."""
    return Span(floor(seam, DAY), seam)
