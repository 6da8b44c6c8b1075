"""The endpoints: check the parameters, ask, respond."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, override

from aiohttp import web
from homeassistant.components.http.const import KEY_HASS_USER
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.http import KEY_HASS
from homeassistant.util import dt as dt_util

from ..core.catalog import Dimension
from ..core.query import contract, parameters, prometheus, usage
from . import answers
from .base import PulseView, respond, respond_json
from .permissions import require_dimensions, require_raw

if TYPE_CHECKING:
    from ..coordinator import RuntimeData


class MetricsView(PulseView):
    """Every metric in every window."""

    path = "/api/v1/metrics"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Respond with the totals."""
        return respond_json(answers.summary(runtime))


class MetricView(PulseView):
    """One metric in one window."""

    path = "/api/v1/metrics/{name}"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Respond with the figure; raises NotFoundError."""
        return respond_json(answers.metric(runtime, request.match_info["name"]))


class HistoryView(PulseView):
    """The last scrapes."""

    path = "/api/v1/history"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Respond with the scrapes, newest last."""
        limit = parameters.history_limit(request.query.get("limit"))
        return respond(await answers.async_history(request.app[KEY_HASS], runtime, limit))


class MembersView(PulseView):
    """The members of one dimension, each with every metric in every window."""

    def __init__(self, table: str) -> None:
        """Keep which table."""
        self.path = f"/api/v1/{table}"
        super().__init__()
        self._table = table

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Respond with the table; raises ForbiddenError."""
        _require(request, runtime, [contract.TABLES[self._table]])
        return respond(await answers.async_members(request.app[KEY_HASS], runtime, self._table))


class UsageView(PulseView):
    """Usage over time, split by dimensions."""

    path = "/api/v1/usage"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Respond with the rows, as JSON or as comma-separated values; raises ForbiddenError."""
        hass = request.app[KEY_HASS]
        query = parameters.usage(request.query, now=dt_util.utcnow(), zone=runtime.ledger.zone)
        _require(request, runtime, query.dimensions)
        if parameters.form(request.query) == "csv":
            return respond(await answers.async_usage_csv(hass, runtime, query), _CSV)
        return respond(await answers.async_usage(hass, runtime, query))


class BudgetsView(PulseView):
    """What LiteLLM itself lets members spend."""

    path = "/api/v1/budgets"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Respond with the budgets of the dimensions that are asked for; raises ForbiddenError."""
        asked = parameters.dimensions(request.query.get("dimensions"), usage.BUDGETED)
        _require(request, runtime, asked)
        return respond(await answers.async_budgets(request.app[KEY_HASS], runtime, asked))


class ComparisonView(PulseView):
    """Spend by /metrics against spend by LiteLLM's database."""

    path = "/api/v1/comparison"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Respond with the days of the last month."""
        return respond_json(await answers.async_comparison(request.app[KEY_HASS], runtime))


class RawView(PulseView):
    """Every family that the proxy publishes."""

    path = "/raw"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Respond with the sums; raises ForbiddenError."""
        require_raw(runtime.coordinator.config_entry, request[KEY_HASS_USER])
        return respond(await answers.async_raw_json(request.app[KEY_HASS], runtime))


class HealthView(PulseView):
    """Whether there is anything to answer with."""

    path = "/health"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Respond with the status."""
        return respond_json(answers.health(runtime))


class AggregateView(PulseView):
    """Spend by provider and model."""

    path = "/aggregate"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Respond with the spend of the ledger's lifetime."""
        return respond(await answers.async_aggregate(request.app[KEY_HASS], runtime))


class PrometheusView(PulseView):
    """The ledger, for Prometheus."""

    path = "/metrics"

    @override
    async def answer(self, request: web.Request, runtime: RuntimeData) -> web.Response:
        """Respond with the exposition; raises ForbiddenError."""
        asked = parameters.dimensions(request.query.get("dimensions"))
        _require(request, runtime, asked)
        body = await answers.async_exposition(request.app[KEY_HASS], runtime, asked)
        return respond(body, prometheus.CONTENT_TYPE)


@callback
def async_register_views(hass: HomeAssistant) -> None:
    """Register every endpoint, once for all entries."""
    for view in _VIEWS:
        hass.http.register_view(view())
    for table in contract.TABLES:
        hass.http.register_view(MembersView(table))


def _require(request: web.Request, runtime: RuntimeData, dimensions: Iterable[Dimension]) -> None:
    """Raise ForbiddenError where the user who asks may not see members of one of these dimensions."""
    require_dimensions(runtime.coordinator.config_entry, request[KEY_HASS_USER], dimensions)


_CSV: Final = "text/csv; charset=utf-8"
_VIEWS: Final = (
    MetricsView,
    MetricView,
    HistoryView,
    UsageView,
    BudgetsView,
    ComparisonView,
    RawView,
    HealthView,
    AggregateView,
    PrometheusView,
)
