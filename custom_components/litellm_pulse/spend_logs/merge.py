"""How history and /metrics become one: never both. Pure rules.

Before the ledger's first scrape all is history's. From then on all is /metrics'; where nothing was
scraped, what /metrics then told in one lump is spread over the hours in which the database says it
happened. The lump's sum stays what /metrics told.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from ..core.catalog import Dimension
from .models import Members, UsageRow, Vector


def believed(known: Mapping[datetime, float], told: Mapping[datetime, float]) -> frozenset[datetime]:
    """Return the slots to replace: those with at least as many requests as are known.

    Requests are only ever added to a slot, or deleted: by LiteLLM's retention, or because an older
    database was restored. What was deleted stays known; a slot that is not told stays as it is.
    """
    return frozenset([start for start, requests in told.items() if requests >= known.get(start, 0.0)])


def spread(
    lump: Mapping[Members, Vector], told: Iterable[UsageRow], at: datetime, *, unsure: Iterable[UsageRow] = ()
) -> dict[tuple[datetime, Members], Vector]:
    """Return what /metrics told at `at` after a gap, by the quarter-hours in which it happened.

    `lump` has members and vector as /metrics told them, `told` the database's rows of the gap, `unsure`
    those that may be of the gap before it. The sum over the result is the lump, per members and metric.
    Where the database tells of no request of these members, those of all are looked at; where it tells
    of less than the lump, the rest stays at `at`; where of more, only its shares count.
    """
    shares = _Shares(lump, told, at, unsure)
    result: dict[tuple[datetime, Members], list[float | None]] = {}
    for members, vector in lump.items():
        for index, amount in enumerate(vector):
            if amount is None:
                continue
            left = amount
            for start, share in shares.of(members, index).items() if amount else ():
                _put(result, (start, members), index, amount * share, len(vector))
                left -= amount * share
            _put(result, (at, members), index, max(left, 0.0), len(vector))
    return {key: tuple(values) for key, values in result.items()}


class _Shares:
    """Which part of a lump happened in which quarter-hour, by the word of the database."""

    def __init__(
        self, lump: Mapping[Members, Vector], told: Iterable[UsageRow], at: datetime, unsure: Iterable[UsageRow]
    ) -> None:
        """Sort the rows by whose they are, and look up once whom they fit."""
        self._lump = lump
        self._at = at
        self._unsure = [row for row in unsure if not row.apart]
        self._rows: dict[Members, list[UsageRow]] = {}
        for row in told:
            if not row.apart:
                self._rows.setdefault(row.members, []).append(row)
        self._fitting = {members: frozenset([told for told in self._rows if _fits(told, members)]) for members in lump}

    def of(self, members: Members, index: int) -> dict[datetime, float]:
        """Return quarter-hour before the last -> share of one metric; they sum up to one at most.

        What is left is where /metrics told it: the rows of the last quarter-hour may be those of another gap, too.
        """
        own = self._fitting[members]
        if found := self._by_start(own, index):
            # The database may not tell some members apart that /metrics does: their lump is one.
            peers = [other for other, fitting in self._fitting.items() if not fitting.isdisjoint(own)]
        elif any(row.values[index] and _fits(row.members, members) for row in self._unsure):
            return {}
        else:
            found, peers = self._by_start(self._rows, index), list(self._lump)
        together = sum(self._lump[one][index] or 0.0 for one in peers)
        earlier = {start: value for start, value in found.items() if start < self._at}
        whole = max(together, sum(earlier.values()))
        return {start: value / whole for start, value in earlier.items()} if whole > 0 else {}

    def _by_start(self, members: Iterable[Members], index: int) -> dict[datetime, float]:
        """Return the sums of a metric per quarter-hour, those that are not zero."""
        sums: dict[datetime, float] = {}
        for one in members:
            for row in self._rows[one]:
                if value := row.values[index]:
                    sums[row.start] = sums.get(row.start, 0.0) + value
        return sums


def _fits(told: Members, counted: Members) -> bool:
    """Whether the database's members are those of /metrics, as far as both name them."""
    named: dict[Dimension, set[str]] = {}
    for dimension, key in counted:
        named.setdefault(dimension, set()).add(key)
    return all(key in named.get(dimension, {key}) for dimension, key in told)


def _put(
    result: dict[tuple[datetime, Members], list[float | None]],
    key: tuple[datetime, Members],
    index: int,
    value: float,
    size: int,
) -> None:
    """Add a value to one metric of a vector."""
    vector = result.setdefault(key, [None] * size)
    vector[index] = (vector[index] or 0.0) + value
