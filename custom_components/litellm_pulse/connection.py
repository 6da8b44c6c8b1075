"""How a proxy is reached: from what an entry says to a client."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Self, override

from aiohttp import (
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    DummyCookieJar,
    ServerDisconnectedError,
    hdrs,
)
from homeassistant.const import CONF_API_KEY, CONF_URL, CONF_VERIFY_SSL, EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import HassClientResponse, async_create_clientsession
from homeassistant.util.hass_dict import HassKey
from yarl import URL

from .client import MetricsClient
from .const import CONF_CA_FILE, CONF_EXTRA_HEADERS, DOMAIN
from .read_size import read_less_at_once

if TYPE_CHECKING:
    from aiohttp.connector import Connection

_SESSIONS: Final = HassKey[dict[bool, ClientSession]](f"{DOMAIN}_sessions")
"""By whether certificates are verified."""
_INTERIM: Final = 16
"""Answers to one question, of which the last is meant and the others ask for patience (RFC 9110, 15.2)."""
_HEADER_LIMIT: Final = 16 * 1024
"""Bytes of a header: one that is folded line by line costs aiohttp time by the square of them."""


@callback
def async_session(hass: HomeAssistant, verify_ssl: bool) -> ClientSession:  # noqa: FBT001 - as Home Assistant's own
    """Return the session for all proxies, in Home Assistant's pool of connections.

    It neither keeps nor sends cookies, of which a server may give more with every answer, and no
    connection is kept: on one that is idle, aiohttp holds all answers that nobody has asked for.
    """
    sessions = hass.data.setdefault(_SESSIONS, {})
    if verify_ssl not in sessions:
        session = async_create_clientsession(
            hass,
            verify_ssl,
            auto_cleanup=False,
            cookie_jar=DummyCookieJar(),
            middlewares=(_ask_once,),
            max_field_size=_HEADER_LIMIT,
        )
        sessions[verify_ssl] = session

        @callback
        def async_detach(_: Event) -> None:
            session.detach()

        hass.bus.async_listen_once(EVENT_HOMEASSISTANT_CLOSE, async_detach)
    return sessions[verify_ssl]


class _LastResponse(HassClientResponse):
    """The only answer on its connection, which is closed behind it whatever the server says."""

    @override
    async def start(self, connection: Connection) -> Self:
        """Wait for the answer; raises ServerDisconnectedError where none comes but interim ones."""
        if (protocol := connection.protocol) is not None:
            protocol.force_close()
            read_less_at_once(connection.transport)
            # aiohttp reads on for as long as they come, thousands in one turn of the event loop.
            protocol.read = _at_most(_INTERIM, protocol.read)  # type: ignore[method-assign]
        await super().start(connection)
        return self


def _at_most[T](most: int, read: Callable[[], Awaitable[T]]) -> Callable[[], Coroutine[Any, Any, T]]:
    """Return what reads so many answers; raises ServerDisconnectedError for one more."""
    numbers = count(1)

    async def limited() -> T:
        if next(numbers) > most:
            raise ServerDisconnectedError("Nothing but interim answers")
        return await read()

    return limited


async def _ask_once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Ask one question on a connection."""
    request.response_class = _LastResponse
    request.headers[hdrs.CONNECTION] = "close"
    return await handler(request)


def create_client(hass: HomeAssistant, settings: Mapping[str, Any]) -> MetricsClient:
    """Return a client of the proxy that an entry's data and options, or a form's fields, describe."""
    verify: bool = settings[CONF_VERIFY_SSL]
    ca_file: str | None = settings.get(CONF_CA_FILE)
    return MetricsClient(
        async_session(hass, verify),
        URL(settings[CONF_URL]),
        settings.get(CONF_API_KEY),
        extra_headers=settings.get(CONF_EXTRA_HEADERS),
        ca_file=hass.config.path(ca_file) if ca_file and verify else None,
    )
