"""History from before the set-up, from a real PostgreSQL or LiteLLM's API: what a user sees of it."""

import asyncio
import json
import logging
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import postgres
import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.persistent_notification import _async_get_or_create_notifications
from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.recorder import get_instance
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.litellm_pulse.api import answers
from custom_components.litellm_pulse.const import DOMAIN
from custom_components.litellm_pulse.core.catalog import COUNTER_INDEX, Dimension
from custom_components.litellm_pulse.core.models import TOTAL
from custom_components.litellm_pulse.diagnostics import async_get_config_entry_diagnostics
from custom_components.litellm_pulse.statistic_ids import statistic_id

from .conftest import entity_id, pass_time, set_up, state
from .history import Make, ago, day, past, serve_days, turn_on, usage
from .proxy import Proxy
from .spend_logs.schema import spend_logs
from .spend_logs.world import generated, insert, request

COST = COUNTER_INDEX["cost"]


async def test_spend_from_before_the_set_up_is_there_once_it_is_turned_on(
    hass: HomeAssistant, entry: MockConfigEntry, server: postgres.Postgres, make: Make
) -> None:
    await set_up(hass, entry)
    await turn_on(hass, entry, server.dsn(make(spend_logs() + insert(past()))))
    assert sum(row["cost"] for row in await usage(hass, entry)) == 15.0
    assert sum(row["requests"] for row in await usage(hass, entry)) == 4
    models = {row["model"]: row["cost"] for row in await usage(hass, entry, group_by="model", period="month")}
    assert models["opus"] == 4.0
    teams = [(row["team"], row["cost"]) for row in await usage(hass, entry, group_by="team")]
    assert sorted(teams) == [("blue", 2.0), ("red", 1.0), ("red", 12.0)]
    tags = {row["tag"]: row["cost"] for row in await usage(hass, entry, group_by="tag") if row["cost"]}
    assert tags["kitchen"] == 8.0
    aggregate = json.loads(await answers.async_aggregate(hass, entry.runtime_data))["data"]
    assert {(row["provider"], row["model"]): row["total_cost"] for row in aggregate}["openai", "gpt-4o"] == 11.0
    pairs = {
        (row["provider"], row["model"]): row["cost"]
        for row in await usage(hass, entry, group_by="provider,model")
        if row["cost"] == 11.0 or row["provider"] == "anthropic"
    }
    assert pairs == {("anthropic", "opus"): 4.0}


@pytest.mark.parametrize(
    "tags",
    [
        """'[["a"], {"b": 1}, "kitchen"]'""",
        """jsonb_build_array(repeat('x', 300000))""",
        """(repeat('[', 3000) || repeat(']', 3000))::jsonb""",
        """('[' || repeat('9', 6000) || ']')::jsonb""",
    ],
    ids=["no text", "long", "deep", "large"],
)
async def test_tags_that_a_client_made_up_hold_up_no_import(
    hass: HomeAssistant, entry: MockConfigEntry, server: postgres.Postgres, make: Make, tags: str
) -> None:
    await set_up(hass, entry)
    tagged = f"""UPDATE "LiteLLM_SpendLogs" SET request_tags = {tags} WHERE spend = 8;"""  # noqa: S608  # the test's own
    await turn_on(hass, entry, server.dsn(make(spend_logs() + insert(past()) + tagged)))
    assert state(hass, entry, "history_import") == "complete"
    assert sum(row["cost"] for row in await usage(hass, entry)) == 15.0


