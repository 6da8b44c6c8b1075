"""Twenty proxies in a real Home Assistant, by their own timers: ten that work beside ten that are sick.

`scripts/bench crowd --minutes 60` is the hour of every night.
"""

import asyncio
import contextlib
import gc
from asyncio.events import Handle
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import cycle
from pathlib import Path
from time import monotonic, process_time, thread_time
from typing import Any
from unittest.mock import patch

from home_assistant import DOMAIN
from home_assistant import HomeAssistant as Folder
from homeassistant import bootstrap, runner
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from service import claim_port

from . import reliability
from .answering import Answering
from .apart import apart
from .home import spent
from .left import Left
from .measure import AtMost, Figure, Section, Setting, figure, scratch_folder
from .memory import Memory, added, one_arena

INTERVAL = 10
"""Seconds between two scrapes: the shortest that the options allow."""
SETTLED = 45
"""Seconds after which a sick one has to be known as one: its scrape may take thirty."""
HEALTHY = 10


@dataclass(frozen=True, slots=True)
class Kind:
    """What is wrong with a proxy, and what Home Assistant has to show of it."""

    faults: tuple[str | None, ...]
    """One after the other, each for a while."""
    shown: frozenset[str]
    """Every state of its sensor of connectivity."""
    asks: bool = False
    """Whether the user is asked for another key."""


OFF, ON, BOTH = frozenset({"off"}), frozenset({"on"}), frozenset({"on", "off"})
SICK = {
    "dead": Kind(("connection",), OFF),
    "slow": Kind(("slow",), OFF),
    "dribbling": Kind(("dribbling",), OFF),
    "lying": Kind(("html", "empty", "other"), OFF),
    "failing": Kind(("500", "503"), OFF),
    "refusing": Kind(("401",), OFF, asks=True),
    "limiting": Kind(("429",), OFF),
    "flapping": Kind((None, "503"), BOTH),
    "restarting": Kind(("restarting", "connection"), BOTH),
    "stale": Kind(("stale",), ON),
}
WELL = Kind((None,), ON)
TURN = 25
"""Seconds for which a fault lasts where others follow."""


def run(setting: Setting) -> Section:
    """Measure in a process of its own, and write the page of promises from it."""
    with scratch_folder(setting) as folder, one_arena(), ThreadPoolExecutor() as pool:
        alone = pool.submit(apart, _alone, folder / "alone", setting.minutes)
        found = [*apart(_crowd, folder, setting.minutes), *alone.result()]
    reliability.write("crowd", found, setting.minutes)
    return Section(
        title="Twenty proxies at once",
        note=(
            f"In a real Home Assistant with recorder and web server, by their own timers every {INTERVAL} s, for "
            f"{setting.minutes:g} minutes: {HEALTHY} that work, and one each that is {', '.join(SICK)}. Traffic goes "
            "on at all of them. *Turn*: the longest piece of work on the event loop, in processor time of its thread. "
            "*Memory* is that of the process, which the proxies share, after a collection of garbage; all of it in one "
            "arena of glibc, which gives back little of what sixteen have held. Most of SQLite's memory is the "
            "recorder's page cache, which grows to 16 MB. Beside it, for as long, a Home Assistant without a proxy."
        ),
        figures=found,
    )


@dataclass(slots=True)
class Watched:
    """A proxy, what is wrong with it, and what was seen of it."""

    proxy: Answering
    kind: Kind
    entry: Any
    connected: str
    """The id of its sensor of connectivity."""
    spend: str
    """The id of its sensor of all that was spent."""
    faults: Iterator[str | None]
    shown: set[str] = field(default_factory=set)

    @property
    def coordinator(self) -> Any:  # noqa: ANN401  # the integration is not imported
        """What scrapes it."""
        return self.entry.runtime_data.coordinator


@contextmanager
def _turns() -> Iterator[list[tuple[float, float, str]]]:
    """Note the longest turns of the event loop, but for those of the proxies and of this file.

    In milliseconds of the thread's processor time: all of it, what of it Python's garbage collector took, whose it was.
    """
    run_handle, this = Handle._run, asyncio.current_task()
    found = [(0.0, 0.0, "")]
    collected = begun_collecting = 0.0

    def collecting(phase: str, _: dict[str, int]) -> None:
        nonlocal collected, begun_collecting
        if phase == "start":
            begun_collecting = thread_time()
        else:
            collected += (thread_time() - begun_collecting) * 1e3

    def timed(handle: Handle) -> None:
        nonlocal collected
        collected, begun = 0.0, thread_time()
        run_handle(handle)
        if (taken := (thread_time() - begun) * 1e3) > found[-1][0]:
            whose = getattr(handle._callback, "__self__", handle)  # type: ignore[attr-defined]
            if whose is not this and "RequestHandler.start" not in repr(whose):
                found.append((taken, collected, repr(whose)))

    gc.callbacks.append(collecting)
    with patch.object(Handle, "_run", timed):
        yield found
    gc.callbacks.remove(collecting)


