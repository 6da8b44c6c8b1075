"""Statistics in the recorder's database: rows are compared with those that are there, and only what differs is written.

Home Assistant's own import asks the database about each row by itself: 1.5 ms a row, two minutes of
the recorder's thread for what is read, compared and written here in two seconds. So the task is one
of our own; the recorder runs it on its thread, between its others.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import batched, chain
from math import inf, isclose, nextafter
from typing import TYPE_CHECKING, Final, NamedTuple, cast, override
from zoneinfo import ZoneInfo

from homeassistant.components.recorder.db_schema import Statistics
from homeassistant.components.recorder.models import StatisticMetaData
from homeassistant.components.recorder.statistics import clear_statistics
from homeassistant.components.recorder.tasks import RecorderTask
from homeassistant.components.recorder.util import retryable_database_job
from homeassistant.helpers.recorder import session_scope
from sqlalchemy import Table, bindparam, delete, insert, select, update

from .const import DOMAIN
from .core import windows
from .core.query.hours import HOUR_SECONDS

if TYPE_CHECKING:
    from homeassistant.components.recorder.core import Recorder
    from sqlalchemy.orm import Session

_TABLE: Final = cast(Table, Statistics.__table__)
_ROW: Final = _TABLE.c
_ROWS: Final = select(_ROW.id, _ROW.start_ts, _ROW.state, _ROW.sum).where(_ROW.metadata_id == bindparam("number"))
_BEFORE: Final = _ROWS.where(_ROW.start_ts < bindparam("first")).order_by(_ROW.start_ts.desc())
_BETWEEN: Final = _ROWS.where(_ROW.start_ts >= bindparam("first"), _ROW.start_ts <= bindparam("last"))

_PIECE: Final = 500
"""Rows that are read, compared and written at once: fewer objects than make the garbage collector run."""


class Row(NamedTuple):
    """One row of a statistic."""

    start: float
    """UTC seconds."""
    state: float | None
    """What was used in the hour; None where the row stands for more than its hour."""
    sum: float
    """What was used up to the end of the hour."""


class Day(NamedTuple):
    """What was used on a local day, or on its part before the first known hour."""

    begin: float
    end: float
    amount: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What the rows of a statistic are to be."""

    metadata: StatisticMetaData
    hours: Mapping[int, float]
    """Hour -> what was used; nothing in those left out."""
    begun: bool
    """Whether it has a row for every hour that is known, also before its first usage."""
    days: Sequence[Day] = ()
    """The days before the first hour on which anything was used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The part of the statistics that is to be made like the ledger."""

    first: int
    """When it begins, in UTC seconds."""
    hours: Sequence[int]
    """Its hours, as far as they are known, in order."""
    previous: int | None
    """The known hour before it, which must be there; None where it begins with the first that is known."""
    zone: ZoneInfo
    first_day: int
    """The local day from which on days are known, as an ordinal."""
    from_days: bool = False
    """Whether the days before it are compared, too; else they are written where there is nothing."""

    @property
    def days_from(self) -> float:
        """When the first known day begins, in UTC seconds."""
        return windows.start_of_day(self.first_day, self.zone).timestamp() if self.first_day else 0.0


class Outcome(Enum):
    """What became of a task."""

    WRITTEN = auto()
    LACKING = auto()
    """What comes before is not there; nothing is wrong with the database."""
    FAILED = auto()


@dataclass(slots=True)
class WriteStatisticsTask(RecorderTask):
    """Makes statistics like the ledger, in one transaction."""

    part: Range
    updates: Sequence[Update]
    on_done: Callable[[Outcome], object]
    outcome: Outcome = Outcome.FAILED

    @override
    def run(self, instance: Recorder) -> None:
        """Compare and write; on the recorder's thread."""
        try:
            finished = _write(instance, self)
        except BaseException:
            self.on_done(Outcome.FAILED)
            raise
        if finished:
            self.updates = ()
            self.on_done(self.outcome)
        else:
            instance.queue_task(self)


@dataclass(slots=True)
class ClearStatisticsTask(RecorderTask):
    """Removes the statistics whose ids begin with one of some texts, also those that were waiting to be written."""

    prefixes: tuple[str, ...]

    @override
    def run(self, instance: Recorder) -> None:
        """Find and remove them; on the recorder's thread."""
        with session_scope(session=instance.get_session(), read_only=True) as session:
            known = instance.statistics_meta_manager.get_many(session, statistic_source=DOMAIN)
        if found := [one for one in known if one.startswith(self.prefixes)]:
            clear_statistics(instance, found)


def hourly(hours: Sequence[int], used: Mapping[int, float], base: float, *, begun: bool) -> Iterator[Row]:
    """Yield a row for each hour; until the statistic has `begun`, from its first usage on."""
    for hour in hours:
        amount = used.get(hour, 0.0)
        begun = begun or amount > 0
        if begun:
            base += amount
            yield Row(hour, amount, base)


