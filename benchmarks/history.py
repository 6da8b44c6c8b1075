"""Three simulated years of scrapes: what a ledger costs as it grows old."""

import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from .course import ZONE, Course, Day, kept, resumed, size
from .engine import Dimension, Ledger, read, sql
from .measure import Costs, Figure, Section, Setting, Table, figure
from .report import number

YEAR = 365
LAST = 3 * YEAR
FULL = 90
"""Days that a ledger keeps in detail: only these are scraped every minute once the first year is over."""
MONTHS = (31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365)
AGES = (1, 7, 30, 90, 181, 365, LAST)
"""Days after which the growth is measured."""
ROUNDS, SCRAPES = 9, 15
"""Rounds over all ages, and scrapes of each kind in a round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """What a ledger of some age costs; times are medians in milliseconds."""

    days: int
    size: int
    """Bytes on the disk."""
    written: float
    """Bytes handed to write() on an active day, the mean of up to seven."""
    idle_ms: float
    """Processor time of a scrape in which nothing changed."""
    busy_ms: float
    """Processor time of a scrape in which every model was used."""
    load_ms: float
    history_ms: float
    """The last 168 scrapes."""
    usage_ms: float
    """90 days by day and model."""


def run(setting: Setting) -> Section:
    """Report the year, month by month."""
    ages = {age.days: age for age in measured(setting)}
    year = [ages[days] for days in MONTHS]
    rows = [
        (
            *(str(age.days), f"{age.size / 1e6:.1f}", f"{age.written / 1e6:.1f}", number(age.idle_ms)),
            *(number(age.busy_ms), number(age.load_ms), number(age.history_ms), number(age.usage_ms)),
        )
        for age in (*year, ages[LAST])
    ]
    head = ("day", "MB on disk", "MB written a day", "idle scrape, ms", "busy scrape, ms", "load, ms")
    queried = ("last 168 scrapes, ms", "90 days by day and model, ms")
    before, after = year[3:6], year[-3:]
    return Section(
        title="A year at 60 s",
        note=(
            "The same proxy, active 8 hours on each day, for 365 days; from day 90 on the ledger deletes as much as it "
            "adds. Then on to three years: hourly scrapes, which leave the same totals per day, and 90 days at 60 s. "
            "Of each age a copy is kept; they are measured in turn, round after round, in processor time. "
            "The figures compare the last three months of the year with the three after the first 90 days."
        ),
        figures=[_flat(name, unit, before, after, get) for name, unit, get in _FLAT],
        tables=[Table(title="Month by month, and after three years", head=(*head, *queried), rows=rows)],
    )


_FLAT: tuple[tuple[str, str, Callable[[Age], float]], ...] = (
    ("size on disk", "MB", lambda age: age.size / 1e6),
    ("written on an active day", "MB", lambda age: age.written / 1e6),
    ("idle scrape", "ms", lambda age: age.idle_ms),
    ("busy scrape", "ms", lambda age: age.busy_ms),
    ("last 168 scrapes", "ms", lambda age: age.history_ms),
    ("usage of 90 days by day and model", "ms", lambda age: age.usage_ms),
)


def _flat(name: str, unit: str, before: list[Age], after: list[Age], get: Callable[[Age], float]) -> Figure:
    """Return a figure of the year's end against that of its spring."""
    return figure(
        name, unit, list(map(get, after)), against=("months 4 to 6", list(map(get, before))), budget=Costs(1.25)
    )


def measured(setting: Setting) -> list[Age]:
    """Return what a ledger costs at each age; simulated once, then kept."""
    folder = kept(setting.cache, "ledger-3-years", _simulate)
    return [Age(**age) for age in json.loads((folder / "ages.json").read_text())]


def _simulate(folder: Path) -> None:
    """Let three years pass, then measure what was kept of each age."""
    course = Course(folder / "ledger.db")
    kept_of: dict[int, tuple[Path, float]] = {}
    days: list[Day] = []
    for day in range(1, LAST + 1):
        full = day <= YEAR or day > LAST - FULL
        days.append(course.day(seconds=60 if full else 3600))
        if day % 30 == 15:
            course.homelab.restart(course.now.timestamp() + 1)
        if day in {*MONTHS, *AGES}:
            course.close()
            copy = folder / f"day-{day}.db"
            for end in (".db", ".proxy"):
                shutil.copy(course.path.with_suffix(end), copy.with_suffix(end))
            kept_of[day] = copy, statistics.fmean(one.written for one in days[-7:])
            course = Course(course.path, now=course.now, homelab=course.homelab, chance=course.chance)
    course.close()
    (folder / "ages.json").write_text(json.dumps([asdict(age) for age in _measure(kept_of)], indent=1))
    for copy, _ in kept_of.values():
        copy.unlink()


def _measure(kept_of: dict[int, tuple[Path, float]]) -> list[Age]:
    """Measure ledgers of different ages in turn, round after round: what else runs here passes."""
    found: dict[int, list[dict[str, float]]] = {day: [] for day in kept_of}
    sizes: dict[int, int] = {}
    for _ in range(ROUNDS):
        for day, (path, _) in kept_of.items():
            with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
                course = resumed(path, Path(scratch) / "copy.db")
                found[day].append(_times(course))
                sizes[day] = size(course.path)
    return [
        Age(
            days=day,
            size=sizes[day],
            written=written,
            **{name: statistics.median(one[name] for one in found[day]) for name in found[day][0]},
        )
        for day, (_, written) in kept_of.items()
    ]


def _times(course: Course) -> dict[str, float]:
    """Return what loading, queries and scrapes take."""
    course.ledger.close()
    query = sql.UsageQuery(
        start=(course.now - timedelta(days=90)).astimezone(ZONE).replace(hour=0, minute=0),
        end=course.now.astimezone(ZONE).replace(hour=0, minute=0),
        period=sql.Period.DAY,
        zone=ZONE,
        dimensions=[Dimension.MODEL],
    )
    found = {
        "history_ms": _timed(lambda: sql.history(course.path, 168, (), ())),
        "usage_ms": _timed(lambda: list(sql.usage(course.path, query))),
    }
    begun = time.process_time()
    course.ledger = Ledger.open(course.path, now=course.now, zone=ZONE)
    found["load_ms"] = (time.process_time() - begun) * 1e3
    return found | _scrapes(course)


def _scrapes(course: Course) -> dict[str, float]:
    """Return the processor time of an idle and of a busy scrape."""
    found: dict[str, list[float]] = {"idle_ms": [], "busy_ms": []}
    for step in range(2 * SCRAPES):
        busy = step % 2
        if busy:
            for model in range(course.homelab.models):
                course.homelab.request(model, step // 2 % course.homelab.keys)
        body = course.homelab.body()
        course.now += timedelta(seconds=60)
        begun = time.process_time()
        course.ledger.scrape(read(course.ledger.parser(), body), now=course.now, answered_at=course.now)
        found["busy_ms" if busy else "idle_ms"].append((time.process_time() - begun) * 1e3)
    course.ledger.close()
    return {name: statistics.median(values) for name, values in found.items()}


def _timed(work: Callable[[], object]) -> float:
    """Return the processor milliseconds of some work."""
    begun = time.process_time()
    work()
    return (time.process_time() - begun) * 1e3