def _worked(turns: Sequence[tuple[float, float, str]]) -> float:
    """Return the longest of turns without what Python's garbage collector took of it."""
    return max(taken - collected for taken, collected, _ in turns)


def _crowd(folder: Path, minutes: float) -> list[Figure]:
    """Watch them."""
    with asyncio.Runner(loop_factory=runner.create_event_loop) as loop:
        return loop.run(_crowded(folder / "home-assistant", minutes))


def _alone(folder: Path, minutes: float) -> list[Figure]:
    """Watch a Home Assistant that has no proxy: what it and this machine do by themselves."""

    async def live() -> list[Figure]:
        memory, worked = Memory(), [0.0]
        async with _real_home_assistant(folder):
            for minute in range(int(minutes) + 1):
                with _turns() as turns:
                    await asyncio.sleep(60 if minute else 0)
                worked.append(_worked(turns))
                await asyncio.to_thread(memory.note)
        return [
            added("a Home Assistant without a proxy: memory that the last third adds", memory.held),
            figure("a Home Assistant without a proxy: longest turn, without the collector", "ms", [max(worked)]),
        ]

    with asyncio.Runner(loop_factory=runner.create_event_loop) as loop:
        return loop.run(live())


@asynccontextmanager
async def _real_home_assistant(folder: Path) -> AsyncIterator[HomeAssistant]:
    """Start what `python -m homeassistant` starts, in this process."""
    await asyncio.to_thread(folder.mkdir)
    home = Folder(folder)
    home.port, claim = claim_port(home.usual_port)
    home.configure()
    with contextlib.closing(claim):
        hass = await bootstrap.async_setup_hass(runner.RuntimeConfig(str(folder), skip_pip=True))
        assert hass is not None
        try:
            await hass.async_start()
            yield hass
        finally:
            await hass.async_stop(force=True)


async def _crowded(folder: Path, minutes: float) -> list[Figure]:
    kinds = [*SICK.values(), *[WELL] * HEALTHY]
    proxies = [Answering(seed) for seed in range(len(kinds))]
    for proxy in proxies:
        await proxy.server.start_server(access_log=None, shutdown_timeout=1)
    async with _real_home_assistant(folder) as hass:
        started = (folder / "home-assistant.log").read_text().count("Traceback")
        # Some things are made once for good.
        await hass.config_entries.async_remove((await _watch(hass, proxies[-1], WELL)).entry.entry_id)
        await hass.async_block_till_done()
        await asyncio.sleep(1)
        before = await Left.of(hass)
        crowd = [await _watch(hass, proxy, kind) for proxy, kind in zip(proxies, kinds, strict=True)]
        begun = monotonic(), process_time()
        figures = await _live(hass, crowd, minutes)
        share = (process_time() - begun[1]) / (monotonic() - begun[0])
        figures += [figure("processor share, the proxies' included", "%", [share * 100]), *await _heal(hass, crowd)]
        for one in crowd:
            assert await hass.config_entries.async_remove(one.entry.entry_id)
        await hass.async_block_till_done()
        await asyncio.gather(*(proxy.server.close() for proxy in proxies))
        await asyncio.sleep(1)
        left = (await Left.of(hass)).more_than(before)
        files = await asyncio.to_thread(
            lambda: len([*folder.glob(f"{DOMAIN}/*"), *folder.glob(f".storage/{DOMAIN}.*")])
        )
    log = await asyncio.to_thread((folder / "home-assistant.log").read_text)
    return [
        *figures,
        figure(
            "20 proxies: tasks, threads, files, sockets, listeners left over", "", [left + files], budget=AtMost(0, "")
        ),
        figure("20 proxies: tracebacks in the log", "", [log.count("Traceback") - started], budget=AtMost(0, "")),
    ]


