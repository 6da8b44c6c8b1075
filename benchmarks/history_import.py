"""The import of ten million rows from a real PostgreSQL, beside its own GROUP BY and beside Python's."""

import asyncio
import gc
import multiprocessing
import os
import random
import resource
import signal
import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import override
from zoneinfo import ZoneInfo

import asyncpg
import postgres

from custom_components.litellm_pulse.core.history import History
from custom_components.litellm_pulse.core.ledger import Ledger
from custom_components.litellm_pulse.history_destination import LedgerDestination
from custom_components.litellm_pulse.spend_logs import dsn
from custom_components.litellm_pulse.spend_logs.database import Database
from custom_components.litellm_pulse.spend_logs.importer import Importer
from custom_components.litellm_pulse.spend_logs.models import Scope, month_start
from custom_components.litellm_pulse.spend_logs.progress import Progress

from .apart import apart
from .log_tables import COST_ROWS, LOG_ROWS, cost_logs, spend_logs
from .measure import AtMost, Costs, Faster, Figure, Section, Setting, figure, scratch_folder

KILLED_RUNS = 50
KILLED_ROWS = 50_000
RUNS = 3
NEW_ROWS = 10_000
CYCLES = 5

_BARE_COST = "SELECT provider, model, sum(cost_usd), count(*) FROM cost_logs GROUP BY 1, 2"
_BARE_LOGS = """
    SELECT count(*) FROM (
        SELECT date_bin('15 minutes', "startTime", '2000-01-01'), custom_llm_provider, model, model_group, team_id,
            api_key, "user", sum(spend), count(*)
        FROM "LiteLLM_SpendLogs" GROUP BY 1, 2, 3, 4, 5, 6, 7) AS told
"""
_INSERT = f"""
    INSERT INTO cost_logs (provider, model, cost_usd, created_at)
    SELECT 'provider-' || i % 5, 'model-' || i % 25, 0.001, now() AT TIME ZONE 'UTC'
    FROM generate_series(1, {NEW_ROWS}) AS i
"""  # noqa: S608  # a number of ours


def run(setting: Setting) -> Section:
    """Return the section."""
    figures: list[Figure] = []
    with _server(setting) as server, scratch_folder(setting) as folder:
        figures += _ten_million(server, folder)
        figures += _spend_logs(server, folder)
        figures += _cycles(server, folder)
        figures.append(_killed(server, folder))
    return Section(
        title="History from LiteLLM's database",
        note=(
            "A real PostgreSQL with its own defaults but 256 MB of shared buffers; each import writes a ledger. "
            "The bare query is PostgreSQL's own GROUP BY, its rows thrown away: for cost_logs by provider and model, "
            "for LiteLLM's table by everything that the import tells apart but tags. Python's way is that of "
            "litellm-aggregator, all rows streamed and summed up, without its SQLAlchemy."
        ),
        figures=figures,
    )


@contextmanager
def _server(setting: Setting) -> Iterator[postgres.Postgres]:
    """Start the server whose tables are kept from run to run."""
    with postgres.Postgres(setting.cache / "postgres") as server:
        yield server


