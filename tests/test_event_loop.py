"""What thousands of members cost is paid on a thread: also letting go of them."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.json import json_dumps
from homeassistant.helpers.storage import Store
from homeassistant.util.json import json_loads_object
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.core.ledger import Ledger
from custom_components.litellm_pulse.open_ledgers import OpenLedger, OpenLedgers

from .conftest import NOW, pass_time, set_up
from .proxy import Proxy

pytestmark = pytest.mark.freeze_time(NOW)


@pytest.fixture
def let_go(hass: HomeAssistant) -> Iterator[list[bool]]:  # noqa: ARG001 - whose Store is a mock until it ends
    """Return, of each spare copy that is let go of, whether that was on the event loop."""
    loop = threading.get_ident()
    found: list[bool] = []

    class Noted(dict[str, Any]):
        def __del__(self) -> None:
            found.append(threading.get_ident() == loop)

    take, add, stored = Ledger.spare_copy, OpenLedgers.async_add, dict[str, str]()

    async def async_load(store: Store[dict[str, Any]]) -> dict[str, Any] | None:
        return Noted(json_loads_object(stored[store.key])) if store.key in stored else None

    def write_data(store: Store[dict[str, Any]], data: dict[str, Any]) -> None:
        if "data_func" in data:
            data["data"] = data.pop("data_func")()
        stored[store.key] = json_dumps(data["data"])

    # The thread that was given something has let go of it by then: whoever waited for it has the last of it.
    async def async_write(store: Store[Any], data: dict[str, Any]) -> None:
        await asyncio.to_thread(write_data, store, data)
        await asyncio.to_thread(time.sleep, 0.05)

    async def async_add(ledgers: OpenLedgers, worker: OpenLedger) -> None:
        await asyncio.to_thread(time.sleep, 0.05)
        await add(ledgers, worker)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(Store, "async_load", async_load)
        monkeypatch.setattr(Store, "_async_write_data", async_write)
        monkeypatch.setattr(Ledger, "spare_copy", lambda ledger: Noted(take(ledger)))
        monkeypatch.setattr(OpenLedgers, "async_add", async_add)
        yield found


async def test_a_spare_copy_is_let_go_of_on_a_thread(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    let_go: list[bool],
) -> None:
    assert await set_up(hass, entry)
    for _ in range(6):
        proxy.traffic.spend["gpt-4o"] += 1
        await pass_time(hass, freezer, 3700)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    # Loaded twice, saved by the hour, saved at the end.
    assert len(let_go) >= 4
    assert not any(let_go)
