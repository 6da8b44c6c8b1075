"""What was spent and used, per window, of the proxy and of each model."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import LiteLLMPulseConfigEntry
from .core.catalog import Dimension
from .core.models import Member, MemberKey, Snapshot, Window
from .entity import PulseEntity

PARALLEL_UPDATES = 0

type Value = float | datetime | None

_DUST: Final = 9
"""Decimals: a token costs 1e-8 dollars and more, sums of floats err below 1e-10."""


@dataclass(frozen=True, kw_only=True)
class PulseSensorDescription(SensorEntityDescription):
    """A sensor, and what its value rests on."""

    value_fn: Callable[[Snapshot, MemberKey], Value]
    metric: str | None = None
    """Friendly name: unavailable while the proxy does not publish it."""
    window: Window | None = None
    """Whose start is the last reset."""
    live: bool = False
    """True of the moment of the scrape only: unavailable when the last scrape failed.

    All else is the ledger's, and stays true while the proxy is down.
    """


def _usage(measure: str, metric: str, window: Window, *, enabled: bool = False) -> PulseSensorDescription:
    """Describe the usage of one metric in one window."""
    return PulseSensorDescription(
        key=f"{measure}_{window}",
        translation_key=f"{measure}_{window}",
        state_class=SensorStateClass.TOTAL,
        suggested_display_precision=0,
        entity_registry_enabled_default=enabled,
        metric=metric,
        window=window,
        value_fn=lambda snapshot, member: round(snapshot.value(member, window, metric), _DUST),
    )


def _spend(window: Window, *, enabled: bool = False, precision: int = 2) -> PulseSensorDescription:
    """Describe the spend in one window."""
    return replace(
        _usage("spend", "cost", window, enabled=enabled),
        device_class=SensorDeviceClass.MONETARY,
        native_unit_of_measurement="USD",
        suggested_display_precision=precision,
    )


_PROXY: Final = (
    _spend(Window.DAY, enabled=True),
    _spend(Window.WEEK, enabled=True),
    _spend(Window.MONTH, enabled=True),
    _spend(Window.YEAR),
    _spend(Window.LIFETIME, enabled=True),
    *(_usage("tokens", "tokens", window, enabled=window is Window.DAY) for window in Window),
    *(_usage("requests", "requests", window, enabled=window is Window.DAY) for window in Window),
    *(_usage("failed_requests", "failed_requests", window, enabled=window is Window.DAY) for window in Window),
    PulseSensorDescription(
        key="in_flight_requests",
        translation_key="in_flight_requests",
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        entity_registry_enabled_default=False,
        metric="in_flight_requests",
        live=True,
        value_fn=lambda snapshot, _: snapshot.gauges.get("in_flight_requests"),
    ),
    PulseSensorDescription(
        key="last_scrape",
        translation_key="last_scrape",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda snapshot, _: snapshot.last_scrape,
    ),
)

# A model's share of a day is often less than a cent.
_MEMBER: Final = (
    _spend(Window.DAY, enabled=True, precision=4),
    _spend(Window.WEEK, precision=4),
    _spend(Window.MONTH, enabled=True, precision=4),
    _spend(Window.YEAR, precision=4),
    _spend(Window.LIFETIME, enabled=True, precision=4),
    *(_usage("tokens", "tokens", window, enabled=window is Window.DAY) for window in Window),
)

DESCRIPTIONS: Final = {Dimension.TOTAL: _PROXY, Dimension.MODEL: _MEMBER}


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001
    entry: LiteLLMPulseConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of the proxy and its members, and of those that come later."""
    scrapes = entry.runtime_data.scrapes

    @callback
    def welcome(members: Collection[Member]) -> None:
        async_add_entities(
            [
                PulseSensor(scrapes, member, description)
                for member in members
                for description in DESCRIPTIONS[member.dimension]
            ],
        )

    entry.async_on_unload(scrapes.roster.attach(welcome))


class PulseSensor(PulseEntity, SensorEntity):
    """One figure of the proxy or of one member."""

    entity_description: PulseSensorDescription

    @property
    @override
    def available(self) -> bool:
        """Whether the figure is known."""
        description = self.entity_description
        published = description.metric is None or description.metric in self.snapshot.published
        return published and (self.scrapes.last_update_success or not description.live)

    @property
    @override
    def native_value(self) -> Value:
        """The figure."""
        return self.entity_description.value_fn(self.snapshot, self.member)

    @property
    @override
    def last_reset(self) -> datetime | None:
        """When the figure was last 0; never, for what counts on."""
        window = self.entity_description.window
        return self.snapshot.window_starts.get(window) if window else None

    @override
    def shown(self) -> tuple[object, ...]:
        """Return all of it."""
        return self.available, self.native_value, self.last_reset
