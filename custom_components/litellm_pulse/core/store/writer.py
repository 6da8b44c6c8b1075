"""When what has changed is written, and what happens when it cannot be."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from .. import windows
from ..errors import DamagedStoreError, ReadOnlyStoreError, StoreError
from ..models import ZERO, Recovery, ScrapeRow
from .connection import Store
from .database import set_aside
from .pending_writes import PendingWrites

IDLE_SECONDS = 3600
"""How long scrapes in which nothing happens wait to be written: an idle proxy costs no writes."""

BACKUP_TIME = timedelta(hours=1)
"""How long the file is left alone for a backup at most: one that was never said to have ended must not stop us."""

RETENTION_DAYS = 90
PURGE_ROWS = 500
"""Rows deleted after one scrape, so that no scrape takes long; twice as many as it writes, where those are more."""

RECENT_SCRAPES = 168
"""Scrapes kept in memory, one by one: what the history shows when the file cannot be read."""

WAITING_SCRAPES = 10_000
"""Scrapes kept for the history while the disk refuses them: a week at 60 s. Totals always wait."""


class LedgerWriter:
    """The file of a ledger, and the pending that wait to be written to it.

    `error` says why the last write failed, `recovery` that the file was lost; both are None while all is well.
    """

    def __init__(self, path: Path) -> None:
        """Open the file; raises StoreError, and its kinds for damage and newer releases."""
        self.path = path
        self.store = Store(path)
        self.pending = PendingWrites()
        self.retention_days = RETENTION_DAYS
        self.recent: deque[ScrapeRow] = deque(maxlen=RECENT_SCRAPES)
        self.error: str | None = None
        self.recovery: Recovery | None = None
        self.everything: Callable[[], PendingWrites] = PendingWrites
        """Returns the whole state, for a file that has to be begun anew."""
        self.newest = 0
        """The time of the last row of the history (see `ScrapeRow`), by which it is known."""
        self._run: ScrapeRow | None = None
        self._aside: str | None = None
        self._lost: str | None = None
        """Why the file has to be begun anew, until that is done."""
        self._written: datetime | None = None
        self._paused_at: datetime | None = None
        self._was_busy = False
        """Something had changed at the last write."""
        self._purged_day = 0

    @property
    def runs(self) -> tuple[ScrapeRow, ...]:
        """The rows of the history that the file does not have, or not yet as they are now, oldest first."""
        current = {self._run.at: self._run} if self._run else {}
        return tuple({**self.pending.scrapes, **current}.values())

    def note(self, row: ScrapeRow) -> None:
        """Take a scrape into the history; scrapes in which nothing changed become one row."""
        # Where the clock stands still or steps back, a time must not stand for two scrapes.
        at = max(row.at, self.newest + 1)
        row = replace(row, at=at, until=max(at, row.until))
        self.recent.append(row)
        run = self._run
        if run and row.increase == run.increase == ZERO and row.raw == run.raw and not row.restarted:
            row = replace(run, until=row.until, scrapes=run.scrapes + 1, in_flight_requests=row.in_flight_requests)
        self._run = self.pending.scrapes[row.at] = row
        self.newest = row.at
        while len(self.pending.scrapes) > WAITING_SCRAPES:
            del self.pending.scrapes[next(iter(self.pending.scrapes))]

    def commit(self, at: datetime, *, may_purge: bool = True) -> None:
        """Write what has changed, and at times what has not; nothing is deleted at a time that may be wrong."""
        self.pending.meta["last_scrape"] = at.timestamp()
        if self._paused_at is not None:
            if timedelta() <= at - self._paused_at < BACKUP_TIME:
                return
            self.resume()
        busy, rows = bool(self.pending), sum(map(len, self.pending.usage.values()))
        due = self._written is None or abs((at - self._written).total_seconds()) >= IDLE_SECONDS
        if busy or due or self.error or not self.store.is_in_place() or not self.store.is_usable():
            self.write(at)
            self._written = at
            if self._was_busy and not busy:
                self._settle()
            self._was_busy = busy
        if may_purge:
            self._purge(at, max(PURGE_ROWS, 2 * rows))

    def write(self, at: datetime) -> None:
        """Write all that waits in one transaction; begin the file anew where it is lost."""
        try:
            if not self.store.is_in_place():
                self._lost = self._lost or "the file was deleted"
            try:
                if self._lost is None and not self.store.is_usable():
                    self._reopen()
                self._begin_anew(at)
                self.store.write(self.pending)
            except DamagedStoreError as error:
                self._lost = str(error)
                self._begin_anew(at)
                self.store.write(self.pending)
        except StoreError as error:
            self.error = str(error)
            if isinstance(error, ReadOnlyStoreError):
                # As it was opened it stays, also once it may be written.
                self.store.close()
        else:
            self.pending, self.error = PendingWrites(), None

    def flush(self, at: datetime) -> bool:
        """Write what waits, unless the file is left alone; return whether it has all that is known now."""
        if self.paused:
            return False
        self.write(at)
        return self.error is None

    def close(self, at: datetime) -> None:
        """Write what waits, and close the file; without a scrape there is nothing that cannot be done again."""
        if self._run is not None:
            self.write(at)
        self.store.close()

    @property
    def paused(self) -> bool:
        """Whether the file is left alone, and what pending waits."""
        return self._paused_at is not None

    def pause(self, at: datetime) -> None:
        """Write what waits and let go of the file, so that a copy of it is whole; until `resume`, or for an hour."""
        self.close(at)
        self._paused_at = at

    def resume(self) -> None:
        """Write again, from the next scrape on."""
        self._paused_at = None

    def refile(self, bucket: windows.Bucket, into: windows.Bucket, at: datetime) -> float | None:
        """Bring what was filed under buckets after one into another; None where the file refuses."""
        return self._refile(at, lambda millis: self.store.refile(bucket, into, millis))

    def refile_since(self, quarter: int, zone: ZoneInfo, bucket: windows.Bucket, at: datetime) -> float | None:
        """Bring what was filed under a quarter-hour and later ones into a bucket; None where the file refuses."""
        return self._refile(at, lambda _: self.store.refile_since(quarter, zone, bucket))

    def _refile(self, at: datetime, refile: Callable[[int], float]) -> float | None:
        """Have the file bring usage elsewhere, and go on from that time, which may be long before the last scrape."""
        if not self.flush(at):
            return None
        millis = int(at.timestamp() * 1000)
        try:
            dollars = refile(millis)
            ((last,),) = self.store.rows("SELECT max(at) FROM scrapes WHERE at <= ?", (millis,))
        except StoreError as error:
            self.error = str(error)
            return None
        self.newest = int(last or 0)
        kept = [row for row in self.recent if row.at <= millis]
        self.recent.clear()
        self.recent.extend(kept)
        self._run = self._written = None
        self._purged_day = 0
        return dollars

    def _reopen(self) -> None:
        """Open the file again, with a new log.

        It was let go of for a backup, or could only be read. Or its log is gone: whoever opens and
        closes the file within this process lets go of its lock, and a program that then reads the
        file takes itself for the only one, and deletes the log.
        """
        self.store.close()
        self.store = Store(self.path)

    def _begin_anew(self, at: datetime) -> None:
        """Set a file that is lost aside and put the whole state, and the scrapes that wait, into a new one."""
        if self._lost is None:
            return
        self.store.close()
        self._aside = set_aside(self.path, stamp(at)) or self._aside
        self.store = Store(self.path)
        self.recovery = Recovery(self._lost, self._aside)
        self._lost = self._aside = None
        waiting = self.pending
        self.pending = self.everything()
        self.pending.scrapes = waiting.scrapes
        self.pending.meta |= waiting.meta | {
            "quarters_from": windows.quarter_of(at),
            "recovered_at": at.timestamp(),
            "kept_totals": True,
        }

    def _settle(self) -> None:
        """Empty the log after a busy time, whose writes it holds back: an idle day is not to pay for them."""
        try:
            self.store.checkpoint()
        except StoreError as error:
            self.error = str(error)

    def _purge(self, at: datetime, most: int) -> None:
        """Once a day delete what is older than the retention, at most so many rows after each scrape."""
        day = at.toordinal()
        if day == self._purged_day or self.error:
            return
        before = at - timedelta(days=self.retention_days)
        quarter = windows.quarter_of(before)
        try:
            if self.store.purge(int(before.timestamp() * 1000), quarter, most):
                self._purged_day = day
        except StoreError as error:
            self.error = str(error)
            self._lost = self.error if isinstance(error, DamagedStoreError) else None


def stamp(at: datetime) -> str:
    """Return a time as it stands in the name of a file."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H-%M-%S")
