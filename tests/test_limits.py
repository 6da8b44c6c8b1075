"""Limits are set in Home Assistant, watched over, and never forgotten; so is what is usual."""

import math
from typing import Any

import pytest
import voluptuous as vol
from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.const import DOMAIN

from .conftest import NOW, entity_id, pass_time, set_up, state
from .proxy import Proxy

pytestmark = pytest.mark.freeze_time(NOW)

MODEL = "model:gpt-4o"


async def limit(
    hass: HomeAssistant, entry: MockConfigEntry, window: str, amount: float, member: str = "total:"
) -> None:
    """Set a limit as a user does."""
    target = entity_id(hass, entry, f"limit_{window}", member, "number")
    await hass.services.async_call("number", "set_value", {"entity_id": target, "value": amount}, blocking=True)
    await hass.async_block_till_done(wait_background_tasks=True)


def of_limits(hass: HomeAssistant, entry: MockConfigEntry) -> set[str]:
    """Return the entities that tell how much of a limit is used, without the entry's id."""
    ids = [one.unique_id for one in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)]
    return {one.removeprefix(f"{entry.entry_id}:") for one in ids if "limit_used" in one or "limit_reached" in one}


def unit(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    """Return what stands behind the number of the daily limit."""
    found = hass.states.get(entity_id(hass, entry, "limit_day", platform="number"))
    assert found is not None
    return str(found.attributes["unit_of_measurement"])


def present(hass: HomeAssistant, entry: MockConfigEntry, key: str, platform: str = "sensor") -> bool:
    """Return whether the proxy has an entity."""
    unique_id = f"{entry.entry_id}:total::{key}"
    return er.async_get(hass).async_get_entity_id(platform, DOMAIN, unique_id) is not None


def reached(hass: HomeAssistant, entry: MockConfigEntry, window: str, member: str = "total:") -> str:
    """Return whether a limit is reached."""
    return state(hass, entry, f"limit_reached_{window}", member, "binary_sensor")


async def test_without_a_limit_nothing_speaks_of_one(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 1000
    await pass_time(hass, freezer)
    for window in ("day", "week", "month"):
        assert state(hass, entry, f"limit_{window}", platform="number") == "0"
    assert not of_limits(hass, entry)


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "no limit"), ("de", "(aus)"), ("fr", "sans limite"), ("es", "sin límite"), ("nl", "(uit)")],
)
async def test_0_says_that_it_is_no_limit(
    hass: HomeAssistant, entry: MockConfigEntry, language: str, words: str
) -> None:
    hass.config.language = language
    assert await set_up(hass, entry)
    shown = [unit(hass, entry)]
    for amount in (5, 0):
        await limit(hass, entry, "day", amount)
        shown.append(unit(hass, entry))
    assert shown == [words, "USD", words]


