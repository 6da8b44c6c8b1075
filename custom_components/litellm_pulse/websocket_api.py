"""What the dashboard asks for: the proxies with what there is to show of each, and usage over time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import nullcontext
from datetime import datetime
from functools import partial, wraps
from typing import Any, Final

import voluptuous as vol
from aiohttp import web
from homeassistant.auth.models import User
from homeassistant.components.websocket_api import async_register_command
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.const import ERR_HOME_ASSISTANT_ERROR, ERR_INVALID_FORMAT
from homeassistant.components.websocket_api.decorators import async_response, websocket_command
from homeassistant.components.websocket_api.messages import construct_result_message
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import Unauthorized
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.http import current_request
from homeassistant.helpers.json import json_bytes
from homeassistant.util import dt as dt_util

from .api import answers
from .api.base import is_large, large_answer, query_message, taken_in_time
from .api.entries import async_get_runtime
from .api.permissions import may_see_persons
from .const import DOMAIN
from .coordinator import LiteLLMPulseConfigEntry, RuntimeData
from .core.catalog import COUNTER_INDEX, Dimension
from .core.errors import QueryError, StoreError
from .core.models import OTHER, TOTAL, MemberKey, Snapshot, Window
from .core.query import parameters, sql
from .core.query.parameters import PERSONAL
from .core.windows import start_of_day
from .data import PulseData
from .history_status import HistoryState
from .identifiers import known_devices, known_entities
from .localize import localize
from .statistic_ids import statistic_stem

_TURN: Final = f"{DOMAIN}_turn"
"""Where a connection's request has whose turn it is to be sent."""
_AT_ONCE: Final = 4
"""Answers of a connection that are made or wait to be taken; its other questions wait, which holds no memory."""
_SLOTS: Final = f"{DOMAIN}_slots"
"""Where a connection's request has those."""
_TAKEN_FROM: Final = 16 * 1024
"""Bytes; who takes none of the smaller ones is hung up on by Home Assistant, after a thousand or four."""
_MEGABYTE: Final = 1024 * 1024
_LOOK_AGAIN: Final = 0.1
"""Seconds, which is more than Home Assistant needs to compress a megabyte."""
_COST: Final = COUNTER_INDEX["cost"]
_ENTITIES: Final = frozenset(
    {
        *("spend_day", "spend_week", "spend_month", "spend_lifetime", "spend_forecast", "tokens_day", "status"),
        *("limit_used_day", "limit_used_week", "limit_used_month", "budget_used", "budget_remaining"),
        *("connected", "last_scrape", "last_restart", "scrape_duration", "in_flight_requests"),
        *("unpriced_requests_day", "failed_requests_day", "deployment_health", "history_import"),
    }
)
"""Keys of the descriptions whose entities the dashboard shows."""


# voluptuous is another package's name for probatio in newer releases: its types do not match.
_DASHBOARD: Final[dict[Any, Any]] = {vol.Required("type"): f"{DOMAIN}/dashboard"}
_NO_LONGER: Final[Any] = vol.Length(max=parameters.LONGEST)
_TEXT: Final[Any] = vol.All(str, _NO_LONGER)
# Before it is looked into: that is work on the event loop, and a line in the log for each that is none.
_LIST: Final[Any] = vol.All(cv.ensure_list, _NO_LONGER, [vol.In(parameters.DIMENSIONS)])
_USAGE: Final[dict[Any, Any]] = {
    vol.Required("type"): f"{DOMAIN}/usage",
    vol.Required("entry_id"): _TEXT,
    vol.Required("from"): _TEXT,
    vol.Required("to"): _TEXT,
    vol.Optional("group_by", default=list): _LIST,
    vol.Optional("period", default="month"): _TEXT,
}

_HISTORY: Final[dict[Any, Any]] = {vol.Required("type"): f"{DOMAIN}/history", vol.Required("entry_id"): _TEXT}


type _Handler = Callable[[HomeAssistant, ActiveConnection, dict[str, Any]], Awaitable[None]]


