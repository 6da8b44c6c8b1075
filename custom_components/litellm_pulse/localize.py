"""Words in Home Assistant's language for what the server itself has to say: kinds of devices, what happened."""

from collections.abc import Mapping
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations

from .const import DOMAIN

_CENT: Final = 0.01


@callback
def localize(
    hass: HomeAssistant, key: str, placeholders: Mapping[str, object] | None = None, category: str = "common"
) -> str:
    """Return the text of a key, its placeholders filled in; the key itself where there is no text."""
    texts = async_get_cached_translations(hass, hass.config.language, category, DOMAIN)
    text = texts.get(f"component.{DOMAIN}.{category}.{key}")
    return text.format_map(placeholders or {}) if text else key


def dollars(amount: float) -> str:
    """Return an amount as people write it; one below a cent with as many decimals as it needs."""
    return f"${amount:,.2f}" if not amount or abs(amount) >= _CENT else f"${amount:.6f}".rstrip("0")
