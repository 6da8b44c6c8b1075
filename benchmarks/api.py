"""The JSON API on a ledger with 90 days: each answer by itself, and fifty clients at once."""

import asyncio
import importlib
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import CLIENT_ID, MockUser

from .home import (
    Heartbeat,
    Past,
    add_entry,
    clock_at,
    home_assistant,
    ninety_days,
    served,
    set_up,
    turns,
)
from .measure import AtMost, Faster, Figure, Section, Setting, figure, scratch_folder
from .peer import NAME, Peer
from .peer import ninety_days as of_peer

BASE = "/api/litellm_pulse"
CLIENTS, SECONDS = 50, 60
ROUNDS = 21
"""Scrapes after which each path is asked once: answers are kept until the next scrape."""
HISTORY = "/api/v1/history?limit=168"
LIMITS = {
    "/api/v1/metrics": 2,
    "/api/v1/models": 2,
    "/api/v1/metrics/cost_daily": 2,
    HISTORY: 10,
    "/api/v1/usage?from=2026-01-01&to=2026-03-31&period=day": 50,
    "/api/v1/usage?from=2026-01-01&to=2026-03-31&period=day&group_by=model": 50,
}
"""Path -> milliseconds; the ledger's 90 days are those of the simulation."""


def run(setting: Setting) -> Section:
    """Measure ours, and litellm-pulse on a database with as many scrapes."""
    past = ninety_days(setting)
    with scratch_folder(setting) as folder, served([past.body]) as url, clock_at(past.then):
        ours, load = asyncio.run(_measure(folder, past, url))
    with Peer(setting.peer) as peer:
        database, _ = of_peer(setting, peer)
        theirs = peer.ask("answer", database=str(database))
    return Section(
        title="The API, on 90 days",
        note=(
            "By the clock, inside the handler, each path once after every scrape, since what was asked before is "
            "remembered until the next; the first round is left out. litellm-pulse: the functions behind its routes, "
            f"in turn, on its own database. Then {CLIENTS} clients in another process ask all of these paths for "
            f"{SECONDS} s as fast as they can, with a scrape every 10 s; *held* is the longest turn of the event loop "
            "in processor time of its thread, *late* the latest beat of a heartbeat, by the clock."
        ),
        figures=[
            *(_figure(path, ours[path], theirs.get(path)) for path in LIMITS),
            figure(
                f"{HISTORY}, against the peer", "ms", ours[HISTORY], against=(NAME, theirs[HISTORY]), budget=Faster(1)
            ),
            *load,
        ],
    )


def _figure(path: str, ours: list[float], theirs: list[float] | None) -> Figure:
    """Return a path's figure, beside the peer where that has the path."""
    against = (NAME, theirs) if theirs else None
    return figure(path, "ms", ours, against=against, budget=AtMost(LIMITS[path], "ms"))


async def _measure(folder: Path, past: Past, url: str) -> tuple[dict[str, list[float]], list[Figure]]:
    """Return the milliseconds per path, and the figures under load."""
    async with home_assistant(folder) as hass:
        found = _timed_handlers()
        entry = add_entry(hass, url)
        await past.adopt(hass, entry)
        coordinator = await set_up(hass, entry)
        async with _client(hass) as (client, token):
            await _one_by_one(coordinator, client)
            ours = {path: found[path][1:] for path in LIMITS}
            load = await _all_at_once(coordinator, str(client.make_url("")), token)
    return ours, load


async def _one_by_one(coordinator: Any, client: TestClient[Any, Any]) -> None:  # noqa: ANN401  # not imported
    """Ask for each path after each scrape."""
    for _ in range(ROUNDS):
        await coordinator.async_refresh()
        for path in LIMITS:
            async with client.get(BASE + path) as answer:
                assert answer.status == web.HTTPOk.status_code, await answer.text()


async def _all_at_once(coordinator: Any, base: str, token: str) -> list[Figure]:  # noqa: ANN401  # likewise
    """Return what many clients see, and what they do to the event loop."""
    script = str(Path(__file__).with_name("clients.py"))
    paths = [BASE + path for path in LIMITS]
    heart = Heartbeat()
    with turns() as held:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, script, base, token, str(CLIENTS), str(SECONDS), *paths), stdout=asyncio.subprocess.PIPE
        )
        asking = asyncio.create_task(process.communicate())
        while not asking.done():
            await coordinator.async_refresh()
            await asyncio.wait([asking], timeout=10)
    late = heart.reset()
    heart.stop()
    answers: dict[str, int] = json.loads((await asking)[0])
    good = answers.pop("200", 0)
    return [
        figure(f"{CLIENTS} clients: answers", "a second", [good / SECONDS]),
        figure(f"{CLIENTS} clients: errors", "", [sum(answers.values())], budget=AtMost(0, "")),
        figure(f"{CLIENTS} clients: the event loop is held", "ms", [max(held)], budget=AtMost(20, "ms")),
        figure(f"{CLIENTS} clients: the latest callback", "ms", [late]),
        figure(f"{CLIENTS} clients: a turn of the event loop, on average", "ms", [statistics.fmean(held)]),
    ]


def _timed_handlers() -> dict[str, list[float]]:
    """Have every handler note how long it takes, by path and query; before the views are registered."""
    endpoint = importlib.import_module("custom_components.litellm_pulse.api.base").PulseView
    get = endpoint.get
    found: dict[str, list[float]] = defaultdict(list)

    async def timed(self: Any, request: web.Request, **names: str) -> web.Response:  # noqa: ANN401
        begun = time.perf_counter()
        response: web.Response = await get(self, request, **names)
        found[request.path_qs.removeprefix(BASE)].append((time.perf_counter() - begun) * 1e3)
        return response

    endpoint.get = timed
    return found


@asynccontextmanager
async def _client(hass: HomeAssistant) -> AsyncIterator[tuple[TestClient[Any, Any], str]]:
    """Serve the API on loopback; yields a client and its token."""
    user = MockUser().add_to_hass(hass)
    refresh = await hass.auth.async_create_refresh_token(user, CLIENT_ID)
    token = hass.auth.async_create_access_token(refresh)
    headers = {"Authorization": f"Bearer {token}"}
    async with TestClient(TestServer(hass.http.app), headers=headers) as client:
        yield client, token
