"""Answers that are not what the proxy counted: never more than the truth, and exact again once they are.

The property test of whole lives knows what each answer tells. Here answers lose lines, their identity or
their end, come late, come from whoever a balancer chooses, and clocks leap; nobody could say what is counted
meanwhile. What can be said: at no time more than was used, and after some clean answers exactly what is used.
"""

import json
import os
import random
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.errors import AnswerError, SurprisingPartError
from custom_components.litellm_pulse.core.ledger import Ledger
from custom_components.litellm_pulse.core.models import TOTAL, MemberKey, Window
from custom_components.litellm_pulse.core.store import SpareCopy

from .bodies import COST, REQUESTS, START, TOKENS, body, family, read, series

UTC = ZoneInfo("UTC")
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"

MODELS = ("gpt-4o", "opus", "llama")
TEAMS = ("t-1", "t-2")
KEYS = [(model, team) for model in MODELS for team in TEAMS]
CLEAN_ROUNDS = 12
"""Clean answers of each process after which everything must be right again."""


class Kind(StrEnum):
    """What tells the proxy's processes apart."""

    CREATED = "when series were created"
    START = "when processes were started"
    SHARED = "when series were created; all processes share a start"
    JOINED = "an instance label; one answer has all processes"
    JOINED_CREATED = "an instance label, and when series were created"
    WORKERS = "nothing: several workers"
    PIDS = "the pids of several workers"


_TELLS_CREATED = {Kind.CREATED, Kind.SHARED, Kind.JOINED_CREATED}
_JOINS = {Kind.JOINED, Kind.JOINED_CREATED}
_IS_ONE = {Kind.WORKERS, Kind.PIDS}
"""Several of these cannot be told apart, or are told apart by a table of their own."""


class Fault(StrEnum):
    """What happens to one answer on its way."""

    NONE = "none"
    LINES = "lines are lost"
    TWINS = "times of creation are lost"
    IDENTITY = "the identity is lost"
    END = "the end is lost"
    OLD = "it is an older one"
    JUNK = "lines are unreadable"
    ORDER = "labels are in another order"
    TWICE = "lines come twice"


_UNDECIDED: Mapping[Kind, Collection[Fault]] = {
    # Which of them answers nothing but the times of creation tell.
    Kind.SHARED: {Fault.LINES, Fault.TWINS, Fault.END, Fault.JUNK},
    # Others without an identity that have less have begun anew.
    Kind.START: {Fault.IDENTITY},
    # An older answer is what a restart looks like.
    Kind.JOINED: {Fault.OLD},
    Kind.WORKERS: {Fault.OLD},
    Kind.PIDS: {Fault.OLD, Fault.IDENTITY},
}
"""What leaves it open whether a process was restarted, or which one answers: not even the smaller increase is sure."""


_DECIDED_AT_FIRST: Mapping[Kind, Collection[Fault]] = {
    kind: {*Fault} - ({Fault.TWINS} if kind in {Kind.CREATED, Kind.JOINED_CREATED} else {Fault.LINES, Fault.END})
    for kind in Kind
}
"""What the first answer of a process may lack, so that the next one tells what is new."""


class Clock(StrEnum):
    """Whose clock leaps."""

    OURS = "ours"
    PROXYS = "the proxy's"


@dataclass
class Process:
    """A process of the proxy."""

    start: float
    pid: int
    instance: str
    values: dict[tuple[str, str], float] = field(default_factory=dict)
    created: dict[tuple[str, str], float] = field(default_factory=dict)
    is_known: bool = False
    """An answer has come that was as it should be."""
    is_untold: bool = False
    """Its last answer did not tell of all series when they were created."""
    lacked: bool = False
    """Its last scrape may have lacked series."""
    is_lost: bool = False
    """Only a spare copy knows it."""
    is_short: bool = False
    """Its first answer after a lost file may have lacked series, and they have not come since."""


@dataclass(frozen=True)
class Step:
    """Something that happens; what it does not need is not looked at."""

    what: str
    which: int
    seed: int
    fault: Fault
    leap: float
    """Seconds by which a clock is wrong for one answer."""


HAPPENS = (
    *["scrape"] * 8,
    *["part"] * 4,
    *["save", "lose"] * 2,
    *["restart proxy", "add", "reopen", "crash", "evict", "wait"],
)
steps = st.builds(
    Step,
    what=st.sampled_from(HAPPENS),
    which=st.integers(0, 2),
    seed=st.integers(0, 2**32),
    fault=st.sampled_from([*Fault, *[Fault.NONE] * 6]),
    leap=st.sampled_from(
        [0.0] * 12 + [sign * size for sign in (-1, 1) for size in (60, 7200, 86400, 40 * 86400, 3.2e8)]
    ),
)


