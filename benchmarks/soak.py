"""Thirty simulated days with everything that can go wrong, 200 reloads, and twenty proxies at once."""

import asyncio
import gc
import os
import random
import resource
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from time import monotonic
from typing import Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.core import HomeAssistant
from homeassistant.helpers import event
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from . import hostile, reliability
from .apart import apart
from .home import add_entry, home_assistant, resident, set_up, turns
from .homelab import Homelab
from .measure import AtMost, Figure, Section, Setting, figure, scratch_folder

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 30
STEP = timedelta(minutes=5)
SETTLED = 9
"""Days after which nothing more should grow: processes that are gone are forgotten after seven."""
RELOADS = 200
CROWD_SECONDS = 60
"""For which twenty proxies are scraped by their own timers, once a second each."""
HTML, OTHER = b"<html><body>Sign in</body></html>", b"# TYPE up gauge\nup 1\n"
SPEND = "litellm_spend_metric_total"


def run(setting: Setting) -> Section:
    """Measure each in a process of its own, and write the page of promises from it."""
    with scratch_folder(setting) as folder:
        found = [*apart(_month, folder), *apart(_reload, folder), *apart(_crowd, folder)]
    section = Section(
        title="A long and hard life",
        note=(
            f"In a Home Assistant as above, whose clock is moved: {DAYS} days of scrapes, one every "
            f"{STEP.total_seconds() / 60:.0f} minutes, of six models and three keys. One answer in ten is none: no "
            "connection, 401, 429, 500, 503, HTML, nothing, half a body, a body of another kind. The proxy is "
            "restarted once a day, the entry reloaded three times a week, the disk is full for an hour a week. "
            f"Growth is that of the resident set from day {SETTLED} on. Twenty proxies: twelve that work, and two "
            f"each that are dead, slow, lying, flapping, for {CROWD_SECONDS} s by their own timers."
        ),
        figures=found,
    )
    reliability.write([*found, *hostile.run(setting).figures])
    return section


