"""What real proxies do that looks like more spend, or less: each is counted to a billionth of a dollar.

The integration runs in this process, the proxies are real ones. Whatever needs proxies of its own takes minutes
and is run by scripts/nightly.
"""

import asyncio
import math
import re
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from homeassistant.const import CONF_API_KEY, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from progress import StepError, step
from prometheus import Prometheus
from proxy import MASTER_KEY, Proxy, traffic
from pytest_homeassistant_custom_component.common import MockConfigEntry
from service import claim_port

from custom_components.litellm_pulse.const import CONF_SCAN_INTERVAL, DOMAIN

from ..conftest import set_up, state
from .balancer import Balancer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

WORKERS = 4
TWO_WORKERS = ("--num_workers", "2", "--timeout_worker_healthcheck", "300")
"""uvicorn ends a worker that has not begun after five seconds, and begins another: a busy machine never gets any."""
PATIENT = """\
import os
import sys

if "--prometheus_metrics_port" in sys.orig_argv:
    # Before anything is imported that counts.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = os.path.abspath(f"counters-{os.getpid()}")
    os.makedirs(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    from litellm.proxy import prometheus_metrics_server

    prometheus_metrics_server._STARTUP_TIMEOUT_SECONDS = 300.0
elif "--num_workers" in sys.orig_argv:
    from uvicorn.supervisors import multiprocess

    multiprocess.Process.is_alive.__defaults__ = (300,)
"""
"""The same where there is no such option, as a sitecustomize."""
ANSWERS_UNTIL_RESTARTED = 11
"""Workers that restarted have counted once the old ones have stayed away for ten answers."""
SAME = 1e-9
"""US dollars by which sums may differ."""
CREATED = re.compile(r"^litellm_\w+_created\{.*$", re.MULTILINE)
START = re.compile(r"^process_start_time_seconds (\S+)$", re.MULTILINE)
FEDERATED = '/federate?match[]={__name__=~"litellm_.*|process_start_time_seconds"}&asked='
"""What a Prometheus has of them; it passes over what was asked for instead."""
SPEND = re.compile(r"^litellm_spend_metric_total\{.*\} (\S+)$", re.MULTILINE)

type Watch = Callable[..., Awaitable[Watched]]


class Watched:
    """A proxy as the integration sees it."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry) -> None:
        """Take an entry that is set up."""
        self._hass = hass
        self._entry = entry

    async def scrape(self) -> float:
        """Have it scrape; return the spend that it shows, in US dollars."""
        await self._entry.runtime_data.coordinator.async_refresh()
        await self._hass.async_block_till_done()
        return float(state(self._hass, self._entry, "spend_lifetime"))


@pytest.fixture
async def watch(hass: HomeAssistant) -> AsyncIterator[Watch]:
    """Return what sets the integration up for a proxy; it scrapes when it is told to."""

    async def watch(url: str, **options: object) -> Watched:
        entry = MockConfigEntry(
            domain=DOMAIN,
            minor_version=3,
            data={CONF_URL: url, CONF_API_KEY: MASTER_KEY, CONF_VERIFY_SSL: True},
            options={CONF_SCAN_INTERVAL: 3600, **options},
        )
        entry.add_to_hass(hass)
        assert await set_up(hass, entry)
        return Watched(hass, entry)

    yield watch
    for entry in hass.config_entries.async_entries(DOMAIN):
        await hass.config_entries.async_unload(entry.entry_id)


def be_patient(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let proxies that are started from now on take their time."""
    (folder / "sitecustomize.py").write_text(PATIENT)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@contextmanager
def running(*proxies: Proxy) -> Iterator[None]:
    """Run proxies, started at the same time."""
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        for proxy in proxies:
            # Several workers each import LiteLLM.
            proxy.start_seconds = 600
            stack.callback(proxy.__exit__)
        for started in [pool.submit(proxy.start) for proxy in proxies]:
            started.result()
        yield


def used(proxy: Proxy, requests: int = 5, seed: int = 0) -> float:
    """Send requests, wait until the proxy has counted them, and return what they cost in US dollars."""
    spent = proxy.send(traffic(requests, seed))
    proxy.wait_until_counted()
    return math.fsum(spent.values())


@contextmanager
def no_file_left(proxy: Proxy) -> Iterator[None]:
    """Use up the file descriptors of a running proxy: what it has open goes on, anything more is refused."""
    assert proxy.pid is not None
    soft, hard = resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE)
    taken = {int(one.name) for one in Path(f"/proc/{proxy.pid}/fd").iterdir()}
    resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (min({*range(soft)} - taken), hard))
    try:
        yield
    finally:
        resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.nightly