class World:
    """A proxy, what is between, and a ledger."""

    def __init__(self, kind: Kind, clock: Clock, path: Path, seed: int) -> None:
        """Begin with processes that have been used; `clock` is the one that leaps."""
        self.kind, self.clock, self.path = kind, clock, path
        self.random = random.Random(seed)  # noqa: S311
        self.now = START
        self.number = 0
        self.truth: dict[MemberKey, float] = {}
        self.old: list[bytes] = []
        self.looked = False
        self.leapt: set[int] = set()
        """Pids of those for whose last answer a clock was wrong, also of those that are gone."""
        self.spare_copy: SpareCopy | None = None
        self.has_lost = False
        """The file was lost."""
        count = 1 if kind in _IS_ONE else 2
        self.processes = [self.born(age=1000.0 * (index + 1)) for index in range(count)]
        self.use()
        self.ledger = Ledger.open(path, now=self.now, zone=UTC)
        self.answer(self.processes[0], Fault.NONE, self.random)
        self.scrape(self.processes[0])
        self.looked = True

    def born(self, age: float = 0.0) -> Process:
        """Start a process."""
        self.number += 1
        start = self.now.timestamp() - age + self.number / 100
        if self.kind is Kind.SHARED:
            start = START.timestamp() - 500
        return Process(start, 100 + self.number, f"10.0.0.{self.number}")

    def use(self, keys: Sequence[tuple[str, str]] = ()) -> None:
        """Use the proxy, for some of all or for each of these."""
        for process in self.processes:
            for key in keys or self.random.sample(KEYS, self.random.randint(0, 3)):
                amount = self.random.choice((1, 5, 50, 5000))
                if key not in process.values:
                    self.number += 1
                    since = max(process.start, self.now.timestamp()) if self.looked else process.start
                    process.created[key] = since + self.number / 1000
                process.values[key] = process.values.get(key, 0.0) + amount
                if self.looked:
                    for member in (TOTAL, (Dimension.MODEL, key[0]), (Dimension.TEAM, key[1])):
                        self.truth[member] = self.truth.get(member, 0.0) + amount

    # Answers

    def whole(self, process: Process, asked: frozenset[str] | None = None) -> bytes:
        """Return what a process answers, or a collector that has asked all of them."""
        sources = self.processes if self.kind in _JOINS else [process]
        text = ""
        for name, size in ((COST, 100), (TOKENS, 1), (REQUESTS, 1)):
            if asked is not None and name not in asked:
                continue
            values = {self.labels(one, key): value / size for one in sources for key, value in one.values.items()}
            twins = asked is None or name.removesuffix("_total") + "_created" in asked
            created = (
                {self.labels(one, key): since for one in sources for key, since in one.created.items()}
                if self.kind in _TELLS_CREATED and twins
                else None
            )
            if asked is None or values:
                text += family(name, values, created)
        if self.kind in _JOINS:
            text += _gauge("process_start_time_seconds", {series(instance=one.instance): one.start for one in sources})
        if self.kind is Kind.PIDS:
            text += _gauge("litellm_in_flight_requests", {series(pid=str(process.pid)): 1.0})
        return body(text, start=None if self.kind in _JOINS | _IS_ONE else process.start)

    def labels(self, process: Process, key: tuple[str, str]) -> str:
        """Return the labels of a series."""
        if self.kind in _JOINS:
            return series(instance=process.instance, model=key[0], requested_model=key[0], team=key[1])
        return series(model=key[0], requested_model=key[0], team=key[1])

    def answer(self, process: Process, fault: Fault, chance: random.Random) -> tuple[bytes, bool]:
        """Return what arrives, and whether its end is proven."""
        whole = self.whole(process)
        self.old.append(whole)
        if fault in _UNDECIDED.get(self.kind, ()) or not (process.is_known or fault in _DECIDED_AT_FIRST[self.kind]):
            return whole, True
        if fault is Fault.OLD and self.kind is Kind.START and process.lacked:
            # What is back and lower has been evicted and born anew, as far as anybody can tell.
            return whole, True
        if process.is_short or (self.has_lost and fault is Fault.OLD and self.kind in _JOINS):
            # Of several faults in a row sums do not tell, nor of replicas that are joined which answers are older.
            return whole, True
        if fault is Fault.OLD:
            return chance.choice(self.old), True
        return _damaged(whole.decode().splitlines(keepends=True), fault, chance).encode(), fault is not Fault.END

    def scrape(
        self,
        process: Process,
        fault: Fault = Fault.NONE,
        *,
        leap: float = 0.0,
        seed: int = 0,
    ) -> None:
        """Have a process' answer counted."""
        arrived, complete = self.answer(process, fault, random.Random(seed))  # noqa: S311
        self.count(arrived, complete=complete, leap=leap)
        for one in self.processes if self.kind in _JOINS else [process]:
            one.is_untold = fault not in {Fault.NONE, Fault.ORDER, Fault.TWICE}
            one.is_known |= not one.is_untold
            (self.leapt.add if leap else self.leapt.discard)(one.pid)
            one.lacked = fault in {Fault.OLD, Fault.LINES, Fault.END, Fault.JUNK}
            one.is_short, one.is_lost = one.lacked and (one.is_lost or one.is_short), False

    def part(self, process: Process, seed: int) -> None:
        """Ask for a part, and for whole answers where that is not enough, as the scraper does."""
        if self.ledger.snapshot.process_start is None:
            self.scrape(process)
            return
        asked = frozenset(self.ledger.families)
        try:
            self.count(self.whole(process, asked), part=True)
            process.is_untold = True
        except SurprisingPartError:
            chance = random.Random(seed)  # noqa: S311
            for _ in range(4):
                self.count(self.whole(chance.choice(self.processes)))

    def count(
        self,
        arrived: bytes,
        *,
        complete: bool = True,
        part: bool = False,
        leap: float = 0.0,
    ) -> None:
        """Have the ledger count what has arrived; an answer that is refused changes nothing."""
        leaps = timedelta(seconds=leap)
        before = self.ledger.snapshot
        try:
            self.ledger.scrape(
                read(self.ledger.parser(), arrived),
                now=self.now + leaps if self.clock is Clock.OURS else self.now,
                answered_at=self.now + leaps if self.clock is Clock.PROXYS else self.now,
                part=part,
                complete=complete,
            )
        except SurprisingPartError:
            raise
        except AnswerError:
            assert self.ledger.snapshot is before

    # What happens

    def take(self, step: Step) -> None:
        """Let a step happen."""
        process = self.processes[step.which % len(self.processes)]
        self.now += timedelta(seconds=60)
        self.use()
        match step.what:
            case "scrape":
                self.scrape(process, step.fault, leap=step.leap, seed=step.seed)
            case "part":
                self.part(process, step.seed)
            case "restart proxy":
                self.processes[self.processes.index(process)] = self.born()
            case "add" if self.kind not in _IS_ONE and len(self.processes) < 4:
                self.processes.append(self.born())
            # What a part counted may have been of the series before or after.
            case "evict" if self.kind in _TELLS_CREATED and process.values and not process.is_untold:
                key = random.Random(step.seed).choice(list(process.values))  # noqa: S311
                del process.values[key], process.created[key]
            case "wait":
                self.now += timedelta(hours=step.seed % 30)
            case "save":
                self.save()
            # What is lacking of sums is in memory only.
            case "reopen" | "crash" if not any(one.is_short for one in self.processes):
                self.come_back(step.what)
            case "lose" if self.spare_copy is not None:
                self.lose(process, step)

    def save(self) -> None:
        """Have a spare copy, unless a clock leapt or the first answer of all lacked something: sums do not tell."""
        if not self.leapt and all(one.is_known or not one.is_untold for one in self.processes):
            self.spare_copy = json.loads(json.dumps(self.ledger.spare_copy()))

    def lose(self, process: Process, step: Step) -> None:
        """Have the file lost, and a first answer counted."""
        self.come_back(step.what)
        self.has_lost = True
        # What has less than the sums were is, without an identity, a restart.
        self.scrape(process, step.fault if self.kind not in _IS_ONE else Fault.NONE, seed=step.seed)

    def come_back(self, what: str) -> None:
        """Start Home Assistant again, after it was ended at once, or with its file lost."""
        if what == "crash":
            self.ledger._writer.store.close()
        else:
            self.ledger.close()
        if what == "lose":
            self.path.unlink()
        for process in self.processes:
            # The file that was begun anew has no sums.
            process.is_known &= not process.is_lost
            process.is_lost = what == "lose"
        self.ledger = Ledger.open(self.path, now=self.now, zone=UTC, spare_copy=self.spare_copy)

    def counted(self, window: Window = Window.LIFETIME) -> dict[MemberKey, float]:
        """Return what the ledger says, in hundredths of a dollar."""
        members = [TOTAL, *((Dimension.MODEL, one) for one in MODELS), *((Dimension.TEAM, one) for one in TEAMS)]
        return {one: 100 * (self.ledger.snapshot.value(one, window, "cost") or 0.0) for one in members}

    def clean(self, rounds: int) -> None:
        """Let each process answer as it should, so many times."""
        for _ in range(rounds):
            for process in self.processes:
                self.now += timedelta(seconds=60)
                self.scrape(process)


