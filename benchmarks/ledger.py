"""The ledger's file: how large it is, what it writes a day, how soon it is loaded."""

import json
import os
import time
from dataclasses import asdict
from pathlib import Path

from .course import ZONE, Course, kept, resumed, size
from .engine import Ledger, PendingWrites, read
from .measure import AtMost, Figure, Section, Setting, figure, scratch_folder, wall_ms
from .peer import DAYS, NAME, Peer, homelab_body
from .peer import ninety_days as of_peer

MEGABYTE = 1e6


def run(setting: Setting) -> Section:
    """Measure on copies of a ledger with 90 days in it."""
    path = ninety_days(setting)
    with scratch_folder(setting) as scratch, Peer(setting.peer) as peer:
        theirs = _of_peer(setting, peer, scratch)
        figures = [
            _size(path, theirs),
            *_day(path, scratch, theirs),
            *_loading(path, scratch),
            *_transaction(path, scratch),
        ]
    return Section(
        title="The ledger: 90 days at 60 s, 6 models, 13 metrics, 3 keys, 2 teams",
        note=(
            "A simulated proxy, scraped every 60 s through `Ledger.scrape`; on an active day, for 8 hours every model "
            "gets a request a minute by one of the keys. Bytes are the kernel's count in /proc/self/io of the process "
            "that holds the ledger, with the spare copy written every hour in which something changed, as Home "
            "Assistant's Store would: *written* is `wchar`, the bytes handed to write(); *to disk* is `write_bytes`, "
            "the pages of 4 kB that the disk then has to take, where every scrape's pages are flushed before the "
            "next, as the kernel does when a minute really passes in between. The days are the 91st and 92nd, so "
            "that they delete an old day, too. Loading: `Ledger.open` to the first snapshot; with a cold page cache "
            "where it says so. A transaction: the time in `Store.write`. litellm-pulse: the same number of scrapes "
            "through its own `store_snapshot` and `store_model_snapshots`; its model metrics are the 9 families that "
            "it maps and that have a label `model`."
        ),
        figures=figures,
    )


def ninety_days(setting: Setting) -> Path:
    """Return a ledger with 90 active days, made in minutes and then kept."""
    return kept(setting.cache, "ledger-90-days", _make) / "ledger.db"


def _make(folder: Path) -> None:
    """Simulate the days; every 30 the proxy is restarted. What it answers next is kept beside the ledger."""
    course = Course(folder / "ledger.db")
    days = []
    for day in range(DAYS):
        if day % 30 == 15:
            course.homelab.restart(course.now.timestamp() + 1)
        days.append(asdict(course.day()))
    open_size = size(course.path)
    (folder / "next.prom").write_bytes(course.homelab.body())
    course.close()
    found = {"days": days, "size": open_size, "now": course.now.timestamp(), "zone": ZONE.key}
    (folder / "course.json").write_text(json.dumps(found))


def _of_peer(setting: Setting, peer: Peer, scratch: Path) -> dict[str, dict[str, float]]:
    """Return what litellm-pulse's database of as many days weighs, and what a day writes."""
    _, whole = of_peer(setting, peer)
    body = homelab_body(scratch / "homelab.prom")
    day = peer.ask("keep", database=str(scratch / "peer.db"), body=str(body), scrapes=1440, safe=True)
    return {"whole": whole, "day": day}


def _size(path: Path, theirs: dict[str, dict[str, float]]) -> Figure:
    """Return how large the file, its log and the spare copy are while the ledger is open."""
    course = json.loads(path.with_name("course.json").read_text())
    return figure(
        "on disk after 90 active days",
        "MB",
        [course["size"] / MEGABYTE],
        against=(NAME, [theirs["whole"]["size"] / MEGABYTE]),
        budget=AtMost(15, "MB"),
    )


def _day(path: Path, scratch: Path, theirs: dict[str, dict[str, float]]) -> list[Figure]:
    """Return what one more active day and one more idle day write."""
    course = resumed(path, scratch / "day.db")
    # As after a restart: of a copy, the page cache has pieces of megabytes, which the kernel counts whole.
    course.ledger.close()
    _evict(course.path)
    course.ledger = Ledger.open(course.path, now=course.now, zone=ZONE)
    days = {"active": course.day(flush=True), "idle": course.day(active=False, flush=True)}
    course.close()
    limits = {"active": AtMost(15, "MB"), "idle": AtMost(0.5, "MB")}
    figures = []
    for kind, day in days.items():
        for how, ours in (("written", day.written), ("to_disk", day.to_disk)):
            figures.append(
                figure(
                    f"an {kind} day, {how.replace('_', ' ')}",
                    "MB",
                    [ours / MEGABYTE],
                    against=(NAME, [theirs["day"][how] / MEGABYTE]),
                    budget=limits[kind],
                )
            )
    figures.append(figure("processor time of the ledger, an idle day", "ms", [days["idle"].cpu_ms]))
    figures.append(figure("processor time of the ledger, an active day", "ms", [days["active"].cpu_ms]))
    return figures


def _loading(path: Path, scratch: Path) -> list[Figure]:
    """Return how long opening takes, with the file in the page cache and without."""
    runs: dict[bool, list[float]] = {False: [], True: []}
    for cold in (False, True) * 11:
        course = resumed(path, scratch / "load.db")
        course.ledger.close()
        if cold:
            _evict(course.path)
        opened: list[Ledger] = []
        runs[cold].append(
            wall_ms(lambda: opened.append(Ledger.open(course.path, now=course.now, zone=ZONE)))  # noqa: B023  # at once
        )
        opened[0].close()
    budget = AtMost(200, "ms")
    return [
        figure("loading 90 days", "ms", runs[False], budget=budget),
        figure("loading 90 days, nothing in the page cache", "ms", runs[True], budget=budget),
    ]


def _transaction(path: Path, scratch: Path) -> list[Figure]:
    """Return how long the transaction of a scrape takes in which 200 series changed, and the whole scrape."""
    course = resumed(path, scratch / "transaction.db")
    homelab, ledger = course.homelab, course.ledger
    write = ledger._writer.store.write
    writes: list[float] = []

    def timed(pending: PendingWrites) -> None:
        begun = time.perf_counter()
        write(pending)
        writes.append((time.perf_counter() - begun) * 1e3)

    ledger._writer.store.write = timed  # type: ignore[method-assign]
    scrapes, changed = [], []
    for step in range(100):
        course.now = course.now.replace(second=step % 60, microsecond=step)
        for pair in range(17):
            homelab.request(pair % homelab.models, pair // homelab.models)
        body = homelab.body()
        begun = time.perf_counter()
        report = ledger.scrape(read(ledger.parser(), body), now=course.now, answered_at=course.now).report
        scrapes.append((time.perf_counter() - begun) * 1e3)
        changed.append(report.changed if report else 0)
    ledger.close()
    count = sorted(changed)[len(changed) // 2]
    # The first scrape also takes in what the pages of a copy cost.
    return [
        figure(f"one transaction, {count} changed series", "ms", writes[1:], budget=AtMost(5, "ms")),
        figure(f"the whole scrape, {count} changed series", "ms", scrapes[1:]),
    ]


def _evict(path: Path) -> None:
    """Take a file out of the page cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
