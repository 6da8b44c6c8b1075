"""What sources of the past have told the ledger, in its own file, apart from what /metrics told.

Before the first scrape it counts in full. Since then it says when the usage happened that /metrics told
in one lump after nobody had looked, and is compared with /metrics otherwise. Sensors never read it.
"""

# ruff: noqa: S608  # the names that are put in are the catalog's own

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import batched, chain
from operator import itemgetter
from zoneinfo import ZoneInfo

from . import windows
from .catalog import Dimension
from .counters import COMBINATION_LIMIT, MEMBER_LIMIT, MemberKeys, in_order
from .errors import StoreError
from .models import MemberKey, Vector
from .store import LedgerWriter, Store
from .store.columns import COLUMNS, MARKS, each
from .store.history_rows import CUT, Part, closed_days, cut_days, delete_rows, keep_from, kept_from

FIRST_NUMBER = -2
"""Attributions of history count down from here, those of /metrics up from 0."""

NAMED_LIMIT = 10_000
"""So many members of history are known by their names without asking the file, more than can have a device."""

type SparseVector = Sequence[float | None]
"""One value per counter of the catalog, None where the source does not know it or it is zero."""

type Lump = Mapping[int, Vector]
"""Attribution -> what /metrics told of it in one scrape."""

_SUMS = each("sum({0})")


