"""Spend per hour, of the last quarter of an hour: what power is to energy."""

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter

from ..catalog import COUNTER_INDEX
from ..models import ScrapeRow

RATE_MILLIS = 15 * 60 * 1000
"""Long enough for a rate that does not jump from scrape to scrape, short enough to see a runaway script."""

_COST = COUNTER_INDEX["cost"]
_HOUR_MILLIS = 3_600_000


def spend_rate(recent: Sequence[ScrapeRow]) -> float | None:
    """Return US dollars an hour over the last quarter-hour, or over the last interval where that is longer.

    What a scrape brings was spent since the one before; before there are two, the rate is unknown.
    """
    if not recent:
        return None
    since = recent[-1].at - RATE_MILLIS
    first = bisect_right(recent, since, key=attrgetter("at"))
    counted = recent[max(first, 1) :]
    if not counted:
        return None
    took = recent[-1].at - recent[max(first, 1) - 1].at
    spent = sum(row.increase[_COST] for row in counted)
    return max(0.0, spent / took * _HOUR_MILLIS) if took > 0 else None
