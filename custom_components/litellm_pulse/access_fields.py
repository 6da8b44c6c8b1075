"""How the proxy is reached besides address and key: a certificate authority of one's own, headers for a gateway."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import voluptuous as vol
from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import TextSelector, TextSelectorConfig

from .authority import trusting
from .const import CONF_CA_FILE, CONF_EXTRA_HEADERS
from .credentials import InvalidHeaderError, parse_header

HIDDEN: Final = "********"
"""Stands for the stored value of a header, which is never shown."""

# voluptuous is another package's name for probatio in newer releases: its types do not match.
FIELDS: Final[dict[Any, Any]] = {
    vol.Optional(CONF_EXTRA_HEADERS, default=list): TextSelector(TextSelectorConfig(multiple=True)),
    vol.Optional(CONF_CA_FILE): TextSelector(),
}


class InvalidFieldError(ValueError):
    """A field does not hold what it should; `translation_key` says what to do."""

    def __init__(self, field: str, translation_key: str) -> None:
        """Keep which field, and what is wrong."""
        super().__init__(field, translation_key)
        self.field = field
        self.translation_key = translation_key


async def async_parse(hass: HomeAssistant, fields: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """Return the options that the fields stand for; `known` are the stored headers. Raises InvalidFieldError."""
    ca_file = str(fields.get(CONF_CA_FILE) or "").strip()
    if ca_file and not await hass.async_add_executor_job(_is_certificate, hass.config.path(ca_file)):
        raise InvalidFieldError(CONF_CA_FILE, "invalid_ca_file")
    return {
        CONF_EXTRA_HEADERS: _headers(_lines(fields), known),
        CONF_CA_FILE: ca_file or None,
    }


def shown(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored options as the fields show them, without what is secret."""
    headers = [f"{name}: {HIDDEN}" for name in options.get(CONF_EXTRA_HEADERS) or {}]
    return {CONF_EXTRA_HEADERS: headers, CONF_CA_FILE: options.get(CONF_CA_FILE)}


def typed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was typed without what is secret, for a form that is shown again: of new headers the names."""
    if CONF_EXTRA_HEADERS not in fields:
        return dict(fields)
    pairs = [line.partition(":") for line in _lines(fields)]
    lines = [f"{name}: {HIDDEN}" if value.strip() == HIDDEN else f"{name}:" for name, colon, value in pairs if colon]
    return {**fields, CONF_EXTRA_HEADERS: lines}


def _lines(fields: Mapping[str, Any]) -> Iterable[str]:
    """Return the lines of headers that are not empty."""
    return filter(None, map(str.strip, fields.get(CONF_EXTRA_HEADERS, ())))


def _headers(lines: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of lines as `Name: value`; a hidden value is the one that is stored."""
    try:
        headers = dict(map(parse_header, lines))
        return {name: known[name] if value == HIDDEN else value for name, value in headers.items()}
    except (InvalidHeaderError, KeyError) as err:
        raise InvalidFieldError(CONF_EXTRA_HEADERS, "invalid_header") from err


def _is_certificate(path: str) -> bool:
    """Whether a file holds certificates in PEM; blocking."""
    try:
        trusting(path)
    except OSError, ValueError:
        return False
    return True