class _Worker:
    """The ledger's thread, as Home Assistant's side has it."""

    def __init__(self, file: Path) -> None:
        """Open the ledger."""
        self.zone = ZoneInfo("UTC")
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._ledger = self._thread.submit(lambda: Ledger.open(file, now=datetime.now(UTC), zone=self.zone)).result()

    async def async_history[T](self, work: Callable[[History], T]) -> T:
        """Do some work on the history."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._ledger.history))

    def close(self) -> None:
        """Close the ledger."""
        self._thread.submit(self._ledger.close).result()
        self._thread.shutdown()


class _Import:
    """An import into a ledger, which notes when this month was there."""

    def __init__(self, address: str, file: Path) -> None:
        """Open the ledger; nothing is asked yet."""
        self.worker = _Worker(file)
        self.month_at = 0.0
        destination = LedgerDestination(self.worker, "database", self._note, by_day=False)  # type: ignore[arg-type]
        self._importer = Importer(Database(dsn.parse(address)), destination)

    async def cycle(self) -> None:
        """Import what is not there yet."""
        await self._importer.cycle()

    def _note(self, _scope: Scope, _rows: int, progress: Progress) -> None:
        """Note when the month is there."""
        reached, through = progress.reached, progress.through
        if not self.month_at and reached and reached <= month_start(through or reached):
            self.month_at = time.perf_counter()


def total(file: Path) -> tuple[float, float]:
    """Return the US dollars and the requests that a ledger knows of before its first scrape."""
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT total(cost), total(requests) FROM history WHERE resolution = 0"
        dollars, requests = connection.execute(query).fetchone()
    return dollars, requests


def first_import(address: str, file: Path) -> tuple[float, float, float, float, float]:
    """Import all.

    Returns seconds, seconds until this month was there, MB of memory over the base, US dollars, and
    the longest time in ms that the event loop was held.
    """
    made = _Import(address, file)
    # What the start has left behind is not the import's.
    gc.collect()
    base = _peak_mb()
    begun = time.perf_counter()
    held = asyncio.run(_watched(made.cycle()))
    took = time.perf_counter() - begun
    peak = _peak_mb() - base
    made.worker.close()
    return took, made.month_at - begun, peak, total(file)[0], held


async def _watched(work: Coroutine[None, None, None]) -> float:
    """Return how long others on the loop had to wait for a turn at most, in ms of this thread's own computing."""
    longest = 0.0
    over = False

    async def watch() -> None:
        nonlocal longest
        last = time.thread_time()
        while not over:
            await asyncio.sleep(0)
            now = time.thread_time()
            longest, last = max(longest, now - last), now
            await asyncio.sleep(0.001)
            last = time.thread_time()

    watching = asyncio.create_task(watch())
    await work
    over = True
    await watching
    return longest * 1e3


def streamed(address: str) -> float:
    """Return the seconds that all rows take when they are summed up in Python, a connection per provider."""

    async def provider(name: str, sums: dict[tuple[str, str], float]) -> None:
        connection = await asyncpg.connect(address)
        async with connection.transaction():
            query = "SELECT provider, model, cost_usd FROM cost_logs WHERE provider = $1"
            async for row in connection.cursor(query, name, prefetch=5_000):
                key = row["provider"], row["model"]
                sums[key] = sums.get(key, 0.0) + float(row["cost_usd"])
        await connection.close()

    async def everything() -> None:
        sums: dict[tuple[str, str], float] = {}
        await asyncio.gather(*[provider(f"provider-{number}", sums) for number in range(5)])

    begun = time.perf_counter()
    asyncio.run(everything())
    return time.perf_counter() - begun


def bare(address: str, query: str) -> float:
    """Return the seconds of one query."""

    async def ask() -> None:
        connection = await asyncpg.connect(address)
        await connection.fetch(query)
        await connection.close()

    begun = time.perf_counter()
    asyncio.run(ask())
    return time.perf_counter() - begun


def _ten_million(server: postgres.Postgres, folder: Path) -> list[Figure]:
    name = cost_logs(server, COST_ROWS)
    address = server.dsn(name)
    truth = float(server.sql("SELECT sum(cost_usd) FROM cost_logs", name))
    bare(address, _BARE_COST)
    ours, theirs, memory, held = [], [], [], []
    for number in range(RUNS):
        took, _, peak, dollars, longest = apart(first_import, address, folder / f"cost-{number}.db")
        assert abs(dollars - truth) < truth * 1e-9, (dollars, truth)
        held.append(longest)
        ours.append(took)
        memory.append(peak)
        theirs.append(apart(bare, address, _BARE_COST))
    return [
        figure("cost_logs, 10 million rows: first import", "s", ours, budget=AtMost(6, "s")),
        figure("the same beside the bare query", "s", ours, against=("GROUP BY", theirs), budget=Costs(2.5)),
        figure(
            "the same beside Python's sums",
            "s",
            ours[:1],
            against=("streamed", [apart(streamed, address)]),
            budget=Faster(3),
        ),
        figure("the same: memory of the client over its base", "MB", memory, budget=AtMost(60, "MB")),
        figure("the same: the event loop was held at most", "ms", held, budget=AtMost(10, "ms")),
    ]


