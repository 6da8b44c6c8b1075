"""Clients of LiteLLM Pulse find what they know below another address, and only with a token."""

# ruff: noqa: PLR0913, PLR0917 - a fixture is an argument

from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.litellm_pulse.const import DOMAIN

from .conftest import NOW, pass_time, set_up
from .proxy import Proxy

pytestmark = pytest.mark.freeze_time(NOW)

METRICS = "/api/litellm_pulse/api/v1/metrics"
HEALTH = "/api/litellm_pulse/health"


async def _get(hass_client: ClientSessionGenerator, path: str, status: int = 200) -> dict[str, Any]:
    """Return the JSON of an answer with this status."""
    client = await hass_client()
    response = await client.get(path)
    body: dict[str, Any] = await response.json()
    assert (response.status, response.content_type) == (status, "application/json"), body
    assert response.headers["Cache-Control"] == "no-store"
    return body


@pytest.mark.parametrize("path", [METRICS, HEALTH])
async def test_without_a_token_nothing_answers(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator, path: str
) -> None:
    assert await set_up(hass, entry)
    client = await hass_client_no_auth()
    assert (await client.get(path)).status == 401
    assert (await client.get(path, headers={"Authorization": "Bearer wrong"})).status == 401


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
    proxy.traffic.spend["gpt-4o"] += 0.25
    await pass_time(hass, freezer)
    body = await _get(hass_client, METRICS)
    assert body["cost"] == 3.25
    for suffix in ("daily", "weekly", "monthly", "yearly", "lifetime"):
        assert body[f"cost_{suffix}"] == 0.25
    assert body["in_flight_requests"] == 2
    assert body["in_flight_requests_daily"] == 0
    assert body["source"] == f"{proxy.url}/metrics/"
    assert body["last_scrape"] == "2026-11-18T13:01:01+01:00"
    assert "error" not in body


async def test_health_is_ok(hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator) -> None:
    assert await set_up(hass, entry)
    assert await _get(hass_client, HEALTH) == {"status": "ok"}


@pytest.mark.parametrize("path", [METRICS, HEALTH])
async def test_the_reason_of_a_failed_scrape_is_told_beside_the_last_figures(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
    path: str,
) -> None:
    assert await set_up(hass, entry)
    proxy.answer(status=500)
    await pass_time(hass, freezer)
    assert (await _get(hass_client, path))["error"] == "The proxy answered with HTTP status 500"
    proxy.recover()
    await pass_time(hass, freezer)
    assert "error" not in await _get(hass_client, path)


@pytest.mark.parametrize("path", [METRICS, HEALTH])
async def test_head_answers_without_a_body(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator, path: str
) -> None:
    assert await set_up(hass, entry)
    response = await (await hass_client()).head(path)
    assert response.status == 200
    assert await response.read() == b""


@pytest.mark.parametrize("path", [METRICS, HEALTH])
async def test_before_the_first_scrape_503_says_why(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_client: ClientSessionGenerator, path: str
) -> None:
    proxy.answer(status=500)
    assert not await set_up(hass, entry)
    assert await _get(hass_client, path, 503) == {"error": "The proxy answered with HTTP status 500"}


async def test_without_a_proxy_503_says_so(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    assert await _get(hass_client, METRICS, 503) == {"error": "No proxy is set up"}


async def test_an_entry_that_is_not_loaded_answers_503(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert await _get(hass_client, METRICS, 503) == {"error": f"{entry.title} is not loaded"}


async def test_two_proxies_are_told_apart_by_id_or_title(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other_entry: MockConfigEntry,
    other_proxy: Proxy,
    hass_client: ClientSessionGenerator,
) -> None:
    other_proxy.traffic.spend = {"gpt-4o": 7.0}
    assert await set_up(hass, entry, other_entry)
    assert (await _get(hass_client, f"{METRICS}?instance={entry.entry_id}"))["cost"] == 3
    assert (await _get(hass_client, f"{METRICS}?instance={other_entry.title}"))["cost"] == 7


@pytest.mark.parametrize("query", ["", "?instance=", "?instance=nope"])
async def test_an_ambiguous_request_lists_the_proxies(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other_entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    query: str,
) -> None:
    assert await set_up(hass, entry)
    body = await _get(hass_client, f"{METRICS}{query}", 400)
    assert body["error"]
    assert body["available"] == [{"id": one.entry_id, "title": one.title} for one in (entry, other_entry)]


async def test_a_proxy_that_does_not_exist_is_not_answered_with_another(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    await _get(hass_client, f"{METRICS}?instance=nope", 400)


async def test_a_proxy_that_is_disabled_is_not_among_them(
    hass: HomeAssistant, entry: MockConfigEntry, other_entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    await hass.config_entries.async_set_disabled_by(other_entry.entry_id, ConfigEntryDisabler.USER)
    assert (await _get(hass_client, METRICS))["cost"] == 3
