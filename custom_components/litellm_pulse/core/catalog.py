"""What LiteLLM's metrics mean: one table of metrics, one of dimensions, nothing else.

Source of the names: LiteLLM 1.80 to 1.109, `litellm/types/integrations/prometheus.py`.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class Unit(StrEnum):
    """What one step of a metric is."""

    USD = "USD"
    TOKENS = "tokens"
    REQUESTS = "requests"
    EVENTS = "events"


class Dimension(StrEnum):
    """What usage can be split by. TOTAL has one member, whose id is the empty string."""

    TOTAL = "total"
    MODEL = "model"
    PUBLIC_MODEL = "public_model"
    PROVIDER = "provider"
    TEAM = "team"
    KEY = "key"
    USER = "user"
    ORGANIZATION = "organization"
    CUSTOMER = "customer"
    TAG = "tag"
    METADATA = "metadata"

    # An Enum hashes its name in Python code; members are looked up by the thousand.
    __hash__ = str.__hash__


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A friendly metric and the family of the proxy that carries it."""

    name: str
    sources: tuple[str, ...]
    """Names of the family, newest first; the first that is published counts, they are never summed."""
    unit: Unit
    only: tuple[str, frozenset[str]] | None = None
    """A label and the values that a series must have to count."""
    without: tuple[str, frozenset[str]] | None = None
    """A label and the values with which a series does not count."""

    def counts(self, label: Callable[[str], str | None]) -> bool:
        """Whether a series belongs to this metric; `label` returns the value of a label by its name."""
        if self.only and label(self.only[0]) not in self.only[1]:
            return False
        return not (self.without and label(self.without[0]) in self.without[1])


def _metric(name: str, unit: Unit, *sources: str) -> Metric:
    return Metric(name=name, sources=sources, unit=unit)


OWN_ROUTES = frozenset(
    {
        # LiteLLM counts each scrape of its own /metrics as a request: 1,440 a day at 60 s.
        *("/metrics", "/metrics/"),
        # And what is asked besides where it refuses that.
        *("/key/list", "/team/list", "/tag/list"),
        *(f"/{kind}/daily/activity" for kind in ("user", "team", "tag", "customer", "organization")),
    }
)
"""What is asked of LiteLLM by us, as the `route` of its metrics."""

COUNTERS: tuple[Metric, ...] = (
    Metric(
        name="requests",
        sources=("litellm_proxy_total_requests_metric_total",),
        unit=Unit.REQUESTS,
        without=("route", OWN_ROUTES),
    ),
    Metric(
        name="failed_requests",
        sources=("litellm_proxy_failed_requests_metric_total",),
        unit=Unit.REQUESTS,
        without=("route", OWN_ROUTES),
    ),
    _metric("tokens", Unit.TOKENS, "litellm_total_tokens_metric_total", "litellm_total_tokens_total"),
    _metric("input_tokens", Unit.TOKENS, "litellm_input_tokens_metric_total", "litellm_input_tokens_total"),
    _metric("output_tokens", Unit.TOKENS, "litellm_output_tokens_metric_total", "litellm_output_tokens_total"),
    _metric("reasoning_tokens", Unit.TOKENS, "litellm_output_reasoning_tokens_metric_total"),
    _metric("cost", Unit.USD, "litellm_spend_metric_total"),
    _metric("cache_hits", Unit.EVENTS, "litellm_cache_hits_metric_total"),
    _metric("cache_misses", Unit.EVENTS, "litellm_cache_misses_metric_total"),
    _metric("cached_tokens", Unit.TOKENS, "litellm_cached_tokens_metric_total"),
    _metric("input_cached_tokens", Unit.TOKENS, "litellm_input_cached_tokens_metric_total"),
    _metric("input_cache_creation_tokens", Unit.TOKENS, "litellm_input_cache_creation_tokens_metric_total"),
    _metric("deployment_requests", Unit.REQUESTS, "litellm_deployment_total_requests_total"),
    _metric("deployment_success", Unit.REQUESTS, "litellm_deployment_success_responses_total"),
    _metric("deployment_failures", Unit.REQUESTS, "litellm_deployment_failure_responses_total"),
    _metric("deployment_cooldowns", Unit.EVENTS, "litellm_deployment_cooled_down_total"),
    _metric("unpriced_requests", Unit.REQUESTS, "litellm_zero_cost_requests_total"),
    # 429 is what LiteLLM answers once a budget or a rate limit is used up.
    Metric(
        name="refused_requests",
        sources=("litellm_proxy_failed_requests_metric_total",),
        unit=Unit.REQUESTS,
        only=("exception_status", frozenset({"429"})),
    ),
)
"""Counters in the order of every usage vector; a new one goes to the end."""

GAUGES: tuple[Metric, ...] = (_metric("in_flight_requests", Unit.REQUESTS, "litellm_in_flight_requests"),)

GAUGE_NAMES = frozenset(metric.name for metric in GAUGES)

COUNTER_INDEX: Mapping[str, int] = {metric.name: index for index, metric in enumerate(COUNTERS)}

