"""Which spans of time to ask for next: pure functions of what is known and what time it is.

History is asked for by halves of months, newest first. What follows is asked for again with an overlap,
because LiteLLM writes in batches, after the request has ended.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from .models import DAY, HOUR, Scope, Span, floor, half_month_start
from .progress import Progress

OVERLAP = timedelta(hours=6)
"""How far back each cycle asks again: what a proxy's queue holds back while its database is away."""
DAILY_OVERLAP = timedelta(hours=48)
WEEK = timedelta(days=7)
BY_YEARS_AFTER = timedelta(days=731)
"""What is older is asked for by years: there is less of it, or a clock was wrong and there is nothing for decades."""


class Kind(StrEnum):
    """Why a span is asked for."""

    FOLLOW = "follow"
    BACKFILL = "backfill"
    SWEEP = "sweep"
    """Everything once more, once a week."""
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Ask:
    """A span to aggregate, and what it is to the ledger."""

    kind: Kind
    scope: Scope
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the source and the ledger say of time, all aware."""

    now: datetime
    """By the source's own clock."""
    oldest: datetime | None
    """When the source's oldest row began; None where it has none."""
    seam: datetime | None = None
    """The ledger's first scrape; None where nothing is scraped: all is history."""
    gaps: Sequence[Span] = ()
    """Spans in which nothing was scraped, from the last scrape before to the first after."""
    by_halves: bool = True
    """Whether half a month costs less than everything: the time is indexed."""


def plan(progress: Progress, bounds: Bounds) -> list[Ask]:
    """Return what is to be asked for, in this order; after each answer, progress is what `Progress` says."""
    asks = [*_follow(progress, bounds), *_gaps(progress, bounds)]
    asks += _down(Kind.BACKFILL, progress.reached or bounds.now, bounds)
    if progress.sweep or (_complete(progress, bounds) and _due(progress.swept_at, bounds.now, WEEK)):
        asks += _down(Kind.SWEEP, progress.sweep or bounds.now, bounds)
    return asks


def overlap(progress: Progress, now: datetime) -> timedelta:
    """Return how far back this cycle asks."""
    return DAILY_OVERLAP if _due(progress.looked_back_at, now, DAY) else OVERLAP


def _follow(progress: Progress, bounds: Bounds) -> Iterator[Ask]:
    """Yield what came since the last cycle, whole hours, but nothing that the backfill has yet to reach."""
    if progress.through is None or progress.reached is None:
        return
    # A clock that went back (another server, a restored one) must not leave hours out.
    since = min(progress.through, bounds.now)
    start = max(floor(since, HOUR) - overlap(progress, bounds.now), progress.reached)
    for span in _halves(Span(start, bounds.now), bounds):
        yield from _scoped(Kind.FOLLOW, span, bounds.seam)


def _gaps(progress: Progress, bounds: Bounds) -> Iterator[Ask]:
    """Yield gaps that are not known yet, and those that ended so lately that rows may be missing."""
    for gap in bounds.gaps:
        told = progress.gaps.get(gap.start)
        if told is None or told < gap.end + DAILY_OVERLAP:
            yield Ask(Kind.GAP, Scope.GAP, gap)


def _down(kind: Kind, end: datetime, bounds: Bounds) -> Iterator[Ask]:
    """Yield the halves of months from a time down to the oldest row, newest first."""
    if bounds.oldest is not None:
        for span in _halves(Span(floor(bounds.oldest, HOUR), end), bounds):
            yield from _scoped(kind, span, bounds.seam)


def _halves(span: Span, bounds: Bounds) -> Iterator[Span]:
    """Yield the parts of a span by halves of UTC months, newest first: two alike are read at once."""
    end = span.end
    while span.start < end:
        start = max(_part_start(end, bounds.now), span.start) if bounds.by_halves else span.start
        yield Span(start, end)
        end = start


def _part_start(end: datetime, now: datetime) -> datetime:
    """Return where the part of a span begins that ends at a time."""
    half = half_month_start(end - timedelta.resolution)
    return half if now - end < BY_YEARS_AFTER else half.replace(month=1, day=1)


def _scoped(kind: Kind, span: Span, seam: datetime | None) -> Iterator[Ask]:
    """Yield the parts after and before the ledger's first scrape, newest first."""
    cut = span.end if seam is None else min(max(seam, span.start), span.end)
    if since := Span(cut, span.end):
        yield Ask(kind, Scope.SINCE, since)
    if before := Span(span.start, cut):
        yield Ask(kind, Scope.BEFORE, before)


def _complete(progress: Progress, bounds: Bounds) -> bool:
    """Whether the backfill has come down to the oldest row."""
    if progress.reached is None:
        return False
    return bounds.oldest is None or progress.reached <= floor(bounds.oldest, HOUR)


def _due(last: datetime | None, now: datetime, every: timedelta) -> bool:
    """Whether something is to be done again; a clock that went back makes it due."""
    return last is None or not timedelta() <= now - last < every


def halves(span: Span) -> Iterable[Span]:
    """Return a span cut in two at a full hour, newest first; itself where it is no longer than a day."""
    if span.end - span.start <= DAY:
        return (span,)
    middle = floor(span.start + (span.end - span.start) / 2, HOUR)
    return Span(middle, span.end), Span(span.start, middle)
