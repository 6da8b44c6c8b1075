"""The client brings a whole body home, or says what went wrong; the event loop never waits for it."""

import asyncio
import gzip
import time
import zlib
from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession, web
from multidict import CIMultiDict
from yarl import URL

from custom_components.litellm_pulse import body as body_module
from custom_components.litellm_pulse import client as module
from custom_components.litellm_pulse.client import (
    Answer,
    EncodingError,
    MetricsClient,
    TooLargeError,
    TruncatedTransferError,
)
from custom_components.litellm_pulse.core.errors import NotPrometheusError
from custom_components.litellm_pulse.core.exposition import ExpositionParser

from ..proxy import Proxy
from .conftest import body_of, ignore

LINES = b"a 1\n" * 1000


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


async def _raw_answer(session: ClientSession, header: bytes, body: bytes = LINES) -> Answer:
    """Return what is known of the answer of a server that sends this header, as these bytes."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n%s\r\n\r\n%s" % (header, body))
        writer.close()

    async with await asyncio.start_server(say, "127.0.0.1", 0) as server:
        url = URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        return await MetricsClient(session, url, None).fetch(ignore)


@pytest.mark.parametrize(
    ("said", "pid"),
    [
        (b"17", "17"),
        (b"worker-a.example", "worker-a.example"),
        (b"\xff\xfe", ""),
        ("\u00e4\u6f22".encode(), ""),
        (b"\xed\xa0\x80", ""),
        (b"1 2", ""),
        (b"1\t2", ""),
        (b"9" * 65, ""),
        (b"", ""),
    ],
)
async def test_the_worker_that_answered_is_a_short_word_that_can_be_written_down(
    session: ClientSession, said: bytes, pid: str
) -> None:
    """Of a byte beyond ASCII the header has what no file can hold: nothing was written any more."""
    assert (await _raw_answer(session, b"x-litellm-metrics-pid: %s" % said)).pid == pid


@pytest.mark.parametrize(
    ("said", "proven"),
    [
        (b"Content-Length: 4000", True),
        (b"Transfer-Encoding: chunked", True),
        (b"Transfer-Encoding: Chunked", True),
        (b"Transfer-Encoding: gzip, chunked", True),
        (b"Transfer-Encoding: xchunked", False),
        (b"Transfer-Encoding: chunked-not", False),
        (b"Transfer-Encoding: identity", False),
        (b"X-Transfer-Encoding: chunked", False),
    ],
)
async def test_the_end_of_a_body_is_proven_by_its_length_or_its_chunks_and_by_no_word_like_it(
    session: ClientSession, said: bytes, *, proven: bool
) -> None:
    chunked = proven and said.startswith(b"T")
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(LINES), LINES) if chunked else LINES
    assert (await _raw_answer(session, said, body)).complete is proven


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


def _raw_deflate(data: bytes) -> bytes:
    """Pack data as servers do that take `deflate` for what zlib writes without its header."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("gzip", gzip.compress(LINES)),
        ("x-gzip", gzip.compress(LINES)),
        ("GZip ", gzip.compress(LINES)),
        ("deflate", zlib.compress(LINES)),
        ("identity", LINES),
        ("", LINES),
    ],
)
async def test_what_a_body_is_packed_with_is_read_where_it_can_be(
    client: MetricsClient, proxy: Proxy, encoding: str, sent: bytes
) -> None:
    proxy.answer(sent, Content_Encoding=encoding)
    assert await body_of(client) == LINES


MEMBERS = gzip.compress(LINES[:400]) + gzip.compress(b"") + gzip.compress(LINES[400:])


