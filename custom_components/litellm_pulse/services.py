"""The actions: the API's questions under the API's names, an export to a file, statistics anew, a scrape at once."""

from functools import partial
from pathlib import Path
from typing import Any, Final

import voluptuous as vol
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_register_admin_service
from homeassistant.util import dt as dt_util

from .api import answers
from .api.base import query_message
from .api.entries import async_get_runtime
from .api.permissions import async_get_user, require_dimensions
from .const import DOMAIN, HISTORY_OFF
from .coordinator import RuntimeData
from .core.errors import QueryError, StoreError
from .core.query import Period, UsageQuery, parameters
from .export import FORMATS, write_usage

ATTR_ENTRY: Final = "config_entry_id"
ATTR_GROUP_BY: Final = "group_by"
ATTR_FROM: Final = "from"
ATTR_TO: Final = "to"
ATTR_PERIOD: Final = "period"
ATTR_MEMBERS: Final = "members"
ATTR_PATH: Final = "path"
ATTR_FORMAT: Final = "format"

# voluptuous is another package's name for probatio in newer releases: its types do not match.
_NO_LONGER: Final[Any] = vol.Length(max=parameters.LONGEST)
_TEXT: Final[Any] = vol.All(cv.string, _NO_LONGER)
# Before it is looked into: that is work on the event loop, and a line in the log for each that is none.
_LIST: Final[Any] = vol.All(vol.DefaultTo(list), _NO_LONGER, cv.ensure_list_csv, [cv.string])
_MEMBERS: Final[Any] = vol.All(cv.ensure_list, vol.Length(max=answers.MOST_OBJECTS), [cv.string])
_ENTRY: Final[dict[Any, Any]] = {vol.Optional(ATTR_ENTRY): _TEXT}
_USAGE: Final[dict[Any, Any]] = {
    **_ENTRY,
    vol.Optional(ATTR_GROUP_BY, default=list): _LIST,
    vol.Optional(ATTR_FROM): _TEXT,
    vol.Optional(ATTR_TO): _TEXT,
    vol.Optional(ATTR_PERIOD, default=str(Period.DAY)): _TEXT,
}
_GET_USAGE: Final[Any] = vol.Schema({**_USAGE, vol.Optional(ATTR_MEMBERS): _MEMBERS})
_EXPORT_USAGE: Final[Any] = vol.Schema(
    {**_USAGE, vol.Required(ATTR_PATH): cv.string, vol.Optional(ATTR_FORMAT, default="csv"): vol.In(FORMATS)}
)
_ENTRY_ONLY: Final[Any] = vol.Schema(_ENTRY)


@callback
def async_register_services(hass: HomeAssistant) -> None:
    """Register every action, once for all entries."""
    everyone = partial(hass.services.async_register, DOMAIN)
    administrators = partial(async_register_admin_service, hass, DOMAIN)
    everyone("get_usage", _async_get_usage, _GET_USAGE, SupportsResponse.ONLY)
    everyone("scrape", _async_scrape, _ENTRY_ONLY, SupportsResponse.OPTIONAL)
    # It writes files, and may replace some.
    administrators("export_usage", _async_export_usage, _EXPORT_USAGE, supports_response=SupportsResponse.OPTIONAL)
    # It writes a year of hours into the recorder.
    administrators("rebuild_statistics", _async_rebuild_statistics, _ENTRY_ONLY)
    # It has the proxy's database read.
    administrators("import_history", _async_import_history, _ENTRY_ONLY, supports_response=SupportsResponse.OPTIONAL)


async def _async_get_usage(call: ServiceCall) -> ServiceResponse:
    """Return usage over time, as the API's /usage does; of some members only, where they are named."""
    runtime = await _async_runtime(call)
    query = await _async_query(call, runtime)
    members = call.data.get(ATTR_MEMBERS)
    if members is not None and len(query.dimensions) != 1:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="members_need_one_dimension")
    try:
        return await answers.async_usage_object(call.hass, runtime, query, members)
    except StoreError as err:
        raise _store_failed(err) from err
    except QueryError as err:
        raise _invalid(err) from err


