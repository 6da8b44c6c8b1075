"""What is stored may have been edited by hand: what cannot be used is named, can be set anew, and loses nothing."""

from pathlib import Path
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import SOURCE_USER, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.const import DOMAIN

from .conftest import NOW, pass_time, set_up, state
from .proxy import Proxy

pytestmark = pytest.mark.freeze_time(NOW)

UNUSABLE_DATA: dict[str, list[Any]] = {
    "url": ["", "x", "ftp://x", "http://", "http://[::1", "http://a:99999", None, 5, ["http://x"]],
    "verify_ssl": ["yes", None],
    "api_key": [5, ["sk-1234"]],
}
UNUSABLE_OPTIONS: dict[str, list[Any]] = {
    "scan_interval": ["60", None, 0, -5, 1e12, float("nan"), True, [60]],
    "retention_days": ["90", None, 0, 1e300],
    "max_members": ["200", None, -1, 1e9, 2.5],
    "unusual_threshold": ["6", None],
    "dimensions": [None, 5, "user", [[1]], {"user": 1}],
    "member_figures": [None, "requests"],
    "performance": [None, 5],
    "group_models_by": [5, ["model"]],
    "week_start": ["someday", 5, None],
    "time_zone": [5, "../../etc/passwd", "/etc/passwd", ["UTC"]],
    "metrics": [None, [], "x", {"cost": 5}, {"cost": None}, {"cost": ["a"]}],
    "show_persons": ["no"],
    "extra_headers": ["a: b", ["a: b"], {"a b": "c"}, {"a": 5}, {"a": "x\r\ny: z"}, {"Host": "x"}],
    "ca_file": [5, ["ca.pem"]],
    "currency": [5],
    "exchange_rate": ["x"],
    "exchange_rate_entity": ["rate", 5],
    "free_models": [None, 5, [[1]]],
    "history_source": [5, ["api"], "database"],
    "history_dsn": [5],
    "history_tls": ["some"],
    "history_key": [5],
    "history_identity": [5],
    "history_keep_key": [5],
}
DATA = [{name: value} for name, values in UNUSABLE_DATA.items() for value in values]
OPTIONS = [{name: value} for name, values in UNUSABLE_OPTIONS.items() for value in values]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
async def test_options_that_cannot_be_used_are_named_and_mended_by_the_form_and_nothing_is_lost(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    options: dict[str, Any],
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.5
    await pass_time(hass, freezer)
    assert await hass.config_entries.async_unload(entry.entry_id)
    hass.config_entries.async_update_entry(entry, options=options)
    assert not await set_up(hass, entry)
    assert entry.state == ConfigEntryState.SETUP_ERROR
    assert entry.reason is not None
    assert next(iter(options)) in entry.reason
    form = await hass.config_entries.options.async_init(entry.entry_id)
    done = await hass.config_entries.options.async_configure(form["flow_id"], {})
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert state(hass, entry, "spend_lifetime") == "0.5"


@pytest.mark.parametrize("data", [*DATA, {"url": ...}, {"verify_ssl": ...}], ids=str)
async def test_an_address_or_a_key_that_cannot_be_used_is_named_and_mended_by_reconfiguring_and_nothing_is_lost(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    data: dict[str, Any],
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.5
    await pass_time(hass, freezer)
    assert await hass.config_entries.async_unload(entry.entry_id)
    stored = {name: value for name, value in (entry.data | data).items() if value is not ...}
    hass.config_entries.async_update_entry(entry, data=stored)
    assert not await set_up(hass, entry)
    assert entry.state == ConfigEntryState.SETUP_ERROR
    assert entry.reason is not None
    assert next(iter(data)) in entry.reason
    form = await entry.start_reconfigure_flow(hass)
    typed = {"url": proxy.url, "verify_ssl": True, "name": "mended"}
    done = await hass.config_entries.flow.async_configure(form["flow_id"], typed)
    if done["type"] is FlowResultType.FORM:
        done = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    assert (done["type"], done.get("reason")) == (FlowResultType.ABORT, "reconfigure_successful")
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert state(hass, entry, "spend_lifetime") == "0.5"


@pytest.mark.parametrize("data", DATA, ids=str)
async def test_an_entry_that_cannot_be_used_is_in_nobody_elses_way(
    hass: HomeAssistant, entry: MockConfigEntry, other_proxy: Proxy, data: dict[str, Any]
) -> None:
    hass.config_entries.async_update_entry(entry, data=entry.data | data)
    MockConfigEntry(domain="litellm", data={"url": other_proxy.url}).add_to_hass(hass)
    form = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert form["step_id"] == "found"
    done = await hass.config_entries.flow.async_configure(form["flow_id"], {"proxy": other_proxy.url})
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert done["result"].state is ConfigEntryState.LOADED


async def test_what_only_a_newer_release_understands_is_left_alone(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    options = {"dimensions": ["agent"], "metrics": {"carbon": "litellm_carbon"}, "history_source": "kafka", "more": [1]}
    hass.config_entries.async_update_entry(entry, data={**entry.data, "more": 1}, options=options)
    assert await set_up(hass, entry)
    assert dict(entry.options) == options
    assert await hass.async_add_executor_job(Path(hass.config.path(DOMAIN, f"{entry.entry_id}.db")).exists)
