"""What is answered, as functions: what an entry holds and a query in, the answer out.

Views, actions, Assist and the dashboard ask these. What reads the ledger's file or takes long is a
coroutine that returns JSON (or CSV, or the Prometheus exposition) as bytes, worked out off the event
loop, once for all who ask the same between two scrapes.
"""

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from heapq import nsmallest
from io import StringIO
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast
from zoneinfo import ZoneInfo

from homeassistant.core import HomeAssistant
from homeassistant.helpers.json import json_bytes
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType

from ..core import windows
from ..core.catalog import Dimension
from ..core.errors import QueryError, StoreError
from ..core.models import ScrapeRow, Snapshot
from ..core.query import UsageQuery, comparison, contract, prometheus, sql, usage
from ..core.store import RECENT_SCRAPES
from ..error_messages import text
from ..export import write_csv
from ..history_status import HistoryStatus
from ..localize import localize

if TYPE_CHECKING:
    from ..coordinator import RuntimeData

_ROWS_AT_ONCE: Final = 256
"""Rows turned into JSON in one go, for the event loop has to wait until that is done."""

_ROWS_KEPT: Final = 2 * RECENT_SCRAPES
"""Scrapes of which the JSON is kept, a kilobyte and a half each."""

_FAMILY: Final = re.compile(r"litellm_[a-z0-9_]{1,100}")
_MOST_FAMILIES: Final = 1_000
"""LiteLLM has about a hundred."""
_COMPARED_DAYS: Final = 31
MOST_ROWS: Final = 20_000
"""Rows of usage in one answer: a month by the hour of 25 members, 10 MB; what is beyond is asked for in parts."""
MOST_OBJECTS: Final = 5_000
"""Rows of usage as objects, which Home Assistant turns into JSON on the event loop: some milliseconds."""


def summary(runtime: RuntimeData) -> dict[str, object]:
    """Return every metric in every window."""
    return contract.summary(
        runtime.coordinator.data.snapshot,
        zone=runtime.ledger.zone,
        source=str(runtime.scraper.client.url),
        error=runtime.coordinator.error,
    )


def metric(runtime: RuntimeData, name: str) -> dict[str, object]:
    """Return one metric in one window; raises NotFoundError."""
    return contract.metric(runtime.coordinator.data.snapshot, name, zone=runtime.ledger.zone)


def health(runtime: RuntimeData) -> dict[str, object]:
    """Return whether there is anything to answer with."""
    return contract.health(runtime.coordinator.data.snapshot, error=runtime.coordinator.error)


def last_increase(runtime: RuntimeData) -> JsonObjectType:
    """Return what the last scrape added to the totals, and when it was."""
    return contract.increase(runtime.coordinator.data.snapshot, runtime.ledger.zone)


def history_status(status: HistoryStatus) -> JsonObjectType:
    """Return how far the import of history has come."""
    return {
        "state": str(status.state),
        "source": status.source,
        "oldest_day": status.oldest,
        "rows": status.rows,
        "percent": status.percent,
        "through": status.through.isoformat() if status.through else None,
        "restored_at": status.restored_at.isoformat() if status.restored_at else None,
        "error": status.error,
    }


async def async_history(hass: HomeAssistant, runtime: RuntimeData, limit: int) -> bytes:
    """Return the last scrapes, newest last."""
    work = partial(_history, path=runtime.ledger.path, limit=limit, zone=runtime.ledger.zone)
    return await _async_cached(hass, runtime, work, "history", limit, reads=True)


async def async_members(hass: HomeAssistant, runtime: RuntimeData, name: str) -> bytes:
    """Return every metric in every window of the members of a dimension; `name` is that of its table."""
    work = partial(_table, name=name, dimension=contract.TABLES[name], zone=runtime.ledger.zone)
    return await _async_cached(hass, runtime, work, name)


async def async_budgets(hass: HomeAssistant, runtime: RuntimeData, dimensions: Sequence[Dimension]) -> bytes:
    """Return what LiteLLM itself lets the members of some dimensions spend."""
    work = partial(_budgets, dimensions=dimensions, zone=runtime.ledger.zone)
    return await _async_cached(hass, runtime, work, "budgets", tuple(dimensions))


async def async_usage(hass: HomeAssistant, runtime: RuntimeData, query: UsageQuery) -> bytes:
    """Return usage over time, split by dimensions; raises StoreError, and QueryError for more than MOST_ROWS."""
    lack = text("backup_is_made") if runtime.ledger.paused else None
    work = partial(_usage, path=runtime.ledger.path, query=query, lack=lack)
    return await _async_cached(hass, runtime, work, "usage", query, lack, reads=True)