def daily(rows: Sequence[Row], days: Sequence[Day], first: float) -> Iterator[Row]:
    """Yield the rows before the first known hour: those that there are where they add up to the day, else one a day.

    What a day's only row tells is true: so much had been used when the day was over. Rows from before
    `first` are kept as they are.
    """
    last = 0.0
    for row in rows:
        if row.start < first:
            last = row.sum
            yield row
    base = last
    older = [(row, row.sum - before) for row, before in zip(rows, [0.0, *(row.sum for row in rows)], strict=False)]
    left = deque((row, amount) for row, amount in older if row.start >= first)
    for day in [*days, Day(inf, inf, 0.0)]:
        idle = [row for row, amount in _taken(left, day.begin) if isclose(amount, 0.0, abs_tol=1e-9)]
        yield from (row._replace(sum=base) for row in idle)
        there = list(_taken(left, day.end))
        if isclose(sum(amount for _, amount in there), day.amount, rel_tol=1e-9, abs_tol=1e-9):
            for row, amount in there:
                base += amount
                yield row._replace(sum=base)
        else:
            base += day.amount
            yield Row(day.end - HOUR_SECONDS, None, base)


def _taken(rows: deque[tuple[Row, float]], end: float) -> Iterator[tuple[Row, float]]:
    """Take the rows that begin before a moment, and yield them."""
    while rows and rows[0][0].start < end:
        yield rows.popleft()


@retryable_database_job("statistics")
def _write(instance: Recorder, task: WriteStatisticsTask) -> bool:
    """Write, and note the outcome; False where it has to be tried again."""
    with session_scope(session=instance.get_session()) as session:
        manager = instance.statistics_meta_manager
        known = manager.get_many(session, statistic_ids={one.metadata["statistic_id"] for one in task.updates})
        whole = True
        for one in task.updates:
            if one.metadata["statistic_id"] not in known and not (task.part.hours or one.days):
                # What has a name is taken for something to show, and no hour is over yet.
                continue
            _, number = manager.update_or_add(session, one.metadata, known)
            whole &= _mirror(session, number, one, task.part)
    task.outcome = Outcome.WRITTEN if whole else Outcome.LACKING
    return True


def _mirror(session: Session, number: int, one: Update, part: Range) -> bool:
    """Make a statistic like the ledger; False where it lacks what comes before."""
    before = _rows_before(session, number, part.first, limit=None if part.from_days else 1)
    last = before[-1][1] if before else None
    if part.previous is not None and (last is None or last.start != part.previous) and (last or one.hours or one.begun):
        return False
    older: list[Row] = []
    if part.from_days or (last is None and one.days):
        older = list(daily([row for _, row in before], one.days, part.days_from))
        last = older[-1] if older else None
    newer = hourly(part.hours, one.hours, last.sum if last else 0.0, begun=one.begun or last is not None)
    _replace(session, number, -inf if part.from_days else part.first, chain(older, newer))
    return True


def _rows_before(session: Session, number: int, first: float, limit: int | None) -> list[tuple[int, Row]]:
    """Return the last rows before a moment with their ids, in order."""
    found = session.connection().execute(_BEFORE.limit(limit), {"number": number, "first": first}).all()
    return [(key, Row(*row)) for key, *row in reversed(found)]


def _rows_between(session: Session, number: int, first: float, last: float) -> dict[float, tuple[int, Row]]:
    """Return start -> id and row, of those from a moment on and up to another, that included."""
    found = session.connection().execute(_BETWEEN, {"number": number, "first": first, "last": last})
    return {start: (key, Row(start, state, used)) for key, start, state, used in found}


def _replace(session: Session, number: int, first: float, wanted: Iterable[Row]) -> None:
    """Turn the rows from a moment on into those that are wanted, which come in order.

    By the piece: Python's garbage collector, which holds the event loop too, looks through everything
    once there are enough new objects that stay.
    """
    for rows in batched(wanted, _PIECE, strict=False):
        _replace_piece(session, number, _rows_between(session, number, first, rows[-1].start), rows)
        first = nextafter(rows[-1].start, inf)
    session.execute(delete(_TABLE).where(_ROW.metadata_id == number, _ROW.start_ts >= first))


def _replace_piece(session: Session, number: int, there: dict[float, tuple[int, Row]], wanted: Iterable[Row]) -> None:
    """Turn the rows that there are into those that are wanted, with as few writes as that takes."""
    now = time.time()
    new, changed = [], []
    for row in wanted:
        key, known = there.pop(row.start, (0, None))
        if known is None:
            new.append(
                {"metadata_id": number, "created_ts": now, "start_ts": row.start, "state": row.state, "sum": row.sum}
            )
        elif not _alike(known, row):
            changed.append({"id": key, "state": row.state, "sum": row.sum})
    if new:
        # Past SQLAlchemy's objects, which take as long again as the database does.
        session.execute(insert(_TABLE), new)
    if changed:
        session.execute(update(Statistics), changed)
    if there:
        session.execute(delete(_TABLE).where(_ROW.id.in_([key for key, _ in there.values()])))


def _alike(one: Row, other: Row) -> bool:
    """Whether two rows say the same; sums of floats, added up from elsewhere on, err in the last digits."""
    return isclose(one.sum, other.sum, rel_tol=1e-12, abs_tol=1e-9) and (
        one.state == other.state
        or (one.state is not None and other.state is not None and isclose(one.state, other.state, abs_tol=1e-9))
    )
