"""The options of history: which source, and a try before it is believed."""

from collections.abc import Mapping
from typing import Any, Final

import voluptuous as vol
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)

from .access_fields import InvalidFieldError
from .const import (
    CONF_HISTORY_DSN,
    CONF_HISTORY_IDENTITY,
    CONF_HISTORY_KEEP_KEY,
    CONF_HISTORY_KEY,
    CONF_HISTORY_SOURCE,
    CONF_HISTORY_TLS,
    DOMAIN,
    HISTORY_API,
    HISTORY_DATABASE,
    HISTORY_OFF,
    HISTORY_SOURCES,
    LOGGER,
)
from .history_sources import KEYS_FOR_ONCE, Source, async_create
from .spend_logs.dsn import TlsMode
from .spend_logs.errors import SourceError
from .spend_logs.same_records import same_records
from .stored_settings import unusable, usable_data, usable_options

SECRETS: Final = (CONF_HISTORY_KEY, CONF_HISTORY_DSN)
"""Never shown; left empty, they stay as they are stored."""

_FIELDS: Final = (CONF_HISTORY_SOURCE, *SECRETS, CONF_HISTORY_KEEP_KEY, CONF_HISTORY_TLS)
_PASSWORD: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))

# voluptuous is another package's name for probatio in newer releases: its types do not match.
FIELDS: Final[dict[Any, Any]] = {
    vol.Required(CONF_HISTORY_SOURCE, default=HISTORY_OFF): SelectSelector(
        SelectSelectorConfig(
            options=list(HISTORY_SOURCES), mode=SelectSelectorMode.LIST, translation_key=CONF_HISTORY_SOURCE
        )
    ),
    vol.Optional(CONF_HISTORY_DSN): _PASSWORD,
    vol.Optional(CONF_HISTORY_TLS): SelectSelector(
        SelectSelectorConfig(
            options=list(map(str, TlsMode)), mode=SelectSelectorMode.DROPDOWN, translation_key=CONF_HISTORY_TLS
        )
    ),
    vol.Optional(CONF_HISTORY_KEY): _PASSWORD,
    vol.Required(CONF_HISTORY_KEEP_KEY, default=False): BooleanSelector(),
}


async def async_parse(hass: HomeAssistant, entry: ConfigEntry, typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that the fields stand for, once their source has answered; raises InvalidFieldError."""
    known = usable_options(entry)
    options = {name: typed.get(name) for name in _FIELDS}
    for name in SECRETS:
        options[name] = str(typed.get(name) or "").strip() or known.get(name)
    source = options[CONF_HISTORY_SOURCE]
    if source == HISTORY_DATABASE and not options[CONF_HISTORY_DSN]:
        raise InvalidFieldError(CONF_HISTORY_DSN, "history_no_dsn")
    once = None
    if source == HISTORY_API and not options[CONF_HISTORY_KEEP_KEY]:
        # Used for this import, and stored nowhere.
        once, options[CONF_HISTORY_KEY] = options[CONF_HISTORY_KEY], None
    changed = once or any((options[name] or None) != (known.get(name) or None) for name in _FIELDS)
    if source == HISTORY_OFF or not changed:
        return options
    wanted = {**usable_data(entry), **known, **options} | ({CONF_HISTORY_KEY: once} if once else {})
    options[CONF_HISTORY_IDENTITY] = await _async_try(hass, entry, wanted)
    if once:
        hass.data.setdefault(KEYS_FOR_ONCE, {})[entry.entry_id] = once
    return options


def shown(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored options as the fields show them, without what is secret."""
    return {name: options.get(name) for name in _FIELDS if name not in SECRETS}


async def _async_try(hass: HomeAssistant, entry: ConfigEntry, settings: Mapping[str, Any]) -> str:
    """Return what tells the source from others; raises InvalidFieldError, also where it is another entry's."""
    field = CONF_HISTORY_DSN if settings[CONF_HISTORY_SOURCE] == HISTORY_DATABASE else CONF_HISTORY_KEY
    try:
        source = await async_create(hass, entry.entry_id, settings)
        if source is None:
            return ""
        identity = await source.identity()
    except SourceError as err:
        raise InvalidFieldError(field, f"history_{err.code}") from err
    except Exception as err:
        LOGGER.exception("Unexpected error while trying a source of history")
        raise InvalidFieldError(field, "history_unknown") from err
    for other in hass.config_entries.async_entries(DOMAIN):
        is_on = other.options.get(CONF_HISTORY_SOURCE, HISTORY_OFF) != HISTORY_OFF
        if other.entry_id == entry.entry_id or not is_on or unusable(other):
            continue
        if other.options.get(CONF_HISTORY_IDENTITY) == identity or await _async_same(hass, other, source):
            raise InvalidFieldError(field, "history_taken")
    return identity


async def _async_same(hass: HomeAssistant, other: ConfigEntry, source: Source) -> bool:
    """Whether another entry's source has the same records; one that does not answer now is taken for another."""
    try:
        found = await async_create(hass, other.entry_id, {**other.data, **other.options})
        return found is not None and same_records(await source.last_days(), await found.last_days())
    except SourceError:
        return False
