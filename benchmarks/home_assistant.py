"""What the integration costs Home Assistant: its event loop, memory, processor and start."""

import asyncio
import re
import time
from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from pytest_homeassistant_custom_component.common import MockConfigEntry
from yarl import URL

from .apart import apart
from .bodies import RECORDING, Traffic
from .home import (
    Heartbeat,
    Past,
    Peak,
    add_entry,
    clock_at,
    home_assistant,
    ninety_days,
    served,
    set_up,
)
from .measure import AtMost, Costs, Figure, Section, Setting, figure, scratch_folder

SCRAPES = 6
"""Scrapes of the large body, one every INTERVAL seconds."""
INTERVAL = 10
A_DAY = 1440
SETUPS = 7
HOMELAB = RECORDING.with_name("litellm-1.106-master-key.prom")
"""A proxy with three models and one key."""


def run(setting: Setting) -> Section:
    """Measure each in a Home Assistant of its own."""
    with scratch_folder(setting) as folder:
        figures = [
            *apart(_busy, folder),
            *apart(_idle, folder),
            *apart(_start, folder, ninety_days(setting)),
        ]
    return Section(
        title="Inside Home Assistant",
        note=(
            "A Home Assistant core in the process that measures, on the real loop, with a static proxy in another one "
            "that compresses, and gives the part that is asked for, as LiteLLM with one worker does. `async_refresh` "
            "of the coordinator is one scrape: request, fold, SQLite, entities. *Late*: the "
            f"latest beat of a 5 ms heartbeat on the loop within {INTERVAL} s, by the clock, so it also holds what "
            "the neighbours on this machine do, as the same Home Assistant without the entry shows, measured in turn. "
            "Memory: the peak of the resident set over what it was before the scrape. Processor time is that of the "
            "whole process, all threads."
        ),
        figures=figures,
    )


def _busy(folder: Path) -> list[Figure]:
    """Scrape the body of 46 MB."""
    traffic = Traffic(50, 20)
    files = []
    for step in range(SCRAPES + 3):
        files.append(folder / f"busy-{step}.prom")
        files[-1].write_bytes(traffic.body(step))
    size = files[0].stat().st_size
    with served(files) as url:
        late, quiet, peaks, cpu = asyncio.run(_beats(folder / "busy", url))
    return [
        figure("46 MB every 10 s: latest callback", "ms", late, against=("without the entry", quiet)),
        figure(
            "46 MB every 10 s: later than without the entry",
            "ms",
            [ours - without for ours, without in zip(late, quiet, strict=True)],
            budget=AtMost(10, "ms"),
        ),
        figure("46 MB: peak memory, times the body", "", [peak / size for peak in peaks], budget=AtMost(1.5, "")),
        figure("46 MB: processor time of one scrape", "ms", cpu),
    ]


async def _beats(folder: Path, url: str) -> tuple[list[float], list[float], list[float], list[float]]:
    """Return the lateness with and without scrapes, the peaks of memory, and processor time."""
    late, quiet, peaks, cpu = [], [], [], []
    async with home_assistant(folder) as hass:
        entry = add_entry(hass, url)
        coordinator = await set_up(hass, entry)
        await coordinator.async_refresh()
        heart = Heartbeat()
        for _ in range(SCRAPES):
            peak = Peak()
            heart.reset()
            begun = time.process_time()
            await coordinator.async_refresh()
            cpu.append((time.process_time() - begun) * 1e3)
            await asyncio.sleep(INTERVAL / 2)
            late.append(heart.reset())
            peaks.append(peak.rise())
            await asyncio.sleep(INTERVAL / 2)
            quiet.append(heart.reset())
        heart.stop()
    return late, quiet, peaks, cpu


def _idle(folder: Path) -> list[Figure]:
    """Scrape a proxy that does nothing but count the scrapes, a day's worth of times."""
    file = folder / "idle.prom"
    # The one line that changes: LiteLLM counts scrapes as requests.
    line = rb'(litellm_proxy_total_requests_metric_total\{[^\n]*route="/metrics/"[^\n]*\}) [^\n]+'
    body, count = re.subn(line, rb"\1 @scrapes@", HOMELAB.read_bytes())
    assert count == 1
    file.write_bytes(body)
    with served([file]) as url:
        runs, bare, day = asyncio.run(_day(folder / "idle", url))
    name = f"{len(body) / 1000:.0f} kB, idle: processor time of a scrape"
    return [
        figure(name, "ms", runs, budget=AtMost(3, "ms")),
        figure(name, "ms", runs, against=("a bare GET of it", bare), budget=Costs(1.5)),
        figure(f"{A_DAY} such scrapes, a day at 60 s", "s", [day], budget=AtMost(5, "s")),
    ]


async def _day(folder: Path, url: str) -> tuple[list[float], list[float], float]:
    """Return the processor time of each scrape, of a bare GET of the same answer after it, and of all scrapes."""
    runs, bare = [], []
    async with home_assistant(folder) as hass:
        coordinator = await set_up(hass, add_entry(hass, url))
        session = async_get_clientsession(hass)
        families = coordinator.config_entry.runtime_data.ledger.families
        part = URL(f"{url}/metrics/").with_query([("name[]", family) for family in families])
        for _ in range(A_DAY):
            before = time.process_time()
            await coordinator.async_refresh()
            after = time.process_time()
            async with session.get(part, headers={"Accept": "text/plain"}) as response:
                await response.read()
            runs.append((after - before) * 1e3)
            bare.append((time.process_time() - after) * 1e3)
        return runs, bare, sum(runs) / 1e3


def _start(folder: Path, past: Past) -> list[Figure]:
    """Set an entry up whose ledger holds 90 days, each time in a new Home Assistant, and again in the same."""
    with served([past.body]) as url, clock_at(past.then):
        runs = [asyncio.run(_set_up_twice(folder / f"start-{run}", url, past)) for run in range(SETUPS)]
    # The first one imports the integration.
    (wall, loop), (wall_again, loop_again) = (zip(*one, strict=True) for one in zip(*runs[1:], strict=True))
    return [
        figure("set-up of an entry with 90 days", "ms", wall, budget=AtMost(500, "ms")),
        figure("of which on the event loop", "ms", loop, budget=AtMost(50, "ms")),
        figure("set-up when its entities are registered", "ms", wall_again, budget=AtMost(500, "ms")),
        figure("of which on the event loop", "ms", loop_again, budget=AtMost(50, "ms")),
        figure("the very first set-up, imports included", "ms", [runs[0][0][0]]),
    ]


async def _set_up_twice(folder: Path, url: str, past: Past) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return what a set-up takes where no entity is known yet, and again where all are, as after a restart."""
    async with home_assistant(folder) as hass:
        entry = add_entry(hass, url)
        await past.adopt(hass, entry)
        first = await _timed(hass, entry)
        assert await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()
        return first, await _timed(hass, entry)


async def _timed(hass: HomeAssistant, entry: MockConfigEntry) -> tuple[float, float]:
    """Return the milliseconds of a set-up by the clock, and the loop's processor time of it."""
    begun, busy = time.perf_counter(), time.thread_time()
    coordinator = await set_up(hass, entry)
    taken = (time.perf_counter() - begun) * 1e3, (time.thread_time() - busy) * 1e3
    assert coordinator.data.usage, "the ledger was not taken in"
    return taken
