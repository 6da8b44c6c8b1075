"""The actions ask the API's questions under the API's names."""

import asyncio
import csv
import json
import threading
from asyncio import gather
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import voluptuous as vol
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.litellm_pulse import coordinator
from custom_components.litellm_pulse.api import answers
from custom_components.litellm_pulse.const import DOMAIN
from custom_components.litellm_pulse.core.models import TOTAL, Window
from custom_components.litellm_pulse.core.query import UsageQuery, sql
from custom_components.litellm_pulse.core.query.sql import UsageRow

from .conftest import NOW, add_entry, pass_time, set_up
from .proxy import Proxy

pytestmark = pytest.mark.freeze_time(NOW)


@pytest.fixture
async def used(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> MockConfigEntry:
    """Set an entry up whose models were used on two days."""
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 0.5
    await pass_time(hass, freezer)
    await pass_time(hass, freezer, 86400)
    proxy.traffic.spend["gpt-4o"] += 1
    proxy.traffic.spend["claude-sonnet"] += 2
    await pass_time(hass, freezer)
    return entry


async def call(hass: HomeAssistant, action: str, user: MockUser | None = None, **data: object) -> Any:  # noqa: ANN401
    """Call an action and return its response."""
    context = Context(user_id=user.id if user else None)
    return await hass.services.async_call(DOMAIN, action, data, blocking=True, context=context, return_response=True)


async def test_usage_is_told_split_and_cut_as_asked(hass: HomeAssistant, used: MockConfigEntry) -> None:
    answer = await call(hass, "get_usage", group_by=["model"], period="day", **{"from": "2026-11-18"})
    assert [(row["start"][:10], row["model"], row["cost"]) for row in answer["usage"]] == [
        ("2026-11-18", "gpt-4o", 0.5),
        ("2026-11-19", "claude-sonnet", 2.0),
        ("2026-11-19", "gpt-4o", 1.0),
    ]
    assert answer["count"] == 3
    total = await call(hass, "get_usage", config_entry_id=used.entry_id, period="month")
    assert [row["cost"] for row in total["usage"]] == [3.5]


async def test_only_some_members_are_told_where_they_are_named(hass: HomeAssistant, used: MockConfigEntry) -> None:
    assert used
    answer = await call(hass, "get_usage", group_by="model", members=["claude-sonnet"])
    assert [row["model"] for row in answer["usage"]] == ["claude-sonnet"]
    assert answer["count"] == 1
    with pytest.raises(ServiceValidationError, match="group_by"):
        await call(hass, "get_usage", members=["claude-sonnet"])


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"group_by": ["planet"]}, "group_by: .*planet.*model"),
        ({"from": "tomorrow"}, "from.*tomorrow"),
        ({"to": "2026-13-01"}, "to.*2026-13-01"),
        ({"period": "week"}, "period: .*week.*hour, day, month"),
        ({"from": "2026-11-19", "to": "2026-11-18"}, "from.*not before"),
        ({"config_entry_id": "nothing"}, "nothing"),
    ],
)
async def test_a_question_that_cannot_be_answered_names_the_field(
    hass: HomeAssistant, used: MockConfigEntry, data: dict[str, Any], named: str
) -> None:
    assert used
    with pytest.raises(ServiceValidationError, match=named):
        await call(hass, "get_usage", **data)


@pytest.mark.parametrize(
    "asked",
    [
        {"group_by": "," * 10_000},
        {"group_by": ["model"] * 10_000},
        {"group_by": "model", "members": [None] * 10_000},
        {"from": "2026-11-18T00:00:00." + "1" * 10_000},
        {"to": "x" * 10_000},
        {"period": "x" * 10_000},
        {"config_entry_id": "x" * 10_000},
    ],
)
async def test_a_question_without_end_is_refused_before_it_is_looked_into(
    hass: HomeAssistant, used: MockConfigEntry, asked: dict[str, Any]
) -> None:
    with pytest.raises(vol.Invalid, match="length of value must be at most"):
        await call(hass, "get_usage", **asked)
    assert (await call(hass, "get_usage", group_by=None, config_entry_id=used.entry_id))["count"] == 2


