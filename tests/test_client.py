"""The client brings a whole body home, or says what went wrong; the key stays with its host."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector, web
from aiohttp.test_utils import unused_port
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from yarl import URL

from custom_components.litellm_pulse import client as module
from custom_components.litellm_pulse.client import (
    CannotConnectError,
    InvalidAuthError,
    MetricsClient,
    NotFoundError,
    RateLimitedError,
    RedirectError,
    ScrapeTimeoutError,
    TLSError,
    TooLargeError,
    TruncatedTransferError,
    UnexpectedStatusError,
)
from custom_components.litellm_pulse.core.errors import NotPrometheusError
from custom_components.litellm_pulse.core.exposition import ExpositionParser

from .proxy import Proxy


@pytest.fixture
async def session(socket_enabled: None) -> AsyncIterator[ClientSession]:  # noqa: ARG001
    """Return a session as Home Assistant's."""
    async with ClientSession() as session:
        yield session


@pytest.fixture
def client(session: ClientSession, proxy: Proxy) -> MetricsClient:
    """Return a client of the proxy."""
    return MetricsClient(session, URL(proxy.url), "sk-1234")


@pytest.fixture
async def trusting_session(socket_enabled: None) -> AsyncIterator[ClientSession]:  # noqa: ARG001
    """Return a session as Home Assistant's with verification switched off."""
    async with ClientSession(connector=TCPConnector(ssl=False)) as session:
        yield session


@pytest.fixture
async def tls_proxy(socket_enabled: None, tmp_path: Path) -> AsyncIterator[Proxy]:  # noqa: ARG001
    """Start a proxy behind TLS."""
    async with Proxy(_certificate(tmp_path)) as proxy:
        yield proxy


