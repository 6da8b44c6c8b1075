"""What bodies that mean harm, and members without number, cost Home Assistant."""

import asyncio
import gc
import gzip
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from custom_components.litellm_pulse.const import MAX_MEMBERS_DEFAULT

from .apart import apart
from .home import Peak, add_entry, home_assistant, resident, set_up, spent, turns
from .measure import AtMost, Costs, Figure, Section, Setting, figure, scratch_folder

BOMB = 600 * 1024 * 1024
"""Bytes that a gzip bomb unpacks to: more than twice the limit of a body."""
USERS = 72_000
"""Users of one body of 4 MB."""
MEMBERS = 20_000
"""Members of which the ledger knows and that have no device."""
FEW = 200
"""As many of them as cost nothing."""
INVENTED = 10_000
"""Users of one answer that no answer had before."""
INVENTIONS = 60
"""Such answers: 600,000 users, where 50,000 to 100,000 series that are gone are remembered."""
CACHE = 64 * 1024 * 1024
"""Bytes, more than a processor keeps at hand."""
RUNS = 9


def run(setting: Setting) -> Section:
    """Measure each in a process of its own."""
    with scratch_folder(setting) as folder:
        figures = [*apart(_bomb, folder), *apart(_crowd, folder), *apart(_quiet, folder), *apart(_invent, folder)]
    return Section(
        title="What means harm",
        note=(
            "Inside a Home Assistant as above. *Turn*: the longest piece of work on the event loop, in processor time "
            f"of its thread. The bomb is {BOMB >> 20} MB of zeros, of lines, and of label values in gzip; the folded "
            "header has a line of three bytes after the other. The crowd is "
            f"a body of {USERS:,} users with a cent each, all of them at once; where they get devices, without the "
            f"passes of the garbage collector over all of Home Assistant. The quiet ones are {MEMBERS:,} users "
            "whom nobody shows, of whom one or none was used since the last scrape: what such a scrape costs grows "
            f"with what changed. The invented ones: {INVENTED:,} users in each of {INVENTIONS} answers, whom none of "
            "the others names; memory is what is resident, with all that is free given back."
        ),
        figures=figures,
    )


class Server:
    """Answers with whatever body it holds."""

    def __init__(self) -> None:
        """Begin with an empty one."""
        self.body = b""
        self.headers: dict[str, str] = {}
        application = web.Application()
        application.router.add_get("/{path:.*}", self._answer)
        self.server = TestServer(application, host="127.0.0.1")

    async def _answer(self, _: web.Request) -> web.Response:
        return web.Response(body=self.body, headers=self.headers)


@asynccontextmanager
async def _serving() -> AsyncIterator[Server]:
    """Serve on loopback."""
    server = Server()
    await server.server.start_server(family=socket.AF_INET, access_log=None)
    try:
        yield server
    finally:
        await server.server.close()


def _body(users: int, spent: Mapping[int, int] | None = None) -> bytes:
    """Return a body in which every user has spent a cent, and some of them so many more."""
    spent = spent or {}
    lines = [
        "# TYPE process_start_time_seconds gauge",
        "process_start_time_seconds 1700000000.0",
        "# TYPE litellm_spend_metric_total counter",
        *(
            f'litellm_spend_metric_total{{model="m",user="{one}"}} {(1 + spent.get(one, 0)) / 100}'
            for one in range(users)
        ),
    ]
    return ("\n".join(lines) + "\n").encode()


