"""Triggers, conditions and blueprints do in real automations what the editor says they do."""

# ruff: noqa: PLR0913, PLR0917 - a fixture is an argument

import json
import logging
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.helpers import condition, trigger
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import parse_yaml
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from .conftest import NOW, entity_id, pass_time, set_up
from .proxy import Proxy
from .test_limits import limit

pytestmark = pytest.mark.freeze_time(NOW)

BLUEPRINTS = Path(__file__).parent.parent / "blueprints" / "automation" / "litellm_pulse"
REMAINING = "litellm_remaining_team_budget_metric"
MAXIMUM = "litellm_team_max_budget_metric"


@pytest.fixture
def told(hass: HomeAssistant) -> list[str]:
    """Return the list that messages of automations will be added to."""
    messages: list[str] = []

    @callback
    def note(call: ServiceCall) -> None:
        messages.append(call.data["message"])

    hass.services.async_register("test", "notify", note)
    return messages


def device_id(hass: HomeAssistant, entry: MockConfigEntry, name: str = "LiteLLM") -> str:
    """Return the id of a device by its name."""
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    (found,) = [one.id for one in devices if one.name == name]
    return found


async def automate(hass: HomeAssistant, **automation: object) -> None:
    """Set up one automation as the editor would save it."""
    assert await async_setup_component(hass, "automation", {"automation": {"id": "1", "alias": "Test", **automation}})
    await hass.async_block_till_done()
    state = hass.states.get("automation.test")
    assert state is not None
    assert state.state == "on", state


async def stop(hass: HomeAssistant) -> None:
    """Turn the automation off, which else waits for the next day."""
    await hass.services.async_call("automation", "turn_off", {"entity_id": "automation.test"}, blocking=True)


def notify(message: str = "{{ trigger.message }}") -> dict[str, Any]:
    """Return an action that tells a message to the test."""
    return {"action": "test.notify", "data": {"message": message}}


async def use(hass: HomeAssistant, blueprint: str, **inputs: object) -> None:
    """Set up an automation from a blueprint, as the user's folder has it."""
    folder = Path(hass.config.path("blueprints/automation/litellm_pulse"))
    await hass.async_add_executor_job(lambda: shutil.copytree(BLUEPRINTS, folder))
    path = f"litellm_pulse/{blueprint}.yaml"
    await automate(hass, use_blueprint={"path": path, "input": {"notify": [notify("{{ message }}")], **inputs}})


def above(number: float, unit: str) -> dict[str, Any]:
    """Return a threshold as the editor saves it."""
    return {"type": "above", "value": {"number": number, "unit_of_measurement": unit}}


