"""What only LiteLLM's API tells: names, budgets and blocks, where the key may read them."""

import json
import logging
import threading
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.models import Budget
from custom_components.litellm_pulse.core.query import usage
from custom_components.litellm_pulse.spend_logs import directory

from .conftest import NOW, pass_time, set_up, state
from .proxy import FIXTURES, LISTS, Proxy

pytestmark = [pytest.mark.freeze_time(NOW), pytest.mark.usefixtures("entity_registry_enabled_by_default")]

HOUR = 3601
SPEND = "litellm_spend_metric_total"
LEFT, MOST = "litellm_remaining_team_budget_metric", "litellm_team_max_budget_metric"
DIMENSIONS = (Dimension.KEY, Dimension.TEAM, Dimension.TAG)


@pytest.fixture(autouse=True)
def _used(hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy) -> None:
    """Show keys, teams and tags; two of each were used, whose names and budgets /metrics does not tell."""
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["key", "team", "tag"]})
    used = {"hashed_api_key": "key-alice", "team": "red", "tag_living_room": "true"}
    proxy.traffic.add(SPEND, 1, model="gpt-4o", **used)
    proxy.traffic.add(SPEND, 1, model="gpt-4o", hashed_api_key="key-home", team="blue")


@pytest.fixture
def lists(proxy: Proxy) -> dict[str, Any]:
    """Have the proxy answer with the lists of a release."""
    found: dict[str, Any] = json.loads((FIXTURES / "spend_logs" / "lists-1.110.2.json").read_text())
    day = {"date": "2026-11-18", "metrics": {}}
    spent = {"living room": {"metrics": {"spend": 2.0, "api_requests": 1}}}
    found["/tag/daily/activity"] = {"results": [day | {"breakdown": {"entities": spent}}]}
    proxy.lists = found
    return found


async def started(hass: HomeAssistant, entry: MockConfigEntry) -> bool:
    """Set the entry up and wait until the lists were asked for."""
    is_set_up = await set_up(hass, entry)
    await hass.async_block_till_done(wait_background_tasks=True)
    return is_set_up


def budgets(entry: MockConfigEntry) -> dict[str, tuple[object, ...]]:
    """Return what /api/v1/budgets tells of each member."""
    body: Any = usage.budgets(entry.runtime_data.coordinator.data.snapshot, DIMENSIONS, ZoneInfo("UTC"))["budgets"]
    return {row["id"]: (row["name"], row["remaining"], row["maximum"], row["blocked"]) for row in body}


