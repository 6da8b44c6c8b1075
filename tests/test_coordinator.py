"""Scrapes go on, whatever the proxy answers, and nothing is lost over it."""

# ruff: noqa: PLR0913, PLR0917 - a fixture is an argument

from datetime import timedelta
from logging import DEBUG

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.const import DOMAIN, LOGGER

from .conftest import NOW, entity_id, pass_time, set_up, state
from .proxy import Proxy, recording

pytestmark = pytest.mark.freeze_time(NOW)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, b"", "There are no metrics at this address"),
        (429, b"", "too many requests"),
        (500, b"", "HTTP status 500"),
        (200, b"", "not from LiteLLM"),
        (200, b"<html></html>", "no metrics"),
        (200, b"# TYPE litellm_a counter\nlitellm_a 1", "incomplete"),
        (200, recording("litellm-1.63-enterprise-only"), "Update LiteLLM"),
    ],
)
async def test_set_up_waits_for_a_proxy_that_never_answered_and_says_why(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    status: int,
    body: bytes,
    words: str,
) -> None:
    proxy.answer(body, status=status)
    assert not await set_up(hass, entry)
    assert entry.state == ConfigEntryState.SETUP_RETRY
    assert entry.reason is not None
    assert words in entry.reason
    proxy.recover()
    await pass_time(hass, freezer, 600)
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_is_refused_at_set_up_starts_reauth(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, status: int
) -> None:
    proxy.answer(status=status)
    assert not await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert _reauths(hass) == [SOURCE_REAUTH]


def _reauths(hass: HomeAssistant) -> list[str]:
    """Return the sources of the flows that wait for the user."""
    return [flow["context"]["source"] for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN)]


