"""Options decide what is shown, and never what is counted."""

from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.const import DOMAIN, MAPPED_METRICS
from custom_components.litellm_pulse.core.query.contract import _PEERS as CONTRACT_NAMES
from custom_components.litellm_pulse.core.store import reading

from .conftest import NOW, entity_id, pass_time, set_up, state
from .proxy import Proxy, recording

pytestmark = pytest.mark.freeze_time(NOW)

SPEND = "litellm_spend_metric_total"
SECTIONS = {
    **dict.fromkeys(("scan_interval", "time_zone", "week_start", "retention_days"), "counting"),
    **dict.fromkeys(("dimensions", "group_models_by", "max_members", "member_figures", "performance"), "shown"),
    **dict.fromkeys(("currency", "exchange_rate", "exchange_rate_entity"), "shown"),
    **dict.fromkeys(MAPPED_METRICS, "metrics"),
    "unusual_threshold": "attention",
    **dict.fromkeys(("show_persons", "extra_headers", "ca_file"), "access"),
    **dict.fromkeys(("history_source", "history_dsn", "history_tls", "history_key", "history_keep_key"), "history"),
}


@pytest.fixture(autouse=True)
def _one_model(proxy: Proxy) -> None:
    """Leave out the usual traffic, which belongs to nobody."""
    proxy.traffic.spend = {}
    proxy.traffic.tokens = {}


async def choose(hass: HomeAssistant, entry: MockConfigEntry, **options: object) -> None:
    """Change options as a user does."""
    form = await hass.config_entries.options.async_init(entry.entry_id)
    sections: dict[str, dict[str, object]] = {}
    for name, value in options.items():
        sections.setdefault(SECTIONS[name], {})[name] = value
    result = await hass.config_entries.options.async_configure(form["flow_id"], sections)
    if result["type"] is FlowResultType.FORM and result["step_id"] == "devices_go":
        result = await hass.config_entries.options.async_configure(form["flow_id"], {})
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