def _gauge(name: str, samples: Mapping[str, float]) -> str:
    """Return a gauge's family."""
    return f"# TYPE {name} gauge\n" + "".join(f"{name}{labels} {value!r}\n" for labels, value in samples.items())


def _damaged(lines: list[str], fault: Fault, chance: random.Random) -> str:
    """Return what is left of an answer."""
    samples = [line for line in lines if not _is_identity(line)]
    some = set(chance.sample(samples, chance.randint(0, len(samples) // 2)))
    match fault:
        case Fault.LINES:
            lines = [line for line in lines if line not in some]
        case Fault.TWINS:
            lines = [line for line in lines if "_created{" not in line]
        case Fault.IDENTITY:
            lines = [line for line in lines if line.startswith("#") or not _is_identity(line)]
        case Fault.END:
            lines = lines[: chance.randint(1, len(lines))]
        case Fault.JUNK:
            lines = [_junk(line, chance) if line in some else line for line in lines]
        case Fault.ORDER:
            # Of all, of the times of creation only, or of the counters only.
            parts = chance.choice(((True, False), (True,), (False,)))
            lines = [_reordered(line) if ("_created{" in line) in parts else line for line in lines]
        case Fault.TWICE:
            lines = [again for line in lines for again in [line] * (1 + (line in some))]
    return "".join(lines)


def _is_identity(line: str) -> bool:
    """Whether a line says which process answers."""
    return line.startswith(("process_start_time_seconds", "litellm_in_flight", "#"))


def _junk(line: str, chance: random.Random) -> str:
    """Return a line of which nothing can be read."""
    name, _, value = line.rpartition(" ")
    junk = (f"{name} NaN\n", f"{name} +Inf\n", name.replace('"}', "}") + f" {value}", f"{name} -3.0\n", f"{name}\n")
    return chance.choice(junk)


def _reordered(line: str) -> str:
    """Return a line with its labels the other way round."""
    name, brace, rest = line.partition("{")
    if not brace or line.startswith("#"):
        return line
    labels, _, value = rest.rpartition("}")
    return name + "{" + ",".join(reversed(labels.split(","))) + "}" + value


@contextmanager
def world(kind: Kind, clock: Clock, seed: int) -> Iterator[World]:
    """Yield a world with a file of its own, in memory where there is room."""
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        one = World(kind, clock, Path(folder) / "ledger.db", seed)
        try:
            yield one
        finally:
            with suppress(Exception):
                one.ledger._writer.store.close()


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.filterwarnings("ignore:It looks like `register_random`")
@settings(
    max_examples=3000 if NIGHTLY else 40,
    derandomize=not NIGHTLY,
    phases=tuple(Phase) if NIGHTLY else (Phase.generate,),
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=NIGHTLY,
)
@given(clock=st.sampled_from(Clock), seed=st.integers(0, 2**32), life=st.lists(steps, min_size=1, max_size=30))
def test_whatever_answers_lose_never_more_than_the_truth_and_exact_afterwards(
    kind: Kind, clock: Clock, seed: int, life: list[Step]
) -> None:
    with world(kind, clock, seed) as one:
        for step in life:
            one.take(step)
            for member, counted in one.counted().items():
                truth = one.truth.get(member, 0.0)
                assert counted <= truth + 1e-6, (step, member)
        if kind not in _TELLS_CREATED:
            # Whether what is missing has been begun anew, nothing tells.
            one.use(KEYS)
        one.clean(CLEAN_ROUNDS)
        one.now = datetime.combine(one.now.date() + timedelta(days=1), START.timetz())
        one.clean(2)
        before, used_before = {window: one.counted(window) for window in Window}, dict(one.truth)
        for _ in range(3):
            one.use()
            one.clean(1)
        assert one.ledger.snapshot.last_scrape == one.now
        for window, known in before.items():
            for member, amount in one.counted(window).items():
                used = one.truth.get(member, 0.0) - used_before.get(member, 0.0)
                assert amount - known[member] == pytest.approx(used, abs=1e-6), (window, member)
