"""What an entry has stored, checked before anything is made of it: it may have been edited by hand.

What only a newer release understands (another kind of member, another figure) is left alone.
"""

import re
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_API_KEY, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import valid_entity_id

from . import address
from .const import (
    CONF_CA_FILE,
    CONF_CURRENCY,
    CONF_DIMENSIONS,
    CONF_EXCHANGE_RATE,
    CONF_EXCHANGE_RATE_ENTITY,
    CONF_EXTRA_HEADERS,
    CONF_FREE_MODELS,
    CONF_GROUP_MODELS_BY,
    CONF_HISTORY_DSN,
    CONF_HISTORY_IDENTITY,
    CONF_HISTORY_KEEP_KEY,
    CONF_HISTORY_KEY,
    CONF_HISTORY_SOURCE,
    CONF_HISTORY_TLS,
    CONF_MAX_MEMBERS,
    CONF_MEMBER_FIGURES,
    CONF_METRIC_NAMES,
    CONF_PERFORMANCE,
    CONF_RETENTION_DAYS,
    CONF_SCAN_INTERVAL,
    CONF_SHOW_PERSONS,
    CONF_TIME_ZONE,
    CONF_UNUSUAL_THRESHOLD,
    CONF_WEEK_START,
    HISTORY_DATABASE,
    WEEK_STARTS,
)
from .credentials import InvalidHeaderError, parse_header
from .spend_logs.dsn import TlsMode

type Check = Callable[[Any], bool]
"""Whether a value can be used."""

_MOST: Final = 100_000
"""Of seconds and days: far more than any form allows, and no more than dates can hold."""
_ZONE: Final = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")


def _is_text(value: Any) -> bool:  # noqa: ANN401 - as it is stored
    return isinstance(value, str)


def _is_number(value: Any) -> bool:  # noqa: ANN401 - as it is stored
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < inf


def _is_time(value: Any) -> bool:  # noqa: ANN401 - as it is stored
    return _is_number(value) and value <= _MOST


def _is_whole(value: Any) -> bool:  # noqa: ANN401 - as it is stored
    return _is_number(value) and isinstance(value, int)


def _is_list(value: Any) -> bool:  # noqa: ANN401 - as it is stored
    return isinstance(value, list | tuple) and all(map(_is_text, value))


def _is_mapping(value: Any) -> bool:  # noqa: ANN401 - as it is stored
    return isinstance(value, Mapping) and all(map(_is_text, (*value, *value.values())))


def _is_address(value: Any) -> bool:  # noqa: ANN401 - as it is stored
    try:
        return _is_text(value) and "://" in value and bool(address.parse(value))
    except address.InvalidAddressError:
        return False


def _are_headers(value: Any) -> bool:  # noqa: ANN401 - as it is stored
    try:
        return _is_mapping(value) and all(parse_header(f"{name}: {text}") for name, text in value.items())
    except InvalidHeaderError:
        return False


def _nothing_or(check: Check) -> Check:
    """Return a check that lets pass what is left empty."""
    return lambda value: not value or check(value)


_REQUIRED: Final = (CONF_URL, CONF_VERIFY_SSL)
_DATA: Final[Mapping[str, Check]] = {
    CONF_URL: _is_address,
    CONF_VERIFY_SSL: lambda value: isinstance(value, bool),
    CONF_API_KEY: _nothing_or(_is_text),
}
_OPTIONS: Final[Mapping[str, Check]] = {
    CONF_SCAN_INTERVAL: _is_time,
    CONF_TIME_ZONE: _nothing_or(lambda value: _is_text(value) and _ZONE.fullmatch(value) is not None),
    CONF_WEEK_START: lambda value: value in WEEK_STARTS,
    CONF_RETENTION_DAYS: _is_time,
    CONF_DIMENSIONS: _is_list,
    CONF_GROUP_MODELS_BY: _is_text,
    CONF_MAX_MEMBERS: _is_whole,
    CONF_MEMBER_FIGURES: _is_list,
    CONF_PERFORMANCE: _is_list,
    CONF_SHOW_PERSONS: lambda value: isinstance(value, bool),
    CONF_CURRENCY: _nothing_or(_is_text),
    CONF_EXCHANGE_RATE: _nothing_or(_is_number),
    CONF_EXCHANGE_RATE_ENTITY: _nothing_or(lambda value: _is_text(value) and valid_entity_id(value)),
    CONF_UNUSUAL_THRESHOLD: _is_number,
    CONF_FREE_MODELS: _is_list,
    CONF_EXTRA_HEADERS: _nothing_or(_are_headers),
    CONF_CA_FILE: _nothing_or(_is_text),
    CONF_METRIC_NAMES: _is_mapping,
    CONF_HISTORY_SOURCE: _is_text,
    CONF_HISTORY_KEY: _nothing_or(_is_text),
    CONF_HISTORY_KEEP_KEY: lambda value: value is None or isinstance(value, bool),
    CONF_HISTORY_DSN: _nothing_or(_is_text),
    CONF_HISTORY_TLS: _nothing_or(lambda value: value in [*TlsMode]),
    CONF_HISTORY_IDENTITY: _nothing_or(_is_text),
}


def usable_data(entry: ConfigEntry) -> Mapping[str, Any]:
    """Return what an entry says of its proxy, less what cannot be used."""
    return _usable(entry.data, _DATA)


def usable_options(entry: ConfigEntry) -> Mapping[str, Any]:
    """Return the options of an entry, less what cannot be used."""
    options = _usable(entry.options, _OPTIONS)
    if options.get(CONF_HISTORY_SOURCE) == HISTORY_DATABASE and not options.get(CONF_HISTORY_DSN):
        del options[CONF_HISTORY_SOURCE]
    return options


def unusable(entry: ConfigEntry) -> list[str]:
    """Return the names of what an entry lacks, or has stored and cannot be used."""
    data, options = usable_data(entry), usable_options(entry)
    found = [name for name in (*_REQUIRED, *entry.data) if name not in data]
    found += [name for name in entry.options if name not in options]
    return list(dict.fromkeys(found))


def _usable(stored: Mapping[str, Any], checks: Mapping[str, Check]) -> dict[str, Any]:
    """Return what passes its check, and what has none."""
    return {name: value for name, value in stored.items() if name not in checks or checks[name](value)}