@pytest.mark.parametrize(
    ("options", "leaving"),
    [
        ({"group_models_by": "public_model"}, "`LiteLLM model gpt-4o`"),
        ({"dimensions": []}, ", ".join(f"`LiteLLM team t{number:02}`" for number in range(10)) + " (+2)"),
        ({"max_members": 11}, "`LiteLLM team t11`"),
        ({"dimensions": ["team", "key"], "max_members": 12}, None),
        ({"member_figures": ["requests"]}, None),
    ],
)
async def test_which_devices_go_is_said_before_they_do(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, options: dict[str, object], leaving: str | None
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"]})
    assert await set_up(hass, entry)
    for number in range(12):
        spend(proxy, 12 - number, team=f"t{number:02}")
    await hass.services.async_call(DOMAIN, "scrape", {}, blocking=True, return_response=True)
    await hass.async_block_till_done()
    before = devices(hass, entry)
    form = await hass.config_entries.options.async_init(entry.entry_id)
    shown = {"shown": {"dimensions": ["team"], **options}}
    result = await hass.config_entries.options.async_configure(form["flow_id"], shown)
    await hass.async_block_till_done(wait_background_tasks=True)
    if leaving is None:
        assert result["type"] is FlowResultType.CREATE_ENTRY
    else:
        assert result["step_id"] == "devices_go"
        assert result["description_placeholders"] == {"devices": leaving}
        assert devices(hass, entry) == before
        hass.config_entries.options.async_abort(form["flow_id"])
        assert "max_members" not in entry.options


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
        {"time_zone": "Asia/Kathmandu", "retention_days": 8},
        {"week_start": "sunday", "time_zone": "America/New_York"},
        {"show_persons": True, "extra_headers": ["X-Id: 1"], "member_figures": ["requests"]},
        {"tokens": "litellm_spend_metric_total"},
        {"scan_interval": 60},
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
    assert issue.translation_placeholders == {"title": entry.title, "hidden": "Team (2)", "max_members": "2"}
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


def shown_in(form: ConfigFlowResult, section: str) -> dict[str, Any]:
    """Return what a section of the form shows in its fields."""
    assert form["data_schema"] is not None
    fields = form["data_schema"].schema[section].schema.schema
    return {
        str(field): field.description["suggested_value"]
        for field in fields
        if field.description and "suggested_value" in field.description
    }


async def open_options(hass: HomeAssistant, entry: MockConfigEntry) -> ConfigFlowResult:
    """Open the options."""
    return await hass.config_entries.options.async_init(entry.entry_id)


async def test_a_section_that_is_not_sent_stays_as_it_is(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await set_up(hass, entry)
    await choose(hass, entry, dimensions=["team"], unusual_threshold=3.0)
    await choose(hass, entry, scan_interval=30)
    assert entry.options["dimensions"] == ["team"]
    assert entry.options["unusual_threshold"] == 3.0
    form = await open_options(hass, entry)
    assert shown_in(form, "shown")["dimensions"] == ["team"]
    assert shown_in(form, "counting")["scan_interval"] == 30


async def test_days_begin_in_the_zone_that_is_chosen(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    spend(proxy, 1)
    assert await set_up(hass, entry)
    freezer.move_to("2026-11-18 16:00:00+00:00")
    spend(proxy, 0.25)
    await pass_time(hass, freezer)
    freezer.move_to("2026-11-18 19:00:00+00:00")
    spend(proxy, 0.5)
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day") == "0.75"
    # Midnight is at 18:15 UTC there.
    await choose(hass, entry, time_zone="Asia/Kathmandu")
    assert state(hass, entry, "spend_day") == "0.5"
    assert state(hass, entry, "spend_lifetime") == "0.75"
    await choose(hass, entry, scan_interval=60)
    assert entry.options["time_zone"] is None
    assert state(hass, entry, "spend_day") == "0.75"


async def test_weeks_begin_on_the_day_that_is_chosen(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-11-15 12:00:00+00:00")
    spend(proxy, 1)
    assert await set_up(hass, entry)
    for by in (1, 2, 4):
        # A Sunday, a Monday, a Tuesday.
        spend(proxy, by)
        await pass_time(hass, freezer, 60)
        await pass_time(hass, freezer, 86340)
    assert state(hass, entry, "spend_week") == "6.0"
    await choose(hass, entry, week_start="sunday")
    assert state(hass, entry, "spend_week") == "7.0"
    await choose(hass, entry, week_start="tuesday")
    assert state(hass, entry, "spend_week") == "4.0"
    assert state(hass, entry, "spend_month") == state(hass, entry, "spend_lifetime") == "7.0"
    shown = hass.states.get(entity_id(hass, entry, "spend_week"))
    assert shown is not None
    assert shown.attributes["last_reset"].startswith("2026-11-17T")


async def test_what_the_retention_no_longer_keeps_goes_and_totals_stay(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    spend(proxy, 1)
    assert await set_up(hass, entry)
    spend(proxy, 0.5)
    await pass_time(hass, freezer)
    await choose(hass, entry, retention_days=8)
    for _ in range(10):
        spend(proxy, 0.25)
        await pass_time(hass, freezer, 86400)
    with reading(entry.runtime_data.ledger.path) as connection:
        rows = dict(connection.execute("SELECT resolution, count(*) FROM usage GROUP BY resolution").fetchall())
    # Both ends of the eight days, and all of the eleven days.
    assert rows[0] == 9
    assert rows[1] == 11
    assert state(hass, entry, "spend_lifetime") == state(hass, entry, "spend_month") == "3.0"


async def test_a_metric_is_read_from_the_family_that_is_chosen_and_its_total_goes_on(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    spend(proxy, 1)
    proxy.traffic.add("litellm_custom_cost_total", 100, model="gpt-4o")
    assert await set_up(hass, entry)
    spend(proxy, 0.5)
    await pass_time(hass, freezer)
    form = await open_options(hass, entry)
    assert form["data_schema"] is not None
    offered = form["data_schema"].schema["metrics"].schema.schema["cost"].config["options"]
    assert "litellm_custom_cost_total" in offered
    await choose(hass, entry, cost="litellm_custom_cost_total")
    assert entry.options["metrics"] == {"cost": "litellm_custom_cost_total"}
    assert state(hass, entry, "spend_lifetime") == "0.5"
    proxy.traffic.add("litellm_custom_cost_total", 2, model="gpt-4o")
    spend(proxy, 7)
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_lifetime") == "2.5"
    assert shown_in(await open_options(hass, entry), "metrics")["cost"] == "litellm_custom_cost_total"


async def test_a_gauge_is_read_from_the_family_that_is_chosen(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    proxy.traffic.series["litellm_busy"] = {"": 7}
    assert await set_up(hass, entry)
    await choose(hass, entry, in_flight_requests="litellm_busy")
    assert entry.runtime_data.coordinator.data.snapshot.gauges == {"in_flight_requests": 7.0}


async def test_a_family_that_is_not_published_is_refused_and_what_was_typed_stays(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    assert await set_up(hass, entry)
    form = await open_options(hass, entry)
    typed = {"counting": {"scan_interval": 45}, "metrics": {"cost": "litellm_nothing_total"}}
    form = await hass.config_entries.options.async_configure(form["flow_id"], typed)
    assert form["errors"] == {"metrics": "unknown_family"}
    assert form["description_placeholders"] == {"family": "litellm_nothing_total"}
    assert shown_in(form, "counting")["scan_interval"] == 45
    proxy.answer(status=500)
    monitor = await open_options(hass, entry)
    assert monitor["errors"] is None


async def test_without_an_answer_nothing_new_is_believed_and_nothing_old_is_lost(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    hass.config_entries.async_update_entry(entry, options={"metrics": {"cost": "litellm_gone_total"}})
    assert await set_up(hass, entry)
    proxy.answer(status=500)
    form = await open_options(hass, entry)
    typed = {"metrics": {"cost": "litellm_gone_total", "tokens": "litellm_nothing_total"}}
    form = await hass.config_entries.options.async_configure(form["flow_id"], typed)
    assert form["errors"] == {"metrics": "family_not_checked"}
    typed["metrics"].pop("tokens")
    result = await hass.config_entries.options.async_configure(form["flow_id"], typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options["metrics"] == {"cost": "litellm_gone_total"}


async def test_the_value_of_a_header_is_never_shown_and_kept_until_another_is_typed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert await set_up(hass, entry)
    await choose(hass, entry, extra_headers=["X-Id: abc", "X-Secret: s3cret"])
    form = await open_options(hass, entry)
    assert shown_in(form, "access")["extra_headers"] == ["X-Id: ********", "X-Secret: ********"]
    await choose(hass, entry, extra_headers=["X-Id: new", "X-Secret: ********"])
    assert entry.options["extra_headers"] == {"X-Id": "new", "X-Secret": "s3cret"}
    await choose(hass, entry, extra_headers=[])
    assert entry.options["extra_headers"] == {}


async def test_a_wrong_field_loses_no_header_and_shows_no_secret_that_was_typed_beside_it(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert await set_up(hass, entry)
    await choose(hass, entry, extra_headers=["X-Id: abc"])
    form = await open_options(hass, entry)
    access = {"show_persons": True, "extra_headers": ["X-Id: ********", "X-New: s3cret"], "ca_file": "none.pem"}
    form = await hass.config_entries.options.async_configure(form["flow_id"], {"access": access})
    assert form["errors"] == {"access": "invalid_ca_file"}
    assert shown_in(form, "access") == {**access, "extra_headers": ["X-Id: ********", "X-New:"]}
    for wrong in ({"metrics": {"cost": "litellm_gone_total"}}, {"shown": {"currency": "EUR"}}):
        form = await hass.config_entries.options.async_configure(form["flow_id"], {"access": access, **wrong})
        assert form["errors"]
        assert shown_in(form, "access")["extra_headers"] == ["X-Id: ********", "X-New:"]
    access = {"extra_headers": ["X-Id: ********", "X-New: s3cret"]}
    await hass.config_entries.options.async_configure(form["flow_id"], {"access": access})
    assert entry.options["extra_headers"] == {"X-Id": "abc", "X-New": "s3cret"}
    await hass.async_block_till_done(wait_background_tasks=True)


def test_every_metric_of_the_peer_can_be_mapped() -> None:
    peer = set(CONTRACT_NAMES) - {"input_cached_pct"}
    assert peer <= set(MAPPED_METRICS)
    assert len(MAPPED_METRICS) == 13
