"""Clients of LiteLLM Pulse find what they know below another address, and only with a token."""

# ruff: noqa: PLR0913, PLR0917 - a fixture is an argument

import asyncio
import csv
import time
from datetime import timedelta
from http import HTTPStatus
from io import StringIO
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import ClientResponse, web
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.setup import async_setup_component
from prometheus_client.parser import text_string_to_metric_families
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.litellm_pulse.const import DOMAIN
from custom_components.litellm_pulse.core.query import contract

from ..conftest import NOW, pass_time, set_up
from ..proxy import Proxy, recording

pytestmark = pytest.mark.freeze_time(NOW)

BASE = "/api/litellm_pulse"
METRICS, HISTORY, MODELS = f"{BASE}/api/v1/metrics", f"{BASE}/api/v1/history", f"{BASE}/api/v1/models"
USAGE, BUDGETS = f"{BASE}/api/v1/usage", f"{BASE}/api/v1/budgets"
RAW, HEALTH, AGGREGATE, EXPORTER = f"{BASE}/raw", f"{BASE}/health", f"{BASE}/aggregate", f"{BASE}/metrics"
DOCS = Path(__file__).parents[2] / "docs"
TABLES = [f"{BASE}/api/v1/{name}" for name in contract.TABLES]
ENDPOINTS = [METRICS, f"{METRICS}/cost", HISTORY, *TABLES, USAGE, BUDGETS, RAW, HEALTH, AGGREGATE, EXPORTER]


async def _ask(hass_client: ClientSessionGenerator, path: str, status: int = 200) -> ClientResponse:
    """Return an answer with this status."""
    response: ClientResponse = await (await hass_client()).get(path)
    assert response.status == status, await response.text()
    assert response.headers["Cache-Control"] == "no-store"
    return response


async def _get(hass_client: ClientSessionGenerator, path: str, status: int = 200) -> dict[str, Any]:
    """Return the JSON of an answer with this status."""
    response = await _ask(hass_client, path, status)
    assert response.content_type == "application/json"
    body: dict[str, Any] = await response.json()
    return body


async def _spend(hass: HomeAssistant, proxy: Proxy, freezer: FrozenDateTimeFactory, *amounts: float) -> None:
    """Spend these amounts, one between any two scrapes."""
    for amount in amounts:
        proxy.traffic.spend["gpt-4o"] += amount
        await pass_time(hass, freezer)


# Who is asked


