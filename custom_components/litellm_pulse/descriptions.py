"""Every sensor there is, as data."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from homeassistant.components.sensor import SensorDeviceClass, SensorEntityDescription, SensorStateClass
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfTime

from .core.catalog import Dimension
from .core.models import Budget, Health, MemberKey, Window
from .data import PulseData
from .device_manager import Feature
from .entity import ON_MEMBERS, ON_MODELS, ON_PROXY, PulseDescription

type Value = float | datetime | str | None

USD: Final = "USD"
LIMITED: Final = (Window.DAY, Window.WEEK, Window.MONTH)
"""The windows whose spend can be limited."""

_DUST: Final = 9
"""Decimals: a token costs 1e-8 dollars and more, sums of floats err below 1e-10."""

_RATIOS: Final = (Window.DAY, Window.MONTH)
_SELDOM: Final = (Window.DAY, Window.LIFETIME)


@dataclass(frozen=True, kw_only=True)
class PulseSensorDescription(PulseDescription, SensorEntityDescription):
    """A sensor, and where its value stands."""

    value_fn: Callable[[PulseData, MemberKey], Value]
    window: Window | None = None
    """Whose start is the last reset."""


def _usage(measure: str, metric: str, window: Window, *, enabled: bool = False) -> PulseSensorDescription:
    """Describe the usage of one metric in one window."""
    return PulseSensorDescription(
        key=f"{measure}_{window}",
        translation_key=f"{measure}_{window}",
        dimensions=ON_MEMBERS,
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


def _counts(metric: str) -> tuple[PulseSensorDescription, ...]:
    """Describe the usage of one metric in every window."""
    return tuple(_usage(metric, metric, window) for window in Window)


def _spend(window: Window, *, enabled: bool = False) -> PulseSensorDescription:
    """Describe the spend in one window; a model's share of a day is often less than a cent."""
    return replace(
        _usage("spend", "cost", window, enabled=enabled),
        device_class=SensorDeviceClass.MONETARY,
        native_unit_of_measurement=USD,
        suggested_display_precision=4,
    )


def _share(key: str, window: Window, part: str, *whole: str) -> PulseSensorDescription:
    """Describe how many percent one figure is of others."""
    return PulseSensorDescription(
        key=f"{key}_{window}",
        translation_key=f"{key}_{window}",
        dimensions=ON_MEMBERS | ON_PROXY,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=1,
        entity_registry_enabled_default=False,
        metric=part,
        value_fn=lambda data, member: data.usage(member).share(window, part, whole),
    )


def _limit_used(window: Window) -> PulseSensorDescription:
    """Describe how much of a limit is used up; unknown without one."""
    return PulseSensorDescription(
        key=f"limit_used_{window}",
        translation_key=f"limit_used_{window}",
        dimensions=ON_MEMBERS,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=1,
        entity_registry_enabled_default=False,
        metric="cost",
        value_fn=lambda data, member: limit.used_percent if (limit := data.limit(member, window)) else None,
    )


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


def _on_proxy(description: PulseSensorDescription, *, enabled: bool = False) -> PulseSensorDescription:
    """Return the sensor of the proxy's own total."""
    spend = description.device_class is SensorDeviceClass.MONETARY
    precision = 2 if spend else description.suggested_display_precision
    return replace(
        description,
        dimensions=ON_PROXY,
        suggested_display_precision=precision,
        entity_registry_enabled_default=enabled,
    )


def _diagnostic(key: str, value_fn: Callable[[PulseData], Value], *, timestamp: bool = False) -> PulseSensorDescription:
    """Describe how the scraping itself goes."""
    return PulseSensorDescription(
        key=key,
        translation_key=key,
        dimensions=ON_PROXY,
        device_class=SensorDeviceClass.TIMESTAMP if timestamp else None,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda data, _: value_fn(data),
    )


_COMMON: Final = (
    *(_spend(window, enabled=window in {Window.DAY, Window.MONTH, Window.LIFETIME}) for window in Window),
    *(_usage("tokens", "tokens", window, enabled=window is Window.DAY) for window in Window),
    *_counts("input_tokens"),
    *_counts("output_tokens"),
    *_counts("reasoning_tokens"),
    *_counts("requests"),
    *_counts("failed_requests"),
    *_counts("cache_hits"),
    *_counts("cache_misses"),
    *_counts("cached_tokens"),
    *_counts("input_cached_tokens"),
    *_counts("input_cache_creation_tokens"),
)

_ENABLED_ON_PROXY: Final = {
    *("spend_day", "spend_week", "spend_month", "spend_lifetime"),
    *("tokens_day", "requests_day", "failed_requests_day"),
}

_PROXY: Final = (
    *(_on_proxy(one, enabled=one.key in _ENABLED_ON_PROXY) for one in _COMMON),
    *(_on_proxy(_usage("refused_requests", "refused_requests", window)) for window in _SELDOM),
    *(
        replace(
            _on_proxy(_usage("unpriced_requests", "unpriced_requests", window)),
            entity_category=EntityCategory.DIAGNOSTIC,
        )
        for window in _SELDOM
    ),
    *(_on_proxy(_limit_used(window), enabled=True) for window in LIMITED),
    PulseSensorDescription(
        key="spend_forecast",
        translation_key="spend_forecast",
        dimensions=ON_PROXY,
        device_class=SensorDeviceClass.MONETARY,
        native_unit_of_measurement=USD,
        suggested_display_precision=2,
        metric="cost",
        value_fn=lambda data, _: data.snapshot.insight.forecast,
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

_MEMBER: Final = (
    *_COMMON,
    *(_usage("refused_requests", "refused_requests", window) for window in _SELDOM),
    *(_limit_used(window) for window in LIMITED),
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

_SHARES: Final = (
    *(_share("cache_hit_ratio", window, "cache_hits", "cache_hits", "cache_misses") for window in _RATIOS),
    *(_share("input_cached_share", window, "input_cached_tokens", "input_tokens") for window in _RATIOS),
)

_MODEL: Final = (
    *(
        replace(_usage(metric, metric, window), dimensions=ON_MODELS, entity_category=EntityCategory.DIAGNOSTIC)
        for metric in ("deployment_failures", "deployment_cooldowns")
        for window in _SELDOM
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

DESCRIPTIONS: Final = (*_PROXY, *_MEMBER, *_SHARES, *_MODEL)
