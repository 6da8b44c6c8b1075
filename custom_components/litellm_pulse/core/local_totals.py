"""The totals, and the local day that their windows contain: what a later day, another zone and a wrong clock do."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from . import windows
from .clock import Tick
from .errors import StoreError
from .models import ClockJump, MemberKey, Vector, Window
from .store import LedgerWriter, loading, rezone
from .totals import Totals

type Groups = Callable[[int], Iterable[MemberKey]]
"""Returns the members whose totals an attribution adds to."""


class LocalTotals:
    """The totals of the windows that contain the local day of the last answer.

    Where time goes back, or the zone is another one, they are read off the file anew, and stay as they are while
    the file refuses.
    """

    def __init__(self, writer: LedgerWriter, now: datetime, zone: ZoneInfo, week_start: int = 0) -> None:
        """Begin with no usage."""
        self.zone = self._next_zone = zone
        self.current = Totals(windows.day_of(now, zone), week_start=week_start)
        self._writer = writer
        self._furthest_day = 0
        """The last local day that anything was filed under."""
        self._misfiled: Tick | None = None
        """What says of a wrong time, while the file refuses to let what was filed under it be brought away."""

    @property
    def week_start(self) -> int:
        """The weekday that weeks begin with, 0 for Monday."""
        return self.current.week_start

    @property
    def window_starts(self) -> Mapping[Window, datetime | None]:
        """When each window began; lifetime never did."""
        return windows.starts(self.current.day, self.zone, self.week_start)

    def day_of(self, at: datetime) -> int:
        """Return the local day that contains a time, as an ordinal."""
        return windows.day_of(at, self.zone)

    def bucket_of(self, at: datetime) -> windows.Bucket:
        """Return the bucket that a time belongs to."""
        return windows.bucket_of(at, self.zone)

    def add(self, increases: Mapping[int, Vector], groups: Groups) -> None:
        """Add an answer's increases per attribution."""
        self.current.add(increases, groups)
        if increases:
            self._furthest_day = max(self._furthest_day, self.current.day)

    def turn_to(self, tick: Tick, groups: Groups) -> ClockJump | None:
        """Have the windows contain the time of an answer; return what was filed under a wrong time, once it is not."""
        at = datetime.fromtimestamp(tick.at, UTC)
        if tick.returned_from is not None or tick.stood_since is not None:
            self._misfiled = tick
        jump = self._refile(at, self._misfiled, groups) if self._misfiled is not None else None
        self.turn_to_day(self.day_of(at), at, groups)
        return jump

    def is_filed(self, at: datetime) -> bool:
        """Whether a day or a month that begins by a time has usage already, which was filed at another time."""
        day, found = self.day_of(at), []
        month = windows.month_of(day)
        begins = month if month != windows.month_of(self.current.day) else 0
        query = "SELECT 1 FROM usage WHERE (resolution = 1 AND start = ?) OR (resolution = 2 AND start = ?) LIMIT 1"
        if day > self.current.day and self._writer.flush(at):
            with suppress(StoreError):
                found = self._writer.store.rows(query, (day, begins))
        return bool(found)

    def turn_to_day(self, day: int, at: datetime, groups: Groups) -> None:
        """Have the windows contain a day: begin those that start, or read them anew where some are there already."""
        if day == self.current.day:
            return
        if day > max(self.current.day, self._furthest_day):
            self.current.roll(day)
            return
        if self._writer.flush(at):
            try:
                self.load(day, groups)
            except StoreError as error:
                self._writer.error = str(error)

    def move(self, zone: ZoneInfo, at: datetime, groups: Groups) -> None:
        """Cut all windows in a zone, with a later answer (`catch_up`) where the file cannot be written now."""
        self._next_zone = zone
        self.catch_up(at, groups)

    def catch_up(self, at: datetime, groups: Groups) -> None:
        """Write what waits, and cut all windows in the zone that was set last, if they are not."""
        if self._next_zone.key == self.zone.key or not self._writer.flush(at):
            return
        cut_in, self.zone = self.zone, self._next_zone
        try:
            self.load(self.day_of(at), groups, cut_in.key)
        except StoreError as error:
            self.zone, self._writer.error = cut_in, str(error)

    def load(self, day: int, groups: Groups, cut_in: str | None = None) -> None:
        """Read the totals off the file, cut anew if it was cut in another zone; raises StoreError."""
        store = self._writer.store
        if cut_in not in {None, self.zone.key}:
            covered = store.rows("SELECT value FROM meta WHERE key = 'quarters_from'")
            rezone(store, self.zone, int(covered[0][0]) if covered else None)
        totals = loading.load_totals(store, day, self.week_start)
        (last,) = store.rows("SELECT max(start) FROM usage WHERE resolution = 1")[0]
        self.replace(totals, groups, furthest_day=max(day, last or 0))

    def replace(self, totals: Totals, groups: Groups, *, furthest_day: int | None = None) -> None:
        """Take totals that were read; the furthest day stays what it was where none is given."""
        totals.regroup(groups)
        self.current = totals
        if furthest_day is not None:
            self._furthest_day = furthest_day

    def _refile(self, at: datetime, tick: Tick, groups: Groups) -> ClockJump | None:
        """Bring what was filed under a wrong time to where it belongs; None where the file refuses, or it is little."""
        bucket, since = self.bucket_of(at), tick.stood_since
        if since is None:
            times = tick.followed or (tick.at, tick.at)
            into, until = (self.bucket_of(datetime.fromtimestamp(one, UTC)) for one in times)
            dollars = self._writer.refile(until, into, at)
        else:
            stood = windows.quarter_of(datetime.fromtimestamp(since, UTC))
            dollars = self._writer.refile_since(stood, self.zone, bucket, at)
        if dollars is None:
            self._furthest_day = bucket.day
            self._writer.pending.refile(bucket)
            return None
        self._misfiled = None
        self.load(bucket.day, groups)
        wrong = tick.returned_from
        return None if wrong is None else ClockJump(datetime.fromtimestamp(wrong, UTC), at, dollars)
