"""The ledger: the one place where state changes, from a body to the next snapshot.

It belongs to one worker thread, which calls every method but `spare_copy`; a snapshot can be read from
any thread. The counters of the proxy are its log: whatever could not be written down, or happened
while nobody looked, the next answer makes up for.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from . import catalog, windows
from .catalog import Dimension, tag_label
from .clock import LedgerClock, Tick
from .counters import Answer, Counted, Counting, CountingState
from .errors import DamagedStoreError, StoreError
from .exposition import Exposition, ExpositionParser
from .history import History
from .insight import Budgets, PerformanceReader, deployment_health, live_gauges, logging_failures
from .models import (
    TOTAL,
    ZERO,
    ClockJump,
    Known,
    ListedMember,
    Member,
    MemberKey,
    Recovery,
    Report,
    ScrapeRow,
    Snapshot,
    Vector,
    Window,
)
from .query import sql
from .store import (
    RECENT_SCRAPES,
    LedgerWriter,
    PendingWrites,
    SpareCopy,
    State,
    dump,
    folding,
    load,
    loading,
    rezone,
    set_aside,
    stamp,
)
from .totals import Totals, plus


class Ledger:
    """Exact usage of one proxy."""

    def __init__(self, path: Path, now: datetime, zone: ZoneInfo, counting: Counting, week_start: int = 0) -> None:
        """Open the file without loading it; use `open`."""
        self.snapshot = Snapshot()
        self._zone = self._next_zone = zone
        self._counting = counting
        self._week_start = week_start
        self._totals = Totals(windows.day_of(now, zone), week_start=week_start)
        self._writer = LedgerWriter(path, self._everything)
        self.history = History(self._writer)
        self._budgets = Budgets()
        self._performance = PerformanceReader()
        self._clock = LedgerClock()
        self._recovered: tuple[float, bool] | None = None
        """When the file was made anew, and whether the totals were kept."""
        self._opened_at = now
        self._tidied_day = 0
        self._furthest_day = 0
        """The last local day that anything was filed under."""
        self._misfiled: datetime | None = None
        """A wrong time, while the file refuses to let what was filed under it be brought to where it belongs."""
        self.shown: Collection[MemberKey] = ()
        """Members that have a device: they are never counted together with others."""

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
        performance: Collection[str] = (),
    ) -> Self:
        """Open the ledger of a file, or begin one.

        A file that is damaged is set aside under a dated name; it, or one that is gone, is made
        anew from the spare copy, which then shows in `snapshot.recovery`. `overrides` maps friendly
        metrics to other families, a week begins on `week_start` (0 for Monday), quarter-hours are
        kept for `retention_days`, `performance` are figures that are read besides. Raises
        NewerSchemaError for a file of a newer release, and StoreError where the file cannot be
        opened at all.
        """
        reader = PerformanceReader(performance)
        metrics, gauges = catalog.counters(overrides or {}), (*catalog.gauges(overrides or {}), *reader.gauges)
        try:
            ledger = cls(path, now, zone, Counting(metrics, gauges), week_start)
            ledger._load(now, spare_copy)
        except DamagedStoreError as error:
            aside = set_aside(path, stamp(now))
            ledger = cls(path, now, zone, Counting(metrics, gauges), week_start)
            ledger._load(now, spare_copy, Recovery(str(error), aside, kept_totals=False))
        ledger._performance = reader
        if retention_days is not None:
            ledger._writer.retention_days = retention_days
        ledger._publish(ledger.snapshot)
        return ledger

    def close(self) -> None:
        """Write what waits to be written, and close the file."""
        self._writer.close(self.snapshot.last_scrape or self._opened_at)

    def scrape(  # noqa: PLR0913
        self,
        exposition: Exposition,
        *,
        now: datetime,
        answered_at: datetime | None,
        part: bool = False,
        complete: bool = True,
        pid: str = "",
    ) -> Snapshot:
        """Count one answer of the proxy, write it down and return what is now known.

        `answered_at` is the proxy's clock, its `Date` header; `part` says that only `families` were
        asked for, `complete` that the end of the answer is proven, `pid` which worker says that it
        answered. Raises AnswerError or SurprisingPartError, with nothing changed, for an answer that
        cannot be counted from. A file that cannot be written is no error: the snapshot says so, and
        what was not written is written with the next scrape.
        """
        ticking = replace(self._clock)
        tick = ticking.tick(now.timestamp(), answered_at.timestamp() if answered_at else None)
        counted = self._counting.count(
            Answer(
                exposition=exposition,
                answered_at=answered_at.timestamp() if answered_at else tick.at,
                now=tick.at,
                part=part,
                complete=complete,
                pid=pid,
            )
        )
        self._clock = ticking
        at = self._turn_to(tick)
        tidies = self._forget(at, tick)
        self._writer.pending.add(counted.changes)
        if tick.is_sure:
            self._writer.pending.add_lump(self.snapshot.last_scrape, at, counted.increases)
        increase = self._add(counted, at)
        reading = self._budgets.read(counted.process, counted.gauges, at)
        self._name(reading.names)
        self._writer.pending.budgets |= reading.changed
        raw = _total(counted.raw.values())
        self._note(counted, at, increase, raw, may_purge=tick.is_sure)
        if self._next_zone.key != self._zone.key:
            self._move(at)
        start = counted.process_start
        self._publish(
            replace(
                self.snapshot,
                last_scrape=at,
                process_start=datetime.fromtimestamp(start, UTC) if start else None,
                raw=_named(raw),
                split_raw=counted.raw,
                gauges=live_gauges(counted.gauges, self._counting.gauges),
                budgets=reading.budgets,
                performance=self._performance.read(counted.process, counted.gauges, at),
                health=deployment_health(counted.gauges),
                logging_failures=logging_failures(counted.gauges),
                published=counted.published,
                unknown=counted.unknown,
                report=Report(
                    at,
                    counted.samples,
                    counted.skipped,
                    counted.changed,
                    counted.restarted,
                    counted.indistinguishable,
                    increase,
                    counted.ambiguity is not None,
                ),
            )
        )
        if tidies:
            self._fold(at)
        return self.snapshot

    def parser(self) -> ExpositionParser:
        """Return what takes in the body of an answer."""
        return self._counting.parser()

    @property
    def families(self) -> list[str]:
        """The families that are needed: what to ask for where the proxy gives a part of its body."""
        return sorted(self._counting.families)

    @property
    def has_open_part(self) -> bool:
        """Whether a part was not believed, and the process that gave it has not given the whole since."""
        return self._counting.has_open_part

    def roll(self, *, now: datetime) -> Snapshot:
        """Begin the windows that have started by `now`, without waiting for a scrape."""
        day = windows.day_of(now, self._zone)
        if day > self._totals.day:
            self._clock.roll(now.timestamp())
            self._turn_to_day(day, now.astimezone(UTC))
            self._publish(self.snapshot)
        return self.snapshot

    def set_zone(self, zone: ZoneInfo, *, now: datetime) -> Snapshot:
        """Cut all windows in another zone, from the quarter-hours; no lifetime total changes.

        Where the file cannot be written now, that is done after the first scrape that can be.
        """
        self._next_zone = zone
        if zone.key != self._zone.key:
            self._move(max(now, datetime.fromtimestamp(self._clock.latest, UTC)))
            self._publish(self.snapshot)
        return self.snapshot

    def recall(self) -> Snapshot:
        """Take what the history knows of the time before the first scrape into the snapshot; raises StoreError.

        Who was used only then is a member as others are.
        """
        before = self.history.sums()
        used = [key for key, vector in before.items() if key != TOTAL and _proves_use(vector)]
        self._name(Member(*key, key[1]) for key in used if key not in self._counting.members)
        self.snapshot = replace(self.snapshot, before=before, members=self._counting.members)
        return self.snapshot

    def complete(self, listed: Mapping[Dimension, Collection[ListedMember]]) -> Snapshot:
        """Take in what LiteLLM's API lists: names that are missing, budgets that /metrics does not tell, blocks.

        Who was never used is left out; of whom no list was given, what was listed last stays true.
        """
        found = {one.member.key: one for one in self._identified(one for of in listed.values() for one in of)}
        nameless = [key for key, known in self._counting.members.items() if key in found and known.name == known.id]
        strangers = [key for key in found if key not in self._counting.members]
        self._name(found[key].member for key in (*nameless, *strangers))
        reading = self._budgets.complete({key: one.budget for key, one in found.items()})
        self._writer.pending.budgets |= reading.changed
        blocked = {key for key, one in found.items() if one.blocked}
        blocked |= {key for key in self.snapshot.blocked if key[0] not in listed}
        if blocked != self.snapshot.blocked:
            self._writer.pending.meta["blocked"] = json.dumps(sorted(blocked))
        self._publish(replace(self.snapshot, budgets=reading.budgets, blocked=frozenset(blocked)))
        return self.snapshot

    def _identified(self, listed: Iterable[ListedMember]) -> Iterator[ListedMember]:
        """Yield those that were used, tags as /metrics has them."""
        for one in listed:
            member = one.member
            if member.dimension is Dimension.TAG:
                member = replace(member, id=tag_label(member.id))
            if member.key in self._counting.members or (one.budget and one.budget.spent):
                yield replace(one, member=member)

    def pause(self, *, now: datetime) -> None:
        """Write what waits and let go of the file, so that a backup copies it whole; scrapes go on in memory."""
        self._writer.pause(now)

    def resume(self) -> None:
        """Write again, from the next scrape on."""
        self._writer.resume()

    def spare_copy(self) -> SpareCopy:
        """Return the totals and raw sums as JSON-able data; cheap, and callable from any thread."""
        return dump(self._state)

    # Time

    def _turn_to(self, tick: Tick) -> datetime:
        """Have the windows contain a time, and return it; what was filed under a wrong one is brought there."""
        at = _moment(tick.at)
        if tick.returned_from is not None:
            self._misfiled = _moment(tick.returned_from)
            self._opened_at = min(self._opened_at, at)
        if self._misfiled is not None:
            self._refile(at, self._misfiled)
        day = windows.day_of(at, self._zone)
        if day != self._totals.day and (day > self._totals.day or tick.returned_from is not None or self._rolled_ahead):
            self._turn_to_day(day, at)
        return at

    @property
    def _rolled_ahead(self) -> bool:
        """Whether windows have begun at a time that no answer has confirmed."""
        return windows.day_of(_moment(self._clock.latest), self._zone) < self._totals.day

    def _turn_to_day(self, day: int, at: datetime) -> None:
        """Have the windows contain a day: begin those that start, or read them anew where some are there already."""
        if day > self._totals.day and day > self._furthest_day:
            self._totals.roll(day)
            return
        self._writer.write(at)
        if self._writer.error is None and not self._writer.paused:
            try:
                self._load_totals(day, self._zone.key)
            except StoreError as error:
                self._writer.error = str(error)

    def _refile(self, at: datetime, wrong: datetime) -> None:
        """Bring what was filed under a wrong time to where it belongs, with a later answer where the file refuses."""
        bucket = windows.bucket_of(at, self._zone)
        dollars = self._writer.refile(bucket, at)
        self._furthest_day = windows.day_of(at, self._zone)
        if dollars is None:
            self._writer.pending.refile(bucket)
            return
        self._misfiled = None
        self._load_totals(self._furthest_day, self._zone.key)
        self.snapshot = replace(self.snapshot, clock_jump=ClockJump(wrong, at, dollars))

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

    def _forget(self, at: datetime, tick: Tick) -> bool:
        """Once a day let go of what is gone; each process has had a day to answer since the ledger was opened.

        Return whether that was now.
        """
        due = tick.is_sure and at.toordinal() != self._tidied_day and bool((at - self._opened_at).days)
        if due:
            self._tidied_day = at.toordinal()
            self._writer.pending.add(self._counting.forget(tick.at))
        return due

    def _fold(self, at: datetime) -> None:
        """Count members together that were not used for longer than the retention, and begin anew from the file."""
        self._writer.write(at)
        if self._writer.error is not None or self._writer.paused:
            return
        known, store = self._counting, self._writer.store
        before = windows.day_of(at, self._zone) - self._writer.retention_days
        try:
            with store.atomic() as cursor:
                folded = folding.fold(cursor, known.keys, before, {*self.shown, *self._budgets.budgets})
                if not folded:
                    return
                counting = Counting(known.metrics, known.gauges)
                changes = counting.load(loading.load_counting(store, known.members))
                totals = loading.load_totals(store, int(self._totals.day), self._week_start)
        except StoreError as error:
            self._writer.error = str(error)
            self._publish(self.snapshot)
            return
        self._counting, self._totals = counting, totals
        self._totals.regroup(counting.groups)
        self._writer.pending.add(changes)
        sums = counting.newest_sums or {}
        self._publish(replace(self.snapshot, split_raw=sums, folded=self.snapshot.folded + len(folded)))

    # What is written and read

    def _name(self, members: Iterable[Member]) -> None:
        """Take in what members are called, also those that have a budget and no usage yet."""
        for member in members:
            self._counting.name(member)
        self._writer.pending.members |= self._counting.named()

    def _note(self, counted: Counted, at: datetime, increase: Vector, raw: Vector, *, may_purge: bool) -> None:
        """Take a scrape into the history, and write what has changed."""
        pending = self._writer.pending
        if counted.published != self.snapshot.published:
            pending.meta["published"] = " ".join(sorted(counted.published))
        pending.meta["clock"] = self._clock.dump()
        millis = int(at.timestamp() * 1000)
        in_flight = live_gauges(counted.gauges, self._counting.gauges).get("in_flight_requests")
        self._writer.note(ScrapeRow(millis, millis, 1, counted.restarted, in_flight, increase, raw))
        self._writer.commit(at, may_purge=may_purge)

    def _everything(self) -> PendingWrites:
        """Return what writes all that is known into a new file."""
        pending = loading.everything(self._counting.state(), self._totals, dict(self._budgets.budgets))
        pending.meta |= {
            "zone": self._zone.key,
            "published": " ".join(sorted(self.snapshot.published)),
            "blocked": json.dumps(sorted(self.snapshot.blocked)),
        }
        if self.snapshot.last_scrape is not None:
            pending.meta["last_scrape"] = self.snapshot.last_scrape.timestamp()
        if self._writer.recovery is not None:
            at = self.snapshot.last_scrape or self._opened_at
            self._recovered = at.timestamp(), True
        return pending

    def _load(self, now: datetime, spare_copy: SpareCopy | None, lost: Recovery | None = None) -> None:
        """Take the state of the file in, or of the spare copy where the file has none.

        Raises StoreError, with the file closed.
        """
        try:
            meta = dict(self._writer.store.rows("SELECT key, value FROM meta"))
            if "last_scrape" in meta:
                self._load_file(now, meta)
            elif spare_copy or lost:
                self._recover(now, spare_copy, lost or Recovery("the file is gone", None, kept_totals=False))
        except BaseException:
            self._writer.store.close()
            raise
        self._writer.pending.meta["zone"] = self._zone.key
        sums = self._counting.newest_sums
        self.snapshot = replace(self.snapshot, raw=_named(_total(sums.values())) if sums else {}, split_raw=sums or {})

    def _load_file(self, now: datetime, meta: Mapping[str, str | float]) -> None:
        """Take the state of the file in; raises StoreError."""
        last = datetime.fromtimestamp(float(meta["last_scrape"]), UTC)
        self._clock = LedgerClock.load(str(meta["clock"])) if "clock" in meta else LedgerClock()
        self._clock.latest = last.timestamp()
        if "recovered_at" in meta:
            self._recovered = float(meta["recovered_at"]), bool(meta.get("kept_totals"))
        store = self._writer.store
        try:
            self._writer.pending.add(self._counting.load(loading.load_counting(store)))
            self._budgets.load(loading.load_budgets(store))
            self._load_totals(windows.day_of(self._plausible(now, last), self._zone), str(meta.get("zone")))
            blocked = frozenset((Dimension(of), str(key)) for of, key in json.loads(str(meta.get("blocked", "[]"))))
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedStoreError(f"rows contradict each other: {error!r}") from error
        ((self._writer.newest,),) = store.rows("SELECT coalesce(max(at), 0) FROM scrapes")
        # The usual length of a history, which then never has to be read off the file.
        self._writer.recent.extend(sql.history(self._writer.path, RECENT_SCRAPES, (), ()))
        self.snapshot = Snapshot(
            last_scrape=last,
            published=frozenset(str(meta.get("published", "")).split()),
            budgets=self._budgets.budgets,
            blocked=blocked,
        )

    def _plausible(self, now: datetime, last: datetime) -> datetime:
        """Return the time that windows are cut at before the first answer: never before the last one."""
        return max(now.astimezone(UTC), last)

    def _recover(self, now: datetime, spare_copy: SpareCopy | None, lost: Recovery) -> None:
        """Begin anew from the spare copy where there is one that can be read; all of it is to be written."""
        metrics, gauges = self._counting.metrics, self._counting.gauges
        try:
            if spare_copy and spare_copy.get("last_scrape"):
                state, totals, last = load(spare_copy, self._week_start)
                self._load_spare_copy(state, totals, last)
                lost = replace(lost, kept_totals=True)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # Of another release, or damaged itself: there is nothing to begin from.
            self._counting = Counting(metrics, gauges)
            self._totals = Totals(windows.day_of(now, self._zone), week_start=self._week_start)
            self.snapshot, self._writer.pending = Snapshot(), PendingWrites()
            lost = replace(lost, spare_copy_error=f"{type(error).__name__}: {error}")
        if not lost.kept_totals and lost.set_aside is None and lost.spare_copy_error is None:
            return
        self._writer.recovery = lost
        self._recovered = now.timestamp(), lost.kept_totals
        self._writer.pending.meta |= {
            "quarters_from": windows.quarter_of(now),
            "recovered_at": now.timestamp(),
            "kept_totals": lost.kept_totals,
        }
        self._totals.roll(windows.day_of(now, self._zone))

    def _load_spare_copy(self, state: CountingState, totals: Totals, last: datetime | None) -> None:
        """Take the state of the spare copy in."""
        self._counting.load(state)
        totals.regroup(self._counting.groups)
        self._totals, self._furthest_day = totals, int(totals.day)
        self.snapshot = Snapshot(last_scrape=last)
        if last is not None:
            self._clock.latest = last.timestamp()
        self._writer.pending = self._everything()

    def _load_totals(self, day: int, zone: str) -> None:
        """Read the totals off the file, cut anew if it was cut in another zone."""
        store = self._writer.store
        if zone != self._zone.key:
            covered = store.rows("SELECT value FROM meta WHERE key = 'quarters_from'")
            rezone(store, self._zone, int(covered[0][0]) if covered else None)
        self._totals = loading.load_totals(store, day, self._week_start)
        self._totals.regroup(self._counting.groups)
        (last,) = store.rows("SELECT max(start) FROM usage WHERE resolution = 1")[0]
        self._furthest_day = max(day, last or 0)

    def _add(self, counted: Counted, at: datetime) -> Vector:
        """Add an answer's increases to the totals and to the buckets; return their sum."""
        self._totals.add(counted.increases, self._counting.groups)
        if counted.increases:
            self._writer.pending.add_usage(windows.bucket_of(at, self._zone), counted.increases)
            self._furthest_day = max(self._furthest_day, self._totals.day)
        return _total(counted.increases.values())

    def _publish(self, snapshot: Snapshot) -> None:
        """Replace the snapshot by one with the totals of now, and the state that a spare copy is made of."""
        counting, totals = self._counting, self._totals
        known = self.snapshot
        lasting = counting.lasting_ambiguity
        self.snapshot = replace(
            snapshot,
            window_starts=windows.starts(totals.day, self._zone, self._week_start),
            members=counting.members,
            usage=totals.members,
            dimensions=totals.dimensions,
            revision=known.revision + 1,
            changed=totals.take_changed(),
            groups=counting.keys,
            split=totals.attributions,
            store_error=self._writer.error,
            recovery=self._writer.recovery,
            recent=tuple(self._writer.recent),
            runs=self._writer.runs,
            known_since=self._known_since(),
            ambiguous_answers=counting.ambiguous_answers,
            lasting_ambiguity=str(lasting) if lasting else None,
        )
        self._state = State(
            last_scrape=self.snapshot.last_scrape,
            day=totals.day,
            counting=counting.outline(),
            usage=totals.attributions,
        )

    def _known_since(self) -> Known:
        """Return from when on usage is known, where a lost file took what was before."""
        if self._recovered is None:
            return Known()
        at = _moment(self._recovered[0])
        if not self._recovered[1]:
            return Known(at, at, at, at)
        first = windows.starts(windows.day_of(at, self._zone), self._zone)
        quarter = windows.quarter_start(windows.quarter_of(at))
        return Known(quarter, first[Window.DAY], first[Window.MONTH], first[Window.YEAR])


def _moment(at: float) -> datetime:
    """Return a time in Unix seconds as one in UTC."""
    return datetime.fromtimestamp(at, UTC)


def _proves_use(vector: Vector) -> bool:
    """Whether usage is more than that of refused requests: what they name is whatever the client wrote."""
    requests, failed, tokens, cost = (
        vector[catalog.COUNTER_INDEX[name]] for name in ("requests", "failed_requests", "tokens", "cost")
    )
    return requests > failed or tokens > 0 or cost > 0


def _total(vectors: Iterable[Vector]) -> Vector:
    """Return the sum of vectors."""
    return reduce(plus, vectors, ZERO)


def _named(vector: Vector) -> dict[str, float]:
    """Return a vector by the friendly names of its counters."""
    return dict(zip(catalog.COUNTER_INDEX, vector, strict=True))
