"""What the largest answers cost the event loop, each asked for by a client in another process."""

import asyncio
import gc
import json
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp.test_utils import TestServer
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import CLIENT_ID, MockUser

from .apart import apart
from .home import DOMAIN, add_entry, home_assistant, served, set_up, turns
from .measure import AtMost, Figure, Section, Setting, figure, scratch_folder

USERS = 5_000
HOURS = 4
"""As many rows as may be answered: that many users times that many hours."""
SHOWN = 1_000
"""Users that have a device: the most that the options allow."""
ROUNDS = 3
BASE = f"/api/{DOMAIN}"

_BEGIN = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
_SPAN = {"from": f"{_BEGIN:%Y-%m-%dT%H:%MZ}", "to": f"{_BEGIN + timedelta(hours=HOURS):%Y-%m-%dT%H:%MZ}"}
_USAGE = f"group_by=user&period=hour&{urlencode(_SPAN)}"
PATHS = {
    "/api/v1/users": f"{BASE}/api/v1/users",
    "usage by the hour": f"{BASE}/api/v1/usage?{_USAGE}",
    "usage as CSV": f"{BASE}/api/v1/usage?{_USAGE}&format=csv",
    "/metrics": f"{BASE}/metrics?dimensions=user",
    "/raw": f"{BASE}/raw",
}


def run(setting: Setting) -> Section:
    """Measure in a process of its own."""
    with scratch_folder(setting) as folder:
        figures = apart(_asked, folder)
    return Section(
        title="Large questions",
        note=(
            f"Inside a Home Assistant as above, a ledger with {USERS:,} users, {SHOWN:,} of them with a device, and "
            f"{USERS * HOURS:,} rows of usage, the most that is answered; of `get_usage` {USERS:,}, the most that an "
            f"action returns. A client in another process asks each question {ROUNDS} times, after a scrape each. "
            "*Turn*: the longest piece of work on the event loop, in processor time of its thread, without Python's "
            "garbage collector."
        ),
        figures=figures,
    )


def _asked(folder: Path) -> list[Figure]:
    gc.disable()
    return asyncio.run(_ask_all(folder))


async def _ask_all(folder: Path) -> list[Figure]:
    """Ask each question, and return the longest turn that it took."""
    body = await asyncio.to_thread(_body, folder)
    with served([body]) as url:
        async with home_assistant(folder) as hass:
            assert await async_setup_component(hass, "websocket_api", {})
            entry = add_entry(hass, url, dimensions=["user"], max_members=SHOWN)
            with turns() as taken:
                await set_up(hass, entry)
            entities = f"{len(hass.states.async_entity_ids()):,} entities: longest turn"
            found = [figure(f"set-up with {entities}", "ms", [max(taken)], budget=AtMost(10, "ms"))]
            with turns() as taken:
                assert await hass.config_entries.async_unload(entry.entry_id)
            found.append(figure(f"unloading {entities}", "ms", [max(taken)], budget=AtMost(10, "ms")))
            with turns() as taken:
                coordinator = await set_up(hass, entry)
            found.append(figure(f"set-up after that with {entities}", "ms", [max(taken)], budget=AtMost(10, "ms")))
            await asyncio.to_thread(_fill, entry.runtime_data.ledger.path)
            async with _asker(hass) as ask:
                for name, question in _questions(entry.entry_id).items():
                    longest, size = 0.0, 0
                    for _ in range(ROUNDS):
                        await coordinator.async_refresh()
                        await hass.async_block_till_done()
                        with turns() as taken:
                            size = await ask(question)
                        longest = max(longest, *taken)
                    named = f"{name}, {size / 1e6:.1f} MB: longest turn"
                    found.append(figure(named, "ms", [longest], budget=AtMost(10, "ms")))
            return found


def _questions(entry_id: str) -> dict[str, dict[str, Any]]:
    """Return the questions by name."""
    asked: dict[str, dict[str, Any]] = {}
    for name, path in PATHS.items():
        for encoding in ("identity", "gzip"):
            asked[f"{name}, {encoding}"] = {"path": path, "encoding": encoding}
    usage = {"group_by": ["user"], "period": "hour", **_SPAN}
    commands = {
        "websocket: usage": {"type": f"{DOMAIN}/usage", "entry_id": entry_id, **usage},
        "websocket: dashboard": {"type": f"{DOMAIN}/dashboard"},
        "websocket: get_usage": {
            "type": "call_service",
            "domain": DOMAIN,
            "service": "get_usage",
            "service_data": {**usage, "period": "day"},
            "return_response": True,
        },
    }
    for name, command in commands.items():
        for compressed in (False, True):
            asked[f"{name}{', compressed' if compressed else ''}"] = {"command": command, "compressed": compressed}
    return asked


@asynccontextmanager
async def _asker(hass: HomeAssistant) -> AsyncIterator[Any]:
    """Serve Home Assistant on loopback; yields what has a question asked in another process."""
    user = MockUser(is_owner=True).add_to_hass(hass)
    token = hass.auth.async_create_access_token(await hass.auth.async_create_refresh_token(user, CLIENT_ID))
    async with TestServer(hass.http.app, host="127.0.0.1") as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(Path(__file__).with_name("asker.py")), str(server.make_url("")), token),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        async def ask(question: dict[str, Any]) -> int:
            stdin.write(json.dumps(question).encode() + b"\n")
            told = json.loads(await stdout.readline())
            assert isinstance(told, int), told
            return told

        try:
            yield ask
        finally:
            stdin.close()
            await process.wait()


def _body(folder: Path) -> Path:
    """Write a body in which every user has spent a cent."""
    lines = [
        "# TYPE process_start_time_seconds gauge",
        f"process_start_time_seconds {time.time() - 3600}",
        "# TYPE litellm_spend_metric_total counter",
        *(f'litellm_spend_metric_total{{model="m",user="user-{one}"}} 0.01' for one in range(USERS)),
    ]
    file = folder / "users.prom"
    file.write_text("\n".join(lines) + "\n")
    return file


def _fill(ledger: Path) -> None:
    """Give every user usage in the first hours of yesterday."""
    with closing(sqlite3.connect(f"{ledger.as_uri()}?vfs=unix-excl", uri=True)) as file, file:
        for hour in range(HOURS):
            quarter = int((_BEGIN + timedelta(hours=hour)).timestamp()) // 900
            file.execute(
                "INSERT INTO posted (resolution, start, attribution, cost) "
                "SELECT 0, ?, attribution, 0.25 FROM attributions WHERE dimension = 'user'",
                [quarter],
            )
