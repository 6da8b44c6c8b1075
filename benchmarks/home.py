"""A Home Assistant to measure in: the core that its own tests use, in this process, on the real event loop."""

import asyncio
import ctypes
import gc
import importlib
import json
import logging
import re
import shutil
import subprocess
import sys
import time
from asyncio.events import Handle
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from homeassistant import config_entries, loader
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import event, frame
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_test_home_assistant

from .apart import apart
from .endings import ending
from .measure import Setting

DOMAIN = "litellm_pulse"
PLATFORMS = ("binary_sensor", "event", "number", "sensor")
BEAT = 0.005
"""Seconds between two heartbeats."""


@asynccontextmanager
async def home_assistant(folder: Path) -> AsyncIterator[HomeAssistant]:
    """Run a Home Assistant that finds the integration; it takes no port and seeks nobody in the network."""
    # That custom integrations are at the user's own risk is said at each start.
    logging.getLogger("homeassistant.loader").setLevel(logging.ERROR)
    server = "homeassistant.components.http.HomeAssistantHTTP"
    zeroconf = "homeassistant.components.zeroconf.async_get_async_zeroconf"
    with (
        patch(f"{server}.async_bind"),
        patch(f"{server}.start"),
        patch(zeroconf),
        # It would reload an entry by itself in the middle of the measurements.
        patch.object(config_entries, "RELOAD_AFTER_UPDATE_DELAY", 3600),
    ):
        async with async_test_home_assistant(config_dir=str(folder)) as hass:
            frame.async_setup(hass)
            hass.data.pop(loader.DATA_CUSTOM_COMPONENTS)
            await _run_in(hass)
            yield hass
            await hass.async_stop(force=True)


async def _run_in(hass: HomeAssistant) -> None:
    """Have what any running Home Assistant has: the web server, the platforms, the shared HTTP client."""
    for component in ("http", *PLATFORMS):
        assert await async_setup_component(hass, component, {})
    async_get_clientsession(hass)
    await hass.async_block_till_done()


def add_entry(hass: HomeAssistant, url: str, **options: object) -> MockConfigEntry:
    """Return an entry for a proxy, not yet set up; its scrapes are made by hand."""
    data = {"url": url, "verify_ssl": True}
    entry = MockConfigEntry(domain=DOMAIN, title="bench", data=data, options={"scan_interval": 3600, **options})
    entry.add_to_hass(hass)
    return entry


async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> Any:  # noqa: ANN401  # the integration is not imported
    """Set an entry up and return its coordinator."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry.runtime_data.coordinator


def spent(coordinator: Any) -> float:  # noqa: ANN401  # the integration is not imported
    """Return the lifetime spend that is shown."""
    total = next(key for key in coordinator.data.snapshot.usage if key[1] == "")
    return float(coordinator.data.snapshot.usage[total].get("lifetime", "cost"))


def enable_all(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Enable every entity as a user does: at its first set-up, an entry is given ten thousand at most."""
    registry = er.async_get(hass)
    for one in er.async_entries_for_config_entry(registry, entry.entry_id):
        registry.async_update_entity(one.entity_id, disabled_by=None)


@contextmanager
def served(files: Sequence[Path]) -> Iterator[str]:
    """Serve bodies in turn from a process of their own, compressed as LiteLLM does; yields the proxy's address."""
    command: list[str | Path] = [sys.executable, Path(__file__).with_name("serve.py"), "--gzip", *files]
    with ending(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"


@dataclass(frozen=True, slots=True)
class Past:
    """A simulated ledger, and the moment and place at which its course ended."""

    ledger: Path
    body: Path
    """What the proxy answers next."""
    then: float
    zone: str

    async def adopt(self, hass: HomeAssistant, entry: MockConfigEntry) -> None:
        """Give an entry a copy of it."""
        await hass.config.async_set_time_zone(self.zone)
        place = Path(hass.config.path(DOMAIN, f"{entry.entry_id}.db"))
        place.parent.mkdir(parents=True)
        shutil.copy(self.ledger, place)


def ninety_days(setting: Setting) -> Past:
    """Return a ledger with 90 days; made in a process of its own, where the core stands without Home Assistant."""
    ledger = apart(_ninety_days, setting)
    course = json.loads(ledger.with_name("course.json").read_text())
    return Past(ledger, ledger.with_name("next.prom"), course["now"], course["zone"])


def _ninety_days(setting: Setting) -> Path:
    made: Path = importlib.import_module(".ledger", __package__).ninety_days(setting)
    return made


@contextmanager
def clock_at(begin: float) -> Iterator[None]:
    """Let it be `begin` now for whoever asks Home Assistant for the time, and go on from there."""
    shift = begin - time.time()
    with (
        patch.object(dt_util, "utcnow", lambda: datetime.now(UTC) + timedelta(seconds=shift)),
        patch.object(event, "time_tracker_timestamp", lambda: time.time() + shift),
        patch.object(event, "time_tracker_utcnow", dt_util.utcnow),
    ):
        yield


@contextmanager
def turns() -> Iterator[list[float]]:
    """Note how long each turn of the event loop takes: milliseconds of its own thread's processor time."""
    found: list[float] = []
    run = Handle._run

    def timed(handle: Handle) -> None:
        begun = time.thread_time()
        run(handle)
        found.append((time.thread_time() - begun) * 1e3)

    with patch.object(Handle, "_run", timed):
        yield found


class Heartbeat:
    """Beats on the event loop, and notes how late the latest beat was."""

    def __init__(self) -> None:
        """Begin to beat."""
        self._loop = asyncio.get_running_loop()
        self.late_ms = 0.0
        self._due = self._loop.time() + BEAT
        self._handle = self._loop.call_at(self._due, self._beat)

    def _beat(self) -> None:
        now = self._loop.time()
        self.late_ms = max(self.late_ms, (now - self._due) * 1e3)
        self._due = now + BEAT
        self._handle = self._loop.call_at(self._due, self._beat)

    def reset(self) -> float:
        """Return how late the latest beat was since the last call, in milliseconds."""
        late, self.late_ms = self.late_ms, 0.0
        return late

    def stop(self) -> None:
        """Beat no more."""
        self._handle.cancel()


class Peak:
    """The most memory that this process held since it was last asked, over what it held then."""

    def __init__(self) -> None:
        """Give back what is free, and begin."""
        ctypes.CDLL(None).malloc_trim(0)
        self._before = _status("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")

    def rise(self) -> float:
        """Return it in bytes."""
        return _status("VmHWM") - self._before


def resident() -> float:
    """Return the bytes of memory that this process holds, less what is free."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return _status("VmRSS")


def _status(name: str) -> float:
    """Return a size that the kernel knows of this process, in bytes."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024.0