def _bomb(folder: Path) -> list[Figure]:
    """Unpack bombs."""
    pieces = {
        "zeros": b"\0" * BOMB,
        "lines": b"# a\n" * (BOMB // 4),
        "labels": b'litellm_spend_metric_total{a="' + b'\\"' * (BOMB // 2),
    }
    found = []
    for name, unpacked in pieces.items():
        longest = asyncio.run(_longest(folder / name, gzip.compress(unpacked, 6)))
        found.append(figure(f"gzip bomb of {name}: longest turn", "ms", [longest], budget=AtMost(10, "ms")))
    longest = asyncio.run(_folded(folder / "folded"))
    return [*found, figure("a folded header without end: longest turn", "ms", [longest], budget=AtMost(10, "ms"))]


async def _longest(folder: Path, packed: bytes) -> float:
    """Return the longest turn of the event loop while a bomb comes in, in milliseconds."""
    async with _serving() as server, home_assistant(folder) as hass:
        server.body = _body(1)
        coordinator = await set_up(hass, add_entry(hass, str(server.server.make_url("/"))))
        server.body, server.headers = packed, {"Content-Encoding": "gzip"}
        with turns() as taken:
            await coordinator.async_refresh()
        assert not coordinator.last_update_success
        return max(taken)


async def _folded(folder: Path) -> float:
    """Return the longest turn of the event loop while a header comes in that goes on line by line."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with suppress(ConnectionError):
            writer.write(b"HTTP/1.1 200 OK\r\nX-A: b\r\n")
            while True:
                writer.write(b" \r\n" * 10_000)
                await writer.drain()

    async with _serving() as server, home_assistant(folder) as hass:
        server.body = _body(1)
        coordinator = await set_up(hass, add_entry(hass, str(server.server.make_url("/"))))
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as endless:
            client = coordinator.config_entry.runtime_data.scraper.client
            client.url = client.url.with_port(endless.sockets[0].getsockname()[1])
            with turns() as taken:
                await coordinator.async_refresh()
        assert not coordinator.last_update_success
        return max(taken)


def _crowd(folder: Path) -> list[Figure]:
    """Scrape a body with more users than are told apart, with and without devices for as many as may have one."""
    figures = asyncio.run(_crowded(folder / "crowd"))
    gc.disable()
    turn = asyncio.run(_crowded(folder / "shown", dimensions=["user"]))[-1]
    return [*figures, replace(turn, name=f"{turn.name}, in which {MAX_MEMBERS_DEFAULT} get a device")]


async def _crowded(folder: Path, **options: object) -> list[Figure]:
    async with _serving() as server, home_assistant(folder) as hass:
        server.body = _body(1)
        coordinator = await set_up(hass, add_entry(hass, str(server.server.make_url("/")), **options))
        await coordinator.async_refresh()
        server.body = _body(USERS, dict.fromkeys(range(USERS), 1))
        size = len(server.body)
        peak = Peak()
        begun = time.process_time()
        with turns() as taken:
            await coordinator.async_refresh()
            await hass.async_block_till_done()
        assert coordinator.last_update_success
        return [
            figure(
                f"{size / 1e6:.1f} MB with {USERS:,} users: peak memory",
                "MB",
                [peak.rise() / 1e6],
                budget=AtMost(250, "MB"),
            ),
            figure(f"{USERS:,} users: processor time of that scrape", "ms", [(time.process_time() - begun) * 1e3]),
            figure(f"{USERS:,} users: longest turn of that scrape", "ms", [max(taken)], budget=AtMost(10, "ms")),
        ]


def _quiet(folder: Path) -> list[Figure]:
    """Scrape while the ledger knows of many whom nobody shows, and while it knows of few."""
    few = asyncio.run(_quietly(folder / "few", FEW))
    many = asyncio.run(_quietly(folder / "many", MEMBERS))
    found = []
    for used, costs in many.items():
        name = f"{MEMBERS:,} users, {used} used"
        beside = f"{FEW} users", few[used].loop
        found += [
            figure(f"{name}: on the loop after the answer", "ms", costs.loop, against=beside, budget=Costs(2)),
            figure(f"{name}: on threads after it was counted", "ms", costs.threads, budget=AtMost(4, "ms")),
        ]
    return found


@dataclass(frozen=True, slots=True)
class Quiet:
    """Milliseconds of processor time after each answer."""

    loop: list[float] = field(default_factory=list)
    threads: list[float] = field(default_factory=list)


async def _quietly(folder: Path, members: int) -> dict[str, Quiet]:
    """Return what it costs that so many of so many members were used since the last scrape."""
    found, cents, other_memory = {}, count(2), b"\1" * CACHE
    async with _serving() as server, home_assistant(folder) as hass:
        server.body = _body(members)
        entry = add_entry(hass, str(server.server.make_url("/")), dimensions=["user"], max_members=1)
        coordinator = await set_up(hass, entry)
        server.body = _body(members, dict.fromkeys(range(members), 1))
        await coordinator.async_refresh()
        for name, used in (("none", ()), ("one", (7,)), ("a hundred", range(100))):
            costs = found[name] = Quiet()
            for _ in range(RUNS):
                server.body = _body(members, dict.fromkeys(range(members), 1) | dict.fromkeys(used, next(cents)))
                # As the coordinator does it, but for the answer itself: what that costs is measured elsewhere.
                await entry.runtime_data.scraper.async_scrape()
                await hass.async_block_till_done()
                # A large answer leaves no code in the processor's cache, a small one does.
                other_memory.count(b"\0")
                begun, mine = time.process_time(), time.thread_time()
                await coordinator._builder.async_prepare()
                coordinator.data = coordinator._builder.build()
                coordinator._async_publish()
                await hass.async_block_till_done()
                on_loop = (time.thread_time() - mine) * 1e3
                costs.loop.append(on_loop)
                costs.threads.append((time.process_time() - begun) * 1e3 - on_loop)
    return found


def _invent(folder: Path) -> list[Figure]:
    """Scrape a proxy that names others in each answer."""
    return asyncio.run(_invented(folder / "invented"))


async def _invented(folder: Path) -> list[Figure]:
    held, times = [], []
    async with _serving() as server, home_assistant(folder) as hass:
        server.body = _body(1)
        coordinator = await set_up(hass, add_entry(hass, str(server.server.make_url("/"))))
        for answer in range(INVENTIONS):
            if answer % (INVENTIONS // 4) == 0:
                held.append(resident())
            server.body = _inventing(answer)
            begun = time.process_time()
            await coordinator.async_refresh()
            times.append((time.process_time() - begun) * 1e3)
            assert coordinator.last_update_success
        held.append(resident())
        wrong = abs(spent(coordinator) - INVENTIONS * (INVENTED + 1) / 100)
    name, half = f"{INVENTIONS} answers with {INVENTED:,} invented users each", INVENTIONS // 2
    longer = sum(times[half:]) / sum(times[half // 2 : half]) / 2
    return [
        figure(f"{name}: memory that they take", "MB", [(held[-1] - held[0]) / 1e6], budget=AtMost(300, "MB")),
        figure(
            f"{name}: memory that the second half adds",
            "MB",
            [max(0.0, (held[-1] - held[2]) / 1e6)],
            budget=AtMost(50, "MB"),
        ),
        figure(f"{name}: times as long that the second half takes", "", [longer], budget=AtMost(1.5, "")),
        figure(f"{name}: what the total is off", "USD", [wrong], budget=AtMost(1e-6, "USD")),
    ]


def _inventing(answer: int) -> bytes:
    """Return a body in which the one user who is real has spent a cent more, and so has everybody else."""
    others = (f'litellm_spend_metric_total{{model="m",user="{answer}-{one}"}} 0.01\n' for one in range(INVENTED))
    return _body(1, {0: answer + 1}) + "".join(others).encode()
