"""Thirty simulated days with everything that can go wrong, and 200 reloads."""

import asyncio
import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.helpers import event
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from . import hostile, reliability
from .answering import BEGIN, Answering, serving
from .apart import apart
from .home import add_entry, home_assistant, resident, set_up, spent
from .left import Left
from .measure import AtMost, Figure, Section, Setting, figure, scratch_folder

DAYS = 30
STEP = timedelta(minutes=5)
SETTLED = 9
"""Days after which nothing more should grow: processes that are gone are forgotten after seven."""
RELOADS = 200


def run(setting: Setting) -> Section:
    """Measure each in a process of its own, and write the page of promises from it."""
    with scratch_folder(setting) as folder:
        found = [*apart(_month, folder), *apart(_reload, folder)]
    section = Section(
        title="A long and hard life",
        note=(
            f"In a Home Assistant as above, whose clock is moved: {DAYS} days of scrapes, one every "
            f"{STEP.total_seconds() / 60:.0f} minutes, of six models and three keys. One answer in ten is none: no "
            "connection, 401, 429, 500, 503, HTML, nothing, half a body, a body of another kind. The proxy is "
            "restarted once a day, the entry reloaded three times a week, the disk is full for an hour a week. "
            f"Growth is that of the resident set from day {SETTLED} on."
        ),
        figures=found,
    )
    reliability.write("soak", [*found, *hostile.run(setting).figures])
    return section


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


FAULTS = ("connection", "401", "429", "500", "503", "html", "empty", "half", "other")


def _month(folder: Path) -> list[Figure]:
    """Live through the days."""
    return asyncio.run(_days(folder / "month"))


async def _days(folder: Path) -> list[Figure]:
    clock, chance = Clock(), random.Random(15)  # noqa: S311  # faults
    async with serving(Answering(now=lambda: clock.now)) as proxy, home_assistant(folder) as hass:
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
                    wrong = max(wrong, abs(spent(coordinator) - proxy.spent))
                    memory.append(resident())
            assert await hass.config_entries.async_unload(entry.entry_id)
            await hass.async_block_till_done()
            await asyncio.sleep(0.1)
            left = (await Left.of(hass)).more_than(before)
    weeks = (DAYS - SETTLED) / 7
    growth = (memory[-1] - memory[SETTLED - 1]) / weeks / 1e6
    return [
        figure(f"{DAYS} days: the most that a day's total was off", "USD", [wrong], budget=AtMost(1e-6, "USD")),
        figure(f"{DAYS} days: memory that a week adds", "MB", [max(0.0, growth)], budget=AtMost(1, "MB")),
        figure(f"{DAYS} days: tasks, threads, files, sockets, listeners left over", "", [left], budget=AtMost(0, "")),
    ]


async def _warm(hass: HomeAssistant, entry: MockConfigEntry) -> Left:
    """Set up and unload once, since some things are made once for good; return what is held then."""
    coordinator = await set_up(hass, entry)
    # After the first answers connections are kept for a while, in Home Assistant's pool.
    await coordinator.async_refresh()
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    await asyncio.sleep(0.1)
    return await Left.of(hass)


def _reload(folder: Path) -> list[Figure]:
    """Reload again and again."""
    return asyncio.run(_reloads(folder / "reloads"))


async def _reloads(folder: Path) -> list[Figure]:
    async with serving(Answering()) as proxy, home_assistant(folder) as hass:
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
        wrong = abs(spent(coordinator) - (proxy.spent - first))
        assert await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()
        await asyncio.sleep(0.1)
        left = (await Left.of(hass)).more_than(before)
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
