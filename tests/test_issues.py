"""Repair issues are raised when something needs the user's eye, and cleared when it does not any more."""

from pathlib import Path

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.const import DOMAIN
from custom_components.litellm_pulse.core.errors import StoreError
from custom_components.litellm_pulse.core.store import Store

from .conftest import NOW, pass_time, set_up, state
from .proxy import Proxy

pytestmark = pytest.mark.freeze_time(NOW)


def issue(hass: HomeAssistant, entry: MockConfigEntry, kind: str) -> ir.IssueEntry | None:
    """Return an issue of the entry, if it is raised."""
    return ir.async_get(hass).async_get_issue(DOMAIN, f"{kind}_{entry.entry_id}")


async def test_all_is_well_at_first(
    hass: HomeAssistant, entry: MockConfigEntry, issue_registry: ir.IssueRegistry
) -> None:
    assert await set_up(hass, entry)
    assert not issue_registry.issues


async def test_several_processes_that_cannot_be_told_apart_raise_an_issue_until_they_settle(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    def answer(spend: float) -> None:
        proxy.answer(f'# TYPE litellm_spend_metric_total counter\nlitellm_spend_metric_total{{model="m"}} {spend}\n')

    answer(10)
    assert await set_up(hass, entry)
    for step in range(12):
        answer(5 if step % 2 else 10)
        await pass_time(hass, freezer)
    found = issue(hass, entry, "unsettled")
    assert found is not None
    assert found.severity is ir.IssueSeverity.ERROR
    assert not found.is_fixable
    for step in range(30):
        answer(100 + step)
        await pass_time(hass, freezer, 3600)
    assert issue(hass, entry, "unsettled") is None


async def test_a_disk_that_refuses_raises_an_issue_until_it_takes_writes_again(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise StoreError("database or disk is full")

    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 1
    with monkeypatch.context() as context:
        context.setattr(Store, "write", full)
        await pass_time(hass, freezer)
        found = issue(hass, entry, "store_error")
        assert found is not None
        assert found.translation_placeholders == {"title": entry.title, "error": "database or disk is full"}
        assert state(hass, entry, "spend_day") == "1.0"
    await pass_time(hass, freezer)
    assert issue(hass, entry, "store_error") is None


async def test_a_lost_ledger_raises_an_issue_that_stays_until_it_is_confirmed(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 1
    await pass_time(hass, freezer)
    assert await hass.config_entries.async_unload(entry.entry_id)
    Path(hass.config.path(DOMAIN, f"{entry.entry_id}.db")).write_bytes(b"junk" * 1000)  # noqa: ASYNC240 - a test may
    assert await set_up(hass, entry)
    found = issue(hass, entry, "recovery")
    assert found is not None
    assert found.is_persistent
    assert found.translation_placeholders is not None
    assert found.translation_placeholders["file"].startswith(f"{entry.entry_id}.damaged-")
    assert state(hass, entry, "spend_lifetime") == "1.0"
    # The file is sound again, yet nobody has read what was lost.
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert issue(hass, entry, "recovery") is not None
    manager = repairs_flow_manager(hass)
    assert manager is not None
    form = await manager.async_init(DOMAIN, data={"issue_id": found.issue_id})
    result = await manager.async_configure(form["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert issue(hass, entry, "recovery") is None
    await pass_time(hass, freezer)
    assert issue(hass, entry, "recovery") is None


async def test_issues_go_with_the_entry(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, issue_registry: ir.IssueRegistry
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team"], "max_members": 1})
    for team in ("red", "blue"):
        proxy.traffic.add("litellm_spend_metric_total", 1, model="gpt-4o", team=team)
    assert await set_up(hass, entry)
    assert issue(hass, entry, "too_many_members") is not None
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert issue(hass, entry, "too_many_members") is None
    assert await set_up(hass, entry)
    assert await hass.config_entries.async_remove(entry.entry_id)
    assert not [one for one in issue_registry.issues.values() if one.domain == DOMAIN]
