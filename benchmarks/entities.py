"""Ten thousand entities: how soon they are set up, and what a scrape costs the event loop."""

import asyncio
import gc
import threading
import time
from asyncio.events import Handle
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import override
from unittest.mock import patch

from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from custom_components.litellm_pulse.coordinator import LiteLLMPulseCoordinator

from .home import add_entry, enable_all, home_assistant
from .measure import AtMost, Figure, Section, Setting, figure, scratch_folder

MODELS, KEYS, TEAMS = 100, 50, 20
CALLS_PER_KEY = 10
"""Models that each key calls."""
CHANGES = 15
"""Scrapes in which one model has changed, and rolls of the windows: runs of those figures."""

_USAGE = (
    *("spend_metric", "total_tokens_metric", "input_tokens_metric", "output_tokens_metric"),
    *("output_reasoning_tokens_metric", "cache_hits_metric", "cache_misses_metric", "cached_tokens_metric"),
    *("input_cached_tokens_metric", "input_cache_creation_tokens_metric", "proxy_total_requests_metric"),
    *("proxy_failed_requests_metric", "requests_metric", "deployment_cooled_down"),
)


def run(setting: Setting) -> Section:
    """Measure a Home Assistant with one busy proxy."""
    return asyncio.run(_measure(setting))


async def _measure(setting: Setting) -> Section:
    with scratch_folder(setting) as folder, _served() as proxy:
        async with home_assistant(folder) as hass:
            figures = await _figures(hass, proxy)
    return Section(
        title=f"Entities: {MODELS} models, {KEYS} keys, {TEAMS} teams, every entity enabled",
        note=(
            "A Home Assistant core with the integration and without a recorder, scraping a server on another thread. "
            "*Holds the event loop*: the longest single turn of the loop while the work goes on, in processor time of "
            "its thread, since a neighbour's load is not ours, and without the passes of Python's garbage collector, "
            "which belong to the size of the whole process and fall where they fall. *Writes*: states written. The "
            "two that every scrape writes are its time and its duration."
        ),
        figures=figures,
    )


async def _figures(hass: HomeAssistant, proxy: Proxy) -> list[Figure]:
    entry = add_entry(hass, f"http://127.0.0.1:{proxy.server_port}", dimensions=["team", "key"])
    first = await _seconds(hass.config_entries.async_setup(entry.entry_id))
    await hass.async_block_till_done()
    enable_all(hass, entry)
    again = await _seconds(hass.config_entries.async_reload(entry.entry_id))
    await hass.async_block_till_done()
    coordinator: LiteLLMPulseCoordinator = entry.runtime_data.coordinator
    watch = Watch(hass)
    await watch.during(coordinator.async_refresh())
    idle_writes, idle_hold = watch.written - {"last_scrape", "scrape_duration"}, watch.hold_ms
    holds, strangers, writes = [], [], []
    for step in range(1, CHANGES + 1):
        proxy.take(step)
        await watch.during(coordinator.async_refresh())
        holds.append(watch.hold_ms)
        writes.append(float(len(watch.written)))
        strangers.append(float(len(_strangers(watch.written))))
    nights, hours = [], []
    for night in range(1, 6):
        hours.append(await _seconds(watch.during(_roll(coordinator, night))))
        nights.append(watch.hold_ms)
    count = len(hass.states.async_entity_ids())
    return [
        figure("entities", "", [count]),
        figure("first set-up, as by default", "s", [first], budget=AtMost(10, "s")),
        figure("set-up with every entity enabled", "s", [again], budget=AtMost(10, "s")),
        figure("nothing changed: writes of others than the two", "", [len(idle_writes)], budget=AtMost(0, "")),
        figure("nothing changed: holds the event loop", "ms", [idle_hold], budget=AtMost(10, "ms")),
        figure("one model changed: writes", "", writes),
        figure("one model changed: writes of members it does not concern", "", strangers, budget=AtMost(0, "")),
        figure("one model changed: holds the event loop", "ms", holds, budget=AtMost(10, "ms")),
        figure("midnight: holds the event loop", "ms", nights, budget=AtMost(10, "ms")),
        figure("midnight: until the last state is written", "s", hours),
    ]


