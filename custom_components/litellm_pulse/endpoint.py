"""What all endpoints of the JSON API share: which proxy is meant, what is refused, how it is said."""

from asyncio import Event, timeout
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from http import HTTPStatus
from itertools import batched
from typing import Final

from aiohttp import hdrs, web
from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntryState
from homeassistant.const import CONTENT_TYPE_JSON
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView
from homeassistant.helpers.json import json_bytes

from .const import DOMAIN
from .coordinator import LiteLLMPulseConfigEntry, RuntimeData
from .core.models import Snapshot
from .core.question import QuestionError

BASE: Final = f"/api/{DOMAIN}"
_HEADERS: Final = {hdrs.CACHE_CONTROL: "no-store"}

_PATIENCE_SECONDS: Final = 30
"""How long a request waits for an entry that is about to load: its first scrape may take as long."""

_COMPRESSED_FROM: Final = 1024
"""Bytes; less fits into one packet anyway."""
_COMPRESSED_ASIDE_FROM: Final = 32768
"""Bytes; compressing more than this would hold the event loop for milliseconds."""
_ROWS_AT_ONCE: Final = 256
"""Rows turned into JSON in one go, for the event loop has to wait until that is done."""


class RefusalError(Exception):
    """A request that cannot be answered, with what is said instead."""

    def __init__(self, status: HTTPStatus, error: str, **more: object) -> None:
        """Keep status and body."""
        super().__init__(error)
        self.status = status
        self.body: dict[str, object] = {"error": error, **more}


class Endpoint(HomeAssistantView):
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
        """Answer for one proxy; raises RefusalError or QuestionError."""
        raise NotImplementedError

    async def get(self, request: web.Request, **_: str) -> web.Response:
        """Answer for the proxy that the request means."""
        try:
            return await self.answer(request, await _async_runtime(request))
        except RefusalError as refusal:
            return self.say(refusal.body, refusal.status)
        except QuestionError as err:
            more = {} if err.available is None else {"available": err.available}
            return self.say({"error": str(err), **more}, HTTPStatus.BAD_REQUEST)

    async def head(self, request: web.Request, **_: str) -> web.Response:
        """Answer without the body, which the web server leaves out."""
        return await self.get(request)

    def say(self, body: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK) -> web.Response:
        """Return an answer of a few fields."""
        return self.send(json_bytes(body), status=status)

    def send(
        self, body: bytes, content_type: str = CONTENT_TYPE_JSON, status: HTTPStatus = HTTPStatus.OK
    ) -> web.Response:
        """Return an answer that is ready to be sent."""
        headers = {**_HEADERS, hdrs.CONTENT_TYPE: content_type}
        response = web.Response(body=body, status=status, headers=headers, zlib_executor_size=_COMPRESSED_ASIDE_FROM)
        if len(body) >= _COMPRESSED_FROM:
            response.enable_compression()
        return response

    async def look_up(
        self,
        request: web.Request,
        runtime: RuntimeData,
        work: Callable[[Snapshot], bytes],
        *question: Hashable,
        reads: bool = False,
    ) -> bytes:
        """Return what `work` makes of the snapshot, off the event loop; once for all who ask the same question.

        `reads` says that it reads the ledger's file.
        """
        snapshot = runtime.scrapes.data
        key = (self.path, runtime.books.zone.key, *question)
        hass = request.app[KEY_HASS]
        return await runtime.answers.async_get(hass, snapshot, key, partial(work, snapshot), reads=reads)


def listed(name: str, rows: Iterable[Mapping[str, object]], rest: Mapping[str, object]) -> bytes:
    """Return the JSON of `{name: [row, ...], **rest}`; `rest` may not be empty."""
    pieces = [json_bytes(piece)[1:-1] for piece in batched(rows, _ROWS_AT_ONCE, strict=False)]
    return b'{"%s":[%s],%s' % (name.encode(), b",".join(pieces), json_bytes(rest)[1:])


async def _async_runtime(request: web.Request) -> RuntimeData:
    """Return what the entry holds that a request is for; raises RefusalError.

    An entry is not loaded before its first scrape, nor while its ledger cannot be opened.
    """
    hass = request.app[KEY_HASS]
    entry = _entry(hass, request.query.get("instance"))
    if _is_about_to_load(hass, entry):
        await _async_settle(hass, entry)
    if entry.state is not ConfigEntryState.LOADED:
        raise RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, entry.reason or f"{entry.title} is not loaded")
    return entry.runtime_data


async def _async_settle(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> None:
    """Wait until an entry is loaded, or has failed to; for some time at most."""
    changed = Event()

    @callback
    def note(*_: object) -> None:
        changed.set()

    unsubscribe = async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, note)
    try:
        async with timeout(_PATIENCE_SECONDS):
            while _is_about_to_load(hass, entry):
                changed.clear()
                await changed.wait()
    except TimeoutError:
        pass
    finally:
        unsubscribe()


def _is_about_to_load(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> bool:
    """Whether an entry is being reloaded, or Home Assistant has not come to it yet.

    Home Assistant's own rest integration gives a sensor up for good whose first answer is a refusal.
    """
    match entry.state:
        case ConfigEntryState.SETUP_IN_PROGRESS | ConfigEntryState.UNLOAD_IN_PROGRESS:
            return True
        case ConfigEntryState.NOT_LOADED:
            return entry.setup_lock.locked() or not (hass.is_running or entry.disabled_by)
        case _:
            return False


def _entry(hass: HomeAssistant, instance: str | None) -> LiteLLMPulseConfigEntry:
    """Return the entry with this id or title, or the only one that is enabled; raises RefusalError."""
    entries: list[LiteLLMPulseConfigEntry] = hass.config_entries.async_entries(DOMAIN, include_ignore=False)
    if not entries:
        raise RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "No proxy is set up")
    enabled = [entry for entry in entries if not entry.disabled_by] or entries
    meant = enabled if instance is None else [entry for entry in entries if instance in {entry.entry_id, entry.title}]
    if len(meant) == 1:
        return meant[0]
    raise RefusalError(
        HTTPStatus.BAD_REQUEST,
        "Name one proxy with ?instance=" if instance is None else f"Not one proxy, but {len(meant)}: {instance}",
        available=[{"id": entry.entry_id, "title": entry.title} for entry in entries],
    )
