"""What a dollar is worth in the currency that the user wants to see; the ledger counts in dollars."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from homeassistant.core import HomeAssistant, callback

from .const import CONF_CURRENCY, CONF_EXCHANGE_RATE, CONF_EXCHANGE_RATE_ENTITY


@callback
def async_exchange_rate(hass: HomeAssistant, options: Mapping[str, Any]) -> float | None:
    """Return it: what the chosen entity says, while it says nothing the fixed rate; None where there is none."""
    if not options.get(CONF_CURRENCY):
        return None
    state = hass.states.get(options.get(CONF_EXCHANGE_RATE_ENTITY) or "")
    try:
        rate = float(state.state) if state else 0.0
    except ValueError:
        rate = 0.0
    return rate if isfinite(rate) and rate > 0 else options.get(CONF_EXCHANGE_RATE)
