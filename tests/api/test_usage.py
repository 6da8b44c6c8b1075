"""Usage over time, budgets, and the exposition for Prometheus."""

import asyncio
import csv
import sqlite3
import time
from contextlib import closing
from datetime import datetime
from functools import partial
from io import StringIO
from itertools import product
from pathlib import Path

import pytest
from aiohttp import ClientPayloadError, web
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from prometheus_client.parser import text_string_to_metric_families
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.litellm_pulse.api import base
from custom_components.litellm_pulse.const import CONF_SHOW_PERSONS, DOMAIN

from ..conftest import NOW, pass_time, set_up
from ..hostile import written
from ..proxy import Proxy, recording
from .conftest import BUDGETS, EXPORTER, USAGE, ask, get, spend

pytestmark = pytest.mark.freeze_time(NOW)


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
    await spend(hass, proxy, freezer, 0.25, 0.5)
    body = await get(hass_client, f"{USAGE}?group_by=model")
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
    part = await get(hass_client, f"{USAGE}?from=2026-11-17&to=2026-11-17&period=hour")
    assert [(row["start"], row["cost"]) for row in part["usage"]] == [("2026-11-17T23:00:00-08:00", 0.25)]


async def test_usage_is_told_as_a_table_with_commas(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    await spend(hass, proxy, freezer, 0.25)
    response = await ask(hass_client, f"{USAGE}?group_by=model&format=csv")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(StringIO(await response.text(), newline=""))
    assert (row["model"], row["cost"]) == ("gpt-4o", "0.25")


FORMULAS = ('=HYPERLINK("http://x")', "+1", "-2+3", "@SUM(A1)", "\t=1", "\uff1d1")


async def test_no_name_is_a_formula_to_a_spreadsheet_and_every_number_stays_one(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await set_up(hass, entry)
    for name in (*FORMULAS, "gpt-4o"):
        proxy.traffic.add("litellm_spend_metric_total", 0.5, model=written(name))
    await pass_time(hass, freezer)
    path = Path(hass.config.path("usage.csv"))
    hass.config.allowlist_external_dirs = {str(path.parent)}
    question = {"group_by": ["model"], "path": str(path)}
    await hass.services.async_call(DOMAIN, "export_usage", question, blocking=True, return_response=True)
    answered = await (await ask(hass_client, f"{USAGE}?group_by=model&format=csv")).text()
    for table in (answered, (await hass.async_add_executor_job(path.read_bytes)).decode()):
        rows = list(csv.DictReader(StringIO(table, newline="")))
        assert {row["model"] for row in rows} == {"gpt-4o", *(f"'{name}" for name in FORMULAS)}
        assert {row["cost"] for row in rows} == {"0.5"}
    told = await get(hass_client, f"{USAGE}?group_by=model")
    assert {row["model"] for row in told["usage"]} == {"gpt-4o", *FORMULAS}


async def test_a_question_that_cannot_be_answered_is_a_400_with_the_reason(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    for query, reason, available in (
        (f"{USAGE}?group_by=nope", "There is no dimension nope here", 10),
        (f"{USAGE}?group_by=model,model", "group_by names a dimension twice", None),
        (f"{USAGE}?group_by=model&group_by=team", "group_by is given more than once", None),
        (f"{USAGE}?from=2026-11-01&from=2026-11-02", "from is given more than once", None),
        (f"{BUDGETS}?dimensions=team&dimensions=model", "dimensions is given more than once", None),
        (f"{USAGE}?from=yesterday", "from is neither a date nor an ISO 8601 time: yesterday", None),
        (f"{USAGE}?from=2026-11-02&to=2026-11-01", "is not before", None),
        (f"{USAGE}?period=week", "There is no period week", 3),
        (f"{USAGE}?format=xml", "There is no format xml", 2),
        (f"{USAGE}?groupby=model", "There is no parameter groupby", 6),
        (f"{BUDGETS}?dimensions=nope", "There is no dimension nope here", 6),
        (f"{EXPORTER}?dimensions=nope", "There is no dimension nope here", 10),
    ):
        body = await get(hass_client, query, 400)
        assert reason in body["error"]
        assert len(body.get("available", ())) == (available or 0)


async def test_budgets_of_litellm_are_told(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_client: ClientSessionGenerator
) -> None:
    proxy.answer(recording("litellm-1.106-teams-keys-tags"))
    assert await set_up(hass, entry)
    body = await get(hass_client, BUDGETS)
    assert body["dimensions"] == ["team", "organization", "provider"]
    assert [(row["id"], row["maximum"], row["remaining"]) for row in body["budgets"]] == [
        ("id-backend-team", 1000.0, 877.0),
        ("id-frontend-team", 1000.0, 877.0),
    ]
    keys = (await get(hass_client, f"{BUDGETS}?dimensions=key"))["budgets"]
    assert {row["dimension"] for row in keys} == {"key"}


async def test_prometheus_can_read_the_ledger(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    response = await ask(hass_client, EXPORTER)
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    names = {family.name for family in text_string_to_metric_families(await response.text())}
    assert {"litellm_pulse_cost_usd", "litellm_pulse_model_cost_usd"} <= names


def _fill(path: Path, *, hours: int, models: int, keys: int) -> None:
    """Put usage into a ledger's file, as if it had been counted in the hours before NOW."""
    quarter = int(datetime.fromisoformat(NOW).timestamp()) // 900
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?vfs=unix-excl", uri=True)) as file, file:
        for number, (model, key) in enumerate(product(range(models), range(keys)), 1000):
            file.execute("INSERT INTO attributions VALUES (?, 'model', ?)", (number, f"model-{model}"))
            file.execute("INSERT INTO attributions VALUES (?, 'key', ?)", (number, f"key-{key}"))
            file.executemany(
                "INSERT INTO posted (resolution, start, attribution, cost) VALUES (0, ?, ?, 0.25)",
                [(quarter - 1 - back, number) for back in range(4 * hours)],
            )


async def test_a_large_answer_is_all_there_and_comes_in_pieces(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    await hass.async_add_executor_job(partial(_fill, entry.runtime_data.ledger.path, hours=200, models=6, keys=3))
    client = await hass_client()
    for encoding in ("identity", "gzip"):
        query = f"{USAGE}?group_by=model,key&period=hour&from=2026-11-01&to=2026-11-18"
        response = await client.get(query, headers={"Accept-Encoding": encoding})
        assert response.status == 200
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert response.headers["Cache-Control"] == "no-store"
        body = await response.json()
        assert (body["count"], len(body["usage"])) == (3600, 3600)
        assert {row["cost"] for row in body["usage"]} == {1.0}
    assert entry.runtime_data.response_cache.size < 4 * 1024 * 1024


async def test_others_have_their_turns_while_a_large_answer_is_sent_however_fast_it_is_read(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await set_up(hass, entry)
    await hass.async_add_executor_job(partial(_fill, entry.runtime_data.ledger.path, hours=200, models=6, keys=3))
    turns, seen = 0, []

    async def other_work() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def write(_: web.StreamResponse, _piece: memoryview) -> None:
        # Nothing waits here, as where the client has read all that was written before.
        seen.append(turns)
        begun = time.thread_time()
        while time.thread_time() - begun < 0.003:
            pass

    client = await hass_client()
    query = f"{USAGE}?group_by=model,key&period=hour&from=2026-11-01&to=2026-11-18"
    other = asyncio.create_task(other_work())
    with monkeypatch.context() as patched:
        patched.setattr(web.StreamResponse, "write", write)
        assert await (await client.get(query)).read() == b""
    other.cancel()
    assert len(seen) > 10
    assert len(set(seen)) == len(seen)


async def test_who_takes_a_large_answer_too_slowly_is_hung_up_on_and_no_more_than_some_are_held(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
    freezer: FrozenDateTimeFactory,
) -> None:
    assert await set_up(hass, entry)
    await hass.async_add_executor_job(partial(_fill, entry.runtime_data.ledger.path, hours=200, models=6, keys=3))
    monkeypatch.setattr(base, "_MOST_STREAMS", 2)
    send, waiting = web.StreamResponse.write, asyncio.Event()

    async def write(response: web.StreamResponse, piece: memoryview) -> None:
        # As where the client reads no more than that.
        await send(response, piece[:10])
        await waiting.wait()

    client = await hass_client()
    query = f"{USAGE}?group_by=model,key&period=hour&from=2026-11-01&to=2026-11-18"
    with monkeypatch.context() as patched:
        patched.setattr(web.StreamResponse, "write", write)
        slow = [await client.get(query, headers={"Accept-Encoding": "identity"}) for _ in range(2)]
        refused = await client.get(query)
        assert refused.status == 503
        assert "Try again" in (await refused.json())["error"]
        freezer.tick(121)
        for one in slow:
            with pytest.raises(ClientPayloadError):
                await one.read()
    assert (await (await client.get(query)).json())["count"] == 3600


async def test_one_user_who_reads_slowly_leaves_large_answers_to_the_others(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    hass_read_only_access_token: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await set_up(hass, entry)
    await hass.async_add_executor_job(partial(_fill, entry.runtime_data.ledger.path, hours=200, models=6, keys=3))
    hass.config_entries.async_update_entry(entry, options={**entry.options, CONF_SHOW_PERSONS: True})
    await hass.async_block_till_done()
    waiting = asyncio.Event()
    send = web.StreamResponse.write

    async def write(response: web.StreamResponse, piece: memoryview) -> None:
        await send(response, piece[:10])
        await waiting.wait()

    slow, other = await hass_client(hass_read_only_access_token), await hass_client()
    query = f"{USAGE}?group_by=model,key&period=hour&from=2026-11-01&to=2026-11-18"
    with monkeypatch.context() as patched:
        patched.setattr(web.StreamResponse, "write", write)
        assert [(await slow.get(query)).status for _ in range(6)] == [200, 200, 200, 200, 503, 503]
        assert [(await other.get(query)).status for _ in range(6)] == [200, 200, 200, 200, 503, 503]
    waiting.set()
    await hass.async_block_till_done()


@pytest.mark.parametrize("form", ["json", "csv"])
async def test_more_rows_than_can_be_answered_is_a_400_that_says_how_to_ask_for_less(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator, form: str
) -> None:
    assert await set_up(hass, entry)
    await hass.async_add_executor_job(partial(_fill, entry.runtime_data.ledger.path, hours=1200, models=6, keys=3))
    wide = f"{USAGE}?format={form}&group_by=model,key&from=2026-09-01"
    error = (await get(hass_client, f"{wide}&to=2026-11-18&period=hour", 400))["error"]
    assert error.startswith("This would be more than 20000 rows.")
    for way in ("from, to", "period", "group_by"):
        assert way in error
    await ask(hass_client, f"{wide}&to=2026-11-17T01:00&period=day")
    await ask(hass_client, f"{USAGE}?format={form}&group_by=model&from=2026-09-01&to=2026-11-18&period=hour")
