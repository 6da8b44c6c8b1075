"""Which proxy is meant, and what is answered where there is none."""

import asyncio
import time
from itertools import product

import pytest
from aiohttp import web
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.litellm_pulse.const import DOMAIN

from ..conftest import NOW, set_up
from ..proxy import Proxy
from .conftest import ENDPOINTS, METRICS, MODELS, get

pytestmark = pytest.mark.freeze_time(NOW)


async def test_without_a_proxy_503_says_so(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    for path in ENDPOINTS:
        assert await get(hass_client, path, 503) == {"error": "No proxy is set up"}


async def test_before_the_first_scrape_503_says_why(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_client: ClientSessionGenerator
) -> None:
    proxy.answer(status=500)
    assert not await set_up(hass, entry)
    for path in ENDPOINTS:
        assert await get(hass_client, path, 503) == {"error": "The proxy answered with HTTP status 500"}


async def test_an_entry_that_is_not_loaded_answers_503(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    for path in ENDPOINTS:
        assert await get(hass_client, path, 503) == {"error": f"{entry.title} is not loaded"}


async def test_a_request_waits_for_an_entry_that_is_being_loaded(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    arrived, answer = asyncio.Event(), asyncio.Event()

    async def later(_: web.Request) -> web.Response:
        arrived.set()
        await answer.wait()
        return web.Response(body=proxy.traffic.body(), content_type="text/plain")

    proxy.handler = later
    client = await hass_client()
    reload = hass.async_create_task(hass.config_entries.async_reload(entry.entry_id))
    await arrived.wait()
    asked = asyncio.create_task(client.get(METRICS))
    await hass.async_add_executor_job(time.sleep, 0.3)
    assert not asked.done()
    answer.set()
    response = await asked
    assert (response.status, (await response.json())["cost"]) == (200, 3)
    assert await reload


async def test_a_request_waits_for_home_assistant_to_start(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    client = await hass_client()
    assert await hass.config_entries.async_unload(entry.entry_id)
    hass.set_state(CoreState.not_running)
    asked = asyncio.create_task(client.get(METRICS))
    await hass.async_add_executor_job(time.sleep, 0.3)
    assert not asked.done()
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert (await asked).status == 200
    hass.set_state(CoreState.running)


async def test_a_request_does_not_wait_for_ever(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.litellm_pulse.api.entries._PATIENCE_SECONDS", 0)
    assert await set_up(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    hass.set_state(CoreState.not_running)
    assert await get(hass_client, METRICS, 503) == {"error": f"{entry.title} is not loaded"}
    hass.set_state(CoreState.running)


async def test_two_proxies_are_told_apart_by_id_or_title(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other_entry: MockConfigEntry,
    other_proxy: Proxy,
    hass_client: ClientSessionGenerator,
) -> None:
    other_proxy.traffic.spend, other_proxy.traffic.tokens = {"gpt-4o": 7.0}, {"gpt-4o": 70}
    assert await set_up(hass, entry, other_entry)
    assert (await get(hass_client, f"{METRICS}?instance={entry.entry_id}"))["cost"] == 3
    assert (await get(hass_client, f"{METRICS}?instance={other_entry.title}"))["cost"] == 7
    for ours, instance in ((2, entry), (1, other_entry)):
        models = (await get(hass_client, f"{MODELS}?instance={instance.entry_id}"))["models"]
        assert len(models) == ours


async def test_an_ambiguous_request_lists_the_proxies(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other_entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    for path, query in product(ENDPOINTS, ("", "?instance=", "?instance=nope")):
        body = await get(hass_client, f"{path}{query}", 400)
        assert body["error"]
        assert body["available"] == [{"id": one.entry_id, "title": one.title} for one in (entry, other_entry)]


async def test_a_proxy_that_does_not_exist_is_not_answered_with_another(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    await get(hass_client, f"{METRICS}?instance=nope", 400)


async def test_a_proxy_that_is_disabled_does_not_make_the_other_ambiguous(
    hass: HomeAssistant, entry: MockConfigEntry, other_entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    await hass.config_entries.async_set_disabled_by(other_entry.entry_id, ConfigEntryDisabler.USER)
    assert (await get(hass_client, METRICS))["cost"] == 3
    error = {"error": f"{other_entry.title} is not loaded"}
    assert await get(hass_client, f"{METRICS}?instance={other_entry.entry_id}", 503) == error
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert len((await get(hass_client, METRICS, 400))["available"]) == 2