async def test_a_proxy_without_a_file_left_does_not_say_when_it_began_and_counts_nothing_twice(
    proxy: Proxy, watch: Watch
) -> None:
    await asyncio.to_thread(used, proxy)
    async with Balancer(proxy.url, keeps_connections=True) as gateway:
        seen = await watch(gateway.url)
        spent = await seen.scrape()
        assert spent == 0
        for turn in range(3):
            spent += await asyncio.to_thread(used, proxy, 5, seed=turn)
            gateway.bodies.clear()
            with no_file_left(proxy):
                assert await seen.scrape() <= spent + SAME
            assert gateway.bodies
            assert not any("process_start_time_seconds" in body for body in gateway.bodies)
            assert await seen.scrape() == pytest.approx(spent, abs=SAME)


@pytest.mark.nightly
async def test_a_proxy_behind_basic_authentication_is_counted_with_its_key_in_the_other_header(
    proxy: Proxy, watch: Watch
) -> None:
    # Some gateways hand their own header on to LiteLLM, which must not take it for its key.
    await asyncio.to_thread(used, proxy)
    async with Balancer(proxy.url, authorization="Basic YW5uOnB3") as gateway:
        seen = await watch(gateway.url, extra_headers={"Authorization": "Basic YW5uOnB3"})
        spent = await asyncio.to_thread(used, proxy)
        assert await seen.scrape() == pytest.approx(spent, abs=SAME)


@pytest.mark.nightly
async def test_two_proxies_behind_a_balancer_that_alternates_are_counted_each_against_itself(
    tmp_path: Path, watch: Watch
) -> None:
    one, other = (Proxy(tmp_path / name) for name in ("one", "other"))
    with running(one, other):
        for proxy in (one, other):
            await asyncio.to_thread(used, proxy)
        async with Balancer(one.url, other.url) as balancer:
            await _count_both(await watch(balancer.url), one, other)


@pytest.mark.nightly
async def test_replicas_of_two_workers_each_are_counted_each_against_itself(tmp_path: Path, watch: Watch) -> None:
    one, other = (Proxy(tmp_path / name, options=TWO_WORKERS) for name in ("one", "other"))
    with running(one, other):
        for proxy in (one, other):
            await asyncio.to_thread(used, proxy)
        async with Balancer(one.url, other.url) as balancer:
            seen = await watch(balancer.url)
            spent = await _count_both(seen, one, other)
            balancer.proxies = (one.url,)
            for turn in range(3):
                # Left alone, it goes on at once.
                spent += await asyncio.to_thread(used, one, 5, seed=20 + turn)
                assert await seen.scrape() == pytest.approx(spent, abs=SAME)


async def _count_both(seen: Watched, one: Proxy, other: Proxy) -> float:
    """Use two proxies that answer in turn, compare what is counted, and return it."""
    for _ in range(4):
        # What either had before is a baseline.
        assert await seen.scrape() == 0
    spent = 0.0
    for turn in range(4):
        spent += await asyncio.to_thread(used, one, 5, seed=turn)
        spent += await asyncio.to_thread(used, other, 10, seed=10 + turn)
        assert await seen.scrape() <= spent + SAME
        assert await seen.scrape() == pytest.approx(spent, abs=SAME)
    return spent


@pytest.mark.nightly
@pytest.mark.parametrize("own_port", [False, True], ids=["two workers", "one worker, its metrics on their own port"])
async def test_workers_that_restart_and_are_used_more_than_before_count_from_zero(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch, *, own_port: bool
) -> None:
    be_patient(tmp_path, monkeypatch)
    port, claim = claim_port(4900)
    options = ("--prometheus_metrics_port", str(port)) if own_port else TWO_WORKERS
    proxy = Proxy(tmp_path / "proxy", options=options)
    with claim, running(proxy):
        await asyncio.to_thread(used, proxy)
        seen = await watch(f"http://127.0.0.1:{port}" if own_port else proxy.url)
        spent = await asyncio.to_thread(used, proxy, 5)
        assert await seen.scrape() == pytest.approx(spent, abs=SAME)
        await asyncio.to_thread(proxy.restart)
        spent += await asyncio.to_thread(used, proxy, 20)
        for _ in range(ANSWERS_UNTIL_RESTARTED):
            assert await seen.scrape() <= spent + SAME
        assert await seen.scrape() == pytest.approx(spent, abs=SAME)
        spent += await asyncio.to_thread(used, proxy, 5, seed=1)
        assert await seen.scrape() == pytest.approx(spent, abs=SAME)


