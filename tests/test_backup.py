"""A backup that Home Assistant makes holds the whole ledger."""

import asyncio
import io
import tarfile
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.backup.const import DATA_MANAGER
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.litellm_pulse import backup
from custom_components.litellm_pulse.const import DOMAIN
from custom_components.litellm_pulse.core.ledger import Ledger

from .conftest import NOW, pass_time, set_up, state
from .proxy import Proxy

pytestmark = pytest.mark.freeze_time(NOW)


def _unpacked(archive: Path, name: str, to: Path) -> Path:
    """Take one file out of a backup."""
    with tarfile.open(archive) as outer, tarfile.open(fileobj=_member(outer, "homeassistant.tar.gz")) as inner:
        to.write_bytes(_member(inner, f"data/{DOMAIN}/{name}").read())
        assert not [one for one in inner.getnames() if one.endswith("-wal")]
    return to


def _member(archive: tarfile.TarFile, name: str) -> io.BufferedReader:
    """Return a file of an archive."""
    found = archive.extractfile(next(one for one in archive if one.name.endswith(name)))
    assert isinstance(found, io.BufferedReader)
    return found


async def test_a_backup_has_all_that_was_counted_until_then_and_scrapes_go_on(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, tmp_path: Path
) -> None:
    assert await async_setup_component(hass, "backup", {})
    assert await set_up(hass, entry)
    for _ in range(3):
        proxy.traffic.spend["gpt-4o"] += 1.25
        await pass_time(hass, freezer)
    await hass.data[DATA_MANAGER].async_create_backup(
        agent_ids=["backup.local"],
        extra_metadata=None,
        include_addons=None,
        include_all_addons=False,
        include_database=True,
        include_folders=None,
        include_homeassistant=True,
        name="test",
        password=None,
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    (archive,) = await hass.async_add_executor_job(lambda: list(Path(hass.config.path("backups")).glob("*.tar")))
    copy = await hass.async_add_executor_job(_unpacked, archive, f"{entry.entry_id}.db", tmp_path / "copy.db")
    ledger = Ledger.open(copy, now=dt_util.utcnow(), zone=ZoneInfo(hass.config.time_zone))
    assert ledger.snapshot.recovery is None
    assert ledger.snapshot.usage == entry.runtime_data.coordinator.data.snapshot.usage
    ledger.close()
    proxy.traffic.spend["gpt-4o"] += 1
    await pass_time(hass, freezer)
    assert float(state(hass, entry, "spend_lifetime")) == pytest.approx(4.75)


async def test_a_backup_leaves_the_file_alone_until_it_is_made(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    path = entry.runtime_data.ledger.path
    await backup.async_pre_backup(hass)
    before = await hass.async_add_executor_job(path.read_bytes)
    proxy.traffic.spend["gpt-4o"] += 2
    await pass_time(hass, freezer)
    assert float(state(hass, entry, "spend_lifetime")) == pytest.approx(2)
    assert await hass.async_add_executor_job(path.read_bytes) == before
    await backup.async_post_backup(hass)
    await pass_time(hass, freezer)
    assert await hass.async_add_executor_job(path.read_bytes) != before or path.with_name(f"{path.name}-wal").exists()


@pytest.mark.parametrize("way", ["reload", "unload and set up", "disable and enable"])
async def test_whatever_is_reloaded_during_a_backup_the_file_is_left_alone_and_nothing_is_lost(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, way: str
) -> None:
    assert await set_up(hass, entry)
    path = entry.runtime_data.ledger.path
    await backup.async_pre_backup(hass)
    before = await hass.async_add_executor_job(_files, path)
    proxy.traffic.spend["gpt-4o"] += 2
    await pass_time(hass, freezer)
    if way == "disable and enable":
        await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
        await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
    elif way == "reload":
        await hass.config_entries.async_reload(entry.entry_id)
    else:
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.config_entries.async_setup(entry.entry_id)
    assert entry.reason == "A backup is being made. The usage database is opened when it is finished"
    assert await hass.async_add_executor_job(_files, path) == before
    # Were what was seen not written, this would be all that is known.
    proxy.restart({"gpt-4o": 0.5})
    freezer.tick(60)
    await backup.async_post_backup(hass)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.LOADED
    assert float(state(hass, entry, "spend_lifetime")) == pytest.approx(2.5)


async def test_an_entry_that_is_loading_when_a_backup_begins_leaves_the_file_alone(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    arrived, answer = asyncio.Event(), asyncio.Event()

    async def later(_: web.Request) -> web.Response:
        arrived.set()
        await answer.wait()
        return web.Response(body=proxy.traffic.body(), content_type="text/plain")

    proxy.handler = later
    loading = hass.async_create_task(hass.config_entries.async_setup(entry.entry_id))
    await arrived.wait()
    await backup.async_pre_backup(hass)
    path = Path(hass.config.path(DOMAIN, f"{entry.entry_id}.db"))
    before = await hass.async_add_executor_job(_files, path)
    answer.set()
    assert await loading
    assert await hass.async_add_executor_job(_files, path) == before
    await backup.async_post_backup(hass)
    await pass_time(hass, freezer)
    assert await hass.async_add_executor_job(_files, path) != before


async def test_an_entry_that_is_removed_during_a_backup_leaves_nothing_behind(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    path = entry.runtime_data.ledger.path
    await backup.async_pre_backup(hass)
    proxy.traffic.spend["gpt-4o"] += 2
    await pass_time(hass, freezer)
    await hass.config_entries.async_remove(entry.entry_id)
    await backup.async_post_backup(hass)
    assert not path.parent.exists()


async def test_a_backup_that_never_ends_does_not_stop_the_ledger_for_ever(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    await backup.async_pre_backup(hass)
    proxy.traffic.spend["gpt-4o"] += 2
    await pass_time(hass, freezer)
    await hass.config_entries.async_reload(entry.entry_id)
    await pass_time(hass, freezer, 3700)
    assert entry.state is ConfigEntryState.LOADED
    assert float(state(hass, entry, "spend_lifetime")) == pytest.approx(2)
    await backup.async_post_backup(hass)
    await pass_time(hass, freezer)
    assert float(state(hass, entry, "spend_lifetime")) == pytest.approx(2)


async def test_usage_during_a_backup_says_what_it_lacks(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    client = await hass_client()
    usage = f"/api/{DOMAIN}/api/v1/usage"
    await backup.async_pre_backup(hass)
    proxy.traffic.spend["gpt-4o"] += 2
    await pass_time(hass, freezer)
    body = await (await client.get(usage)).json()
    assert body["error"].startswith("A backup is being made")
    assert body["usage"] == []
    await backup.async_post_backup(hass)
    assert "error" not in await (await client.get(usage)).json()
    await pass_time(hass, freezer)
    body = await (await client.get(usage)).json()
    assert "error" not in body
    assert body["usage"][0]["cost"] == 2


def _files(path: Path) -> dict[str, bytes]:
    """Return the files of a ledger."""
    return {file.name: file.read_bytes() for file in path.parent.glob(f"{path.stem}.*")}


async def test_a_backup_of_a_home_assistant_that_stops_is_no_error(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await set_up(hass, entry)
    await entry.runtime_data.ledger.async_close()
    await backup.async_pre_backup(hass)
    await backup.async_post_backup(hass)
