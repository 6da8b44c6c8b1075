"""Budgets that LiteLLM enforces, the health of deployments and the cache: on the devices of those who have them."""

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.const import ATTR_DEVICE_CLASS, STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .conftest import NOW, entity_id, pass_time, set_up, state
from .proxy import Proxy

pytestmark = [pytest.mark.freeze_time(NOW), pytest.mark.usefixtures("entity_registry_enabled_by_default")]

RED = "team:red"
REMAINING = "litellm_remaining_team_budget_metric"
FAILED = "litellm_proxy_failed_requests_metric_total"
REQUESTS = "litellm_proxy_total_requests_metric_total"


@pytest.fixture(autouse=True)
def _a_team_with_a_budget(hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy) -> None:
    """Show teams and providers; the red team has 30 of 40 dollars left, and four days."""
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team", "provider"]})
    traffic = proxy.traffic
    traffic.add("litellm_spend_metric_total", 1, model="gpt-4o", team="red", api_provider="openai")
    traffic.add(REMAINING, 30, team="red")
    traffic.add("litellm_team_max_budget_metric", 40, team="red")
    traffic.add("litellm_team_budget_remaining_hours_metric", 96, team="red")


def _budgets(hass: HomeAssistant, entry: MockConfigEntry) -> set[str]:
    """Return the budget entities there are, without the entry's id."""
    registry = er.async_get(hass)
    ids = [one.unique_id for one in er.async_entries_for_config_entry(registry, entry.entry_id)]
    return {one.removeprefix(f"{entry.entry_id}:") for one in ids if ":budget_" in one}