async def test_without_a_token_nothing_answers(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    client = await hass_client_no_auth()
    for path, method in product(ENDPOINTS, ("GET", "HEAD")):
        assert (await client.request(method, path)).status == 401
        assert (await client.request(method, path, headers={"Authorization": "Bearer wrong"})).status == 401


async def test_without_a_proxy_503_says_so(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    for path in ENDPOINTS:
        assert await _get(hass_client, path, 503) == {"error": "No proxy is set up"}


async def test_before_the_first_scrape_503_says_why(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_client: ClientSessionGenerator
) -> None:
    proxy.answer(status=500)
    assert not await set_up(hass, entry)
    for path in ENDPOINTS:
        assert await _get(hass_client, path, 503) == {"error": "The proxy answered with HTTP status 500"}


async def test_an_entry_that_is_not_loaded_answers_503(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    for path in ENDPOINTS:
        assert await _get(hass_client, path, 503) == {"error": f"{entry.title} is not loaded"}


async def test_a_request_waits_for_an_entry_that_is_being_loaded(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    arrived, answer = asyncio.Event(), asyncio.Event()

    async def later(_: web.Request) -> web.Response:
        arrived.set()
        await answer.wait()
        return web.Response(body=proxy.traffic.body(), content_type="text/plain")

    proxy.handler = later
    client = await hass_client()
    reload = hass.async_create_task(hass.config_entries.async_reload(entry.entry_id))
    await arrived.wait()
    asked = asyncio.create_task(client.get(METRICS))
    await hass.async_add_executor_job(time.sleep, 0.3)
    assert not asked.done()
    answer.set()
    response = await asked
    assert (response.status, (await response.json())["cost"]) == (200, 3)
    assert await reload


async def test_a_request_waits_for_home_assistant_to_start(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    client = await hass_client()
    assert await hass.config_entries.async_unload(entry.entry_id)
    hass.set_state(CoreState.not_running)
    asked = asyncio.create_task(client.get(METRICS))
    await hass.async_add_executor_job(time.sleep, 0.3)
    assert not asked.done()
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert (await asked).status == 200
    hass.set_state(CoreState.running)


async def test_a_request_does_not_wait_for_ever(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.litellm_pulse.api.entries._PATIENCE_SECONDS", 0)
    assert await set_up(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    hass.set_state(CoreState.not_running)
    assert await _get(hass_client, METRICS, 503) == {"error": f"{entry.title} is not loaded"}
    hass.set_state(CoreState.running)


async def test_two_proxies_are_told_apart_by_id_or_title(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other_entry: MockConfigEntry,
    other_proxy: Proxy,
    hass_client: ClientSessionGenerator,
) -> None:
    other_proxy.traffic.spend, other_proxy.traffic.tokens = {"gpt-4o": 7.0}, {"gpt-4o": 70}
    assert await set_up(hass, entry, other_entry)
    assert (await _get(hass_client, f"{METRICS}?instance={entry.entry_id}"))["cost"] == 3
    assert (await _get(hass_client, f"{METRICS}?instance={other_entry.title}"))["cost"] == 7
    for ours, instance in ((2, entry), (1, other_entry)):
        models = (await _get(hass_client, f"{MODELS}?instance={instance.entry_id}"))["models"]
        assert len(models) == ours


async def test_an_ambiguous_request_lists_the_proxies(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other_entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    for path, query in product(ENDPOINTS, ("", "?instance=", "?instance=nope")):
        body = await _get(hass_client, f"{path}{query}", 400)
        assert body["error"]
        assert body["available"] == [{"id": one.entry_id, "title": one.title} for one in (entry, other_entry)]


async def test_a_proxy_that_does_not_exist_is_not_answered_with_another(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    await _get(hass_client, f"{METRICS}?instance=nope", 400)


async def test_a_proxy_that_is_disabled_does_not_make_the_other_ambiguous(
    hass: HomeAssistant, entry: MockConfigEntry, other_entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    await hass.config_entries.async_set_disabled_by(other_entry.entry_id, ConfigEntryDisabler.USER)
    assert (await _get(hass_client, METRICS))["cost"] == 3
    error = {"error": f"{other_entry.title} is not loaded"}
    assert await _get(hass_client, f"{METRICS}?instance={other_entry.entry_id}", 503) == error
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert len((await _get(hass_client, METRICS, 400))["available"]) == 2


# How it is answered


async def test_head_answers_as_get_does_without_the_body(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    client = await hass_client()
    for path, encoding in product(ENDPOINTS, ("identity", "gzip")):
        headers = {"Accept-Encoding": encoding}
        get, head = await client.get(path, headers=headers), await client.head(path, headers=headers)
        assert await get.read()
        assert (head.status, await head.read()) == (200, b"")
        for name in ("Content-Type", "Content-Length", "Content-Encoding", "Cache-Control"):
            assert head.headers.get(name) == get.headers.get(name)


async def test_an_answer_of_some_size_is_compressed_where_the_client_can_read_that(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    client = await hass_client()
    for path in ENDPOINTS:
        plain = await client.get(path, headers={"Accept-Encoding": "identity"})
        small = await client.get(path, headers={"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in plain.headers
        large = len(await plain.read()) >= 1024
        assert small.headers.get("Content-Encoding") == ("gzip" if large else None)
        assert await small.read() == await plain.read()


async def test_a_slash_at_the_end_changes_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    for path in ENDPOINTS:
        assert await (await _ask(hass_client, f"{path}/")).read() == await (await _ask(hass_client, path)).read()


async def test_nothing_can_be_changed(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    client = await hass_client()
    for path, method in product(ENDPOINTS, ("POST", "PUT", "PATCH", "DELETE")):
        assert (await client.request(method, path)).status == HTTPStatus.METHOD_NOT_ALLOWED


async def test_nobody_is_named_where_nobody_asked_for_people(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_client: ClientSessionGenerator
) -> None:
    proxy.answer(recording("litellm-1.106-teams-keys-tags"))
    assert await set_up(hass, entry)
    secret = ("alice", "bob", "099295a3784e", "36c76b48bb2e", "127.0.0.1", "curl/", "kitchen")
    people = {f"{BASE}/api/v1/{name}" for name in ("keys", "users", "customers", "metadata")}
    usage = f"{USAGE}?group_by=model,provider,team,organization,tag"
    for path in (*(set(ENDPOINTS) - people), usage):
        # The address of the proxy itself is what the user has typed.
        text = (await (await _ask(hass_client, path)).text()).replace(proxy.url, "")
        assert not [one for one in secret if one in text], path


async def test_people_are_named_where_they_are_asked_for(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_client: ClientSessionGenerator
) -> None:
    proxy.answer(recording("litellm-1.106-teams-keys-tags"))
    assert await set_up(hass, entry)
    for path in (f"{BASE}/api/v1/users", f"{BUDGETS}?dimensions=user", f"{EXPORTER}?dimensions=user"):
        assert "alice" in await (await _ask(hass_client, path)).text()
    for path in (f"{BASE}/api/v1/keys", f"{BUDGETS}?dimensions=key", f"{EXPORTER}?dimensions=key"):
        assert "099295a3784e" in await (await _ask(hass_client, path)).text()


async def test_no_answer_is_older_than_the_last_scrape(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    for spent in (0.25, 0.5):
        await _spend(hass, proxy, freezer, 0.25)
        models = (await _get(hass_client, MODELS))["models"]
        assert [row["cost_daily"] for row in models] == [0.0, spent]
        assert (await _get(hass_client, USAGE))["usage"][0]["cost"] == spent
        assert (await _get(hass_client, HISTORY))["snapshots"][-1]["cost_delta"] == 0.25
        assert (await _get(hass_client, AGGREGATE))["data"][0]["total_cost"] == spent
        assert f"litellm_pulse_cost_usd_total {spent}" in await (await _ask(hass_client, EXPORTER)).text()


async def test_answers_follow_the_zone(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    for zone, offset in (("Asia/Kathmandu", "+05:45"), ("Europe/Berlin", "+01:00")):
        await hass.config.async_update(time_zone=zone)
        await hass.async_block_till_done(wait_background_tasks=True)
        for path in (METRICS, f"{METRICS}/cost", MODELS, BUDGETS, USAGE):
            assert (await _get(hass_client, path))["last_scrape"].endswith(offset), path
        assert (await _get(hass_client, HISTORY))["snapshots"][0]["timestamp"].endswith(offset)


async def test_every_endpoint_is_described(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await set_up(hass, entry)
    canonical = {resource.canonical for resource in hass.http.app.router.resources()}
    registered = {path.removeprefix(BASE) for path in canonical if path.startswith(BASE) and not path.endswith("/")}
    description = yaml.safe_load((DOCS / "openapi.yaml").read_text())
    assert set(description["paths"]) == registered
    guide = (DOCS / "api.md").read_text()
    for path in registered:
        assert f"$PULSE{path.replace('{name}', 'cost_daily')}" in guide


# Metrics


async def test_metrics_answer_with_windows_and_raw_values(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    proxy.traffic.in_flight = 2
    assert await set_up(hass, entry)
    await _spend(hass, proxy, freezer, 0.25)
    body = await _get(hass_client, METRICS)
    assert body["cost"] == 3.25
    for suffix in ("daily", "weekly", "monthly", "yearly", "lifetime"):
        assert body[f"cost_{suffix}"] == 0.25
    assert body["in_flight_requests"] == 2
    assert body["in_flight_requests_daily"] == 0
    assert body["source"] == f"{proxy.url}/metrics/"
    assert body["last_scrape"] == "2026-11-18T13:01:01+01:00"
    assert "error" not in body


async def test_one_metric_answers_by_its_name(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    body = await _get(hass_client, METRICS)
    for name in [*contract.METRICS, contract.PERCENTAGE]:
        for suffix in ("", *contract.SUFFIXES):
            one = await _get(hass_client, f"{METRICS}/{name}{suffix}")
            assert one == {"name": name + suffix, "value": body[name + suffix], "last_scrape": body["last_scrape"]}


async def test_a_metric_that_there_is_not_is_a_404_that_lists_the_others(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    for name in ("nope", "cost_hourly", "last_scrape", "%20", "c%2Fost", "%00", "ä"):
        body = await _get(hass_client, f"{METRICS}/{name}", 404)
        assert body["error"].startswith("Unknown metric: ")
        assert body["available"] == [*contract.METRICS, contract.PERCENTAGE]


async def test_health_is_ok(hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator) -> None:
    assert await set_up(hass, entry)
    assert await _get(hass_client, HEALTH) == {"status": "ok"}


@pytest.mark.parametrize("path", [METRICS, HEALTH])
async def test_the_reason_of_a_failed_scrape_is_told_beside_the_last_figures(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
    path: str,
) -> None:
    assert await set_up(hass, entry)
    proxy.answer(status=500)
    await pass_time(hass, freezer)
    assert (await _get(hass_client, path))["error"] == "The proxy answered with HTTP status 500"
    assert "litellm_pulse_up 0.0" in await (await _ask(hass_client, EXPORTER)).text()
    proxy.recover()
    await pass_time(hass, freezer)
    assert "error" not in await _get(hass_client, path)
    assert "litellm_pulse_up 1.0" in await (await _ask(hass_client, EXPORTER)).text()


# History


async def test_history_is_newest_last_and_as_long_as_asked_for(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    await _spend(hass, proxy, freezer, 0.5, 0, 0.25)
    body = await _get(hass_client, HISTORY)
    assert (body["count"], body["source"]) == (4, "sqlite")
    assert "error" not in body
    assert [row["cost_delta"] for row in body["snapshots"]] == [0, 0.5, 0, 0.25]
    assert [row["cost"] for row in body["snapshots"]] == [3, 3.5, 3.5, 3.75]
    assert [row["is_reset"] for row in body["snapshots"]] == [False] * 4
    for limit, count in (("2", 2), ("0", 0), ("-1", 0), ("1000000000", 4)):
        part = await _get(hass_client, f"{HISTORY}?limit={limit}")
        assert part["snapshots"] == (body["snapshots"][-count:] if count else [])
        assert part["count"] == count


async def test_a_limit_that_is_no_number_is_a_400_that_says_so(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    for limit in ("abc", "", "1.5"):
        error = {"error": f"limit is not a whole number: {limit}"}
        assert await _get(hass_client, f"{HISTORY}?limit={limit}", 400) == error


async def test_history_goes_on_over_a_restart_with_every_scrape_once(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    await _spend(hass, proxy, freezer, 0.5, 0, 0)
    before = (await _get(hass_client, HISTORY))["snapshots"]
    freezer.tick(timedelta(seconds=61))
    assert await hass.config_entries.async_reload(entry.entry_id)
    await _spend(hass, proxy, freezer, 0, 0.25)
    after = (await _get(hass_client, HISTORY))["snapshots"]
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
    await _spend(hass, proxy, freezer, 0.5)
    path = entry.runtime_data.ledger.path
    hidden = path.rename(path.with_suffix(".hidden"))
    path.mkdir()
    body = await _get(hass_client, HISTORY)
    assert (body["count"], body["source"]) == (2, "memory")
    assert body["error"]
    error = await _get(hass_client, USAGE, 503)
    assert error["error"]
    path.rmdir()
    hidden.rename(path)
    await _spend(hass, proxy, freezer, 0.25)
    body = await _get(hass_client, HISTORY)
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
    await _spend(hass, proxy, freezer, 0.5)
    for path in (METRICS, HISTORY, USAGE):
        assert "readonly" in (await _get(hass_client, path))["error"]
    body = await _get(hass_client, f"{HISTORY}?limit=1")
    assert (body["count"], body["source"]) == (1, "memory")
    assert (await _get(hass_client, f"{HISTORY}?limit=0"))["snapshots"] == []
    store._connection.execute("PRAGMA query_only = OFF")
    await _spend(hass, proxy, freezer, 0.25)
    assert (await _get(hass_client, HISTORY))["source"] == "sqlite"
    assert (await _get(hass_client, USAGE))["usage"][0]["cost"] == 0.75


# Tables


async def test_models_are_told_with_every_metric(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    await _spend(hass, proxy, freezer, 0.25)
    body = await _get(hass_client, MODELS)
    assert list(body) == ["models", "last_scrape"]
    assert [(row["model"], row["cost"], row["cost_lifetime"]) for row in body["models"]] == [
        ("claude-sonnet", 2.0, 0.0),
        ("gpt-4o", 1.25, 0.25),
    ]


async def test_every_dimension_has_a_table(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_client: ClientSessionGenerator
) -> None:
    proxy.answer(recording("litellm-1.106-teams-keys-tags"))
    assert await set_up(hass, entry)
    for name, dimension in contract.TABLES.items():
        body = await _get(hass_client, f"{BASE}/api/v1/{name}")
        assert list(body) == [name, "last_scrape"]
        ids = [row[dimension] for row in body[name]]
        assert ids == sorted(ids)
        assert len(ids) == sum(key[0] == dimension for key in entry.runtime_data.coordinator.data.snapshot.members)


# Usage


@pytest.mark.freeze_time("2026-11-18 07:58:00+00:00")
async def test_usage_is_told_per_day_and_model(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert hass.config.time_zone == "US/Pacific"
    assert await set_up(hass, entry)
    await _spend(hass, proxy, freezer, 0.25, 0.5)
    body = await _get(hass_client, f"{USAGE}?group_by=model")
    assert [(row["start"], row["model"], row["cost"]) for row in body.pop("usage")] == [
        ("2026-11-17T00:00:00-08:00", "gpt-4o", 0.25),
        ("2026-11-18T00:00:00-08:00", "gpt-4o", 0.5),
    ]
    assert body == {
        "count": 2,
        "from": "2026-10-20T00:00:00-07:00",
        "to": "2026-11-19T00:00:00-08:00",
        "period": "day",
        "group_by": ["model"],
        "last_scrape": "2026-11-18T00:00:02-08:00",
    }
    part = await _get(hass_client, f"{USAGE}?from=2026-11-17&to=2026-11-17&period=hour")
    assert [(row["start"], row["cost"]) for row in part["usage"]] == [("2026-11-17T23:00:00-08:00", 0.25)]


async def test_usage_is_told_as_a_table_with_commas(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    await _spend(hass, proxy, freezer, 0.25)
    response = await _ask(hass_client, f"{USAGE}?group_by=model&format=csv")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(StringIO(await response.text(), newline=""))
    assert (row["model"], row["cost"]) == ("gpt-4o", "0.25")


async def test_a_question_that_cannot_be_answered_is_a_400_with_the_reason(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    for query, reason, available in (
        (f"{USAGE}?group_by=nope", "There is no dimension nope here", 10),
        (f"{USAGE}?group_by=model,model", "group_by names a dimension twice", None),
        (f"{USAGE}?from=yesterday", "from is neither a date nor an ISO 8601 time: yesterday", None),
        (f"{USAGE}?from=2026-11-02&to=2026-11-01", "is not before", None),
        (f"{USAGE}?period=week", "There is no period week", 3),
        (f"{USAGE}?format=xml", "There is no format xml", 2),
        (f"{USAGE}?groupby=model", "There is no parameter groupby", 6),
        (f"{BUDGETS}?dimensions=nope", "There is no dimension nope here", 6),
        (f"{EXPORTER}?dimensions=nope", "There is no dimension nope here", 10),
    ):
        body = await _get(hass_client, query, 400)
        assert reason in body["error"]
        assert len(body.get("available", ())) == (available or 0)


# Budgets, spend by provider, Prometheus


async def test_budgets_of_litellm_are_told(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_client: ClientSessionGenerator
) -> None:
    proxy.answer(recording("litellm-1.106-teams-keys-tags"))
    assert await set_up(hass, entry)
    body = await _get(hass_client, BUDGETS)
    assert body["dimensions"] == ["team", "organization", "provider"]
    assert [(row["id"], row["maximum"], row["remaining"]) for row in body["budgets"]] == [
        ("id-backend-team", 1000.0, 877.0),
        ("id-frontend-team", 1000.0, 877.0),
    ]
    keys = (await _get(hass_client, f"{BUDGETS}?dimensions=key"))["budgets"]
    assert {row["dimension"] for row in keys} == {"key"}


async def test_prometheus_can_read_the_ledger(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    response = await _ask(hass_client, EXPORTER)
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    names = {family.name for family in text_string_to_metric_families(await response.text())}
    assert {"litellm_pulse_cost_usd", "litellm_pulse_model_cost_usd"} <= names


# Raw


async def test_raw_sums_every_family_also_those_that_the_ledger_leaves_alone(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_client: ClientSessionGenerator
) -> None:
    proxy.answer(recording("litellm-1.106-teams-keys-tags"))
    assert await set_up(hass, entry)
    body = await _get(hass_client, RAW)
    assert body["litellm_proxy_total_requests_metric_total"] == 9.0
    assert body["litellm_request_total_latency_metric_bucket"] == 140.0
    assert body["python_info"] == 1.0


async def test_raw_makes_at_most_one_scrape_in_ten_seconds(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    client = await hass_client()
    scrapes = len(proxy.requests)
    answers = await asyncio.gather(*(client.get(RAW) for _ in range(10)))
    assert [(await answer.json())["litellm_spend_metric_total"] for answer in answers] == [3.0] * 10
    proxy.traffic.spend["gpt-4o"] = 5.0
    freezer.tick(9.9)
    assert (await _get(hass_client, RAW))["litellm_spend_metric_total"] == 3.0
    assert len(proxy.requests) == scrapes + 1
    freezer.tick(0.2)
    assert (await _get(hass_client, RAW))["litellm_spend_metric_total"] == 7.0
    assert len(proxy.requests) == scrapes + 2


async def test_raw_counts_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    before = await _get(hass_client, METRICS)
    proxy.traffic.spend["gpt-4o"] = 5.0
    await _get(hass_client, RAW)
    assert await _get(hass_client, METRICS) == before


async def test_raw_of_a_proxy_that_does_not_answer_is_a_503_and_does_not_press_it(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    scrapes = len(proxy.requests)
    proxy.answer(status=500)
    for _ in range(3):
        error = {"error": "The proxy answered with HTTP status 500"}
        assert await _get(hass_client, RAW, 503) == error
    assert len(proxy.requests) == scrapes + 1
    freezer.tick(11)
    proxy.answer("<html>")
    assert "are not metrics" in (await _get(hass_client, RAW, 503))["error"]
    freezer.tick(11)
    proxy.recover()
    assert (await _get(hass_client, RAW))["litellm_spend_metric_total"] == 3.0
