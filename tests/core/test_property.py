"""Random lives of a proxy and of Home Assistant, against a model that knows the truth.

What no answer tells cannot be demanded. Usage that an eviction or a restart takes away before the
next answer is lost to anybody, and the machine keeps from making what nobody could tell apart:

- without `_created`, a series that is evicted, created anew and driven past its last value
  between two answers;
- several workers that restart and drive every counter past its last value between two answers, or go back to a
  release with other labels; or that restart twice and have all that they had before the first time, as others that
  take turns with them would;
- after a loss of the file, a process that has evicted series since the spare copy was saved;
- a process that is silent for seven days, which is forgotten.
"""

import json
import os
import resource
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import override
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from custom_components.litellm_pulse.core.counters.process import WAIT_ANSWERS
from custom_components.litellm_pulse.core.errors import AnswerError, SurprisingPartError
from custom_components.litellm_pulse.core.ledger import Ledger
from custom_components.litellm_pulse.core.models import Snapshot
from custom_components.litellm_pulse.core.store import SpareCopy

from .bodies import REQUESTS, START, read
from .world import KEYS, Key, Known, Life, tells_created

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
"""Far more examples, other ones each time; without it they are always the same."""

ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati")
MEMORY = Path("/dev/shm")  # noqa: S108  # no disk is worn out by it
REMEMBERED = timedelta(days=6, hours=12)
"""Seven days, less what the clocks may differ by."""

MOST_AHEAD = timedelta(minutes=25)
"""What the proxy's clock may be ahead by without contradicting ours."""

type Turn = tuple[int, list[tuple[Key, int]], int, bool]
"""Which process, what it is used for, the seconds until it answers, and whether only a part is asked for."""


@dataclass(frozen=True)
class Beginning:
    """The proxy at the first scrape."""

    ages: list[int]
    """Seconds, of each replica."""
    workers: bool
    modern: bool
    created: bool
    zone: str
    uses: list[tuple[Key, int]]


uses = st.lists(st.tuples(st.sampled_from(KEYS), st.integers(1, 5000)), min_size=1, max_size=5)
which = st.integers(0, 2)
either = st.booleans()
turns = st.lists(st.tuples(which, uses, st.integers(1, 7200), either), min_size=1, max_size=5)
beginnings = st.builds(
    Beginning,
    ages=st.lists(st.integers(1, 10**6), min_size=1, max_size=3, unique=True),
    workers=st.sampled_from([False, False, False, True]),
    modern=either,
    created=either,
    zone=st.sampled_from(ZONES),
    uses=st.one_of(st.just([]), uses),
)