@dataclass(frozen=True, slots=True)
class ToldRow:
    """What some members used in a quarter-hour or, in DAYS, on a day."""

    start: int
    """The number of the quarter-hour; in DAYS the day as an ordinal."""
    members: MemberKeys
    values: SparseVector
    """One value per metric of what it is part of, None where the source does not know it."""
    apart: bool = False
    """Whether the same requests are in other rows too."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a source tells of some slots of time, all that there is of each."""

    part: Part
    slots: Mapping[int, float]
    """Number of the quarter-hour that a slot begins with -> requests in it."""
    length: int
    """Quarter-hours of a slot."""
    metrics: Sequence[str]
    """The counters of the catalog that the rows have values of, in their order."""
    rows: Iterable[ToldRow]
    """Those of other slots are left out."""

    def has(self, row: ToldRow) -> bool:
        """Whether a row is of one of the slots, and somebody's where it stands apart."""
        start = (row.start - _EPOCH) * DAY_QUARTERS if self.part is Part.DAYS else row.start
        return start - start % self.length in self.slots and bool(row.members or not row.apart)


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which nothing was scraped, in Unix seconds."""

    start: float
    end: float


class History:
    """The history in the file of a ledger; belongs to the ledger's thread, and raises StoreError."""

    def __init__(self, writer: LedgerWriter) -> None:
        """Read nothing yet."""
        self._writer = writer
        self._numbered: Store | None = None
        """The file whose attributions are in `_numbers`."""
        self._numbers: dict[str, int] = {}
        """Attributions by their members as text: of many tuples the garbage collector would look at each, for good."""
        self._known: dict[Dimension, dict[str, None]] = {}
        """Whom they name: of a set the collector would look at each text, of a dictionary at its values only."""
        self._last = 0
        """The attribution that was numbered last."""

    @property
    def _store(self) -> Store:
        """The file, while it can be written."""
        if self._writer.paused:
            raise StoreError("the file is being copied for a backup")
        if self._writer.error is not None:
            raise StoreError(self._writer.error)
        return self._writer.store

    def progress(self, source: str) -> str | None:
        """Return how far a source has come, as it was written last."""
        rows = self._store.rows("SELECT told FROM history_progress WHERE source = ?", (source,))
        return str(rows[0][0]) if rows else None

    def first_scrape(self) -> datetime | None:
        """Return when /metrics was first counted, by the proxy's clock."""
        ((at,),) = self._store.rows("SELECT min(since) FROM origins")
        return datetime.fromtimestamp(at, UTC) if at is not None else None

    def requests(self, part: Part, first: int, last: int) -> dict[int, float]:
        """Return slot -> requests that are known in it, of the slots from `first` on and before `last`."""
        query = "SELECT start, requests FROM history_slots WHERE part = ? AND start >= ? AND start < ?"
        return dict(self._store.rows(query, (int(part), first, last)))

    def rows(self) -> int:
        """Return how many rows there are that count."""
        query = """SELECT count(*) FROM history LEFT JOIN meta ON meta.key = 'before_day'
            WHERE resolution = 0 OR part = 1 OR (part = 0 AND start < meta.value)"""
        ((found,),) = self._store.rows(query)
        return int(found)

    def replace(self, told: Told, zone: ZoneInfo, source: str, progress: str) -> int:
        """Write rows in place of all that their slots had, and how far their source has come, in one transaction.

        Returns how many rows were told.
        """
        days = told.part is Part.DAYS
        try:
            with self._store.atomic() as cursor:
                told = _open(cursor, told, zone)
                for start in self._known_slots(cursor, told):
                    span = (_date(start), _date(start)) if days else (start, start + told.length - 1)
                    delete_rows(cursor, told.part, *span, resolution=int(days))
                count = self._insert(cursor, told)
                cursor.executemany(
                    "INSERT OR REPLACE INTO history_slots VALUES (?, ?, ?)",
                    [(int(told.part), start, requests) for start, requests in told.slots.items()],
                )
                if told.part in CUT:
                    cut_days(cursor, told.part, _days(told.slots, told.length, zone), zone, told.metrics)
                cursor.execute("INSERT OR REPLACE INTO history_progress VALUES (?, ?)", (source, progress))
        except BaseException:
            self._numbered = None
            raise
        return count

    def purge(self, now: datetime, zone: ZoneInfo, *, complete: bool) -> None:
        """Delete quarter-hours before the first scrape that are older than the retention; their days stay.

        A day is cut from all of its quarter-hours, so nothing is deleted before an import was `complete` once.
        """
        with self._store.atomic() as cursor:
            if complete or kept_from(cursor)[1]:
                keep_from(cursor, windows.day_of(now - timedelta(days=self._writer.retention_days), zone), zone)

    def forget_days(self, first: int, last: int) -> None:
        """Let go of what is known by the UTC day within a span of quarter-hours: its hours are known now."""
        begin, end = -(-first // DAY_QUARTERS), last // DAY_QUARTERS
        with self._store.atomic() as cursor:
            delete_rows(cursor, Part.DAYS, begin + _EPOCH, end + _EPOCH - 1, resolution=1)
            cursor.execute(
                "DELETE FROM history_slots WHERE part = ? AND start >= ? AND start < ?",
                (int(Part.DAYS), begin * DAY_QUARTERS, end * DAY_QUARTERS),
            )

    def gaps(self) -> list[Gap]:
        """Return the stretches in which nothing was scraped and after which more had been used, oldest first."""
        return [Gap(*row) for row in self._store.rows("SELECT start, end FROM gaps ORDER BY end")]

    def lump(self, gap: Gap) -> tuple[Lump, Mapping[int, MemberKeys]]:
        """Return what /metrics told after a gap, and the members of each attribution."""
        vectors = each("coalesce({0}, 0.0)")
        found = self._store.rows(f"SELECT attribution, {vectors} FROM lumps WHERE gap = ?", (gap.end,))
        lump = {number: tuple(vector) for number, *vector in found}
        return lump, self._members("attribution IN (SELECT attribution FROM lumps WHERE gap = ?)", (gap.end,))

    def told(self, part: Part, first: int, last: int) -> list[ToldRow]:
        """Return what was told of the quarter-hours from `first` on and before `last`."""
        query = (
            f"SELECT attribution, start, apart, {COLUMNS} FROM history "
            "WHERE resolution = 0 AND part = ? AND start >= ? AND start < ?"
        )
        found = self._store.rows(query, (int(part), first, last))
        members = self._members("attribution <= ?", (FIRST_NUMBER,))
        return [
            ToldRow(start, members.get(number, ())[not apart :], values, bool(apart))
            for number, start, apart, *values in found
        ]

    def move(self, gap: Gap, moved: Mapping[tuple[int, int], SparseVector], zone: ZoneInfo) -> None:
        """Write by how much the usage of (quarter-hour, attribution) differs from what /metrics told after a gap.

        It takes the place of what was written of this gap before.
        """
        first, last = (windows.quarter_of(datetime.fromtimestamp(at, UTC)) for at in (gap.start, gap.end))
        with self._store.atomic() as cursor:
            cursor.execute("DELETE FROM moved WHERE gap = ?", (gap.end,))
            cursor.executemany(
                f"INSERT INTO moved VALUES (?, ?, ?, {MARKS})",
                [(gap.end, start, number, *values) for (start, number), values in moved.items()],
            )
            delete_rows(cursor, Part.MOVED, first, last)
            # Two gaps may meet within a quarter-hour.
            cursor.execute(
                f"INSERT INTO history SELECT 0, {int(Part.MOVED)}, start, attribution, 0, {_SUMS} FROM moved "
                "WHERE start BETWEEN ? AND ? GROUP BY start, attribution",
                (first, last),
            )
            cut_days(cursor, Part.MOVED, _days([first], last - first + 1, zone), zone)

    def sums(self) -> dict[MemberKey, Vector]:
        """Return member -> what it used before the first scrape, as far as it is known, of NAMED_LIMIT members.

        Those are the total, and of each dimension the same number of those that spent the most.
        """
        query = (
            f"SELECT dimension, key, {each('total({0})')} FROM history "
            "JOIN attributions USING (attribution) WHERE resolution = 1 AND part IN (0, 1) GROUP BY 1, 2 ORDER BY "
            "row_number() OVER (PARTITION BY dimension ORDER BY total(cost) DESC, total(requests) DESC) LIMIT ?"
        )
        rows = self._store.rows(query, (NAMED_LIMIT,))
        return {(Dimension(dimension), key): tuple(vector) for dimension, key, *vector in rows}

    def _known_slots(self, cursor: sqlite3.Cursor, told: Told) -> list[int]:
        """Return the slots of which something is known already, and has to go."""
        if not told.slots:
            return []
        query = "SELECT start FROM history_slots WHERE part = ? AND start BETWEEN ? AND ?"
        found = cursor.execute(query, (int(told.part), min(told.slots), max(told.slots)))
        return [start for (start,) in found if start in told.slots]

    def _insert(self, cursor: sqlite3.Cursor, told: Told) -> int:
        """Add rows; those with the same members, once the limit has made them so, become one. Returns how many."""
        self._load_numbers()
        names = told.metrics
        added = ", ".join(f"{name} = coalesce({name}, 0) + coalesce(excluded.{name}, 0)" for name in names)
        # Zeros take no room in the file where they are left out.
        marks = ", ".join(["nullif(?, 0)"] * len(names))
        resolution, part = int(told.part is Part.DAYS), int(told.part)
        count = 0
        for batch in batched(filter(told.has, told.rows), _BATCH_ROWS, strict=False):
            number = cache(partial(self._number, cursor))
            rows = [(row.start, number(row.members, row.apart), row.apart, *row.values) for row in batch]
            # In the order of the table: its pages are filled, and half as many.
            rows.sort(key=itemgetter(0, 1))
            cursor.executemany(
                f"INSERT INTO history (resolution, part, start, attribution, apart, {', '.join(names)}) "
                f"VALUES ({resolution}, {part}, ?, ?, ?, {marks}) ON CONFLICT DO UPDATE SET {added}",
                rows,
            )
            count += len(rows)
        return count

    def _load_numbers(self) -> None:
        """Read the attributions of history off the file that is open."""
        if self._numbered is self._writer.store:
            return
        named = self._members("attribution <= ?", (FIRST_NUMBER,))
        self._numbers = {_text(keys): number for number, keys in named.items()}
        self._known, self._last = {}, min([FIRST_NUMBER + 1, *named])
        for dimension, key in chain.from_iterable(named.values()):
            self._known.setdefault(dimension, {})[key] = None
        self._numbered = self._writer.store

    def _number(self, cursor: sqlite3.Cursor, members: MemberKeys, apart: bool) -> int:  # noqa: FBT001 - cached
        """Return the attribution of a row, a new one where its members are a new combination."""
        keys: MemberKeys = members if apart else (_TOTAL, *members)
        found = self._numbers.get(_text(keys))
        if found is not None:
            return found
        kept = tuple([key for key in sorted(keys, key=in_order) if self._knows(key)])
        if not apart and len(self._numbers) >= COMBINATION_LIMIT and _text(kept) not in self._numbers:
            kept = kept[:2]
        text = _text(kept)
        found = self._numbers.get(text)
        if found is None:
            self._last -= 1
            found = self._numbers[text] = self._last
            cursor.executemany("INSERT INTO attributions VALUES (?, ?, ?)", [(found, *key) for key in kept])
        # Those that are counted together can be as many as requests: they are not remembered.
        return found

    def _knows(self, key: MemberKey) -> bool:
        """Whether a member is told apart, which it is from now on where there is room."""
        known = self._known.setdefault(key[0], {})
        if key[1] not in known and len(known) < MEMBER_LIMIT:
            known[key[1]] = None
        return key[1] in known

    def _members(self, where: str, parameters: tuple[float, ...]) -> dict[int, MemberKeys]:
        """Return attribution -> its members, in order."""
        found: dict[int, list[MemberKey]] = {}
        query = f"SELECT attribution, dimension, key FROM attributions WHERE {where}"
        for number, dimension, key in self._store.rows(query, parameters):
            found.setdefault(number, []).append((Dimension(dimension), key))
        return {number: tuple(sorted(keys, key=in_order)) for number, keys in found.items()}


def _open(cursor: sqlite3.Cursor, told: Told, zone: ZoneInfo) -> Told:
    """Return what is told less the slots of days that are known, and cannot be cut anew."""
    if told.part is not Part.BEFORE or not told.slots or min(told.slots) >= kept_from(cursor)[0]:
        return told
    closed = closed_days(cursor, _days(told.slots, told.length, zone), zone)
    slots = {
        one: requests for one, requests in told.slots.items() if closed.isdisjoint(_days([one], told.length, zone))
    }
    return replace(told, slots=slots)


def _days(starts: Iterable[int], length: int, zone: ZoneInfo) -> set[int]:
    """Return the local days that spans of so many quarter-hours touch."""
    return {
        day
        for start in starts
        for day in range(*(windows.day_of(windows.quarter_start(one), zone) for one in (start, start + length - 1)))
    } | {windows.day_of(windows.quarter_start(start + length - 1), zone) for start in starts}


def _text(keys: MemberKeys) -> str:
    """Return what stands for some members, and for no others: a NUL is in no text that PostgreSQL knows."""
    return "\0".join([part for key in keys for part in key])


_TOTAL: MemberKey = (Dimension.TOTAL, "")
_BATCH_ROWS = 5_000
"""So many are made, written and gone at once: Python holds everybody for as long as it lets go of a list."""
DAY_QUARTERS = 96
"""Quarter-hours of a UTC day."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).toordinal()


def _date(quarter: int) -> int:
    """Return the UTC day of a quarter-hour, as an ordinal."""
    return quarter // DAY_QUARTERS + _EPOCH
