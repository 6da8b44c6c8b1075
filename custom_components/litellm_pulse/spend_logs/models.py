"""What a source of history tells: usage rows in spans of time, neutral of where they come from."""

import marshal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import batched, chain
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

MOST_TOLD = 50_000
"""Rows of one start that are told apart where a source tells them in no order."""
CHUNK_ROWS = 5_000
"""So many are packed together: each step with them takes a few milliseconds at most."""

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
    """What was used from one start on, packed until rows are made of it.

    Python's garbage collector looks at every row, at whom it names and at each entry of a dictionary again and again,
    and everybody waits meanwhile: 130 ms for a million. Bytes it passes by.
    """

    start: datetime
    size: int
    """How many rows these are."""
    packed: bytes
    """What was used, by what the source has of the members."""
    named: Callable[[Any], Members]
    """Makes members of that."""
    apart: bool
    requests: float
    """All together; none where they stand apart."""

    @classmethod
    def of(
        cls, start: datetime, used: dict[Any, Vector], named: Callable[[Any], Members], *, apart: bool = False
    ) -> Sums:
        """Return sums of plain keys (bytes, text, and tuples of them) -> vector, at most CHUNK_ROWS of them."""
        requests = 0.0 if apart else sum([vector[REQUESTS] or 0.0 for vector in used.values()])
        return cls(start, len(used), marshal.dumps(used), named, apart, requests)

    def rows(self) -> list[UsageRow]:
        """Return a row for each members."""
        used = marshal.loads(self.packed)  # noqa: S302  # packed here
        members = [*map(self.named, used)]
        rows = [
            UsageRow(self.start, one, values, self.apart) for one, values in zip(members, used.values(), strict=True)
        ]
        return rows if len(set(members)) == len(rows) else merged(rows)


def rows_of(told: Iterable[Sums]) -> Iterator[UsageRow]:
    """Yield a row for each of the sums; no more than a chunk of them is there at a time."""
    return chain.from_iterable(one.rows() for one in told)


def sums_of(rows: Iterable[UsageRow]) -> list[Sums]:
    """Return rows by their start and standing, those of the same members added up.

    Past MOST_TOLD of one start and standing the rest is counted together, and of what stands apart left out.
    """
    found: dict[tuple[datetime, bool], dict[tuple[str, ...], Vector]] = {}
    for row in rows:
        used = found.setdefault((row.start, row.apart), {})
        key = _plain(row.members)
        if key in used or len(used) < MOST_TOLD:
            add_to(used, key, row.values)
        elif not row.apart:
            add_to(used, (), row.values)
    return [
        Sums.of(start, dict(chunk), _members, apart=apart)
        for (start, apart), used in found.items()
        for chunk in batched(_taken(used), CHUNK_ROWS, strict=False)
    ]


def _taken[K, V](used: dict[K, V]) -> Iterator[tuple[K, V]]:
    """Yield what a dictionary has while it is emptied: of one that ends with all in it, everybody waits for the end."""
    keys = [*reversed(used)]
    while keys:
        key = keys.pop()
        yield key, used.pop(key)


def _plain(members: Members) -> tuple[str, ...]:
    """Return members as they can be packed: dimension and id in turn."""
    return tuple([part for dimension, key in members for part in (dimension.value, key)])


def _members(plain: Sequence[str]) -> Members:
    """Return members as they were before they were packed."""
    return tuple([(Dimension(plain[at]), plain[at + 1]) for at in range(0, len(plain), 2)])


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
