"""One body, from its bytes to increases per dimension: what a scrape costs before SQLite."""

import http.client
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from . import prometheus
from .bodies import Traffic
from .engine import Changes, Reader, Tracker, read
from .measure import Costs, Faster, Figure, Section, Setting, cpu_ms, figure, wall_ms
from .peer import NAME, Peer

BIG = "46 MB"
SMALL = "1.0 MB"
PIECE = 256 * 1024
"""Bytes that the client takes at once."""
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
        self.count([self.next_body()])

    def next_body(self) -> bytes:
        """Return what the proxy answers next."""
        self._step += 1
        return self._traffic.body(self._step, self._every)

    def count(self, pieces: Sequence[bytes]) -> None:
        """Do the work that is measured."""
        exposition = read(Reader(self._tracker.wanted), *pieces)
        self._tracker.count(exposition, 1e9 + 60 * self._step, Changes())

    def run(self, pieces: Sequence[bytes]) -> None:
        """Measure one scrape, for a cold one with nothing known before."""
        if self._cold:
            self._tracker = Tracker()
        self.runs.append(cpu_ms(partial(self.count, pieces)))


def run(setting: Setting) -> Section:
    """Measure everything in turn, round after round."""
    big = _measure_big(setting, Traffic(50, 20))
    small = _measure_small(setting, Traffic(3, 6))
    return Section(
        title="Parsing one body and folding it into increases",
        note=(
            "Steady state: `exposition.Reader`, fed with pieces of 256 KiB, then `Tracker.count`, without SQLite. "
            "Processor time, since the machine is shared; every round measures ours and each peer once, and a ratio "
            "is the median of the rounds' own. Garbage collection stays on, as it is in Home Assistant. "
            "litellm-pulse: the two parses of its `Scraper.scrape`, given the decoded text. The line "
            "against the Prometheus server is by the clock and with the transfer: ours fetches with http.client and folds, its own figure is "
            "`scrape_duration_seconds`; both read the same bodies from the same server, one after the other."
        ),
        figures=[*big, *small],
    )


def _measure_big(setting: Setting, traffic: Traffic) -> list[Figure]:
    """Measure the body of 50 keys and 20 models."""
    some = Scraped(f"{BIG}, one series in twenty changed", traffic, 20)
    every = Scraped(f"{BIG}, every series changed", traffic, 1)
    cold = Scraped(f"{BIG}, first scrape", traffic, 20, cold=True)
    floors, theirs = _rounds(setting, (some, every, cold), 3 if setting.quick else 11)
    figures = [
        _against_peer(some, theirs, 60),
        _against_floor(some, floors, 2.5),
        _against_peer(every, theirs, 40),
        _against_floor(every, floors, 4),
        _against_peer(cold, theirs, 20),
    ]
    if setting.quick:
        return figures
    figures += _against_client(traffic, some, cold)
    if setting.prometheus:
        figures.append(_against_prometheus(setting, setting.prometheus, traffic))
    return figures


def _measure_small(setting: Setting, traffic: Traffic) -> list[Figure]:
    """Measure the body of 3 keys and 6 models, and have it read by prometheus_client, too."""
    some = Scraped(f"{SMALL}, one series in twenty changed", traffic, 20)
    cold = Scraped(f"{SMALL}, first scrape", traffic, 20, cold=True)
    _, theirs = _rounds(setting, (some, cold), 15 if setting.quick else 51)
    return [_against_peer(some, theirs, 50), _against_peer(cold, theirs, None), *_against_client(traffic, some, cold)]


def _rounds(setting: Setting, ours: tuple[Scraped, ...], rounds: int) -> tuple[dict[Scraped, list[float]], list[float]]:
    """Measure round after round; return the newline counts of the same bodies, and the peer."""
    floors: dict[Scraped, list[float]] = {scraped: [] for scraped in ours}
    theirs: list[float] = []
    with _files(setting, [ours[0].next_body()]) as files, Peer(setting.peer) as peer:
        for _ in range(rounds):
            for scraped in ours:
                body = scraped.next_body()
                floors[scraped].append(cpu_ms(partial(body.count, b"\n")))
                scraped.run(_pieces(body))
            theirs += peer.ask("parse", path=str(files[0]), times=1)
    return floors, theirs


def _pieces(body: bytes) -> list[bytes]:
    """Cut a body as it comes over the network."""
    return [body[start : start + PIECE] for start in range(0, len(body), PIECE)]


def _against_client(traffic: Traffic, *ours: Scraped) -> list[Figure]:
    """Return figures against prometheus_client, which takes ten seconds for a large body: three runs."""
    text = traffic.body().decode()
    client = [cpu_ms(partial(_parse_with_client, text)) for _ in range(3)]
    name = "prometheus_client's parser"
    return [figure(one.name, "ms", one.runs, against=(name, client), budget=Faster(1)) for one in ours]


def _parse_with_client(text: str) -> None:
    """Let prometheus_client read a body."""
    for _ in text_string_to_metric_families(text):
        pass


def _against_peer(scraped: Scraped, theirs: list[float], times: float | None) -> Figure:
    """Return a figure against litellm-pulse."""
    return figure(scraped.name, "ms", scraped.runs, against=(NAME, theirs), budget=Faster(times) if times else None)


def _against_floor(scraped: Scraped, floors: dict[Scraped, list[float]], times: float) -> Figure:
    """Return a figure against counting the newlines of the same bodies."""
    return figure(scraped.name, "ms", scraped.runs, against=("counting newlines", floors[scraped]), budget=Costs(times))


def _against_prometheus(setting: Setting, binary: Path, traffic: Traffic) -> Figure:
    """Return what fetching and folding takes beside a real server, which does the same."""
    with _files(setting, [traffic.body(step) for step in range(4)]) as files, prometheus.bodies(files) as port:
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
        response = connection.getresponse()
        exposition = read(Reader(tracker.wanted), *iter(partial(response.read, PIECE), b""))
        connection.close()
        tracker.count(exposition, 1e9 + 60 * at, Changes())

    return work


@contextmanager
def _files(setting: Setting, bodies: Sequence[bytes | bytearray]) -> Iterator[list[Path]]:
    """Write bodies to files for as long as the block runs."""
    setting.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=setting.cache) as folder:
        files = [Path(folder) / f"{number}.prom" for number in range(len(bodies))]
        for file, body in zip(files, bodies, strict=True):
            file.write_bytes(body)
        yield files