UPSTREAM = frozenset({Dimension.MODEL, Dimension.PUBLIC_MODEL, Dimension.PROVIDER})
"""What the proxy calls, which not every release, nor every family, tells; the others say who calls it."""

ABSENT = frozenset({"", "None"})
"""Label values with which LiteLLM says that there is none."""

COLLAPSED = "other"
"""What LiteLLM calls the rest where it collapses the names of models, or all labels of a series past its cap."""

_UNPROVEN = frozenset(
    {
        "litellm_proxy_failed_requests_metric_total",
        "litellm_deployment_failure_responses_total",
        # Those that failed are among them, and behind a wildcard the client names the deployment, too.
        "litellm_deployment_total_requests_total",
        "litellm_deployment_cooled_down_total",
    }
)
_STATUS = "status_code"


def proves_use(family: str, label: Callable[[str], str | None]) -> bool:
    """Whether a series shows that those whom its labels name were used.

    What a refused or failed request names is whatever the client wrote.
    """
    if family in _UNPROVEN:
        return False
    if family != "litellm_proxy_total_requests_metric_total":
        return True
    return (label(_STATUS) or "").startswith("2")


@dataclass(frozen=True, slots=True, kw_only=True)
class DimensionRow:
    """Where a dimension's members are found in a series' labels."""

    dimension: Dimension
    labels: tuple[str, ...]
    """Labels that hold the member's id; the first that is there and not absent."""
    names: tuple[str, ...] = ()
    """Labels that hold its display name; aliases are names, never identities."""

    def member(self, ids: Iterable[str | None], names: Iterable[str | None]) -> tuple[str, str] | None:
        """Return id and name of the member that the values of `labels` and `names` stand for, if any."""
        key = _first(ids)
        return (key, _first(names) or key) if key else None


DIMENSIONS: tuple[DimensionRow, ...] = (
    DimensionRow(dimension=Dimension.MODEL, labels=("model",)),
    DimensionRow(dimension=Dimension.PUBLIC_MODEL, labels=("requested_model",)),
    DimensionRow(dimension=Dimension.PROVIDER, labels=("api_provider",)),
    DimensionRow(dimension=Dimension.TEAM, labels=("team",), names=("team_alias",)),
    DimensionRow(dimension=Dimension.KEY, labels=("hashed_api_key",), names=("api_key_alias",)),
    DimensionRow(dimension=Dimension.USER, labels=("user",), names=("user_alias", "user_email")),
    DimensionRow(dimension=Dimension.ORGANIZATION, labels=("org_id",), names=("org_alias",)),
    DimensionRow(dimension=Dimension.CUSTOMER, labels=("end_user",)),
)
"""Dimensions with one member a series; tags and metadata, which may have many, are read by prefix."""

PREFIXES: tuple[tuple[Dimension, str], ...] = (
    (Dimension.TAG, "tag_"),
    (Dimension.METADATA, "metadata_"),
)


_LITELLM_LABELS = frozenset(
    {
        *(label for row in DIMENSIONS for label in (*row.labels, *row.names)),
        *("api_base", "client_ip", "exception_class", "exception_status", "fallback_model", "litellm_model_name"),
        *("model_group", "model_id", "route", "service_tier", "status_code", "stream", "user_agent"),
    }
)
"""Those that LiteLLM gives its series, besides tags and metadata."""


def is_litellm_label(name: str) -> bool:
    """Whether a label is one of LiteLLM's own, and not one that whoever scrapes for others adds to all series."""
    return name in _LITELLM_LABELS or name.startswith(tuple(prefix for _, prefix in PREFIXES))


def counters(overrides: Mapping[str, str]) -> tuple[Metric, ...]:
    """Return the counters, those in `overrides` (friendly name to family) read from that family.

    Raises KeyError for a friendly name that is not in the catalog.
    """
    for name in overrides:
        if name not in GAUGE_NAMES:
            COUNTER_INDEX[name]
    return _mapped(COUNTERS, overrides)


def gauges(overrides: Mapping[str, str]) -> tuple[Metric, ...]:
    """Return the gauges, those in `overrides` (friendly name to family) read from that family."""
    return _mapped(GAUGES, overrides)


def _mapped(metrics: tuple[Metric, ...], overrides: Mapping[str, str]) -> tuple[Metric, ...]:
    """Return metrics that are read from the families in `overrides` where these name them."""
    return tuple(
        replace(metric, sources=(overrides[metric.name],)) if metric.name in overrides else metric for metric in metrics
    )


def metrics_of(metrics: tuple[Metric, ...], family: str) -> tuple[tuple[int, Metric], ...]:
    """Return the counters that a family carries, with their indices."""
    return tuple((index, metric) for index, metric in enumerate(metrics) if family in metric.sources)


def counted(carried: Iterable[tuple[int, Metric]], label: Callable[[str], str | None]) -> tuple[int, ...]:
    """Return the indices of the counters of its family that a series belongs to; see `Metric.counts`."""
    return tuple([index for index, metric in carried if metric.counts(label)])


