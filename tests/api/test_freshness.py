"""No answer is older than it says."""

# ruff: noqa: PLR0913, PLR0917 - a fixture is an argument

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from ..conftest import NOW, pass_time, set_up
from ..proxy import Proxy
from .conftest import AGGREGATE, BUDGETS, EXPORTER, HEALTH, HISTORY, METRICS, MODELS, USAGE, ask, get, spend

pytestmark = pytest.mark.freeze_time(NOW)


async def test_no_answer_is_older_than_the_last_scrape(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    for spent in (0.25, 0.5):
        await spend(hass, proxy, freezer, 0.25)
        models = (await get(hass_client, MODELS))["models"]
        assert [row["cost_daily"] for row in models] == [0.0, spent]
        assert (await get(hass_client, USAGE))["usage"][0]["cost"] == spent
        assert (await get(hass_client, HISTORY))["snapshots"][-1]["cost_delta"] == 0.25
        assert (await get(hass_client, AGGREGATE))["data"][0]["total_cost"] == spent
        assert f"litellm_pulse_cost_usd_total {spent}" in await (await ask(hass_client, EXPORTER)).text()


async def test_answers_follow_the_zone(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    for zone, offset in (("Asia/Kathmandu", "+05:45"), ("Europe/Berlin", "+01:00")):
        await hass.config.async_update(time_zone=zone)
        await hass.async_block_till_done(wait_background_tasks=True)
        for path in (METRICS, f"{METRICS}/cost", MODELS, BUDGETS, USAGE):
            assert (await get(hass_client, path))["last_scrape"].endswith(offset), path
        assert (await get(hass_client, HISTORY))["snapshots"][0]["timestamp"].endswith(offset)


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
    assert (await get(hass_client, path))["error"] == "The proxy answered with HTTP status 500"
    assert "litellm_pulse_up 0.0" in await (await ask(hass_client, EXPORTER)).text()
    proxy.recover()
    await pass_time(hass, freezer)
    assert "error" not in await get(hass_client, path)
    assert "litellm_pulse_up 1.0" in await (await ask(hass_client, EXPORTER)).text()
