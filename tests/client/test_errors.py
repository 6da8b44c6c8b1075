"""Whatever goes wrong has a name, also what nobody thought of."""

import asyncio
import gzip
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import unused_port
from yarl import URL

from custom_components.litellm_pulse import client as module
from custom_components.litellm_pulse.client import (
    CannotConnectError,
    InvalidAuthError,
    MetricsClient,
    NotFoundError,
    RateLimitedError,
    RedirectError,
    ScrapeError,
    ScrapeTimeoutError,
    UnexpectedStatusError,
)
from custom_components.litellm_pulse.core.errors import NotPrometheusError
from custom_components.litellm_pulse.core.exposition import ExpositionParser

from ..proxy import Proxy
from .conftest import body_of, ignore


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
        await client.fetch(ignore)


@pytest.mark.parametrize("seconds", [-600, 0, 600])
async def test_retry_after_is_understood_as_a_date(client: MetricsClient, proxy: Proxy, seconds: int) -> None:
    proxy.answer(status=429, Retry_After=format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True))
    with pytest.raises(RateLimitedError) as caught:
        await client.fetch(ignore)
    assert caught.value.retry_after == pytest.approx(max(0, seconds), abs=60)


async def test_retry_after_is_understood_as_seconds(client: MetricsClient, proxy: Proxy) -> None:
    proxy.answer(status=429, Retry_After="120")
    with pytest.raises(RateLimitedError) as caught:
        await client.fetch(ignore)
    assert caught.value.retry_after == 120


@pytest.mark.parametrize("header", ["", "soon", "-5"])
async def test_retry_after_that_says_nothing_is_none(client: MetricsClient, proxy: Proxy, header: str) -> None:
    proxy.answer(status=429, Retry_After=header)
    with pytest.raises(RateLimitedError) as caught:
        await client.fetch(ignore)
    assert caught.value.retry_after is None


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
        await client.fetch(ignore)
    hanging.set()


async def test_nobody_there_is_an_error(session: ClientSession) -> None:
    with pytest.raises(CannotConnectError):
        await MetricsClient(session, URL(f"http://127.0.0.1:{unused_port()}"), None).fetch(ignore)


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.example", "xn--.example", "nowhere.invalid"])
async def test_a_name_that_is_none_is_an_error_that_has_a_name(session: ClientSession, host: str) -> None:
    with pytest.raises(ScrapeError):
        await MetricsClient(session, URL.build(scheme="http", host=host, port=4000), None).fetch(ignore)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 999999 ?\r\n\r\n",
        b"HTTP/1.1 307 Moved\r\nLocation: \xff\xfe\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_an_error_that_has_a_name(session: ClientSession, answer: bytes) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(say, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ScrapeError):
            await MetricsClient(session, URL(f"http://127.0.0.1:{port}"), None).fetch(ignore)


@pytest.mark.parametrize("known", ["/metrics", "/metrics/"])
async def test_a_server_that_knows_metrics_with_or_without_the_slash_is_asked_for_what_it_knows(
    client: MetricsClient, proxy: Proxy, known: str
) -> None:
    async def strict(request: web.Request) -> web.Response:
        if request.path != known:
            raise web.HTTPNotFound
        return web.Response(body=b"a 1\n")

    proxy.handler = strict
    for _ in range(3):
        assert await body_of(client) == b"a 1\n"
    asked = [request.path for request in proxy.requests]
    assert asked == (["/metrics/"] * 3 if known == "/metrics/" else ["/metrics/", *["/metrics"] * 3])


async def test_a_part_is_asked_for_in_the_form_that_the_server_knows(client: MetricsClient, proxy: Proxy) -> None:
    async def strict(request: web.Request) -> web.Response:
        if request.path != "/metrics":
            raise web.HTTPNotFound
        return web.Response(body=b",".join(one.encode() for one in request.query.getall("name[]")))

    proxy.handler = strict
    body = bytearray()
    await client.fetch(body.extend, ["a", "b"])
    assert body == b"a,b"


async def test_a_server_that_knows_neither_has_no_metrics(client: MetricsClient, proxy: Proxy) -> None:
    proxy.answer(status=404)
    with pytest.raises(NotFoundError):
        await client.fetch(ignore)
    assert [request.path for request in proxy.requests] == ["/metrics/", "/metrics"]


