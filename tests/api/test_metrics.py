"""Metrics and their tables: the figures of LiteLLM Pulse, in every window."""

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.litellm_pulse.core.query import contract

from ..conftest import NOW, set_up
from ..proxy import Proxy, recording
from .conftest import BASE, HEALTH, METRICS, MODELS, get, spend

pytestmark = pytest.mark.freeze_time(NOW)


async def test_metrics_answer_with_windows_and_raw_values(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    proxy.traffic.in_flight = 2
    assert await set_up(hass, entry)
    await spend(hass, proxy, freezer, 0.25)
    body = await get(hass_client, METRICS)
    assert body["cost"] == 3.25
    for suffix in ("daily", "weekly", "monthly", "yearly", "lifetime"):
        assert body[f"cost_{suffix}"] == 0.25
    assert body["in_flight_requests"] == 2
    assert body["in_flight_requests_daily"] == 0
    assert body["source"] == f"{proxy.url}/metrics/"
    assert body["last_scrape"] == "2026-11-18T13:01:01+01:00"
    assert "error" not in body


async def test_one_metric_answers_by_its_name(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    body = await get(hass_client, METRICS)
    for name in [*contract.METRICS, contract.PERCENTAGE]:
        for suffix in ("", *contract.SUFFIXES):
            one = await get(hass_client, f"{METRICS}/{name}{suffix}")
            assert one == {"name": name + suffix, "value": body[name + suffix], "last_scrape": body["last_scrape"]}


async def test_a_metric_that_there_is_not_is_a_404_that_lists_the_others(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    for name in ("nope", "cost_hourly", "last_scrape", "%20", "c%2Fost", "%00", "ä"):
        body = await get(hass_client, f"{METRICS}/{name}", 404)
        assert body["error"].startswith("Unknown metric: ")
        assert body["available"] == [*contract.METRICS, contract.PERCENTAGE]


async def test_health_is_ok(hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator) -> None:
    assert await set_up(hass, entry)
    assert await get(hass_client, HEALTH) == {"status": "ok"}


async def test_models_are_told_with_every_metric(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    await spend(hass, proxy, freezer, 0.25)
    body = await get(hass_client, MODELS)
    assert list(body) == ["models", "last_scrape"]
    assert [(row["model"], row["cost"], row["cost_lifetime"]) for row in body["models"]] == [
        ("claude-sonnet", 2.0, 0.0),
        ("gpt-4o", 1.25, 0.25),
    ]


async def test_every_dimension_has_a_table(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_client: ClientSessionGenerator
) -> None:
    proxy.answer(recording("litellm-1.106-teams-keys-tags"))
    assert await set_up(hass, entry)
    for name, dimension in contract.TABLES.items():
        body = await get(hass_client, f"{BASE}/api/v1/{name}")
        assert list(body) == [name, "last_scrape"]
        ids = [row[dimension] for row in body[name]]
        assert ids == sorted(ids)
        assert len(ids) == sum(key[0] == dimension for key in entry.runtime_data.coordinator.data.snapshot.members)
