"""TLS is trusted where its certificate is, and only there."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from custom_components.litellm_pulse.client import CAFileError, MetricsClient, RedirectError, TLSError

from ..certificates import Authority
from ..proxy import Proxy
from .conftest import body_of, ignore


async def test_tls_where_there_is_none_is_an_error(session: ClientSession, proxy: Proxy) -> None:
    with pytest.raises(TLSError):
        await MetricsClient(session, URL(proxy.url).with_scheme("https"), None).fetch(ignore)


async def test_a_certificate_that_nobody_signed_is_an_error(session: ClientSession, tls_proxy: Proxy) -> None:
    with pytest.raises(TLSError):
        await MetricsClient(session, URL(tls_proxy.url), "sk-1234").fetch(ignore)
    assert not tls_proxy.requests


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return an authority of one's own."""
    return Authority(tmp_path)


def _untrusted(authority: Authority, kind: str) -> ssl.SSLContext:
    """Return the TLS of a server whose certificate is wrong in one way."""
    now = datetime.now(UTC)
    match kind:
        case "expired":
            return authority.server(valid=(now - timedelta(days=2), now - timedelta(days=1)))
        case "not yet valid":
            return authority.server(valid=(now + timedelta(days=1), now + timedelta(days=2)))
        case "for another name":
            return authority.server(address="127.0.0.2")
        case "of another authority":
            return Authority(authority.folder / "other").server()
        case _:
            return authority.server(self_signed=True)


@pytest.mark.parametrize(
    "kind", ["expired", "not yet valid", "for another name", "of another authority", "self-signed"]
)
async def test_a_certificate_that_is_not_right_is_an_error_and_the_key_is_not_sent(
    session: ClientSession, authority: Authority, kind: str
) -> None:
    async with Proxy(_untrusted(authority, kind)) as proxy:
        with pytest.raises(TLSError):
            await MetricsClient(session, URL(proxy.url), "sk-1234", ca_file=str(authority.file)).fetch(ignore)
        assert not proxy.requests


@pytest.mark.parametrize("intermediate", [False, True])
async def test_a_chain_of_ones_own_is_trusted_with_its_file(
    session: ClientSession, authority: Authority, *, intermediate: bool
) -> None:
    async with Proxy(authority.server(intermediate=intermediate)) as proxy:
        with pytest.raises(TLSError):
            await MetricsClient(session, URL(proxy.url), "sk-1234").fetch(ignore)
        client = MetricsClient(session, URL(proxy.url), "sk-1234", ca_file=str(authority.file))
        assert await body_of(client) == proxy.traffic.body()


async def test_an_authority_that_was_renewed_is_read_again(session: ClientSession, authority: Authority) -> None:
    renewed = Authority(authority.folder / "renewed")
    async with Proxy(renewed.server()) as proxy:
        client = MetricsClient(session, URL(proxy.url), "sk-1234", ca_file=str(authority.file))
        with pytest.raises(TLSError):
            await client.fetch(ignore)
        authority.file.write_bytes(renewed.file.read_bytes())
        assert await body_of(client) == proxy.traffic.body()


async def test_an_authority_as_openssl_makes_it_is_trusted(session: ClientSession, tmp_path: Path) -> None:
    authority = Authority(tmp_path, plain=True)
    async with Proxy(authority.server()) as proxy:
        client = MetricsClient(session, URL(proxy.url), "sk-1234", ca_file=str(authority.file))
        assert await body_of(client) == proxy.traffic.body()
    async with Proxy(authority.server(address="127.0.0.2")) as proxy:
        with pytest.raises(TLSError):
            await MetricsClient(session, URL(proxy.url), None, ca_file=str(authority.file)).fetch(ignore)


def _outdated(tls: ssl.SSLContext) -> None:
    tls.set_ciphers("ALL:@SECLEVEL=0")
    tls.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    tls.maximum_version = ssl.TLSVersion.TLSv1


def _weak(tls: ssl.SSLContext) -> None:
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.set_ciphers("AES128-SHA:@SECLEVEL=0")


def _nameless(tls: ssl.SSLContext) -> None:
    tls.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("spoil", [_outdated, _weak, _nameless])
async def test_a_server_that_speaks_no_tls_of_today_is_an_error_that_says_so(
    session: ClientSession, authority: Authority, spoil: Callable[[ssl.SSLContext], None]
) -> None:
    tls = authority.server()
    spoil(tls)
    async with Proxy(tls) as proxy:
        url = URL(proxy.url).with_host("localhost")
        with pytest.raises(TLSError):
            await MetricsClient(session, url, "sk-1234", ca_file=str(authority.file)).fetch(ignore)
        assert not proxy.requests


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x03\x40\x00abc", b"\x15\x03\x03\x00\x02\x02\x28", b"SSH-2.0-x\r\n"])
async def test_a_server_that_breaks_off_before_tls_stands_is_an_error_that_says_so(
    session: ClientSession, said: bytes
) -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(said)
        writer.close()

    async with await asyncio.start_server(break_off, "127.0.0.1", 0) as server:
        url = URL(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(TLSError):
            await MetricsClient(session, url, "sk-1234").fetch(ignore)


async def test_a_path_that_is_none_is_an_error_that_says_so(session: ClientSession) -> None:
    with pytest.raises(CAFileError):
        await MetricsClient(session, URL("https://127.0.0.1:1"), None, ca_file="ca\0.pem").fetch(ignore)


async def test_a_certificate_that_is_renewed_while_it_runs_is_trusted_by_its_authority(
    session: ClientSession, authority: Authority
) -> None:
    tls = authority.server()
    async with Proxy(tls) as proxy:
        proxy.answer(b"up 1\n", Connection="close")
        client = MetricsClient(session, URL(proxy.url), "sk-1234", ca_file=str(authority.file))
        assert await body_of(client) == b"up 1\n"
        authority.server()
        tls.load_cert_chain(authority.folder / "server.pem")
        assert await body_of(client) == b"up 1\n"


@pytest.mark.parametrize("content", [None, b"", b"\x00\xff", b"-----BEGIN CERTIFICATE-----\nbm8=\n"])
async def test_a_file_without_an_authority_is_an_error_that_says_so(
    session: ClientSession, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CAFileError):
        await MetricsClient(session, URL("https://127.0.0.1:1"), None, ca_file=str(file)).fetch(ignore)


async def test_a_redirect_within_tls_is_followed_and_one_out_of_it_is_not(
    session: ClientSession, authority: Authority, proxy: Proxy
) -> None:
    async def move(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/moved/" if request.path == "/metrics/" else f"{proxy.url}/metrics/")

    async with Proxy(authority.server()) as secure:
        secure.handler = move
        client = MetricsClient(session, URL(secure.url), "sk-1234", ca_file=str(authority.file))
        with pytest.raises(RedirectError):
            await client.fetch(ignore)
        assert [request.path for request in secure.requests][:2] == ["/metrics/", "/moved/"]
    assert not proxy.requests
