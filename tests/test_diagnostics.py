"""Diagnostics help to find a fault and name nobody."""

import json

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.json import JSONEncoder
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.diagnostics import async_get_config_entry_diagnostics

from .conftest import pass_time, set_up
from .proxy import Proxy, recording


async def test_no_secret_and_no_name_leaks(hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy) -> None:
    proxy.answer(recording("litellm-1.106-teams-keys-tags"))
    assert await set_up(hass, entry)
    text = json.dumps(await async_get_config_entry_diagnostics(hass, entry), cls=JSONEncoder)
    secrets = {"sk-1234", "127.0.0.1", str(proxy.server.port), "gpt-4o", "team-", "@"}
    assert {secret for secret in secrets if secret in text} == set()


@pytest.mark.freeze_time("2026-11-22 12:00:00+00:00")
async def test_a_fault_can_be_read_from_it(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.answer(recording("litellm-1.106-teams-keys-tags"))
    assert await set_up(hass, entry)
    proxy.answer(status=500)
    await pass_time(hass, freezer)
    diagnostics = await async_get_config_entry_diagnostics(hass, entry)
    assert diagnostics["scrape"]["success"] is False
    assert diagnostics["scrape"]["reason"] == "unexpected_status"
    assert diagnostics["ledger"]["members"]["model"] == 3
    assert "cost" in diagnostics["ledger"]["published"]
    assert diagnostics["ledger"]["report"]["skipped"] == 0
