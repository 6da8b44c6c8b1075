"""What the dashboard asks for: the proxies with what there is to show of each, and usage over time."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final

import voluptuous as vol
from homeassistant.auth.models import User
from homeassistant.components import websocket_api
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .coordinator import LiteLLMPulseConfigEntry
from .core import question
from .core.catalog import Dimension
from .core.errors import StoreError
from .core.models import TOTAL, MemberKey, Snapshot, Window
from .core.question import PERSONAL, QuestionError
from .devices import member_of
from .roster import OTHER
from .statistic_ids import statistic_stem
from .views import _usage as usage_json

CONF_SHOW_PERSONS: Final = "show_persons"

_ENTITIES: Final = frozenset(
    {
        *("spend_day", "spend_week", "spend_month", "spend_lifetime", "spend_forecast", "tokens_day"),
        *("limit_used_day", "limit_used_week", "limit_used_month", "budget_used", "budget_remaining"),
        *("connected", "last_scrape", "last_restart", "scrape_duration", "in_flight_requests"),
        *("unpriced_requests_day", "failed_requests_day", "deployment_health"),
    }
)
"""Keys of the descriptions whose entities the dashboard shows."""


@callback
def async_register_commands(hass: HomeAssistant) -> None:
    """Register the commands, once for all entries."""
    websocket_api.async_register_command(hass, _dashboard)
    websocket_api.async_register_command(hass, _usage)


@websocket_api.websocket_command({vol.Required("type"): f"{DOMAIN}/dashboard"})
@callback
def _dashboard(hass: HomeAssistant, connection: websocket_api.ActiveConnection, msg: dict[str, Any]) -> None:
    """Tell of every proxy what the user may see."""
    entries = hass.config_entries.async_entries(DOMAIN, include_ignore=False, include_disabled=False)
    proxies = [_proxy(hass, entry, connection.user) for entry in entries]
    connection.send_result(msg["id"], {"proxies": proxies})


@websocket_api.websocket_command(
    {
        vol.Required("type"): f"{DOMAIN}/usage",
        vol.Required("entry_id"): str,
        vol.Required("from"): str,
        vol.Required("to"): str,
        vol.Optional("group_by", default=list): vol.All(cv.ensure_list, [vol.In(question.DIMENSIONS)]),
        vol.Optional("period", default="month"): str,
    }
)
@websocket_api.async_response
async def _usage(hass: HomeAssistant, connection: websocket_api.ActiveConnection, msg: dict[str, Any]) -> None:
    """Answer as the JSON API's `/api/v1/usage` does."""
    entry = hass.config_entries.async_get_entry(msg["entry_id"])
    if entry is None or entry.domain != DOMAIN or entry.state is not ConfigEntryState.LOADED:
        connection.send_error(msg["id"], websocket_api.ERR_NOT_FOUND, "There is no such proxy, or it is not loaded")
        return
    if PERSONAL.intersection(msg["group_by"]) and not _sees_persons(entry, connection.user):
        connection.send_error(msg["id"], websocket_api.ERR_UNAUTHORIZED, "Persons are for administrators")
        return
    books, answers, snapshot = entry.runtime_data.books, entry.runtime_data.answers, entry.runtime_data.scrapes.data
    asked = {name: msg[name] for name in ("from", "to", "period")} | {"group_by": ",".join(msg["group_by"])}
    try:
        query = question.usage(asked, now=dt_util.utcnow(), zone=books.zone)
        work = partial(usage_json, snapshot, path=books.path, query=query)
        key = ("/api/v1/usage", books.zone.key, "json", query)
        body = await answers.async_get(hass, snapshot, key, work, reads=True)
    except QuestionError as err:
        connection.send_error(msg["id"], websocket_api.ERR_INVALID_FORMAT, str(err))
    except StoreError as err:
        connection.send_error(msg["id"], websocket_api.ERR_HOME_ASSISTANT_ERROR, str(err))
    else:
        connection.send_message(websocket_api.messages.construct_result_message(msg["id"], body))


def _sees_persons(entry: LiteLLMPulseConfigEntry, user: User) -> bool:
    """Whether a user may see keys, users, customers and metadata of a proxy."""
    return user.is_admin or bool(entry.options.get(CONF_SHOW_PERSONS, False))


def _proxy(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry, user: User) -> dict[str, Any]:
    """Return what there is to show of one proxy; of one that is not loaded, what the registries know."""
    loaded = entry.state is ConfigEntryState.LOADED
    scrapes = entry.runtime_data.scrapes if loaded else None
    snapshot = scrapes.data if scrapes else Snapshot()
    limits: Mapping[MemberKey, Mapping[Window, float]] = scrapes.wishes.limits if scrapes else {}
    devices = {
        member_of(device): device for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    }
    entities = _entities(hass, entry.entry_id)
    hidden = frozenset() if _sees_persons(entry, user) else PERSONAL

    def told(member: MemberKey) -> dict[str, Any]:
        """Return what there is to show of one member."""
        device, known = devices.get(member), snapshot.members.get(member)
        budget = snapshot.budgets.get(member)
        return {
            "id": member[1],
            "name": (device and device.name_by_user) or (known.name if known else (device and device.name)) or member[1],
            "device_id": device.id if device else None,
            "spend": snapshot.value(member, Window.LIFETIME, "cost"),
            "entities": entities.get(member, {}),
            "statistics": statistic_stem(entry.entry_id, member),
            "limits": dict(limits.get(member, {})),
            "budget": budget and {"remaining": budget.remaining, "maximum": budget.maximum},
            "health": snapshot.health.get(member[1]) if member[0] is Dimension.MODEL else None,
        }

    return {
        **told(TOTAL),
        "id": entry.entry_id,
        "name": entry.title,
        "loaded": loaded,
        "connected": scrapes is not None and scrapes.last_update_success,
        "error": scrapes.error if scrapes else entry.reason,
        "last_scrape": snapshot.last_scrape,
        "last_restart": snapshot.process_start,
        "unpriced_requests_day": snapshot.value(TOTAL, Window.DAY, "unpriced_requests"),
        "dimensions": [
            {"dimension": dimension, "members": sorted(map(told, members), key=lambda one: -one["spend"])}
            for dimension, members in _by_dimension(devices, hidden)
        ],
    }


def _by_dimension(
    members: Iterable[MemberKey], hidden: frozenset[Dimension]
) -> Iterable[tuple[Dimension, list[MemberKey]]]:
    """Yield the dimensions that are shown, in the catalog's order, with their members."""
    for dimension in Dimension:
        found = [one for one in members if one[0] is dimension and one[1] != OTHER]
        if found and dimension not in hidden:
            yield dimension, found


def _entities(hass: HomeAssistant, entry_id: str) -> dict[MemberKey, dict[str, str]]:
    """Return per member the entities that are there and enabled: description key -> entity id."""
    found: dict[MemberKey, dict[str, str]] = {}
    for entity in er.async_entries_for_config_entry(er.async_get(hass), entry_id):
        _, dimension, rest = entity.unique_id.split(":", 2)
        member, _, key = rest.rpartition(":")
        if key in _ENTITIES and not entity.disabled:
            found.setdefault((Dimension(dimension), member), {})[key] = entity.entity_id
    return found
