"""What it costs to write statistics: 90 days of 20 models, 3 metrics each, into the recorder's database."""

import asyncio
import gc
import shutil
import time
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from homeassistant.components.recorder.models import StatisticData, StatisticMeanType, StatisticMetaData
from homeassistant.components.recorder.statistics import async_add_external_statistics
from homeassistant.components.recorder.tasks import SynchronizeTask
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import DATA_INSTANCE, async_initialize_recorder, session_scope
from homeassistant.setup import async_setup_component
from sqlalchemy import text

from .apart import apart
from .home import DOMAIN, Heartbeat, add_entry, clock_at, home_assistant, served, set_up, turns
from .measure import AtMost, Figure, Section, Setting, figure, scratch_folder

DAYS: Final = 90
MODELS: Final = 20
RUNS: Final = 3
FAMILIES: Final = (
    "litellm_spend_metric_total",
    "litellm_total_tokens_metric_total",
    "litellm_proxy_total_requests_metric_total",
)
_IMPORT: Final = "Home Assistant's import"
NOW: Final = datetime(2026, 11, 18, 12, 0, 5, tzinfo=UTC)


def run(setting: Setting) -> Section:
    """Measure in a Home Assistant of its own."""
    with scratch_folder(setting) as folder:
        apart(_write_ledger, folder)
        figures = apart(_measure, folder)
    return Section(
        title="Statistics",
        note=(
            f"{DAYS} days x {MODELS} models x 3 metrics, every model used in every hour, and the proxy's own; a Home "
            "Assistant with its recorder on SQLite. *Turn*: processor time of the longest turn of the event loop. "
            "*Late*: the latest beat of a 5 ms heartbeat on the loop, by the clock, with the machine's neighbours. "
            "*Pass*: processor time of the garbage collector's longest pass, which holds all threads. Home Assistant's "
            "own import is given the rows of one statistic, by a bare call of `async_add_external_statistics`."
        ),
        figures=figures,
    )


class Cost(NamedTuple):
    """What some work took."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of processor time, of all threads."""
    turn: float
    """Milliseconds of the longest turn of the loop."""
    loop: float
    """Milliseconds of all its turns."""
    late: float
    """Milliseconds of the latest heartbeat."""
    collected: float
    """Milliseconds of processor time of the garbage collector's longest pass."""


def _measure(folder: Path) -> list[Figure]:
    """Write statistics into an empty database, again when they are there, and an hour later."""
    with served([folder / "next.prom"]) as url:
        runs = [asyncio.run(_run(folder, url, number)) for number in range(RUNS)]
    figures = [figure("rows", "", [rows for _, rows, _ in runs])]
    a_row = [costs[0].cpu / rows * 1e6 for costs, rows, _ in runs]
    figures.append(figure("a row: processor time", "µs", a_row, against=(_IMPORT, [theirs for *_, theirs in runs])))
    names = ("everything", "everything again, all of it there", "one more hour")
    for name, costs in zip(names, zip(*(costs for costs, *_ in runs), strict=True), strict=True):
        walls, cpu, turn, loop, late, passes = zip(*costs, strict=True)
        figures += [
            figure(f"{name}: until it is written", "s", walls, budget=AtMost(5, "s")),
            figure(f"{name}: processor time", "s", cpu),
            figure(f"{name}: longest turn of the event loop", "ms", turn, budget=AtMost(10, "ms")),
            figure(f"{name}: longest pass of the garbage collector", "ms", passes, budget=AtMost(10, "ms")),
            figure(f"{name}: all turns", "ms", loop),
            figure(f"{name}: latest heartbeat", "ms", late),
        ]
    return figures


async def _run(folder: Path, url: str, number: int) -> tuple[list[Cost], float, float]:
    """Return the costs, the rows that were written, and what Home Assistant's own import takes for a row."""
    place = folder / f"run-{number}"
    place.mkdir()
    with ExitStack() as stack:
        stack.enter_context(clock_at(NOW.timestamp()))
        async with home_assistant(place) as hass:
            await _set_up_recorder(hass, place)
            entry = add_entry(hass, url)
            ledger = place / DOMAIN / f"{entry.entry_id}.db"
            ledger.parent.mkdir()
            shutil.copy(folder / "ledger.db", ledger)
            await hass.config.async_set_time_zone("UTC")
            await set_up(hass, entry)
            writer = entry.runtime_data.statistics
            await writer.async_rebuild()
            identifiers = await _count(hass, "statistics_meta")
            await _clear(hass)
            costs = [await _cost(hass, writer.async_rebuild())]
            rows = await _count(hass, "statistics")
            assert rows >= DAYS * 24 * identifiers * 0.95, (rows, identifiers)
            costs.append(await _cost(hass, writer.async_rebuild()))
            with clock_at(NOW.timestamp() + 3600):
                await entry.runtime_data.coordinator.async_refresh()
                costs.append(await _cost(hass, writer.async_write()))
            assert await _count(hass, "statistics") == rows + identifiers
            theirs = await _cost(hass, _import(hass))
    return costs, float(rows), theirs.cpu / (DAYS * 24) * 1e6


