"""What all views of the JSON API share: which proxy is meant, how it is answered, what an error looks like."""

from asyncio import timeout
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web
from homeassistant.auth.models import User
from homeassistant.components.http.const import KEY_HASS_USER
from homeassistant.const import CONTENT_TYPE_JSON
from homeassistant.core import HomeAssistant
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView
from homeassistant.helpers.json import json_bytes
from homeassistant.util.hass_dict import HassKey
from multidict import MultiMapping

from ..client import ScrapeError
from ..const import DOMAIN
from ..core.errors import AnswerError, NotAvailableError, NotFoundError, QueryError, StoreError
from ..error_messages import message, text
from ..loop_slice import LoopSlice
from .entries import async_get_runtime
from .permissions import ForbiddenError

if TYPE_CHECKING:
    from ..coordinator import RuntimeData

BASE: Final = f"/api/{DOMAIN}"
_HEADERS: Final = {hdrs.CACHE_CONTROL: "no-store"}

_COMPRESSED_FROM: Final = 1024
"""Bytes; less fits into one packet anyway."""
_COMPRESSED_ASIDE_FROM: Final = 32768
"""Bytes; compressing more than this would hold the event loop for milliseconds."""

_STREAMED_FROM: Final = 1024 * 1024
"""Bytes; a larger answer is sent in pieces."""
_STREAMED_PIECE: Final = 64 * 1024
"""Bytes; compressed off the event loop, each."""
_STREAM_SECONDS: Final = 120
"""For an answer of 10 MB, a tenth of that compressed: each is held until it has been taken."""
_MOST_STREAMS: Final = 8
"""At a time; the dashboard has none of them."""
_MOST_STREAMS_OF_ONE: Final = 4
"""Of one user, on all connections together: who takes nothing leaves places to the others."""
_STREAMS: Final = HassKey[Counter[str]](f"{DOMAIN}_streams")
"""User -> large answers that are being sent."""

_STATUSES: Final = {
    ForbiddenError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    NotAvailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    QueryError: HTTPStatus.BAD_REQUEST,
}


class PulseView(HomeAssistantView):
    """One endpoint; a new one names its path and answers."""

    requires_auth = True
    path: str
    """Below BASE; with a slash behind it, which the peer redirects from, it answers as well."""

    def __init__(self) -> None:
        """Tell Home Assistant the addresses, and a name that no other view has."""
        self.url = f"{BASE}{self.path}"
        self.extra_urls = [f"{self.url}/"]
        self.name = f"api:{DOMAIN}:{self.path}"

    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Answer for one proxy; raises QueryError, StoreError, ScrapeError or AnswerError."""
        raise NotImplementedError

    async def get(self, request: web.Request, **_: str) -> web.StreamResponse:
        """Answer for the proxy that the request means."""
        response = await self._answer_or_error(request)
        body = response.body
        if request.method == hdrs.METH_GET and isinstance(body, bytes) and is_large(body):
            return await _async_stream(request, response, body)
        return response

    async def _answer_or_error(self, request: web.Request) -> web.Response:
        """Return the answer, or what went wrong."""
        try:
            _require_once(request.query)
            runtime = await async_get_runtime(request.app[KEY_HASS], request.query.get("instance"))
            return await self.answer(request, runtime)
        except QueryError as err:
            return _respond_error(err)
        except StoreError as err:
            return respond_json({"error": str(err)}, HTTPStatus.SERVICE_UNAVAILABLE)
        except (ScrapeError, AnswerError) as err:
            return respond_json({"error": message(err)}, HTTPStatus.SERVICE_UNAVAILABLE)

    async def head(self, request: web.Request, **_: str) -> web.StreamResponse:
        """Answer without the body, which the web server leaves out."""
        return await self.get(request)


def _require_once(parameters: MultiMapping[str]) -> None:
    """Raise QueryError where a parameter is given more than once: only the first would be answered."""
    if repeated := [name for name in parameters if len(parameters.getall(name)) > 1]:
        raise QueryError("repeated_parameter", field=repeated[0])


def _respond_error(err: QueryError) -> web.Response:
    """Return why a question is not answered, and what there is instead."""
    available = {} if err.available is None else {"available": err.available}
    return respond_json({"error": query_message(err), **available}, _STATUSES[type(err)])


def respond_json(body: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """Return an answer of a few fields."""
    return respond(json_bytes(body), status=status)


def respond(body: bytes, content_type: str = CONTENT_TYPE_JSON, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """Return an answer that is ready to be sent, compressed where that is worth it."""
    headers = {**_HEADERS, hdrs.CONTENT_TYPE: content_type}
    response = web.Response(body=body, status=status, headers=headers, zlib_executor_size=_COMPRESSED_ASIDE_FROM)
    if len(body) >= _COMPRESSED_FROM:
        response.enable_compression()
    return response


def is_large(body: bytes) -> bool:
    """Whether an answer is one of those of which only a few are sent at a time."""
    return len(body) > _STREAMED_FROM


@contextmanager
def large_answer(hass: HomeAssistant, user: User) -> Iterator[None]:
    """Send a large answer within; raises NotAvailableError where as many are as may be at a time."""
    streams = hass.data.setdefault(_STREAMS, Counter())
    if streams.total() >= _MOST_STREAMS or streams[user.id] >= _MOST_STREAMS_OF_ONE:
        raise NotAvailableError("too_many_readers")
    streams[user.id] += 1
    try:
        yield
    finally:
        streams[user.id] -= 1


@asynccontextmanager
async def taken_in_time(request: web.Request) -> AsyncIterator[None]:
    """Hang up on a client that does not take a large answer in time."""
    try:
        async with timeout(_STREAM_SECONDS):
            yield
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()


async def _async_stream(request: web.Request, whole: web.Response, body: bytes) -> web.StreamResponse:
    """Send a large answer piece by piece, as fast as the client takes them; one that takes none is hung up on."""
    try:
        with large_answer(request.app[KEY_HASS], request[KEY_HASS_USER]):
            response = web.StreamResponse(status=whole.status, headers=whole.headers)
            response.enable_compression()
            await response.prepare(request)
            async with taken_in_time(request):
                await _async_write(response, memoryview(body))
            return response
    except QueryError as err:
        return _respond_error(err)


async def _async_write(response: web.StreamResponse, body: memoryview) -> None:
    """Write a body whose head has been sent."""
    turn = LoopSlice()
    for start in range(0, len(body), _STREAMED_PIECE):
        await response.write(body[start : start + _STREAMED_PIECE])
        # A client that reads as fast as this writes makes no write wait.
        await turn.async_yield()
    await response.write_eof()


def query_message(err: QueryError) -> str:
    """Return what is wrong with a query, in words."""
    if reason := err.placeholders.get("reason"):
        return reason
    return text(err.translation_key, field=err.field or "", **err.placeholders)
