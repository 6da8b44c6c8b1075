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
from .apart import Apart
from .bodies import Traffic
from .engine import Answer, Counting, ExpositionParser, read
from .measure import Costs, Faster, Figure, Section, Setting, cpu_ms, figure, wall_ms
from .peer import NAME, Peer

BIG = "46 MB"
SMALL = "1.0 MB"
PIECE = 256 * 1024
"""Bytes that the client takes at once."""
INTERVAL = 3
"""Seconds between the Prometheus server's scrapes."""


class Proxy:
    """A proxy whose body is counted again and again; it lives in a process of its own."""

    def __init__(self, size: tuple[int, int], every: int, *, cold: bool) -> None:
        """Count the first body, of so many keys and models."""
        self._traffic, self._every, self._cold = Traffic(*size), every, cold
        self._step = 0
        self._counting = Counting()
        self.measure()

    def measure(self) -> tuple[float, float]:
        """Return the milliseconds of one scrape, and those of counting its newlines.

        For a cold scrape nothing is known before.
        """
        self._step += 1
        body = self._traffic.body(self._step, self._every)
        pieces = [body[start : start + PIECE] for start in range(0, len(body), PIECE)]
        floor = cpu_ms(partial(body.count, b"\n"))
        if self._cold:
            self._counting = Counting()
        return cpu_ms(partial(self._count, pieces)), floor

    def _count(self, pieces: Sequence[bytes]) -> None:
        exposition = read(ExpositionParser(self._counting.wanted), *pieces)
        now = 1.8e9 + 60 * self._step
        self._counting.count(Answer(exposition=exposition, answered_at=now, now=now))


class Scraped:
    """What is measured of a proxy; with `every` 20, one series in twenty grows between two scrapes."""

    def __init__(self, name: str, size: tuple[int, int], every: int, *, cold: bool = False) -> None:
        """Have the proxy made in its process."""
        self.name = name
        self.runs: list[float] = []
        self.floors: list[float] = []
        self._proxy = Apart(Proxy, size, every, cold=cold)

    def run(self) -> None:
        """Measure one scrape."""
        ours, floor = self._proxy.call("measure")
        self.runs.append(ours)
        self.floors.append(floor)

    def close(self) -> None:
        """End its process."""
        self._proxy.close()


def run(setting: Setting) -> Section:
    """Measure everything in turn, round after round."""
    return Section(
        title="Parsing one body and folding it into increases",
        note=(
            "Steady state: `exposition.ExpositionParser`, fed with pieces of 256 KiB, then `Counting.count`, without "
            "SQLite. Processor time, since the machine is shared; every round measures ours and the peer once, each in "
            "a process of its own, and a ratio is the median of the rounds' own. Garbage collection stays on, as it is "
            "in Home Assistant. litellm-pulse: the two parses of its `Scraper.scrape`, given the decoded text. The "
            "line against the Prometheus server is by the clock and with the transfer: ours fetches with http.client "
            "and folds, its own figure is `scrape_duration_seconds`; both read the same bodies from the same server, "
            "one after the other."
        ),
        figures=[*_measure_big(setting), *_measure_small(setting)],
    )


def _measure_big(setting: Setting) -> list[Figure]:
    """Measure the body of 50 keys and 20 models."""
    size = 50, 20
    some = Scraped(f"{BIG}, one series in twenty changed", size, 20)
    every = Scraped(f"{BIG}, every series changed", size, 1)
    cold = Scraped(f"{BIG}, first scrape", size, 20, cold=True)
    traffic = Traffic(*size)
    theirs = _rounds(setting, traffic, (some, every, cold), 3 if setting.quick else 11)
    figures = [
        _against_peer(some, theirs, 60),
        _against_floor(some, 2.5),
        _against_peer(every, theirs, 40),
        _against_floor(every, 4),
        _against_peer(cold, theirs, _missed(20, reached=13, setting=setting)),
    ]
    if setting.quick:
        return figures
    figures += _against_client(traffic, some, cold)
    if setting.prometheus:
        figures.append(_against_prometheus(setting, setting.prometheus, traffic))
    return figures


def _measure_small(setting: Setting) -> list[Figure]:
    """Measure the body of 3 keys and 6 models, and have it read by prometheus_client, too."""
    size = 3, 6
    some = Scraped(f"{SMALL}, one series in twenty changed", size, 20)
    cold = Scraped(f"{SMALL}, first scrape", size, 20, cold=True)
    theirs = _rounds(setting, Traffic(*size), (some, cold), 15 if setting.quick else 51)
    client = _against_client(Traffic(*size), some, cold)
    budget = _missed(50, reached=28, setting=setting)
    return [_against_peer(some, theirs, budget), _against_peer(cold, theirs, None), *client]


def _missed(budget: float, *, reached: float, setting: Setting) -> float:
    """Return a budget that is not met, or for a check what is: it is there to tell what has become slower."""
    return reached if setting.quick else budget


def _rounds(setting: Setting, traffic: Traffic, ours: tuple[Scraped, ...], rounds: int) -> list[float]:
    """Measure round after round; return the runs of the peer."""
    theirs: list[float] = []
    with _files(setting, [traffic.body()]) as files, Peer(setting.peer) as peer:
        for _ in range(rounds):
            for scraped in ours:
                scraped.run()
            theirs += peer.ask("parse", path=str(files[0]), times=1)
    for scraped in ours:
        scraped.close()
    return theirs


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


def _against_floor(scraped: Scraped, times: float) -> Figure:
    """Return a figure against counting the newlines of the same bodies."""
    floor = "counting newlines", scraped.floors
    return figure(scraped.name, "ms", scraped.runs, against=floor, budget=Costs(times))


def _against_prometheus(setting: Setting, binary: Path, traffic: Traffic) -> Figure:
    """Return what fetching and folding takes beside a real server, which does the same."""
    with _files(setting, [traffic.body(step) for step in range(4)]) as files, prometheus.bodies(files) as port:
        folder = setting.cache / "prometheus-server"
        shutil.rmtree(folder, ignore_errors=True)
        theirs, peak = prometheus.scrape_durations(binary, folder, port, 11, INTERVAL)
        shutil.rmtree(folder)
        counting = Counting()
        ours = [wall_ms(_scraper(counting, port, at)) for at in range(len(theirs) + 1)][1:]
    name = f"Prometheus server (peak memory {peak:.0f} MB)"
    return figure(f"{BIG}, fetched and folded", "ms", ours, against=(name, theirs), budget=Faster(1))


def _scraper(counting: Counting, port: int, at: int) -> Callable[[], None]:
    """Return the work of fetching and folding once."""

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/metrics/")
        response = connection.getresponse()
        exposition = read(ExpositionParser(counting.wanted), *iter(partial(response.read, PIECE), b""))
        connection.close()
        now = 1.8e9 + 60 * at
        counting.count(Answer(exposition=exposition, answered_at=now, now=now))

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