class Lifecycles(RuleBasedStateMachine):
    """Drives a ledger on a real file through a random life."""

    def __init__(self) -> None:
        """Make a world without a ledger."""
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.path = Path(self.folder.name) / "ledger.db"
        self.ledger: Ledger | None = None
        self.numbers = count(1)
        self.now = self.latest = START
        self.ahead = timedelta()
        """How far the proxy's clock is ahead of ours."""
        self.since = START.timestamp()
        self.today = 0
        self.full = False
        self.history_lost = False
        """Windows cannot be cut anew."""
        self.lives: list[Life] = []
        self.known = self.written = Known()
        self.spare_copy: SpareCopy | None = None
        self.saved = Known()
        self.from_spare_copy = False
        """The file is still to be begun anew from the spare copy."""
        self.scraped = False
        """Since the ledger was opened."""
        self.anchored: set[Life] = set()
        """Processes of which only the sums are known."""

    @initialize(beginning=beginnings)
    def begin(self, beginning: Beginning) -> None:
        """Make the first scrape of a proxy that has been running."""
        starts = [None] if beginning.workers else [START.timestamp() - age for age in beginning.ages]
        created = beginning.created and not beginning.workers
        self.lives = [Life(start, beginning.modern, created) for start in starts]
        self.refused = 0
        self.known = self.written = Known(zone=beginning.zone)
        self.use(0, beginning.uses)
        self.today = self._day_of(self.now)
        self.ledger = Ledger.open(self.path, now=self.now, zone=ZoneInfo(beginning.zone))
        self._scrape(self.lives[0], first=True)

    # The proxy

    @rule(which=which, uses=uses)
    def use(self, which: int, uses: list[tuple[Key, int]]) -> None:
        """Use the proxy, unless nobody could ever tell."""
        life = self._life(which)
        for key, amount in uses:
            epoch, value = life.counters.get(key) or (self._created(life), 0)
            counters = {**life.counters, key: (epoch, value + amount)}
            if self.known.can_tell(life, counters):
                life.counters = counters

    @precondition(lambda self: self.lives[0].start is not None)
    @rule(which=which, share=st.integers(1, 3), uses=uses)
    def evict(self, which: int, share: int, uses: list[tuple[Key, int]]) -> None:
        """Evict some series or all; some of them are used again before anybody looks."""
        life = self._life(which)
        # Without `_created`, an eviction may look like an older answer.
        if life.tells_created and life not in self.anchored:
            evicted = list(life.counters)[::share]
            life.counters = {key: counter for key, counter in life.counters.items() if key not in evicted}
            self.use(which, uses)

    @rule(
        which=which,
        modern=either,
        created=either,
        mode=st.sampled_from(["as before", "as before", "as before", "one"]),
    )
    def restart_proxy(self, which: int, modern: bool, created: bool, mode: str) -> None:  # noqa: FBT001
        """Restart one process, or all of them where the proxy goes over from several workers to one."""
        old = self._life(which)
        workers = old.start is None and mode == "as before"
        # Back under the old labels, what several workers count cannot be told from what those before them did.
        new = self._born(modern=modern or (workers and old.modern), created=created, workers=workers)
        if workers == (old.start is None):
            self.lives[self.lives.index(old)] = new
        else:
            self.lives = [new]

    @precondition(lambda self: self.lives[0].start is not None and len(self.lives) < 3)
    @rule(modern=either, created=either)
    def add_replica(self, modern: bool, created: bool) -> None:  # noqa: FBT001
        """Start another replica behind the same address."""
        self.lives.append(self._born(modern=modern, created=created, workers=False))

    @precondition(lambda self: len(self.lives) > 1)
    @rule(which=which)
    def end_replica(self, which: int) -> None:
        """End a replica."""
        self.lives.remove(self._life(which))

    # Answers

    @rule(turns=turns)
    def use_and_scrape(self, turns: list[Turn]) -> None:
        """Use the proxy and let it answer, some times in turn."""
        for which, uses, seconds, part in turns:
            self.use(which, uses)
            self._pass(seconds=seconds)
            self._scrape(self._life(which), part=part)

    @rule(turns=turns)
    def use_and_scrape_in_any_order(self, turns: list[Turn]) -> None:
        """Use one process and let another answer."""
        for which, uses, seconds, part in turns:
            self.use(which + 1, uses)
            self._pass(seconds=seconds)
            self._scrape(self._life(which), part=part)

    @rule(which=which)
    def scrape_twice(self, which: int) -> None:
        """Let a process give the same answer twice."""
        self._scrape(self._life(which))
        before = self.known.usage
        self._scrape(self._life(which))
        assert self.known.usage == before

    @precondition(lambda self: self.lives[0].start is not None)
    @rule(which=which, uses=uses)
    def scrape_beside_junk(self, which: int, uses: list[tuple[Key, int]]) -> None:
        """Let a process answer with lines that may be any of its series."""
        life = self._life(which)
        # Beside such lines in its first answer, what appears later may have been there.
        if life in self.known.seen and life not in self.anchored | self.known.forgotten:
            self.use(which, uses)
            self._scrape(life, torn=True)

    @rule(which=which, how=st.sampled_from(["empty", "cut off", "HTML", "a family less"]))
    def lose_answer(self, which: int, how: str) -> None:
        """Let an answer get lost, wholly or in part."""
        life = self._life(which)
        whole = life.answer()
        answers = {"empty": b"", "HTML": b"<html>\n", "cut off": whole[: len(whole) * 2 // 3].rstrip(b"\n")}
        seen = self.known.seen.get(life, {})
        # One whose series have all been born anew may share its start with the one that is known.
        goes_on = any(life.counters.get(key, (None,))[0] == epoch for key, (epoch, _) in seen.items())
        # What is lacking for long is believed to be gone.
        if life.start is not None and life not in self.anchored and goes_on and self.refused < WAIT_ANSWERS // 2:
            answers["a family less"] = whole[: whole.index(f"# HELP {REQUESTS}".encode())]
        if how in answers:
            self.refused += how == "a family less"
            before = self._ledger.snapshot
            with pytest.raises(AnswerError):
                self._ledger.scrape(read(self._ledger.parser(), answers[how]), now=self.now, answered_at=None)
            assert self._ledger.snapshot is before

    # Time

    @rule(hours=st.integers(1, 40))
    def pass_time(self, hours: int) -> None:
        """Let time pass; a timer begins the windows."""
        self._pass(hours=hours)
        self._ledger.roll(now=self.now)
        if self._day_of(self.now) > self.today:
            self.today = self._day_of(self.now)
            if self.now - self.latest < timedelta(days=2):
                # A longer leap has to be confirmed by an answer.
                self.latest = self.now

    @rule(seconds=st.integers(1, 1500))
    def step_our_clock_back(self, seconds: int) -> None:
        """Step our clock back, on the same day; the proxy's goes on, and does not contradict it."""
        before, ahead = self.now - timedelta(seconds=seconds), self.ahead + timedelta(seconds=seconds)
        if ahead <= MOST_AHEAD and self._day_of(before) == self._day_of(self.now) == self.today:
            self.now, self.ahead = before, ahead

    @rule(minutes=st.integers(1, 20))
    def step_the_proxys_clock(self, minutes: int) -> None:
        """Step the proxy's clock ahead, by less than what would contradict ours."""
        self.ahead = min(self.ahead + timedelta(minutes=minutes), MOST_AHEAD)

    @precondition(lambda self: not self.full and not self.history_lost)
    @rule(zone=st.sampled_from(ZONES))
    def move(self, zone: str) -> None:
        """Change the zone."""
        self._ledger.set_zone(ZoneInfo(zone), now=self.now)
        if zone != self.known.zone:
            self.known = replace(self.known, zone=zone)
            self.today = self._day_of(max(self.now, self.latest))
            self._note_written()

    # Home Assistant

    @rule()
    def save_head(self) -> None:
        """Save the spare copy, as Home Assistant does some time after a change."""
        self.spare_copy = json.loads(json.dumps(self._ledger.spare_copy()))
        self.saved = replace(self.known, day=self.today)

    @rule(hours=st.integers(0, 20))
    def restart(self, hours: int) -> None:
        """Restart Home Assistant."""
        writes = not self.full and (self.scraped or not self.from_spare_copy)
        if writes or (self._can_tell_by_sums(self.known) if self.from_spare_copy else self._can_tell(self.written)):
            self.save_head()
            self._at_disk(self._ledger.close)
            if writes:
                self._note_written()
            self._come_back(hours)

    @rule(hours=st.integers(0, 20))
    def crash(self, hours: int) -> None:
        """End Home Assistant at once: what is not written is gone."""
        if self._can_tell_by_sums(self.saved) if self.from_spare_copy else self._can_tell(self.written):
            self._ledger._writer.store.close()
            self._come_back(hours)

    @rule(damage=st.sampled_from(["deleted", "truncated", "overwritten"]), hours=st.integers(0, 20))
    def lose_file(self, damage: str, hours: int) -> None:
        """Lose the file while Home Assistant is stopped."""
        if self.spare_copy is None or not self._can_tell_by_sums(self.saved):
            return
        self._ledger._writer.store.close()
        if damage == "deleted":
            self.path.unlink()
        elif damage == "truncated":
            os.truncate(self.path, 5000)
        else:
            self.path.write_bytes(b"\x07" * self.path.stat().st_size)
        self.from_spare_copy = True
        self._come_back(hours)

    @precondition(lambda self: not self.full)
    @rule(which=which)
    def delete_file_and_scrape(self, which: int) -> None:
        """Delete the file under the ledger."""
        self.path.unlink()
        self.history_lost = True
        self._scrape(self._life(which))
        assert self._ledger.snapshot.recovery is not None

    @rule()
    def fill_disk(self) -> None:
        """Let the disk be full, or make room again."""
        self.full = not self.full

    @override
    def teardown(self) -> None:
        """Let go of the file."""
        if self.ledger is not None:
            self.ledger._writer.store.close()
        self.folder.cleanup()

    # What must hold

    @invariant()
    def every_figure_is_the_truth(self) -> None:
        """Compare each member in each window."""
        if self.ledger is None:
            return
        for member, window, used in self.known.truth(self.today, self._day_of):
            for metric, size in (("cost", 100), ("tokens", 1), ("requests", 1)):
                counted = self.ledger.snapshot.value(member, window, metric)
                assert counted == pytest.approx(used / size, rel=1e-9, abs=1e-9), (member, window, metric)

    # How it is done

    @property
    def _ledger(self) -> Ledger:
        """The ledger, which is open in every rule."""
        assert self.ledger is not None
        return self.ledger

    def _life(self, which: int) -> Life:
        """Return one of the processes."""
        return self.lives[which % len(self.lives)]

    def _created(self, life: Life) -> float:
        """Return when a series is created now, by the proxy's clock; no two are created at the same time."""
        if not self.scraped and life.start is not None and self.ledger is None:
            return life.start + next(self.numbers) / 1000
        return self._later() + next(self.numbers) / 1000

    def _born(self, *, modern: bool, created: bool, workers: bool) -> Life:
        """Return a process that begins now; no two begin at the same time."""
        start = self._later() + next(self.numbers) / 1000
        if not workers:
            return Life(start, modern, created)
        return Life(None, modern, tells_created=False)

    def _later(self) -> float:
        """Return the proxy's clock, past the second of the first look: what is made in that may have been before."""
        return max((self.now + self.ahead).timestamp(), self._look() + 1)

    def _scrape(self, life: Life, *, torn: bool = False, part: bool = False, first: bool = False) -> None:
        """Let a process answer, and work out what that tells."""
        snapshot, created = self._ask(life, torn=torn, part=part and not first)
        self.latest = max(self.now, self.latest)
        assert snapshot.last_scrape == self.latest
        self.today = max(self.today, self._day_of(self.latest))
        before = {} if life in self.anchored | self.known.forgotten else self.known.seen.get(life, {})
        look = self._look()
        younger = life in self.known.seen or life.start is None or life.start > look
        counts, look = younger and not first, look if not first else self.now.timestamp()
        # Against sums, all counts that they have gained.
        by_created = created and life not in self.anchored
        date = (self.now + self.ahead).timestamp()
        self.known = self.known.after(life, self.latest, counts=counts, look=look, created=by_created, date=date)
        self.known = self.known.told(life, created=created, before=before)
        self.anchored.discard(life)
        self.scraped = True
        if snapshot.store_error is None:
            self._note_written()
        else:
            assert self.full

    def _look(self) -> float:
        """Return when the ledger looked first, by the proxy's clock now: the later of what two clocks say."""
        answered_at = (self.now + self.ahead).timestamp()
        # While our clock is behind, time stands still. A few seconds are nothing.
        apart = answered_at - self.latest.timestamp()
        possible = (self.since, self.since + (apart if abs(apart) > 5 else 0.0))
        return max((one for one in possible if one <= answered_at + 5), default=answered_at)

    def _ask(self, life: Life, *, torn: bool, part: bool) -> tuple[Snapshot, bool]:
        """Ask for a part, or for the whole answer; return also whether it tells when series were created."""
        asked, created = self._ledger.families, life.tells_created
        if part and not torn and life.start is not None:
            created = created and tells_created(asked)
            if self.known.can_tell(life, life.counters, created=created):
                with suppress(AnswerError, SurprisingPartError):
                    return self._count(life.answer(asked=asked), part=True), created
        return self._count(life.answer(torn=torn)), life.tells_created

    def _count(self, answer: bytes, *, part: bool = False) -> Snapshot:
        """Have an answer counted."""
        date = self.now + self.ahead
        return self._at_disk(
            lambda: self._ledger.scrape(read(self._ledger.parser(), answer), now=self.now, answered_at=date, part=part)
        )

    def _note_written(self) -> None:
        """Note that all that is known is in the file."""
        self.from_spare_copy = False
        self.written = self.known.in_file(self.anchored)

    def _come_back(self, hours: int) -> None:
        """Start Home Assistant again after a while, with room on the disk."""
        self._pass(hours=hours)
        self.full = self.scraped = False
        self.known = self.saved if self.from_spare_copy else self.written
        self.ledger = Ledger.open(self.path, now=self.now, zone=ZoneInfo(self.known.zone), spare_copy=self.spare_copy)
        snapshot = self._ledger.snapshot
        assert (snapshot.recovery is not None) == self.from_spare_copy
        assert snapshot.last_scrape is not None
        # An idle scrape waits for an hour to be written.
        assert timedelta() <= self.known.last - snapshot.last_scrape < timedelta(hours=1)
        self.latest = snapshot.last_scrape
        if self.from_spare_copy:
            self.anchored, self.history_lost = set(self.known.seen), True
            self.today = max(self.known.day, self._day_of(self.now))
        else:
            self.anchored = set()
            self.today = self._day_of(max(self.now, self.latest))

    def _can_tell(self, known: Known) -> bool:
        """Whether the truth can be known after coming back with less."""
        return all(known.can_tell(life, life.counters) for life in self.lives)

    def _can_tell_by_sums(self, known: Known) -> bool:
        """Whether it can be after coming back with a spare copy."""
        return known.zone == self.known.zone and all(map(known.can_tell_by_sums, self.lives))

    def _pass(self, **passed: float) -> None:
        """Let time pass, but not so much that a process is forgotten."""
        states = self.known, self.written, self.saved
        oldest = min(
            (state.answered[life] for state in states for life in self.lives if life in state.answered),
            default=self.now,
        )
        self.now = max(self.now, min(self.now + timedelta(**passed), oldest + REMEMBERED))

    def _day_of(self, at: datetime) -> int:
        """Return the local day of a time."""
        return at.astimezone(ZoneInfo(self.known.zone)).date().toordinal()

    def _at_disk[T](self, work: Callable[[], T]) -> T:
        """Run what writes, with no room for a single page where the disk is full."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        if self.full:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            return work()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


BUDGET = settings(
    max_examples=5000 if NIGHTLY else 150,
    stateful_step_count=100 if NIGHTLY else 50,
    derandomize=not NIGHTLY,
    # Making a life small takes minutes, which only the nightly run has.
    phases=tuple(Phase) if NIGHTLY else (Phase.generate,),
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=NIGHTLY,
)


@pytest.mark.filterwarnings("ignore:It looks like `register_random`")
def test_whatever_happens_to_either_side_every_figure_is_the_truth() -> None:
    run_state_machine_as_test(Lifecycles, settings=BUDGET)
