"""What a server may send to whoever asks it, and what Home Assistant as a whole is spared."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from aiohttp import ThreadedResolver, web
from aiohttp.client_proto import ResponseHandler
from homeassistant.config_entries import SOURCE_REAUTH, SOURCE_RECONFIGURE, SOURCE_USER, ConfigEntryState
from homeassistant.const import CONF_API_KEY, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util import dt as dt_util
from multidict import CIMultiDict
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from yarl import URL

from custom_components.litellm_pulse import client
from custom_components.litellm_pulse.connection import create_client
from custom_components.litellm_pulse.const import DOMAIN
from custom_components.litellm_pulse.core.errors import AnswerError
from custom_components.litellm_pulse.core.exposition import ExpositionParser
from custom_components.litellm_pulse.core.query.recognition import FAMILIES
from custom_components.litellm_pulse.read_size import READ_AT_ONCE

from .certificates import Authority
from .conftest import NOW, add_entry, set_up, state
from .history import day, serve_days
from .proxy import LISTS, Proxy, Traffic


class Resolver(ThreadedResolver):
    """The system's, as Home Assistant closes it."""

    async def real_close(self) -> None:
        """Close it."""
        await self.close()


@pytest.mark.freeze_time(NOW)
async def test_cookies_are_neither_kept_nor_sent_and_are_nobody_elses(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    async def bake(_: web.Request) -> web.Response:
        cookies = [("Set-Cookie", f"c{number}={len(proxy.requests)}") for number in range(50)]
        return web.Response(body=proxy.traffic.body(), headers=CIMultiDict(cookies))

    proxy.handler = bake
    url = str(URL(proxy.url).with_host("localhost"))
    hass.config_entries.async_update_entry(entry, data={**entry.data, "url": url})
    # Only of a name cookies are kept.
    with patch("homeassistant.helpers.aiohttp_client._async_make_resolver", return_value=Resolver()):
        assert await set_up(hass, entry)
    for _ in range(3):
        await entry.runtime_data.coordinator.async_refresh()
    assert len(proxy.requests) > 3
    assert not any("Cookie" in request.headers for request in proxy.requests)
    assert not len(async_get_clientsession(hass).cookie_jar)


def _entry(hass: HomeAssistant, server: asyncio.Server) -> MockConfigEntry:
    """Return an entry of a server."""
    data = {CONF_URL: f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", CONF_VERIFY_SSL: True}
    entry = MockConfigEntry(domain=DOMAIN, minor_version=3, data=data)
    entry.add_to_hass(hass)
    return entry


async def test_no_server_is_listened_to_behind_its_answer_though_it_keeps_the_connection_open(
    hass: HomeAssistant,
    socket_enabled: None,  # noqa: ARG001
) -> None:
    """One that went on to answer would be held as a whole until the next scrape: 60 MB a second."""
    asked = ended = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked, ended
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        body = Traffic(spend={"gpt-4o": 1.0}).body()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        assert await reader.read() == b""
        ended += 1
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        entry = _entry(hass, server)
        assert await set_up(hass, entry)
        await entry.runtime_data.coordinator.async_refresh()
        await asyncio.sleep(0.1)
        assert ended == asked >= 2


@pytest.mark.parametrize(("interim", "state"), [(2, ConfigEntryState.LOADED), (5000, ConfigEntryState.SETUP_RETRY)])
async def test_a_server_that_asks_for_patience_without_end_is_given_up(
    hass: HomeAssistant,
    socket_enabled: None,  # noqa: ARG001
    interim: int,
    state: ConfigEntryState,
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = Traffic(spend={"gpt-4o": 1.0}).body()
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * interim)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        entry = _entry(hass, server)
        await set_up(hass, entry)
        assert entry.state is state


@pytest.mark.parametrize("tls", [False, True])
async def test_a_turn_of_the_event_loop_reads_no_more_than_is_looked_at_in_milliseconds(
    hass: HomeAssistant,
    socket_enabled: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    *,
    tls: bool,
) -> None:
    """Of chunks, headers or records of a byte each, thousands fit into what asyncio itself reads at once."""
    authority = Authority(Path(hass.config.config_dir) / "authority")
    sizes: list[int] = []
    take = ResponseHandler.data_received

    def data_received(handler: ResponseHandler, data: bytes) -> None:
        sizes.append(len(data))
        take(handler, data)

    monkeypatch.setattr(ResponseHandler, "data_received", data_received)
    body = Traffic(spend={"gpt-4o": 1.0}).body()
    body += b"# filled\n" * (4_000_000 // 9)

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) if context else connection as client:
            client.recv(10_000)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            client.recv(1)

    def serve() -> None:
        with suppress(OSError):
            while True:
                answer(listener.accept()[0])

    # On a thread of its own, it is never slower than who reads.
    context = authority.server() if tls else None
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(asyncio.to_thread(serve))
        data = {CONF_URL: f"http{'s' * tls}://127.0.0.1:{listener.getsockname()[1]}", CONF_VERIFY_SSL: True}
        entry = MockConfigEntry(domain=DOMAIN, minor_version=3, data=data, options={"ca_file": "authority/ca.pem"})
        entry.add_to_hass(hass)
        assert await set_up(hass, entry)
        listener.shutdown(socket.SHUT_RDWR)
        await serving
    assert sum(sizes) > len(body)
    assert max(sizes) <= READ_AT_ONCE * (1 + tls)


async def test_an_authority_that_was_renewed_is_read_again_by_all_who_ask(
    hass: HomeAssistant,
    socket_enabled: None,  # noqa: ARG001
) -> None:
    # The proxy is on this event loop too, and its certificate is refused.
    hass.loop.set_exception_handler(lambda *_: None)
    folder = Path(hass.config.config_dir)
    authority, renewed = Authority(folder / "authority"), Authority(folder / "renewed")
    tls = authority.server()
    async with Proxy(tls) as proxy:
        date = f"{datetime.now(UTC) - timedelta(days=3):%Y-%m-%d}"
        serve_days(proxy, day(date, {"gpt-4o": 2.0}, {"openai": 2.0}))
        proxy.lists = {path: [] for path in LISTS}
        entry = add_entry(hass, proxy)
        options = {"ca_file": "authority/ca.pem", "history_source": "api", "history_identity": "1"}
        hass.config_entries.async_update_entry(entry, options={"ca_file": options["ca_file"]})
        assert await set_up(hass, entry)
        assert await hass.config_entries.async_unload(entry.entry_id)

        renewed.server()
        tls.load_cert_chain(renewed.folder / "server.pem")
        proxy.asked_lists.clear()
        hass.config_entries.async_update_entry(entry, options=options)
        assert await set_up(hass, entry)
        await hass.async_block_till_done(wait_background_tasks=True)
        assert state(hass, entry, "status") == "tls_error"
        assert state(hass, entry, "history_import") == "failed"
        assert not proxy.asked_lists

        authority.file.write_bytes(renewed.file.read_bytes())
        await entry.runtime_data.coordinator.async_refresh()
        await entry.runtime_data.history.async_import()
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=2))
        await hass.async_block_till_done(wait_background_tasks=True)
        assert state(hass, entry, "status") == "ok"
        assert state(hass, entry, "history_import") == "complete"
        assert proxy.asked_lists