def _spend_logs(server: postgres.Postgres, folder: Path) -> list[Figure]:
    name = spend_logs(server, LOG_ROWS)
    address = server.dsn(name)
    truth = float(server.sql('SELECT sum(spend) FROM "LiteLLM_SpendLogs"', name))
    bare(address, _BARE_LOGS)
    ours, month, theirs, memory, held = [], [], [], [], []
    for number in range(RUNS):
        took, visible, peak, dollars, longest = apart(first_import, address, folder / f"logs-{number}.db")
        assert abs(dollars - truth) < truth * 1e-9, (dollars, truth)
        held.append(longest)
        ours.append(took)
        month.append(visible)
        memory.append(peak)
        theirs.append(apart(bare, address, _BARE_LOGS))
    return [
        figure("LiteLLM_SpendLogs, 2 million rows: this month is there", "s", month, budget=AtMost(3, "s")),
        figure("all six months", "s", ours, against=("GROUP BY", theirs), budget=Costs(2.5)),
        figure("memory of the client over its base", "MB", memory, budget=AtMost(60, "MB")),
        figure("the event loop was held at most", "ms", held, budget=AtMost(10, "ms")),
    ]


def _cycles(server: postgres.Postgres, folder: Path) -> list[Figure]:
    few, many = (_cycle(server, cost_logs(server, rows), folder) for rows in (COST_ROWS // 10, COST_ROWS))
    title = f"{NEW_ROWS:,} new rows: one cycle"
    return [
        figure(f"{title}, among 10 million", "ms", many, budget=AtMost(100, "ms")),
        figure(f"{title}, beside 1 million", "ms", many, against=("1 million", few), budget=Costs(2)),
    ]


def _cycle(server: postgres.Postgres, name: str, folder: Path) -> list[float]:
    """Return the milliseconds of cycles that each find new rows, in a copy that is dropped afterwards."""
    copy = f"{name}_copy"
    server.sql(f"DROP DATABASE IF EXISTS {copy}; ")
    server.sql(f"CREATE DATABASE {copy} TEMPLATE {name}")
    try:
        return apart(cycles, server.dsn(copy), folder / f"{copy}.db")
    finally:
        server.sql(f"DROP DATABASE {copy}")


def cycles(address: str, file: Path) -> list[float]:
    """Import all, then insert and import again and again; returns the milliseconds of the latter."""

    async def work() -> list[float]:
        importer = _Import(address, file)
        await importer.cycle()
        writer = await asyncpg.connect(address)
        found = []
        for _ in range(CYCLES):
            await writer.execute(_INSERT)
            begun = time.perf_counter()
            await importer.cycle()
            found.append((time.perf_counter() - begun) * 1e3)
        await writer.close()
        return found

    return asyncio.run(work())


def _killed(server: postgres.Postgres, folder: Path) -> Figure:
    """Return how many imports add up that were killed, while the server was restarted and tables were locked."""
    name = spend_logs(server, KILLED_ROWS)
    truth = server.sql('SELECT sum(spend), count(*) FROM "LiteLLM_SpendLogs"', name).split("|")
    chance = random.Random(14)  # noqa: S311  # the same course every time
    equal = 0
    for number in range(KILLED_RUNS):
        file = folder / f"killed-{number}.db"
        while not _attempt(server, name, file, chance):
            pass
        dollars, requests = total(file)
        equal += abs(dollars - float(truth[0])) < 1e-6 and requests == float(truth[1])
    return figure(
        f"of {KILLED_RUNS} imports killed at random, those that add up", "runs", [equal], budget=AtLeast(KILLED_RUNS)
    )


class AtLeast(AtMost):
    """An absolute limit from below."""

    def __init__(self, limit: float) -> None:
        """Take a number of runs."""
        super().__init__(limit, "runs")

    @override
    def holds(self, number: float, slack: float) -> bool:
        return number >= self.limit

    @override
    def __str__(self) -> str:
        return f"≥ {self.limit:g} {self.unit}"


def _attempt(server: postgres.Postgres, name: str, file: Path, chance: random.Random) -> bool:
    """Import in a process that may be killed, meet a restart or a lock; return whether it came to its end."""
    process = multiprocessing.get_context("fork").Process(target=_import, args=(server.dsn(name), file))
    process.start()
    what = chance.choice(("kill", "kill", "restart", "lock", "nothing"))
    process.join(chance.uniform(0.02, 1.5))
    if what == "kill" and process.pid and process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    elif what == "restart" and process.is_alive():
        server.restart(crash=chance.random() < 0.5)
    elif what == "lock" and process.is_alive():
        server.sql('BEGIN; LOCK TABLE "LiteLLM_SpendLogs" IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(0.3); COMMIT', name)
    process.join()
    return process.exitcode == 0


def _import(address: str, file: Path) -> None:
    try:
        asyncio.run(_Import(address, file).cycle())
    except Exception:  # noqa: BLE001  # whatever it was, the next attempt goes on
        os._exit(1)
    os._exit(0)


def _peak_mb() -> float:
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
