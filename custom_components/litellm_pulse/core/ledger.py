"""The ledger: the one place where state pending, from a body to the next snapshot.

It belongs to one worker thread, which calls every method but `spare copy`; a snapshot can be read from
any thread. The counters of the proxy are its log: whatever could not be written down, or happened
while nobody looked, the next answer makes up for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from . import catalog, windows
from .counters import Delta, PendingWrites, Tracker
from .errors import DamagedStoreError, StoreError
from .exposition import Exposition, ExpositionParser
from .insight import Budgets, deployment_health, live_gauges
from .models import ZERO, Member, Recovery, Report, ScrapeRow, Snapshot, Vector
from .query import sql
from .store import RECENT_SCRAPES, LedgerWriter, SpareCopy, State, dump, load, loading, rezone, set_aside, stamp
from .totals import Totals, plus

_EPOCH = datetime.fromtimestamp(0, UTC)


class Ledger:
    """Exact usage of one proxy."""

    def __init__(self, path: Path, now: datetime, zone: ZoneInfo, tracker: Tracker, week_start: int = 0) -> None:
        """Open the file without loading it; use `open`."""
        self.snapshot = Snapshot()
        self._zone = self._next_zone = zone
        self._tracker = tracker
        self._week_start = week_start
        self._totals = Totals(windows.day_of(now, zone), week_start=week_start)
        self._writer = LedgerWriter(path, self._everything)
        self._budgets = Budgets(self._name)
        self._raw: dict[int, Mapping[int, Vector]] = {}
        self._opened_at = now
        self._tidied_day = 0
        self._latest = _EPOCH
        """The time up to which windows have rolled over; it never runs backwards."""

    @classmethod
    def open(  # noqa: PLR0913 - all of it but the first two is optional
        cls,
        path: Path,
        *,
        now: datetime,
        zone: ZoneInfo,
        spare_copy: SpareCopy | None = None,
        overrides: Mapping[str, str] | None = None,
        week_start: int = 0,
        retention_days: int | None = None,
    ) -> Self:
        """Open the ledger of a file, or begin one.

        A file that is damaged is set aside under a dated name; it, or one that is gone, is made
        anew from the spare copy, which then shows in `snapshot.recovery`. `overrides` maps friendly
        metrics to other families, a week begins on `week_start` (0 for Monday), quarter-hours are
        kept for `retention_days`. Raises NewerSchemaError for a file of a newer release, and
        StoreError where the file cannot be opened at all.
        """
        metrics, gauges = catalog.counters(overrides or {}), catalog.gauges(overrides or {})
        try:
            ledger = cls(path, now, zone, Tracker(metrics, gauges), week_start)
            ledger._load(now, spare_copy)
        except DamagedStoreError as error:
            recovery = Recovery(str(error), set_aside(path, stamp(now)))
            ledger = cls(path, now, zone, Tracker(metrics, gauges), week_start)
            ledger._load(now, spare_copy)
            ledger._writer.recovery = recovery
        if retention_days is not None:
            ledger._writer.retention_days = retention_days
        ledger._publish(ledger.snapshot)
        return ledger

    def close(self) -> None:
        """Write what waits to be written, and close the file."""
        self._writer.close(self.snapshot.last_scrape or self._opened_at)

    def scrape(
        self, exposition: Exposition, *, now: datetime, answered_at: datetime | None, part: bool = False
    ) -> Snapshot:
        """Count one answer of the proxy, write it down and return what is now known.

        `answered_at` is the proxy's clock, its `Date` header; `part` says that only `families` were
        asked for. Raises TruncatedAnswerError, with nothing changed, for an answer that lacks what
        its process published before. A file that cannot be written is no error: the snapshot says
        so, and what was not written is written with the next scrape.
        """
        if part:
            exposition = self._tracker.completed(exposition)
        clock = (answered_at or now).timestamp()
        delta = self._tracker.count(exposition, clock, self._writer.pending)
        # The clock of this machine may step back; the ledger's own time never does.
        at = self._latest = max(now.astimezone(UTC), self._latest)
        self._totals.roll(windows.day_of(at, self._zone))
        self._forget(clock, at)
        increase = self._add(delta, at)
        raw = self._sum_raw(delta)
        live = live_gauges(exposition, self._tracker.gauges)
        published = self._tracker.published(exposition)
        if published != self.snapshot.published:
            self._writer.pending.meta["published"] = " ".join(sorted(published))
        millis = (at - _EPOCH) // timedelta(milliseconds=1)
        self._writer.note(ScrapeRow(millis, millis, 1, delta.restarted, live.get("in_flight_requests"), increase, raw))
        self._writer.commit(at)
        if self._next_zone.key != self._zone.key:
            self._move(at)
        start = delta.process.start
        self._publish(
            replace(
                self.snapshot,
                last_scrape=at,
                process_start=datetime.fromtimestamp(start, UTC) if start else None,
                raw=_named(raw),
                split_raw=self._raw[delta.process.id],
                gauges=live,
                budgets=self._budgets.read(exposition, answered_at or now),
                health=deployment_health(exposition),
                published=published,
                report=Report(
                    at, delta.samples, delta.skipped, delta.changed, delta.restarted, delta.unsettled, increase
                ),
            )
        )
        return self.snapshot

    def parser(self) -> ExpositionParser:
        """Return what takes in the body of an answer."""
        return ExpositionParser(self._tracker.wanted)

    @property
    def families(self) -> list[str]:
        """The families that are needed: what to ask for where the proxy gives a part of its body."""
        return sorted(self._tracker.families)

    def roll(self, *, now: datetime) -> Snapshot:
        """Begin the windows that have started by `now`, without waiting for a scrape."""
        if self._totals.roll(windows.day_of(now, self._zone)):
            self._latest = now.astimezone(UTC)
            self._publish(self.snapshot)
        return self.snapshot

    def set_zone(self, zone: ZoneInfo, *, now: datetime) -> Snapshot:
        """Cut all windows in another zone, from the quarter-hours; no lifetime total pending.

        Where the file cannot be written now, that is done after the first scrape that can be.
        """
        self._next_zone = zone
        if zone.key != self._zone.key:
            self._move(max(now, self._latest))
            self._publish(self.snapshot)
        return self.snapshot

    def pause(self, *, now: datetime) -> None:
        """Write what waits and let go of the file, so that a backup copies it whole; scrapes go on in memory."""
        self._writer.pause(now)

    def resume(self) -> None:
        """Write again, from the next scrape on."""
        self._writer.resume()

    def spare_copy(self) -> SpareCopy:
        """Return the totals and raw sums as JSON-able data; cheap, and callable from any thread."""
        return dump(self._state)

    def _move(self, at: datetime) -> None:
        """Write what waits, and cut all windows in the zone that was set last."""
        if self._writer.paused:
            return
        self._writer.write(at)
        if self._writer.error is not None:
            return
        home, self._zone = self._zone, self._next_zone
        try:
            self._load_totals(windows.day_of(at, self._zone), home.key)
        except StoreError as error:
            self._zone, self._writer.error = home, str(error)

    def _forget(self, clock: float, at: datetime) -> None:
        """Once a day let go of processes that are gone; each has had a day to answer since the ledger was opened."""
        if at.toordinal() != self._tidied_day and (at - self._opened_at).days:
            self._tidied_day = at.toordinal()
            self._tracker.forget(clock, self._writer.pending)

    def _name(self, member: Member) -> None:
        """Take in what a member is called, also one that has a budget and no usage yet."""
        if self._tracker.attributions.name(member):
            self._writer.pending.members[member.key] = member

    def _everything(self) -> PendingWrites:
        """Return the pending that write all that is known into a new file."""
        pending = loading.everything(self._tracker, self._totals)
        pending.meta |= {"zone": self._zone.key, "published": " ".join(sorted(self.snapshot.published))}
        if self.snapshot.last_scrape is not None:
            pending.meta["last_scrape"] = self.snapshot.last_scrape.timestamp()
        return pending

    def _load(self, now: datetime, spare_copy: SpareCopy | None) -> None:
        """Take the state of the file in, or of the spare copy where the file has none.

        Raises StoreError, with the file closed.
        """
        try:
            meta = dict(self._writer.store.rows("SELECT key, value FROM meta"))
            if "last_scrape" in meta:
                self._load_file(now, meta)
            elif spare_copy and spare_copy.get("last_scrape"):
                self._load_spare_copy(now, spare_copy)
        except BaseException:
            self._writer.store.close()
            raise
        self._writer.pending.meta["zone"] = self._zone.key
        self._latest = self.snapshot.last_scrape or self._latest
        processes = self._tracker.processes.values()
        self._raw = {process.id: process.anchor or self._tracker.raw(process) for process in processes}
        newest = max(processes, key=lambda one: one.last_answer or 0.0, default=None)
        split = self._raw[newest.id] if newest else {}
        self.snapshot = replace(self.snapshot, raw=_named(_total(split.values())) if newest else {}, split_raw=split)

    def _load_file(self, now: datetime, meta: Mapping[str, str | float]) -> None:
        """Take the state of the file in; raises StoreError."""
        last = datetime.fromtimestamp(float(meta["last_scrape"]), UTC)
        published = frozenset(str(meta.get("published", "")).split())
        self.snapshot = Snapshot(last_scrape=last, published=published)
        self._tracker.settling.unsettled = bool(meta.get("unsettled"))
        ((self._writer.newest,),) = self._writer.store.rows("SELECT coalesce(max(at), 0) FROM scrapes")
        # The usual length of a history, which then never has to be read off the file.
        self._writer.recent.extend(sql.history(self._writer.path, RECENT_SCRAPES, (), ()))
        try:
            loading.load_tracker(self._writer.store, self._tracker, self._writer.pending)
            self._load_totals(windows.day_of(max(now, last), self._zone), str(meta.get("zone")))
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedStoreError(f"rows contradict each other: {error!r}") from error

    def _load_spare_copy(self, now: datetime, spare_copy: SpareCopy) -> None:
        """Take the state of the spare copy in; all of it is to be written with the first scrape."""
        self._writer.recovery = Recovery("the file is gone", None)
        try:
            self._totals, last = load(spare_copy, self._tracker, self._week_start)
            self.snapshot = Snapshot(last_scrape=last)
            self._writer.pending = self._everything()
            self._totals.roll(windows.day_of(now, self._zone))
        except AttributeError, KeyError, TypeError, ValueError:
            # Of another release, or damaged itself: there is nothing to begin from.
            self._tracker = Tracker(self._tracker.metrics, self._tracker.gauges)
            self._totals = Totals(windows.day_of(now, self._zone), week_start=self._week_start)
            self.snapshot, self._writer.pending = Snapshot(), PendingWrites()
        self._writer.pending.meta["quarters_from"] = windows.quarter_of(now)

    def _load_totals(self, day: int, zone: str) -> None:
        """Read the totals off the file, cut anew if it was cut in another zone."""
        store = self._writer.store
        if zone != self._zone.key:
            covered = store.rows("SELECT value FROM meta WHERE key = 'quarters_from'")
            rezone(store, self._zone, int(covered[0][0]) if covered else None)
        self._totals = loading.load_totals(store, self._tracker.attributions, day, self._week_start)

    def _add(self, delta: Delta, at: datetime) -> Vector:
        """Add an answer's increases to the totals and to the buckets; return their sum."""
        increases = {number: tuple(vector) for number, vector in delta.increases.items() if any(vector)}
        self._totals.add(increases, self._tracker.attributions.groups)
        if increases:
            usage = self._writer.pending.usage.setdefault(windows.bucket_of(at, self._zone), {})
            for number, vector in increases.items():
                usage[number] = plus(usage[number], vector) if number in usage else vector
        return _total(increases.values())

    def _sum_raw(self, delta: Delta) -> Vector:
        """Return the sum of the counters of the process that answered."""
        known = self._tracker.processes
        if delta.changed or delta.removed or delta.resumed or delta.process.id not in self._raw:
            raw = {**self._raw, delta.process.id: self._tracker.raw(delta.process)}
            self._raw = {process: sums for process, sums in raw.items() if process in known}
        return _total(self._raw[delta.process.id].values())

    def _publish(self, snapshot: Snapshot) -> None:
        """Replace the snapshot by one with the totals of now, and the state that a spare copy is made of."""
        attributions, totals = self._tracker.attributions, self._totals
        groups = list(attributions.keys)
        self.snapshot = replace(
            snapshot,
            window_starts=windows.starts(totals.day, self._zone, self._week_start),
            members=dict(attributions.members),
            usage=totals.members,
            groups=groups,
            split=totals.attributions,
            store_error=self._writer.error,
            recovery=self._writer.recovery,
            recent=tuple(self._writer.recent),
            runs=self._writer.runs,
        )
        self._state = State(
            last_scrape=self.snapshot.last_scrape,
            day=totals.day,
            keys=groups,
            members=self.snapshot.members,
            models=dict(attributions.models),
            usage=totals.attributions,
            processes=[(one, self._raw.get(one.id, {})) for one in self._tracker.processes.values()],
            origins=dict(self._tracker.origins),
        )


def _total(vectors: Iterable[Vector]) -> Vector:
    """Return the sum of vectors."""
    return reduce(plus, vectors, ZERO)


def _named(vector: Vector) -> dict[str, float]:
    """Return a vector by the friendly names of its counters."""
    return dict(zip(catalog.COUNTER_INDEX, vector, strict=True))
