"""What is wrong: limits and budgets that are used up, refusals, unusual spend, a proxy that is away."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, override

from homeassistant.components.binary_sensor import (  # type: ignore[attr-defined]  # implicit since 2026.9
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import LiteLLMPulseConfigEntry
from .core.catalog import Dimension
from .core.models import MemberKey, Window
from .data import PulseData
from .descriptions import EVERYWHERE
from .entity import ON_MEMBERS, ON_PROXY, PulseDescription, PulseEntity, async_add_described
from .features import LIMITS, Feature

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class PulseBinarySensorDescription(PulseDescription, BinarySensorEntityDescription):
    """A binary sensor, and whether it is on; None where that is unknown."""

    value_fn: Callable[[PulseData, MemberKey], bool | None]


def _problem(key: str, value_fn: Callable[[PulseData, MemberKey], bool | None]) -> PulseBinarySensorDescription:
    """Describe something that can be wrong with a member."""
    return PulseBinarySensorDescription(
        key=key,
        translation_key=key,
        dimensions=EVERYWHERE,
        device_class=BinarySensorDeviceClass.PROBLEM,
        value_fn=value_fn,
    )


def _limit(window: Window, feature: Feature) -> PulseBinarySensorDescription:
    """Describe whether the limit of a window is used up."""
    return replace(
        _problem(
            f"limit_reached_{window}",
            lambda data, member: (limit := data.limit(member, window)) is not None and limit.reached,
        ),
        feature=feature,
        metric="cost",
    )


def _used_up(data: PulseData, member: MemberKey) -> bool | None:
    """Return whether nothing is left of a budget."""
    budget = data.snapshot.budgets.get(member)
    return budget.used_up if budget else None


DESCRIPTIONS: Final = (
    PulseBinarySensorDescription(
        key="connected",
        translation_key="connected",
        dimensions=ON_PROXY,
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda data, _: data.connected,
    ),
    replace(
        _problem("unusual_spend", lambda data, _: data.unusual),
        dimensions=ON_PROXY,
        feature=Feature.UNUSUAL,
        metric="cost",
    ),
    *(_limit(window, feature) for window, feature in LIMITS.items()),
    replace(_problem("budget_used_up", _used_up), dimensions=ON_MEMBERS, feature=Feature.BUDGET),
    replace(
        _problem(
            "budget_refusing", lambda data, member: member in data.rate_limited or member in data.snapshot.blocked
        ),
        # Requests are refused before a provider is chosen.
        dimensions=ON_MEMBERS - {Dimension.PROVIDER},
        feature=Feature.BUDGET,
        metric="refused_requests",
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001
    entry: LiteLLMPulseConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the binary sensors."""
    await async_add_described(entry, async_add_entities, PulseBinarySensor, DESCRIPTIONS)


class PulseBinarySensor(PulseEntity, BinarySensorEntity):
    """One thing that is wrong, or not."""

    entity_description: PulseBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Whether it is."""
        return self.entity_description.value_fn(self.data, self.member)

    @override
    def shown(self) -> tuple[object, ...]:
        """Return all of it."""
        return self.available, self.is_on
