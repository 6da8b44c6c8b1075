"""What happens is told by one event entity per proxy, once each time, with what an automation needs to know."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import STATE_UNKNOWN
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, ServiceCall, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.litellm_pulse.const import EVENT_TOLD
from custom_components.litellm_pulse.logbook import async_describe_events

from .conftest import NOW, entity_id, pass_time, set_up, state
from .proxy import Proxy
from .test_limits import limit
from .test_translations import LANGUAGES

pytestmark = pytest.mark.freeze_time(NOW)

REMAINING = "litellm_remaining_team_budget_metric"

type Told = list[dict[str, object]]


def hear(hass: HomeAssistant, entry: MockConfigEntry) -> Told:
    """Return the list that events will be added to: their type and details."""
    told: Told = []

    def note(event: Event[EventStateChangedData]) -> None:
        shown = event.data["new_state"]
        assert shown is not None
        left_out = {"event_types", "friendly_name", "message"}
        told.append({key: value for key, value in shown.attributes.items() if key not in left_out})

    async_track_state_change_event(hass, entity_id(hass, entry, "events", platform="event"), note)
    return told


async def test_nothing_happens_at_first(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.add(REMAINING, -1, team="red")
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"]})
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 1
    await pass_time(hass, freezer)
    assert state(hass, entry, "events", platform="event") == STATE_UNKNOWN


async def test_a_new_model_is_told_once(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    told = hear(hass, entry)
    proxy.traffic.spend["llama3"] = 0.5
    await pass_time(hass, freezer)
    proxy.traffic.spend["llama3"] = 0.75
    await pass_time(hass, freezer)
    assert told == [{"event_type": "new_model", "dimension": "model", "id": "llama3", "name": "llama3"}]


async def test_a_restart_of_the_proxy_is_told(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    told = hear(hass, entry)
    await pass_time(hass, freezer)
    proxy.restart(spend={"gpt-4o": 0.5})
    for _ in range(3):
        await pass_time(hass, freezer)
    assert told == [{"event_type": "proxy_restarted", "started_at": "2026-11-18T12:01:01+00:00"}]


async def test_a_budget_that_is_used_up_is_told_each_time(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"]})
    proxy.traffic.add(REMAINING, 1, team="red", team_alias="Red")
    proxy.traffic.add("litellm_team_max_budget_metric", 40, team="red", team_alias="Red")
    assert await set_up(hass, entry)
    told = hear(hass, entry)
    for remaining in (0, -1, 20, 0):
        proxy.traffic.series[REMAINING]['team="red",team_alias="Red"'] = remaining
        await pass_time(hass, freezer)
    who = {"dimension": "team", "id": "red", "name": "Red"}
    assert told == [{"event_type": "budget_used_up", **who, "remaining": 0, "maximum": 40}] * 2


async def test_what_happened_is_said_in_a_sentence_with_who_and_why(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"]})
    proxy.traffic.add(REMAINING, 1, team="t1", team_alias="Home")
    proxy.traffic.add("litellm_team_max_budget_metric", 40, team="t1", team_alias="Home")
    assert await set_up(hass, entry)
    await limit(hass, entry, "day", 5)
    said: list[str] = []
    hass.bus.async_listen("litellm_pulse_event", callback(lambda event: said.append(event.data["message"])))
    proxy.traffic.series[REMAINING] = {'team="t1",team_alias="Home"': 0}
    proxy.traffic.spend["llama3"] = 6
    await pass_time(hass, freezer)
    assert said == [
        "New model: llama3",
        "Budget of $40.00 used up: LiteLLM team Home",
        "Daily limit of $5.00 reached: LiteLLM",
    ]


@pytest.mark.usefixtures("recorder_mock")
async def test_the_activity_of_the_device_says_what_happened(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_ws_client: WebSocketGenerator,
) -> None:
    pytest.importorskip("hass_frontend", reason="the logbook needs the frontend, which the floor's environment lacks")
    for component in ("history", "logbook"):
        assert await async_setup_component(hass, component, {})
    assert await set_up(hass, entry)
    began = dt_util.utcnow() - timedelta(minutes=1)
    await limit(hass, entry, "day", 0.5)
    proxy.traffic.spend["llama3"] = 0.5
    await pass_time(hass, freezer)
    await pass_time(hass, freezer)
    proxy.restart(spend={"gpt-4o": 0.5, "llama3": 0.75})
    for _ in range(3):
        await pass_time(hass, freezer)
    await async_wait_recording_done(hass)
    client = await hass_ws_client(hass)
    (model,) = [
        one.id
        for one in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        if one.name == "LiteLLM model llama3"
    ]
    new, restarted = ("New model: llama3", "mdi:creation"), ("restarted", "mdi:restart")
    # Each has its name before it.
    reached = ("Daily limit of $0.50 reached", "mdi:gauge-full")
    whole = [entity_id(hass, entry, "events", platform="event")]
    for whose, expected in (({"device_ids": [model]}, [new]), ({"entity_ids": whole}, [new, reached, restarted])):
        asked = {"start_time": began.isoformat(), "end_time": dt_util.utcnow().isoformat(), **whose}
        await client.send_json_auto_id({"type": "logbook/get_events", **asked})
        rows = (await client.receive_json())["result"]
        assert [(row["message"], row["icon"]) for row in rows if "message" in row] == expected


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
async def test_the_activity_tells_of_an_outage_without_naming_the_proxy_twice(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    language: str,
) -> None:
    hass.config.language = language
    assert await set_up(hass, entry)
    told: list[Event] = []
    hass.bus.async_listen(EVENT_TOLD, told.append)
    described: dict[str, Callable[[Event], dict[str, str]]] = {}
    async_describe_events(hass, lambda _domain, kind, describe: described.update({kind: describe}))
    proxy.answer(status=500)
    await pass_time(hass, freezer)
    proxy.recover()
    await pass_time(hass, freezer)
    said = [described[EVENT_TOLD](event) for event in told]
    assert [one["name"] for one in said] == ["LiteLLM", "LiteLLM"]
    assert [one["message"] for one in said if "LiteLLM" in one["message"]] == []


async def test_a_limit_that_is_reached_is_told_once_a_window(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    await limit(hass, entry, "day", 0.5)
    told = hear(hass, entry)
    for _ in range(2):
        for _ in range(3):
            proxy.traffic.spend["gpt-4o"] += 0.25
            await pass_time(hass, freezer)
        await pass_time(hass, freezer, 86_400)
    expected = {"event_type": "limit_reached", "dimension": "total", "id": "", "name": "LiteLLM", "window": "day"}
    assert told == [{**expected, "limit": 0.5, "spent": 0.5}] * 2


async def test_what_happened_while_home_assistant_was_away_is_told(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    assert await set_up(hass, entry)
    await limit(hass, entry, "day", 0.5)
    assert await hass.config_entries.async_unload(entry.entry_id)
    proxy.traffic.spend["gpt-4o"] += 1
    assert await set_up(hass, entry)
    shown = hass.states.get(entity_id(hass, entry, "events", platform="event"))
    assert shown is not None
    assert shown.attributes["event_type"] == "limit_reached"
    before = shown.state
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert state(hass, entry, "events", platform="event") == before


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_a_person_is_in_no_event_any_more_once_the_kind_is_turned_off(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    labels = {"model": "gpt-4o", "team": "red", "user": "anna@home", "user_alias": "Anna"}
    proxy.traffic.add("litellm_spend_metric_total", 1, **labels)
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["user", "team"]})
    assert await set_up(hass, entry)

    async def last(member: str, dimensions: list[str]) -> str:
        await limit(hass, entry, "day", 0.5, member)
        proxy.traffic.add("litellm_spend_metric_total", 1, **labels)
        await pass_time(hass, freezer)
        shown = hass.states.get(entity_id(hass, entry, "events", platform="event"))
        assert shown is not None
        assert shown.attributes["id"] == member.partition(":")[2]
        hass.config_entries.async_update_entry(entry, options={"dimensions": dimensions})
        assert await hass.config_entries.async_reload(entry.entry_id)
        return str(hass.states.get(entity_id(hass, entry, "events", platform="event")))

    assert "anna@home" in await last("user:anna@home", ["user", "team"])
    await pass_time(hass, freezer, 86_400)
    assert "anna" not in (await last("user:anna@home", ["team"])).lower()
    assert "limit_reached" in await last("team:red", ["team"])


async def test_unusual_spend_is_told_when_it_begins(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    for _ in range(8):
        await pass_time(hass, freezer, 86_400)
    told = hear(hass, entry)
    for _ in range(3):
        proxy.traffic.spend["gpt-4o"] += 5
        await pass_time(hass, freezer)
    assert told == [{"event_type": "unusual_spend", "hour_spend": 5, "usual": 0}]


async def test_an_automation_listens_with_the_trigger_that_the_ui_offers(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    calls: list[ServiceCall] = []
    hass.services.async_register("test", "notify", calls.append)
    automation = {
        "alias": "A new model",
        "triggers": {
            "trigger": "event.received",
            "target": {"entity_id": entity_id(hass, entry, "events", platform="event")},
            "options": {"event_type": ["new_model"]},
        },
        "actions": {"action": "test.notify", "data": {"model": "{{ trigger.to_state.attributes.name }}"}},
    }
    assert await async_setup_component(hass, "automation", {"automation": automation})
    proxy.traffic.spend["llama3"] = 0.5
    await pass_time(hass, freezer)
    assert [call.data for call in calls] == [{"model": "llama3"}]