def labelled_member(label: str, value: str) -> tuple[Dimension, str] | None:
    """Return the tag or the piece of metadata that one label stands for, if it does.

    A tag label is a boolean and may overlap with others; a piece of metadata is `key=value`.
    """
    for dimension, prefix in PREFIXES:
        if label.startswith(prefix) and value not in ABSENT:
            key = label.removeprefix(prefix)
            if dimension is Dimension.METADATA:
                return dimension, f"{key}={value}"
            return (dimension, key) if value == "true" else None
    return None


def tag_label(tag: str) -> str:
    """Return a tag as /metrics has it: what a label's name may not hold is an underscore there."""
    return re.sub(r"[^A-Za-z0-9_]", "_", tag)


def _first(values: Iterable[str | None]) -> str:
    """Return the first value that is there and not absent, or the empty string."""
    return next((value for value in values if value is not None and value not in ABSENT), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRow:
    """The gauges that tell the budget of a dimension's members; provider budgets have no maximum."""

    dimension: Dimension
    remaining: str
    maximum: str | None = None
    hours: str | None = None
    """Hours until the budget is reset, as of the last request that it was checked for."""


def _budget(dimension: Dimension, name: str) -> BudgetRow:
    return BudgetRow(
        dimension=dimension,
        remaining=f"litellm_remaining_{name}_budget_metric",
        maximum=f"litellm_{name}_max_budget_metric",
        hours=f"litellm_{name}_budget_remaining_hours_metric",
    )


BUDGETS: tuple[BudgetRow, ...] = (
    _budget(Dimension.TEAM, "team"),
    _budget(Dimension.KEY, "api_key"),
    _budget(Dimension.USER, "user"),
    _budget(Dimension.ORGANIZATION, "org"),
    _budget(Dimension.CUSTOMER, "customer"),
    BudgetRow(dimension=Dimension.PROVIDER, remaining="litellm_provider_remaining_budget_metric"),
)

DEPLOYMENT_STATE = "litellm_deployment_state"
"""0 healthy, 1 partial outage, 2 complete outage; one sample per deployment."""

LOGGING_FAILURES = "litellm_callback_logging_failures_metric_total"
"""What LiteLLM itself failed to report, by `callback_name`."""

WORKERS = "litellm_total_users"
"""A gauge that several workers always publish, with the `pid` of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyRow:
    """A figure of the last hour, per model and deployment: an amount per request, or the requests themselves."""

    requests: str
    amount: str | None = None
    scale: float = 1.0
    """What the amount per request is told in."""
    model: str = "model"
    """The label that names the upstream model."""


def _latency(histogram: str) -> HourlyRow:
    """Return a row that is the mean of a histogram; its buckets are never read."""
    return HourlyRow(requests=f"{histogram}_count", amount=f"{histogram}_sum")


_SENT = "litellm_deployment_total_requests_total"
_DEPLOYED_MODEL = "litellm_model_name"

HOURLY: Mapping[str, HourlyRow] = {
    "response_time": _latency("litellm_request_total_latency_metric"),
    "time_to_first_token": _latency("litellm_llm_api_time_to_first_token_metric"),
    "hourly_requests": HourlyRow(requests=_SENT, model=_DEPLOYED_MODEL),
    "error_rate": HourlyRow(
        requests=_SENT, amount="litellm_deployment_failure_responses_total", scale=100.0, model=_DEPLOYED_MODEL
    ),
}

RATE_LIMITS: Mapping[str, Mapping[Dimension, tuple[str, ...]]] = {
    "remaining_requests": {
        Dimension.KEY: ("litellm_remaining_api_key_requests_for_model",),
        Dimension.MODEL: ("litellm_remaining_requests_metric", "litellm_remaining_requests"),
    },
    "remaining_tokens": {
        Dimension.KEY: ("litellm_remaining_api_key_tokens_for_model",),
        Dimension.MODEL: ("litellm_remaining_tokens_metric", "litellm_remaining_tokens"),
    },
}
"""Figure -> whose limits per minute it tells -> the gauge, newest name first."""


def performance_gauges(figures: Collection[str]) -> tuple[Metric, ...]:
    """Return what figures of performance are read from, under the figures' names; none for none."""
    found: list[Metric] = []
    for name, row in HOURLY.items():
        if name in figures:
            found += [_metric(name, Unit.REQUESTS, *filter(None, (row.requests, row.amount)))]
    for name, families in RATE_LIMITS.items():
        if name in figures:
            unit = Unit.REQUESTS if name == "remaining_requests" else Unit.TOKENS
            found += [_metric(name, unit, *(one for names in families.values() for one in names))]
    return tuple(found)


LIVE_FAMILIES: frozenset[str] = frozenset(
    {source for metric in GAUGES for source in metric.sources}
    | {family for row in BUDGETS for family in (row.remaining, row.maximum, row.hours) if family}
    | {DEPLOYMENT_STATE, LOGGING_FAILURES, WORKERS}
)
"""What is read and shown as it stands, and nothing is added up from it."""
