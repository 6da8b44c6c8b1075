"""What changed wakes whom it concerns, and never holds the event loop for long."""

# ruff: noqa: PLR0913, PLR0917 - a fixture is an argument

import asyncio
from collections import Counter

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.litellm_pulse import loop_slice

from .conftest import NOW, entity_id, pass_time, set_up, state
from .proxy import Proxy
from .test_init import _delete

pytestmark = pytest.mark.freeze_time(NOW)

SPEND = "litellm_spend_metric_total"


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_midnight_writes_its_states_in_slices(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_slice, "SLICE_SECONDS", 0)
    assert await set_up(hass, entry)
    for model in proxy.traffic.spend:
        proxy.traffic.spend[model] += 1
    await pass_time(hass, freezer)
    coordinator = entry.runtime_data.coordinator
    freezer.tick(86_400)
    await entry.runtime_data.ledger.async_roll()
    await coordinator.async_rebuild()
    days = [entity_id(hass, entry, "spend_day", member) for member in ("total:", "model:gpt-4o", "model:claude-sonnet")]
    turns = []
    for _ in range(1000):
        turns.append(sum(hass.states.get(one).state == "1.0" for one in days))  # type: ignore[union-attr]
        await asyncio.sleep(0)
    assert turns == sorted(turns, reverse=True)
    assert turns[0] > 0
    assert turns[-1] == 0
    # A turn of the loop in which some show yesterday and some today: others had theirs in between.
    assert len(set(turns)) > 2


async def test_entities_are_added_at_set_up_and_taken_away_again_in_slices(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_slice, "SLICE_SECONDS", 0)
    assert await set_up(hass, entry)
    for model in range(50):
        proxy.traffic.spend[f"model-{model}"] = 1.0
    await pass_time(hass, freezer)
    turn, changed = 0, Counter[int]()

    async def other_work() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    @callback
    def note(event: Event[EventStateChangedData]) -> None:
        changed[turn] += event.data["new_state"] is not None

    hass.bus.async_listen(EVENT_STATE_CHANGED, note)
    other = asyncio.create_task(other_work())
    for change in (hass.config_entries.async_unload, hass.config_entries.async_setup):
        changed.clear()
        assert await change(entry.entry_id)
        assert changed.total() > 200
        assert max(changed.values()) < 60
    other.cancel()


async def test_a_member_that_is_met_while_its_entry_is_unloaded_leaves_nothing_behind(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_slice, "SLICE_SECONDS", 0)
    assert await set_up(hass, entry)
    proxy.traffic.spend["a new one"] = 1.0
    coordinator = entry.runtime_data.coordinator
    for turns in range(30):
        refresh = asyncio.create_task(coordinator.async_refresh())
        for _ in range(turns * 3):
            await asyncio.sleep(0)
        assert await hass.config_entries.async_unload(entry.entry_id)
        await asyncio.gather(refresh, return_exceptions=True)
        await hass.async_block_till_done(wait_background_tasks=True)
        assert {one.state for one in hass.states.async_all()} <= {STATE_UNAVAILABLE}
        assert await hass.config_entries.async_setup(entry.entry_id)
        proxy.traffic.spend[f"another one {turns}"] = 1.0
        coordinator = entry.runtime_data.coordinator