PAGE = b"\n <!doctype html><title>Sign in</title>"
OTHERWISE = {
    "forbidden": web.Response(status=403),
    "bad request": web.Response(status=400),
    "method not allowed": web.Response(status=405),
    "not acceptable": web.Response(status=406),
    "gone": web.Response(status=410),
    "not implemented": web.Response(status=501),
    "page": web.Response(body=PAGE, content_type="text/html"),
    "page after blanks": web.Response(body=b"\n" * 40_000 + PAGE),
    "json": web.Response(body=b'{"detail": "Not Found"}', content_type="application/json"),
    "sign in elsewhere": web.Response(status=302, headers={"Location": "https://sso.example.com/?next=/metrics/"}),
    "https on another port": web.Response(status=308, headers={"Location": "https://127.0.0.1:1/metrics/"}),
}
"""What servers answer that know only one of the two forms."""


@pytest.mark.parametrize("otherwise", OTHERWISE)
@pytest.mark.parametrize("known", ["/metrics", "/metrics/"])
async def test_a_server_that_knows_one_form_only_is_found_whatever_it_answers_to_the_other(
    client: MetricsClient, proxy: Proxy, known: str, otherwise: str
) -> None:
    async def strict(request: web.Request) -> web.Response:
        if request.path != known:
            other = OTHERWISE[otherwise]
            return web.Response(body=other.body, status=other.status, headers=other.headers)
        return web.Response(body=b"# TYPE litellm_a_total counter\nlitellm_a_total 1\n")

    proxy.handler = strict
    if known == "/metrics/":
        client.url = client.url.with_path("/metrics")
    parser = ExpositionParser(["litellm_a_total"])
    await client.fetch(parser.feed)
    assert parser.finish() == {"litellm_a_total": [b"litellm_a_total 1"]}
    await client.fetch(ignore)
    assert [request.path for request in proxy.requests[1:]] == [known, known]
    assert {request.headers["Host"] for request in proxy.requests} == {f"127.0.0.1:{proxy.server.port}"}


@pytest.mark.parametrize(
    ("otherwise", "error"),
    [
        ("forbidden", InvalidAuthError),
        ("gone", UnexpectedStatusError),
        ("page", NotPrometheusError),
        ("json", NotPrometheusError),
        ("sign in elsewhere", RedirectError),
    ],
)
async def test_a_server_that_knows_neither_form_is_told_by_what_it_says_of_one_of_them(
    client: MetricsClient, proxy: Proxy, otherwise: str, error: type[Exception]
) -> None:
    async def strict(request: web.Request) -> web.Response:
        if request.path != "/metrics/":
            raise web.HTTPNotFound
        other = OTHERWISE[otherwise]
        return web.Response(body=other.body, status=other.status, headers=other.headers)

    proxy.handler = strict
    with pytest.raises(error):
        await client.fetch(ExpositionParser(()).feed)


HOSTILE_VERSIONS = {
    "ten megabytes": b'{"litellm_version": "%s"}' % (b"1" * 10_000_000),
    "brackets": b"[" * 60_000,
    "a bomb": gzip.compress(b" " * 100_000_000),
    "what is no gzip": b"not gzip",
    "no object": b"[1, 2]",
    "no text": b'{"litellm_version": {"a": 1}}',
    "our key": b'{"litellm_version": "sk-1234"}',
    "HTML": b'{"litellm_version": "<img src=x onerror=alert(1)>"}',
    "lines": b'{"litellm_version": "1.2\\n3.4"}',
    "no JSON": b"\xff\xfe",
}


@pytest.mark.parametrize("name", HOSTILE_VERSIONS)
async def test_whatever_a_server_calls_its_version_is_a_version_or_nothing(
    client: MetricsClient, proxy: Proxy, name: str
) -> None:
    body = HOSTILE_VERSIONS[name]
    headers = {"Content-Encoding": "gzip"} if "gzip" in name or "bomb" in name else {}

    async def hostile(_: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers, content_type="application/json")

    async with Proxy() as other:
        other.handler = hostile
        client.liveness = URL(other.url) / "x" / "liveliness"
        assert await client.version() is None
    proxy.json["/health/readiness"] = {"litellm_version": "1.83.14-stable"}
    client.liveness = URL(proxy.url) / "health" / "liveliness"
    assert await client.version() == "1.83.14-stable"
