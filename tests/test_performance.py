"""How fast models answer and what is left of rate limits: there where it is wanted, asked for only then."""

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.const import PERFORMANCE_FIGURES

from .conftest import NOW, entity_id, pass_time, set_up, state
from .proxy import Proxy, recording

pytestmark = pytest.mark.freeze_time(NOW)

LATENCY, FIRST_TOKEN = "litellm_request_total_latency_metric", "litellm_llm_api_time_to_first_token_metric"
GPT = {"model": "gpt-4o", "requested_model": "smart"}


@pytest.fixture
async def shown(hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy) -> MockConfigEntry:
    """Set an entry up that shows all of it."""
    proxy.traffic.spend = {"gpt-4o": 1.0}
    proxy.traffic.tokens = {}
    hass.config_entries.async_update_entry(
        entry, options={"performance": list(PERFORMANCE_FIGURES), "dimensions": ["key"]}
    )
    _answer(proxy, 10, 5)
    proxy.traffic.add("litellm_spend_metric_total", 1, model="gpt-4o", hashed_api_key="k1", api_key_alias="laptop")
    assert await set_up(hass, entry)
    return entry


def _answer(proxy: Proxy, requests: float, seconds: float, model_id: str = "aaaaaaaa11", first: float = 0) -> None:
    """Let a deployment have answered some requests in so many seconds together."""
    labels = GPT | {"model_id": model_id}
    for family, time in ((LATENCY, seconds), (FIRST_TOKEN, first)):
        proxy.traffic.add(f"{family}_sum", time, **labels)
        proxy.traffic.add(f"{family}_count", requests if time else 0, **labels)
    proxy.traffic.add("litellm_deployment_total_requests_total", requests, litellm_model_name="gpt-4o")


def _parts(hass: HomeAssistant, entry: MockConfigEntry, key: str, member: str) -> object:
    """Return what a figure is by deployment or model."""
    found = hass.states.get(entity_id(hass, entry, key, member))
    assert found is not None
    return found.attributes.get("parts")


