"""The JSON API, in Home Assistant's own web server: check the question, ask, answer."""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import override
from zoneinfo import ZoneInfo

from aiohttp import web
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.http import KEY_HASS
from homeassistant.helpers.json import json_bytes
from homeassistant.util import dt as dt_util

from .client import ScrapeError
from .coordinator import RuntimeData
from .core import breakdown, contract, exporter, queries, question
from .core.catalog import Dimension
from .core.errors import AnswerError, StoreError
from .core.models import ScrapeRow, Snapshot
from .endpoint import Endpoint, RefusalError, listed
from .reasons import sentence


class MetricsView(Endpoint):
    """Every metric in every window."""

    path = "/api/v1/metrics"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Return the totals."""
        scrapes = runtime.scrapes
        source = str(scrapes.client.url)
        return self.say(contract.summary(scrapes.data, zone=runtime.books.zone, source=source, error=scrapes.error))


class MetricView(Endpoint):
    """One metric in one window."""

    path = "/api/v1/metrics/{name}"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Return the figure, or the names that there are."""
        name = request.match_info["name"]
        found = contract.metric(runtime.scrapes.data, name, zone=runtime.books.zone)
        if found is None:
            raise RefusalError(HTTPStatus.NOT_FOUND, f"Unknown metric: {name}", available=contract.available())
        return self.say(found)


class HistoryView(Endpoint):
    """The last scrapes."""

    path = "/api/v1/history"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Return the scrapes, newest last."""
        limit = question.history_limit(request.query.get("limit"))
        work = partial(_history, path=runtime.books.path, limit=limit, zone=runtime.books.zone)
        return self.send(await self.look_up(request, runtime, work, limit, reads=True))


class TableView(Endpoint):
    """The members of one dimension, each with every metric in every window."""

    def __init__(self, name: str, dimension: Dimension) -> None:
        """Keep which dimension."""
        self.path = f"/api/v1/{name}"
        super().__init__()
        self._name = name
        self._dimension = dimension

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Return the table."""
        work = partial(_table, name=self._name, dimension=self._dimension, zone=runtime.books.zone)
        return self.send(await self.look_up(request, runtime, work))


class UsageView(Endpoint):
    """Usage over time, split by dimensions."""

    path = "/api/v1/usage"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Return the rows, as JSON or as a table with commas."""
        query = question.usage(request.query, now=dt_util.utcnow(), zone=runtime.books.zone)
        form = question.form(request.query)
        work, content_type = _FORMS[form]
        read = partial(work, path=runtime.books.path, query=query)
        try:
            body = await self.look_up(request, runtime, read, form, query, reads=True)
        except StoreError as err:
            raise RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, str(err)) from err
        return self.send(body, content_type)


class BudgetsView(Endpoint):
    """What LiteLLM itself lets members spend."""

    path = "/api/v1/budgets"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Return the budgets of the dimensions that are asked for."""
        asked = question.dimensions(request.query.get("dimensions"), breakdown.BUDGETED)
        return self.say(breakdown.budgets(runtime.scrapes.data, asked, runtime.books.zone))


class RawView(Endpoint):
    """Every family that the proxy publishes."""

    path = "/raw"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Return the sums."""
        try:
            return self.say(await runtime.raw.async_get(request.app[KEY_HASS], runtime.scrapes.client))
        except (ScrapeError, AnswerError) as err:
            raise RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, sentence(err)) from err


class HealthView(Endpoint):
    """Whether there is anything to answer with."""

    path = "/health"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Return the status."""
        return self.say(contract.health(runtime.scrapes.data, error=runtime.scrapes.error))


class AggregateView(Endpoint):
    """Spend by provider and model."""

    path = "/aggregate"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Return the spend of the ledger's lifetime."""
        return self.send(await self.look_up(request, runtime, _aggregate))


class ExporterView(Endpoint):
    """The ledger, for Prometheus."""

    path = "/metrics"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Return the exposition."""
        asked = question.dimensions(request.query.get("dimensions"))
        up = runtime.scrapes.last_update_success
        work = partial(_exposition, dimensions=asked, up=up)
        return self.send(await self.look_up(request, runtime, work, asked, up), exporter.CONTENT_TYPE)


@callback
def async_register_views(hass: HomeAssistant) -> None:
    """Register every endpoint, once for all entries."""
    for kind in _VIEWS:
        hass.http.register_view(kind())
    for name, dimension in contract.TABLES.items():
        hass.http.register_view(TableView(name, dimension))


_VIEWS = (
    MetricsView,
    MetricView,
    HistoryView,
    UsageView,
    BudgetsView,
    RawView,
    HealthView,
    AggregateView,
    ExporterView,
)


def _history(snapshot: Snapshot, *, path: Path, limit: int, zone: ZoneInfo) -> bytes:
    """Return the answer of `/api/v1/history`.

    While the file cannot be written or read, only what is in memory is known.
    """
    rows: Sequence[ScrapeRow] = snapshot.recent[-limit:] if limit else ()
    error = snapshot.store_error
    if error is None:
        try:
            rows = queries.history(path, limit, snapshot.recent, snapshot.runs)
        except StoreError as err:
            error = str(err)
    rest: dict[str, object] = {"count": len(rows), "source": "sqlite" if error is None else "memory"}
    if error is not None:
        rest["error"] = error
    return listed("snapshots", (contract.past(row, zone) for row in rows), rest)


def _table(snapshot: Snapshot, *, name: str, dimension: Dimension, zone: ZoneInfo) -> bytes:
    """Return the answer of `/api/v1/models` and its like."""
    rest = {"last_scrape": contract.timestamp(snapshot.last_scrape, zone)}
    return listed(name, contract.table(snapshot, dimension), rest)


def _usage(snapshot: Snapshot, *, path: Path, query: queries.UsageQuery) -> bytes:
    """Return the answer of `/api/v1/usage`; raises StoreError."""
    rows = queries.usage(path, query)
    since = queries.usage_since(path, query)
    rest = {"count": len(rows), **breakdown.usage_head(snapshot, query, since)}
    return listed("usage", breakdown.usage_rows(snapshot, query, rows), rest)


def _usage_csv(snapshot: Snapshot, *, path: Path, query: queries.UsageQuery) -> bytes:
    """Return the answer of `/api/v1/usage` as a table with commas; raises StoreError."""
    return breakdown.usage_csv(snapshot, query, queries.usage(path, query)).encode()


def _aggregate(snapshot: Snapshot) -> bytes:
    """Return the answer of `/aggregate`."""
    return json_bytes(breakdown.aggregate(snapshot))


def _exposition(snapshot: Snapshot, *, dimensions: Sequence[Dimension], up: bool) -> bytes:
    """Return the answer of `/metrics`."""
    return exporter.exposition(snapshot, dimensions, up=up).encode()


_FORMS = {"json": (_usage, "application/json"), "csv": (_usage_csv, "text/csv; charset=utf-8")}