async def _async_export_usage(call: ServiceCall) -> ServiceResponse:
    """Write usage over time to a file, and return which and how many rows it has."""
    runtime = await _async_runtime(call)
    query = await _async_query(call, runtime)
    path = Path(call.hass.config.path(call.data[ATTR_PATH]))
    allowed = await call.hass.async_add_executor_job(call.hass.config.is_allowed_path, str(path))
    if not allowed:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="path_not_allowed",
            translation_placeholders={"path": str(path)},
        )
    work = partial(
        write_usage,
        path,
        call.data[ATTR_FORMAT],
        ledger=runtime.ledger.path,
        query=query,
        snapshot=runtime.coordinator.data.snapshot,
    )
    try:
        rows = await call.hass.async_add_executor_job(work)
    except (OSError, ValueError) as err:
        error = (err.strerror if isinstance(err, OSError) else None) or str(err)
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="export_failed",
            translation_placeholders={"path": str(path), "error": error},
        ) from err
    except StoreError as err:
        raise _store_failed(err) from err
    return {"path": str(path), "rows": rows}


async def _async_rebuild_statistics(call: ServiceCall) -> None:
    """Write the statistics in the recorder anew, from the ledger."""
    runtime = await _async_runtime(call)
    await runtime.statistics.async_rebuild()


async def _async_scrape(call: ServiceCall) -> ServiceResponse:
    """Scrape at once, and return what was used since the last scrape."""
    runtime = await _async_runtime(call)
    entry = runtime.coordinator.config_entry
    title = entry.title
    await runtime.coordinator.async_scrape()
    if getattr(entry, "runtime_data", None) is not runtime:
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="not_loaded", translation_placeholders={"title": title}
        )
    error = runtime.coordinator.error
    if error is not None:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="scrape_failed",
            translation_placeholders={"title": title, "error": error},
        )
    return answers.last_increase(runtime)


async def _async_import_history(call: ServiceCall) -> ServiceResponse:
    """Start the import of history, or go on with it, and return how far it is."""
    runtime = await _async_runtime(call)
    if runtime.history.source == HISTORY_OFF:
        title = runtime.coordinator.config_entry.title
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="history_is_off", translation_placeholders={"title": title}
        )
    return answers.history_status(await runtime.history.async_import())


async def _async_runtime(call: ServiceCall) -> RuntimeData:
    """Return what the entry that is meant holds."""
    try:
        return await async_get_runtime(call.hass, call.data.get(ATTR_ENTRY))
    except QueryError as err:
        if err.field is not None:
            err.field = ATTR_ENTRY
        raise _invalid(err) from err


async def _async_query(call: ServiceCall, runtime: RuntimeData) -> UsageQuery:
    """Return the question of an action, if its user may ask it."""
    asked = {name: str(call.data[name]) for name in (ATTR_FROM, ATTR_TO, ATTR_PERIOD) if name in call.data}
    asked[ATTR_GROUP_BY] = ",".join(call.data[ATTR_GROUP_BY])
    try:
        query = parameters.usage(asked, now=dt_util.utcnow(), zone=runtime.ledger.zone)
        user = await async_get_user(call.hass, call.context)
        require_dimensions(runtime.coordinator.config_entry, user, query.dimensions)
    except QueryError as err:
        raise _invalid(err) from err
    return query


def _invalid(err: QueryError) -> ServiceValidationError:
    """Return what an action says of a question that cannot be answered as it was asked; names the field."""
    reason = query_message(err)
    if err.field and not reason.startswith(err.field):
        reason = f"{err.field}: {reason}"
    if err.available is not None:
        reason += f" ({', '.join(map(_choice, err.available))})"
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key="query_failed", translation_placeholders={"reason": reason}
    )


def _choice(one: object) -> str:
    """Return what may be chosen as it is typed: a word, or the id of a proxy beside its title."""
    return f"{one['title']}: {one['id']}" if isinstance(one, dict) else str(one)


def _store_failed(err: StoreError) -> HomeAssistantError:
    """Return what an action says of a ledger that cannot be read."""
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key="store_failed", translation_placeholders={"error": str(err)}
    )