async def test_the_editor_is_offered_every_trigger_and_condition_with_its_words(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert await async_setup_component(hass, "automation", {})
    assert await set_up(hass, entry)
    triggers = await trigger.async_get_all_descriptions(hass)
    conditions = await condition.async_get_all_descriptions(hass)
    assert {key for key in triggers if key.startswith("litellm_pulse")} == {
        f"litellm_pulse.{key}"
        for key in (
            *("spend_crossed_threshold", "used_crossed_threshold", "used_up", "unusual_spend", "new_model"),
            *("disconnected", "connected", "restarted"),
        )
    }
    assert {key for key in conditions if key.startswith("litellm_pulse")} == {
        f"litellm_pulse.{key}"
        for key in ("is_spend", "is_used", "is_used_up", "is_spend_unusual", "is_connected", "is_disconnected")
    }
    assert all(triggers[key] for key in triggers if key.startswith("litellm_pulse"))


@pytest.mark.parametrize(
    ("kind", "spend", "used"),
    [("triggers", "spend_crossed_threshold", "used_crossed_threshold"), ("conditions", "is_spend", "is_used")],
)
async def test_the_editor_offers_amounts_for_spend_and_percentages_for_limits(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    kind: str,
    spend: str,
    used: str,
) -> None:
    assert await async_setup_component(hass, "automation", {})
    assert await set_up(hass, entry)
    await limit(hass, entry, "day", 5)
    every = {"triggers": trigger, "conditions": condition}[kind]
    described = await every.async_get_all_descriptions(hass)
    (share,) = described[f"litellm_pulse.{used}"]["target"]["entity"]
    assert share["unit_of_measurement"] == ["%"]
    client = await hass_ws_client(hass)
    for key, offered in (("spend_day", {spend, used}), ("tokens_day", {used})):
        target = {"entity_id": [entity_id(hass, entry, key)]}
        await client.send_json_auto_id({"type": f"get_{kind}_for_target", "target": target})
        found = {one.partition(".")[2] for one in (await client.receive_json())["result"]}
        assert found & {spend, used} == offered


async def test_spend_today_above_an_amount_says_whose(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, told: list[str]
) -> None:
    assert await set_up(hass, entry)
    await automate(
        hass,
        triggers={
            "trigger": "litellm_pulse.spend_crossed_threshold",
            "target": {"device_id": [device_id(hass, entry), device_id(hass, entry, "LiteLLM model gpt-4o")]},
            "options": {"period": "day", "threshold": above(5, "USD")},
        },
        actions=[notify("{{ trigger.name }} {{ trigger.value }}")],
    )
    for by in (4, 2, 2):
        proxy.traffic.spend["gpt-4o"] += by
        await pass_time(hass, freezer)
    assert sorted(told) == ["LiteLLM $6.00", "LiteLLM model gpt-4o $6.00"]


async def test_the_spend_of_a_longer_period_is_another_trigger(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, told: list[str]
) -> None:
    assert await set_up(hass, entry)
    await automate(
        hass,
        triggers={
            "trigger": "litellm_pulse.spend_crossed_threshold",
            "target": {"device_id": device_id(hass, entry)},
            "options": {"period": "month", "threshold": above(5, "USD")},
        },
        actions=[notify()],
    )
    for _ in range(3):
        proxy.traffic.spend["gpt-4o"] += 2
        await pass_time(hass, freezer, 86_400)
    assert told == ["LiteLLM Spend this month: $6.00"]


async def test_an_amount_that_is_picked_itself_is_meant_whatever_the_period_says(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, told: list[str]
) -> None:
    assert await set_up(hass, entry)
    picked = ("spend_month", "spend_lifetime", "tokens_day")
    target = {"entity_id": [entity_id(hass, entry, one) for one in picked]}
    options = {"period": "day", "threshold": above(5, "USD")}
    await automate(
        hass,
        triggers={"trigger": "litellm_pulse.spend_crossed_threshold", "target": target, "options": options},
        conditions={"condition": "litellm_pulse.is_spend", "target": target, "options": options},
        actions=[notify()],
    )
    for _ in range(3):
        proxy.traffic.spend["gpt-4o"] += 2
        await pass_time(hass, freezer, 86_400)
    assert sorted(told) == ["LiteLLM Spend lifetime: $6.00", "LiteLLM Spend this month: $6.00"]


async def test_a_condition_on_spend_lets_pass_what_it_says(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, told: list[str]
) -> None:
    assert await set_up(hass, entry)
    await automate(
        hass,
        triggers={"trigger": "event", "event_type": "go"},
        conditions=[
            {
                "condition": "litellm_pulse.is_spend",
                "target": {"device_id": device_id(hass, entry)},
                "options": {"period": "day", "threshold": above(5, "USD")},
            },
            {"condition": "litellm_pulse.is_connected", "target": {"device_id": device_id(hass, entry)}},
        ],
        actions=[notify("passed")],
    )
    for count in (0, 0, 1):
        hass.bus.async_fire("go")
        await hass.async_block_till_done()
        assert len(told) == count
        proxy.traffic.spend["gpt-4o"] += 3
        await pass_time(hass, freezer)


async def test_conditions_tell_whether_a_limit_is_used_up_and_the_proxy_is_away(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, told: list[str]
) -> None:
    assert await set_up(hass, entry)
    await limit(hass, entry, "day", 5)
    target = {"target": {"device_id": device_id(hass, entry)}}
    conditions: dict[str, dict[str, Any]] = {
        "is_disconnected": target,
        "is_used_up": target,
        "is_used": {**target, "options": {"threshold": above(50, "%")}},
    }
    await automate(
        hass,
        triggers={"trigger": "event", "event_type": "go"},
        actions=[
            {
                "choose": [
                    {"conditions": [{"condition": f"litellm_pulse.{key}", **on}], "sequence": [notify(key)]}
                    for key, on in conditions.items()
                ],
                "default": [notify("fine")],
            },
        ],
    )

    async def go() -> None:
        hass.bus.async_fire("go")
        await hass.async_block_till_done()

    await go()
    for _ in range(2):
        proxy.traffic.spend["gpt-4o"] += 3
        await pass_time(hass, freezer)
        await go()
    proxy.answer(status=500)
    await pass_time(hass, freezer)
    await go()
    assert told == ["fine", "is_used", "is_used_up", "is_disconnected"]


async def test_a_limit_that_is_reached_triggers_on_the_device_of_whose_it_is(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, told: list[str]
) -> None:
    assert await set_up(hass, entry)
    await limit(hass, entry, "day", 5)
    await automate(
        hass,
        triggers={"trigger": "litellm_pulse.used_up", "target": {"device_id": device_id(hass, entry)}},
        actions=[notify("{{ trigger.name }}")],
    )
    for _ in range(3):
        proxy.traffic.spend["gpt-4o"] += 3
        await pass_time(hass, freezer)
    assert told == ["LiteLLM"]


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["LiteLLM Daily limit reached", "LiteLLM Connection: Disconnected", "LiteLLM Connection: Connected"]),
        ("de", ["LiteLLM Tageslimit erreicht", "LiteLLM Verbindung: Getrennt", "LiteLLM Verbindung: Verbunden"]),
    ],
)
async def test_what_is_on_or_off_is_told_in_words(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    told: list[str],
    language: str,
    sentences: list[str],
) -> None:
    hass.config.language = language
    assert await set_up(hass, entry)
    await limit(hass, entry, "day", 5)
    target = {"target": {"device_id": device_id(hass, entry)}}
    kinds = ("used_up", "disconnected", "connected")
    await automate(
        hass, triggers=[{"trigger": f"litellm_pulse.{kind}", **target} for kind in kinds], actions=[notify()]
    )
    proxy.traffic.spend["gpt-4o"] += 6
    await pass_time(hass, freezer)
    proxy.answer(status=500)
    await pass_time(hass, freezer)
    proxy.recover()
    await pass_time(hass, freezer)
    assert told == sentences


