"""An entry comes and goes, and leaves nothing behind that was not asked to stay."""

# ruff: noqa: ASYNC240 - a test may wait for a file

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.const import CONF_API_KEY, CONF_URL, CONF_VERIFY_SSL, EVENT_HOMEASSISTANT_CLOSE, Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.litellm_pulse.const import DOMAIN
from custom_components.litellm_pulse.core.errors import NewerSchemaError
from custom_components.litellm_pulse.core.ledger import Ledger

from .conftest import NOW, pass_time, set_up, state
from .proxy import Proxy

pytestmark = pytest.mark.freeze_time(NOW)


def _files(hass: HomeAssistant) -> list[str]:
    """Return the names of the ledgers' files."""
    return sorted(path.name for path in Path(hass.config.path(DOMAIN)).glob("*"))


def _threads() -> list[str]:
    """Return the ledgers' threads."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(DOMAIN)]


async def test_unloading_takes_the_states_and_the_thread_away(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await set_up(hass, entry)
    assert len(_threads()) == 1
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert not _threads()
    assert _files(hass) == [f"{entry.entry_id}.db"]


async def test_nothing_is_asked_after_unloading(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await pass_time(hass, freezer, 86_400)
    assert len(proxy.requests) == 1


async def test_a_set_up_that_fails_leaves_no_thread(hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy) -> None:
    proxy.answer(status=500)
    assert not await set_up(hass, entry)
    assert not _threads()


async def test_removing_leaves_no_file(
    hass: HomeAssistant, entry: MockConfigEntry, hass_storage: dict[str, Any]
) -> None:
    assert await set_up(hass, entry)
    folder = Path(hass.config.path(DOMAIN))
    (folder / f"{entry.entry_id}.2026-11-01.db").write_bytes(b"set aside")
    assert await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert not folder.exists()
    assert f"{DOMAIN}.{entry.entry_id}" not in hass_storage


async def test_removing_one_proxy_keeps_the_ledger_of_the_other(
    hass: HomeAssistant, entry: MockConfigEntry, other_entry: MockConfigEntry
) -> None:
    assert await set_up(hass, entry)
    assert await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert {name.split(".")[0] for name in _files(hass)} == {other_entry.entry_id}


async def test_an_entry_that_was_never_loaded_can_be_removed(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await hass.config_entries.async_remove(entry.entry_id)


async def test_the_head_is_saved_late_and_at_unloading(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_storage: dict[str, Any],
) -> None:
    key = f"{DOMAIN}.{entry.entry_id}"
    assert await set_up(hass, entry)
    # Traffic in every scrape must not put the saving off for ever.
    for _ in range(59):
        proxy.traffic.spend["gpt-4o"] += 0.25
        await pass_time(hass, freezer)
    assert key not in hass_storage
    for _ in range(2):
        await pass_time(hass, freezer)
    saved = hass_storage.pop(key)
    assert saved["data"]["last_scrape"] is not None
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    assert hass_storage[key]["data"] is not saved["data"]


async def test_a_ledger_that_is_gone_comes_back_from_the_head(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.25
    await pass_time(hass, freezer)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    Path(hass.config.path(DOMAIN, f"{entry.entry_id}.db")).unlink()
    proxy.traffic.spend["gpt-4o"] += 0.5
    assert await set_up(hass, entry)
    assert state(hass, entry, "spend_lifetime") == "0.75"


async def test_a_ledger_of_a_newer_release_is_left_untouched(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def newer(*_: object, **__: object) -> None:
        raise NewerSchemaError

    monkeypatch.setattr(Ledger, "open", newer)
    assert not await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.reason is not None
    assert "left untouched" in entry.reason
    assert not _threads()


async def test_a_ledger_that_cannot_be_opened_now_is_tried_again(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    folder = Path(hass.config.path(DOMAIN))
    folder.write_text("in the way")
    assert not await set_up(hass, entry)
    assert entry.state == ConfigEntryState.SETUP_RETRY
    folder.unlink()
    await pass_time(hass, freezer, 600)
    assert entry.state is ConfigEntryState.LOADED


async def test_stopping_home_assistant_saves_the_head_and_ends_the_thread(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_storage: dict[str, Any],
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.25
    await pass_time(hass, freezer)
    await hass.async_stop(force=True)
    assert f"{DOMAIN}.{entry.entry_id}" in hass_storage
    assert not _threads()


async def test_every_member_has_a_device_below_the_proxy(
    hass: HomeAssistant, entry: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    assert await set_up(hass, entry)
    devices = {one.name: one for one in dr.async_entries_for_config_entry(device_registry, entry.entry_id)}
    assert set(devices) == {"LiteLLM", "LiteLLM model gpt-4o", "LiteLLM model claude-sonnet"}
    proxy = devices["LiteLLM"]
    assert proxy.identifiers == {(DOMAIN, entry.entry_id)}
    assert proxy.via_device_id is None
    assert devices["LiteLLM model gpt-4o"].identifiers == {(DOMAIN, f"{entry.entry_id}:model:gpt-4o")}
    assert devices["LiteLLM model gpt-4o"].via_device_id == proxy.id
    assert {one.entry_type for one in devices.values()} == {dr.DeviceEntryType.SERVICE}


async def test_the_second_proxy_is_named_after_its_address(
    hass: HomeAssistant, entry: MockConfigEntry, other_entry: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    assert await set_up(hass, entry)
    names = {one.name for one in dr.async_entries_for_config_entry(device_registry, other_entry.entry_id)}
    assert f"LiteLLM {other_entry.title}" in names


async def _delete(hass: HomeAssistant, hass_ws_client: WebSocketGenerator, entry: MockConfigEntry, name: str) -> bool:
    """Delete a device on its page; return whether that was allowed."""
    assert await async_setup_component(hass, "config", {})
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    (device,) = [one for one in devices if one.name == name]
    client = await hass_ws_client(hass)
    # Deprecated, but the one command that the floor knows too.
    command = "config/device_registry/remove_config_entry"
    await client.send_json_auto_id({"type": command, "config_entry_id": entry.entry_id, "device_id": device.id})
    answer = await client.receive_json()
    await hass.async_block_till_done()
    return bool(answer["success"])


def _has_model(hass: HomeAssistant, entry: MockConfigEntry) -> bool:
    """Whether the model that tests delete has an entity."""
    unique_id = f"{entry.entry_id}:model:gpt-4o:spend_day"
    return er.async_get(hass).async_get_entity_id(Platform.SENSOR, DOMAIN, unique_id) is not None


async def test_the_proxys_device_cannot_be_deleted(
    hass: HomeAssistant, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    assert await set_up(hass, entry)
    assert not await _delete(hass, hass_ws_client, entry, "LiteLLM")


async def test_a_model_that_was_deleted_comes_back_when_it_is_used_again(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_ws_client: WebSocketGenerator,
) -> None:
    assert await set_up(hass, entry)
    assert await _delete(hass, hass_ws_client, entry, "LiteLLM model gpt-4o")
    proxy.traffic.spend["claude-sonnet"] += 0.5
    await pass_time(hass, freezer)
    assert not _has_model(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.25
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day", "model:gpt-4o") == "0.25"


async def test_a_model_that_was_deleted_stays_so_over_restarts_and_nights(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_ws_client: WebSocketGenerator,
) -> None:
    assert await set_up(hass, entry)
    assert await _delete(hass, hass_ws_client, entry, "LiteLLM model gpt-4o")
    await pass_time(hass, freezer, 86_400)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await pass_time(hass, freezer)
    assert not _has_model(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.25
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day", "model:gpt-4o") == "0.25"


async def test_a_device_can_be_deleted_while_the_entry_is_not_loaded(
    hass: HomeAssistant, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    assert await set_up(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert await _delete(hass, hass_ws_client, entry, "LiteLLM model gpt-4o")
    assert await set_up(hass, entry)
    assert not _has_model(hass, entry)


async def test_an_entry_of_an_earlier_release_is_no_longer_known_by_its_address(
    hass: HomeAssistant, proxy: Proxy
) -> None:
    entry = MockConfigEntry(
        domain=DOMAIN,
        unique_id=f"127.0.0.1:{proxy.server.port}",
        data={CONF_URL: proxy.url, CONF_API_KEY: "sk-1234", CONF_VERIFY_SSL: True},
    )
    entry.add_to_hass(hass)
    assert await set_up(hass, entry)
    assert (entry.unique_id, entry.minor_version) == (None, 3)


async def test_an_entry_of_a_later_major_release_is_left_alone(hass: HomeAssistant, proxy: Proxy) -> None:
    entry = MockConfigEntry(domain=DOMAIN, version=2, data={CONF_URL: proxy.url, CONF_VERIFY_SSL: True})
    entry.add_to_hass(hass)
    assert not await set_up(hass, entry)
    assert entry.state is ConfigEntryState.MIGRATION_ERROR


@pytest.mark.parametrize("obstacle", ["a file where the folder should be", "a folder where the file should be"])
async def test_a_first_set_up_that_cannot_make_its_file_says_so_and_goes_on_when_it_can(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, obstacle: str
) -> None:
    folder = Path(hass.config.path(DOMAIN))
    wrong = folder if obstacle.startswith("a file") else folder / f"{entry.entry_id}.db"
    if wrong == folder:
        folder.write_text("")
    else:
        wrong.mkdir(parents=True)
    assert not await set_up(hass, entry)
    assert entry.reason is not None
    assert entry.reason.startswith("The usage database cannot be opened: ")
    if wrong == folder:
        folder.unlink()
    else:
        wrong.rmdir()
    await pass_time(hass, freezer, 600)
    assert entry.state is ConfigEntryState.LOADED
    proxy.traffic.spend["gpt-4o"] += 0.5
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day") == "0.5"


async def test_a_ledger_is_private_also_one_that_was_not(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await set_up(hass, entry)
    path: Path = entry.runtime_data.ledger.path
    for _ in range(2):
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
        assert await hass.config_entries.async_unload(entry.entry_id)
        path.parent.chmod(0o755)
        path.chmod(0o644)
        assert await hass.config_entries.async_setup(entry.entry_id)


async def test_an_entry_that_is_copied_to_a_second_home_assistant_goes_on_there_with_the_same_totals(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.5
    await pass_time(hass, freezer)
    path: Path = entry.runtime_data.ledger.path
    assert await hass.config_entries.async_unload(entry.entry_id)
    copied = await hass.async_add_executor_job(path.read_bytes)
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 1
    await pass_time(hass, freezer)
    assert await hass.config_entries.async_unload(entry.entry_id)
    # What follows is the second one: the file as it was copied, and the same proxy.
    await hass.async_add_executor_job(path.write_bytes, copied)
    assert await set_up(hass, entry)
    assert state(hass, entry, "spend_lifetime") == "1.5"


@pytest.mark.parametrize("change", ["unload", "reload", "remove", "disable"])
async def test_a_scrape_that_is_being_made_when_its_entry_goes_ends_with_a_reason_and_counts_once(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    assert await set_up(hass, entry)
    asked, answered = asyncio.Event(), asyncio.Event()

    async def wait(request: web.Request) -> web.Response:
        proxy.recover()
        asked.set()
        await answered.wait()
        return web.Response(body=proxy.traffic.body(request.query.getall("name[]", ())))

    proxy.handler = wait
    proxy.traffic.spend["gpt-4o"] += 1
    scrape = hass.async_create_task(hass.services.async_call(DOMAIN, "scrape", blocking=True))
    await asked.wait()
    entries = hass.config_entries
    changes: dict[str, Callable[[], Awaitable[object]]] = {
        "unload": lambda: entries.async_unload(entry.entry_id),
        "reload": lambda: entries.async_reload(entry.entry_id),
        "remove": lambda: entries.async_remove(entry.entry_id),
        "disable": lambda: entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER),
    }
    await changes[change]()
    answered.set()
    with pytest.raises(HomeAssistantError, match="is not loaded"):
        await scrape
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []
    if change != "remove":
        await entries.async_set_disabled_by(entry.entry_id, None)
        if entry.state is not ConfigEntryState.LOADED:
            await entries.async_setup(entry.entry_id)
        await hass.services.async_call(DOMAIN, "scrape", blocking=True)
        assert state(hass, entry, "spend_lifetime") == "1.0"


async def test_an_entry_that_goes_after_home_assistant_has_closed_logs_no_error(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    assert await set_up(hass, entry)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_CLOSE)
    await hass.async_block_till_done()
    # As a set-up does that is under way then.
    await hass.config_entries.async_unload(entry.entry_id)
    assert [one.message for one in caplog.records if one.levelno >= logging.ERROR] == []
