"""Where an entry may find itself: a full disk, a read-only folder, a copy, another release, another zone."""

# ruff: noqa: ASYNC240, PLR0913, PLR0917 - a test may wait for a file; a fixture is an argument

import logging
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from homeassistant.loader import DATA_CUSTOM_COMPONENTS
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_test_home_assistant
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.litellm_pulse import backup
from custom_components.litellm_pulse.automation_targets import of_integration
from custom_components.litellm_pulse.const import DOMAIN
from custom_components.litellm_pulse.core.counters import attribution
from custom_components.litellm_pulse.core.models import TOTAL, Window
from custom_components.litellm_pulse.issues import issue_id

from .conftest import NOW, pass_time, set_up, state
from .proxy import FIXTURES, Proxy, Traffic

pytestmark = pytest.mark.freeze_time(NOW)


def _tracebacks(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what a user would report as a fault: warnings and errors with a traceback."""
    return [one.getMessage() for one in caplog.records if one.exc_info and one.levelno >= logging.WARNING]


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Callable[[], None]]:
    """Put a file system of memory over a folder; yields what makes it a usual one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, check=False)  # noqa: S603
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")

    def relieve() -> None:
        subprocess.run(["mount", "-o", "remount,rw,size=64m", folder], check=True)  # noqa: S603, S607

    try:
        yield relieve
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S603, S607


def _fill(folder: Path) -> None:
    """Leave no room on a disk."""
    with (folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(512)):
            pass