async def test_a_name_that_a_client_made_up_holds_up_no_import_by_the_api(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    """Of one letter PostgreSQL's indices hold some 240,000."""
    await set_up(hass, entry)
    date = f"{datetime.now(UTC) - timedelta(days=3):%Y-%m-%d}"
    serve_days(proxy, day(date, {"gpt-4o": 2.0, "x" * 240_000: 4.0}, {"openai": 6.0}))
    await turn_on(hass, entry, history_source="api")
    assert state(hass, entry, "history_import") == "complete"
    assert {one["model"]: one["cost"] for one in await usage(hass, entry, group_by="model")} == {
        "gpt-4o": 2.0,
        None: 4.0,
    }


async def test_lifetime_since_installation_and_since_the_beginning_of_the_records_are_told_apart(
    hass: HomeAssistant, entry: MockConfigEntry, server: postgres.Postgres, make: Make, proxy: Proxy
) -> None:
    await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.5
    await turn_on(hass, entry, server.dsn(make(spend_logs() + insert(past()))))
    shown = hass.states.get(entity_id(hass, entry, "spend_lifetime"))
    assert shown is not None
    assert (shown.state, shown.attributes["before_installation"], shown.attributes["since_records"]) == (
        *("0.5", 15.0),
        15.5,
    )
    of_model = hass.states.get(entity_id(hass, entry, "spend_lifetime", "model:gpt-4o"))
    assert of_model is not None
    assert (of_model.state, of_model.attributes["since_records"]) == ("0.5", 11.5)


async def test_progress_is_where_a_person_looks(
    hass: HomeAssistant, entry: MockConfigEntry, server: postgres.Postgres, make: Make
) -> None:
    await set_up(hass, entry)
    assert not [one for one in hass.states.async_entity_ids() if "history" in one], "nobody needs it who has none"
    await turn_on(hass, entry, server.dsn(make(spend_logs() + insert(past()))))
    shown = hass.states.get(entity_id(hass, entry, "history_import"))
    assert shown is not None
    assert (shown.state, shown.attributes["percent"], shown.attributes["rows"]) == ("complete", 100, 4)
    assert shown.attributes["oldest_day"] == f"{datetime.now(UTC) - timedelta(days=40):%Y-%m-%d}"
    (notice,) = _async_get_or_create_notifications(hass).values()
    assert "complete" in str(notice["title"])
    told: Any = await hass.services.async_call(DOMAIN, "import_history", {}, blocking=True, return_response=True)
    assert (told["state"], told["rows"], told["error"]) == ("complete", 4, None)


async def test_an_import_that_is_off_cannot_be_started(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await set_up(hass, entry)
    with pytest.raises(ServiceValidationError) as caught:
        await hass.services.async_call(DOMAIN, "import_history", {}, blocking=True)
    assert caught.value.translation_key == "history_is_off"


async def test_turning_it_off_deletes_nothing_and_on_again_resumes(
    hass: HomeAssistant, entry: MockConfigEntry, server: postgres.Postgres, make: Make
) -> None:
    await set_up(hass, entry)
    name = make(spend_logs() + insert(past()))
    await turn_on(hass, entry, server.dsn(name))
    await turn_on(hass, entry, history_source="off")
    assert state(hass, entry, "history_import") == "off"
    assert sum(row["cost"] for row in await usage(hass, entry)) == 15.0
    server.sql("DELETE FROM \"LiteLLM_SpendLogs\" WHERE request_id = 'chatcmpl-1'", name)
    await turn_on(hass, entry, history_source="database")
    assert sum(row["cost"] for row in await usage(hass, entry)) == 15.0
    assert entry.runtime_data.coordinator.data.snapshot.before[TOTAL][COST] == 15.0


async def test_an_import_that_is_interrupted_by_a_restart_goes_on(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    server: postgres.Postgres,
    make: Make,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await set_up(hass, entry)
    name = make(spend_logs() + generated(6000))
    options = {"history_source": "database", "history_dsn": server.dsn(name), "history_identity": "7/litellm"}
    hass.config_entries.async_update_entry(entry, options=options)
    await hass.config_entries.async_reload(entry.entry_id)
    while not await entry.runtime_data.ledger.async_history(lambda history: history.progress("database")):  # noqa: ASYNC110
        await asyncio.sleep(0)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, entry, "history_import") == "complete"
    truth = sum(number % 97 for number in range(6000)) / 1024
    assert entry.runtime_data.coordinator.data.snapshot.before[TOTAL][COST] == pytest.approx(truth)
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR], caplog.text[-3000:]


async def test_a_database_that_is_away_is_told_once_and_asked_again(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    await set_up(hass, entry)
    told = async_capture_events(hass, EVENT_STATE_CHANGED)
    await turn_on(hass, entry, "postgresql://nobody:secret-word@127.0.0.1:1/litellm")
    told.clear()
    for _ in range(5):
        await hass.services.async_call(DOMAIN, "import_history", {}, blocking=True)
        await hass.async_block_till_done(wait_background_tasks=True)
    assert caplog.text.count("Nobody answers") == 1
    assert not [one for one in told if one.data["entity_id"] == entity_id(hass, entry, "history_import")]
    shown = hass.states.get(entity_id(hass, entry, "history_import"))
    assert shown is not None
    assert (shown.state, shown.attributes["error"]) == ("failed", "cannot_connect")
    assert "Nobody answers" in caplog.text
    assert "secret-word" not in caplog.text


async def test_diagnostics_name_no_host_and_no_password(
    hass: HomeAssistant, entry: MockConfigEntry, server: postgres.Postgres, make: Make
) -> None:
    await set_up(hass, entry)
    address = server.dsn(make(spend_logs() + insert(past())), password="secret-word")
    await turn_on(hass, entry, address)
    told = json.dumps(await async_get_config_entry_diagnostics(hass, entry), default=str)
    assert not [one for one in ("secret-word", f"127.0.0.1:{server.port}", "7/litellm") if one in told]
    assert '"state": "complete"' in told


async def test_the_api_tells_days_and_what_it_does_not_cross_is_told_by_itself(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    await set_up(hass, entry)
    date = f"{datetime.now(UTC) - timedelta(days=3):%Y-%m-%d}"
    serve_days(proxy, day(date, {"gpt-4o": 2.0, "opus": 4.0}, {"openai": 2.0, "anthropic": 3.0}))
    await turn_on(hass, entry, history_source="api")
    assert state(hass, entry, "history_import") == "complete"
    (row,) = await usage(hass, entry)
    assert (row["start"][:10], row["cost"], row["requests"]) == (date, 6.0, 2)
    assert {one["model"]: one["cost"] for one in await usage(hass, entry, group_by="model")} == {
        "gpt-4o": 2.0,
        "opus": 4.0,
    }
    providers = {one["provider"]: one["cost"] for one in await usage(hass, entry, group_by="provider")}
    assert providers == {None: 1.0, "openai": 2.0, "anthropic": 3.0}
    assert not await usage(hass, entry, days=10, period="hour"), "the API knows no hours"


async def test_a_database_takes_the_place_of_the_days_that_the_api_told(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, server: postgres.Postgres, make: Make
) -> None:
    await set_up(hass, entry)
    dates = [f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}" for days in (2, 3, 50)]
    serve_days(proxy, *(day(date, {"gpt-4o": 2.0}, {"openai": 2.0}) for date in dates))
    await turn_on(hass, entry, history_source="api")
    assert sum(row["cost"] for row in await usage(hass, entry)) == 6.0
    rows = [request(1, f"{dates[0]} 10:00"), request(2, f"{dates[1]} 09:00", cost=1.0), request(3, f"{dates[1]} 23:59")]
    await turn_on(hass, entry, server.dsn(make(spend_logs() + insert(rows))))
    # The oldest day of the database is one that it may know in part only.
    assert [(row["start"][:10], row["cost"]) for row in await usage(hass, entry)] == [
        (dates[2], 2.0),
        (dates[1], 2.0),
        (dates[0], 0.25),
    ]
    await turn_on(hass, entry, history_source="api")
    assert sum(row["cost"] for row in await usage(hass, entry)) == 4.25


@pytest.mark.freeze_time("2026-11-18 12:00:00+00:00")
async def test_what_metrics_told_in_one_lump_is_told_at_its_hour(  # noqa: PLR0913, PLR0917  # fixtures
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    server: postgres.Postgres,
    make: Make,
    freezer: FrozenDateTimeFactory,
) -> None:
    await hass.config.async_set_time_zone("UTC")
    await set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    proxy.traffic.spend["gpt-4o"] += 6.0
    rows = [
        request(1, "2026-11-18 12:40:00", cost=1.0),
        request(2, "2026-11-18 13:20:00", cost=2.0),
        request(3, "2026-11-18 15:05:00", cost=9.0, model="opus"),
    ]
    freezer.move_to("2026-11-18 15:30:00+00:00")
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    hours = [(row["start"][11:13], row["cost"]) for row in await usage(hass, entry, days=0, period="hour")]
    assert hours == [("15", 6.0)]
    await turn_on(hass, entry, server.dsn(make(spend_logs() + insert(rows))))
    hours = [(row["start"][11:13], row["cost"]) for row in await usage(hass, entry, days=0, period="hour")]
    # The database tells of 3 dollars of this model: the rest of the lump stays where it was told.
    assert hours == [("12", 1.0), ("13", 2.0), ("15", 3.0)]
    assert state(hass, entry, "spend_day") == "6.0"
    assert entry.runtime_data.coordinator.data.snapshot.before == {}
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_lifetime") == "6.0"


async def test_a_day_that_differs_between_metrics_and_database_is_explained(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, server: postgres.Postgres, make: Make
) -> None:
    await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 2.0
    proxy.traffic.tokens["gpt-4o"] += 12
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"
    name = make(spend_logs() + insert(past()) + insert([request(9, now, cost=1.5)]))
    await turn_on(hass, entry, server.dsn(name))
    answer: Any = await answers.async_comparison(hass, entry.runtime_data)
    (told,) = answer["days"]
    assert (told["metrics"], told["database"]) == ({"cost": 2.0, "tokens": 12.0}, {"cost": 1.5, "tokens": 12.0})
    assert (told["difference_percent"], told["reasons"]) == (25.0, ["not_over", "first_day", "prices"])
    assert "price them differently" in told["explanation"][-1]
    assert told["models"] == [{"model": "gpt-4o", "metrics": 2.0, "database": 1.5}]


@pytest.mark.usefixtures("recorder_mock")
async def test_statistics_begin_before_the_set_up(
    hass: HomeAssistant, entry: MockConfigEntry, server: postgres.Postgres, make: Make
) -> None:
    await set_up(hass, entry)
    await turn_on(hass, entry, server.dsn(make(spend_logs() + insert([*past(), request(5, ago(days=150), cost=32.0)]))))
    for _ in range(2):
        await hass.async_block_till_done(wait_background_tasks=True)
        await async_wait_recording_done(hass)
    of_proxy, of_model = (
        statistic_id(entry.entry_id, member, "spend") for member in (TOTAL, (Dimension.MODEL, "gpt-4o"))
    )
    rows = await get_instance(hass).async_add_executor_job(
        partial(
            statistics_during_period, hass, datetime(2020, 1, 1, tzinfo=UTC), None, {of_proxy, of_model}, "day", None,
            {"sum", "change"},
        )
    )  # fmt: skip
    assert [round(row["change"] or 0, 9) for row in rows[of_proxy] if row["change"]] == [32.0, 3.0, 12.0]
    assert rows[of_proxy][-1]["sum"] == 47.0
    assert rows[of_model][-1]["sum"] == 43.0


async def test_a_tag_is_the_same_before_and_after_the_set_up(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, server: postgres.Postgres, make: Make
) -> None:
    await set_up(hass, entry)
    proxy.traffic.add("litellm_spend_metric_total", 1.0, model="gpt-4o", tag_living_room="true")
    rows = [request(1, ago(days=2), cost=2.0, request_tags='["living-room", "living room"]')]
    await turn_on(hass, entry, server.dsn(make(spend_logs() + insert(rows))))
    found = [(row["tag"], row["cost"]) for row in await usage(hass, entry, group_by="tag") if row["tag"]]
    # Of a label's name /metrics has only letters, digits and underscores.
    assert found == [("living_room", 2.0), ("living_room", 1.0)]


@pytest.mark.usefixtures("recorder_mock")
async def test_who_was_used_only_before_the_set_up_has_statistics_a_device_and_a_page(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    server: postgres.Postgres,
    make: Make,
    hass_ws_client: WebSocketGenerator,
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"]})
    await set_up(hass, entry)
    events = async_capture_events(hass, "state_changed")
    refused = request(9, ago(days=3), cost=0.0, model="gtp-4o", status="failure", total_tokens=0)
    rows = [*past(), refused | dict.fromkeys(("prompt_tokens", "completion_tokens"), 0)]
    await turn_on(hass, entry, server.dsn(make(spend_logs() + insert(rows))), dimensions=["team"])
    for _ in range(2):
        await hass.async_block_till_done(wait_background_tasks=True)
        await async_wait_recording_done(hass)
    assert state(hass, entry, "spend_lifetime", "model:opus") == "0.0"
    shown = hass.states.get(entity_id(hass, entry, "spend_lifetime", "model:opus"))
    assert shown is not None
    assert shown.attributes["before_installation"] == 4.0
    identifier = statistic_id(entry.entry_id, (Dimension.TEAM, "blue"), "spend")
    found = await get_instance(hass).async_add_executor_job(
        partial(
            statistics_during_period, hass, datetime(2020, 1, 1, tzinfo=UTC), None, {identifier}, "day", None, {"sum"}
        )
    )
    assert found[identifier][-1]["sum"] == 2.0
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": f"{DOMAIN}/dashboard"})
    (told,) = (await client.receive_json())["result"]["proxies"]
    members = {(one["dimension"], member["id"]) for one in told["dimensions"] for member in one["members"]}
    # What only a refused request names is whatever the client wrote.
    assert members == {
        *(("model", name) for name in ("gpt-4o", "claude-sonnet", "opus")),
        *(("team", name) for name in ("red", "blue")),
    }
    assert not [one for one in events if one.data["new_state"].attributes.get("event_type") == "new_model"]


async def test_quarter_hours_of_before_the_set_up_are_kept_as_long_as_others_and_days_for_good(
    hass: HomeAssistant, entry: MockConfigEntry, server: postgres.Postgres, make: Make, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-11-18 12:00:00+00:00")
    await hass.config.async_set_time_zone("Asia/Kathmandu")
    await set_up(hass, entry)
    rows = [
        request(number, f"2026-{month:02}-{day:02} {hour:02}:20:00", cost=float(cost))
        for number, (month, day, hour, cost) in enumerate(
            [(5, 3, 17, 1), (5, 3, 19, 2), (8, 18, 3, 4), (8, 20, 3, 8), (8, 20, 18, 16), (11, 2, 12, 32)]
        )
    ]
    options = {"retention_days": 90}
    name = make(spend_logs() + insert(rows))

    async def told(zone: str) -> tuple[dict[str, float], dict[str, float], float | None]:
        """Return what is known by local day and by the hour, and of all time, after a restart in a zone."""
        await hass.config.async_set_time_zone(zone)
        await turn_on(hass, entry, server.dsn(name), **options)
        days = {row["start"][5:10]: row["cost"] for row in await usage(hass, entry, days=400, period="day")}
        hours = {row["start"][5:13]: row["cost"] for row in await usage(hass, entry, days=300, period="hour")}
        before = entry.runtime_data.coordinator.data.snapshot.before[TOTAL][COST]
        return days, hours, before

    days = {"05-03": 1.0, "05-04": 2.0, "08-18": 4.0, "08-20": 8.0, "08-21": 16.0, "11-02": 32.0}
    assert await told("Asia/Kathmandu") == (days, {"08-20T09": 8.0, "08-21T00": 16.0, "11-02T18": 32.0}, 63.0)
    # Told once more, all of it: by a sweep, or because the database is another one.
    with closing(sqlite3.connect(entry.runtime_data.ledger.path)) as file, file:
        file.execute("DELETE FROM history_progress")
    assert (await told("Asia/Kathmandu"))[0] == days
    # West of it the first hours of the 20th of August are those of a day that cannot be cut any more.
    western = {"05-03": 1.0, "05-04": 2.0, "08-18": 4.0, "08-19": 8.0, "08-20": 16.0, "11-02": 32.0}
    assert await told("America/New_York") == (western, {"08-20T14": 16.0, "11-02T07": 32.0}, 63.0)
    assert (await told("Asia/Kathmandu"))[2] == 63.0
    freezer.move_to("2027-03-01 12:00:00+00:00")
    found, hours, before = await told("UTC")
    assert (sum(found.values()), hours, before) == (63.0, {}, 63.0)