async def test_a_restart_and_an_outage_trigger(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, told: list[str]
) -> None:
    assert await set_up(hass, entry)
    target = {"device_id": device_id(hass, entry)}
    kinds = ("restarted", "disconnected", "connected")
    await automate(
        hass,
        triggers=[{"trigger": f"litellm_pulse.{kind}", "target": target, "id": kind} for kind in kinds],
        actions=[notify("{{ trigger.id }} {{ trigger.name }}")],
        mode="queued",
    )
    await pass_time(hass, freezer)
    proxy.restart(spend={"gpt-4o": 0.5})
    for _ in range(3):
        await pass_time(hass, freezer)
    proxy.answer(status=500)
    await pass_time(hass, freezer)
    proxy.recover()
    await pass_time(hass, freezer)
    assert told == [f"{kind} LiteLLM" for kind in kinds]


async def test_blueprint_limit_or_budget(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, told: list[str]
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"]})
    proxy.traffic.add(REMAINING, 40, team="t1", team_alias="Home")
    proxy.traffic.add(MAXIMUM, 40, team="t1", team_alias="Home")
    assert await set_up(hass, entry)
    await limit(hass, entry, "day", 5)
    devices = [device_id(hass, entry), device_id(hass, entry, "LiteLLM team Home")]
    await use(hass, "limit_or_budget", devices={"device_id": devices}, percentage=80)
    proxy.traffic.spend["gpt-4o"] += 4.5
    await pass_time(hass, freezer)
    proxy.traffic.series[REMAINING] = {'team="t1",team_alias="Home"': 2}
    await pass_time(hass, freezer)
    assert told == ["LiteLLM Daily limit used: 90 %", "LiteLLM team Home Budget used: 95 %"]


async def test_blueprint_new_model(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, told: list[str]
) -> None:
    assert await set_up(hass, entry)
    await use(hass, "new_model", devices={"device_id": device_id(hass, entry)})
    proxy.traffic.spend["llama3"] = 0.5
    await pass_time(hass, freezer)
    assert told == ["New model: llama3"]


async def test_blueprint_unusual_spend(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, told: list[str]
) -> None:
    assert await set_up(hass, entry)
    await use(hass, "unusual_spend", devices={"device_id": device_id(hass, entry)})
    for _ in range(8):
        await pass_time(hass, freezer, 86_400)
    proxy.traffic.spend["gpt-4o"] += 5
    await pass_time(hass, freezer)
    assert told == ["Unusual spend of LiteLLM: $5.00 this hour, usually $0.00"]


async def test_blueprint_proxy_down(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, told: list[str]
) -> None:
    assert await set_up(hass, entry)
    await use(hass, "proxy_down", devices={"device_id": device_id(hass, entry)}, minutes={"minutes": 5})
    proxy.answer(status=500)
    for minutes in range(7):
        await pass_time(hass, freezer)
        assert len(told) == (1 if minutes > 4 else 0), minutes
    assert told == ["LiteLLM has not answered since 04:01"]


async def test_blueprint_daily_summary(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, told: list[str]
) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    proxy.traffic.spend |= {"llama3": 0.5, "mistral": 0.5}
    assert await set_up(hass, entry)
    await use(hass, "daily_summary", proxy=device_id(hass, entry), time="21:00:00")
    for model, by in {"gpt-4o": 0.5, "claude-sonnet": 2, "llama3": 0.003, "mistral": 0.001}.items():
        proxy.traffic.spend[model] += by
    await pass_time(hass, freezer)
    freezer.move_to("2026-11-18 19:59:00+00:00")
    await pass_time(hass, freezer)
    (message,) = told
    assert message.splitlines() == [
        "LiteLLM spent $2.50 today.",
        *("1. claude-sonnet: $2.00", "2. gpt-4o: $0.50", "3. llama3: $0.003"),
    ]
    await stop(hass)


@pytest.mark.parametrize(
    ("spend", "lines"),
    [
        (0.0042, ["LiteLLM spent $0.0042 today.", "1. gpt-4o: $0.0042"]),
        (0.000_03, ["LiteLLM spent $0.00003 today.", "1. gpt-4o: $0.00003"]),
        (0, ["LiteLLM spent $0.00 today."]),
    ],
)
async def test_a_summary_of_less_than_a_cent_does_not_say_that_nothing_was_spent(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    told: list[str],
    spend: float,
    lines: list[str],
) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    assert await set_up(hass, entry)
    await use(hass, "daily_summary", proxy=device_id(hass, entry), time="21:00:00")
    proxy.traffic.spend["gpt-4o"] += spend
    await pass_time(hass, freezer)
    freezer.move_to("2026-11-18 19:59:00+00:00")
    await pass_time(hass, freezer)
    assert [message.splitlines() for message in told] == [lines]
    await stop(hass)


async def test_blueprint_weekly_summary(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, told: list[str]
) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    proxy.traffic.spend |= {"llama3": 0.5, "mistral": 0.5}
    assert await set_up(hass, entry)
    await use(hass, "weekly_summary", proxy=device_id(hass, entry), time="21:00:00", weekday="wed")
    for day in range(18, 26):
        freezer.move_to(f"2026-11-{day} 19:00:00+00:00")
        for model, by in {"gpt-4o": 0.25, "claude-sonnet": 1, "llama3": 0.001, "mistral": 0.0005}.items():
            proxy.traffic.spend[model] += by
        await pass_time(hass, freezer)
    freezer.move_to("2026-11-25 19:59:00+00:00")
    await pass_time(hass, freezer)
    # There is nothing of the Wednesday before.
    assert told[-1].splitlines() == [
        "LiteLLM spent $8.76 in the last seven days.",
        *("1. claude-sonnet: $7.00", "2. gpt-4o: $1.75", "3. llama3: $0.007"),
    ]
    await stop(hass)


@pytest.mark.parametrize(
    "options",
    [
        {"time_zone": "Asia/Singapore"},
        {"time_zone": "Pacific/Honolulu"},
        {"currency": "EUR", "exchange_rate": 0.5},
        {"group_models_by": "public_model"},
        {},
    ],
    ids=str,
)
@pytest.mark.parametrize("summary", ["daily_summary", "weekly_summary"])
async def test_a_summary_tells_what_was_spent_whatever_sensors_there_are(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    told: list[str],
    options: dict[str, Any],
    summary: str,
) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    hass.config_entries.async_update_entry(entry, options=options)
    assert await set_up(hass, entry)
    registry = er.async_get(hass)
    if not options:
        for one in er.async_entries_for_config_entry(registry, entry.entry_id):
            registry.async_update_entity(one.entity_id, disabled_by=er.RegistryEntryDisabler.USER)
        assert await hass.config_entries.async_reload(entry.entry_id)
    weekday = {"weekday": "wed"} if summary == "weekly_summary" else {}
    await use(hass, summary, proxy=device_id(hass, entry), time="21:00:00", **weekday)
    proxy.traffic.spend["gpt-4o"] += 0.5
    await pass_time(hass, freezer)
    # In Singapore that was yesterday.
    freezer.move_to("2026-11-18 19:58:00+00:00")
    proxy.traffic.spend["gpt-4o"] += 2
    await pass_time(hass, freezer)
    await pass_time(hass, freezer)
    when, yesterday = ("today", 0.5) if summary == "daily_summary" else ("in the last seven days", 0)
    spent = 2.5 - (yesterday if options.get("time_zone") == "Asia/Singapore" else 0)
    (message,) = told
    first, *models = message.splitlines()
    assert first == f"LiteLLM spent ${spent:.2f} {when}."
    assert [line.partition(": ")[2] for line in models] == [f"${spent:.2f}"]
    await stop(hass)


def _examples() -> dict[str, dict[str, Any]]:
    """Return the automations of the page of use cases, by their names."""
    page = (BLUEPRINTS.parents[2] / "docs" / "use-cases.md").read_text()
    blocks = [parse_yaml(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    return {block["alias"]: block for block in blocks if isinstance(block, dict) and "triggers" in block}


@pytest.mark.parametrize("name", _examples())
async def test_an_example_of_the_documents_is_an_automation(
    hass: HomeAssistant, entry: MockConfigEntry, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await set_up(hass, entry)
    await limit(hass, entry, "day", 5)
    example = _examples()[name]
    await automate(hass, **example | {"alias": "Test"})
    await stop(hass)
    assert [one.message for one in caplog.records if one.levelno >= logging.ERROR] == []
    named = set(re.findall(r"\w+\.litellm_\w+", json.dumps(example)))
    assert {one for one in named if not hass.states.get(one)} == set()