@pytest.mark.parametrize("options", ["size=4k", "ro"], ids=["full disk", "read-only folder"])
async def test_a_first_set_up_where_nothing_can_be_written_says_why_and_is_made_up_for_when_it_can(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    options: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with mounted(Path(hass.config.path(DOMAIN)), options) as relieve:
        assert not await set_up(hass, entry)
        assert entry.state == ConfigEntryState.SETUP_RETRY
        assert entry.reason is not None
        assert any(word in entry.reason for word in ("full", "readonly", "read-only", "Read-only", "I/O"))
        assert not _tracebacks(caplog)
        await hass.async_add_executor_job(relieve)
        await pass_time(hass, freezer, 600)
        assert entry.state is ConfigEntryState.LOADED
        proxy.traffic.spend["gpt-4o"] += 0.5
        await pass_time(hass, freezer)
        assert state(hass, entry, "spend_lifetime") == "0.5"
        assert await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()


@pytest.mark.parametrize("trouble", ["full", "read-only", "full during a backup"])
async def test_a_disk_that_cannot_be_written_while_we_run_is_told_until_it_can_be_and_all_is_written_then(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    trouble: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = Path(hass.config.path(DOMAIN))
    with mounted(folder, "size=256k") as relieve:
        assert await set_up(hass, entry)
        if trouble != "full":
            await backup.async_pre_backup(hass)
        if trouble == "read-only":
            # Nobody has a file open just then.
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)  # noqa: ASYNC221, S603, S607
        else:
            _fill(folder)
        await backup.async_post_backup(hass)
        caplog.clear()
        for minute in range(1, 31):
            proxy.traffic.spend["gpt-4o"] += 0.5
            await pass_time(hass, freezer)
            assert state(hass, entry, "spend_lifetime") == str(minute / 2)
            assert ir.async_get(hass).async_get_issue(DOMAIN, issue_id("store_error", entry.entry_id))
        assert len([one for one in caplog.records if one.levelno >= logging.WARNING and DOMAIN in one.name]) <= 1
        await hass.async_add_executor_job(relieve)
        await pass_time(hass, freezer)
        assert not ir.async_get(hass).async_get_issue(DOMAIN, issue_id("store_error", entry.entry_id))
        assert await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()
        # What its counters told is not told again.
        proxy.traffic = Traffic(started=dt_util.utcnow())
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        assert state(hass, entry, "spend_lifetime") == "15.0"
        assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("options", ["rw", "ro"], ids=["mounted folder", "read-only folder"])
async def test_what_cannot_be_deleted_with_an_entry_is_told_and_all_else_goes(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_storage: dict[str, Any],
    options: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = Path(hass.config.path(DOMAIN))
    with mounted(folder, "size=64m"):
        assert await set_up(hass, entry)
        path = entry.runtime_data.ledger.path
        assert await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()
        assert f"{DOMAIN}.{entry.entry_id}" in hass_storage
        subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)  # noqa: ASYNC221, S603, S607
        await hass.config_entries.async_remove(entry.entry_id)
        await hass.async_block_till_done()
        assert not [key for key in hass_storage if entry.entry_id in key]
        assert not _tracebacks(caplog)
        assert path.exists() == (f"{path} could not be deleted: Read-only file system" in caplog.text)
        assert path.exists() == (options == "ro")


@pytest.mark.parametrize("files", [(), (".db",), (".db", ".db-wal")], ids=str)
async def test_an_entry_that_is_copied_to_a_second_home_assistant_counts_on_in_both(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_storage: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
    files: tuple[str, ...],
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.25
    await pass_time(hass, freezer)
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert f"{DOMAIN}.{entry.entry_id}" in hass_storage
    folder = tmp_path_factory.mktemp("second")
    # While the first runs, .storage is copied, and of the ledger these files.
    proxy.traffic.spend["gpt-4o"] += 1
    await pass_time(hass, freezer)
    (folder / DOMAIN).mkdir()
    for file in files:
        name = f"{entry.entry_id}{file}"
        shutil.copy(Path(hass.config.path(DOMAIN, name)), folder / DOMAIN / name)
    custom = Path(hass.config.path("custom_components"))
    if custom.is_dir():
        shutil.copytree(custom, folder / "custom_components")
    async with async_test_home_assistant(config_dir=str(folder)) as second:
        second.data.pop(DATA_CUSTOM_COMPONENTS, None)
        copy = MockConfigEntry(
            domain=DOMAIN,
            entry_id=entry.entry_id,
            title=entry.title,
            minor_version=entry.minor_version,
            data=entry.data,
        )
        copy.add_to_hass(second)
        assert await set_up(second, copy)
        proxy.traffic.spend["gpt-4o"] += 0.5
        for one, its in ((hass, entry), (second, copy)):
            await its.runtime_data.coordinator.async_refresh()
            await one.async_block_till_done()
            assert state(one, its, "spend_lifetime") == "1.75"
        recovered = ir.async_get(second).async_get_issue(DOMAIN, issue_id("recovery", entry.entry_id))
        assert bool(recovered) is not bool(files)
        assert not ir.async_get(hass).async_get_issue(DOMAIN, issue_id("recovery", entry.entry_id))
        assert await second.config_entries.async_unload(copy.entry_id)
        await second.async_stop(force=True)


async def test_the_zone_may_change_while_it_runs_and_no_total_is_lost_or_counted_twice(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    await hass.config.async_set_time_zone("UTC")
    freezer.move_to("2026-11-18 22:30:00+00:00")
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 1
    await pass_time(hass, freezer)
    freezer.move_to("2026-11-18 23:30:00+00:00")
    proxy.traffic.spend["gpt-4o"] += 2
    await pass_time(hass, freezer)
    shown = {}
    # To the east across midnight, to a zone of three quarters of an hour, to the west, back, and 25 hours apart.
    zones = ("Europe/Berlin", "Asia/Kathmandu", "Pacific/Honolulu", "UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago")
    for zone in zones:
        await hass.config.async_update(time_zone=zone)
        await hass.async_block_till_done(wait_background_tasks=True)
        proxy.traffic.spend["gpt-4o"] += 4
        await pass_time(hass, freezer, 62)
        shown[zone] = state(hass, entry, "spend_day"), state(hass, entry, "spend_lifetime")
    assert shown == {
        "Europe/Berlin": ("6.0", "7.0"),
        "Asia/Kathmandu": ("11.0", "11.0"),
        "Pacific/Honolulu": ("15.0", "15.0"),
        "UTC": ("19.0", "19.0"),
        "Pacific/Kiritimati": ("23.0", "23.0"),
        "Pacific/Pago_Pago": ("27.0", "27.0"),
    }


@pytest.mark.parametrize("schema", [1, 2, 3, 5])
async def test_a_backup_of_an_earlier_release_is_brought_up_to_date_and_counted_on(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, schema: int
) -> None:
    folder = Path(hass.config.path(DOMAIN))
    folder.mkdir()
    shutil.copy(FIXTURES / f"ledger-schema-{schema}.db", folder / f"{entry.entry_id}.db")
    assert await set_up(hass, entry)
    before = float(state(hass, entry, "spend_lifetime"))
    assert before > 0
    proxy.traffic.spend["gpt-4o"] += 0.5
    await pass_time(hass, freezer)
    assert float(state(hass, entry, "spend_lifetime")) == pytest.approx(before + 0.5)


async def test_a_backup_of_a_newer_release_is_left_as_it_is_whatever_part_of_it_is_newer(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_storage: dict[str, Any],
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.5
    await pass_time(hass, freezer)
    await entry.runtime_data.user_settings.async_set_limit(TOTAL, Window.DAY, 5)
    path = entry.runtime_data.ledger.path
    keys = [f"{DOMAIN}.{entry.entry_id}", f"{DOMAIN}.{entry.entry_id}.wishes"]

    async def unload() -> None:
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()

    await unload()
    # The spare copy, and the user's settings: an entry that forgot them would write over them.
    for key in keys:
        kept = hass_storage[key]
        newer = hass_storage[key] = {**kept, "version": 99}
        assert not await set_up(hass, entry)
        assert entry.state is ConfigEntryState.SETUP_ERROR
        assert entry.reason is not None
        assert "newer version" in entry.reason
        assert hass_storage[key] == newer
        hass_storage[key] = kept
        await unload()
    assert await set_up(hass, entry)
    assert state(hass, entry, "spend_lifetime") == "0.5"
    await unload()
    # The entry itself.
    hass.config_entries.async_update_entry(entry, version=2)
    bytes_before = await hass.async_add_executor_job(path.read_bytes)
    assert not await set_up(hass, entry)
    assert entry.state is ConfigEntryState.MIGRATION_ERROR
    assert await hass.async_add_executor_job(path.read_bytes) == bytes_before


@pytest.mark.parametrize(
    "settings",
    [
        {"limits": [["agent", "x", "day", 1.0]], "deleted": []},
        {"limits": [["total", "", "quarter", 1.0]], "deleted": []},
        {"limits": [["total", "", "day", "a dollar"]], "deleted": []},
        {"limits": [["total", "", "day", 1.0, "EUR"]], "deleted": []},
        {"limits": [], "deleted": [["agent", "x"]]},
        {"limits": []},
        "nothing like it",
    ],
    ids=str,
)
async def test_settings_that_only_a_newer_release_understands_are_left_as_they_are(
    hass: HomeAssistant, entry: MockConfigEntry, hass_storage: dict[str, Any], settings: object
) -> None:
    key = f"{DOMAIN}.{entry.entry_id}.wishes"
    stored = hass_storage[key] = {"version": 1, "minor_version": 1, "key": key, "data": settings}
    assert not await set_up(hass, entry)
    assert entry.reason is not None
    assert "newer version" in entry.reason
    assert hass_storage[key] == stored


async def test_after_a_newer_release_that_knew_more_all_that_this_one_knows_goes_on(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    kept = {one.id for one in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)}
    assert await hass.config_entries.async_unload(entry.entry_id)
    options = {"dimensions": ["agent", "team"], "group_models_by": "alias", "performance": ["flux"], "more": True}
    hass.config_entries.async_update_entry(entry, options=options)
    devices, entities = dr.async_get(hass), er.async_get(hass)
    newer: list[dict[str, Any]] = [
        {"identifiers": {(DOMAIN, f"{entry.entry_id}:agent:x")}},
        {"identifiers": {(DOMAIN, f"{entry.entry_id}:x")}},
        {"identifiers": {("elsewhere", "x")}},
        {"connections": {(dr.CONNECTION_NETWORK_MAC, "00:11:22:33:44:55")}},
    ]
    for one in newer:
        devices.async_get_or_create(config_entry_id=entry.entry_id, **one)
    # One of ours that another integration knows as well.
    devices.async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={(DOMAIN, f"{entry.entry_id}:model:gpt-4o"), ("elsewhere", "gpt")}
    )
    for rest in ("agent:x:spend_day", "model:gpt-4o:carbon_day", "spend_day", ""):
        unique_id = f"{entry.entry_id}:{rest}" if rest else "x"
        entities.async_get_or_create("sensor", DOMAIN, unique_id, config_entry=entry)
    assert await set_up(hass, entry)
    proxy.traffic.add("litellm_spend_metric_total", 1, model="gpt-4o", team="red")
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day") == state(hass, entry, "spend_day", "team:red") == "1.0"
    assert state(hass, entry, "spend_day", "model:gpt-4o") == "1.0"
    found = {one.id for one in dr.async_entries_for_config_entry(devices, entry.entry_id)}
    assert kept < found
    assert len(found - kept) == 1


async def test_what_a_newer_release_has_registered_is_in_nobodys_way_where_it_cannot_be_set_up(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other_entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
) -> None:
    assert await set_up(hass, entry, other_entry)
    assert await async_setup_component(hass, "config", {})
    assert await hass.config_entries.async_unload(entry.entry_id)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={(DOMAIN, f"{entry.entry_id}:agent:x")}
    )
    newer = er.async_get(hass).async_get_or_create(
        "sensor", DOMAIN, f"{entry.entry_id}:agent:x:spend_day", config_entry=entry
    )
    hass.config_entries.async_update_entry(entry, version=2)
    assert not await set_up(hass, entry)
    client = await hass_ws_client()
    await client.send_json_auto_id({"type": f"{DOMAIN}/dashboard"})
    told = {one["id"]: one["loaded"] for one in (await client.receive_json())["result"]["proxies"]}
    assert told == {entry.entry_id: False, other_entry.entry_id: True}
    assert of_integration(hass, [newer.entity_id, "sensor.none"], {"spend_day"}) == set()
    remove = {"type": "config/device_registry/remove_config_entry", "device_id": device.id}
    await client.send_json_auto_id({**remove, "config_entry_id": entry.entry_id})
    assert (await client.receive_json())["success"]


async def test_past_the_limit_of_members_they_are_counted_together_and_the_sum_is_exact(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attribution, "MEMBER_LIMIT", 4)
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["user"], "max_members": 2})
    proxy.traffic.spend = proxy.traffic.tokens = {}
    for user in range(9):
        proxy.traffic.add("litellm_spend_metric_total", 1, model="gpt-4o", user=f"u{user}")
    assert await set_up(hass, entry)
    for user in range(9):
        proxy.traffic.add("litellm_spend_metric_total", 1 + user / 8, model="gpt-4o", user=f"u{user}")
    await pass_time(hass, freezer)
    known = [key for key in entry.runtime_data.coordinator.data.snapshot.members if key[0] == "user"]
    assert sorted(id_ for _, id_ in known) == ["", "u0", "u1", "u2", "u3"]
    assert state(hass, entry, "spend_day") == "13.5"
    shown = sum(float(state(hass, entry, "spend_day", f"user:{user}")) for user in ("u0", "u1"))
    assert float(state(hass, entry, "spend_day", "user:")) == 13.5 - shown
    # Also over a restart, and when only one of those without a device is used.
    assert await hass.config_entries.async_reload(entry.entry_id)
    proxy.traffic.add("litellm_spend_metric_total", 2, model="gpt-4o", user="u8")
    await pass_time(hass, freezer)
    assert float(state(hass, entry, "spend_day", "user:")) == 15.5 - shown