async def test_a_budget_shows_on_the_device_of_who_has_it(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await set_up(hass, entry)
    assert state(hass, entry, "budget_maximum", RED) == "40.0"
    assert state(hass, entry, "budget_remaining", RED) == "30.0"
    assert state(hass, entry, "budget_used", RED) == "25.0"
    assert state(hass, entry, "budget_resets_at", RED) == "2026-11-22T12:00:00+00:00"
    assert state(hass, entry, "budget_used_up", RED, "binary_sensor") == STATE_OFF
    shown = hass.states.get(entity_id(hass, entry, "budget_remaining", RED))
    assert shown is not None
    assert shown.attributes[ATTR_DEVICE_CLASS] == SensorDeviceClass.MONETARY


async def test_who_has_no_budget_has_no_entities_of_one(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.add("litellm_spend_metric_total", 1, model="gpt-4o", team="blue")
    proxy.traffic.add(REMAINING, float("inf"), team="blue")
    assert await set_up(hass, entry)
    assert {one.rpartition(":")[0] for one in _budgets(hass, entry)} == {RED}
    proxy.traffic.series[REMAINING]['team="blue"'] = 5
    await pass_time(hass, freezer)
    assert state(hass, entry, "budget_remaining", "team:blue") == "5.0"


async def test_a_provider_has_what_remains_and_no_more(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    proxy.traffic.add("litellm_provider_remaining_budget_metric", 7.5, api_provider="openai")
    assert await set_up(hass, entry)
    assert state(hass, entry, "budget_remaining", "provider:openai") == "7.5"
    assert {one for one in _budgets(hass, entry) if one.startswith("provider")} == {
        "provider:openai:budget_remaining",
        "provider:openai:budget_used_up",
    }


async def test_budgets_of_dimensions_that_are_not_shown_show_nowhere(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["key"]})
    assert await set_up(hass, entry)
    assert not _budgets(hass, entry)


async def test_a_budget_that_is_used_up_is_a_problem_until_it_is_reset(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    for remaining, problem in ((0.01, STATE_OFF), (0, STATE_ON), (-0.5, STATE_ON), (20, STATE_OFF)):
        proxy.traffic.series[REMAINING]['team="red"'] = remaining
        await pass_time(hass, freezer)
        assert state(hass, entry, "budget_used_up", RED, "binary_sensor") == problem


async def test_refused_requests_are_a_problem_until_requests_succeed_again(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)

    async def refusing(*, requests: int, failed: int = 0, refused: int = 0) -> bool:
        traffic = proxy.traffic
        traffic.add(REQUESTS, requests, team="red", route="/v1/chat/completions")
        traffic.add(FAILED, failed, team="red", exception_status="500")
        traffic.add(FAILED, refused, team="red", exception_status="429")
        await pass_time(hass, freezer)
        return state(hass, entry, "budget_refusing", RED, "binary_sensor") == STATE_ON

    assert not await refusing(requests=1)
    assert not await refusing(requests=1, failed=1)
    assert await refusing(requests=3, refused=1)
    assert await refusing(requests=0)
    assert await refusing(requests=1, failed=1)
    assert not await refusing(requests=1)


async def test_requests_refused_while_home_assistant_was_away_are_noticed(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    assert await set_up(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    proxy.traffic.add(FAILED, 1, team="red", exception_status="429")
    assert await set_up(hass, entry)
    assert state(hass, entry, "budget_refusing", RED, "binary_sensor") == STATE_ON


async def test_a_budget_that_the_restarted_proxy_does_not_tell_yet_stays_as_it_was_last_told(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    series = proxy.traffic.series
    proxy.restart(spend={})
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert state(hass, entry, "budget_remaining", RED) == "30.0"
    assert state(hass, entry, "budget_used_up", RED, "binary_sensor") == STATE_OFF
    proxy.traffic.series = {REMAINING: series[REMAINING]}
    await pass_time(hass, freezer)
    assert state(hass, entry, "budget_remaining", RED) == "30.0"


async def test_the_health_of_a_models_deployments_shows_while_the_proxy_answers(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.add("litellm_deployment_state", 0, litellm_model_name="gpt-4o", model_id="1")
    proxy.traffic.add("litellm_deployment_state", 0, litellm_model_name="gpt-4o", model_id="2")
    assert await set_up(hass, entry)
    assert state(hass, entry, "deployment_health", "model:gpt-4o") == "healthy"
    proxy.traffic.add("litellm_deployment_state", 2, litellm_model_name="gpt-4o", model_id="2")
    await pass_time(hass, freezer)
    assert state(hass, entry, "deployment_health", "model:gpt-4o") == "complete_outage"
    proxy.answer(status=500)
    await pass_time(hass, freezer)
    assert state(hass, entry, "deployment_health", "model:gpt-4o") == STATE_UNAVAILABLE


async def test_failures_and_cooldowns_of_deployments_are_counted_per_model(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    labels = {"litellm_model_name": "gpt-4o", "model_id": "1"}
    proxy.traffic.add("litellm_deployment_failure_responses_total", 4, **labels)
    proxy.traffic.add("litellm_deployment_cooled_down_total", 2, **labels)
    assert await set_up(hass, entry)
    proxy.traffic.add("litellm_deployment_failure_responses_total", 3, **labels)
    proxy.traffic.add("litellm_deployment_cooled_down_total", 1, **labels)
    await pass_time(hass, freezer)
    assert float(state(hass, entry, "deployment_failures_day", "model:gpt-4o")) == 3
    assert float(state(hass, entry, "deployment_cooldowns_day", "model:gpt-4o")) == 1


async def test_the_cache_shows_hits_misses_their_ratio_and_the_share_of_cached_input(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    figures = {"cache_hits": 3, "cache_misses": 1, "input_tokens": 200, "input_cached_tokens": 50}
    hass.config_entries.async_update_entry(entry, options={"member_figures": ["cache_hits", "cache_misses"]})
    for metric in figures:
        proxy.traffic.add(f"litellm_{metric}_metric_total", 1, model="gpt-4o")
    assert await set_up(hass, entry)
    assert state(hass, entry, "cache_hit_ratio_day") == STATE_UNKNOWN
    for metric, by in figures.items():
        proxy.traffic.add(f"litellm_{metric}_metric_total", by, model="gpt-4o")
    await pass_time(hass, freezer)
    for member in ("total:", "model:gpt-4o"):
        assert float(state(hass, entry, "cache_hits_day", member)) == 3
        assert float(state(hass, entry, "cache_misses_month", member)) == 1
    assert state(hass, entry, "cache_hit_ratio_day") == "75.0"
    assert state(hass, entry, "input_cached_share_day") == "25.0"


async def test_diagnostics_tell_how_the_scraping_goes(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.add("litellm_zero_cost_requests_total", 1, reason="unknown_model")
    assert await set_up(hass, entry)
    proxy.traffic.add("litellm_zero_cost_requests_total", 2, reason="unknown_model")
    await pass_time(hass, freezer)
    assert state(hass, entry, "connected", platform="binary_sensor") == STATE_ON
    assert state(hass, entry, "last_scrape") == "2026-11-18T12:01:01+00:00"
    assert state(hass, entry, "last_restart") == "2026-11-01T00:00:00+00:00"
    assert float(state(hass, entry, "unpriced_requests_day")) == 2
    assert float(state(hass, entry, "scrape_duration")) >= 0
    proxy.answer(status=500)
    await pass_time(hass, freezer)
    assert state(hass, entry, "connected", platform="binary_sensor") == STATE_OFF
    assert state(hass, entry, "last_restart") == "2026-11-01T00:00:00+00:00"
