"""A session as Home Assistant's, and a client of the proxy."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector
from yarl import URL

from custom_components.litellm_pulse.client import MetricsClient

from ..certificates import Authority
from ..proxy import Proxy


@pytest.fixture
async def session(socket_enabled: None) -> AsyncIterator[ClientSession]:  # noqa: ARG001
    """Return a session as Home Assistant's."""
    async with ClientSession() as session:
        yield session


@pytest.fixture
async def trusting_session(socket_enabled: None) -> AsyncIterator[ClientSession]:  # noqa: ARG001
    """Return a session as Home Assistant's with verification switched off."""
    async with ClientSession(connector=TCPConnector(ssl=False)) as session:
        yield session


@pytest.fixture
def client(session: ClientSession, proxy: Proxy) -> MetricsClient:
    """Return a client of the proxy."""
    return MetricsClient(session, URL(proxy.url), "sk-1234")


@pytest.fixture
async def tls_proxy(socket_enabled: None, tmp_path: Path) -> AsyncIterator[Proxy]:  # noqa: ARG001
    """Start a proxy behind TLS with a certificate that nobody has signed."""
    async with Proxy(Authority(tmp_path).server(self_signed=True)) as proxy:
        yield proxy


def ignore(_piece: bytes) -> None:
    """Take a piece of a body that nobody looks at."""


async def body_of(client: MetricsClient) -> bytearray:
    """Return a whole body."""
    body = bytearray()
    await client.fetch(body.extend)
    return body
