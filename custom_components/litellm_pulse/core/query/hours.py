"""Usage by the hour, which hours are known, and what became of them: the ledger's side of statistics.

An hour begins where the clocks of the zone show a full one, and is told by the UTC second at which
that is: in zones that differ from UTC by half an hour, no other hours add up to local days.
"""

# ruff: noqa: S608  # the names that are put in are the catalog's own

import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import add
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from .. import windows
from ..models import MemberKey
from ..store import reading
from ..store.columns import COLUMNS, each
from ..store.writer import RETENTION_DAYS
from ..windows import QUARTER_SECONDS, UNSEEN_AFTER, Resolution

HOUR_SECONDS = 3600
_QUARTERS = HOUR_SECONDS // QUARTER_SECONDS

type Digest = tuple[float, ...]
"""Changes with the usage of an hour, also where it only goes from one member to another."""

type Amounts = tuple[float, ...]
"""Usage, in the order of the counters that were asked for."""

_MOVED = f"restarted OR coalesce({COLUMNS}) IS NOT NULL"
_DIGEST = each("total({0} * (attribution + 1))")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownHours:
    """The hours that are over, and of which the ledger knows what was used."""

    digests: Mapping[int, Digest]
    """Hour -> digest, in order. An hour in which nobody looked, and after which more was used, is missing."""
    end: int
    """When the hour begins that is not over."""
    first_day: int
    """The local day from which on each day's usage is known, as an ordinal."""

    def changed_since(self, before: KnownHours) -> int | None:
        """Return the first hour that is new, different or known no more; None where there is none."""
        if not self.digests:
            return None
        first = next(iter(self.digests))
        hours = self.digests.keys() | {hour for hour in before.digests if hour >= first}
        return min((one for one in hours if self.digests.get(one) != before.digests.get(one)), default=None)


@dataclass(frozen=True, slots=True)
class Selection:
    """Whose usage is asked for, and of which counters."""

    members: Collection[MemberKey]
    counters: Sequence[str]


type UsageByNumber = Mapping[MemberKey, Mapping[int, Amounts]]
"""Member -> hour, or local day as an ordinal -> what was used; without those in which nothing was."""


def start_of_hour(at: int, zone: ZoneInfo) -> int:
    """Return when the local hour began that contains a moment; both are UTC seconds."""
    offset = datetime.fromtimestamp(at, zone).utcoffset() or timedelta()
    return at - (at + int(offset.total_seconds())) % HOUR_SECONDS


def known_hours(path: Path, *, now: datetime, zone: ZoneInfo, last_scrape: datetime) -> KnownHours:
    """Return the hours that are known; raises StoreError."""
    with reading(path) as connection:
        first, first_day = _known_from(connection, now, zone)
        end = start_of_hour(int(now.timestamp()), zone)
        used = _digests(connection, first, end, zone)
        unseen = _unseen(connection, first, int(last_scrape.timestamp() * 1000))
    found: dict[int, Digest] = {}
    for hour in _hours(first, end, zone):
        while len(unseen) > 1 and unseen[0][1] < (hour + HOUR_SECONDS) * 1000:
            unseen.pop(0)
        if hour in used or not (unseen[0][0] < hour * 1000 and (hour + HOUR_SECONDS) * 1000 <= unseen[0][1]):
            found[hour] = used.get(hour, ())
    return KnownHours(digests=found, end=end, first_day=first_day)


def hourly_usage(path: Path, selection: Selection, *, first: int, end: int, zone: ZoneInfo) -> UsageByNumber:
    """Return what was used in each of the hours from `first` on and before `end`; raises StoreError."""
    found: defaultdict[MemberKey, dict[int, Amounts]] = defaultdict(dict)
    with reading(path) as connection:
        for begin, stop, shift in _spans(first, end, zone):
            rows = _usage(connection, selection, (Resolution.QUARTER, begin, stop), _hour(shift))
            for number, dimension, key, *amounts in rows:
                _add(found[dimension, key], number * QUARTER_SECONDS, amounts)
    return found


