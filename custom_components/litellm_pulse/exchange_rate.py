"""What a dollar is worth in the currency that the user wants to see; the ledger counts in dollars."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback

from .const import CONF_CURRENCY, CONF_EXCHANGE_RATE, CONF_EXCHANGE_RATE_ENTITY

_HIGHEST: Final = 1e9
"""As in the form; with a rate that an entity holds by mistake, an amount would be without end, and no state."""


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
    rates = rate, options.get(CONF_EXCHANGE_RATE) or 0.0
    return next((one for one in rates if 0 < one <= _HIGHEST), None)
