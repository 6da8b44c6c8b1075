"""What most tests need: a proxy that answers, and an entry that scrapes it."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from unittest.mock import patch

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_API_KEY, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from yarl import URL

from custom_components.litellm_pulse import address, coordinator
from custom_components.litellm_pulse.const import DOMAIN

from .proxy import Proxy
from .spend_logs.conftest import make, server

__all__ = ["make", "server"]
"""A real PostgreSQL for whoever asks for it."""

NOW = "2026-11-18 12:00:00+00:00"
"""A Wednesday: neither a week nor a month begins at the next midnight."""


def pytest_configure(config: pytest.Config) -> None:
    """Let Home Assistant's own warnings pass; ours are errors."""
    config.addinivalue_line("filterwarnings", "ignore:It is recommended to use web")


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Give every test a configuration folder of its own."""
    return hass_tmp_config_dir


@pytest.fixture(autouse=True)
def _custom_integrations(request: pytest.FixtureRequest) -> None:
    """Let Home Assistant find the integration, in tests that have one."""
    if "recorder_mock" in request.fixturenames:
        # The recorder's fixtures insist on coming first.
        request.getfixturevalue("recorder_db_url")
    if "hass" in request.fixturenames:
        request.getfixturevalue("enable_custom_integrations")


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let scrapes that are asked for follow one another: the clock of most tests stands still."""
    monkeypatch.setattr(coordinator, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def entity_registry_enabled_by_default() -> Iterator[None]:
    """Enable every entity, also those that are not by default."""
    with patch.object(Entity, "entity_registry_enabled_default", new=True):
        yield


@pytest.fixture
async def proxy(socket_enabled: None) -> AsyncIterator[Proxy]:  # noqa: ARG001
    """Start a proxy."""
    async with Proxy() as proxy:
        yield proxy


@pytest.fixture
async def other_proxy(socket_enabled: None) -> AsyncIterator[Proxy]:  # noqa: ARG001
    """Start another proxy."""
    async with Proxy() as proxy:
        yield proxy


@pytest.fixture
def entry(hass: HomeAssistant, proxy: Proxy) -> MockConfigEntry:
    """Return an entry of the proxy, not yet set up."""
    return add_entry(hass, proxy)


@pytest.fixture
def other_entry(hass: HomeAssistant, other_proxy: Proxy) -> MockConfigEntry:
    """Return an entry of the other proxy, not yet set up."""
    return add_entry(hass, other_proxy)


def add_entry(hass: HomeAssistant, proxy: Proxy) -> MockConfigEntry:
    """Add an entry as the config flow would have made it."""
    base = URL(proxy.url)
    entry = MockConfigEntry(
        domain=DOMAIN,
        title=address.title(base),
        minor_version=3,
        data={CONF_URL: proxy.url, CONF_API_KEY: "sk-1234", CONF_VERIFY_SSL: True},
    )
    entry.add_to_hass(hass)
    return entry


async def set_up(hass: HomeAssistant, *entries: MockConfigEntry) -> bool:
    """Set entries up and return whether that worked; the first sets up what is added besides."""
    for entry in entries:
        if entry.state is ConfigEntryState.NOT_LOADED:
            await hass.config_entries.async_setup(entry.entry_id)
            await hass.async_block_till_done()
    return all(entry.state is ConfigEntryState.LOADED for entry in entries)


async def pass_time(hass: HomeAssistant, freezer: FrozenDateTimeFactory, seconds: float = 61) -> None:
    """Let time pass; by default, until the next scrape is done."""
    freezer.tick(timedelta(seconds=seconds))
    async_fire_time_changed(hass, dt_util.utcnow())
    await hass.async_block_till_done(wait_background_tasks=True)


def entity_id(
    hass: HomeAssistant, entry: MockConfigEntry, key: str, member: str = "total:", platform: str = "sensor"
) -> str:
    """Return the id of the entity that shows a figure of a member."""
    found = er.async_get(hass).async_get_entity_id(platform, DOMAIN, f"{entry.entry_id}:{member}:{key}")
    assert found is not None, f"no entity {key} of {member}"
    return found


def state(
    hass: HomeAssistant, entry: MockConfigEntry, key: str, member: str = "total:", platform: str = "sensor"
) -> str:
    """Return what an entity shows."""
    shown = hass.states.get(entity_id(hass, entry, key, member, platform))
    assert shown is not None, f"{key} of {member} is disabled"
    return shown.state