async def test_an_entity_that_is_taken_away_while_it_waits_is_not_called(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    entity_registry: er.EntityRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(loop_slice, "SLICE_SECONDS", 0)
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 1
    await pass_time(hass, freezer)
    coordinator = entry.runtime_data.coordinator
    freezer.tick(86_400)
    await entry.runtime_data.ledger.async_roll()
    await coordinator.async_rebuild()
    gone = entity_id(hass, entry, "spend_day", "model:gpt-4o")
    entity_registry.async_remove(gone)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(gone) is None
    assert state(hass, entry, "spend_day", "model:claude-sonnet") == "0.0"
    assert "Error" not in caplog.text


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_one_call_writes_the_states_of_its_model_key_team_and_the_totals_only(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team", "key"]})
    for owner in ("red", "blue"):
        proxy.traffic.add(SPEND, 1, model=f"{owner}-model", hashed_api_key=f"{owner}-key", team=owner)
    assert await set_up(hass, entry)
    before = {one.entity_id: one.last_updated for one in hass.states.async_all()}
    proxy.traffic.add(SPEND, 1, model="red-model", hashed_api_key="red-key", team="red")
    await pass_time(hass, freezer)
    registry = er.async_get(hass)
    written = {
        registry.async_get(one.entity_id).unique_id.split(":", 1)[1].rpartition(":")[0]  # type: ignore[union-attr]
        for one in hass.states.async_all()
        if one.last_updated != before[one.entity_id]
    }
    assert written == {"total:", "model:red-model", "key:red-key", "team:red"}


async def test_the_device_that_gathers_the_rest_cannot_be_deleted(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_ws_client: WebSocketGenerator
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"], "max_members": 1})
    for owner in ("red", "blue"):
        proxy.traffic.add(SPEND, 1, model="gpt-4o", team=owner)
    assert await set_up(hass, entry)
    assert not await _delete(hass, hass_ws_client, entry, "LiteLLM other teams")


async def test_a_deleted_team_makes_room_for_another_and_is_gathered_with_the_rest(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_ws_client: WebSocketGenerator,
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"], "max_members": 2})
    teams = ("red", "blue", "green", "grey")
    for team in teams:
        proxy.traffic.add(SPEND, 1, model="gpt-4o", team=team)
    assert await set_up(hass, entry)
    for by, team in enumerate(teams, 1):
        proxy.traffic.add(SPEND, by, model="gpt-4o", team=team)
    await pass_time(hass, freezer)
    assert await _delete(hass, hass_ws_client, entry, "LiteLLM team red")
    await pass_time(hass, freezer)
    devices = {one.name for one in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)}
    assert {"LiteLLM team blue", "LiteLLM team grey", "LiteLLM other teams"} <= devices
    assert "LiteLLM team red" not in devices
    assert state(hass, entry, "spend_day", "team:") == "4.0"


async def test_hundreds_who_appear_at_once_get_their_devices_in_slices_and_each_is_counted(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_slice, "SLICE_SECONDS", 0)
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"], "max_members": 40})
    assert await set_up(hass, entry)
    for team in range(60):
        proxy.traffic.add(SPEND, 1 + team / 100, model="gpt-4o", team=f"t{team}")
    freezer.tick(60)
    coordinator = entry.runtime_data.coordinator
    scrape = hass.async_create_task(coordinator.async_refresh())
    registry, turns = dr.async_get(hass), set()
    while not scrape.done():
        turns.add(len(dr.async_entries_for_config_entry(registry, entry.entry_id)))
        await asyncio.sleep(0)
    await hass.async_block_till_done(wait_background_tasks=True)
    # Others had a turn after each of them.
    assert len(turns) > 40
    assert state(hass, entry, "spend_day", "team:t59") == "1.59"
    assert state(hass, entry, "spend_day", "team:") == str(sum(100 + team for team in range(20)) / 100)


async def test_whoever_is_deleted_while_others_get_their_devices_stays_away(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    hass_ws_client: WebSocketGenerator,
) -> None:
    monkeypatch.setattr(loop_slice, "SLICE_SECONDS", 0)
    assert await set_up(hass, entry)
    for model in range(30):
        proxy.traffic.spend[f"m{model}"] = 1.0
    freezer.tick(60)
    scrape = hass.async_create_task(entry.runtime_data.coordinator.async_refresh())
    assert await _delete(hass, hass_ws_client, entry, "LiteLLM model gpt-4o")
    await scrape
    await pass_time(hass, freezer)
    devices = {one.name for one in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)}
    assert "LiteLLM model gpt-4o" not in devices
    assert "LiteLLM model m29" in devices