async def _watch(hass: HomeAssistant, proxy: Answering, kind: Kind) -> Watched:
    """Set a proxy up as a user does, and return what is to be watched of it."""
    flows, options = hass.config_entries.flow, hass.config_entries.options
    typed = {"url": proxy.url, "verify_ssl": True}
    created: Any = await flows.async_init(DOMAIN, context={"source": "user"}, data=typed)
    entry = created["result"]
    await hass.async_block_till_done()
    form: Any = await options.async_init(entry.entry_id)
    await options.async_configure(form["flow_id"], {"counting": {"scan_interval": INTERVAL}})
    await hass.async_block_till_done()
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    ids = {one.unique_id.removeprefix(f"{entry.entry_id}:total::"): one.entity_id for one in entities}
    return Watched(proxy, kind, entry, ids["connected"], ids["spend_lifetime"], cycle(kind.faults))


async def _live(hass: HomeAssistant, crowd: Sequence[Watched], minutes: float) -> list[Figure]:
    """Let all be used and be sick; return what was seen."""
    begun, memory, changes = monotonic(), Memory(), 0.0
    longest: list[tuple[float, float, str]] = []
    worked = 0.0
    for one in crowd:
        one.proxy.answers = 0
    while (gone := monotonic() - begun) < minutes * 60:
        if gone >= changes:
            changes += TURN
            for one in crowd:
                one.proxy.fault = next(one.faults)
        with _turns() as turns:
            await asyncio.sleep(0.5)
        # Of an hour of them no more is kept: it would be taken for memory of what is measured.
        longest = nlargest(5, [*longest, *turns])
        worked = max(worked, _worked(turns))
        for one in crowd:
            one.proxy.use()
            if gone > SETTLED and (state := hass.states.get(one.connected)):
                one.shown.add(state.state)
        if gone >= len(memory.held) * 60:
            await asyncio.to_thread(memory.note)
    asked = {flow["context"]["entry_id"] for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN)}
    wrong = [one for one in crowd if one.shown != one.kind.shown or (one.entry.entry_id in asked) is not one.kind.asks]
    for one in wrong:
        print(one.kind, one.shown, one.entry.entry_id in asked, flush=True)
    fewest = min(one.proxy.answers for one in crowd if one.kind is WELL)
    due = int(minutes * 60 / INTERVAL)
    print([round(one / 1e6, 1) for one in memory.held], longest, flush=True)
    return [
        figure("20 proxies: those whose state was not what they are", "", [len(wrong)], budget=AtMost(0, "")),
        figure(
            f"20 proxies: scrapes that a healthy one missed of {due}",
            "",
            [max(0, due - fewest)],
            budget=AtMost(due // 20, ""),
        ),
        added("20 proxies: memory that the last third adds, without SQLite's", memory.held, AtMost(4, "MB")),
        added("20 proxies: memory of SQLite, mostly the recorder's, that the last third adds", memory.of_sqlite),
        figure("20 proxies: longest turn of the loop", "ms", [longest[0][0]], budget=AtMost(50, "ms")),
        figure(
            "20 proxies: longest turn of the loop, without Python's garbage collector",
            "ms",
            [worked],
            budget=AtMost(10, "ms"),
        ),
    ]


async def _heal(hass: HomeAssistant, crowd: Sequence[Watched]) -> list[Figure]:
    """Let all be well again, and return what is shown of them by and by, without anybody's asking."""
    for one in crowd:
        one.proxy.fault = None
    begun = monotonic()
    answers = [one.proxy.answers for one in crowd]
    # The second answer was asked for after the last request.
    while not all(
        one.coordinator.last_update_success and one.proxy.answers >= had + 2
        for one, had in zip(crowd, answers, strict=True)
    ):
        assert monotonic() - begun < 300
        await asyncio.sleep(0.5)
    taken = monotonic() - begun
    await asyncio.sleep(1)
    off = max(abs(spent(one.coordinator) - one.proxy.spent) for one in crowd)
    shown = [hass.states.get(one.spend) for one in crowd]
    cents = [abs(float(state.state) - one.proxy.spent) for state, one in zip(shown, crowd, strict=True) if state]
    asked = len(hass.config_entries.flow.async_progress_by_handler(DOMAIN))
    return [
        figure("20 proxies, ten of them sick: what any total is off", "USD", [off], budget=AtMost(1e-6, "USD")),
        figure("20 proxies: what any sensor is off", "USD", [max(cents)], budget=AtMost(1e-6, "USD")),
        figure("20 proxies: seconds until all were known to be well again", "s", [taken], budget=AtMost(60, "s")),
        figure("20 proxies: questions that are still asked then", "", [asked], budget=AtMost(0, "")),
    ]