@pytest.mark.usefixtures("lists")
async def test_names_and_budgets_are_completed_where_the_key_may_list_members(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert await started(hass, entry)
    assert budgets(entry) == {
        "key-alice": ("alice-laptop", 7.5, 10.0, False),
        # Never seen in /metrics, but spent something.
        "key-bob": ("bob-desktop", 3.0, 4.0, True),
        "red": ("Research", 10.0, 40.0, False),
        "living_room": ("living room", 7.0, 9.0, False),
    }
    assert entry.runtime_data.device_manager.device((Dimension.TEAM, "red")).name == "LiteLLM team Research"


@pytest.mark.usefixtures("lists")
async def test_a_tags_budget_has_the_entities_of_other_budgets(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await started(hass, entry)
    assert state(hass, entry, "budget_maximum", "tag:living_room") == "9.0"
    assert state(hass, entry, "budget_remaining", "tag:living_room") == "7.0"
    assert float(state(hass, entry, "budget_used", "tag:living_room")) == pytest.approx(100 * 2 / 9)
    assert state(hass, entry, "budget_resets_at", "tag:living_room") == "2026-12-01T00:00:00+00:00"
    assert state(hass, entry, "budget_used_up", "tag:living_room", "binary_sensor") == STATE_OFF


async def test_who_is_blocked_is_refused(
    hass: HomeAssistant, entry: MockConfigEntry, lists: dict[str, Any], freezer: FrozenDateTimeFactory
) -> None:
    assert await started(hass, entry)
    refusing = "budget_refusing", "key:key-bob", "binary_sensor"
    assert state(hass, entry, *refusing) == STATE_ON
    lists["/key/list"]["keys"][2]["blocked"] = False
    await pass_time(hass, freezer, HOUR)
    assert state(hass, entry, *refusing) == STATE_OFF


async def test_of_whom_metrics_tells_a_budget_that_one_counts(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, lists: dict[str, Any], freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.add(LEFT, 4, team="red", team_alias="Researchers")
    proxy.traffic.add(MOST, 40, team="red", team_alias="Researchers")
    assert await started(hass, entry)
    assert budgets(entry)["red"] == ("Researchers", 4.0, 40.0, False)
    lists["/team/list"][0]["spend"] = 5.0
    await pass_time(hass, freezer, HOUR)
    assert budgets(entry)["red"] == ("Researchers", 4.0, 40.0, False)
    # A restarted proxy tells nothing until the team is used again: then the list knows better.
    proxy.restart(spend={})
    await pass_time(hass, freezer, HOUR)
    assert budgets(entry)["red"] == ("Researchers", 35.0, 40.0, False)
    proxy.traffic.add(LEFT, 34, team="red", team_alias="Researchers")
    proxy.traffic.add(MOST, 40, team="red", team_alias="Researchers")
    await pass_time(hass, freezer)
    assert budgets(entry)["red"] == ("Researchers", 34.0, 40.0, False)


async def test_a_budget_that_was_taken_away_is_gone_and_one_that_changed_follows(
    hass: HomeAssistant, entry: MockConfigEntry, lists: dict[str, Any], freezer: FrozenDateTimeFactory
) -> None:
    assert await started(hass, entry)
    lists["/key/list"]["keys"][0]["max_budget"] = None
    lists["/team/list"][0]["max_budget"] = 50.0
    await pass_time(hass, freezer, HOUR)
    assert "key-alice" not in budgets(entry)
    assert budgets(entry)["red"] == ("Research", 20.0, 50.0, False)


async def test_what_was_listed_is_known_after_a_restart_while_the_proxy_is_down(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, lists: dict[str, Any]
) -> None:
    assert await started(hass, entry)
    known = budgets(entry)
    await pass_scrape(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    lists.clear()
    proxy.lists_status = 503
    proxy.answer(status=500)
    assert await started(hass, entry)
    assert budgets(entry) == known
    assert known["key-bob"][-1] is True
    assert state(hass, entry, "budget_refusing", "key:key-bob", "binary_sensor") == STATE_ON


async def test_who_is_blocked_does_not_stay_so_where_that_is_not_told_any_more(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, lists: dict[str, Any], freezer: FrozenDateTimeFactory
) -> None:
    lists["/team/list"][0]["blocked"] = True
    assert await started(hass, entry)
    # One list that does not answer now says nothing of who is on it.
    del lists["/team/list"]
    proxy.lists_status = 503
    await pass_time(hass, freezer, HOUR)
    assert [name for name, row in budgets(entry).items() if row[-1]] == ["key-bob", "red"]
    # A key that has lost its permission says nothing of anybody, today or after a restart.
    proxy.lists_status = 403
    lists.clear()
    await pass_time(hass, freezer, HOUR)
    assert not [row for row in budgets(entry).values() if row[-1]]
    assert await hass.config_entries.async_unload(entry.entry_id)
    proxy.lists_status = 503
    assert await started(hass, entry)
    assert not [row for row in budgets(entry).values() if row[-1]]


async def pass_scrape(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Make one scrape."""
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_a_key_that_may_not_list_members_changes_nothing(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await started(hass, entry)
    for path in LISTS:
        # LiteLLM counts what it refuses as failed requests.
        proxy.traffic.add("litellm_proxy_failed_requests_metric_total", 1, route=path, exception_status="401")
        proxy.traffic.add("litellm_proxy_total_requests_metric_total", 1, route=path, status_code="401")
    await pass_time(hass, freezer)
    await pass_time(hass, freezer, HOUR)
    assert proxy.asked_lists == ["/key/list"], "asked again after it was refused"
    assert budgets(entry) == {}
    assert state(hass, entry, "failed_requests_day") == "0.0"
    assert state(hass, entry, "requests_day") == "0.0"
    assert not [name for _, name in ir.async_get(hass).issues if "missing_label" not in name]
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING and "litellm_pulse" in one.name]


async def test_the_lists_are_asked_for_once_an_hour(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, lists: dict[str, Any], freezer: FrozenDateTimeFactory
) -> None:
    assert await started(hass, entry)
    asked = len(proxy.asked_lists)
    assert asked == len(lists)
    for _ in range(5):
        await pass_time(hass, freezer)
    assert len(proxy.asked_lists) == asked
    await pass_time(hass, freezer, HOUR)
    assert len(proxy.asked_lists) == 2 * asked


async def test_what_is_made_of_thousands_that_are_listed_is_not_made_on_the_event_loop(
    hass: HomeAssistant, entry: MockConfigEntry, lists: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lists
    threads: list[int] = []

    def noted(*amounts: Any) -> Budget:  # noqa: ANN401 - as it is made
        threads.append(threading.get_ident())
        return Budget(*amounts)

    monkeypatch.setattr(directory, "Budget", noted)
    assert await started(hass, entry)
    assert threads
    assert threading.get_ident() not in threads


async def test_without_a_key_nothing_is_listed(hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy) -> None:
    hass.config_entries.async_update_entry(entry, data={**entry.data, "api_key": None})
    assert await started(hass, entry)
    assert proxy.asked_lists == []
