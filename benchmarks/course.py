"""A ledger over days of simulated scrapes, and what each day costs.

The spare_copy is dumped as Home Assistant's Store would write it: an hour after a change.
"""

import hashlib
import inspect
import json
import os
import pickle
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from .engine import INTEGRATION, Ledger, read
from .homelab import Homelab
from .measure import Spread

ZONE = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2025, 12, 31, 23, tzinfo=UTC)
"""The new year in ZONE."""
WORK = range(9, 17)
"""Hours of an active day in which every model gets a request a minute, by one of the keys."""
HEAD_DELAY = timedelta(hours=1)
"""The integration's SPARE_COPY_SAVE_DELAY."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What 24 hours of scrapes have cost; the operating system counts the bytes."""

    scrapes: int
    written: int
    """Bytes handed to write(): `wchar` of /proc/<pid>/io."""
    to_disk: int
    """Bytes of pages that had to go to the disk: `write_bytes` of /proc/<pid>/io."""
    idle_ms: float
    """Median processor time of a scrape in which nothing changed; 0 where there was none."""
    busy_ms: float
    """Median processor time of a scrape in which something changed; 0 where there was none."""
    cpu_ms: float
    """Processor time of all scrapes."""


@dataclass(slots=True)
class Course:
    """A proxy and the ledger that scrapes it, as time passes."""

    path: Path
    now: datetime = BEGIN
    all_keys: bool = False
    """In an active minute every key uses every model, not one key each."""
    homelab: Homelab = field(default_factory=Homelab)
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311  # traffic
    ledger: Ledger = field(init=False)
    _head_due: datetime | None = None

    def __post_init__(self) -> None:
        """Open the ledger."""
        self.ledger = Ledger.open(self.path, now=self.now, zone=ZONE)

    def day(self, *, active: bool = True, seconds: int = 60, flush: bool = False) -> Day:
        """Let 24 hours pass, with a scrape every so many seconds.

        With `flush` every scrape's pages reach the disk before the next, as they do when a
        minute really passes in between: the kernel writes back after 30 seconds.
        """
        before = _io()
        timings: dict[bool, list[float]] = {False: [], True: []}
        with self._flushing(flush) as flushed:
            for _ in range(86400 // seconds):
                changed, taken = self._minute(seconds, active=active)
                timings[changed].append(taken)
                flushed()
        after = _io()
        return Day(
            scrapes=86400 // seconds,
            written=after["wchar"] - before["wchar"],
            to_disk=after["write_bytes"] - before["write_bytes"],
            idle_ms=_median(timings[False]),
            busy_ms=_median(timings[True]),
            cpu_ms=sum(timings[False]) + sum(timings[True]),
        )

    def close(self) -> None:
        """Close the ledger, and keep beside it what is needed to go on."""
        self.ledger.close()
        self.path.with_suffix(".proxy").write_bytes(pickle.dumps((self.now, self.homelab, self.chance)))

    def _minute(self, seconds: int, *, active: bool) -> tuple[bool, float]:
        """Let the traffic come in and scrape; return whether anything changed, and its processor time."""
        self.now += timedelta(seconds=seconds)
        if active and self.now.astimezone(ZONE).hour in WORK:
            self._traffic()
        body = self.homelab.body()
        begun = time.process_time()
        snapshot = self.ledger.scrape(read(self.ledger.parser(), body), now=self.now, answered_at=self.now)
        taken = (time.process_time() - begun) * 1e3
        changed = snapshot.report is not None and snapshot.report.changed > 0
        self._save_head(changed=changed)
        return changed, taken

    def _traffic(self) -> None:
        """Let every model get its request."""
        for model in range(self.homelab.models):
            keys = range(self.homelab.keys) if self.all_keys else [self.chance.randrange(self.homelab.keys)]
            for key in keys:
                self.homelab.request(model, key)

    def _save_head(self, *, changed: bool) -> None:
        """Write the spare copy some minutes after a change, in the way and form of Home Assistant's Store."""
        if self._head_due is None:
            self._head_due = self.now + HEAD_DELAY if changed else None
        elif self.now >= self._head_due:
            self._head_due = None
            envelope = {"version": 1, "minor_version": 1, "key": "litellm_pulse", "data": self.ledger.spare_copy()}
            partial = self.path.with_suffix(".spare_copy.tmp")
            partial.write_text(json.dumps(envelope, indent=2, ensure_ascii=False))
            partial.rename(self.path.with_suffix(".spare_copy"))

    @contextmanager
    def _flushing(self, wanted: bool) -> Iterator[_Flush]:  # noqa: FBT001  # private
        """Hold the ledger's files open, so that they can be flushed without SQLite's locks in the way."""
        names = [self.path, *(self.path.with_name(f"{self.path.name}-{end}") for end in ("wal", "shm"))]
        files = [os.open(name, os.O_RDWR) for name in names if wanted and name.exists()]
        try:
            yield _Flush(files, self.path.with_suffix(".spare_copy"))
        finally:
            for file in files:
                os.close(file)


class _Flush:
    """Brings what was written to the disk."""

    def __init__(self, files: list[int], spare_copy: Path) -> None:
        self._files, self._head = files, spare_copy
        self._seen = 0

    def __call__(self) -> None:
        """Do it, where anything was written since the last call."""
        if not self._files or (written := _io()["wchar"]) == self._seen:
            return
        for file in self._files:
            os.fsync(file)
        if self._head.exists():
            with self._head.open("rb") as spare_copy:
                os.fsync(spare_copy.fileno())
        self._seen = written


def resumed(path: Path, to: Path) -> Course:
    """Go on, in a copy at another place, where a course was closed."""
    for file in (path, path.with_suffix(".proxy")):
        shutil.copy(file, to.with_suffix(file.suffix))
    # Our own file, written by `Course.close`.
    now, homelab, chance = pickle.loads(path.with_suffix(".proxy").read_bytes())  # noqa: S301
    return Course(to, now=now, homelab=homelab, chance=chance)


def kept(cache: Path, name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of a course, made anew where the ledger or the simulation has changed."""
    own = hashlib.sha256(inspect.getsource(make).encode()).hexdigest()[:4]
    folder = cache / f"{name}-{_DIGEST}{own}"
    if not folder.exists():
        for old in cache.glob(f"{name}-*"):
            shutil.rmtree(old)
        partial = cache / f"{name}-{os.getpid()}"
        partial.mkdir(parents=True)
        make(partial)
        partial.rename(folder)
    return folder


def _digest() -> str:
    """Return what identifies the ledger and the simulation that run now."""
    own = Path(__file__).parent
    files = [*sorted((INTEGRATION / "core").glob("*.py")), *(own / f"{name}.py" for name in _SIMULATION)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


_SIMULATION = ("bodies", "course", "homelab")
_DIGEST = _digest()


def size(path: Path) -> int:
    """Return the bytes of a ledger on the disk, its write-ahead log and spare_copy included."""
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.stem}.*") if file.suffix != ".proxy")


def _io() -> dict[str, int]:
    """Return what the kernel counts of this process' reads and writes."""
    rows = (line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return {name: int(value) for name, value in rows}


def _median(values: list[float]) -> float:
    return Spread.of(values).median if values else 0.0