async def test_response_times_are_means_of_the_last_hour_over_all_deployments(
    hass: HomeAssistant, shown: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert state(hass, shown, "response_time", "model:gpt-4o") == "unknown"
    _answer(proxy, 2, 3, first=0.5)
    await pass_time(hass, freezer)
    assert state(hass, shown, "response_time", "model:gpt-4o") == "1.5"
    assert state(hass, shown, "time_to_first_token", "model:gpt-4o") == "0.25"
    assert _parts(hass, shown, "response_time", "model:gpt-4o") is None
    _answer(proxy, 2, 9, "bbbbbbbb22")
    proxy.traffic.series["litellm_deployment_state"] = {
        'litellm_model_name="gpt-4o",model_id="bbbbbbbb22",api_base="https://eu.example"': 0
    }
    await pass_time(hass, freezer)
    assert state(hass, shown, "response_time", "model:gpt-4o") == "3.0"
    assert _parts(hass, shown, "response_time", "model:gpt-4o") == {"aaaaaaaa": 1.5, "https://eu.example": 4.5}
    await pass_time(hass, freezer, 3700)
    assert state(hass, shown, "response_time", "model:gpt-4o") == "unknown"


async def test_a_restarted_proxy_does_not_spoil_the_mean(
    hass: HomeAssistant, shown: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    _answer(proxy, 2, 3)
    await pass_time(hass, freezer)
    proxy.traffic.series = {}
    proxy.restart({"gpt-4o": 0.5})
    _answer(proxy, 1, 1)
    await pass_time(hass, freezer)
    _answer(proxy, 2, 1)
    await pass_time(hass, freezer)
    assert state(hass, shown, "response_time", "model:gpt-4o") == "1.0"


async def test_the_error_rate_is_what_failed_of_what_deployments_were_asked(
    hass: HomeAssistant, shown: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.add("litellm_deployment_failure_responses_total", 0, litellm_model_name="gpt-4o")
    await pass_time(hass, freezer)
    proxy.traffic.add("litellm_deployment_total_requests_total", 8, litellm_model_name="gpt-4o")
    proxy.traffic.add("litellm_deployment_failure_responses_total", 2, litellm_model_name="gpt-4o")
    await pass_time(hass, freezer)
    assert state(hass, shown, "error_rate_day", "model:gpt-4o") == "25.0"


async def test_requests_and_errors_of_the_last_hour_are_split_by_deployment(
    hass: HomeAssistant, shown: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert state(hass, shown, "hourly_requests", "model:gpt-4o") == "unknown"
    for address, requests, failed in (("https://eu.example", 6, 3), ("https://us.example", 2, 0)):
        labels = {"litellm_model_name": "gpt-4o", "requested_model": "smart", "model_id": address, "api_base": address}
        proxy.traffic.add("litellm_deployment_total_requests_total", requests, **labels)
        proxy.traffic.add("litellm_deployment_failure_responses_total", failed, exception_status="500", **labels)
    await pass_time(hass, freezer)
    assert state(hass, shown, "hourly_requests", "model:gpt-4o") == "8.0"
    assert _parts(hass, shown, "hourly_requests", "model:gpt-4o") == {"https://eu.example": 6, "https://us.example": 2}
    assert state(hass, shown, "error_rate", "model:gpt-4o") == "37.5"
    assert _parts(hass, shown, "error_rate", "model:gpt-4o") == {"https://eu.example": 50, "https://us.example": 0}


async def test_what_is_left_per_minute_is_the_least_of_the_parts_and_no_limit_is_none(
    hass: HomeAssistant, shown: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    key = 'hashed_api_key="k1",api_key_alias="laptop",model='
    proxy.traffic.series |= {
        "litellm_remaining_api_key_requests_for_model": {f'{key}"smart"': 9, f'{key}"fast"': 4, f'{key}"any"': 2**63},
        "litellm_remaining_tokens_metric": {
            'litellm_model_name="gpt-4o",model_group="smart",api_base="https://a.example"': 700,
            'litellm_model_name="gpt-4o",model_group="smart",api_base="https://b.example",pid="1"': 500,
            'litellm_model_name="gpt-4o",model_group="smart",api_base="https://b.example",pid="2"': 900,
        },
        "litellm_remaining_api_key_tokens_for_model": {f'{key}"smart"': 2**63},
    }
    await pass_time(hass, freezer)
    assert state(hass, shown, "remaining_requests", "key:k1") == "4.0"
    assert _parts(hass, shown, "remaining_requests", "key:k1") == {"smart": 9, "fast": 4}
    assert state(hass, shown, "remaining_tokens", "key:k1") == "unknown"
    assert state(hass, shown, "remaining_tokens", "model:gpt-4o") == "500.0"
    # The copy that changed last is the live one, also where another is lower.
    copies = proxy.traffic.series["litellm_remaining_tokens_metric"]
    copies['litellm_model_name="gpt-4o",model_group="smart",api_base="https://b.example",pid="2"'] = 800
    await pass_time(hass, freezer)
    assert state(hass, shown, "remaining_tokens", "model:gpt-4o") == "700.0"


async def test_nobody_who_does_not_want_it_asks_for_it(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    await pass_time(hass, freezer)
    asked = proxy.requests[-1].query.getall("name[]")
    assert not [one for one in asked if one.endswith(("_sum", "_count", "_bucket")) or "_for_model" in one]
    assert not [one for one in hass.states.async_entity_ids() if "response_time" in one or "per_minute" in one]


async def test_a_real_answer_is_read_without_its_buckets(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    hass.config_entries.async_update_entry(entry, options={"performance": list(PERFORMANCE_FIGURES)})
    body = recording("litellm-1.106-teams-keys-tags")
    proxy.answer(body)
    assert await set_up(hass, entry)
    parser = entry.runtime_data.ledger.parser()
    parser.feed(body)
    found = parser.finish()
    assert len(found[f"{LATENCY}_sum"]) == len(found[f"{LATENCY}_count"]) > 0
    assert not [line for lines in found.values() for line in lines if b"_bucket{" in line]
    await pass_time(hass, freezer)
    asked = proxy.requests[-1].query.getall("name[]")
    assert {f"{LATENCY}_sum", f"{LATENCY}_count", f"{FIRST_TOKEN}_sum", f"{FIRST_TOKEN}_count"} <= set(asked)
