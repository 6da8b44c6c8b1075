"""Spend in another currency is shown besides, and dollars stay the truth."""

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .conftest import NOW, entity_id, pass_time, set_up, state
from .proxy import Proxy
from .test_options import choose

pytestmark = pytest.mark.freeze_time(NOW)


async def test_spend_is_shown_in_the_currency_that_is_chosen_and_dollars_stay_as_they_are(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 2
    await pass_time(hass, freezer)
    await choose(hass, entry, currency="EUR", exchange_rate=0.9)
    assert state(hass, entry, "spend_day") == "2.0"
    assert state(hass, entry, "spend_day_converted") == "1.8"
    shown = hass.states.get(entity_id(hass, entry, "spend_day_converted", "model:gpt-4o"))
    assert shown is not None
    assert shown.attributes["unit_of_measurement"] == "EUR"
    assert shown.attributes["friendly_name"].endswith("Today in EUR")
    assert "state_class" not in shown.attributes
    dollars = hass.states.get(entity_id(hass, entry, "spend_day"))
    assert dollars is not None
    assert dollars.attributes["unit_of_measurement"] == "USD"


async def test_a_rate_that_an_entity_holds_is_followed_and_the_fixed_one_helps_out(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    hass.states.async_set("sensor.rate", "0.8")
    assert await set_up(hass, entry)
    await choose(hass, entry, currency="EUR", exchange_rate=0.5, exchange_rate_entity="sensor.rate")
    proxy.traffic.spend["gpt-4o"] += 2
    await pass_time(hass, freezer)
    shown = []
    for rate in ("0.8", "0.75", "unavailable", "nan", "-1", "inf", "1e308"):
        hass.states.async_set("sensor.rate", rate)
        await pass_time(hass, freezer)
        shown.append(state(hass, entry, "spend_lifetime_converted", "model:gpt-4o"))
    assert shown == ["1.6", "1.5", *["1.0"] * 5]
    await choose(hass, entry, currency="EUR", exchange_rate_entity="sensor.rate")
    assert state(hass, entry, "spend_lifetime_converted") == "unknown"


async def test_without_a_rate_there_is_no_currency_and_without_a_currency_no_sensor(
    hass: HomeAssistant, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    assert await set_up(hass, entry)
    form = await hass.config_entries.options.async_init(entry.entry_id)
    wrong = await hass.config_entries.options.async_configure(form["flow_id"], {"shown": {"currency": "EUR"}})
    assert wrong["type"] is FlowResultType.FORM
    assert wrong["errors"] == {"shown": "exchange_rate_missing"}
    await choose(hass, entry, currency="EUR", exchange_rate=0.9)
    assert [one for one in entity_registry.entities if one.endswith("in_eur")]
    await choose(hass, entry, dimensions=[])
    assert entry.state is ConfigEntryState.LOADED
    assert not [one for one in entity_registry.entities if one.endswith("in_eur")]
