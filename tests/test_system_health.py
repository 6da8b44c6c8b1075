"""System information tells of each proxy whether it is well."""

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry, get_system_health_info

from custom_components.litellm_pulse.const import DOMAIN

from .conftest import set_up
from .proxy import Proxy


async def _info(hass: HomeAssistant) -> dict[str, object]:
    """Return what is told."""
    assert await async_setup_component(hass, "system_health", {})
    await hass.async_block_till_done()
    info = await get_system_health_info(hass, DOMAIN)
    return {key: await value if hasattr(value, "__await__") else value for key, value in info.items()}


async def test_a_proxy_that_tells_its_version(hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy) -> None:
    proxy.json["/health/readiness"] = {"status": "healthy", "litellm_version": "1.106.2"}
    proxy.json["/health/liveliness"] = "I'm alive!"
    assert await set_up(hass, entry)
    info = await _info(hass)
    assert info["can_reach_server"] == "ok"
    assert info["litellm_version"] == "1.106.2"
    assert info["last_scrape"] == entry.runtime_data.coordinator.data.snapshot.last_scrape
    assert str(info["database_size"]).endswith(" MB")
    alive = [one for one in proxy.requests if one.path == "/health/liveliness"]
    assert alive
    assert "Authorization" not in alive[0].headers


async def test_with_several_proxies_each_line_names_its_own(
    hass: HomeAssistant, entry: MockConfigEntry, other_entry: MockConfigEntry
) -> None:
    assert await set_up(hass, entry, other_entry)
    info = await _info(hass)
    assert f"last_scrape ({entry.title})" in info
    assert f"last_scrape ({other_entry.title})" in info
    assert info[f"litellm_version ({entry.title})"] is None
