"""An entry of an earlier release is brought up to date: ids, figures and options, and no history is lost."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.history import get_significant_states
from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.components.recorder.statistics import (
    async_import_statistics,
    list_statistic_ids,
    statistics_during_period,
    validate_statistics,
)
from homeassistant.const import CONF_API_KEY, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.litellm_pulse.const import DOMAIN
from custom_components.litellm_pulse.core.models import Window

from .conftest import NOW, entity_id, pass_time, set_up, state
from .proxy import Proxy

pytestmark = pytest.mark.freeze_time(NOW)

REGISTRY = Path(__file__).parent / "fixtures" / "registry-2026-11-26.json"
"""What the registry of an entry held then: unique id, entity id, name, whether it was disabled."""


@pytest.fixture
async def old(hass: HomeAssistant, proxy: Proxy) -> MockConfigEntry:
    """Return an entry of minor version 2 with a model and two members called alice."""
    proxy.traffic.add(
        "litellm_spend_metric_total", 1, model="gpt-4o", user="u1", user_alias="alice", team="t1", team_alias="alice"
    )
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="home",
        minor_version=2,
        options={"dimensions": ["user", "team"]},
        data={CONF_URL: proxy.url, CONF_API_KEY: "sk-1234", CONF_VERIFY_SSL: True},
    )
    entry.add_to_hass(hass)
    members = {"": "LiteLLM", ":user:u1": "alice", ":team:t1": "alice", ":model:gpt-4o": "gpt-4o"}
    for member, name in members.items():
        device = dr.async_get(hass).async_get_or_create(
            config_entry_id=entry.entry_id, identifiers={(DOMAIN, f"{entry.entry_id}{member}")}, name=name
        )
        for key, words in {
            "spend_day": "Spend today",
            "spend_week": "Spend this week",
            "requests_day": "Requests today",
            "limit_used_day": "Daily limit used",
            **{f"cache_hits_{window}": f"Cache hits {window}" for window in Window},
        }.items():
            er.async_get(hass).async_get_or_create(
                "sensor",
                DOMAIN,
                f"{entry.entry_id}{member or ':total:'}:{key}",
                config_entry=entry,
                device_id=device.id,
                has_entity_name=True,
                object_id_base=words,
                original_name=words,
                disabled_by=None if key == "spend_day" else er.RegistryEntryDisabler.INTEGRATION,
            )
    return entry


async def test_ids_of_today_are_given_to_what_is_there_except_to_what_the_user_has_named(
    hass: HomeAssistant, old: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    assert entity_id(hass, old, "spend_day", "team:t1") == "sensor.alice_spend_today_2"
    model = entity_id(hass, old, "spend_day", "model:gpt-4o")
    entity_registry.async_update_entity(model, new_entity_id="sensor.my_model")
    assert await set_up(hass, old)
    assert old.minor_version == 3
    assert entity_id(hass, old, "spend_day") == "sensor.litellm_spend_today"
    assert entity_id(hass, old, "spend_day", "user:u1") == "sensor.litellm_user_alice_spend_today"
    assert entity_id(hass, old, "spend_day", "team:t1") == "sensor.litellm_team_alice_spend_today"
    assert entity_id(hass, old, "spend_day", "model:gpt-4o") == "sensor.my_model"


async def test_what_was_never_used_goes_and_what_was_enabled_stays(
    hass: HomeAssistant, old: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    enabled = entity_id(hass, old, "requests_day", "team:t1")
    entity_registry.async_update_entity(enabled, disabled_by=None)
    assert await set_up(hass, old)
    keys = {
        one.unique_id.removeprefix(f"{old.entry_id}:team:t1:")
        for one in er.async_entries_for_config_entry(entity_registry, old.entry_id)
        if ":team:t1:" in one.unique_id
    }
    assert keys == {
        *(f"{measure}_{window}" for measure in ("spend", "tokens") for window in ("day", "month", "lifetime")),
        *(f"requests_{window}" for window in ("day", "month", "lifetime")),
        *(f"limit_{window}" for window in ("day", "week", "month")),
    }
    assert old.options["member_figures"] == ["requests"]
    assert state(hass, old, "requests_day", "team:t1") != ""


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_a_limit_that_is_set_later_is_told_although_its_entity_was_disabled(
    hass: HomeAssistant, old: MockConfigEntry
) -> None:
    assert await set_up(hass, old)
    target = {"entity_id": entity_id(hass, old, "limit_day", "team:t1", "number"), "value": 5}
    await hass.services.async_call("number", "set_value", target, blocking=True)
    await hass.async_block_till_done()
    assert state(hass, old, "limit_used_day", "team:t1") == "0.0"


@pytest.mark.usefixtures("recorder_mock")
async def test_the_history_of_an_entity_goes_on_under_its_new_id(
    hass: HomeAssistant, old: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    began = dt_util.utcnow() - timedelta(minutes=1)
    before, after = "sensor.alice_spend_today_2", "sensor.litellm_team_alice_spend_today"
    hass.states.async_set(before, "1.25")
    await async_wait_recording_done(hass)
    hass.states.async_remove(before)
    await async_wait_recording_done(hass)
    assert await set_up(hass, old)
    await pass_time(hass, freezer)
    await async_wait_recording_done(hass)
    found = await get_instance(hass).async_add_executor_job(
        lambda: get_significant_states(hass, began, entity_ids=[before, after], significant_changes_only=False)
    )
    assert before not in found
    states = [one.state for one in found[after] if isinstance(one, State)]
    assert "1.25" in states
    assert states[-1] == "0.0"


@pytest.fixture
async def yesterday(hass: HomeAssistant, proxy: Proxy) -> MockConfigEntry:
    """Return an entry as of 26 November 2026, whose entities had other names."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title=proxy.url.removeprefix("http://"),
        minor_version=3,
        options={
            "member_figures": ["input_tokens", "failed_requests"],
            "performance": ["error_rate"],
            "currency": "EUR",
            "exchange_rate": 0.9,
        },
        data={CONF_URL: proxy.url, CONF_API_KEY: "sk-1234", CONF_VERIFY_SSL: True},
    )
    entry.add_to_hass(hass)
    for unique_id, id_then, name, disabled in json.loads(REGISTRY.read_text()):
        domain, _, object_id = id_then.partition(".")
        er.async_get(hass).async_get_or_create(
            domain,
            DOMAIN,
            f"{entry.entry_id}{unique_id}",
            config_entry=entry,
            suggested_object_id=object_id,
            has_entity_name=True,
            object_id_base=name,
            original_name=name,
            disabled_by=er.RegistryEntryDisabler.INTEGRATION if disabled else None,
        )
    return entry


