"""What the dashboard asks for is told to every user; persons only to whom they are shown."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import AsyncMock, Mock, patch

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.statistics import valid_statistic_id
from homeassistant.components.websocket_api.messages import construct_result_message
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    MockHAClientWebSocket,
    WebSocketGenerator,
)

from custom_components.litellm_pulse import websocket_api
from custom_components.litellm_pulse.api import answers
from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.errors import StoreError
from custom_components.litellm_pulse.core.models import TOTAL, MemberKey, Window
from custom_components.litellm_pulse.core.query import sql
from custom_components.litellm_pulse.statistic_ids import METRICS, statistic_id, statistic_prefix, statistic_stem

from .conftest import NOW, entity_id, set_up, state
from .proxy import Proxy

pytestmark = pytest.mark.freeze_time(NOW)

DAY = {"from": "2026-11-18T00:00:00Z", "to": "2026-11-19T00:00:00Z"}


@pytest.fixture
async def shown(hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy) -> MockConfigEntry:
    """Return an entry that shows teams and keys, and has counted a request."""
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team", "key"]})
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 1.0
    labels = {"model": "gpt-4o", "team": "t1", "team_alias": "Home", "hashed_api_key": "k1", "api_key_alias": "laptop"}
    proxy.traffic.add("litellm_spend_metric_total", 1.5, **labels)
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done()
    return entry


async def _ask(hass_ws_client: WebSocketGenerator, message: dict[str, Any], token: str | None = None) -> dict[str, Any]:
    """Return the whole answer to a command."""
    client = await (hass_ws_client(access_token=token) if token else hass_ws_client())
    await client.send_json_auto_id(message)
    answer: dict[str, Any] = await client.receive_json()
    return answer


async def _proxies(hass_ws_client: WebSocketGenerator, token: str | None = None) -> list[dict[str, Any]]:
    """Return what is told of the proxies."""
    answer = await _ask(hass_ws_client, {"type": "litellm_pulse/dashboard"}, token)
    found: list[dict[str, Any]] = answer["result"]["proxies"]
    return found


def _dimensions(proxy: dict[str, Any]) -> dict[str, list[str]]:
    """Return the names of the members per dimension."""
    return {one["dimension"]: [member["name"] for member in one["members"]] for one in proxy["dimensions"]}


async def test_a_proxy_is_told_with_its_members_entities_and_statistics(
    hass: HomeAssistant, shown: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    (told,) = await _proxies(hass_ws_client)
    assert (told["id"], told["name"], told["connected"], told["error"]) == (shown.entry_id, shown.title, True, None)
    assert _dimensions(told) == {"model": ["gpt-4o", "claude-sonnet"], "team": ["Home"], "key": ["laptop"]}
    assert told["entities"]["spend_day"] == entity_id(hass, shown, "spend_day")
    assert told["statistics"] == statistic_stem(shown.entry_id, TOTAL)
    (team,) = told["dimensions"][1]["members"]
    assert team["entities"]["spend_day"] == entity_id(hass, shown, "spend_day", "team:t1")
    device = dr.async_get(hass).async_get(team["device_id"])
    assert device is not None
    assert told["spend"] == shown.runtime_data.coordinator.data.snapshot.value(TOTAL, Window.LIFETIME, "cost") > 0


async def test_it_is_told_since_when_whole_days_are_known(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_ws_client: WebSocketGenerator
) -> None:
    hass.config_entries.async_update_entry(entry, options={"time_zone": "Europe/Berlin"})
    assert await set_up(hass, entry)
    (told,) = await _proxies(hass_ws_client)
    assert told["known_from"] is None
    proxy.traffic.spend["gpt-4o"] += 1.0
    await entry.runtime_data.coordinator.async_refresh()
    (told,) = await _proxies(hass_ws_client)
    # The day of the set-up is known by half.
    assert told["known_from"] == "2026-11-19T00:00:00+01:00"
    with patch.object(sql, "first_day", side_effect=StoreError("locked")):
        (told,) = await _proxies(hass_ws_client)
    assert told["known_from"] is None


async def test_an_entity_that_is_disabled_is_not_told(
    hass: HomeAssistant, shown: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    entity = entity_id(hass, shown, "spend_day")
    er.async_get(hass).async_update_entity(entity, disabled_by=er.RegistryEntryDisabler.USER)
    (told,) = await _proxies(hass_ws_client)
    assert "spend_day" not in told["entities"]
    assert "spend_month" in told["entities"]


async def test_requests_without_a_price_are_told_where_litellm_counts_them(
    shown: MockConfigEntry, proxy: Proxy, hass_ws_client: WebSocketGenerator
) -> None:
    (told,) = await _proxies(hass_ws_client)
    assert "unpriced_requests_day" not in told
    for requests in (0, 2):
        proxy.traffic.series["litellm_zero_cost_requests_total"] = {'reason="missing_pricing_key"': requests}
        await shown.runtime_data.coordinator.async_refresh()
    (told,) = await _proxies(hass_ws_client)
    assert told["unpriced_requests_day"] == 2


@pytest.mark.usefixtures("shown")
async def test_what_is_told_of_thousands_is_not_made_on_the_event_loop(
    hass_ws_client: WebSocketGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set()

    def noted(entry_id: str, member: MemberKey) -> str:
        threads.add(threading.current_thread())
        return statistic_stem(entry_id, member)

    monkeypatch.setattr(websocket_api, "statistic_stem", noted)
    (told,) = await _proxies(hass_ws_client)
    assert told["statistics"]
    assert threads
    assert threading.main_thread() not in threads


@pytest.mark.parametrize("window", [Window.DAY, Window.WEEK, Window.MONTH])
async def test_what_a_disabled_sensor_would_say_can_be_asked_for(
    hass: HomeAssistant, shown: MockConfigEntry, hass_ws_client: WebSocketGenerator, window: Window
) -> None:
    (told,) = await _proxies(hass_ws_client)
    assert told["time_zone"] == hass.config.time_zone
    span = {"from": told["window_starts"][window], "to": "2026-12-01T00:00:00Z"}
    answer = await _ask(hass_ws_client, {"type": "litellm_pulse/usage", "entry_id": shown.entry_id, **span})
    assert sum(row["cost"] for row in answer["result"]["usage"]) == float(state(hass, shown, f"spend_{window}")) > 0


@pytest.mark.usefixtures("shown")
async def test_the_name_that_the_user_gave_a_device_is_told(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator
) -> None:
    (told,) = await _proxies(hass_ws_client)
    device = told["dimensions"][1]["members"][0]["device_id"]
    dr.async_get(hass).async_update_device(device, name_by_user="The house")
    (told,) = await _proxies(hass_ws_client)
    assert _dimensions(told)["team"] == ["The house"]


async def test_a_limit_that_is_set_is_told(
    hass: HomeAssistant, shown: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    number = entity_id(hass, shown, "limit_day", platform="number")
    await hass.services.async_call("number", "set_value", {"entity_id": number, "value": 5}, blocking=True)
    (told,) = await _proxies(hass_ws_client)
    assert told["limits"] == {"day": 5.0}


@pytest.mark.usefixtures("shown")
async def test_who_is_no_administrator_sees_everything_but_persons(
    hass_ws_client: WebSocketGenerator, hass_read_only_access_token: str
) -> None:
    (told,) = await _proxies(hass_ws_client, hass_read_only_access_token)
    assert _dimensions(told) == {"model": ["gpt-4o", "claude-sonnet"], "team": ["Home"]}


async def test_persons_are_shown_to_everybody_where_an_option_says_so(
    hass: HomeAssistant,
    shown: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    hass_read_only_access_token: str,
) -> None:
    hass.config_entries.async_update_entry(shown, options={**shown.options, "show_persons": True})
    (told,) = await _proxies(hass_ws_client, hass_read_only_access_token)
    assert _dimensions(told)["key"] == ["laptop"]


async def test_usage_is_what_the_json_api_answers(
    shown: MockConfigEntry, hass_ws_client: WebSocketGenerator, hass_client: ClientSessionGenerator
) -> None:
    message = {"type": "litellm_pulse/usage", "entry_id": shown.entry_id, "group_by": ["team", "model"], **DAY}
    answer = await _ask(hass_ws_client, message)
    assert answer["success"]
    client = await hass_client()
    query = {"group_by": "team,model", "period": "month", **DAY}
    response = await client.get("/api/litellm_pulse/api/v1/usage", params=query)
    assert answer["result"] == await response.json()
    assert {row["team"]: row["cost"] for row in answer["result"]["usage"] if row["cost"]} == {None: 1.0, "t1": 1.5}


async def test_usage_by_person_is_refused_to_who_is_no_administrator(
    shown: MockConfigEntry, hass_ws_client: WebSocketGenerator, hass_read_only_access_token: str
) -> None:
    message = {"type": "litellm_pulse/usage", "entry_id": shown.entry_id, **DAY}
    refused = await _ask(hass_ws_client, {**message, "group_by": ["model", "key"]}, hass_read_only_access_token)
    assert refused["error"]["code"] == "unauthorized"
    answer = await _ask(hass_ws_client, {**message, "group_by": ["team"]}, hass_read_only_access_token)
    assert answer["success"]


@pytest.mark.parametrize(
    "change",
    [{"entry_id": "nobody"}, {"from": "yesterday"}, {"to": "2026-11-01T00:00:00Z"}, {"group_by": ["total"]}],
)
async def test_a_question_that_cannot_be_answered_is_told_what_is_wrong(
    shown: MockConfigEntry, hass_ws_client: WebSocketGenerator, change: dict[str, Any]
) -> None:
    message = {"type": "litellm_pulse/usage", "entry_id": shown.entry_id, **DAY, **change}
    answer = await _ask(hass_ws_client, message)
    assert answer["error"]["code"] == "invalid_format"
    assert answer["error"]["message"]


@pytest.mark.parametrize(
    "change",
    [
        {"entry_id": "x" * 100_000},
        {"from": "T" + " " * 100_000},
        {"to": "2026-11-18T00:00:00." + "1" * 100_000},
        {"period": "x" * 100_000},
        {"group_by": ["model"] * 100_000},
        {"group_by": [f"x{number}" for number in range(20_000)]},
    ],
)
async def test_a_question_without_end_is_refused_in_a_line_before_it_is_looked_into(
    shown: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    hass_read_only_access_token: str,
    change: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With a line in the log for each name that is none, one message of 4 MB would be 100 MB of them."""
    message = {"type": "litellm_pulse/usage", "entry_id": shown.entry_id, **DAY, **change}
    caplog.clear()
    answer = await _ask(hass_ws_client, message, hass_read_only_access_token)
    assert answer["error"]["code"] == "invalid_format"
    assert len(answer["error"]["message"]) < 1_000
    assert sum(len(record.getMessage()) for record in caplog.records if record.levelno >= logging.WARNING) < 2_000