async def test_of_several_proxies_one_has_to_be_named(
    hass: HomeAssistant, used: MockConfigEntry, other_proxy: Proxy
) -> None:
    other = add_entry(hass, other_proxy)
    assert await set_up(hass, other)
    with pytest.raises(ServiceValidationError) as caught:
        await call(hass, "scrape")
    assert str(caught.value) == (
        "config_entry_id: Several proxies are set up. Name one of them (config_entry_id) "
        f"({used.title}: {used.entry_id}, {other.title}: {other.entry_id})"
    )
    assert await call(hass, "scrape", config_entry_id=used.entry_id)


async def test_what_was_not_chosen_is_not_imported_and_that_is_said(hass: HomeAssistant, used: MockConfigEntry) -> None:
    with pytest.raises(ServiceValidationError, match=f"^No source of history is chosen for {used.title}"):
        await call(hass, "import_history")


async def test_persons_are_for_administrators(
    hass: HomeAssistant, used: MockConfigEntry, hass_read_only_user: MockUser, hass_admin_user: MockUser
) -> None:
    with pytest.raises(ServiceValidationError, match="administrators"):
        await call(hass, "get_usage", hass_read_only_user, group_by=["key"])
    assert await call(hass, "get_usage", hass_read_only_user, group_by=["model"])
    assert await call(hass, "get_usage", hass_admin_user, group_by=["key"])
    hass.config_entries.async_update_entry(used, options={"show_persons": True})
    assert await call(hass, "get_usage", hass_read_only_user, group_by=["key"])


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize(
    ("action", "data"),
    [("export_usage", {"path": "www/usage.csv"}), ("import_history", {}), ("rebuild_statistics", {})],
)
async def test_what_makes_or_writes_much_is_for_administrators(
    hass: HomeAssistant, hass_read_only_user: MockUser, action: str, data: dict[str, Any]
) -> None:
    context = Context(user_id=hass_read_only_user.id)
    with pytest.raises(Unauthorized):
        await hass.services.async_call(DOMAIN, action, data, blocking=True, context=context)


@pytest.mark.parametrize("period", ["hour", "day", "month"])
async def test_an_export_holds_what_get_usage_tells(
    hass: HomeAssistant, used: MockConfigEntry, tmp_path: Path, period: str
) -> None:
    assert used
    allowed = tmp_path / "allowed"
    hass.config.allowlist_external_dirs = {str(allowed)}
    question = {"group_by": ["model"], "period": period, "from": "2026-10-01"}
    told = (await call(hass, "get_usage", **question))["usage"]
    path = allowed / "exports" / "usage.csv"
    assert await call(hass, "export_usage", path=str(path), **question) == {"path": str(path), "rows": len(told)}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{name: str(value) for name, value in row.items()} for row in told]
    lines = allowed / "usage.jsonl"
    await call(hass, "export_usage", path=str(lines), format="jsonl", **question)
    assert [json.loads(line) for line in lines.read_text().splitlines()] == told
    assert sorted(one.name for one in allowed.rglob("*.*")) == ["usage.csv", "usage.jsonl"]


async def test_an_export_goes_to_an_allowed_path_only(
    hass: HomeAssistant, used: MockConfigEntry, tmp_path: Path
) -> None:
    assert used
    outside = tmp_path / "outside"
    with pytest.raises(ServiceValidationError, match="allowlist_external_dirs"):
        await call(hass, "export_usage", path=str(outside / "usage.csv"))
    with pytest.raises(ServiceValidationError, match="allowlist_external_dirs"):
        await call(hass, "export_usage", path="../usage.csv")
    assert not outside.exists()