async def test_behind_a_gateway_and_an_authority_of_ones_own_every_flow_and_every_question_passes(
    hass: HomeAssistant,
    socket_enabled: None,  # noqa: ARG001
) -> None:
    """Set-up, signing in again, another address, options, history, lists, version: with the headers, and over TLS."""
    # The proxy is on this event loop too, and what is closed early is told there.
    hass.loop.set_exception_handler(lambda *_: None)
    authority = Authority(Path(hass.config.config_dir) / "authority")
    guard, refused = {"CF-Access-Client-Id": "an-id", "Authorization": "Basic bWU6eW91"}, []
    async with Proxy(authority.server()) as proxy:
        date = f"{datetime.now(UTC) - timedelta(days=3):%Y-%m-%d}"
        serve_days(proxy, day(date, {"gpt-4o": 2.0}, {"openai": 2.0}))
        inner = proxy.handler

        async def gateway(request: web.Request) -> web.StreamResponse:
            if any(request.headers.get(name) != value for name, value in guard.items()):
                refused.append(request.path)
                return web.Response(status=403)
            assert inner is not None
            return await inner(request)

        proxy.handler = gateway
        flows = hass.config_entries.flow
        form = await flows.async_init(DOMAIN, context={"source": SOURCE_USER})
        lines = [f"{name}: {value}" for name, value in guard.items()]
        typed = {CONF_URL: proxy.url, CONF_VERIFY_SSL: True, CONF_API_KEY: "sk-1", "access": {"extra_headers": lines}}
        assert (await flows.async_configure(form["flow_id"], typed))["errors"] == {"base": "tls_error"}
        typed["access"] = {"extra_headers": lines, "ca_file": "authority/ca.pem"}
        made = await flows.async_configure(form["flow_id"], typed)
        await hass.async_block_till_done(wait_background_tasks=True)
        (entry,) = hass.config_entries.async_entries(DOMAIN)
        assert made["type"] is FlowResultType.CREATE_ENTRY
        assert entry.state is ConfigEntryState.LOADED

        number = entry.entry_id
        form = await flows.async_init(
            DOMAIN, context={"source": SOURCE_REAUTH, "entry_id": number}, data={**entry.data}
        )
        assert (await flows.async_configure(form["flow_id"], {CONF_API_KEY: "sk-2"}))["reason"] == "reauth_successful"
        form = await flows.async_init(DOMAIN, context={"source": SOURCE_RECONFIGURE, "entry_id": number})
        moved = {CONF_URL: f"{proxy.url}/v1/", CONF_VERIFY_SSL: True}
        assert (await flows.async_configure(form["flow_id"], moved))["reason"] == "reconfigure_successful"
        await hass.async_block_till_done(wait_background_tasks=True)
        options = await hass.config_entries.options.async_init(entry.entry_id)
        history = {"history": {"history_source": "api", "history_key": "sk-3", "history_keep_key": True}}
        changed = await hass.config_entries.options.async_configure(options["flow_id"], history)
        await hass.async_block_till_done(wait_background_tasks=True)
        assert changed["type"] is FlowResultType.CREATE_ENTRY
        assert entry.state is ConfigEntryState.LOADED
        assert {"/metrics/", "/user/daily/activity"} <= {one.path for one in proxy.requests}
        assert not refused


