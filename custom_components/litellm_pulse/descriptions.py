"""Every sensor there is, as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from homeassistant.components.sensor import SensorDeviceClass, SensorEntityDescription, SensorStateClass
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfTime

from .const import CONF_CURRENCY, MEMBER_FIGURES, USD, USD_PER_HOUR
from .core.catalog import COUNTER_INDEX, RATE_LIMITS, Dimension
from .core.models import Budget, Health, Insight, MemberKey, Window
from .data import PulseData
from .entity import HISTORY, ON_MEMBERS, ON_MODELS, ON_PROXY, PulseDescription
from .error_messages import FAILURES
from .features import LIMITS, Feature
from .history_status import HistoryState

type Value = float | datetime | str | None
type Attribute = Value | Mapping[str, float]

OK: Final = "ok"
PARTS: Final = "parts"
"""Attribute of a figure of performance: what it is by deployment, or by model."""

EVERYWHERE: Final = ON_PROXY | ON_MEMBERS
"""The proxy and all members."""

_DUST: Final = 9
"""Decimals: a token costs 1e-8 dollars and more, sums of floats err below 1e-10."""

_TODAY_ON_PROXY: Final = {"requests": True, "failed_requests": True, "input_tokens": False, "output_tokens": False}
"""Figures of today that the proxy has whatever the options say, and whether they are enabled at first."""

_WINDOWS: Final = (Window.DAY, Window.MONTH, Window.LIFETIME)
"""The windows of every figure; other spans are in the statistics."""


@dataclass(frozen=True, kw_only=True)
class PulseSensorDescription(PulseDescription, SensorEntityDescription):
    """A sensor, and where its value stands."""

    value_fn: Callable[[PulseData, MemberKey], Value]
    window: Window | None = None
    """Whose start is the last reset."""
    attributes_fn: Callable[[PulseData, MemberKey], Mapping[str, Attribute]] | None = None


def _usage(measure: str, metric: str, window: Window, *, enabled: bool = False) -> PulseSensorDescription:
    """Describe the usage of one metric in one window."""
    return PulseSensorDescription(
        key=f"{measure}_{window}",
        translation_key=f"{measure}_{window}",
        dimensions=EVERYWHERE,
        state_class=SensorStateClass.TOTAL,
        suggested_display_precision=0,
        entity_registry_enabled_default=enabled,
        metric=metric,
        window=window,
        value_fn=lambda data, member: _rounded(data.figure(member, window, metric)),
    )


def _rounded(figure: float | None) -> float | None:
    """Return a figure without what sums of floats err by."""
    return None if figure is None else round(figure, _DUST)


def _money(description: PulseSensorDescription) -> PulseSensorDescription:
    """Describe it as US dollars; how many decimals are shown follows the amount."""
    return replace(
        description,
        device_class=SensorDeviceClass.MONETARY,
        native_unit_of_measurement=USD,
        suggested_display_precision=2,
    )


def _converted(description: PulseSensorDescription) -> PulseSensorDescription:
    """Describe it in the currency of the options; without statistics, for a sum at changing rates is no sum."""
    in_dollars = description.value_fn

    def value_fn(data: PulseData, member: MemberKey) -> Value:
        dollars = in_dollars(data, member)
        return dollars * data.exchange_rate if isinstance(dollars, float) and data.exchange_rate else None

    return replace(
        description,
        key=f"{description.key}_converted",
        translation_key=f"{description.translation_key}_converted",
        figure=CONF_CURRENCY,
        state_class=None,
        window=None,
        native_unit_of_measurement=None,
        value_fn=value_fn,
    )


def _spend(window: Window) -> PulseSensorDescription:
    """Describe the spend in one window."""
    return _money(_usage("spend", "cost", window, enabled=True))


def _since_records(data: PulseData, member: MemberKey) -> Mapping[str, Value]:
    """Return a member's spend since the beginning of LiteLLM's records, where they were read."""
    vector = data.snapshot.before.get(member)
    if vector is None:
        return {}
    before = vector[COUNTER_INDEX["cost"]]
    since = data.figure(member, Window.LIFETIME, "cost")
    return {"before_installation": _rounded(before), "since_records": _rounded(before + (since or 0.0))}


def _history(data: PulseData) -> Mapping[str, Value]:
    """Return how far the import of history has come."""
    history = data.history
    return {
        "source": history.source,
        "oldest_day": history.oldest,
        "rows": history.rows,
        "percent": history.percent,
        "error": history.error,
        **({"restored_at": history.restored_at} if history.restored_at else {}),
    }


def _figure(metric: str) -> tuple[PulseSensorDescription, ...]:
    """Describe a figure that is there where the options say so."""
    today, *others = (replace(_usage(metric, metric, window), figure=metric) for window in _WINDOWS)
    today = replace(today, dimensions=ON_MEMBERS if metric in _TODAY_ON_PROXY else EVERYWHERE)
    return replace(today, entity_registry_enabled_default=True), *others


def _percentage(
    key: str, value_fn: Callable[[PulseData, MemberKey], float | None], *, enabled: bool = True
) -> PulseSensorDescription:
    """Describe how many percent something is."""
    return PulseSensorDescription(
        key=key,
        translation_key=key,
        dimensions=EVERYWHERE,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=1,
        entity_registry_enabled_default=enabled,
        value_fn=value_fn,
    )


def _share(key: str, part: str, *whole: str) -> PulseSensorDescription:
    """Describe how many percent one figure of today is of others."""
    described = _percentage(
        f"{key}_day", lambda data, member: data.usage(member).share(Window.DAY, part, whole), enabled=False
    )
    return replace(described, dimensions=ON_PROXY, metric=part)


def _performance(figure: str, dimensions: frozenset[Dimension]) -> PulseSensorDescription:
    """Describe how fast a member is, or how close to its limit; there where the options say so."""
    return PulseSensorDescription(
        key=figure,
        translation_key=figure,
        dimensions=dimensions,
        figure=figure,
        metric=figure,
        live=True,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=lambda data, member: found.value if (found := data.performance(member, figure)) else None,
        attributes_fn=lambda data, member: (
            {PARTS: found.parts} if (found := data.performance(member, figure)) and found.parts else {}
        ),
    )


def _latency(figure: str) -> PulseSensorDescription:
    """Describe the mean of the seconds that requests of the last hour took."""
    return replace(
        _performance(figure, ON_MODELS),
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_display_precision=2,
    )


def _limit_used(window: Window, feature: Feature) -> PulseSensorDescription:
    """Describe how much of a limit is used up."""
    described = _percentage(
        f"limit_used_{window}",
        lambda data, member: limit.used_percent if (limit := data.limit(member, window)) else None,
    )
    return replace(described, feature=feature, metric="cost")


def _budget(key: str, value_fn: Callable[[Budget], Value], *, enabled: bool = False) -> PulseSensorDescription:
    """Describe a figure of a budget that LiteLLM enforces, in dollars."""
    return PulseSensorDescription(
        key=f"budget_{key}",
        translation_key=f"budget_{key}",
        dimensions=ON_MEMBERS - {Dimension.PROVIDER},
        feature=Feature.BUDGET,
        device_class=SensorDeviceClass.MONETARY,
        native_unit_of_measurement=USD,
        suggested_display_precision=2,
        entity_registry_enabled_default=enabled,
        value_fn=lambda data, member: value_fn(budget) if (budget := data.snapshot.budgets.get(member)) else None,
    )


def _insight(key: str, feature: Feature, value_fn: Callable[[Insight], Value]) -> PulseSensorDescription:
    """Describe what the past makes of the present."""
    return PulseSensorDescription(
        key=key,
        translation_key=key,
        dimensions=ON_PROXY,
        feature=feature,
        metric="cost",
        value_fn=lambda data, _: value_fn(data.snapshot.insight),
    )


def _collecting(key: str, feature: Feature, value_fn: Callable[[Insight], datetime | None]) -> PulseSensorDescription:
    """Describe until when history is collected, in place of what there is after that."""
    return replace(
        _insight(key, feature, value_fn),
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        metric=None,
    )


def _diagnostic(
    key: str, value_fn: Callable[[PulseData], Value], *, timestamp: bool = False, enabled: bool = False
) -> PulseSensorDescription:
    """Describe how the scraping itself goes."""
    return PulseSensorDescription(
        key=key,
        translation_key=key,
        dimensions=ON_PROXY,
        device_class=SensorDeviceClass.TIMESTAMP if timestamp else None,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=enabled,
        value_fn=lambda data, _: value_fn(data),
    )


def _status(data: PulseData) -> str | None:
    """Return why the proxy is not read now; None where nobody knows why."""
    if data.connected:
        return OK
    return data.failure if data.failure in FAILURES else None


_EVERYWHERE: Final = (
    *map(_spend, _WINDOWS[:-1]),
    replace(_spend(Window.LIFETIME), attributes_fn=_since_records),
    *(_usage("tokens", "tokens", window, enabled=window is Window.DAY) for window in _WINDOWS),
    *(_limit_used(window, feature) for window, feature in LIMITS.items()),
    *(described for figure in MEMBER_FIGURES for described in _figure(figure)),
)

_PROXY: Final = (
    replace(_spend(Window.WEEK), dimensions=ON_PROXY),
    _money(_insight("spend_yesterday", Feature.YESTERDAY, lambda insight: insight.yesterday)),
    _money(_insight("spend_last_month", Feature.LAST_MONTH, lambda insight: insight.last_month)),
    _money(_insight("spend_forecast", Feature.FORECAST, lambda insight: insight.forecast)),
    _collecting("forecast_from", Feature.FORECAST_LATER, lambda insight: insight.forecast_from),
    _collecting("unusual_from", Feature.UNUSUAL_LATER, lambda insight: insight.unusual_from),
    replace(
        _insight("spend_rate", Feature.USAGE, lambda insight: insight.rate),
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=USD_PER_HOUR,
        suggested_display_precision=2,
        live=True,
    ),
    *(
        replace(_usage(metric, metric, Window.DAY, enabled=enabled), dimensions=ON_PROXY)
        for metric, enabled in _TODAY_ON_PROXY.items()
    ),
    _share("cache_hit_ratio", "cache_hits", "cache_hits", "cache_misses"),
    _share("input_cached_share", "input_cached_tokens", "input_tokens"),
    replace(
        _usage("unpriced_requests", "unpriced_requests", Window.DAY),
        dimensions=ON_PROXY,
        entity_category=EntityCategory.DIAGNOSTIC,
    ),
    PulseSensorDescription(
        key="in_flight_requests",
        translation_key="in_flight_requests",
        dimensions=ON_PROXY,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        entity_registry_enabled_default=False,
        metric="in_flight_requests",
        live=True,
        value_fn=lambda data, _: data.snapshot.gauges.get("in_flight_requests"),
    ),
    replace(
        _diagnostic("status", _status, enabled=True),
        device_class=SensorDeviceClass.ENUM,
        options=[OK, *FAILURES],
        attributes_fn=lambda data, _: {} if data.connected else {"since": data.snapshot.last_scrape},
    ),
    replace(
        _diagnostic("history_import", lambda data: data.history.state, enabled=True),
        device_class=SensorDeviceClass.ENUM,
        options=list(HistoryState),
        attributes_fn=lambda data, _: _history(data),
        figure=HISTORY,
    ),
    _diagnostic("last_scrape", lambda data: data.snapshot.last_scrape, timestamp=True),
    _diagnostic("last_restart", lambda data: data.snapshot.process_start, timestamp=True),
    _diagnostic("ambiguous_answers", lambda data: data.snapshot.ambiguous_answers),
    replace(
        _diagnostic("scrape_duration", lambda data: data.scrape_duration),
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_display_precision=3,
        live=True,
    ),
)

_BUDGETS: Final = (
    _budget("maximum", lambda budget: budget.maximum),
    replace(_budget("remaining", lambda budget: budget.remaining, enabled=True), dimensions=ON_MEMBERS),
    replace(
        _budget("used", lambda budget: budget.used_percent, enabled=True),
        device_class=None,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=1,
    ),
    replace(
        _budget("resets_at", lambda budget: budget.resets_at),
        device_class=SensorDeviceClass.TIMESTAMP,
        native_unit_of_measurement=None,
        suggested_display_precision=None,
    ),
)

_MODEL: Final = (
    *(
        replace(_usage(metric, metric, Window.DAY), dimensions=ON_MODELS, entity_category=EntityCategory.DIAGNOSTIC)
        for metric in ("deployment_failures", "deployment_cooldowns")
    ),
    *map(_latency, ("response_time", "time_to_first_token")),
    _performance("hourly_requests", ON_MODELS),
    replace(
        _performance("error_rate", ON_MODELS), native_unit_of_measurement=PERCENTAGE, suggested_display_precision=1
    ),
    *(_performance(figure, ON_MODELS | {Dimension.KEY}) for figure in RATE_LIMITS),
    replace(
        _share("error_rate", "deployment_failures", "deployment_requests"),
        dimensions=ON_MODELS,
        figure="error_rate",
        entity_registry_enabled_default=True,
    ),
    PulseSensorDescription(
        key="deployment_health",
        translation_key="deployment_health",
        dimensions=ON_MODELS,
        feature=Feature.HEALTH,
        device_class=SensorDeviceClass.ENUM,
        options=list(Health),
        entity_category=EntityCategory.DIAGNOSTIC,
        live=True,
        value_fn=lambda data, member: data.snapshot.health.get(member[1]),
    ),
)

_IN_DOLLARS: Final = tuple(
    one
    for one in (*_EVERYWHERE, *_PROXY, *_BUDGETS)
    if one.native_unit_of_measurement == USD and one.entity_registry_enabled_default
)
"""What is there in another currency, too."""

DESCRIPTIONS: Final = (*_EVERYWHERE, *_PROXY, *_BUDGETS, *_MODEL, *map(_converted, _IN_DOLLARS))
