"""Options decide what is shown, and never what is counted."""

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.const import DOMAIN

from .conftest import NOW, entity_id, pass_time, set_up, state
from .proxy import Proxy, recording

pytestmark = pytest.mark.freeze_time(NOW)

SPEND = "litellm_spend_metric_total"


@pytest.fixture(autouse=True)
def _one_model(proxy: Proxy) -> None:
    """Leave out the usual traffic, which belongs to nobody."""
    proxy.traffic.spend = {}
    proxy.traffic.tokens = {}


async def choose(hass: HomeAssistant, entry: MockConfigEntry, **options: object) -> None:
    """Change options as a user does."""
    form = await hass.config_entries.options.async_init(entry.entry_id)
    result = await hass.config_entries.options.async_configure(form["flow_id"], options)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)


def spend(proxy: Proxy, by: float, **labels: str) -> None:
    """Let a team spend."""
    proxy.traffic.add(SPEND, by, **{"model": "gpt-4o", "requested_model": "smart"} | labels)


def devices(hass: HomeAssistant, entry: MockConfigEntry) -> set[str]:
    """Return the names of all devices but the proxy's, without the proxy's in front."""
    names = {str(one.name) for one in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)}
    return {name.removeprefix("LiteLLM ") for name in names - {"LiteLLM"}}


