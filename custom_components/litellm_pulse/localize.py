"""Words in Home Assistant's language for what the server itself has to say: kinds of devices, what happened."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations

from .const import DOMAIN

WHOLE_FROM: Final = 100_000
"""Dollars from which on cents tell nothing, and leave the name beside them no place."""
_CENT: Final = 0.01
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"
_NARROW: Final = "\N{NARROW NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class _Numbers:
    """How a language writes numbers, after CLDR, as Home Assistant shows amounts in it."""

    group: str
    point: str
    dollars: str
    grouped_from: int = 1_000
    """Smaller numbers are written without the separator of groups."""


_LONGEST_CODE: Final = 100
"""Characters of a name."""
_ENGLISH: Final = _Numbers(",", ".", "${}")
_NUMBERS: Final = {
    "de": _Numbers(".", ",", f"{{}}{_NO_BREAK}$"),
    "es": _Numbers(".", ",", f"{{}}{_NO_BREAK}US$", grouped_from=10_000),
    "fr": _Numbers(_NARROW, ",", f"{{}}{_NO_BREAK}$US"),
    "nl": _Numbers(".", ",", f"US${_NO_BREAK}{{}}"),
}


@callback
def localize(
    hass: HomeAssistant, key: str, placeholders: Mapping[str, object] | None = None, category: str = "common"
) -> str:
    """Return the text of a key, its placeholders filled in; the key itself where there is no text."""
    texts = async_get_cached_translations(hass, hass.config.language, category, DOMAIN)
    text = texts.get(f"component.{DOMAIN}.{category}.{key}")
    return text.format_map(placeholders or {}) if text else key


def dollars(hass: HomeAssistant, amount: float) -> str:
    """Return an amount as people write it; one below a cent with as many decimals as it needs, a large one without."""
    numbers = _numbers(hass)
    group = "," if abs(amount) >= numbers.grouped_from else ""
    decimals = 0 if abs(amount) >= WHOLE_FROM else 2
    large = abs(amount) >= _CENT
    written = f"{amount:{group}.{decimals}f}" if large else f"{amount:.6f}".rstrip("0").ljust(len("0.00"), "0")
    return numbers.dollars.format(_rewrite(hass, written))


def code(name: str) -> str:
    """Return a name as Markdown shows it as it is: one line of code, short enough to be read."""
    text = " ".join(name.split()).replace("`", "'")
    return f"`{text}`" if len(text) <= _LONGEST_CODE else f"`{text[:_LONGEST_CODE]}\N{HORIZONTAL ELLIPSIS}`"


def number(hass: HomeAssistant, value: float) -> str:
    """Return a number as people write it, with three digits that count."""
    return _rewrite(hass, f"{value:.3g}")


def _rewrite(hass: HomeAssistant, written: str) -> str:
    """Return a number that is written as in English as the server's language writes it."""
    numbers = _numbers(hass)
    return written.translate({ord(","): numbers.group, ord("."): numbers.point})


def _numbers(hass: HomeAssistant) -> _Numbers:
    """Return how the server's language writes numbers."""
    return _NUMBERS.get(hass.config.language, _ENGLISH)