def _registered(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, er.RegistryEntry]:
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    return {one.unique_id: one for one in entities}


async def test_names_of_this_release_change_no_id_and_no_name_that_the_user_gave(
    hass: HomeAssistant, yesterday: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    entity_registry.async_update_entity("sensor.litellm_model_gpt_4o_input_tokens_today", name="Read by it")
    entity_registry.async_update_entity("sensor.litellm_spend_today_in_eur", new_entity_id="sensor.euros")
    before = _registered(hass, yesterday)
    assert await set_up(hass, yesterday)
    after = _registered(hass, yesterday)
    assert {key: one.entity_id for key, one in after.items() if "claude" not in key} == {
        key: one.entity_id for key, one in before.items()
    }
    assert {key: one.name for key, one in before.items()} == {key: after[key].name for key in before}
    assert after[f"{yesterday.entry_id}:total::failed_requests_day"].original_name == "Failed today"
    shown = hass.states.get("sensor.litellm_model_gpt_4o_input_tokens_today")
    assert shown is not None
    assert shown.attributes["friendly_name"].endswith("Read by it")


@pytest.mark.usefixtures("recorder_mock")
async def test_statistics_go_on_under_a_name_of_this_release(
    hass: HomeAssistant, yesterday: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    assert await async_setup_component(hass, "sensor", {})
    sensor = "sensor.litellm_failed_requests_today"
    hour = dt_util.utcnow().replace(minute=0) - timedelta(hours=2)
    async_import_statistics(
        hass,
        {
            "source": "recorder",
            "statistic_id": sensor,
            "name": None,
            "has_sum": True,
            "mean_type": StatisticMeanType.NONE,
            "unit_of_measurement": "requests",
            "unit_class": None,
        },
        [{"start": hour, "state": 4, "sum": 4}],
    )
    await async_wait_recording_done(hass)
    assert await set_up(hass, yesterday)
    await pass_time(hass, freezer)
    await async_wait_recording_done(hass)
    recorder = get_instance(hass)
    known = await recorder.async_add_executor_job(lambda: list_statistic_ids(hass, {sensor}))
    assert [(one["statistic_id"], one["statistics_unit_of_measurement"]) for one in known] == [(sensor, "requests")]
    rows = await recorder.async_add_executor_job(
        lambda: statistics_during_period(hass, hour, None, {sensor}, "hour", None, {"sum"})
    )
    assert [row["sum"] for row in rows[sensor]] == [4]
    assert not await recorder.async_add_executor_job(lambda: validate_statistics(hass))
