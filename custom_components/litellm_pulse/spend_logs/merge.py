"""How history and /metrics become one: never both. Pure rules.

Before the ledger's first scrape all is history's. From then on all is /metrics'; where nothing was
scraped, what /metrics then told in one lump is spread over the hours in which the database says it
happened. The lump's sum stays what /metrics told.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from ..core.catalog import Dimension
from .models import Members, UsageRow, Vector, add_to


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
    """Which part of a lump happened in which quarter-hour, by the word of the database.

    Those whom the same rows fit share them: what is worked out grows with members and rows, not with their product.
    """

    def __init__(
        self, lump: Mapping[Members, Vector], told: Iterable[UsageRow], at: datetime, unsure: Iterable[UsageRow]
    ) -> None:
        """Sort the rows by whose they are, and look up once whom they fit."""
        self._at = at
        self._rows, self._unsure = _by_members(told), _by_members(unsure)
        fitting, self._unsure_fitting = _Fitting(self._rows), _Fitting(self._unsure)
        self._own = {members: fitting.of(members) for members in lump}
        self._lumps: dict[frozenset[Members], Vector] = {}
        """What was told at once, by the rows that fit."""
        for members, own in self._own.items():
            add_to(self._lumps, own, lump[members])
        self._sharing: dict[Members, list[frozenset[Members]]] = {}
        for own in self._lumps:
            for one in own:
                self._sharing.setdefault(one, []).append(own)
        self._known: dict[tuple[frozenset[Members] | None, int], dict[datetime, float] | None] = {}

    def of(self, members: Members, index: int) -> Mapping[datetime, float]:
        """Return quarter-hour before the last -> share of one metric; they sum up to one at most.

        What is left is where /metrics told it: the rows of the last quarter-hour may be those of another gap, too.
        """
        shares = self._shares(self._own[members], index)
        if shares is None and not self._may_be_before(members, index):
            shares = self._shares(None, index)
        return shares or {}

    def _may_be_before(self, members: Members, index: int) -> bool:
        """Whether rows that may be of the gap before tell of some members."""
        return any(row.values[index] for one in self._unsure_fitting.of(members) for row in self._unsure[one])

    def _shares(self, own: frozenset[Members] | None, index: int) -> dict[datetime, float] | None:
        """Return the shares by the rows of some, or of all; None where these tell nothing."""
        if (own, index) not in self._known:
            found = self._by_start(self._rows if own is None else own, index)
            self._known[own, index] = self._parts(found, own, index) if found else None
        return self._known[own, index]

    def _parts(
        self, found: Mapping[datetime, float], own: frozenset[Members] | None, index: int
    ) -> dict[datetime, float]:
        """Return which part of what was told at once each quarter-hour has."""
        # The database may not tell some members apart that /metrics does: their lump is one.
        peers = self._lumps if own is None else dict.fromkeys(peer for one in own for peer in self._sharing[one])
        together = sum(self._lumps[one][index] or 0.0 for one in peers)
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


type _Dimensions = tuple[Dimension, ...]


class _Fitting:
    """Finds whom of the database's members those of /metrics may be, without a look at all of them for each."""

    def __init__(self, told: Iterable[Members]) -> None:
        """Sort them by the dimensions of which they name one member."""
        self._alike: dict[_Dimensions, list[tuple[Members, dict[Dimension, str]]]] = {}
        self._several: set[Dimension] = set()
        """Dimensions of which some name several."""
        for members in told:
            once = _named_once(members)
            self._alike.setdefault(tuple(once), []).append((members, once))
            self._several.update(dimension for dimension, _ in members if dimension not in once)
        self._indices: dict[_Dimensions, dict[_Dimensions, dict[tuple[str, ...], list[Members]]]] = {}
        self._known: dict[object, frozenset[Members]] = {}

    def of(self, counted: Members) -> frozenset[Members]:
        """Return those that fit; the same object for those that nothing here tells apart."""
        once = _named_once(counted)
        commons = [tuple([one for one in dimensions if one in once]) for dimensions in self._alike]
        wanted = [tuple([once[one] for one in common]) for common in commons]
        others = [key for key in counted if key[0] in self._several or key[0] not in once]
        same = *commons, *wanted, *others
        if same not in self._known:
            found = [
                one
                for dimensions, common, keys in zip(self._alike, commons, wanted, strict=True)
                for one in self._index(dimensions, common).get(keys, ())
                if _fits(one, counted)
            ]
            self._known[same] = frozenset(found)
        return self._known[same]

    def _index(self, dimensions: _Dimensions, common: _Dimensions) -> Mapping[tuple[str, ...], list[Members]]:
        """Return those that name these dimensions by what some of them are."""
        known = self._indices.setdefault(dimensions, {})
        if common not in known:
            known[common] = {}
            for members, once in self._alike[dimensions]:
                known[common].setdefault(tuple([once[one] for one in common]), []).append(members)
        return known[common]


def _by_members(rows: Iterable[UsageRow]) -> dict[Members, list[UsageRow]]:
    """Return rows by whose they are; those that stand apart are part of others."""
    found: dict[Members, list[UsageRow]] = {}
    for row in rows:
        if not row.apart:
            found.setdefault(row.members, []).append(row)
    return found


def _named_once(members: Members) -> dict[Dimension, str]:
    """Return the members that are the only ones of their dimension."""
    many = Counter(dimension for dimension, _ in members)
    return {dimension: key for dimension, key in members if many[dimension] == 1}


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
