"""Raw is what the proxy says now, and never more often than it can bear."""

import asyncio
import logging

import pytest
from aiohttp import web
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.litellm_pulse.api import answers

from ..conftest import NOW, set_up
from ..proxy import Proxy, recording
from .conftest import METRICS, RAW, get

pytestmark = pytest.mark.freeze_time(NOW)


async def test_raw_sums_every_family_also_those_that_the_ledger_leaves_alone(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_client: ClientSessionGenerator
) -> None:
    proxy.answer(recording("litellm-1.106-teams-keys-tags"))
    assert await set_up(hass, entry)
    body = await get(hass_client, RAW)
    assert body["litellm_proxy_total_requests_metric_total"] == 9.0
    assert body["litellm_request_total_latency_metric_bucket"] == 140.0
    assert body["python_info"] == 1.0


async def test_raw_makes_at_most_one_scrape_in_ten_seconds(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    client = await hass_client()
    scrapes = len(proxy.requests)
    answers = await asyncio.gather(*(client.get(RAW) for _ in range(10)))
    assert [(await answer.json())["litellm_spend_metric_total"] for answer in answers] == [3.0] * 10
    proxy.traffic.spend["gpt-4o"] = 5.0
    freezer.tick(9.9)
    assert (await get(hass_client, RAW))["litellm_spend_metric_total"] == 3.0
    assert len(proxy.requests) == scrapes + 1
    freezer.tick(0.2)
    assert (await get(hass_client, RAW))["litellm_spend_metric_total"] == 7.0
    assert len(proxy.requests) == scrapes + 2


async def test_raw_counts_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    before = await get(hass_client, METRICS)
    proxy.traffic.spend["gpt-4o"] = 5.0
    await get(hass_client, RAW)
    assert await get(hass_client, METRICS) == before


async def test_raw_of_a_proxy_that_does_not_answer_is_a_503_and_does_not_press_it(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    scrapes = len(proxy.requests)
    proxy.answer(status=500)
    for _ in range(3):
        error = {"error": "The proxy answered with HTTP status 500"}
        assert await get(hass_client, RAW, 503) == error
    assert len(proxy.requests) == scrapes + 1
    freezer.tick(11)
    proxy.answer("<html>")
    assert "no metrics" in (await get(hass_client, RAW, 503))["error"]
    freezer.tick(11)
    proxy.recover()
    assert (await get(hass_client, RAW))["litellm_spend_metric_total"] == 3.0


async def test_a_scrape_that_fails_after_who_asked_for_it_has_hung_up_is_told_to_nobody(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    assert await set_up(hass, entry)
    asked, may_end = asyncio.Event(), asyncio.Event()

    async def fail(_: web.Request) -> web.Response:
        asked.set()
        await may_end.wait()
        return web.Response(status=500)

    proxy.handler = fail
    client = asyncio.create_task(answers.async_raw(hass, entry.runtime_data))
    await asked.wait()
    client.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client
    may_end.set()
    await hass.async_block_till_done()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