async def _import(hass: HomeAssistant) -> None:
    """Have Home Assistant import the rows of one statistic."""
    metadata = StatisticMetaData(
        mean_type=StatisticMeanType.NONE,
        has_sum=True,
        name="Imported",
        source=DOMAIN,
        statistic_id=f"{DOMAIN}:imported",
        unit_class=None,
        unit_of_measurement="USD",
    )
    begin = NOW.replace(minute=0, second=0) - timedelta(days=DAYS)
    rows = [StatisticData(start=begin + timedelta(hours=hour), state=1.0, sum=float(hour)) for hour in range(DAYS * 24)]
    async_add_external_statistics(hass, metadata, rows)
    # The recorder's queue is empty as soon as the last task is taken from it.
    hass.data[DATA_INSTANCE].queue_task(SynchronizeTask(done := hass.loop.create_future()))
    await done


async def _cost(hass: HomeAssistant, work: Awaitable[object]) -> Cost:
    """Return what some work takes."""
    gc.collect()
    heart = Heartbeat()
    with turns() as taken, _passes() as collected:
        begun, busy = time.perf_counter(), time.process_time()
        await work
        await hass.data[DATA_INSTANCE].async_block_till_done()
        wall, cpu = time.perf_counter() - begun, time.process_time() - busy
    heart.stop()
    return Cost(wall, cpu, max(taken), sum(taken), heart.late_ms, max(collected, default=0.0))


@contextmanager
def _passes() -> Iterator[list[float]]:
    """Note how long each pass of the garbage collector takes, in milliseconds of processor time."""
    found: list[float] = []
    begun = 0.0

    def note(phase: str, _: Mapping[str, int]) -> None:
        nonlocal begun
        if phase == "start":
            begun = time.thread_time()
        else:
            found.append((time.thread_time() - begun) * 1e3)

    gc.callbacks.append(note)
    try:
        yield found
    finally:
        gc.callbacks.remove(note)


async def _set_up_recorder(hass: HomeAssistant, folder: Path) -> None:
    """Have a recorder with a database on the disk."""
    async_initialize_recorder(hass)
    config = {"recorder": {"db_url": f"sqlite:///{folder / 'home-assistant_v2.db'}"}}
    assert await async_setup_component(hass, "recorder", config)
    await hass.data[DATA_INSTANCE].async_recorder_ready.wait()


async def _clear(hass: HomeAssistant) -> None:
    """Lose what was written."""
    recorder = hass.data[DATA_INSTANCE]

    def delete() -> None:
        with session_scope(hass=hass) as session:
            session.execute(text("DELETE FROM statistics"))

    await recorder.async_add_executor_job(delete)
    await recorder.async_block_till_done()


async def _count(hass: HomeAssistant, table: str) -> int:
    """Return how many rows a table has."""

    def count() -> int:
        with session_scope(hass=hass, read_only=True) as session:
            found: int = session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
            return found

    return await hass.data[DATA_INSTANCE].async_add_executor_job(count)


def _write_ledger(folder: Path) -> None:
    """Write the ledger of a proxy whose models were all used in every hour, and what it answers next."""
    from .engine import Ledger, read  # noqa: PLC0415  # without Home Assistant around it

    begin = NOW - timedelta(days=DAYS, hours=2)
    ledger = Ledger.open(folder / "ledger.db", now=begin, zone=ZoneInfo("UTC"))
    for step in range(DAYS * 24 + 3):
        at = begin + timedelta(hours=step)
        ledger.scrape(read(ledger.parser(), _body(step)), now=at, answered_at=at)
    ledger.close()
    (folder / "next.prom").write_bytes(_body(DAYS * 24 + 3))


def _body(step: int) -> bytes:
    """Return the answer after some hours."""
    return "".join(f"{line}\n" for line in _lines({model: step * (model + 1) for model in range(MODELS)})).encode()


def _lines(counters: Mapping[int, int]) -> Iterator[str]:
    """Yield the lines of an exposition."""
    yield "process_start_time_seconds 1700000000"
    for family, size in zip(FAMILIES, (0.01, 700, 2), strict=True):
        yield f"# TYPE {family} counter"
        for model, value in counters.items():
            yield f'{family}{{model="m{model}",requested_model="m{model}"}} {value * size!r}'