async def test_what_is_wrong_with_a_question_is_told_in_home_assistants_language(
    hass: HomeAssistant, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    hass.config.language = "de"
    assert await set_up(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    answer = await _ask(hass_ws_client, {"type": "litellm_pulse/usage", "entry_id": entry.entry_id, **DAY})
    assert answer["error"]["message"] == f"{entry.title} ist nicht geladen."


async def test_a_proxy_that_is_not_loaded_is_told_with_the_reason(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_ws_client: WebSocketGenerator
) -> None:
    proxy.answer(status=500)
    assert not await set_up(hass, entry)
    (told,) = await _proxies(hass_ws_client)
    assert told["loaded"] is False
    assert told["error"].rstrip(".") == entry.reason
    assert told["dimensions"] == []


async def test_why_a_proxy_is_not_read_is_told_in_home_assistants_language(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_ws_client: WebSocketGenerator
) -> None:
    hass.config.language = "de"
    proxy.answer(status=500)
    assert not await set_up(hass, entry)
    told = await _proxies(hass_ws_client)
    # The floor does not pass the key of the sentence on while an entry is not loaded.
    english = {entry.reason} if entry.error_reason_translation_key is None else set()
    proxy.recover()
    assert await hass.config_entries.async_reload(entry.entry_id)
    proxy.answer(status=500)
    await entry.runtime_data.coordinator.async_refresh()
    told += await _proxies(hass_ws_client)
    assert [one["loaded"] for one in told] == [False, True]
    assert {one["error"] for one in told} == {"Der Proxy hat mit dem HTTP-Status 500 geantwortet.", *english}


def test_statistic_ids_are_valid_whatever_a_member_is_called(hass_admin_user: MockUser) -> None:
    entry_id = hass_admin_user.id
    members = [TOTAL, (Dimension.PUBLIC_MODEL, "<img src=x>"), (Dimension.TEAM, "Ü __ 漢"), (Dimension.KEY, "k" * 500)]
    ids = [statistic_id(entry_id, member, metric) for member in members for metric in METRICS]
    assert all(map(valid_statistic_id, ids)), ids
    assert len(set(ids)) == len(ids)
    assert all(one.startswith(statistic_prefix(entry_id)) for one in ids)


def test_statistic_ids_never_change() -> None:
    assert statistic_id("01JABC", (Dimension.TEAM, "t1"), "spend") == "litellm_pulse:01jabc_team_628b49d96dcde97a_spend"
    assert statistic_id("01JABC", TOTAL, "failed_requests") == "litellm_pulse:01jabc_total_failed_requests"


async def test_a_reader_who_takes_no_answer_has_few_large_ones_wait_and_is_hung_up_on(
    hass: HomeAssistant,
    shown: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Forty answers held 107 MB in Home Assistant's queue for as long as the connection stood."""
    usage = {"type": "litellm_pulse/usage", "entry_id": shown.entry_id, **DAY}
    body, made = b'"' + b"x" * 3_000_000 + b'"', []

    def construct(number: int, answer: bytes) -> bytes:
        made.append(number)
        return construct_result_message(number, answer)

    async def wait(seconds: float) -> None:
        for _ in range(50):
            freezer.tick(seconds / 50)
            await hass.async_add_executor_job(time.sleep, 0.01)

    silent, other = await hass_ws_client(), await hass_ws_client()
    assert silent._conn
    silent._conn.protocol.pause_reading()
    with (
        patch.object(answers, "async_usage", AsyncMock(return_value=body)),
        patch.object(websocket_api, "construct_result_message", construct),
    ):
        for _ in range(2):
            for _ in range(40):
                await silent.send_json_auto_id(usage)
            await wait(30)
        # Those that the operating system holds, and the one that waits for it.
        assert len(made) < 8
        await other.send_json_auto_id(usage)
        assert (await other.receive_json())["error"]["message"].startswith("Too many")
        await wait(121)
        other = await hass_ws_client()
        for _ in range(2):
            await other.send_json_auto_id(usage)
            assert len((await other.receive_json())["result"]) == 3_000_000
            await wait(1)
    silent._conn.protocol.resume_reading()


async def _wait(hass: HomeAssistant, freezer: FrozenDateTimeFactory, seconds: float) -> None:
    """Let time pass, with work of other threads in between."""
    for _ in range(50):
        freezer.tick(seconds / 50)
        await hass.async_add_executor_job(time.sleep, 0.01)


@contextmanager
def _silent(*clients: MockHAClientWebSocket) -> Iterator[None]:
    """Have clients read nothing."""
    protocols = [one._conn.protocol for one in clients if one._conn]
    for one in protocols:
        one.pause_reading()
    try:
        yield
    finally:
        for one in protocols:
            one.resume_reading()


@pytest.mark.parametrize("size", [30_000, 200_000, 900_000])
async def test_a_reader_who_takes_no_answer_has_few_made_whatever_their_size(
    hass: HomeAssistant,
    shown: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    freezer: FrozenDateTimeFactory,
    size: int,
) -> None:
    """Of 900 questions all were made, and waited in Home Assistant's queue."""
    usage = {"type": "litellm_pulse/usage", "entry_id": shown.entry_id, **DAY}
    body, many = b'"' + b"x" * size + b'"', 45_000_000 // size
    silent = await hass_ws_client()
    with _silent(silent), patch.object(answers, "async_usage", AsyncMock(return_value=body)) as made:
        for _ in range(many):
            await silent.send_json_auto_id(usage)
        for _ in range(20):
            await _wait(hass, freezer, 5)
        # The operating system holds some megabytes.
        assert made.call_count * size < 20_000_000
        until_now = made.call_count
        await _wait(hass, freezer, 121)
        await _wait(hass, freezer, 121)
        assert made.call_count <= until_now + websocket_api._AT_ONCE


async def test_a_dashboard_that_asks_a_lot_at_once_and_reads_has_all_of_it_soon(
    hass: HomeAssistant, shown: MockConfigEntry, hass_ws_client: WebSocketGenerator, freezer: FrozenDateTimeFactory
) -> None:
    usage = {"type": "litellm_pulse/usage", "entry_id": shown.entry_id, **DAY}
    client = await hass_ws_client()
    with patch.object(answers, "async_usage", AsyncMock(return_value=b'"' + b"x" * 60_000 + b'"')):
        for _ in range(24):
            await client.send_json_auto_id(usage)
        waiting = asyncio.create_task(_received(client, 24))
        # Six milliseconds for each of them, in steps as coarse.
        for _ in range(100):
            freezer.tick(0.006)
            await hass.async_add_executor_job(time.sleep, 0.005)
        assert waiting.done()
        assert await waiting == [60_000] * 24


async def _received(client: MockHAClientWebSocket, many: int) -> list[int]:
    """Return how long the next results are."""
    return [len((await client.receive_json())["result"]) for _ in range(many)]


async def test_one_user_who_takes_no_answer_leaves_places_to_the_others(
    hass: HomeAssistant,
    shown: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    hass_read_only_access_token: str,
    freezer: FrozenDateTimeFactory,
) -> None:
    usage = {"type": "litellm_pulse/usage", "entry_id": shown.entry_id, **DAY}
    silent = [await hass_ws_client(access_token=hass_read_only_access_token) for _ in range(3)]
    other = await hass_ws_client()
    with (
        _silent(*silent),
        patch.object(answers, "async_usage", AsyncMock(return_value=b'"' + b"x" * 3_900_000 + b'"')),
    ):
        for _ in range(3):
            for one in 4 * silent:
                await one.send_json_auto_id(usage)
            await _wait(hass, freezer, 10)
        await other.send_json_auto_id(usage)
        assert len((await other.receive_json())["result"]) == 3_900_000
        await _wait(hass, freezer, 121)


async def test_what_is_left_of_an_answer_is_waited_for_until_more_is_written(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    """A client that left 17 to 64 kB of one had all that it asked for after it wait in Home Assistant's queue."""
    transport = Mock(get_write_buffer_limits=Mock(return_value=(16_384, 65_536)))
    waiting = hass.async_create_task(websocket_api._async_taken(Mock(transport=transport), 1024))
    for left in (40_000, 16_384):
        transport.get_write_buffer_size.return_value = left
        for _ in range(5):
            freezer.tick(0.1)
            await hass.async_add_executor_job(time.sleep, 0.02)
        assert waiting.done() == (left == 16_384)