class Answering:
    """A proxy that answers with what it counts, or with what its `fault` is."""

    def __init__(self, seed: int = 0, clock: Clock | None = None) -> None:
        """Begin with six models and three keys that nobody has used; with a clock, that is the proxy's, too."""
        self._clock = clock
        self.homelab = Homelab(started=BEGIN.timestamp() - 60)
        self.spent = 0.0
        self.fault: str | None = None
        self.answers = 0
        self._chance = random.Random(seed)  # noqa: S311  # traffic
        application = web.Application()
        application.router.add_get("/{path:.*}", self._answer)
        self.server = TestServer(application, host="127.0.0.1")

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server.port}"

    def use(self) -> None:
        """Have a model used."""
        before = self._in_dollars()
        self.homelab.request(self._chance.randrange(self.homelab.models), self._chance.randrange(self.homelab.keys))
        self.spent += self._in_dollars() - before

    def _in_dollars(self) -> float:
        return sum(one.value for (family, _, _), one in self.homelab._series.items() if family == SPEND)

    async def _answer(self, request: web.Request) -> web.Response:
        """Answer, in part where that is asked for."""
        self.answers += 1
        body = self.homelab.body()
        if self.fault == "slow":
            await asyncio.sleep(CROWD_SECONDS)
        if self.fault in {"connection", "dead"}:
            assert request.transport is not None
            request.transport.abort()
        if self.fault and self.fault.isdigit():
            return web.Response(status=int(self.fault), headers={"Retry-After": "1"})
        date = {"Date": format_datetime(self._clock.now, usegmt=True)} if self._clock else {}
        bodies = {"empty": b"", "half": body[: len(body) // 2 - 3], "html": HTML, "lying": HTML, "other": OTHER}
        told = bodies.get(self.fault or "", _part(body, request.query.getall("name[]", [])))
        return web.Response(body=told, headers=date)


def _part(body: bytes, names: Sequence[str]) -> bytes:
    """Return the families that are named, or all."""
    if not names:
        return body
    wanted = {name.encode() for name in names}
    blocks = body.split(b"# TYPE ")
    return b"".join(b"# TYPE " + one for one in blocks[1:] if one.split(b" ", 1)[0] in wanted)


@asynccontextmanager
async def _serving(proxy: Answering) -> AsyncIterator[Answering]:
    await proxy.server.start_server(access_log=None)
    try:
        yield proxy
    finally:
        await proxy.server.close()


@dataclass(slots=True)
class Clock:
    """The time that Home Assistant believes it is."""

    now: datetime = BEGIN

    def _timestamp(self) -> float:
        return self.now.timestamp()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Let whoever asks Home Assistant for the time be told this one."""
        with (
            patch.object(dt_util, "utcnow", lambda: self.now),
            patch.object(event, "time_tracker_timestamp", self._timestamp),
            patch.object(event, "time_tracker_utcnow", lambda: self.now),
        ):
            yield


@contextmanager
def _full_disk(wanted: bool) -> Iterator[None]:  # noqa: FBT001  # private
    """Let no file of this process grow, where wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if wanted:
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@dataclass(slots=True)
class Left:
    """What a process holds that has to be given back."""

    tasks: int = field(default_factory=lambda: len(asyncio.all_tasks()))
    threads: int = field(default_factory=lambda: sum(map(_is_ours, threading.enumerate())))
    """Those that Home Assistant's own executors keep for good are left out."""
    files: int = 0
    sockets: int = 0
    listeners: int = 0

    @classmethod
    def of(cls, hass: HomeAssistant) -> Left:
        """Count what is held now."""
        gc.collect()
        open_now = Counter(_kind(one) for one in os.listdir("/proc/self/fd"))  # noqa: PTH208  # the kernel's own
        return cls(
            files=open_now["file"], sockets=open_now["socket"], listeners=sum(hass.bus.async_listeners().values())
        )

    def more_than(self, before: Left) -> int:
        """Return how many more of anything there are than before."""
        return sum(max(0, getattr(self, name) - getattr(before, name)) for name in self.__slots__)


def _is_ours(thread: threading.Thread) -> bool:
    """Whether a thread is none of the pools that Home Assistant fills as it needs them."""
    return not thread.name.startswith(("asyncio_", "ImportExecutor", "SyncWorker"))


def _kind(descriptor: str) -> str:
    """Return what a descriptor of this process is."""
    with suppress(OSError):
        target = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115  # likewise
        return "socket" if target.startswith("socket:") else "file" if target.startswith("/") else "other"
    return "gone"


FAULTS = ("connection", "401", "429", "500", "503", "html", "empty", "half", "other")


def _month(folder: Path) -> list[Figure]:
    """Live through the days."""
    return asyncio.run(_days(folder / "month"))


async def _days(folder: Path) -> list[Figure]:
    clock, chance = Clock(), random.Random(15)  # noqa: S311  # faults
    async with _serving(Answering(clock=clock)) as proxy, home_assistant(folder) as hass:
        with clock.told():
            entry = add_entry(hass, proxy.url)
            before = await _warm(hass, entry)
            coordinator = await set_up(hass, entry)
            memory: list[float] = []
            wrong = 0.0
            steps = timedelta(days=1) // STEP
            for step in range(DAYS * steps):
                clock.now += STEP
                day, minute = divmod(step, steps)
                if 96 < minute < 228 and chance.random() < 0.5:
                    proxy.use()
                proxy.fault = chance.choice(FAULTS) if chance.random() < 0.1 else None
                if minute == 150:
                    # What came between the last answer and a restart nobody can know.
                    proxy.fault = None
                    await coordinator.async_refresh()
                    proxy.homelab.restart(clock.now.timestamp() - 1)
                with _full_disk(day % 7 == 3 and 100 <= minute < 112):
                    await coordinator.async_refresh()
                if minute % 12 == 0:
                    await coordinator._async_roll(clock.now)
                if minute == 260 and day % 2 == 0:
                    await hass.config_entries.async_reload(entry.entry_id)
                    coordinator = entry.runtime_data.coordinator
                await hass.async_block_till_done()
                if minute == steps - 1:
                    proxy.fault = None
                    await coordinator.async_refresh()
                    wrong = max(wrong, abs(_spent(coordinator) - proxy.spent))
                    memory.append(resident())
            assert await hass.config_entries.async_unload(entry.entry_id)
            await hass.async_block_till_done()
            await asyncio.sleep(0.1)
            left = Left.of(hass).more_than(before)
    weeks = (DAYS - SETTLED) / 7
    growth = (memory[-1] - memory[SETTLED - 1]) / weeks / 1e6
    return [
        figure(f"{DAYS} days: the most that a day's total was off", "USD", [wrong], budget=AtMost(1e-6, "USD")),
        figure(f"{DAYS} days: memory that a week adds", "MB", [max(0.0, growth)], budget=AtMost(1, "MB")),
        figure(f"{DAYS} days: tasks, threads, files, sockets, listeners left over", "", [left], budget=AtMost(0, "")),
    ]


async def _warm(hass: HomeAssistant, entry: MockConfigEntry) -> Left:
    """Set up and unload once, since some things are made once for good; return what is held then."""
    await set_up(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    await asyncio.sleep(0.1)
    return Left.of(hass)


def _spent(coordinator: Any) -> float:  # noqa: ANN401  # the integration is not imported
    """Return the lifetime spend that is shown."""
    total = next(key for key in coordinator.data.snapshot.usage if key[1] == "")
    return float(coordinator.data.snapshot.usage[total].get("lifetime", "cost"))


def _reload(folder: Path) -> list[Figure]:
    """Reload again and again."""
    return asyncio.run(_reloads(folder / "reloads"))


async def _reloads(folder: Path) -> list[Figure]:
    async with _serving(Answering()) as proxy, home_assistant(folder) as hass:
        entry = add_entry(hass, proxy.url)
        before = await _warm(hass, entry)
        coordinator = await set_up(hass, entry)
        first = proxy.spent
        # Pools fill and arenas grow to what they will have.
        await _reload_and_use(hass, entry, proxy, RELOADS // 2)
        begun = resident()
        await _reload_and_use(hass, entry, proxy, RELOADS - RELOADS // 2)
        grown = (resident() - begun) / 1e6
        coordinator = entry.runtime_data.coordinator
        wrong = abs(_spent(coordinator) - (proxy.spent - first))
        assert await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()
        await asyncio.sleep(0.1)
        left = Left.of(hass).more_than(before)
    return [
        figure(f"{RELOADS} reloads: what the total is off", "USD", [wrong], budget=AtMost(1e-6, "USD")),
        figure(
            f"{RELOADS} reloads: memory that the second half adds", "MB", [max(0.0, grown)], budget=AtMost(10, "MB")
        ),
        figure(
            f"{RELOADS} reloads: tasks, threads, files, sockets, listeners left over", "", [left], budget=AtMost(0, "")
        ),
    ]


async def _reload_and_use(hass: HomeAssistant, entry: MockConfigEntry, proxy: Answering, times: int) -> None:
    """Reload, with a request in between."""
    for _ in range(times):
        proxy.use()
        assert await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done()


def _crowd(folder: Path) -> list[Figure]:
    """Let twenty proxies be scraped by their own timers."""
    return asyncio.run(_crowded(folder / "crowd"))


async def _crowded(folder: Path) -> list[Figure]:
    kinds = [*(["dead", "slow", "lying", "flapping"] * 2), *[None] * 12]
    proxies = [Answering(seed) for seed in range(len(kinds))]
    async with home_assistant(folder) as hass:
        for proxy in proxies:
            await proxy.server.start_server(access_log=None)
        entries = [add_entry(hass, proxy.url, scan_interval=1) for proxy in proxies]
        # With the first, Home Assistant sets all of them up.
        await set_up(hass, entries[0])
        for proxy, kind in zip(proxies, kinds, strict=True):
            proxy.fault, proxy.answers = None if kind == "flapping" else kind, 0
        longest = await _live([(proxy, kind == "flapping") for proxy, kind in zip(proxies, kinds, strict=True)])
        fewest = min(proxy.answers for proxy, kind in zip(proxies, kinds, strict=True) if kind is None)
        wrong = 0.0
        for entry, proxy in zip(entries, proxies, strict=True):
            proxy.fault = None
            await entry.runtime_data.coordinator.async_refresh()
            wrong = max(wrong, abs(_spent(entry.runtime_data.coordinator) - proxy.spent))
        for entry, proxy in zip(entries, proxies, strict=True):
            assert await hass.config_entries.async_unload(entry.entry_id)
            await proxy.server.close()
    missed = max(0, CROWD_SECONDS - fewest)
    return [
        figure("20 proxies, 8 of them faulty: what any total is off", "USD", [wrong], budget=AtMost(1e-6, "USD")),
        figure(
            f"20 proxies: scrapes that a healthy one missed of {CROWD_SECONDS}",
            "",
            [missed],
            budget=AtMost(CROWD_SECONDS // 10, ""),
        ),
        figure("20 proxies: longest turn of the loop in half a second", "ms", longest, budget=AtMost(10, "ms")),
    ]


async def _live(proxies: Sequence[tuple[Answering, bool]]) -> list[float]:
    """Let all be used, and those that flap come and go; return the loop's longest turn in each half second."""
    longest: list[float] = []
    end = monotonic() + CROWD_SECONDS
    while monotonic() < end:
        with turns() as taken:
            await asyncio.sleep(0.5)
        longest.append(max(taken))
        for proxy, flaps in proxies:
            if flaps:
                proxy.fault = "503" if proxy.fault is None else None
            proxy.use()
    return longest
