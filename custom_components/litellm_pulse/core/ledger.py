"""The ledger: the one place where state changes, from a body to the next snapshot.

It belongs to one worker thread, which calls every method but `spare_copy`; a snapshot can be read from
any thread. The counters of the proxy are its log: whatever could not be written down, or happened
while nobody looked, the next answer makes up for.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from . import catalog
from .catalog import Dimension, tag_label
from .clock import Tick
from .counters import Answer, Counted, Counting
from .errors import StoreError
from .exposition import Exposition, ExpositionParser
from .history import History
from .insight import LoggingFailures, PerformanceReader, deployment_health, live_gauges
from .models import (
    TOTAL,
    Known,
    ListedMember,
    Member,
    MemberKey,
    Report,
    ScrapeRow,
    Snapshot,
    Vector,
)
from .restore import LedgerState, Recovered, Restorer, everything
from .store import PendingWrites, SpareCopy, State, dump, folding, loading
from .totals import named, total

UNREACHABLE = timedelta(days=2)
"""After so long without an answer each process is given time anew to answer, before it is taken for dead."""


class Ledger:
    """Exact usage of one proxy."""

    def __init__(self, state: LedgerState, opened_at: datetime, performance: PerformanceReader, address: str) -> None:
        """Begin with what is known; use `open`."""
        self._writer, self._counting, self._totals = state.writer, state.counting, state.totals
        self._budgets, self._clock, self._recovered = state.budgets, state.clock, state.recovered
        self._performance, self._failures = performance, LoggingFailures()
        self._address, self._moved = address, bool(address and state.address) and address != state.address
        self._watched_since = opened_at
        self._tidied_day = 0
        self._doubtful_lump: tuple[datetime | None, datetime, Mapping[int, Vector]] = None, opened_at, {}
        self._writer.everything = self._everything
        self.history = History(self._writer)
        self.shown: Collection[MemberKey] = ()
        """Members that have a device: they are never counted together with others."""
        self.snapshot = state.snapshot
        self._publish(state.snapshot)

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
        address: str = "",
    ) -> Self:
        """Open the ledger of a file, or begin one.

        A file that is damaged is set aside under a dated name; it, or one that is gone, is made
        anew from the spare copy, which then shows in `snapshot.recovery`. `overrides` maps friendly
        metrics to other families, a week begins on `week_start` (0 for Monday), quarter-hours are
        kept for `retention_days`, `performance` are figures that are read besides, `address` is where the proxy
        is, as far as that tells it from others. Raises
        NewerSchemaError for a file of a newer release, and StoreError where the file cannot be
        opened at all.
        """
        reader = PerformanceReader(performance)
        metrics, gauges = catalog.counters(overrides or {}), (*catalog.gauges(overrides or {}), *reader.gauges)
        state = Restorer(
            path=path,
            now=now,
            zone=zone,
            week_start=week_start,
            spare_copy=spare_copy,
            counting=lambda: Counting(metrics, gauges),
        ).restore()
        if retention_days is not None:
            state.writer.retention_days = retention_days
        return cls(state, now, reader, address)

    def close(self) -> None:
        """Write what waits to be written, and close the file."""
        self._writer.pending.add(self._counting.renamed())
        self._writer.close(self.snapshot.last_scrape or self._watched_since)

    def scrape(  # noqa: PLR0913
        self,
        exposition: Exposition,
        *,
        now: datetime,
        answered_at: datetime | None,
        part: bool = False,
        complete: bool = True,
        pid: str = "",
        doubts: bool = False,
        first: bool = False,
    ) -> Snapshot:
        """Count one answer of the proxy, write it down and return what is now known.

        `answered_at` is the proxy's clock, its `Date` header; `part` says that only `families` were
        asked for, `complete` that the end of the answer is proven, `pid` which worker says that it
        answered, `doubts` that it can be asked again, `first` that it belongs to the first scrape, of
        which nothing counts. Raises AnswerError or SurprisingPartError, with nothing changed, for an
        answer that cannot be counted from, and DoubtfulRestartError for one that is a restart unless
        another process answers when it is asked again. A file that cannot be written is no error: the
        snapshot says so, and what was not written is written with the next scrape.
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
                doubts=doubts,
                first=first,
                moved=self._moved,
            )
        )
        self._clock, self._moved = ticking, False
        at = self._turn_to(tick)
        if self._recovered and (self.snapshot.last_scrape is None or at < self._recovered.at):
            # Our clock may not have been set then.
            self._recovered = self._recovered._replace(at=at)
            self._writer.pending.meta |= self._recovered.meta
        self._writer.pending.add(counted.changes)
        tidies = self._forget(at, tick)
        self._add_lump(tick, at, counted.increases)
        increase = self._add(counted, at)
        snapshot = self._read(counted, at, increase)
        self._note(snapshot, increase, at, restarted=counted.restarted, may_purge=tick.is_sure)
        self._totals.catch_up(at, self._counting.groups)
        self._publish(snapshot)
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
    def is_moved(self) -> bool:
        """Whether the next answer comes from another address than those before."""
        return self._moved

    @property
    def has_open_part(self) -> bool:
        """Whether a part was not believed, and the process that gave it has not given the whole since."""
        return self._counting.has_open_part

    def roll(self, *, now: datetime) -> Snapshot:
        """Begin the windows that have started by `now`, without waiting for a scrape."""
        day = self._totals.day_of(now)
        if day > self._totals.current.day:
            self._clock.roll(now.timestamp())
            self._turn_windows(Tick(now.timestamp(), is_sure=False))
            self._publish(self.snapshot)
        return self.snapshot

    def set_zone(self, zone: ZoneInfo, *, now: datetime) -> Snapshot:
        """Cut all windows in another zone, from the quarter-hours; no lifetime total changes.

        Where the file cannot be written now, that is done after the first scrape that can be.
        """
        moves = zone.key != self._totals.zone.key
        at = max(now, datetime.fromtimestamp(self._clock.latest, UTC))
        self._totals.move(zone, at, self._counting.groups)
        if moves:
            self._publish(self.snapshot)
        return self.snapshot

    def recall(self) -> Snapshot:
        """Take what the history knows of the time before the first scrape into the snapshot; raises StoreError.

        Who was used only then is a member as others are.
        """
        before = self.history.sums()
        used = [key for key, vector in before.items() if key != TOTAL and _proves_use(vector)]
        self._name((Member(*key, key[1]) for key in used if key not in self._counting.members), limited=False)
        self.snapshot = replace(self.snapshot, before=before, members=self._counting.members)
        return self.snapshot

    def complete(self, listed: Mapping[Dimension, Iterable[ListedMember]]) -> Snapshot:
        """Take in what LiteLLM's API lists: names that are missing, budgets that /metrics does not tell, blocks.

        Who was never used is left out; of whom no list was given, what was listed last stays true.
        """
        found = {one.member.key: one for one in self._identified(one for of in listed.values() for one in of)}
        nameless = [key for key, known in self._counting.members.items() if key in found and known.name == known.id]
        strangers = [key for key in found if key not in self._counting.members]
        for key in self._name(found[key].member for key in (*nameless, *strangers)):
            del found[key]
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

    def _turn_to(self, tick: Tick) -> datetime:
        """Have the windows contain a time, and return it; what was filed under a wrong one is brought there."""
        at = datetime.fromtimestamp(tick.at, UTC)
        last = self.snapshot.last_scrape
        if at < self._watched_since or (last is not None and at - last >= UNREACHABLE):
            self._watched_since = at
        self._turn_windows(tick)
        return at

    def _turn_windows(self, tick: Tick) -> None:
        """Have the windows contain a time; they never begin with what was filed ahead under a time that was wrong."""
        last, at = self.snapshot.last_scrape, datetime.fromtimestamp(tick.at, UTC)
        if last and self._clock.is_doubted(tick.at) and self._totals.is_filed(at):
            tick = self._clock.settle(tick, last.timestamp())
        if jump := self._totals.turn_to(tick, self._counting.groups):
            self.snapshot = replace(self.snapshot, clock_jump=jump)

    def _add_lump(self, tick: Tick, at: datetime, increases: Mapping[int, Vector]) -> None:
        """Keep what an answer tells of a time in which nobody looked, once the one after it confirms the time."""
        lump = self.snapshot.last_scrape, at, increases
        for one in (self._doubtful_lump, lump) if tick.is_sure else ():
            self._writer.pending.add_lump(*one)
        self._doubtful_lump = (None, at, {}) if tick.is_sure else lump

    def _forget(self, at: datetime, tick: Tick) -> bool:
        """Once a day let go of what is gone, once each process has had a day to answer; return whether that was now.

        Sooner where the proxy has many other series than before.
        """
        due = tick.is_sure and at.toordinal() != self._tidied_day and (at - self._watched_since).days > 0
        if due:
            self._tidied_day = at.toordinal()
            self._writer.pending.add(self._counting.forget(tick.at))
            self._budgets.forget(self._counting.alive)
        elif self._counting.is_crowded:
            self._writer.pending.add(self._counting.make_room())
        return due

    def _fold(self, at: datetime) -> None:
        """Count members together that were not used for longer than the retention, and begin anew from the file."""
        self._writer.pending.add(self._counting.renamed())
        if not self._writer.flush(at):
            return
        known, store = self._counting, self._writer.store
        before = self._totals.day_of(at) - self._writer.retention_days
        try:
            with store.atomic() as cursor:
                folded = folding.fold(cursor, known.keys, before, {*self.shown, *self._budgets.told})
                if not folded:
                    return
                counting = Counting(known.metrics, known.gauges)
                changes = counting.load(loading.load_counting(store, known.members))
                totals = loading.load_totals(store, self._totals.current.day, self._totals.week_start)
        except StoreError as error:
            self._writer.error = str(error)
            self._publish(self.snapshot)
            return
        self._counting = counting
        self._totals.replace(totals, counting.groups)
        self._writer.pending.add(changes)
        reading = self._budgets.drop(folded)
        self._writer.pending.budgets |= reading.changed
        sums, many = counting.newest_sums or {}, self.snapshot.folded + len(folded)
        self._publish(replace(self.snapshot, split_raw=sums, folded=many, budgets=reading.budgets))

    # What is written and read

    def _name(self, members: Iterable[Member], *, limited: bool = True) -> set[MemberKey]:
        """Take in what members are called, also those that have a budget and no usage yet.

        Returns those that are not told apart, as there are too many of their kind, unless these are not `limited`.
        """
        refused: set[MemberKey] = set()
        for member in members:
            if limited and not self._counting.has_room_for(member.key):
                refused.add(member.key)
            else:
                self._counting.name(member)
        self._writer.pending.members |= self._counting.named()
        return refused

    def _read(self, counted: Counted, at: datetime, increase: Vector) -> Snapshot:
        """Return what an answer itself shows beside the last snapshot; an older one shows nothing of now."""
        return replace(
            self.snapshot if counted.older else self._live(counted, at),
            last_scrape=at,
            raw=named(total(counted.raw.values())),
            split_raw=counted.raw,
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

    def _live(self, counted: Counted, at: datetime) -> Snapshot:
        """Return the last snapshot with what gauges tell now; what budgets tell is taken in."""
        start, last = counted.process_start, self.snapshot.last_scrape
        stands = not counted.restarted and start is not None and last is not None and start <= last.timestamp()
        reading = self._budgets.read(counted.process, counted.gauges, at, stands=stands)
        self._writer.pending.budgets |= reading.changed
        if refused := self._name(reading.names):
            reading = self._budgets.drop(refused)
            self._writer.pending.budgets |= reading.changed
        return replace(
            self.snapshot,
            process_start=datetime.fromtimestamp(start, UTC) if start else None,
            tells_process=counted.tells_process,
            gauges=live_gauges(counted.gauges, self._counting.gauges),
            budgets=reading.budgets,
            performance=self._performance.read(counted.process, counted.gauges, at),
            health=deployment_health(counted.gauges),
            logging_failures=self._failures.read(counted.process, counted.gauges, restarted=counted.restarted),
        )

    def _note(self, snapshot: Snapshot, increase: Vector, at: datetime, *, restarted: bool, may_purge: bool) -> None:
        """Take a scrape into the history, and write what has changed."""
        pending = self._writer.pending
        if snapshot.published != self.snapshot.published:
            pending.meta["published"] = " ".join(sorted(snapshot.published))
        pending.meta |= {"clock": self._clock.dump(), "address": self._address}
        millis = int(at.timestamp() * 1000)
        in_flight, raw = snapshot.gauges.get("in_flight_requests"), tuple(snapshot.raw.values())
        self._writer.note(ScrapeRow(millis, millis, 1, restarted, in_flight, increase, raw))
        self._writer.commit(at, may_purge=may_purge)

    def _everything(self) -> PendingWrites:
        """Return what writes all that is known into a new file."""
        if self._writer.recovery is not None:
            self._recovered = Recovered(self.snapshot.last_scrape or self._watched_since, kept_totals=True)
        return everything(self._counting, self._totals, self._budgets, self.snapshot)

    def _add(self, counted: Counted, at: datetime) -> Vector:
        """Add an answer's increases to the totals and to the buckets; return their sum."""
        self._totals.add(counted.increases, self._counting.groups)
        if counted.increases:
            self._writer.pending.add_usage(self._totals.bucket_of(at), counted.increases)
        return total(counted.increases.values())

    def _publish(self, snapshot: Snapshot) -> None:
        """Replace the snapshot by one with the totals of now, and the state that a spare copy is made of."""
        counting, totals = self._counting, self._totals.current
        known = self.snapshot
        lasting = counting.lasting_ambiguity
        self.snapshot = replace(
            snapshot,
            window_starts=self._totals.window_starts,
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
            known_since=self._recovered.known_since(self._totals.zone) if self._recovered else Known(),
            ambiguous_answers=counting.ambiguous_answers,
            lasting_ambiguity=str(lasting) if lasting else None,
        )
        self._state = State(
            last_scrape=self.snapshot.last_scrape,
            day=totals.day,
            counting=counting.outline(),
            usage=totals.attributions,
        )


def _proves_use(vector: Vector) -> bool:
    """Whether usage is more than that of refused requests: what they name is whatever the client wrote."""
    requests, failed, tokens, cost = (
        vector[catalog.COUNTER_INDEX[name]] for name in ("requests", "failed_requests", "tokens", "cost")
    )
    return requests > failed or tokens > 0 or cost > 0