async def test_a_key_that_is_revoked_starts_reauth_and_totals_stay(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.answer(status=401)
    for _ in range(3):
        await pass_time(hass, freezer)
    assert _reauths(hass) == [SOURCE_REAUTH]
    assert state(hass, entry, "spend_day") == "0.0"


async def test_a_key_that_is_restored_needs_nobody(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.answer(status=401)
    await pass_time(hass, freezer)
    proxy.recover()
    proxy.traffic.spend["gpt-4o"] += 0.25
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day") == "0.25"
    assert not _reauths(hass)


async def test_a_key_that_was_revoked_meanwhile_starts_reauth_and_totals_come_up(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.25
    await pass_time(hass, freezer)
    assert await hass.config_entries.async_unload(entry.entry_id)
    proxy.answer(status=401)
    assert await set_up(hass, entry)
    assert state(hass, entry, "spend_day") == "0.25"
    assert _reauths(hass) == [SOURCE_REAUTH]


async def test_a_failed_scrape_is_logged_once_and_its_recovery_too(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await set_up(hass, entry)
    proxy.answer(status=503)
    for _ in range(3):
        await pass_time(hass, freezer)
    proxy.recover()
    for _ in range(3):
        await pass_time(hass, freezer)
    said = [(one.levelname, one.message) for one in caplog.records if one.name == LOGGER.name and one.levelno > DEBUG]
    name = f"litellm_pulse {entry.title}"
    assert said == [
        ("ERROR", f"Error fetching {name} data: The proxy answered with HTTP status 503"),
        ("INFO", f"Fetching {name} data recovered"),
    ]


@pytest.mark.parametrize(
    "answer", [(200, b""), (200, b"# TYPE litellm_a counter\nlitellm_a 1"), (200, b"<html>"), (500, b""), (404, b"")]
)
async def test_a_useless_answer_in_between_changes_no_total(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    answer: tuple[int, bytes],
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.25
    proxy.answer(answer[1], status=answer[0])
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day") == "0.0"
    proxy.recover()
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day") == "0.25"


@pytest.mark.parametrize(("retry_after", "waits"), [("300", 300), ("1", 60), ("999999", 3600), (None, 60)])
async def test_a_proxy_that_asks_for_patience_is_given_it(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    retry_after: str | None,
    waits: int,
) -> None:
    assert await set_up(hass, entry)
    proxy.answer(status=429, **({"Retry_After": retry_after} if retry_after else {}))
    await pass_time(hass, freezer)
    asked = len(proxy.requests)
    await pass_time(hass, freezer, waits - 5)
    assert len(proxy.requests) == asked
    await pass_time(hass, freezer, 6)
    assert len(proxy.requests) == asked + 1


async def test_the_interval_of_the_options_is_kept(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    hass.config_entries.async_update_entry(entry, options={"scan_interval": 10})
    assert await set_up(hass, entry)
    await pass_time(hass, freezer, 11)
    assert len(proxy.requests) == 2


async def test_scrapes_go_on_when_every_entity_is_disabled(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    hass.config_entries.async_update_entry(entry, pref_disable_new_entities=True)
    assert await set_up(hass, entry)
    assert not hass.states.async_all("sensor")
    await pass_time(hass, freezer)
    assert len(proxy.requests) == 2


async def test_totals_come_up_although_the_proxy_is_down(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.25
    await pass_time(hass, freezer)
    assert await hass.config_entries.async_unload(entry.entry_id)
    proxy.traffic.spend["gpt-4o"] += 0.5
    proxy.answer(status=502)
    assert await set_up(hass, entry)
    assert state(hass, entry, "spend_day") == "0.25"
    assert state(hass, entry, "spend_day", "model:gpt-4o") == "0.25"
    proxy.recover()
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day") == "0.75"


async def test_a_restart_of_home_assistant_keeps_every_total(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.25
    await pass_time(hass, freezer)
    assert await hass.config_entries.async_unload(entry.entry_id)
    proxy.traffic.spend["gpt-4o"] += 0.5
    freezer.tick(timedelta(minutes=10))
    assert await set_up(hass, entry)
    assert state(hass, entry, "spend_lifetime") == "0.75"


async def test_a_restart_of_the_proxy_keeps_every_total(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.25
    await pass_time(hass, freezer)
    freezer.tick(timedelta(seconds=10))
    proxy.restart(spend={"gpt-4o": 4.0})
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_lifetime") == "4.25"


async def test_a_restart_of_both_keeps_every_total(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.25
    await pass_time(hass, freezer)
    assert await hass.config_entries.async_unload(entry.entry_id)
    freezer.tick(timedelta(hours=1))
    proxy.restart(spend={"gpt-4o": 0.5})
    assert await set_up(hass, entry)
    assert state(hass, entry, "spend_lifetime") == "0.75"


async def test_windows_follow_home_assistants_time_zone(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-11-18 14:30:00+00:00")
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.25
    await pass_time(hass, freezer)
    freezer.move_to("2026-11-18 15:30:00+00:00")
    assert state(hass, entry, "spend_day") == "0.25"
    # In Tokyo, midnight was half an hour ago.
    await hass.config.async_update(time_zone="Asia/Tokyo")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, entry, "spend_day") == "0.0"
    assert state(hass, entry, "spend_lifetime") == "0.25"
    shown = hass.states.get(entity_id(hass, entry, "spend_day"))
    assert shown is not None
    assert shown.attributes["last_reset"] == "2026-11-19T00:00:00+09:00"


async def test_another_setting_than_the_zone_changes_nothing(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await set_up(hass, entry)
    before = entry.runtime_data.coordinator.data
    await hass.config.async_update(location_name="Elsewhere")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.runtime_data.coordinator.data is before


async def test_two_proxies_are_counted_apart(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other_entry: MockConfigEntry,
    proxy: Proxy,
    other_proxy: Proxy,
    freezer: FrozenDateTimeFactory,
) -> None:
    assert await set_up(hass, entry, other_entry)
    proxy.traffic.spend["gpt-4o"] += 0.25
    other_proxy.traffic.spend["gpt-4o"] += 0.5
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day", "model:gpt-4o") == "0.25"
    assert state(hass, other_entry, "spend_day", "model:gpt-4o") == "0.5"
    other_proxy.answer(status=500)
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day") != STATE_UNAVAILABLE


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_forty_entities_that_are_to_be_updated_are_one_scrape(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    assert await set_up(hass, entry)
    registered = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    entities = [one.entity_id for one in registered if hass.states.get(one.entity_id)][:40]
    assert len(entities) == 40
    proxy.traffic.spend["gpt-4o"] += 0.5
    proxy.requests.clear()
    await hass.services.async_call("homeassistant", "update_entity", {"entity_id": entities}, blocking=True)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, entry, "spend_day") == "0.5"
    assert len(proxy.requests) == 1
    await pass_time(hass, freezer, 15)
    assert len(proxy.requests) == 1
