"""What a server may send to whoever asks it, and what Home Assistant as a whole is spared."""

from unittest.mock import patch

import pytest
from aiohttp import ThreadedResolver, web
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from multidict import CIMultiDict
from pytest_homeassistant_custom_component.common import MockConfigEntry
from yarl import URL

from .conftest import NOW, set_up
from .proxy import Proxy

pytestmark = pytest.mark.freeze_time(NOW)


class Resolver(ThreadedResolver):
    """The system's, as Home Assistant closes it."""

    async def real_close(self) -> None:
        """Close it."""
        await self.close()


async def test_cookies_are_neither_kept_nor_sent_and_are_nobody_elses(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    async def bake(_: web.Request) -> web.Response:
        cookies = [("Set-Cookie", f"c{number}={len(proxy.requests)}") for number in range(50)]
        return web.Response(body=proxy.traffic.body(), headers=CIMultiDict(cookies))

    proxy.handler = bake
    url = str(URL(proxy.url).with_host("localhost"))
    hass.config_entries.async_update_entry(entry, data={**entry.data, "url": url})
    # Only of a name cookies are kept.
    with patch("homeassistant.helpers.aiohttp_client._async_make_resolver", return_value=Resolver()):
        assert await set_up(hass, entry)
    for _ in range(3):
        await entry.runtime_data.coordinator.async_refresh()
    assert len(proxy.requests) > 3
    assert not any("Cookie" in request.headers for request in proxy.requests)
    assert not len(async_get_clientsession(hass).cookie_jar)