def usage_before(path: Path, selection: Selection, *, hour: int, first_day: int, zone: ZoneInfo) -> UsageByNumber:
    """Return what was used before an hour, by local day from `first_day` on; raises StoreError."""
    found: defaultdict[MemberKey, dict[int, Amounts]] = defaultdict(dict)
    day = windows.day_of(datetime.fromtimestamp(hour, zone), zone)
    midnight = windows.quarter_of(windows.start_of_day(day + 1, zone))
    with reading(path) as connection:
        rows = _usage(connection, selection, (Resolution.DAY, first_day, day + 1), "start")
        for number, dimension, key, *amounts in rows:
            _add(found[dimension, key], number, amounts)
        # Of the hour's own day, less what was used from it on.
        rows = _usage(connection, selection, (Resolution.QUARTER, hour // QUARTER_SECONDS, midnight), str(day))
        for number, dimension, key, *amounts in rows:
            if number in found[dimension, key]:
                _add(found[dimension, key], number, [-amount for amount in amounts])
    return found


def _known_from(connection: sqlite3.Connection, now: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """Return the first hour and the first local day of which all usage is known, as far as the ledger goes back.

    Quarter-hours that are older than the retention are deleted, one by one. After a lost file, what
    was used before is known in sums only.
    """
    edge = start_of_hour(int((now - timedelta(days=RETENTION_DAYS)).timestamp()), zone) + HOUR_SECONDS
    (quarter,) = connection.execute("SELECT max(value) FROM meta WHERE key = 'quarters_from'").fetchone()
    lost = start_of_hour(int(quarter or 0) * QUARTER_SECONDS, zone)
    if lost < edge:
        return edge, 0
    return lost, windows.day_of(datetime.fromtimestamp(lost, zone), zone) + 1


def _digests(connection: sqlite3.Connection, first: int, end: int, zone: ZoneInfo) -> dict[int, Digest]:
    """Return the digest of each hour in which anything was used."""
    found: dict[int, Digest] = {}
    for begin, stop, shift in _spans(first, end, zone):
        for table in ("posted", "unposted", "past"):
            statement = (
                f"SELECT {_hour(shift)} AS number, {_DIGEST} FROM {table} "
                "WHERE resolution = 0 AND start >= ? AND start < ? GROUP BY number"
            )
            for number, *amounts in connection.execute(statement, (begin, stop)):
                _add(found, number * QUARTER_SECONDS, amounts)
    return found


def _unseen(connection: sqlite3.Connection, first: int, last_scrape: int) -> list[tuple[int, int]]:
    """Return from when to when nobody looked, though more was used meanwhile, in UTC milliseconds and in order.

    That is so before the first scrape and after the last one. Where a scrape finds everything as
    the one before it left it, nothing was used between the two, however long that was.
    """
    (begun,) = connection.execute("SELECT min(at) FROM scrapes").fetchone()
    (told,) = connection.execute("SELECT min(start) FROM history WHERE resolution = 0 AND part = 0").fetchone()
    if told is not None:
        # A source told what was used from then on.
        begun = min(begun or 1 << 62, told * QUARTER_SECONDS * 1000)
    statement = (
        f"SELECT before, at FROM (SELECT at, {_MOVED} AS moved, lag(until) OVER (ORDER BY at) AS before "
        "FROM scrapes WHERE until >= ?) WHERE moved AND at - before > ? ORDER BY at"
    )
    gaps = connection.execute(
        statement, ((first - HOUR_SECONDS) * 1000, UNSEEN_AFTER.total_seconds() * 1000)
    ).fetchall()
    return [(-1, begun if begun is not None else 1 << 62), *gaps, (last_scrape, 1 << 62)]


def _usage(
    connection: sqlite3.Connection, selection: Selection, rows: tuple[Resolution, int, int], number: str
) -> Iterator[tuple[Any, ...]]:
    """Yield number, dimension, id and amounts.

    `rows` are a resolution, the first start and the one after the last; `number` is SQL that makes a
    number of a start.
    """
    sums = ", ".join(f"total({name})" for name in selection.counters)
    wanted = json.dumps([list(member) for member in selection.members])
    for table in ("posted", "unposted", "past"):
        yield from connection.execute(
            # Once for all rows, not once for each.
            "WITH parts AS MATERIALIZED (SELECT attribution, dimension, attributions.key FROM json_each(?) AS wanted "
            "JOIN attributions ON dimension = wanted.value ->> 0 AND attributions.key = wanted.value ->> 1) "
            f"SELECT {number} AS number, dimension, key, {sums} FROM {table} JOIN parts USING (attribution) "
            "WHERE resolution = ? AND start >= ? AND start < ? GROUP BY number, dimension, key",
            (wanted, *map(int, rows)),
        )


def _hour(shift: int) -> str:
    """Return SQL for the first quarter-hour of the hour that a quarter-hour belongs to."""
    return f"(start + {shift}) / {_QUARTERS} * {_QUARTERS} - {shift}"


def _hours(first: int, end: int, zone: ZoneInfo) -> Iterator[int]:
    """Yield the hours that begin from `first` on and before `end`."""
    for begin, stop, shift in _spans(first, end, zone):
        for quarter in range(begin, stop):
            if quarter == begin or (quarter + shift) % _QUARTERS == 0:
                yield ((quarter + shift) // _QUARTERS * _QUARTERS - shift) * QUARTER_SECONDS


def _spans(first: int, end: int, zone: ZoneInfo) -> Iterator[tuple[int, int, int]]:
    """Yield ranges of quarter-hours in which hours begin alike: first, the one after the last, and the shift.

    Where a quarter-hour begins an hour, its number and the shift are a multiple of four.
    """
    begin, stop = first // QUARTER_SECONDS, end // QUARTER_SECONDS
    shift = _shift(begin, zone)
    for quarter in range(begin + 1, stop):
        other = _shift(quarter, zone)
        if other != shift:
            yield begin, quarter, shift
            begin, shift = quarter, other
    if begin < stop:
        yield begin, stop, shift


def _shift(quarter: int, zone: ZoneInfo) -> int:
    """Return how many quarter-hours the zone is ahead of UTC, less whole hours."""
    offset = windows.quarter_start(quarter).astimezone(zone).utcoffset() or timedelta()
    return int(offset.total_seconds()) // QUARTER_SECONDS % _QUARTERS


def _add(sums: dict[int, tuple[float, ...]], number: int, amounts: Sequence[float]) -> None:
    """Add amounts to those of a number."""
    known = sums.get(number)
    sums[number] = tuple(amounts) if known is None else tuple(map(add, known, amounts, strict=True))