async def test_an_export_that_cannot_be_written_says_why_and_leaves_nothing(
    hass: HomeAssistant, used: MockConfigEntry, tmp_path: Path
) -> None:
    assert used
    allowed = tmp_path / "allowed"
    hass.config.allowlist_external_dirs = {str(allowed)}
    (allowed / "taken").mkdir(parents=True)
    with pytest.raises(HomeAssistantError, match="directory"):
        await call(hass, "export_usage", path=str(allowed / "taken"))
    for name in ("zero\0", "x" * 300, "file/below"):
        (allowed / "file").write_text("")
        with pytest.raises(HomeAssistantError, match="cannot be written: "):
            await call(hass, "export_usage", path=str(allowed / name))
    (allowed / "file").unlink()
    assert [one.name for one in allowed.iterdir()] == ["taken"]


async def test_exports_to_one_file_at_the_same_time_are_each_whole_and_none_writes_where_a_link_leads(
    hass: HomeAssistant, used: MockConfigEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert used
    read, both = sql.usage, threading.Barrier(2, timeout=5)

    def usage(path: Path, query: UsageQuery) -> Iterator[UsageRow]:
        both.wait()
        yield from read(path, query)

    monkeypatch.setattr(sql, "usage", usage)
    allowed, outside = tmp_path / "allowed", tmp_path / "outside"
    allowed.mkdir()
    (allowed / ".usage.csv.partial").symlink_to(outside)
    hass.config.allowlist_external_dirs = {str(allowed)}
    path = allowed / "usage.csv"
    asked = [{"from": "2026-10-01", "group_by": kinds} for kinds in (["model"], [])]
    found = await gather(*(call(hass, "export_usage", path=str(path), **one) for one in asked))
    assert {one["rows"] for one in found} == {2, 3}
    assert len(path.read_text().splitlines()) - 1 in {2, 3}
    assert not outside.exists()


async def test_a_scrape_at_once_tells_what_was_used(hass: HomeAssistant, used: MockConfigEntry, proxy: Proxy) -> None:
    assert used
    proxy.traffic.spend["gpt-4o"] += 0.125
    answer = await call(hass, "scrape")
    assert (answer["cost"], answer["is_reset"]) == (0.125, False)
    proxy.answer(status=500)
    with pytest.raises(HomeAssistantError, match="500"):
        await call(hass, "scrape")


async def test_more_rows_than_can_be_answered_is_an_error_that_says_how_to_ask_for_less(
    hass: HomeAssistant, used: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MOST_OBJECTS", 2)
    with pytest.raises(ServiceValidationError, match="This would be more than 2 rows"):
        await call(hass, "get_usage", group_by=["model"])
    assert (await call(hass, "get_usage", group_by=["model"], members=["gpt-4o"]))["count"] == 2
    monkeypatch.setattr(answers, "MOST_ROWS", 1)
    for asked in ({}, {"members": ["gpt-4o"]}):
        with pytest.raises(ServiceValidationError, match="This would be more than 1 rows"):
            await call(hass, "get_usage", group_by=["model"], **asked)
    assert used.state is ConfigEntryState.LOADED


async def test_a_hundred_who_scrape_at_once_are_two_scrapes(
    hass: HomeAssistant, used: MockConfigEntry, proxy: Proxy
) -> None:
    before = len(proxy.requests)
    proxy.traffic.spend["gpt-4o"] += 4
    told = await gather(*(call(hass, "scrape") for _ in range(100)))
    assert len(proxy.requests) - before <= 4  # each in part, then whole
    assert told[0]["cost"] in {0, 4}
    assert used.runtime_data.coordinator.data.snapshot.value(TOTAL, Window.DAY, "cost") == 7


async def test_who_scrapes_in_a_loop_does_not_press_the_proxy(
    hass: HomeAssistant,
    used: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert used
    monkeypatch.setattr(coordinator, "PAUSE_SECONDS", 1.0)
    await call(hass, "scrape")
    before = len(proxy.requests)
    proxy.traffic.spend["gpt-4o"] += 4
    told = [asyncio.create_task(call(hass, "scrape")) for _ in range(100)]
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(proxy.requests) == before
    freezer.tick(1.1)
    assert {answer["cost"] for answer in await gather(*told)} == {4}
    assert len(proxy.requests) - before <= 2  # in part, then whole
