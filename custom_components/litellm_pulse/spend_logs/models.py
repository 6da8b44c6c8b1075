"""What a source of history tells: usage rows in spans of time, neutral of where they come from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import chain
from typing import Any

from ..core.catalog import Dimension

METRICS: tuple[str, ...] = (
    "requests",
    "failed_requests",
    "tokens",
    "input_tokens",
    "output_tokens",
    "cost",
    "cache_hits",
    "cache_misses",
    "input_cached_tokens",
    "input_cache_creation_tokens",
)
"""Friendly names, as the catalog has them, in the order of every vector of this package."""

REQUESTS = METRICS.index("requests")
COST = METRICS.index("cost")

QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

type Vector = tuple[float | None, ...]
"""One value per metric, None where the source does not know it."""

type Members = tuple[tuple[Dimension, str], ...]
"""Dimension and id of whom usage belongs to, in the order of the dimensions."""


class Scope(StrEnum):
    """What a span of time is to the ledger."""

    BEFORE = "before"
    """Before the first scrape: history, counted in full."""
    GAP = "gap"
    """Nothing was scraped: tells when the usage happened that /metrics then told in one lump."""
    SINCE = "since"
    """Followed by /metrics: compared with it, never counted."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A span of time from `start` to before `end`, both aware."""

    start: datetime
    end: datetime

    def __bool__(self) -> bool:
        """Whether any time is in it."""
        return self.start < self.end


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What some members used in a quarter-hour or, by a source that knows days only, in a UTC day."""

    start: datetime
    """When the quarter-hour or the day begins, in UTC."""
    members: Members
    values: Vector
    apart: bool = False
    """Whether the same requests are in other rows too (tags overlap): not part of any total."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What was used from one start on, in a form that costs little until rows are made of it.

    Python's garbage collector looks at each row and at whom it names again and again, at numbers once: a million
    rows would bring about that it looks at everything that Home Assistant has.
    """

    start: datetime
    used: Mapping[Any, Vector]
    """By what the source has of the members."""
    named: Callable[[Any], Members]
    """Makes members of that."""
    apart: bool = False
    requests: float = 0.0
    """All together; none where they stand apart."""

    def rows(self) -> list[UsageRow]:
        """Return a row for each members."""
        members = [*map(self.named, self.used)]
        rows = [
            UsageRow(self.start, one, values, self.apart)
            for one, values in zip(members, self.used.values(), strict=True)
        ]
        return rows if len(set(members)) == len(rows) else merged(rows)


def rows_of(told: Iterable[Sums]) -> list[UsageRow]:
    """Return sums as a row each."""
    return [*chain.from_iterable([one.rows() for one in told])]


def sums_of(rows: Iterable[UsageRow]) -> list[Sums]:
    """Return rows by their start and standing, those of the same members added up."""
    found: dict[tuple[datetime, bool], dict[Members, Vector]] = {}
    for row in rows:
        add_to(found.setdefault((row.start, row.apart), {}), row.members, row.values)
    return [
        Sums(start, used, _as_they_are, apart, 0.0 if apart else requests_of(used))
        for (start, apart), used in found.items()
    ]


def requests_of(used: Mapping[Any, Vector]) -> float:
    """Return the requests of vectors."""
    return sum([vector[REQUESTS] or 0.0 for vector in used.values()])


def _as_they_are(members: Members) -> Members:
    return members


def add(one: Vector, other: Vector) -> Vector:
    """Return the sum of two vectors; a value that one of them does not know is the other's."""
    return tuple(
        [
            right if left is None else left if right is None else left + right
            for left, right in zip(one, other, strict=True)
        ]
    )


def add_to[K](sums: dict[K, Vector], key: K, values: Vector) -> None:
    """Add a vector to the one that a key has."""
    known = sums.get(key)
    sums[key] = values if known is None else add(known, values)


def merged(rows: Iterable[UsageRow]) -> list[UsageRow]:
    """Return rows of which no two have the same start, members and standing."""
    found: dict[tuple[datetime, Members, bool], UsageRow] = {}
    for row in rows:
        key = row.start, row.members, row.apart
        known = found.get(key)
        found[key] = (
            row
            if known is None
            else UsageRow(start=row.start, members=row.members, values=add(known.values, row.values), apart=row.apart)
        )
    return list(found.values())


def requests_by_slot(told: Iterable[Sums], slot: timedelta) -> dict[datetime, float]:
    """Return how many requests each slot of time has, what stands apart left out."""
    counts: dict[datetime, float] = {}
    for one in told:
        if not one.apart:
            start = floor(one.start, slot)
            counts[start] = counts.get(start, 0.0) + one.requests
    return counts


def floor(at: datetime, step: timedelta) -> datetime:
    """Return the last full step, of the UTC day, that is not after a time."""
    at = at.astimezone(UTC)
    return at - (at - EPOCH) % step


def month_start(at: datetime) -> datetime:
    """Return when the UTC month of a time begins."""
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def half_month_start(at: datetime) -> datetime:
    """Return when the half of a UTC month begins that has a time: on its first or its sixteenth day."""
    start = month_start(at)
    middle = start.replace(day=MIDDLE_DAY)
    return middle if at >= middle else start


def members_of(pairs: Sequence[tuple[Dimension, str | None]]) -> Members:
    """Return those that name somebody; '', None, what LiteLLM writes for them and ids without end name nobody."""
    return tuple([(dimension, key) for dimension, key in pairs if key and key not in NOBODY and len(key) <= LONGEST])


MIDDLE_DAY = 16
LONGEST = 1_000
"""Characters of an id or a name: what is longer is none."""
NOBODY = frozenset({"None", "unknown", "Unassigned", "unattributed", "unknown-model-group"})
"""What LiteLLM's API writes where a column is empty; 'None' is what /metrics writes."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
