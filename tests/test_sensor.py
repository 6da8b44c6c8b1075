"""Sensors show what was spent, in the right window, and only when they know it."""

# ruff: noqa: PLR0913, PLR0917 - a fixture is an argument

from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.sensor import ATTR_LAST_RESET
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import Event, EventStateChangedData, HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from .conftest import NOW, entity_id, pass_time, set_up, state
from .proxy import Proxy, recording

pytestmark = pytest.mark.freeze_time(NOW)

MODEL = "model:gpt-4o"
WINDOWS = ("day", "month", "lifetime")


async def test_every_entity_is_as_designed(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    """A model, a team and a provider stand for all: what members have depends on little else."""
    del proxy.traffic.spend["claude-sonnet"], proxy.traffic.tokens["claude-sonnet"]
    proxy.traffic.add("litellm_spend_metric_total", 1, model="gpt-4o", team="red", api_provider="openai")
    proxy.traffic.add("litellm_deployment_state", 0, litellm_model_name="gpt-4o")
    proxy.traffic.add("litellm_remaining_team_budget_metric", 5, team="red")
    proxy.traffic.add("litellm_provider_remaining_budget_metric", 5, api_provider="openai")
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team", "provider"]})
    assert await set_up(hass, entry)
    entities = {
        f"{one.domain} {one.unique_id.removeprefix(f'{entry.entry_id}:')}": _described(hass, one)
        for one in er.async_entries_for_config_entry(entity_registry, entry.entry_id)
    }
    assert entities == snapshot(extension_class=HomeAssistantSnapshotExtension)


def _described(hass: HomeAssistant, entity: er.RegistryEntry) -> dict[str, Any]:
    """Return what makes an entity, without what differs from run to run or between releases."""
    shown = hass.states.get(entity.entity_id)
    capabilities = dict(entity.capabilities or {})
    return {
        "entity_id": entity.entity_id,
        "enabled": shown is not None,
        "name": entity.original_name,
        "translation_key": entity.translation_key,
        "category": entity.entity_category and str(entity.entity_category),
        "device_class": entity.original_device_class and str(entity.original_device_class),
        "capabilities": {
            key: [*value] if isinstance(value, list) else str(value) for key, value in capabilities.items()
        },
        "unit": entity.unit_of_measurement,
        "precision": dict(entity.options.get("sensor") or {}).get("suggested_display_precision"),
        "last_reset": shown and shown.attributes.get(ATTR_LAST_RESET),
    }


def _plain(value: object) -> object:
    """Return a capability as a snapshot shows it."""
    return [str(one) for one in value] if isinstance(value, list) else str(value)


async def test_only_what_most_people_want_is_enabled(
    hass: HomeAssistant, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    assert await set_up(hass, entry)
    enabled = {
        one.unique_id.removeprefix(f"{entry.entry_id}:")
        for one in er.async_entries_for_config_entry(entity_registry, entry.entry_id)
        if not one.disabled
    }
    model = {"spend_day", "spend_month", "spend_lifetime", "tokens_day"}
    assert enabled == {
        *("total::spend_day", "total::spend_week", "total::spend_month", "total::spend_lifetime"),
        *("total::tokens_day", "total::requests_day", "total::failed_requests_day", "total::spend_rate"),
        *("total::forecast_from", "total::unusual_from", "total::connected", "total::status", "total::events"),
        *(f"total::limit_{window}" for window in ("day", "week", "month")),
        *(f"model:{name}:{key}" for name in ("gpt-4o", "claude-sonnet") for key in model),
    }


async def test_what_was_spent_before_the_first_scrape_is_not_counted(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert await set_up(hass, entry)
    assert float(state(hass, entry, "spend_lifetime")) == 0
    assert float(state(hass, entry, "spend_lifetime", MODEL)) == 0


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_usage_between_two_scrapes_shows_in_every_window(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    hass.config_entries.async_update_entry(entry, options={"member_figures": ["requests", "failed_requests"]})
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.25
    proxy.traffic.spend["claude-sonnet"] += 0.05
    proxy.traffic.tokens["gpt-4o"] += 40
    proxy.traffic.requests += 4
    proxy.traffic.failed_requests += 1
    await pass_time(hass, freezer)
    for window in WINDOWS:
        assert state(hass, entry, f"spend_{window}") == "0.3"
        assert state(hass, entry, f"spend_{window}", MODEL) == "0.25"
        assert float(state(hass, entry, f"tokens_{window}")) == 40
        assert float(state(hass, entry, f"tokens_{window}", MODEL)) == 40
        assert float(state(hass, entry, f"requests_{window}")) == 4
        assert float(state(hass, entry, f"failed_requests_{window}")) == 1
    assert state(hass, entry, "spend_week") == "0.3"


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_requests_in_flight_are_those_of_the_moment(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.in_flight = 3
    assert await set_up(hass, entry)
    assert float(state(hass, entry, "in_flight_requests")) == 3
    proxy.traffic.in_flight = 1
    await pass_time(hass, freezer)
    assert float(state(hass, entry, "in_flight_requests")) == 1


async def test_float_dust_does_not_show(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.spend = {"gpt-4o": 0.1}
    assert await set_up(hass, entry)
    proxy.traffic.spend = {"gpt-4o": 0.4}
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day") == "0.3"


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_windows_roll_over_at_midnight_without_a_scrape(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    freezer.move_to("2026-11-18 22:50:00+00:00")
    hass.config_entries.async_update_entry(entry, options={"scan_interval": 3600})
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 1
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done()
    assert state(hass, entry, "spend_day") == "1.0"
    requests = len(proxy.requests)
    await pass_time(hass, freezer, 10 * 60 + 1)
    assert len(proxy.requests) == requests
    assert state(hass, entry, "spend_day") == "0.0"
    assert state(hass, entry, "spend_day", MODEL) == "0.0"
    assert state(hass, entry, "spend_week") == "1.0"
    shown = hass.states.get(entity_id(hass, entry, "spend_day"))
    assert shown is not None
    assert shown.attributes[ATTR_LAST_RESET] == "2026-11-19T00:00:00+01:00"


async def test_windows_roll_over_every_night_also_while_the_proxy_is_down(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.answer(status=500)
    for _ in range(3):
        await pass_time(hass, freezer, 24 * 3600)
    shown = hass.states.get(entity_id(hass, entry, "spend_day"))
    assert shown is not None
    assert shown.state == "0.0"
    assert shown.attributes[ATTR_LAST_RESET] == "2026-11-21T00:00:00-08:00"


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_totals_stay_while_the_proxy_is_down_and_live_values_go(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.25
    await pass_time(hass, freezer)
    proxy.answer(status=500)
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day") == "0.25"
    assert state(hass, entry, "last_scrape") == "2026-11-18T12:01:01+00:00"
    assert state(hass, entry, "in_flight_requests") == STATE_UNAVAILABLE
    proxy.recover()
    await pass_time(hass, freezer)
    assert state(hass, entry, "in_flight_requests") == "0.0"


async def test_what_the_proxy_does_not_publish_is_unavailable_not_zero(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.unpublished = frozenset({"litellm_total_tokens_metric_total"})
    assert await set_up(hass, entry)
    assert state(hass, entry, "tokens_day") == STATE_UNAVAILABLE
    assert state(hass, entry, "spend_day") == "0.0"
    proxy.restart(spend={})
    await pass_time(hass, freezer)
    assert float(state(hass, entry, "tokens_day")) == 0


async def test_a_new_model_appears_while_running(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["llama3"] = 0.5
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day", "model:llama3") == "0.5"


async def test_a_model_that_vanished_keeps_its_totals(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.25
    await pass_time(hass, freezer)
    del proxy.traffic.spend["gpt-4o"]
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day", MODEL) == "0.25"


async def test_updating_an_entity_scrapes_at_once(hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.25
    target = {"entity_id": entity_id(hass, entry, "spend_day")}
    await hass.services.async_call("homeassistant", "update_entity", target, blocking=True)
    await hass.async_block_till_done()
    assert state(hass, entry, "spend_day") == "0.25"


async def test_only_entities_whose_value_changed_write_their_state(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    # A rate needs two scrapes.
    await pass_time(hass, freezer)
    written: set[str] = set()

    def note(event: Event[EventStateChangedData]) -> None:
        written.add(event.data["entity_id"])

    async_track_state_change_event(hass, hass.states.async_entity_ids("sensor"), note)
    reported = {one.entity_id: one.last_reported for one in hass.states.async_all("sensor")}
    await pass_time(hass, freezer)
    assert {one.entity_id: one.last_reported for one in hass.states.async_all("sensor")} == reported
    proxy.traffic.spend["gpt-4o"] += 0.25
    await pass_time(hass, freezer)
    keys = ("spend_day", "spend_month", "spend_lifetime")
    assert written == {
        entity_id(hass, entry, "spend_week"),
        entity_id(hass, entry, "spend_rate"),
        *(entity_id(hass, entry, key, member) for key in keys for member in ("total:", MODEL)),
    }


@pytest.mark.parametrize(
    ("name", "models"),
    [
        ("litellm-1.80.5", {"gpt-4o", "claude-sonnet-4-5", "llama3"}),
        ("litellm-1.106-teams-keys-tags", {"gpt-4o", "claude-sonnet-4-5", "llama3"}),
        ("litellm-1.106-multiworker", {"gpt-4o"}),
    ],
)
async def test_recorded_proxies_have_a_device_per_model(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    device_registry: dr.DeviceRegistry,
    name: str,
    models: set[str],
) -> None:
    proxy.answer(recording(name))
    assert await set_up(hass, entry)
    devices = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
    assert {device.name for device in devices} == {"LiteLLM", *(f"LiteLLM model {model}" for model in models)}