async def async_usage_object(
    hass: HomeAssistant, runtime: RuntimeData, query: UsageQuery, members: Collection[str] | None
) -> JsonObjectType:
    """Return the same as an object, not as JSON, of MOST_OBJECTS rows at most.

    `members` are those of the one dimension that are wanted. Megabytes of JSON cannot be read
    without holding the event loop, wherever that is done.
    """
    lack = text("backup_is_made") if runtime.ledger.paused else None
    snapshot, path = runtime.coordinator.data.snapshot, runtime.ledger.path
    work = partial(_usage_object, snapshot, path=path, query=query, lack=lack, members=members)
    return await runtime.response_cache.async_read(hass, work)


async def async_usage_csv(hass: HomeAssistant, runtime: RuntimeData, query: UsageQuery) -> bytes:
    """Return usage over time as comma-separated values; raises what `async_usage` raises."""
    work = partial(_usage_csv, path=runtime.ledger.path, query=query)
    return await _async_cached(hass, runtime, work, "usage.csv", query, reads=True)


async def async_aggregate(hass: HomeAssistant, runtime: RuntimeData) -> bytes:
    """Return lifetime spend by provider and model."""
    work = partial(_aggregate, path=runtime.ledger.path)
    return await _async_cached(hass, runtime, work, "aggregate", reads=True)


async def async_comparison(hass: HomeAssistant, runtime: RuntimeData) -> JsonObjectType:
    """Return spend by /metrics against spend by the database, per day of the last month; raises StoreError."""
    zone, now = runtime.ledger.zone, dt_util.utcnow()
    work = partial(
        comparison.compare, runtime.ledger.path, first=windows.day_of(now, zone) - _COMPARED_DAYS, now=now, zone=zone
    )
    days = comparison.as_json(await runtime.response_cache.async_read(hass, work))
    for day in days:
        day["explanation"] = [localize(hass, f"history_reason_{reason}") for reason in cast(list[str], day["reasons"])]
    return cast(JsonObjectType, {"days": days, "import": history_status(runtime.coordinator.data.history)})


async def async_exposition(hass: HomeAssistant, runtime: RuntimeData, dimensions: Sequence[Dimension]) -> bytes:
    """Return the ledger in the text exposition format of Prometheus."""
    up = runtime.coordinator.last_update_success
    work = partial(_exposition, dimensions=dimensions, up=up)
    return await _async_cached(hass, runtime, work, "metrics", tuple(dimensions), up)


async def async_raw(hass: HomeAssistant, runtime: RuntimeData) -> dict[str, float]:
    """Return the sum of every family that the proxy publishes; raises ScrapeError or AnswerError."""
    return await runtime.raw_scraper.async_get(hass, runtime.scraper.client)


async def async_raw_json(hass: HomeAssistant, runtime: RuntimeData) -> bytes:
    """Return the same as JSON; raises ScrapeError or AnswerError."""
    return await hass.async_add_executor_job(_sums, await async_raw(hass, runtime))


async def async_families(hass: HomeAssistant, runtime: RuntimeData) -> list[str]:
    """Return the families that LiteLLM publishes, by name; raises ScrapeError or AnswerError.

    What only a lying server would call one, our key for example, or thousands of them, is left out.
    """
    return await hass.async_add_executor_job(_families, await async_raw(hass, runtime))


async def _async_cached(
    hass: HomeAssistant,
    runtime: RuntimeData,
    work: Callable[[Snapshot], bytes],
    *key: Hashable,
    reads: bool = False,
) -> bytes:
    """Return what `work` makes of the snapshot; `reads` says that it reads the ledger's file."""
    snapshot = runtime.coordinator.data.snapshot
    return await runtime.response_cache.async_get(
        hass, snapshot, (runtime.ledger.zone.key, *key), partial(work, snapshot), reads=reads
    )


def _json_list(
    name: str, rows: Iterable[Mapping[str, object]], rest: Mapping[str, object], *, counted: bool = False
) -> bytes:
    """Return the JSON of `{name: [row, ...], **rest}`, with the `count` of the rows where that is wanted.

    `rest` may not be empty. No more than a few rows are held that are not JSON yet.
    """
    pieces, count = [], 0
    for batch in batched(rows, _ROWS_AT_ONCE, strict=False):
        pieces.append(json_bytes(batch)[1:-1])
        count += len(batch)
    return _json_object(name, pieces, {"count": count, **rest} if counted else rest)


def _families(sums: Mapping[str, float]) -> list[str]:
    """Return the names that families of LiteLLM may have."""
    found = (name for name in sums if _FAMILY.fullmatch(name) and not name.endswith("_created"))
    return nsmallest(_MOST_FAMILIES, found)


def _sums(sums: Mapping[str, float]) -> bytes:
    """Return sums as JSON; a body may have thousands of families."""
    batches = batched(sums.items(), _ROWS_AT_ONCE, strict=False)
    return b"{%s}" % b",".join([json_bytes(dict(batch))[1:-1] for batch in batches])


