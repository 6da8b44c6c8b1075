"""A balancer before real proxies: each request goes to the next one."""

from collections.abc import Mapping
from itertools import count
from typing import Self

from aiohttp import ClientSession, TCPConnector, hdrs, web
from aiohttp.test_utils import TestServer
from multidict import CIMultiDict

_HOP_BY_HOP = ("Connection", "Content-Encoding", "Content-Length", "Host", "Keep-Alive", "Transfer-Encoding")


class Balancer:
    """The server on loopback, and whom it asks."""

    def __init__(self, *proxies: str, keeps_connections: bool = False, authorization: str | None = None) -> None:
        """Take the addresses of the proxies, in turn, and what has to be in the header `Authorization`.

        Every request comes over a connection of its own, which any worker of a proxy may take, unless they are kept.
        """
        self.proxies = proxies
        self._authorization = authorization
        self.bodies: list[str] = []
        """What they have answered."""
        self._turns = count()
        self._keeps_connections = keeps_connections
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._pass_on)
        self._server = TestServer(application, host="127.0.0.1")

    @property
    def url(self) -> str:
        """The address of the balancer."""
        return f"http://127.0.0.1:{self._server.port}"

    async def __aenter__(self) -> Self:
        """Start."""
        self._session = ClientSession(connector=TCPConnector(force_close=not self._keeps_connections))
        await self._server.start_server(access_log=None)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self._server.close()
        await self._session.close()

    async def _pass_on(self, request: web.Request) -> web.Response:
        """Have the next proxy answer a request."""
        if self._authorization and request.headers.get(hdrs.AUTHORIZATION) != self._authorization:
            return web.Response(status=401, headers={hdrs.WWW_AUTHENTICATE: "Basic"})
        address = self.proxies[next(self._turns) % len(self.proxies)] + request.raw_path
        async with self._session.get(address, headers=_end_to_end(request.headers), allow_redirects=False) as answer:
            body = await answer.read()
            self.bodies.append(body.decode())
            return web.Response(body=body, status=answer.status, headers=_end_to_end(answer.headers))


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """Return the headers that are not of one connection only."""
    kept = CIMultiDict(headers)
    for name in _HOP_BY_HOP:
        kept.popall(name, None)
    return kept