class Watch:
    """Notes what is written, and how long the event loop is held, while some work goes on."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin to listen."""
        self._hass = hass
        self.written: set[str] = set()
        self.hold_ms = 0.0
        self._collected = 0.0
        hass.bus.async_listen(EVENT_STATE_CHANGED, self._note)

    async def during(self, work: Awaitable[object]) -> None:
        """Watch some work, and what it leaves to be done."""
        await asyncio.sleep(0)
        self.written.clear()
        self.hold_ms = 0.0
        gc.callbacks.append(self._note_collection)
        with patch.object(Handle, "_run", self._timed(Handle._run)):
            await work
            await self._hass.async_block_till_done(wait_background_tasks=True)
        gc.callbacks.remove(self._note_collection)

    def _timed(self, run: Callable[[Handle], None]) -> Callable[[Handle], None]:
        """Return what runs a turn of the loop and notes how long it took."""

        def timed(handle: Handle) -> None:
            begun, collected = time.thread_time(), self._collected
            run(handle)
            taken = time.thread_time() - begun - (self._collected - collected)
            self.hold_ms = max(self.hold_ms, taken * 1e3)

        return timed

    def _note_collection(self, phase: str, _: dict[str, int]) -> None:
        """Note the time that the garbage collector takes from the turn it happens to fall into."""
        self._collected += time.thread_time() if phase == "stop" else -time.thread_time()

    @callback
    def _note(self, event: Event[EventStateChangedData]) -> None:
        entity = er.async_get(self._hass).async_get(event.data["entity_id"])
        assert entity is not None
        _, rest = entity.unique_id.split(":", 1)
        self.written.add(rest.removeprefix("total::"))


def _strangers(written: set[str]) -> set[str]:
    """Return what belongs to none of the members that changed, nor to the proxy."""
    return {one for one in written if ":" in one and not one.startswith(("model:m0:", "key:k0:", "team:t0:"))}


async def _roll(coordinator: LiteLLMPulseCoordinator, night: int) -> None:
    """Begin another day, as the clock does at midnight."""
    ledger = coordinator.config_entry.runtime_data.ledger
    later = dt_util.utcnow() + timedelta(days=night)
    await ledger.async_run(lambda: ledger._show(ledger._ledger.roll(now=later)))
    await coordinator.async_rebuild()


async def _seconds(work: Awaitable[object]) -> float:
    begun = time.perf_counter()
    await work
    return time.perf_counter() - begun


class Proxy(ThreadingHTTPServer):
    """Answers with the body of a step, on a thread of its own."""

    body = b""

    def take(self, step: int) -> None:
        """Answer with the body of a step from now on."""
        self.body = "".join(f"{line}\n" for line in _body(step)).encode()


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:  # the name is the base class's
        """Send the body."""
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    @override
    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextmanager
def _served() -> Iterator[Proxy]:
    """Serve a proxy on loopback."""
    with Proxy(("127.0.0.1", 0), _Handler) as proxy:
        proxy.take(0)
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.shutdown()


def _body(step: int) -> Iterator[str]:
    """Yield the lines of an exposition in which one key has called one model `step` times more."""
    yield "process_start_time_seconds 1700000000"
    for family in _USAGE:
        name = f"litellm_{family}_total"
        yield f"# TYPE {name} counter"
        for key in range(KEYS):
            for call in range(CALLS_PER_KEY):
                model, team = (key * CALLS_PER_KEY + call) % MODELS, key % TEAMS
                labels = f'model="m{model}",requested_model="m{model}",hashed_api_key="k{key}",team="t{team}"'
                yield f"{name}{{{labels}}} {10 + (step if key == call == 0 else 0)}"
    for kind, owners, label in (("team", TEAMS, "team"), ("api_key", KEYS, "hashed_api_key")):
        for family, value in (
            (f"litellm_remaining_{kind}_budget_metric", 50),
            (f"litellm_{kind}_max_budget_metric", 100),
            (f"litellm_{kind}_budget_remaining_hours_metric", 240),
        ):
            yield f"# TYPE {family} gauge"
            for owner in range(owners):
                yield f'{family}{{{label}="{label[0].replace("h", "k")}{owner}"}} {value}'
    yield "# TYPE litellm_deployment_state gauge"
    for model in range(MODELS):
        yield f'litellm_deployment_state{{litellm_model_name="m{model}"}} 0'