def _json_object(name: str, pieces: Iterable[bytes], rest: Mapping[str, object]) -> bytes:
    """Return the JSON of `{name: [row, ...], **rest}` from rows that are JSON already; `rest` may not be empty."""
    return b'{"%s":[%s],%s' % (name.encode(), b",".join(pieces), json_bytes(rest)[1:])


@lru_cache(maxsize=_ROWS_KEPT)
def _past(row: ScrapeRow, zone: ZoneInfo) -> bytes:
    """Return one scrape of the history as JSON: all but the last are those of the answer before."""
    return json_bytes(contract.past(row, zone))


def _history(snapshot: Snapshot, *, path: Path, limit: int, zone: ZoneInfo) -> bytes:
    """Return the last scrapes; while the file cannot be written or read, only those in memory."""
    rows: Sequence[ScrapeRow] = snapshot.recent[-limit:] if limit else ()
    error = snapshot.store_error
    if error is None:
        try:
            rows = sql.history(path, limit, snapshot.recent, snapshot.runs)
        except StoreError as err:
            error = str(err)
    rest: dict[str, object] = {"count": len(rows), "source": "sqlite" if error is None else "memory"}
    if error is not None:
        rest["error"] = error
    return _json_object("snapshots", [_past(row, zone) for row in rows], rest)


def _table(snapshot: Snapshot, *, name: str, dimension: Dimension, zone: ZoneInfo) -> bytes:
    """Return the members of a dimension."""
    rest = {"last_scrape": contract.timestamp(snapshot.last_scrape, zone)}
    return _json_list(name, contract.table(snapshot, dimension), rest)


def _budgets(snapshot: Snapshot, *, dimensions: Sequence[Dimension], zone: ZoneInfo) -> bytes:
    """Return the budgets of the members of some dimensions."""
    rest = usage.budgets(snapshot, dimensions, zone)
    rows = cast(list[dict[str, object]], rest.pop("budgets"))
    return _json_list("budgets", rows, rest)


def _usage(snapshot: Snapshot, *, path: Path, query: UsageQuery, lack: str | None) -> bytes:
    """Return usage over time; `lack` says why the file lacks what was used last. Raises StoreError."""
    rest = _usage_metadata(snapshot, path, query, lack)
    return _json_list("usage", _usage_rows(snapshot, path, query), rest, counted=True)


def _usage_object(
    snapshot: Snapshot, *, path: Path, query: UsageQuery, lack: str | None, members: Collection[str] | None
) -> JsonObjectType:
    """Return usage over time as an object, of some members only where they are named. Raises StoreError."""
    rest = _usage_metadata(snapshot, path, query, lack)
    rows = list(_limited(_usage_rows(snapshot, path, query, members), MOST_OBJECTS))
    return cast(JsonObjectType, {"usage": rows, "count": len(rows), **rest})


def _usage_rows(
    snapshot: Snapshot, path: Path, query: UsageQuery, members: Collection[str] | None = None
) -> Iterator[dict[str, object]]:
    """Yield rows of usage, of some members of the one dimension only where they are named by id or name."""
    rows = usage.usage_rows(snapshot, query, _limited(sql.usage(path, query), MOST_ROWS))
    if members is None:
        return rows
    dimension, wanted = query.dimensions[0], frozenset(members)
    return (row for row in rows if not wanted.isdisjoint((row[dimension], row.get(f"{dimension}_name"))))


def _usage_metadata(snapshot: Snapshot, path: Path, query: UsageQuery, lack: str | None) -> dict[str, object]:
    """Return what is told beside the rows of usage. Raises StoreError."""
    rest = usage.usage_metadata(snapshot, query, sql.usage_since(path, query))
    if lack is not None:
        rest.setdefault("error", lack)
    return rest


def _usage_csv(snapshot: Snapshot, *, path: Path, query: UsageQuery) -> bytes:
    """Return usage over time as comma-separated values; raises StoreError."""
    table, rows = StringIO(), _limited(sql.usage(path, query), MOST_ROWS)
    write_csv(table, usage.usage_columns(query), usage.usage_rows(snapshot, query, rows))
    return table.getvalue().encode()


def _limited[T](rows: Iterable[T], most: int) -> Iterator[T]:
    """Yield rows; raises QueryError as soon as there are more than can be answered."""
    for number, row in enumerate(rows):
        if number == most:
            raise QueryError("too_many_rows", most=str(most))
        yield row


def _aggregate(snapshot: Snapshot, *, path: Path) -> bytes:
    """Return lifetime spend by provider and model; of before the first scrape only while the file can be read."""
    before = sql.spend_before(path) if snapshot.before else {}
    return json_bytes(usage.aggregate(snapshot, before))


def _exposition(snapshot: Snapshot, *, dimensions: Sequence[Dimension], up: bool) -> bytes:
    """Return the exposition."""
    return prometheus.exposition(snapshot, dimensions, up=up).encode()
