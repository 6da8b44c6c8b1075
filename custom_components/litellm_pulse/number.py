"""Limits for the spend of a day, a week and a month: set here, enforced by nobody, watched by all."""

import math
from dataclasses import dataclass, replace
from typing import Final, override

from homeassistant.components.number import DOMAIN as NUMBER_DOMAIN
from homeassistant.components.number import NumberDeviceClass, NumberEntity, NumberEntityDescription, NumberMode
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import USD
from .coordinator import LiteLLMPulseConfigEntry
from .core.models import Window
from .entity import ON_MEMBERS, ON_PROXY, PulseDescription, PulseEntity, async_add_described
from .features import LIMITS
from .localize import localize

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class PulseNumberDescription(PulseDescription, NumberEntityDescription):
    """A limit, and the window whose spend it limits."""

    window: Window


_LARGEST: Final = 1e21
"""No limit is too large. A browser makes the field as wide as the digits of this, and Home Assistant lays it over the
end of its label; of a number that JavaScript writes with an exponent, of which this is the smallest, one digit counts.
"""
_LARGEST_OF_EIGHT: Final = 9.99e21
"""Its two digits more have the field show eight characters whole; beside the words for no limit there is no place."""
_CENT: Final = 0.01


def _limit(window: Window) -> PulseNumberDescription:
    """Describe the limit of a window; 0 is none."""
    return PulseNumberDescription(
        key=f"limit_{window}",
        translation_key=f"limit_{window}",
        dimensions=ON_PROXY,
        device_class=NumberDeviceClass.MONETARY,
        entity_category=EntityCategory.CONFIG,
        mode=NumberMode.BOX,
        native_min_value=0,
        native_step=_CENT,
        native_unit_of_measurement=USD,
        window=window,
    )


_PROXY: Final = tuple(_limit(window) for window in LIMITS)
DESCRIPTIONS: Final = (
    *_PROXY,
    *(replace(one, dimensions=ON_MEMBERS, entity_registry_enabled_default=False) for one in _PROXY),
)


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001
    entry: LiteLLMPulseConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the numbers."""
    await async_add_described(entry, async_add_entities, PulseNumber, DESCRIPTIONS)


class PulseNumber(PulseEntity, NumberEntity):
    """One limit."""

    entity_description: PulseNumberDescription

    @property
    @override
    def native_value(self) -> float:
        """The limit, 0 where there is none; whole dollars without a decimal, for which the field has no place."""
        limit = self.data.limits.get(self.member, {}).get(self.entity_description.window, 0.0)
        return int(limit) if limit.is_integer() else limit

    @property
    @override
    def native_max_value(self) -> float:
        """More than anybody can spend."""
        return _LARGEST_OF_EIGHT if self.native_value else _LARGEST

    @property
    @override
    def native_unit_of_measurement(self) -> str:
        """US dollars; at 0 the words that it is no limit, as a number's page has no other place for them."""
        return USD if self.native_value else localize(self.hass, "no_limit")

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Limit the spend; raises ServiceValidationError for what is no number, which is within every range."""
        if math.isnan(value):
            raise ServiceValidationError(
                translation_domain=NUMBER_DOMAIN,
                translation_key="out_of_range",
                translation_placeholders={
                    "value": str(value),
                    "entity_id": self.entity_id,
                    "min_value": str(self.min_value),
                    "max_value": str(self.max_value),
                },
            )
        runtime = self.coordinator.config_entry.runtime_data
        await runtime.user_settings.async_set_limit(self.member, self.entity_description.window, value)
        await self.coordinator.async_rebuild()

    @override
    def shown(self) -> tuple[object, ...]:
        """Return all of it."""
        return (self.native_value,)