BODY = Traffic(spend={"gpt-4o": 1.0}).body()
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"%x\r\n%s\r\n" % (len(BODY), BODY)
LENGTH = b"Content-Length: %d\r\n" % len(BODY)

WITHOUT_END: dict[str, tuple[bytes, bytes]] = {
    "nothing but line ends": (b"", b"\r\n" * 1000),
    "a status without end": (b"HTTP/1.1 200 ", b"O" * 10_000),
    "headers": (HEAD, b"X-A: b\r\n" * 1000),
    "a folded header": (HEAD + b"X-A: b\r\n", b" b\r\n" * 1000),
    "zeros before the size of a chunk": (CHUNKED, b"0" * 10_000),
    "an extension of a chunk": (CHUNKED + b"5;", b"a" * 10_000),
    "chunks of a byte": (CHUNKED, b"1\r\n#\r\n" * 1000),
    "trailers": (CHUNKED + CHUNK + b"0\r\n", b"X-T: b\r\n" * 1000),
    "comments after the last family": (HEAD + b"\r\n" + BODY, b"# nothing\n" * 1000),
    "the name of a file in gzip": (HEAD + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08" + bytes(6), b"n" * 10_000),
    "empty blocks in gzip": (
        HEAD + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08" + bytes(7),
        b"\x00\x00\x00\xff\xff" * 1000,
    ),
    "the page of a redirect": (b"HTTP/1.1 307 Moved\r\nLocation: /a\r\n\r\n", b"a" * 10_000),
    "the page of an error": (b"HTTP/1.1 500 Oh\r\n\r\n", b"a" * 10_000),
}


async def _asked(answer: Callable[[asyncio.StreamWriter], Awaitable[None]], hass: HomeAssistant) -> bytes:
    """Return the body that a server gives, asked as an entry asks; raises a ScrapeError or an AnswerError."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        settings = {CONF_URL: f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", CONF_VERIFY_SSL: True}
        parser, body = ExpositionParser(FAMILIES), bytearray()

        def feed(piece: bytes) -> None:
            parser.feed(piece)
            body.extend(piece)

        await create_client(hass, settings).fetch(feed)
        parser.finish()
        return bytes(body)


@pytest.mark.parametrize("what", WITHOUT_END)
async def test_what_has_no_end_has_one_in_time(
    hass: HomeAssistant,
    socket_enabled: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    monkeypatch.setattr(client, "TIMEOUT", 0.5)
    first, more = WITHOUT_END[what]

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(more)
            await writer.drain()

    async with asyncio.timeout(10):
        with pytest.raises((client.ScrapeError, AnswerError)):
            await _asked(answer, hass)


ODD: dict[str, tuple[bytes, bool]] = {
    "a size beyond 63 bits": (CHUNKED + b"ffffffffffffffff\r\n" + BODY, False),
    "a size in Python's words": (CHUNKED + b"1_0\r\n" + BODY, False),
    "a size below zero": (CHUNKED + b"-5\r\n" + BODY, False),
    "no last chunk": (CHUNKED + CHUNK, False),
    "a last chunk": (CHUNKED + CHUNK + b"0;x\r\n\r\n", True),
    "a length below zero": (HEAD + b"Content-Length: -1\r\n\r\n" + BODY, False),
    "a length in Arabic": (HEAD + "Content-Length: \u0665\r\n\r\n".encode() + BODY, False),
    "a length of 5000 digits": (HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n" + BODY, False),
    "another length besides": (HEAD + LENGTH + b"Content-Length: 5\r\n\r\n" + BODY, False),
    "too short a length": (HEAD + b"Content-Length: 100\r\n\r\n" + BODY, False),
    "too long a length": (HEAD + b"Content-Length: 100000\r\n\r\n" + BODY, False),
    "a length and chunks": (HEAD + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK, False),
    "another protocol": (b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n" + BODY, False),
    "nothing, with a body": (b"HTTP/1.1 204 No\r\n" + LENGTH + b"\r\n" + BODY, False),
    "a part": (b"HTTP/1.1 206 Part\r\n" + LENGTH + b"\r\n" + BODY, False),
    "a status in Arabic": ("HTTP/1.1 \u0662\u0660\u0660 OK\r\n\r\n".encode() + BODY, False),
    "a header of 15 kB": (HEAD + b"X-A: " + b"a" * 15_000 + b"\r\n" + LENGTH + b"\r\n" + BODY, True),
    "a header of 17 kB": (HEAD + b"X-A: " + b"a" * 17_000 + b"\r\n" + LENGTH + b"\r\n" + BODY, False),
    "no head at all": (BODY, False),
    "the frames of HTTP/2": (b"\x00\x00\x12\x04" + bytes(20), False),
    "UTF-16 below a comment": (HEAD + b"\r\n# longer than one looks\n" + BODY.decode().encode("utf-16-le"), False),
    "another charset in its head": (
        HEAD + b"Content-Type: text/plain; charset=utf-16\r\n" + LENGTH + b"\r\n" + BODY,
        True,
    ),
    "patience, then the answer": (b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + LENGTH + b"\r\n" + BODY, True),
}


@pytest.mark.parametrize("what", ODD)
async def test_an_odd_answer_is_read_as_a_whole_or_is_an_error_with_a_name(
    hass: HomeAssistant,
    socket_enabled: None,  # noqa: ARG001
    what: str,
) -> None:
    said, readable = ODD[what]

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()

    if readable:
        assert await _asked(answer, hass) == BODY
        return
    with pytest.raises((client.ScrapeError, AnswerError)):
        await _asked(answer, hass)