async def test_what_speaks_of_a_limit_comes_with_it_goes_with_it_and_comes_back_as_it_was(
    hass: HomeAssistant, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    assert await set_up(hass, entry)
    await limit(hass, entry, "day", 5)
    assert of_limits(hass, entry) == {"total::limit_used_day", "total::limit_reached_day"}
    entity_registry.async_update_entity(entity_id(hass, entry, "limit_used_day"), new_entity_id="sensor.mine")
    await limit(hass, entry, "day", 0)
    assert not of_limits(hass, entry)
    assert hass.states.get("sensor.mine") is None
    await limit(hass, entry, "day", 3)
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert entity_id(hass, entry, "limit_used_day") == "sensor.mine"
    assert state(hass, entry, "limit_used_day") == "0.0"


async def test_a_limit_that_is_reached_is_a_problem(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    await limit(hass, entry, "day", 0.3)
    await limit(hass, entry, "week", 5)
    assert state(hass, entry, "limit_used_day") == "0.0"
    proxy.traffic.spend["gpt-4o"] += 0.15
    await pass_time(hass, freezer)
    assert state(hass, entry, "limit_used_day") == "50.0"
    assert reached(hass, entry, "day") == STATE_OFF
    proxy.traffic.spend["claude-sonnet"] += 0.15
    await pass_time(hass, freezer)
    assert reached(hass, entry, "day") == STATE_ON
    assert reached(hass, entry, "week") == STATE_OFF


async def test_a_limit_takes_effect_at_once_and_0_takes_it_away(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 1
    await pass_time(hass, freezer)
    await limit(hass, entry, "month", 0.5)
    assert reached(hass, entry, "month") == STATE_ON
    assert state(hass, entry, "limit_used_month") == "200.0"
    await limit(hass, entry, "month", 0)
    assert not of_limits(hass, entry)


@pytest.mark.parametrize(
    ("amount", "shown"), [(0.07, "0.07"), (250_000.25, "250000.25"), (99_999_999, "99999999"), (1e9, "1000000000")]
)
async def test_no_limit_is_too_large_nor_too_exact_and_whole_dollars_have_no_decimal(
    hass: HomeAssistant, entry: MockConfigEntry, amount: float, shown: str
) -> None:
    assert await set_up(hass, entry)
    for window in ("day", "week", "month"):
        await limit(hass, entry, window, amount)
        assert state(hass, entry, f"limit_{window}", platform="number") == shown


@pytest.mark.parametrize("amount", [5e-324, 1e-300, 1e-10, -0.0])
async def test_a_limit_that_is_as_good_as_0_is_none(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, amount: float
) -> None:
    assert await set_up(hass, entry)
    await limit(hass, entry, "day", amount)
    proxy.traffic.spend["gpt-4o"] += 1
    await pass_time(hass, freezer)
    assert not of_limits(hass, entry)
    assert state(hass, entry, "limit_day", platform="number") == "0"


@pytest.mark.parametrize("amount", [math.nan, math.inf, -math.inf, 5e-324, -1.0])
async def test_a_limit_in_the_file_that_is_no_amount_is_none(
    hass: HomeAssistant, entry: MockConfigEntry, hass_storage: dict[str, Any], amount: float
) -> None:
    stored = {"limits": [["total", "", "day", amount], ["total", "", "month", 5.0]], "deleted": []}
    hass_storage[f"litellm_pulse.{entry.entry_id}.wishes"] = {"version": 1, "key": "", "data": stored}
    assert await set_up(hass, entry)
    assert state(hass, entry, "limit_day", platform="number") == "0"
    assert state(hass, entry, "limit_month", platform="number") == "5"


@pytest.mark.parametrize("amount", [-1, math.nan, math.inf])
async def test_what_is_no_amount_is_refused_as_a_limit(
    hass: HomeAssistant, entry: MockConfigEntry, amount: float
) -> None:
    assert await set_up(hass, entry)
    await limit(hass, entry, "day", 5)
    with pytest.raises((ServiceValidationError, vol.Invalid)):
        await limit(hass, entry, "day", amount)
    assert state(hass, entry, "limit_day", platform="number") == "5"


async def test_a_daily_limit_is_free_again_at_midnight(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    await limit(hass, entry, "day", 1)
    await limit(hass, entry, "week", 1)
    proxy.traffic.spend["gpt-4o"] += 1
    await pass_time(hass, freezer)
    assert reached(hass, entry, "day") == STATE_ON
    await pass_time(hass, freezer, 86_400)
    assert reached(hass, entry, "day") == STATE_OFF
    assert reached(hass, entry, "week") == STATE_ON


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_a_member_has_limits_of_its_own(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    await limit(hass, entry, "week", 2, MODEL)
    proxy.traffic.spend["gpt-4o"] += 1
    proxy.traffic.spend["claude-sonnet"] += 5
    await pass_time(hass, freezer)
    assert state(hass, entry, "limit_used_week", MODEL) == "50.0"
    assert of_limits(hass, entry) == {f"{MODEL}:limit_used_week", f"{MODEL}:limit_reached_week"}
    assert reached(hass, entry, "week", MODEL) == STATE_OFF
    proxy.traffic.spend["gpt-4o"] += 1
    await pass_time(hass, freezer)
    assert reached(hass, entry, "week", MODEL) == STATE_ON


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_limits_survive_reloads_also_while_their_entity_is_disabled(
    hass: HomeAssistant, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    assert await set_up(hass, entry)
    await limit(hass, entry, "day", 3)
    await limit(hass, entry, "month", 7.25, MODEL)
    number = entity_id(hass, entry, "limit_month", MODEL, "number")
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert state(hass, entry, "limit_day", platform="number") == "3"
    entity_registry.async_update_entity(number, disabled_by=er.RegistryEntryDisabler.USER)
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert hass.states.get(number) is None
    assert state(hass, entry, "limit_used_month", MODEL) == "0.0"
    entity_registry.async_update_entity(number, disabled_by=None)
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert state(hass, entry, "limit_month", MODEL, "number") == "7.25"


async def test_limits_are_written_at_once_and_gone_with_the_entry(
    hass: HomeAssistant, entry: MockConfigEntry, hass_storage: dict[str, Any]
) -> None:
    key = f"litellm_pulse.{entry.entry_id}.wishes"
    assert await set_up(hass, entry)
    assert key not in hass_storage
    await limit(hass, entry, "day", 3)
    assert hass_storage[key]["data"]["limits"] == [["total", "", "day", 3.0]]
    assert await hass.config_entries.async_remove(entry.entry_id)
    assert key not in hass_storage


async def test_there_is_no_forecast_before_a_whole_day_was_seen(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    await hass.config.async_set_time_zone("UTC")
    assert await set_up(hass, entry)
    assert state(hass, entry, "forecast_from") == "2026-11-20T00:00:00+00:00"
    assert not present(hass, entry, "spend_forecast")
    for _ in range(36):
        proxy.traffic.spend["gpt-4o"] += 1
        await pass_time(hass, freezer, 3600)
    # From noon on the 18th to midnight on the 20th: 36 dollars, 24 of them on a whole day; ten days are to come.
    # The scrape at midnight belongs to the day that begins.
    assert not present(hass, entry, "forecast_from")
    assert float(state(hass, entry, "spend_forecast")) == pytest.approx(36 + 11 * 24)


async def test_unusual_spend_is_a_problem_once_there_is_enough_history(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)

    def unusual() -> str:
        return state(hass, entry, "unusual_spend", platform="binary_sensor")

    assert not present(hass, entry, "unusual_spend", "binary_sensor")
    assert state(hass, entry, "unusual_from") == "2026-11-25T12:00:00+00:00"
    proxy.traffic.spend["gpt-4o"] += 100
    await pass_time(hass, freezer)
    for _ in range(8):
        await pass_time(hass, freezer, 86_400)
    assert not present(hass, entry, "unusual_from")
    proxy.traffic.spend["gpt-4o"] += 0.2
    await pass_time(hass, freezer)
    assert unusual() == STATE_OFF
    proxy.traffic.spend["gpt-4o"] += 0.2
    await pass_time(hass, freezer)
    assert unusual() == STATE_ON
    # The hour is over, although nobody spends.
    await pass_time(hass, freezer, 3600)
    assert unusual() == STATE_OFF