async def test_only_models_have_devices_until_more_is_chosen(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    proxy.answer(recording("litellm-1.106-teams-keys-tags"))
    assert await set_up(hass, entry)
    assert devices(hass, entry) == {"model gpt-4o", "model claude-sonnet-4-5", "model llama3"}
    await choose(hass, entry, dimensions=["provider", "team", "key", "user", "organization"])
    assert devices(hass, entry) >= {
        *("model gpt-4o", "model claude-sonnet-4-5", "model llama3"),
        *("provider openai", "provider anthropic", "provider ollama"),
        *("team frontend-team", "team backend-team"),
        *("key alice-key", "key bob-key"),
        *("user alice@acme.com", "user bob@acme.com"),
        "organization org1",
    }


async def test_turning_a_dimension_on_shows_what_it_used_before(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    spend(proxy, 1, team="t1", team_alias="Red")
    assert await set_up(hass, entry)
    spend(proxy, 0.25, team="t1", team_alias="Red")
    await pass_time(hass, freezer)
    await choose(hass, entry, dimensions=["team"])
    assert state(hass, entry, "spend_lifetime", "team:t1") == "0.25"


async def test_turning_a_dimension_off_takes_its_devices_away_and_on_again_brings_them_back(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    spend(proxy, 1, team="t1", team_alias="Red")
    assert await set_up(hass, entry)
    await choose(hass, entry, dimensions=["team"])
    before = entity_id(hass, entry, "spend_day", "team:t1")
    spend(proxy, 0.25, team="t1", team_alias="Red")
    await pass_time(hass, freezer)
    await choose(hass, entry, dimensions=[])
    assert devices(hass, entry) == {"model gpt-4o"}
    spend(proxy, 0.25, team="t1", team_alias="Red")
    await pass_time(hass, freezer)
    await choose(hass, entry, dimensions=["team"])
    assert state(hass, entry, "spend_day", "team:t1") == "0.5"
    assert entity_id(hass, entry, "spend_day", "team:t1") == before


async def test_no_option_changes_a_total(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    for number in range(5):
        spend(proxy, 1, team=f"t{number}")
    assert await set_up(hass, entry)
    for number in range(5):
        spend(proxy, 0.25, team=f"t{number}")
    await pass_time(hass, freezer)
    for options in (
        {"dimensions": ["team"], "max_members": 2},
        {"dimensions": ["team", "provider"], "group_models_by": "public_model"},
        {"unusual_threshold": 3.0, "scan_interval": 30},
    ):
        await choose(hass, entry, **options)
        for window in ("day", "week", "month", "lifetime"):
            assert state(hass, entry, f"spend_{window}") == "1.25"


async def test_grouping_models_by_public_name_and_back_counts_nothing_twice(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    spend(proxy, 1)
    assert await set_up(hass, entry)
    for group, member, name in (
        ("public_model", "public_model:smart", "public model smart"),
        ("model", "model:gpt-4o", "model gpt-4o"),
        ("public_model", "public_model:smart", "public model smart"),
    ):
        before = float(state(hass, entry, "spend_lifetime"))
        await choose(hass, entry, group_models_by=group)
        spend(proxy, 0.25)
        await pass_time(hass, freezer)
        assert devices(hass, entry) == {name}
        assert float(state(hass, entry, "spend_lifetime", member)) == before + 0.25
    assert state(hass, entry, "spend_lifetime") == "0.75"


async def test_a_new_alias_renames_the_device_and_no_entity_changes_its_id(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"]})
    spend(proxy, 1, team="t1", team_alias="Red")
    assert await set_up(hass, entry)
    before = entity_id(hass, entry, "spend_day", "team:t1")
    proxy.traffic.series[SPEND] = {}
    spend(proxy, 0.25, team="t1", team_alias="Blue")
    await pass_time(hass, freezer)
    assert "team Blue" in devices(hass, entry)
    assert "team Red" not in devices(hass, entry)
    assert entity_id(hass, entry, "spend_day", "team:t1") == before
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert "team Blue" in devices(hass, entry)


async def test_a_device_that_the_user_renamed_keeps_that_name(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    device_registry: dr.DeviceRegistry,
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"]})
    spend(proxy, 1, team="t1", team_alias="Red")
    assert await set_up(hass, entry)
    identifiers = {(DOMAIN, f"{entry.entry_id}:team:t1")}
    (device,) = [
        one
        for one in dr.async_entries_for_config_entry(device_registry, entry.entry_id)
        if one.identifiers == identifiers
    ]
    device_registry.async_update_device(device.id, name_by_user="My team")
    proxy.traffic.series[SPEND] = {}
    spend(proxy, 0.25, team="t1", team_alias="Blue")
    await pass_time(hass, freezer)
    renamed = device_registry.async_get(device.id)
    assert renamed is not None
    assert (renamed.name_by_user, renamed.name) == ("My team", "LiteLLM team Blue")


async def test_past_the_most_members_are_gathered_and_the_sum_is_exact(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"], "max_members": 2})
    spend(proxy, 1, team="t0")
    assert await set_up(hass, entry)
    for number, by in enumerate((0.5, 0.125, 0.25, 2)):
        spend(proxy, by, team=f"t{number}")
    await pass_time(hass, freezer)
    # t0 had its device already, t3 spends most.
    assert devices(hass, entry) == {"model gpt-4o", "team t0", "team t3", "other teams"}
    assert state(hass, entry, "spend_day", "team:t0") == "0.5"
    assert state(hass, entry, "spend_day", "team:t3") == "2.0"
    assert state(hass, entry, "spend_day", "team:") == "0.375"
    spend(proxy, 10, team="t1")
    await pass_time(hass, freezer)
    assert devices(hass, entry) == {"model gpt-4o", "team t0", "team t3", "other teams"}
    assert state(hass, entry, "spend_day", "team:") == "10.375"
    assert state(hass, entry, "spend_day") == "12.875"


async def test_lowering_the_most_takes_devices_away_and_raising_it_brings_them_back(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"]})
    assert await set_up(hass, entry)
    for number in range(4):
        spend(proxy, number + 1, team=f"t{number}")
    await pass_time(hass, freezer)
    await choose(hass, entry, dimensions=["team"], max_members=2)
    assert devices(hass, entry) == {"model gpt-4o", "team t2", "team t3", "other teams"}
    assert state(hass, entry, "spend_day", "team:") == "3.0"
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert devices(hass, entry) == {"model gpt-4o", "team t2", "team t3", "other teams"}
    await choose(hass, entry, dimensions=["team"], max_members=4)
    assert devices(hass, entry) == {"model gpt-4o", "team t0", "team t1", "team t2", "team t3"}
    assert state(hass, entry, "spend_day", "team:t1") == "2.0"


async def test_too_many_members_raise_an_issue_whose_fix_makes_room(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    issue_registry: ir.IssueRegistry,
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"], "max_members": 2})
    assert await set_up(hass, entry)
    issue_id = f"too_many_members_{entry.entry_id}"
    assert issue_registry.async_get_issue(DOMAIN, issue_id) is None
    for number in range(4):
        spend(proxy, 1, team=f"t{number}")
    await pass_time(hass, freezer)
    issue = issue_registry.async_get_issue(DOMAIN, issue_id)
    assert issue is not None
    assert issue.translation_placeholders == {"title": entry.title, "hidden": "team (2)", "max_members": "2"}
    manager = repairs_flow_manager(hass)
    assert manager is not None
    form = await manager.async_init(DOMAIN, data={"issue_id": issue_id})
    assert form["description_placeholders"] == issue.translation_placeholders
    result = await manager.async_configure(form["flow_id"], {"max_members": 4})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert issue_registry.async_get_issue(DOMAIN, issue_id) is None
    assert devices(hass, entry) == {"model gpt-4o", "team t0", "team t1", "team t2", "team t3"}
    assert entry.options["dimensions"] == ["team"]


async def test_a_team_that_vanished_keeps_its_device_over_a_restart(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, entity_registry: er.EntityRegistry
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"]})
    spend(proxy, 1, team="t1", team_alias="Red")
    assert await set_up(hass, entry)
    known = len(er.async_entries_for_config_entry(entity_registry, entry.entry_id))
    proxy.restart(spend={"gpt-4o": 1.0})
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert "team Red" in devices(hass, entry)
    assert len(er.async_entries_for_config_entry(entity_registry, entry.entry_id)) == known
