"""The client brings a whole body home, or says what went wrong; the event loop never waits for it."""

import asyncio
import gzip
import time
import zlib
from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from custom_components.litellm_pulse import client as module
from custom_components.litellm_pulse.client import MetricsClient, ScrapeError, TooLargeError, TruncatedTransferError
from custom_components.litellm_pulse.core.errors import NotPrometheusError
from custom_components.litellm_pulse.core.exposition import ExpositionParser

from ..proxy import Proxy
from .conftest import body_of, ignore


async def test_metrics_are_asked_for_once_with_the_key(client: MetricsClient, proxy: Proxy) -> None:
    assert await body_of(client) == proxy.traffic.body()
    (request,) = proxy.requests
    assert request.path == "/metrics/"
    assert request.headers["Authorization"] == "Bearer sk-1234"
    assert request.headers["Accept"].startswith("text/plain,")


@pytest.mark.parametrize("key", [None, ""])
async def test_without_a_key_none_is_sent(session: ClientSession, proxy: Proxy, key: str | None) -> None:
    await MetricsClient(session, URL(proxy.url), key).fetch(ignore)
    assert "Authorization" not in proxy.requests[0].headers


async def test_the_answer_carries_the_clock_of_the_proxy(client: MetricsClient, proxy: Proxy) -> None:
    proxy.answer(b"a 1\n", Date="Wed, 18 Nov 2026 12:00:00 GMT")
    answer = await client.fetch(ignore)
    assert answer.answered_at == datetime(2026, 11, 18, 12, tzinfo=UTC)
    assert answer.duration > 0


async def test_an_unreadable_clock_is_no_clock(client: MetricsClient, proxy: Proxy) -> None:
    proxy.answer(b"a 1\n", Date="yesterday")
    assert (await client.fetch(ignore)).answered_at is None


async def test_a_compressed_body_is_unpacked(client: MetricsClient, proxy: Proxy) -> None:
    proxy.answer(gzip.compress(b"a 1\n" * 1000), Content_Encoding="gzip")
    assert await body_of(client) == b"a 1\n" * 1000


async def test_a_body_is_handed_on_as_it_comes_in(client: MetricsClient, proxy: Proxy) -> None:
    first_has_come = asyncio.Event()
    pieces: list[bytes] = []

    async def slowly(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"a 1\n" * 5000)
        await first_has_come.wait()
        await response.write(b"b 2\n")
        return response

    def feed(piece: bytes) -> None:
        pieces.append(piece)
        first_has_come.set()

    proxy.handler = slowly
    await client.fetch(feed)
    assert b"".join(pieces) == b"a 1\n" * 5000 + b"b 2\n"


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


async def test_a_body_that_is_announced_too_large_is_not_read(
    client: MetricsClient, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BODY_LIMIT", 10)
    proxy.answer(b"a 1\n" * 3)
    with pytest.raises(TooLargeError):
        await client.fetch(ignore)


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
        await client.fetch(ignore)


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
        await client.fetch(ignore)


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("gzip", gzip.compress(b"a 1\n" * 1000)[:-20]),
        ("gzip", b"this is no gzip"),
        ("deflate", zlib.compress(b"a 1\n" * 1000)[:-20]),
        ("br", b"this is no brotli"),
        ("zstd", b"this is no zstandard"),
    ],
)
async def test_what_was_compressed_badly_is_an_error_that_has_a_name(
    client: MetricsClient, proxy: Proxy, encoding: str, sent: bytes
) -> None:
    proxy.answer(sent, Content_Encoding=encoding)
    with pytest.raises(ScrapeError):
        await client.fetch(ignore)


@pytest.mark.parametrize("compressed", [True, False])
async def test_the_event_loop_has_its_turns_however_long_a_piece_is_looked_at(
    client: MetricsClient, proxy: Proxy, *, compressed: bool
) -> None:
    body = b"a 1\n" * 100_000
    if compressed:
        proxy.answer(gzip.compress(body), Content_Encoding="gzip")
    else:
        proxy.answer(body)
    turns, seen, sizes = 0, [], []

    async def other_work() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def feed(piece: bytes) -> None:
        time.sleep(0.005)
        seen.append(turns)
        sizes.append(len(piece))

    other = asyncio.create_task(other_work())
    await client.fetch(feed)
    other.cancel()
    assert sum(sizes) == len(body)
    assert max(sizes) <= 16_384
    assert len(set(seen)) == len(seen)


async def test_a_body_that_trickles_is_looked_at_in_pieces_worth_looking_at(
    client: MetricsClient, proxy: Proxy
) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(2000):
            await response.write(b"a 1\na 1\na 1\n")
        return response

    proxy.handler = trickle
    pieces: list[bytes] = []
    await client.fetch(pieces.append)
    assert b"".join(pieces) == b"a 1\n" * 6000
    assert len(pieces) == 2
