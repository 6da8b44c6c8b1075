"""Home Assistant's folder .storage where it really lies on a disk that is full or cannot be written."""

# ruff: noqa: ASYNC240 - a test may wait for a file

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.const import DOMAIN

from .conftest import NOW, entity_id, pass_time, set_up, state
from .proxy import Proxy
from .test_hostile_places import mounted

pytestmark = pytest.mark.freeze_time(NOW)


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Have the stores write files: the usual fixture keeps them in memory."""
    return {}


async def test_a_spare_copy_that_does_not_fit_leaves_the_older_one_and_nothing_else(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    folder = Path(hass.config.path(".storage"))
    with mounted(folder, "size=256k") as relieve:
        assert await set_up(hass, entry)
        proxy.traffic.spend["gpt-4o"] += 0.5
        await pass_time(hass, freezer)
        assert await hass.config_entries.async_reload(entry.entry_id)
        spare_copy = folder / f"{DOMAIN}.{entry.entry_id}"
        before, files = spare_copy.read_bytes(), set(folder.iterdir())
        for number in range(100):
            proxy.traffic.add("litellm_spend_metric_total", 1, model=f"{'x' * 10_000}{number}")
        await pass_time(hass, freezer)
        assert await hass.config_entries.async_unload(entry.entry_id)
        assert spare_copy.read_bytes() == before
        assert set(folder.iterdir()) == files
        await hass.async_add_executor_job(relieve)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        assert state(hass, entry, "spend_lifetime") == "100.5"
        assert await hass.config_entries.async_unload(entry.entry_id)
        assert spare_copy.stat().st_size > 1_000_000


async def test_a_limit_that_cannot_be_saved_is_refused_and_stays_what_it_was(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    with mounted(Path(hass.config.path(".storage")), "size=256k") as relieve:
        filler = Path(hass.config.path(".storage", "filler"))
        assert await set_up(hass, entry)
        target = {ATTR_ENTITY_ID: entity_id(hass, entry, "limit_day", platform="number")}

        async def limit(value: float) -> None:
            await hass.services.async_call("number", "set_value", {**target, "value": value}, blocking=True)

        await limit(5)
        with suppress(OSError):
            filler.write_bytes(bytes(256 * 1024))
        for wanted in (7, 0):
            with pytest.raises(HomeAssistantError, match="could not be saved"):
                await limit(wanted)
            assert state(hass, entry, "limit_day", platform="number") == "5"
        await hass.async_add_executor_job(relieve)
        await limit(6)
        assert await hass.config_entries.async_reload(entry.entry_id)
        assert state(hass, entry, "limit_day", platform="number") == "6"
        assert await hass.config_entries.async_unload(entry.entry_id)


async def test_limits_that_one_action_sets_at_once_are_all_saved(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    with mounted(Path(hass.config.path(".storage")), "size=1m"):
        assert await set_up(hass, entry)
        windows = [f"limit_{window}" for window in ("day", "week", "month")]
        target = {ATTR_ENTITY_ID: [entity_id(hass, entry, one, platform="number") for one in windows]}
        for amount in ("5", "7"):
            await hass.services.async_call("number", "set_value", {**target, "value": amount}, blocking=True)
            assert {state(hass, entry, one, platform="number") for one in windows} == {amount}
        assert await hass.config_entries.async_reload(entry.entry_id)
        assert {state(hass, entry, one, platform="number") for one in windows} == {"7"}
        assert await hass.config_entries.async_unload(entry.entry_id)