def _certificate(tmp_path: Path) -> ssl.SSLContext:
    """Return a server's TLS with a certificate that nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "litellm")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    return context


def _ignore(_piece: bytes) -> None:
    """Take a piece of a body that nobody looks at."""


async def _body(client: MetricsClient) -> bytearray:
    """Return a whole body."""
    body = bytearray()
    await client.fetch(body.extend)
    return body


async def test_metrics_are_asked_for_once_with_the_key(client: MetricsClient, proxy: Proxy) -> None:
    assert await _body(client) == proxy.traffic.body()
    (request,) = proxy.requests
    assert request.path == "/metrics/"
    assert request.headers["Authorization"] == "Bearer sk-1234"
    assert request.headers["Accept"] == "text/plain"


@pytest.mark.parametrize("key", [None, ""])
async def test_without_a_key_none_is_sent(session: ClientSession, proxy: Proxy, key: str | None) -> None:
    await MetricsClient(session, URL(proxy.url), key).fetch(_ignore)
    assert "Authorization" not in proxy.requests[0].headers


async def test_the_answer_carries_the_clock_of_the_proxy(client: MetricsClient, proxy: Proxy) -> None:
    proxy.answer(b"a 1\n", Date="Wed, 18 Nov 2026 12:00:00 GMT")
    answer = await client.fetch(_ignore)
    assert answer.answered_at == datetime(2026, 11, 18, 12, tzinfo=UTC)
    assert answer.duration > 0


async def test_an_unreadable_clock_is_no_clock(client: MetricsClient, proxy: Proxy) -> None:
    proxy.answer(b"a 1\n", Date="yesterday")
    assert (await client.fetch(_ignore)).answered_at is None


async def test_a_compressed_body_is_unpacked(client: MetricsClient, proxy: Proxy) -> None:
    proxy.answer(gzip.compress(b"a 1\n" * 1000), Content_Encoding="gzip")
    assert await _body(client) == b"a 1\n" * 1000


async def test_a_body_is_handed_on_as_it_comes_in(client: MetricsClient, proxy: Proxy) -> None:
    first_has_come = asyncio.Event()
    pieces: list[bytes] = []

    async def slowly(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"a 1\n")
        await first_has_come.wait()
        await response.write(b"b 2\n")
        return response

    def feed(piece: bytes) -> None:
        pieces.append(piece)
        first_has_come.set()

    proxy.handler = slowly
    await client.fetch(feed)
    assert pieces == [b"a 1\n", b"b 2\n"]


async def test_what_the_reader_refuses_ends_the_transfer(client: MetricsClient, proxy: Proxy) -> None:
    ended = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"<html>" * 1000)
        finally:
            ended.set()

    proxy.handler = endless
    with pytest.raises(NotPrometheusError):
        await client.fetch(ExpositionParser(()).feed)
    async with asyncio.timeout(5):
        await ended.wait()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, InvalidAuthError),
        (403, InvalidAuthError),
        (404, NotFoundError),
        (429, RateLimitedError),
        (204, UnexpectedStatusError),
        (500, UnexpectedStatusError),
    ],
)
async def test_every_status_but_200_is_an_error(
    client: MetricsClient, proxy: Proxy, status: int, error: type[Exception]
) -> None:
    proxy.answer(status=status)
    with pytest.raises(error):
        await client.fetch(_ignore)


@pytest.mark.parametrize("seconds", [-600, 0, 600])
async def test_retry_after_is_understood_as_a_date(client: MetricsClient, proxy: Proxy, seconds: int) -> None:
    proxy.answer(status=429, Retry_After=format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True))
    with pytest.raises(RateLimitedError) as caught:
        await client.fetch(_ignore)
    assert caught.value.retry_after == pytest.approx(max(0, seconds), abs=60)


async def test_retry_after_is_understood_as_seconds(client: MetricsClient, proxy: Proxy) -> None:
    proxy.answer(status=429, Retry_After="120")
    with pytest.raises(RateLimitedError) as caught:
        await client.fetch(_ignore)
    assert caught.value.retry_after == 120


@pytest.mark.parametrize("header", ["", "soon", "-5"])
async def test_retry_after_that_says_nothing_is_none(client: MetricsClient, proxy: Proxy, header: str) -> None:
    proxy.answer(status=429, Retry_After=header)
    with pytest.raises(RateLimitedError) as caught:
        await client.fetch(_ignore)
    assert caught.value.retry_after is None


async def test_a_body_that_is_announced_too_large_is_not_read(
    client: MetricsClient, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BODY_LIMIT", 10)
    proxy.answer(b"a 1\n" * 3)
    with pytest.raises(TooLargeError):
        await client.fetch(_ignore)


@pytest.mark.parametrize("compressed", [True, False])
async def test_a_body_that_grows_too_large_is_dropped(
    client: MetricsClient, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, *, compressed: bool
) -> None:
    monkeypatch.setattr(module, "BODY_LIMIT", 100_000)
    body = b"a 1\n" * 30_000

    async def chunked(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": "gzip"} if compressed else None)
        await response.prepare(request)
        await response.write(gzip.compress(body) if compressed else body)
        return response

    proxy.handler = chunked
    with pytest.raises(TooLargeError):
        await client.fetch(_ignore)


async def test_a_body_that_breaks_off_is_an_error(client: MetricsClient, proxy: Proxy) -> None:
    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"a 1\n")
        assert request.transport is not None
        request.transport.close()
        return response

    proxy.handler = break_off
    with pytest.raises(TruncatedTransferError):
        await client.fetch(_ignore)


async def test_a_proxy_that_hangs_is_given_up(
    client: MetricsClient, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.05)
    hanging = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await hanging.wait()
        return web.Response()

    proxy.handler = hang
    with pytest.raises(ScrapeTimeoutError):
        await client.fetch(_ignore)
    hanging.set()


async def test_nobody_there_is_an_error(session: ClientSession) -> None:
    with pytest.raises(CannotConnectError):
        await MetricsClient(session, URL(f"http://127.0.0.1:{unused_port()}"), None).fetch(_ignore)


async def test_tls_where_there_is_none_is_an_error(session: ClientSession, proxy: Proxy) -> None:
    with pytest.raises(TLSError):
        await MetricsClient(session, URL(proxy.url).with_scheme("https"), None).fetch(_ignore)


async def test_a_certificate_that_nobody_signed_is_an_error(session: ClientSession, tls_proxy: Proxy) -> None:
    with pytest.raises(TLSError):
        await MetricsClient(session, URL(tls_proxy.url), "sk-1234").fetch(_ignore)
    assert not tls_proxy.requests


async def test_a_redirect_on_the_same_host_is_followed_with_the_key(client: MetricsClient, proxy: Proxy) -> None:
    async def move(request: web.Request) -> web.Response:
        if request.path == "/metrics/":
            raise web.HTTPTemporaryRedirect("/new/metrics/?name=a")
        return web.Response(body=b"a 1\n")

    proxy.handler = move
    assert await _body(client) == b"a 1\n"
    assert proxy.requests[1].path_qs == "/new/metrics/?name=a"
    assert proxy.requests[1].headers["Authorization"] == "Bearer sk-1234"


async def test_a_redirect_to_tls_on_the_same_host_is_followed(
    trusting_session: ClientSession, proxy: Proxy, tls_proxy: Proxy
) -> None:
    proxy.answer(status=301, Location=f"{tls_proxy.url}/metrics/")
    assert await _body(MetricsClient(trusting_session, URL(proxy.url), "sk-1234")) == tls_proxy.traffic.body()


async def test_the_key_never_goes_to_another_host(client: MetricsClient, proxy: Proxy) -> None:
    proxy.answer(status=302, Location=f"http://localhost:{proxy.server.port}/metrics/")
    with pytest.raises(RedirectError):
        await client.fetch(_ignore)
    assert len(proxy.requests) == 1


async def test_a_location_without_tls_does_not_take_the_key_out_of_tls(
    trusting_session: ClientSession, proxy: Proxy, tls_proxy: Proxy
) -> None:
    async def forget_tls(request: web.Request) -> web.Response:
        if request.path == "/metrics/":
            raise web.HTTPTemporaryRedirect(f"{proxy.url}/elsewhere/")
        return web.Response(body=b"a 1\n")

    tls_proxy.handler = forget_tls
    assert await _body(MetricsClient(trusting_session, URL(tls_proxy.url), "sk-1234")) == b"a 1\n"
    assert [request.path for request in tls_proxy.requests] == ["/metrics/", "/elsewhere/"]
    assert not proxy.requests


async def test_redirects_in_circles_end(client: MetricsClient, proxy: Proxy) -> None:
    proxy.answer(status=307, Location="/metrics/")
    with pytest.raises(RedirectError):
        await client.fetch(_ignore)
    assert len(proxy.requests) == 5


@pytest.mark.parametrize("headers", [{}, {"Location": "http://[broken"}, {"Location": "ftp://127.0.0.1/"}])
async def test_a_redirect_to_nowhere_is_an_error(client: MetricsClient, proxy: Proxy, headers: dict[str, str]) -> None:
    proxy.answer(status=307, **headers)
    with pytest.raises(RedirectError):
        await client.fetch(_ignore)