@pytest.mark.parametrize("size", [1, 7, 1000, len(MEMBERS)])
async def test_gzip_in_several_members_is_read_as_one_body(client: MetricsClient, proxy: Proxy, size: int) -> None:
    async def members(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": "gzip"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for begin in range(0, len(MEMBERS), size):
            await response.write(MEMBERS[begin : begin + size])
        return response

    proxy.handler = members
    assert await body_of(client) == LINES


async def test_many_members_count_together(
    client: MetricsClient, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BODY_LIMIT", 10_000)
    proxy.answer(gzip.compress(LINES) * 3, Content_Encoding="gzip")
    with pytest.raises(TooLargeError):
        await client.fetch(ignore)


async def test_members_that_hold_nothing_leave_the_event_loop_its_turns(
    client: MetricsClient, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_module, "_TURN_SECONDS", 0)
    proxy.answer(gzip.compress(b"") * 10_000 + gzip.compress(LINES), Content_Encoding="gzip")
    turns, asked = 0, asyncio.create_task(body_of(client))
    while not asked.done():
        turns += 1
        await asyncio.sleep(0)
    assert await asked == LINES
    assert turns > 10_000


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("kept", [0, 1, 5, -20, -1])
async def test_what_was_packed_and_ends_before_its_end_is_incomplete(
    client: MetricsClient, proxy: Proxy, encoding: str, kept: int
) -> None:
    packed = gzip.compress(LINES) if encoding == "gzip" else zlib.compress(LINES)
    proxy.answer(packed[:kept], Content_Encoding=encoding)
    with pytest.raises(TruncatedTransferError):
        await client.fetch(ignore)


@pytest.mark.parametrize(
    ("encodings", "sent"),
    [
        pytest.param(["br"], b"\x8b\x01\x80a 1\n\x03", id="brotli"),
        pytest.param(["zstd"], b"\x28\xb5\x2f\xfd\x04\x00\x21\x00\x00a 1\n", id="zstandard"),
        pytest.param(["compress"], b"\x1f\x9da 1\n", id="compress"),
        pytest.param(["aws-chunked"], LINES, id="a word of one vendor"),
        pytest.param(["\N{PILE OF POO}"], LINES, id="no word"),
        pytest.param(["gzip, gzip"], gzip.compress(gzip.compress(LINES)), id="twice in a row"),
        pytest.param(["deflate, gzip"], gzip.compress(zlib.compress(LINES)), id="two in a row"),
        pytest.param(["gzip", "br"], gzip.compress(LINES), id="two headers"),
        pytest.param(["gzip"], LINES, id="gzip that is plain"),
        pytest.param(["gzip"], gzip.compress(LINES)[:200] + b"\xff" * 40 + b"\0" * 400, id="gzip that is damaged"),
        pytest.param(["gzip"], gzip.compress(LINES) + b"\n", id="more after gzip"),
        pytest.param(["gzip"], MEMBERS + LINES, id="more after members"),
        pytest.param(["gzip"], gzip.compress(LINES) + b"\x1f\x8b" + LINES, id="a member that is none"),
        pytest.param(["deflate"], zlib.compress(LINES) * 2, id="more after deflate"),
        pytest.param(["deflate"], _raw_deflate(LINES), id="deflate without its header"),
        pytest.param(["deflate"], LINES, id="deflate that is plain"),
    ],
)
async def test_what_is_packed_as_nobody_asked_for_or_not_as_it_says_is_told_so(
    client: MetricsClient, proxy: Proxy, encodings: list[str], sent: bytes
) -> None:
    async def packed(_: web.Request) -> web.Response:
        return web.Response(body=sent, headers=CIMultiDict([("Content-Encoding", one) for one in encodings]))

    proxy.handler = packed
    with pytest.raises(EncodingError):
        await client.fetch(ignore)


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        pytest.param("", gzip.compress(LINES), id="gzip"),
        pytest.param("identity", zlib.compress(LINES), id="deflate"),
        pytest.param("", _raw_deflate(LINES), id="deflate without its header"),
        pytest.param("", b"\x28\xb5\x2f\xfd\x04\x00\x21", id="zstandard"),
        pytest.param("", LINES.decode().encode("utf-16"), id="UTF-16"),
        pytest.param("gzip", gzip.compress(gzip.compress(LINES)), id="twice in a row"),
    ],
)
async def test_what_is_packed_and_does_not_say_so_is_told_so(
    client: MetricsClient, proxy: Proxy, encoding: str, sent: bytes
) -> None:
    proxy.answer(sent, Content_Encoding=encoding)
    pieces: list[bytes] = []
    with pytest.raises(EncodingError):
        await client.fetch(pieces.append)
    assert not pieces


@pytest.mark.parametrize("text", ["\ufeff# TYPE a counter", "页面不存在", "\r\n\t a 1", 'a{b="\N{NULL}"}'.rjust(40)])
async def test_text_in_any_language_is_handed_on(client: MetricsClient, proxy: Proxy, text: str) -> None:
    proxy.answer(text)
    assert await body_of(client) == text.encode()


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