def _a_few_at_a_time(handler: _Handler) -> _Handler:
    """Have a question wait until fewer of its connection's are being answered, before anything is made for it."""

    @wraps(handler)
    async def answer(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
        """Answer when it is its turn, if there is anybody left to answer."""
        if (request := current_request.get()) is None:
            await handler(hass, connection, msg)
            return
        async with request.setdefault(_SLOTS, asyncio.Semaphore(_AT_ONCE)):
            if request.transport is not None:
                await handler(hass, connection, msg)

    return answer


@callback
def async_register_commands(hass: HomeAssistant) -> None:
    """Register the commands, once for all entries."""
    async_register_command(hass, _dashboard)
    async_register_command(hass, _usage)
    async_register_command(hass, _history)


@websocket_command(_DASHBOARD)
@async_response
@_a_few_at_a_time
async def _dashboard(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Tell of every proxy what the user may see."""
    entries = hass.config_entries.async_entries(DOMAIN, include_ignore=False, include_disabled=False)
    works = [_proxy(hass, entry, connection.user) for entry in entries]
    body = await hass.async_add_executor_job(lambda: json_bytes({"proxies": [work() for work in works]}))
    await _async_send(hass, connection, msg["id"], body)


@websocket_command(_USAGE)
@async_response
@_a_few_at_a_time
async def _usage(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Answer as the JSON API's `/api/v1/usage` does."""
    asked = {name: msg[name] for name in ("from", "to", "period")} | {"group_by": ",".join(msg["group_by"])}
    try:
        runtime = await async_get_runtime(hass, msg["entry_id"])
        if PERSONAL.intersection(msg["group_by"]) and not may_see_persons(
            runtime.coordinator.config_entry, connection.user
        ):
            raise Unauthorized
        query = parameters.usage(asked, now=dt_util.utcnow(), zone=runtime.ledger.zone)
        body = await answers.async_usage(hass, runtime, query)
    except QueryError as err:
        connection.send_error(msg["id"], ERR_INVALID_FORMAT, _in_words(hass, err))
    except StoreError as err:
        connection.send_error(msg["id"], ERR_HOME_ASSISTANT_ERROR, str(err))
    else:
        await _async_send(hass, connection, msg["id"], body)


@websocket_command(_HISTORY)
@async_response
async def _history(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Answer as the JSON API's `/api/v1/comparison` does: how far the import is, and how well the two agree."""
    try:
        runtime = await async_get_runtime(hass, msg["entry_id"])
        answer = await answers.async_comparison(hass, runtime)
    except QueryError as err:
        connection.send_error(msg["id"], ERR_INVALID_FORMAT, _in_words(hass, err))
    except StoreError as err:
        connection.send_error(msg["id"], ERR_HOME_ASSISTANT_ERROR, str(err))
    else:
        connection.send_result(msg["id"], answer)


async def _async_send(hass: HomeAssistant, connection: ActiveConnection, number: int, body: bytes) -> None:
    """Send an answer, all but small ones one after the other; who takes none is hung up on.

    A large one takes a place of the JSON API's.
    """
    request = current_request.get()
    if request is None or len(body) <= _TAKEN_FROM:
        connection.send_message(construct_result_message(number, body))
        return
    try:
        with large_answer(hass, connection.user) if is_large(body) else nullcontext():
            # What is left of a connection's is this one's.
            async with request.setdefault(_TURN, asyncio.Lock()):
                connection.send_message(await hass.async_add_executor_job(construct_result_message, number, body))
                async with taken_in_time(request):
                    await _async_taken(request, len(body))
    except QueryError as err:
        connection.send_error(number, ERR_HOME_ASSISTANT_ERROR, _in_words(hass, err))


async def _async_taken(request: web.Request, size: int) -> None:
    """Wait until a client has taken what was sent, of `size` bytes: Home Assistant's own queue has no end."""
    # It is compressed before it is where one can see it.
    waiting, pause = True, _LOOK_AGAIN * min(size / _MEGABYTE, 1.0)
    while waiting:
        await asyncio.sleep(pause)
        pause = _LOOK_AGAIN
        waiting = request.transport is not None and _holds_up(request.transport)


def _holds_up(transport: asyncio.WriteTransport) -> bool:
    """Whether so much is left of what was sent that whoever writes more may have to wait."""
    low, _ = transport.get_write_buffer_limits()
    return transport.get_write_buffer_size() > low


def _in_words(hass: HomeAssistant, err: QueryError) -> str:
    """Return why a question is not answered, in Home Assistant's language."""
    words = query_message(err)
    # What was said elsewhere is passed on as it is.
    if words == err.placeholders.get("reason"):
        return words
    return _translated(hass, err.translation_key, {"field": err.field or "", **err.placeholders}, words)


def _error(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> str | None:
    """Return why a proxy is not read, or not loaded, in Home Assistant's language; None when all is well."""
    if entry.state is not ConfigEntryState.LOADED:
        words, key = entry.reason, entry.error_reason_translation_key
        placeholders = entry.error_reason_translation_placeholders
    else:
        coordinator = entry.runtime_data.coordinator
        words, error = coordinator.error, None if coordinator.last_update_success else coordinator.last_exception
        key, placeholders = getattr(error, "translation_key", None), getattr(error, "translation_placeholders", None)
    return _translated(hass, key, placeholders, words)


def _translated[W: str | None](
    hass: HomeAssistant, key: str | None, placeholders: Mapping[str, str] | None, words: W
) -> str | W:
    """Return a sentence of `exceptions` in Home Assistant's language; these words where there is none of that key."""
    text = f"{key}.message"
    said = localize(hass, text, placeholders, "exceptions")
    return words if said == text else said


@callback
def _proxy(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry, user: User) -> Callable[[], dict[str, Any]]:
    """Return what makes of one proxy as it is now what there is to show of it; on a thread, for it may have thousands.

    Of one that is not loaded that is what the registries know.
    """
    runtime = entry.runtime_data if entry.state is ConfigEntryState.LOADED else None
    data = runtime.coordinator.data if runtime else PulseData(snapshot=Snapshot(), connected=False)
    error = data.history.error
    return partial(
        _told,
        entry.entry_id,
        data,
        runtime,
        devices=dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id),
        entities=er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id),
        hidden=frozenset() if may_see_persons(entry, user) else PERSONAL,
        beside={
            "name": entry.title,
            "loaded": runtime is not None,
            "error": _error(hass, entry),
            "history": {
                **answers.history_status(data.history),
                "message": localize(hass, f"history_{error}") if error else None,
            },
            "begun_before": _begun_before(entry, data),
            "time_zone": runtime and runtime.ledger.zone.key,
        },
    )


def _told(  # noqa: PLR0913 - what was taken on the event loop
    entry_id: str,
    data: PulseData,
    runtime: RuntimeData | None,
    *,
    devices: Iterable[dr.AnyDeviceEntry],
    entities: Iterable[er.RegistryEntry],
    hidden: frozenset[Dimension],
    beside: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what there is to show of one proxy."""
    snapshot = data.snapshot
    device_of = {member: device for device, member in known_devices(devices)}
    entities_of = _entities(entities)

    def told(member: MemberKey) -> dict[str, Any]:
        """Return what there is to show of one member."""
        device, known, budget = device_of.get(member), snapshot.members.get(member), snapshot.budgets.get(member)
        named = device and (device.name_by_user or device.name)
        return {
            "id": member[1],
            "name": known.name if known and not (device and device.name_by_user) else named or member[1],
            "device_id": device and device.id,
            "spend": snapshot.value(member, Window.LIFETIME, "cost"),
            "spend_before": snapshot.before[member][_COST] if member in snapshot.before else None,
            "entities": entities_of.get(member, {}),
            "statistics": statistic_stem(entry_id, member),
            "limits": data.limits.get(member, {}),
            "budget": budget and {"remaining": budget.remaining, "maximum": budget.maximum},
            "health": snapshot.health.get(member[1]) if member[0] is Dimension.MODEL else None,
        }

    return {
        **told(TOTAL),
        **beside,
        "id": entry_id,
        "connected": data.connected,
        "window_starts": snapshot.window_starts,
        "known_from": runtime and _known_from(runtime, snapshot),
        "last_scrape": snapshot.last_scrape,
        "last_restart": snapshot.process_start,
        **_unpriced(snapshot),
        "dimensions": [
            {
                "dimension": dimension,
                "members": sorted(map(told, members), key=lambda one: -one["spend"] - (one["spend_before"] or 0.0)),
            }
            for dimension, members in _by_dimension(device_of, hidden)
        ],
    }


def _known_from(runtime: RuntimeData, snapshot: Snapshot) -> datetime | None:
    """Return since when whole days are known: of the first with any usage, a part may have been before the set-up."""
    try:
        first = sql.first_day(runtime.ledger.path)
    except StoreError:
        return None
    begun = None if first is None else start_of_day(first + 1, runtime.ledger.zone)
    return max(filter(None, (begun, snapshot.known_since.days)), default=None)


def _unpriced(snapshot: Snapshot) -> dict[str, float]:
    """Return how many requests of today had no price, where LiteLLM tells."""
    known = "unpriced_requests" in snapshot.published
    return {"unpriced_requests_day": snapshot.value(TOTAL, Window.DAY, "unpriced_requests")} if known else {}


def _begun_before(entry: LiteLLMPulseConfigEntry, data: PulseData) -> list[Window]:
    """Return the windows that began before the set-up: their sensors leave out what history tells of them."""
    if data.history.state is HistoryState.OFF:
        return []
    windows = (Window.DAY, Window.WEEK, Window.MONTH)
    starts = data.snapshot.window_starts
    return [one for one in windows if (start := starts.get(one)) and start < entry.created_at]


def _by_dimension(
    members: Iterable[MemberKey], hidden: frozenset[Dimension]
) -> Iterable[tuple[Dimension, list[MemberKey]]]:
    """Yield the dimensions that are shown, in the catalog's order, with their members."""
    for dimension in Dimension:
        found = [one for one in members if one[0] is dimension and one[1] != OTHER]
        if found and dimension not in hidden:
            yield dimension, found


def _entities(entities: Iterable[er.RegistryEntry]) -> dict[MemberKey, dict[str, str]]:
    """Return per member the entities that are there and enabled: description key -> entity id."""
    found: dict[MemberKey, dict[str, str]] = {}
    for entity, member, key in known_entities(entities):
        if key in _ENTITIES and not entity.disabled:
            found.setdefault(member, {})[key] = entity.entity_id
    return found
