"""What a ledger begins with: what its file has, else what the spare copy has, else nothing."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from . import windows
from .catalog import Dimension
from .clock import LedgerClock
from .counters import Counting
from .errors import DamagedStoreError
from .insight import Budgets
from .local_totals import LocalTotals
from .models import Known, Recovery, Snapshot, Window
from .query import sql
from .store import RECENT_SCRAPES, LedgerWriter, PendingWrites, SpareCopy, load, loading, set_aside, stamp
from .totals import named, total


class Recovered(NamedTuple):
    """A file was lost and made anew."""

    at: datetime
    kept_totals: bool

    @property
    def meta(self) -> dict[str, str | float]:
        """What is written down of it."""
        return {
            "quarters_from": windows.quarter_of(self.at),
            "recovered_at": self.at.timestamp(),
            "kept_totals": self.kept_totals,
        }

    def known_since(self, zone: ZoneInfo) -> Known:
        """Return from when on usage is known one by one."""
        if not self.kept_totals:
            return Known(self.at, self.at, self.at, self.at)
        first = windows.starts(windows.day_of(self.at, zone), zone)
        quarter = windows.quarter_start(windows.quarter_of(self.at))
        return Known(quarter, first[Window.DAY], first[Window.MONTH], first[Window.YEAR])


@dataclass(slots=True, kw_only=True)
class LedgerState:
    """All that a ledger knows, and its file."""

    writer: LedgerWriter
    counting: Counting
    totals: LocalTotals
    budgets: Budgets = field(default_factory=Budgets)
    clock: LedgerClock = field(default_factory=LedgerClock)
    snapshot: Snapshot = field(default_factory=Snapshot)
    recovered: Recovered | None = None
    address: str = ""
    """Where the last answer came from; empty where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restorer:
    """Opens the file of a ledger."""

    path: Path
    now: datetime
    zone: ZoneInfo
    week_start: int
    spare_copy: SpareCopy | None
    counting: Callable[[], Counting]
    """Begins to count, with nothing known."""

    def restore(self) -> LedgerState:
        """Return what is known; what the file does not have yet waits in the writer.

        A file that is damaged is set aside. Raises NewerSchemaError for one of a newer release, and
        StoreError where it cannot be opened at all.
        """
        try:
            return self._open()
        except DamagedStoreError as error:
            lost = Recovery(str(error), set_aside(self.path, stamp(self.now)), kept_totals=False)
            return self._open(lost)

    def _open(self, lost: Recovery | None = None) -> LedgerState:
        """Return what the file has, or the spare copy where the file has nothing; raises StoreError."""
        writer = LedgerWriter(self.path)
        try:
            meta = dict(writer.store.rows("SELECT key, value FROM meta"))
            if "last_scrape" in meta:
                state = self._load_file(writer, meta)
            elif self.spare_copy or lost:
                state = self._recover(writer, lost or Recovery("the file is gone", None, kept_totals=False))
            else:
                state = self._begin(writer)
        except BaseException:
            writer.store.close()
            raise
        writer.pending.meta["zone"] = self.zone.key
        sums = state.counting.newest_sums or {}
        raw = named(total(sums.values())) if sums else {}
        state.snapshot = replace(state.snapshot, raw=raw, split_raw=sums)
        return state

    def _begin(self, writer: LedgerWriter) -> LedgerState:
        """Return what is known at first."""
        totals = LocalTotals(writer, self.now, self.zone, self.week_start)
        return LedgerState(writer=writer, counting=self.counting(), totals=totals)

    def _load_file(self, writer: LedgerWriter, meta: Mapping[str, str | float]) -> LedgerState:
        """Return what the file has; raises StoreError."""
        state, store = self._begin(writer), writer.store
        try:
            last = datetime.fromtimestamp(float(meta["last_scrape"]), UTC)
            if "clock" in meta:
                state.clock = LedgerClock.load(str(meta["clock"]))
            state.clock.latest = last.timestamp()
            state.address = str(meta.get("address", ""))
            if "recovered_at" in meta:
                at = datetime.fromtimestamp(float(meta["recovered_at"]), UTC)
                state.recovered = Recovered(at, bool(meta.get("kept_totals")))
            writer.pending.add(state.counting.load(loading.load_counting(store)))
            state.budgets.load(loading.load_budgets(store), state.counting.alive)
            day = state.totals.day_of(max(self.now, last))
            state.totals.load(day, state.counting.groups, str(meta.get("zone")))
            blocked = frozenset((Dimension(of), str(key)) for of, key in json.loads(str(meta.get("blocked", "[]"))))
            ((writer.newest,),) = store.rows("SELECT coalesce(max(at), 0) FROM scrapes")
            # The usual length of a history, which then never has to be read off the file.
            writer.recent.extend(sql.history(writer.path, RECENT_SCRAPES, (), ()))
        except (ArithmeticError, LookupError, OSError, TypeError, ValueError) as error:
            # OSError: a time that no calendar has.
            raise DamagedStoreError(f"rows contradict each other: {error!r}") from error
        state.snapshot = Snapshot(
            last_scrape=last,
            published=frozenset(str(meta.get("published", "")).split()),
            budgets=state.budgets.budgets,
            blocked=blocked,
        )
        return state

    def _recover(self, writer: LedgerWriter, lost: Recovery) -> LedgerState:
        """Return what the spare copy has, where there is one that can be read; all of it is to be written."""
        state = self._begin(writer)
        try:
            if self.spare_copy and self.spare_copy.get("last_scrape"):
                state = self._load_spare_copy(writer, self.spare_copy)
                lost = replace(lost, kept_totals=True)
        except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
            # Of another release, or damaged itself: there is nothing to begin from.
            lost = replace(lost, spare_copy_error=f"{type(error).__name__}: {error}")
        if not lost.kept_totals and lost.set_aside is None and lost.spare_copy_error is None:
            return state
        writer.recovery = lost
        # Our clock may not have been set yet.
        at = max(self.now, state.snapshot.last_scrape or self.now)
        state.recovered = Recovered(at, lost.kept_totals)
        writer.pending.meta |= state.recovered.meta
        state.totals.current.roll(state.totals.day_of(self.now))
        return state

    def _load_spare_copy(self, writer: LedgerWriter, spare_copy: SpareCopy) -> LedgerState:
        """Return what the spare copy has; raises as `load` does."""
        state = self._begin(writer)
        known, totals, last = load(spare_copy, self.week_start)
        state.counting.load(known)
        state.totals.replace(totals, state.counting.groups, furthest_day=int(totals.day))
        state.snapshot = Snapshot(last_scrape=last)
        state.clock.latest = last.timestamp()
        writer.pending = everything(state.counting, state.totals, state.budgets, state.snapshot)
        return state


def everything(counting: Counting, totals: LocalTotals, budgets: Budgets, snapshot: Snapshot) -> PendingWrites:
    """Return what writes all that is known into a new file."""
    pending = loading.everything(counting.state(), totals.current, dict(budgets.budgets))
    pending.meta |= {
        "zone": totals.zone.key,
        "published": " ".join(sorted(snapshot.published)),
        "blocked": json.dumps(sorted(snapshot.blocked)),
    }
    if snapshot.last_scrape is not None:
        pending.meta["last_scrape"] = snapshot.last_scrape.timestamp()
    return pending