@pytest.mark.nightly
@pytest.mark.usefixtures("_prometheus")
async def test_replicas_that_a_pair_of_prometheus_tells_in_turn_are_counted_each_against_itself(
    tmp_path: Path, watch: Watch
) -> None:
    replicas = Proxy(tmp_path / "one"), Proxy(tmp_path / "several", options=TWO_WORKERS)
    with running(*replicas):
        targets = [one.url.removeprefix("http://") for one in replicas]
        first, second = (
            Prometheus(tmp_path / name, "/metrics/", MASTER_KEY, *targets, labels={"prometheus_replica": name})
            for name in ("first", "second")
        )
        for one in replicas:
            await asyncio.to_thread(used, one)
        with first, second:
            async with Balancer(*(one.url + FEDERATED for one in (first, second))) as balancer:
                await asyncio.to_thread(_scraped, replicas, first, second)
                seen, spent = await watch(balancer.url), 0.0
                for restarted in (None, *replicas, second, None):
                    if restarted:
                        await asyncio.to_thread(restarted.restart)
                    for turn, one in enumerate(replicas):
                        spent += await asyncio.to_thread(used, one, 5, seed=turn)
                    assert await seen.scrape() <= spent + SAME
                    await asyncio.to_thread(_scraped, replicas, first, second)
                    for _ in range(2):
                        await seen.scrape()
                    assert await seen.scrape() == pytest.approx(spent, abs=SAME)


def _scraped(replicas: Sequence[Proxy], *pair: Prometheus) -> None:
    """Wait until each Prometheus has what the replicas have counted."""
    begun, counted = time.monotonic(), math.fsum(_spend(one) for one in replicas)
    for one in pair:
        while abs(one.wait_for("sum(litellm_spend_metric_total)")[0][1] - counted) > SAME:
            assert time.monotonic() - begun < 60
            time.sleep(0.5)


def _spend(proxy: Proxy) -> float:
    """Return what a proxy tells that was spent."""
    return math.fsum(map(float, SPEND.findall(proxy.metrics())))


class Workers:
    """The workers of a proxy, each of which counts for itself, told apart by when their series were created."""

    def __init__(self, proxy: Proxy) -> None:
        """Begin with nothing known."""
        self._proxy = proxy
        self._born: dict[str, float] = {}
        """When a series was created, as a line -> when the first series of its worker was."""

    def look(self) -> dict[float, str]:
        """Ask until every worker has answered: the worker -> its body."""
        found: dict[float, str] = {}
        for _ in range(400):
            body = self._proxy.metrics()
            if lines := CREATED.findall(body):
                who = min(float(line.rpartition(" ")[2]) for line in lines)
                self._born |= dict.fromkeys(lines, who)
                found[who] = body
            if len(found) == WORKERS:
                return found
        raise StepError(f"{len(found)} of {WORKERS} workers answer")

    def of(self, body: str) -> float | None:
        """Return which worker has given a body, or a part of one; None where it does not show."""
        return next((self._born[line] for line in CREATED.findall(body) if line in self._born), None)

    def begin_together(self) -> None:
        """Have all workers used, of which two mostly began in the same moment; where none did, try it once more."""
        self._proxy.send(traffic(40))
        starts = [START.findall(body) for body in self.look().values()]
        if len(set(map(tuple, starts))) == WORKERS:
            self._proxy.restart()
            self._proxy.send(traffic(40))
            self.look()

    def send(self, requests: int, seed: int) -> float:
        """Send requests, wait until the workers have counted them, and return what they cost."""
        before = self._spent()
        sent = math.fsum(self._proxy.send(traffic(requests, seed)).values())
        with step("Waiting for the workers to count the traffic") as current:
            while not math.isclose(self._spent(), before + sent, abs_tol=SAME):
                if current.seconds > 60:
                    raise StepError(f"{self._spent() - before} of {sent} counted")
        return sent

    def _spent(self) -> float:
        """Return what all workers have counted."""
        return math.fsum(float(value) for body in self.look().values() for value in SPEND.findall(body))


@pytest.mark.nightly
async def test_workers_that_each_answer_for_themselves_are_told_apart_though_they_began_together(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_patient(tmp_path, monkeypatch)
    proxy = Proxy(tmp_path / "proxy", "1.80", ("--num_workers", str(WORKERS)))
    workers = Workers(proxy)
    with running(proxy):
        await asyncio.to_thread(workers.begin_together)
        async with Balancer(proxy.url) as balancer:
            seen, spent = await watch(balancer.url), 0.0
            assert await _scrape_all(seen, balancer, workers, most=0) == 0
            for turn in range(3):
                spent += await asyncio.to_thread(workers.send, 20, turn)
                assert await _scrape_all(seen, balancer, workers, most=spent) == pytest.approx(spent, abs=SAME)


async def _scrape_all(seen: Watched, balancer: Balancer, workers: Workers, *, most: float) -> float:
    """Scrape until every worker has answered, ten times at least; no more than `most` is ever counted."""
    balancer.bodies.clear()
    for count in range(1, 200):
        shown = await seen.scrape()
        assert shown <= most + SAME
        if count >= 10 and len({workers.of(body) for body in balancer.bodies} - {None}) == WORKERS:
            return shown
    raise StepError("not every worker has answered")
