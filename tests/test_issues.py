"""Repair issues are raised when something needs the user's eye, and cleared when it does not any more."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

import pytest
from aiohttp import web
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.body import Feed
from custom_components.litellm_pulse.client import Answer, MetricsClient
from custom_components.litellm_pulse.const import DOMAIN
from custom_components.litellm_pulse.core.errors import StoreError
from custom_components.litellm_pulse.core.store import Store

from .conftest import NOW, pass_time, set_up, state
from .hostile import NAMES, written
from .proxy import Proxy, Traffic, recording

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
    assert found.translation_placeholders["file"].startswith(f"`{entry.entry_id}.damaged-")
    assert found.translation_placeholders["since"] == "2026-11-18 04:00", "as the user's clock says"
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


async def test_a_key_that_is_refused_raises_home_assistants_own_issue_until_it_works(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    issue_id = f"config_entry_reauth_{DOMAIN}_{entry.entry_id}"
    proxy.answer(status=401)
    await pass_time(hass, freezer)
    assert ir.async_get(hass).async_get_issue("homeassistant", issue_id) is not None
    proxy.recover()
    await pass_time(hass, freezer)
    assert ir.async_get(hass).async_get_issue("homeassistant", issue_id) is None


async def test_a_proxy_that_publishes_no_metrics_any_more_raises_an_issue_until_it_does(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.answer(status=404)
    await pass_time(hass, freezer)
    assert issue(hass, entry, "callback_off") is not None
    proxy.recover()
    await pass_time(hass, freezer)
    assert issue(hass, entry, "callback_off") is None


async def test_another_reason_to_fail_replaces_the_issue(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.answer(status=500)
    await pass_time(hass, freezer)
    assert issue(hass, entry, "callback_off") is None
    proxy.answer(status=404)
    await pass_time(hass, freezer)
    assert issue(hass, entry, "callback_off") is not None
    proxy.answer(recording("litellm-1.63-enterprise-only"))
    await pass_time(hass, freezer)
    assert issue(hass, entry, "callback_off") is None
    assert issue(hass, entry, "too_old") is not None
    proxy.recover()
    await pass_time(hass, freezer)
    assert issue(hass, entry, "too_old") is None


async def test_a_proxy_that_fails_when_home_assistant_starts_raises_its_issue(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    assert await set_up(hass, entry)
    proxy.answer(status=404)
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert issue(hass, entry, "callback_off") is not None


async def fix(hass: HomeAssistant, found: ir.IssueEntry, **typed: object) -> None:
    """Open the fix flow of an issue and fill it in."""
    manager = repairs_flow_manager(hass)
    assert manager is not None
    form = await manager.async_init(DOMAIN, data={"issue_id": found.issue_id})
    assert form["description_placeholders"] == found.translation_placeholders
    result = await manager.async_configure(form["flow_id"], typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_models_without_a_price_are_named_until_they_have_one_or_are_free(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    for model in ("own-llama", "own-qwen"):
        proxy.traffic.tokens[model] = 0
        proxy.traffic.spend[model] = 0
    assert await set_up(hass, entry)
    assert issue(hass, entry, "unpriced_models") is None
    for model in ("own-llama", "own-qwen"):
        proxy.traffic.tokens[model] += 100
    await pass_time(hass, freezer)
    found = issue(hass, entry, "unpriced_models")
    assert found is not None
    assert found.translation_placeholders == {"title": entry.title, "models": "`own-llama`, `own-qwen`"}
    proxy.traffic.tokens["own-qwen"] += 100
    proxy.traffic.spend["own-qwen"] += 0.5
    await pass_time(hass, freezer)
    found = issue(hass, entry, "unpriced_models")
    assert found is not None
    assert found.translation_placeholders == {"title": entry.title, "models": "`own-llama`"}
    await fix(hass, found, free_models=["own-llama"])
    assert issue(hass, entry, "unpriced_models") is None
    proxy.traffic.tokens["own-llama"] += 100
    await pass_time(hass, freezer)
    assert issue(hass, entry, "unpriced_models") is None


@pytest.mark.parametrize("kind", NAMES)
async def test_a_hostile_name_in_an_issue_is_one_line_of_code_and_no_markdown(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    name = f"{NAMES[kind]}` ![](https://example.com/pixel)\n\n# Click [here](https://example.com) `"
    proxy.traffic.tokens[written(name)] = 100
    proxy.traffic.spend[written(name)] = 0
    assert await set_up(hass, entry)
    proxy.traffic.tokens[written(name)] += 100
    await pass_time(hass, freezer)
    found = issue(hass, entry, "unpriced_models")
    assert found is not None
    assert found.translation_placeholders is not None
    shown = found.translation_placeholders["models"]
    assert (shown[0], shown[-1], shown.count("`"), shown.count("\n")) == ("`", "`", 2, 0)
    assert len(shown) < 110


async def test_requests_that_litellm_calls_unpriced_are_named_until_the_model_costs_again(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    unpriced = "litellm_zero_cost_requests_total"
    proxy.traffic.add(unpriced, 0, model="gpt-4o", reason="missing_pricing_key")
    assert await set_up(hass, entry)
    proxy.traffic.add(unpriced, 2, model="gpt-4o", reason="missing_pricing_key")
    proxy.traffic.spend["gpt-4o"] += 1
    await pass_time(hass, freezer)
    found = issue(hass, entry, "unpriced_models")
    assert found is not None
    assert found.translation_placeholders == {"title": entry.title, "models": "`gpt-4o`"}
    await pass_time(hass, freezer, 86400)
    assert issue(hass, entry, "unpriced_models") is not None
    proxy.traffic.spend["gpt-4o"] += 1
    await pass_time(hass, freezer)
    assert issue(hass, entry, "unpriced_models") is None


async def test_a_proxy_that_takes_longer_than_half_the_interval_raises_an_issue_whose_fix_asks_less_often(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    assert await set_up(hass, entry)
    fetch = MetricsClient.fetch

    async def slow(client: MetricsClient, feed: Feed, families: Collection[str] = ()) -> Answer:
        return replace(await fetch(client, feed, families), duration=31.0)

    with monkeypatch.context() as context:
        context.setattr(MetricsClient, "fetch", slow)
        for _ in range(2):
            await pass_time(hass, freezer)
        # Once is no habit.
        assert issue(hass, entry, "slow_scrape") is None
        await pass_time(hass, freezer)
        found = issue(hass, entry, "slow_scrape")
        assert found is not None
        assert found.translation_placeholders == {"title": entry.title, "duration": "31", "interval": "60"}
        await fix(hass, found, scan_interval=300)
        assert entry.options["scan_interval"] == 300
        for _ in range(4):
            await pass_time(hass, freezer, 301)
        assert issue(hass, entry, "slow_scrape") is None


async def test_a_slow_proxy_that_is_quick_again_clears_its_issue(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await set_up(hass, entry)
    fetch = MetricsClient.fetch

    async def slow(client: MetricsClient, feed: Feed, families: Collection[str] = ()) -> Answer:
        return replace(await fetch(client, feed, families), duration=31.0)

    with monkeypatch.context() as context:
        context.setattr(MetricsClient, "fetch", slow)
        for _ in range(3):
            await pass_time(hass, freezer)
        assert issue(hass, entry, "slow_scrape") is not None
    await pass_time(hass, freezer)
    assert issue(hass, entry, "slow_scrape") is None


async def test_a_label_that_is_shown_and_removed_raises_an_issue_until_it_is_back(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["team", "tag"]})
    assert await set_up(hass, entry)
    found = issue(hass, entry, "missing_label")
    assert found is not None
    assert found.translation_placeholders == {"title": entry.title, "labels": "`team`"}
    proxy.restart(spend={})
    proxy.traffic.add("litellm_spend_metric_total", 1, model="gpt-4o", requested_model="gpt-4o", team="None")
    await pass_time(hass, freezer)
    assert issue(hass, entry, "missing_label") is None


@pytest.mark.parametrize(
    "body", ["litellm-1.106-teams-keys-tags", "litellm-1.106-master-key", "litellm-1.106-multiworker"]
)
async def test_what_litellm_publishes_by_itself_lacks_no_label(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, body: str
) -> None:
    proxy.answer(recording(body))
    dimensions = ["provider", "team", "key", "user", "organization", "customer", "tag", "metadata"]
    hass.config_entries.async_update_entry(
        entry, options={"dimensions": dimensions, "group_models_by": "public_model", "max_members": 100}
    )
    assert await set_up(hass, entry)
    assert issue(hass, entry, "missing_label") is None


async def test_a_lost_ledger_without_a_spare_copy_raises_an_issue_that_says_so(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_storage: dict[str, object]
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    assert await set_up(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    hass_storage.pop(f"{DOMAIN}.{entry.entry_id}")
    Path(hass.config.path(DOMAIN, f"{entry.entry_id}.db")).write_bytes(b"junk" * 1000)  # noqa: ASYNC240 - a test may
    assert await set_up(hass, entry)
    assert proxy.url
    found = issue(hass, entry, "begun_anew")
    assert found is not None
    await fix(hass, found)
    assert issue(hass, entry, "begun_anew") is None


async def test_a_cache_before_the_proxy_raises_an_issue_until_answers_are_new(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    cached = proxy.traffic.body()
    for _ in range(5):
        proxy.recover()
        proxy.traffic.spend["gpt-4o"] += 1
        await pass_time(hass, freezer)
        proxy.answer(cached)
        await pass_time(hass, freezer)
    found = issue(hass, entry, "older_answers")
    assert found is not None
    assert found.translation_placeholders == {"title": entry.title, "answers": "5"}
    assert state(hass, entry, "spend_day") == "5.0"
    proxy.recover()
    for _ in range(40):
        await pass_time(hass, freezer)
    assert issue(hass, entry, "older_answers") is None


async def test_a_clock_that_was_ahead_raises_an_issue_that_says_when_and_how_much(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 1
    await pass_time(hass, freezer)
    proxy.traffic.spend["gpt-4o"] += 0.5
    await pass_time(hass, freezer, 10 * 86400)
    freezer.tick(-10 * 86400)
    for _ in range(3):
        freezer.tick(61)
        await entry.runtime_data.coordinator.async_refresh()
    found = issue(hass, entry, "clock_jump")
    assert found is not None
    assert found.translation_placeholders is not None
    assert found.translation_placeholders["amount"] == "$0.50"
    assert found.translation_placeholders["wrong"].startswith("2026-11-28 04:0"), "as the user's clock says"
    await fix(hass, found)
    assert issue(hass, entry, "clock_jump") is None


async def test_requests_that_litellm_failed_to_count_raise_an_issue_until_it_is_restarted(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.add("litellm_callback_logging_failures_metric_total", 1, callback_name="PrometheusLogger")
    await pass_time(hass, freezer)
    found = issue(hass, entry, "logging_failures")
    assert found is not None
    assert found.translation_placeholders == {"title": entry.title, "failures": "1"}
    # An answer that lacks it is no evidence.
    del proxy.traffic.series["litellm_callback_logging_failures_metric_total"]
    await pass_time(hass, freezer)
    assert issue(hass, entry, "logging_failures") is found
    proxy.restart(spend={"gpt-4o": 0})
    await pass_time(hass, freezer)
    assert issue(hass, entry, "logging_failures") is None


async def test_requests_that_one_of_several_replicas_failed_to_count_raise_an_issue_until_it_is_gone(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    replicas = [Traffic(started=datetime(2026, 11, day, tzinfo=UTC)) for day in (1, 2, 3)]
    turns = cycle(replicas)

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=next(turns).body(request.query.getall("name[]", ())), content_type="text/plain")

    proxy.handler = answer
    replicas[1].add("litellm_callback_logging_failures_metric_total", 2, callback_name="prometheus")
    replicas[2].add("litellm_callback_logging_failures_metric_total", 1, callback_name="prometheus")
    assert await set_up(hass, entry)
    for _ in range(6):
        await pass_time(hass, freezer)
    raised = issue(hass, entry, "logging_failures")
    for _ in range(6):
        await pass_time(hass, freezer)
        found = issue(hass, entry, "logging_failures")
        assert found is not None
        assert found is raised
        assert found.translation_placeholders == {"title": entry.title, "failures": "3"}
    turns = cycle(replicas[:1])
    for _ in range(60):
        await pass_time(hass, freezer)
    assert issue(hass, entry, "logging_failures") is None
