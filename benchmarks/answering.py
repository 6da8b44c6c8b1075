"""A proxy that really counts, and answers as a broken one does where that is wanted."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime

from aiohttp import web
from aiohttp.test_utils import TestServer

from .homelab import Homelab

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HANGS = 60
"""Seconds for which a slow one says nothing: twice of what it is given."""
HTML, OTHER = b"<html><body>Sign in</body></html>", b"# TYPE up gauge\nup 1\n"
SPEND = "litellm_spend_metric_total"


class Answering:
    """A proxy that answers with what it counts, or with what its `fault` is."""

    def __init__(self, seed: int = 0, now: Callable[[], datetime] | None = None) -> None:
        """Begin with six models and three keys that nobody has used; with a clock, that is the proxy's, too."""
        self._now = now
        self.homelab = Homelab(started=BEGIN.timestamp() - 60)
        self.spent = 0.0
        self.fault: str | None = None
        self.answers = 0
        self._cached = b""
        self._chance = random.Random(seed)  # noqa: S311  # traffic
        application = web.Application()
        application.router.add_get("/{path:.*}", self._answer)
        self.server = TestServer(application, host="127.0.0.1")

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server.port}"

    def use(self) -> None:
        """Have a model used."""
        before = self._in_dollars()
        self.homelab.request(self._chance.randrange(self.homelab.models), self._chance.randrange(self.homelab.keys))
        self.spent += self._in_dollars() - before

    def _in_dollars(self) -> float:
        return sum(one.value for (family, _, _), one in self.homelab._series.items() if family == SPEND)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """Answer, in part where that is asked for."""
        self.answers += 1
        body = self.homelab.body()
        match self.fault:
            case "connection":
                assert request.transport is not None
                request.transport.abort()
            case "slow":
                await asyncio.sleep(HANGS)
            case "dribbling":
                return await _dribble(request, body)
            case "stale":
                # Every second one comes from a cache that is never renewed.
                self._cached = self._cached or body
                body = self._cached if self.answers % 2 else body
            case "restarting":
                # What came between the last answer and a restart nobody could know.
                self.fault = None
                self.homelab.restart(datetime.now(UTC).timestamp())
            case str(status) if status.isdigit():
                return web.Response(status=int(status), headers={"Retry-After": "1"})
        date = {"Date": format_datetime(self._now(), usegmt=True)} if self._now else {}
        bodies = {"empty": b"", "half": body[: len(body) // 2 - 3], "html": HTML, "other": OTHER}
        told = bodies.get(self.fault or "", _part(body, request.query.getall("name[]", [])))
        return web.Response(body=told, headers=date)


async def _dribble(request: web.Request, body: bytes) -> web.StreamResponse:
    """Answer with a byte a second."""
    response = web.StreamResponse()
    await response.prepare(request)
    for byte in body[:HANGS]:
        await response.write(bytes([byte]))
        await asyncio.sleep(1)
    return response


def _part(body: bytes, names: Sequence[str]) -> bytes:
    """Return the families that are named, or all."""
    if not names:
        return body
    wanted = {name.encode() for name in names}
    blocks = body.split(b"# TYPE ")
    return b"".join(b"# TYPE " + one for one in blocks[1:] if one.split(b" ", 1)[0] in wanted)


@asynccontextmanager
async def serving(proxy: Answering) -> AsyncIterator[Answering]:
    await proxy.server.start_server(access_log=None)
    try:
        yield proxy
    finally:
        await proxy.server.close()
