"""How the proxy is reached besides address and key: a certificate authority of one's own, headers for a gateway."""

import re
import ssl
from collections.abc import Mapping
from typing import Any, Final

import voluptuous as vol
from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import TextSelector, TextSelectorConfig

from .const import CONF_CA_FILE, CONF_EXTRA_HEADERS

HIDDEN: Final = "********"
"""Stands for the stored value of a header, which is never shown."""

_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])[ \t]*")
_RESERVED: Final = frozenset({"authorization", "host", "accept", "accept-encoding", "connection", "content-length"})
"""Headers that the integration or HTTP itself sets."""

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


async def async_parse(hass: HomeAssistant, typed: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """Return the options that the fields stand for; `known` are the stored headers. Raises InvalidFieldError."""
    ca_file = str(typed.get(CONF_CA_FILE) or "").strip()
    if ca_file and not await hass.async_add_executor_job(_is_certificate, hass.config.path(ca_file)):
        raise InvalidFieldError(CONF_CA_FILE, "invalid_ca_file")
    return {
        CONF_EXTRA_HEADERS: _headers(typed.get(CONF_EXTRA_HEADERS, ()), known),
        CONF_CA_FILE: ca_file or None,
    }


def shown(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored options as the fields show them, without what is secret."""
    headers = [f"{name}: {HIDDEN}" for name in options.get(CONF_EXTRA_HEADERS) or {}]
    return {CONF_EXTRA_HEADERS: headers, CONF_CA_FILE: options.get(CONF_CA_FILE)}


def _headers(lines: list[str], known: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of lines as `Name: value`; a hidden value is the one that is stored."""
    headers: dict[str, str] = {}
    for line in filter(None, map(str.strip, lines)):
        match = _HEADER.fullmatch(line)
        if match is None or match[1].lower() in _RESERVED or (match[2] == HIDDEN and match[1] not in known):
            raise InvalidFieldError(CONF_EXTRA_HEADERS, "invalid_header")
        headers[match[1]] = known[match[1]] if match[2] == HIDDEN else match[2]
    return headers


def _is_certificate(path: str) -> bool:
    """Whether a file holds certificates in PEM; blocking."""
    try:
        ssl.create_default_context(cafile=path)
    except OSError, ValueError:
        return False
    return True
