"""How a proxy is reached: from what an entry says to a client."""

from collections.abc import Mapping
from typing import Any

from homeassistant.const import CONF_API_KEY, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from yarl import URL

from .client import MetricsClient
from .const import CONF_CA_FILE, CONF_EXTRA_HEADERS


def create_client(hass: HomeAssistant, settings: Mapping[str, Any]) -> MetricsClient:
    """Return a client of the proxy that an entry's data and options, or a form's fields, describe."""
    verify: bool = settings[CONF_VERIFY_SSL]
    ca_file: str | None = settings.get(CONF_CA_FILE)
    return MetricsClient(
        async_get_clientsession(hass, verify),
        URL(settings[CONF_URL]),
        settings.get(CONF_API_KEY),
        extra_headers=settings.get(CONF_EXTRA_HEADERS),
        ca_file=hass.config.path(ca_file) if ca_file and verify else None,
    )
