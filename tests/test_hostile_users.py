"""What a user of Home Assistant who may only read can ask, whatever he asks with."""

import json
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.auth.const import GROUP_ID_READ_ONLY
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.litellm_pulse.const import DOMAIN

from .conftest import NOW, pass_time, set_up
from .proxy import Proxy

pytestmark = pytest.mark.freeze_time(NOW)

PERSON = "zz-somebody"
KEY = {"hashed_api_key": f"{PERSON}-hash", "api_key_alias": f"{PERSON}-alias"}
DAY = {"from": "2026-11-18", "to": "2026-11-18"}
COMMANDS: list[dict[str, Any]] = [
    {"type": f"{DOMAIN}/dashboard"},
    *({"type": f"{DOMAIN}/usage", **DAY, "group_by": kind} for kind in ([], "key", ["model", "user"], "metadata")),
    {"type": f"{DOMAIN}/history"},
    *(
        {"type": kind}
        for kind in ("get_states", "config_entries/get", "repairs/list_issues", "recorder/list_statistic_ids")
    ),
    *({"type": f"config/{registry}_registry/list"} for registry in ("device", "entity")),
    *(
        {"type": kind}
        for kind in (
            *("config/entity_registry/list_for_display", "config_entries/subscribe", "entity/source"),
            *("recorder/get_statistics_metadata", "subscribe_entities", "system_health/info"),
        )
    ),
    {"type": "search/related", "item_type": "integration", "item_id": DOMAIN},
    {"type": "logbook/get_events", "start_time": "2026-11-18T00:00:00+00:00"},
    *({"type": "call_service", "service": name} for name in ("scrape", "get_usage", "export_usage", "import_history")),
    *(
        {"type": "call_service", "service": "get_usage", "service_data": asked}
        for asked in ({"group_by": "key"}, {"group_by": "model,user"}, {"group_by": "model", "members": [PERSON]})
    ),
    *(
        {"type": "conversation/process", "text": text}
        for text in ("Which user used the most today?", "Which key spent the most?", "How much budget is left?")
    ),
    {"type": "render_template", "template": "{{ states | list }} {{ states.sensor | map(attribute='name') | list }}"},
    {"type": "subscribe_events", "event_type": f"{DOMAIN}_event"},
]


@pytest.mark.usefixtures("recorder_mock")
async def test_persons_that_nobody_shows_are_in_nothing_that_a_reader_can_ask(  # noqa: PLR0913, PLR0917  # fixtures
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_ws_client: WebSocketGenerator,
    hass_read_only_access_token: str,
) -> None:
    for component in ("homeassistant", "conversation", "repairs", "config", "search", "system_health"):
        assert await async_setup_component(hass, component, {})
    # Needs what is not installed everywhere.
    await async_setup_component(hass, "logbook", {})
    labels = {**KEY, "model": "gpt-4o", "user": PERSON, "end_user": PERSON, "metadata_who": PERSON}
    proxy.traffic.add("litellm_spend_metric_total", 1, **labels)
    proxy.traffic.add("litellm_remaining_api_key_budget_metric", 5, **KEY)
    proxy.traffic.add("litellm_api_key_max_budget_metric", 10, **KEY)
    assert await set_up(hass, entry)
    proxy.traffic.add("litellm_spend_metric_total", 7, **labels)
    proxy.traffic.add("litellm_remaining_api_key_budget_metric", -6, **KEY)
    await pass_time(hass, freezer)
    known = entry.runtime_data.coordinator.data.snapshot.members
    assert sum(PERSON in id_ for _, id_ in known) >= 3
    client = await hass_ws_client(access_token=hass_read_only_access_token)
    for number, command in enumerate(COMMANDS, 1):
        asked = {"domain": DOMAIN, "return_response": True} if command["type"] == "call_service" else {}
        asked |= {"entry_id": entry.entry_id} if command["type"] in {f"{DOMAIN}/usage", f"{DOMAIN}/history"} else {}
        await client.send_json({"id": number, **command, **asked})
        # Events and late results included.
        while (answer := await client.receive_json())["id"] != number or answer["type"] != "result":
            assert PERSON not in json.dumps(answer)
        assert PERSON not in json.dumps(answer), command


async def test_who_may_know_is_asked_anew_with_every_question_also_on_a_connection_that_stands(
    hass: HomeAssistant, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator, hass_admin_user: MockUser
) -> None:
    assert await set_up(hass, entry)
    client = await hass_ws_client()
    ask = {"type": f"{DOMAIN}/usage", "entry_id": entry.entry_id, **DAY, "group_by": "key"}
    act = {"type": "call_service", "domain": DOMAIN, "service": "get_usage", "return_response": True}

    async def answered() -> list[bool]:
        found = []
        for message in (ask, {**act, "service_data": {"group_by": "key"}}):
            await client.send_json_auto_id(message)
            found.append((await client.receive_json())["success"])
        return found

    assert await answered() == [True, True]
    await hass.auth.async_update_user(hass_admin_user, group_ids=[GROUP_ID_READ_ONLY])
    assert await answered() == [False, False]
    hass.config_entries.async_update_entry(entry, options={"show_persons": True})
    assert await answered() == [True, True]
    hass.config_entries.async_update_entry(entry, options={"show_persons": False})
    assert await answered() == [False, False]


async def test_a_script_tells_no_more_than_who_runs_it_may_know(
    hass: HomeAssistant, entry: MockConfigEntry, hass_read_only_user: MockUser, hass_admin_user: MockUser
) -> None:
    assert await set_up(hass, entry)
    ask = {"action": f"{DOMAIN}.get_usage", "data": {"group_by": "user"}, "response_variable": "found"}
    sequence = [ask, {"stop": "", "response_variable": "found"}]
    assert await async_setup_component(hass, "script", {"script": {"persons": {"sequence": sequence}}})

    async def run(user: MockUser | None) -> object:
        context = Context(user_id=user.id if user else None)
        return await hass.services.async_call("script", "persons", blocking=True, return_response=True, context=context)

    assert await run(hass_admin_user)
    assert await run(None)
    with pytest.raises(ServiceValidationError, match="administrators"):
        await run(hass_read_only_user)
