"""History has every scrape once, also while the file cannot be read or written."""

from datetime import timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from ..conftest import NOW, set_up
from ..proxy import Proxy
from .conftest import HISTORY, METRICS, USAGE, get, spend

pytestmark = pytest.mark.freeze_time(NOW)


async def test_history_is_newest_last_and_as_long_as_asked_for(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    await spend(hass, proxy, freezer, 0.5, 0, 0.25)
    body = await get(hass_client, HISTORY)
    assert (body["count"], body["source"]) == (4, "sqlite")
    assert "error" not in body
    assert [row["cost_delta"] for row in body["snapshots"]] == [0, 0.5, 0, 0.25]
    assert [row["cost"] for row in body["snapshots"]] == [3, 3.5, 3.5, 3.75]
    assert [row["is_reset"] for row in body["snapshots"]] == [False] * 4
    for limit, count in (("2", 2), ("0", 0), ("-1", 0), ("1000000000", 4)):
        part = await get(hass_client, f"{HISTORY}?limit={limit}")
        assert part["snapshots"] == (body["snapshots"][-count:] if count else [])
        assert part["count"] == count


async def test_a_limit_that_is_no_number_is_a_400_that_says_so(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    for limit in ("abc", "", "1.5"):
        error = {"error": f"limit is not a whole number: {limit}"}
        assert await get(hass_client, f"{HISTORY}?limit={limit}", 400) == error


async def test_history_goes_on_over_a_restart_with_every_scrape_once(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    await spend(hass, proxy, freezer, 0.5, 0, 0)
    before = (await get(hass_client, HISTORY))["snapshots"]
    freezer.tick(timedelta(seconds=61))
    assert await hass.config_entries.async_reload(entry.entry_id)
    await spend(hass, proxy, freezer, 0, 0.25)
    after = (await get(hass_client, HISTORY))["snapshots"]
    assert after[:4] == before
    assert [row["cost_delta"] for row in after] == [0, 0.5, 0, 0, 0, 0, 0.25]
    assert len({row["timestamp"] for row in after}) == 7


async def test_while_the_database_is_unavailable_history_comes_from_memory_and_says_why(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    await spend(hass, proxy, freezer, 0.5)
    path = entry.runtime_data.ledger.path
    hidden = path.rename(path.with_suffix(".hidden"))
    path.mkdir()
    body = await get(hass_client, HISTORY)
    assert (body["count"], body["source"]) == (2, "memory")
    assert body["error"]
    error = await get(hass_client, USAGE, 503)
    assert error["error"]
    path.rmdir()
    hidden.rename(path)
    await spend(hass, proxy, freezer, 0.25)
    body = await get(hass_client, HISTORY)
    assert (body["count"], body["source"]) == (3, "sqlite")
    assert "error" not in body


async def test_while_nothing_can_be_written_history_comes_from_memory_and_says_why(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    store = entry.runtime_data.ledger._ledger._writer.store
    store._connection.execute("PRAGMA query_only = ON")
    await spend(hass, proxy, freezer, 0.5)
    for path in (METRICS, HISTORY, USAGE):
        assert "readonly" in (await get(hass_client, path))["error"]
    body = await get(hass_client, f"{HISTORY}?limit=1")
    assert (body["count"], body["source"]) == (1, "memory")
    assert (await get(hass_client, f"{HISTORY}?limit=0"))["snapshots"] == []
    await spend(hass, proxy, freezer, 0.25)
    assert (await get(hass_client, HISTORY))["source"] == "sqlite"
    assert (await get(hass_client, USAGE))["usage"][0]["cost"] == 0.75
