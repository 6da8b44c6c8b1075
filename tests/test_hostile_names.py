"""Whatever a client of the proxy calls things, every name is one device, as text, and nothing breaks."""

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.litellm_pulse.const import DOMAIN
from custom_components.litellm_pulse.identifiers import member_of_device

from .conftest import NOW, pass_time, set_up, state
from .hostile import NAMES, written
from .proxy import Proxy

pytestmark = pytest.mark.freeze_time(NOW)


@pytest.mark.parametrize("kind", NAMES)
async def test_a_hostile_name_is_a_device_like_any_other(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    name = NAMES[kind]
    proxy.traffic.spend, proxy.traffic.tokens = {written(name): 1.0}, {}
    assert await set_up(hass, entry)
    proxy.traffic.spend[written(name)] += 0.5
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day") == "0.5"
    (device,) = [
        one
        for one in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        if member_of_device(one)[1] == name
    ]
    assert device.name
    # Ids are made of it, one by one, on the event loop.
    assert len(device.name) < 255
    entities = er.async_entries_for_device(er.async_get(hass), device.id)
    assert entities
    assert all(len(one.entity_id) <= 255 for one in entities)
    shown = [hass.states.get(one.entity_id) for one in entities if one.unique_id.endswith(":spend_day")]
    assert [one.state for one in shown if one] == ["0.5"]


async def test_an_address_in_a_name_without_end_is_in_no_id(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["user"]})
    proxy.traffic.add(
        "litellm_spend_metric_total", 1, model="gpt-4o", user="7", user_alias=f"alice@example.com{'x' * 300}"
    )
    assert await set_up(hass, entry)
    proxy.traffic.add(
        "litellm_spend_metric_total", 1, model="gpt-4o", user="7", user_alias=f"alice@example.com{'x' * 300}"
    )
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done()
    ids = [one.entity_id for one in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)]
    assert "sensor.litellm_user_7_spend_today" in ids
    assert not [one for one in ids if "alice" in one]


async def test_hostile_names_stay_apart_also_over_a_restart_and_in_every_answer(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    proxy.traffic.spend = {written(name): 1.0 for name in NAMES.values()}
    proxy.traffic.tokens = {}
    assert await set_up(hass, entry)
    for number, name in enumerate(NAMES.values(), 1):
        proxy.traffic.spend[written(name)] += number
    await pass_time(hass, freezer)
    spent = {name: float(number) for number, name in enumerate(NAMES.values(), 1)}
    for _ in range(2):
        found = {member: usage.day for (_, member), usage in entry.runtime_data.coordinator.data.snapshot.usage.items()}
        assert set(spent) <= set(found)
        client = await hass_client()
        rows = (await (await client.get(f"/api/{DOMAIN}/api/v1/models")).json())["models"]
        assert {row["model"]: row["cost_daily"] for row in rows} == spent
        assert (await client.get(f"/api/{DOMAIN}/metrics")).status == 200
        assert (await client.get(f"/api/{DOMAIN}/api/v1/usage?group_by=model&format=csv")).status == 200
        assert await hass.config_entries.async_reload(entry.entry_id)
    registry = er.async_get(hass)
    ids = [one.entity_id for one in er.async_entries_for_config_entry(registry, entry.entry_id)]
    assert len(set(ids)) == len(ids)
