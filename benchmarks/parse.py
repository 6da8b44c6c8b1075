"""One body, from its bytes to increases per dimension: what a scrape costs before SQLite."""

import http.client
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from . import prometheus
from .bodies import Traffic
from .engine import Changes, Tracker, read
from .measure import Costs, Faster, Figure, Section, Setting, cpu_ms, figure, wall_ms
from .peer import NAME, Peer

BIG = "46 MB"
SMALL = "1.0 MB"
INTERVAL = 3
"""Seconds between the Prometheus server's scrapes."""


class Scraped:
    """A proxy whose body is counted again and again."""

    def __init__(self, name: str, traffic: Traffic, every: int, *, cold: bool = False) -> None:
        """Count the first body; with `every` 20, one series in twenty grows between two scrapes."""
        self.name = name
        self.runs: list[float] = []
        self._traffic, self._every, self._cold = traffic, every, cold
        self._step = 0
        self._tracker = Tracker()
        self.count(self.next_body())

    def next_body(self) -> bytes:
        """Return what the proxy answers next."""
        self._step += 1
        return self._traffic.body(self._step, self._every)

    def count(self, body: bytes) -> None:
        """Do the work that is measured."""
        self._tracker.count(read(body, self._tracker.wants), 1e9 + 60 * self._step, Changes())

    def run(self, body: bytes) -> None:
        """Measure one scrape, for a cold one with nothing known before."""
        if self._cold:
            self._tracker = Tracker()
        self.runs.append(cpu_ms(partial(self.count, body)))


def run(setting: Setting) -> Section:
    """Measure everything in turn, round after round."""
    big, small = Traffic(50, 20), Traffic(3, 6)
    some = Scraped(f"{BIG}, one series in twenty changed", big, 20)
    every = Scraped(f"{BIG}, every series changed", big, 1)
    cold = Scraped(f"{BIG}, first scrape", big, 20, cold=True)
    little = Scraped(f"{SMALL}, one series in twenty changed", small, 20)
    little_cold = Scraped(f"{SMALL}, first scrape", small, 20, cold=True)
    with _files(setting, {BIG: some.next_body(), SMALL: little.next_body()}) as files, Peer(setting.peer) as peer:
        floors, client, theirs = _rounds(setting, files, peer, (some, every, cold, little, little_cold))
        figures = [
            _against_peer(some, theirs[BIG], 60),
            _against_floor(some, floors, 2.5),
            _against_peer(every, theirs[BIG], 40),
            _against_floor(every, floors, 4),
            _against_peer(cold, theirs[BIG], 20),
            _against_peer(little, theirs[SMALL], 50),
            _against_peer(little_cold, theirs[SMALL], None),
            figure(some.name, "ms", some.runs, against=("prometheus_client's parser", client), budget=Faster(1)),
            figure(cold.name, "ms", cold.runs, against=("prometheus_client's parser", client), budget=Faster(1)),
        ]
        if setting.prometheus and not setting.quick:
            figures.append(_against_prometheus(setting, setting.prometheus, big))
    return Section(
        title="Parsing one body and folding it into increases",
        note=(
            "Steady state: `exposition.read`, then `Tracker.count`, without SQLite. Processor time, since the "
            "machine is shared; every round measures ours and each peer once, and a ratio is the median of the "
            "rounds' own. Garbage collection stays on, as it is in Home Assistant. litellm-pulse: the two parses "
            "of its `Scraper.scrape`, given the decoded text. The line against the Prometheus server is by the "
            "clock and with the transfer: ours fetches with http.client and folds, its own figure is "
            "`scrape_duration_seconds`; both read the same bodies from the same server, one after the other."
        ),
        figures=figures,
    )


def _rounds(
    setting: Setting, files: dict[str, Path], peer: Peer, ours: tuple[Scraped, ...]
) -> tuple[dict[Scraped, list[float]], list[float], dict[str, list[float]]]:
    """Measure round after round; return the newline counts, prometheus_client and the peer."""
    floors: dict[Scraped, list[float]] = {scraped: [] for scraped in ours}
    client: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in files}
    text = files[BIG].read_text()
    for _ in range(3 if setting.quick else 11):
        for scraped in ours:
            body = scraped.next_body()
            floors[scraped].append(cpu_ms(partial(body.count, b"\n")))
            scraped.run(body)
        client.append(cpu_ms(partial(_parse_with_client, text)))
        for name, file in files.items():
            theirs[name] += peer.ask("parse", path=str(file), times=1)
    return floors, client, theirs


def _parse_with_client(text: str) -> None:
    """Let prometheus_client read a body."""
    for _ in text_string_to_metric_families(text):
        pass


def _against_peer(scraped: Scraped, theirs: list[float], times: float | None) -> Figure:
    """Return a figure against litellm-pulse."""
    return figure(scraped.name, "ms", scraped.runs, against=(NAME, theirs), budget=Faster(times) if times else None)


def _against_floor(scraped: Scraped, floors: dict[Scraped, list[float]], times: float) -> Figure:
    """Return a figure against counting the newlines of the same bodies."""
    return figure(
        scraped.name, "ms", scraped.runs, against=("counting newlines", floors[scraped]), budget=Costs(times)
    )


def _against_prometheus(setting: Setting, binary: Path, traffic: Traffic) -> Figure:
    """Return what fetching and folding takes beside a real server, which does the same."""
    bodies = {f"{step}": traffic.body(step) for step in range(4)}
    with _files(setting, bodies) as files, prometheus.bodies(list(files.values())) as port:
        folder = setting.cache / "prometheus-server"
        shutil.rmtree(folder, ignore_errors=True)
        theirs, peak = prometheus.scrape_durations(binary, folder, port, 11, INTERVAL)
        shutil.rmtree(folder)
        tracker = Tracker()
        ours = [wall_ms(_scraper(tracker, port, at)) for at in range(len(theirs) + 1)][1:]
    name = f"Prometheus server (peak memory {peak:.0f} MB)"
    return figure(f"{BIG}, fetched and folded", "ms", ours, against=(name, theirs), budget=Faster(1))


def _scraper(tracker: Tracker, port: int, at: int) -> Callable[[], None]:
    """Return the work of fetching and folding once."""

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/metrics/")
        body = connection.getresponse().read()
        connection.close()
        tracker.count(read(body, tracker.wants), 1e9 + 60 * at, Changes())

    return work


@contextmanager
def _files(setting: Setting, bodies: dict[str, bytes]) -> Iterator[dict[str, Path]]:
    """Write bodies to files for as long as the block runs."""
    setting.cache.mkdir(parents=True, exist_ok=True)
    files = {name: setting.cache / f"body-{number}.prom" for number, name in enumerate(bodies)}
    for name, file in files.items():
        file.write_bytes(bodies[name])
    try:
        yield files
    finally:
        for file in files.values():
            file.unlink(missing_ok=True)
