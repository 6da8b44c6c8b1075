"""Stretches in which nobody looked: what a scrape finds after one was spent somewhere within it."""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from operator import attrgetter

from ..catalog import COUNTER_INDEX
from ..models import ScrapeRow
from ..windows import LUMP_AFTER, UNSEEN_AFTER

_COST = COUNTER_INDEX["cost"]


@dataclass(frozen=True, slots=True)
class GapSpend:
    """From the last scrape before to the first one after, in UTC milliseconds, and what that one brought in dollars."""

    begin: int
    end: int
    cost: float

    def within(self, begin: datetime, end: datetime) -> float:
        """Return the dollars that are taken to have been spent in a stretch of time: evenly all along the gap."""
        first, last = (int(one.timestamp() * 1000) for one in (begin, end))
        return self.cost * max(0, min(last, self.end) - max(first, self.begin)) / (self.end - self.begin)

    def overlaps(self, begin: datetime, end: datetime) -> bool:
        """Whether a stretch of time was not seen whole, or has what a scrape found after one."""
        return self.begin < end.timestamp() * 1000 and begin.timestamp() * 1000 <= self.end

    def filed(self, begin: datetime, end: datetime) -> float:
        """Return the dollars that were filed under a stretch of time: all of them where the gap ended."""
        return self.cost if begin.timestamp() * 1000 <= self.end < end.timestamp() * 1000 else 0.0


def read_gaps(connection: sqlite3.Connection, since: datetime, longer_than: timedelta = UNSEEN_AFTER) -> list[GapSpend]:
    """Return the gaps that ended since then, after which there was anything to count."""
    statement = (
        "SELECT before, at, cost FROM (SELECT at, cost, lag(until) OVER (ORDER BY at) AS before FROM scrapes) "
        "WHERE at >= ? AND at - before > ? AND cost > 0"
    )
    rows = connection.execute(statement, (int(since.timestamp() * 1000), _millis(longer_than)))
    return [GapSpend(*row) for row in rows.fetchall()]


def gaps_of(recent: Sequence[ScrapeRow], after: int) -> Iterator[GapSpend]:
    """Yield the gaps that scrapes ended after a time in UTC milliseconds, those within an hour, too."""
    first = bisect_right(recent, after, key=attrgetter("at"))
    for before, row in pairwise(recent[max(first - 1, 0) :]):
        if row.at - before.until > _millis(LUMP_AFTER) and row.increase[_COST] > 0:
            yield GapSpend(before.until, row.at, row.increase[_COST])


def spread(filed: float, gaps: Iterable[GapSpend], begin: datetime, end: datetime) -> float:
    """Return the dollars of a stretch of time, of which `filed` were filed there, with those after gaps spread."""
    return max(0.0, filed + sum(gap.within(begin, end) - gap.filed(begin, end) for gap in gaps))


def _millis(passed: timedelta) -> int:
    """Return a stretch of time in milliseconds."""
    return int(passed.total_seconds() * 1000)
