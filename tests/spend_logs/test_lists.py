"""LiteLLM's lists of keys, teams and tags, of four releases; see make_lists.py for how the answers were made."""

import gzip
import json
import os
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from math import isfinite
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.models import Budget, ListedMember, Member
from custom_components.litellm_pulse.spend_logs import directory, rest
from custom_components.litellm_pulse.spend_logs.errors import UnexpectedAnswerError
from custom_components.litellm_pulse.spend_logs.rest import Rest

from .world import FIXTURES

RELEASES = {
    "1.80.17": "litellm-1.80",
    "1.89.7": "litellm-1.89",
    "1.106.12": "litellm-1.106",
    "1.110.2": "litellm-1.110",
}
"""Release -> the environment that has it."""
ENVIRONMENTS = Path(__file__).parents[2] / ".cache"
RESETS = datetime(2026, 12, 1, tzinfo=UTC)
TODAY = date(2026, 11, 26)


class Api:
    """LiteLLM's lists, and what was spent under tags; paths that are left out are refused."""

    def __init__(self, release: str) -> None:
        """Answer as a release does."""
        self.answers: dict[str, Any] = json.loads((FIXTURES / f"lists-{release}.json").read_text())
        self.asked: list[str] = []
        self.status = 403

    async def answer(self, request: web.Request) -> web.Response:
        """Answer, and note what was asked."""
        self.asked.append(request.path_qs)
        if request.path == "/tag/daily/activity":
            day = {"date": request.query["end_date"], "metrics": {}}
            spent = {name: {"metrics": {"spend": 2.0, "api_requests": 1}} for name in request.query["tags"].split(",")}
            return web.json_response({"results": [day | {"breakdown": {"entities": spent}}]})
        found = self.answers.get(request.path)
        return web.json_response(found, status=self.status if found is None else 200)


@pytest.fixture(params=RELEASES)
async def api(request: pytest.FixtureRequest, socket_enabled: None) -> AsyncIterator[tuple[Api, Rest]]:  # noqa: ARG001
    """Serve the lists of a release."""
    made = Api(request.param)
    app = web.Application()
    app.router.add_get("/{path:.*}", made.answer)
    async with TestServer(app, host="127.0.0.1") as server, aiohttp.ClientSession() as session:
        yield made, Rest(session, f"http://127.0.0.1:{server.port}", "sk-admin")


async def listed(found: Rest) -> dict[tuple[Dimension, str], ListedMember]:
    """Return what a proxy lists, by whom it is."""
    lists = await found.members(TODAY)
    return {(one.dimension, one.id): one.listed for entries in lists.values() for one in entries}


async def test_names_budgets_resets_and_blocks_of_every_release_are_read(api: tuple[Api, Rest]) -> None:
    found = await listed(api[1])
    assert found == {
        one.member.key: one
        for one in (
            ListedMember(Member(Dimension.KEY, "key-alice", "alice-laptop"), Budget(7.5, 10.0, RESETS)),
            ListedMember(Member(Dimension.KEY, "key-home", "key-home")),
            ListedMember(Member(Dimension.KEY, "key-bob", "bob-desktop"), Budget(3.0, 4.0, RESETS), blocked=True),
            ListedMember(Member(Dimension.TEAM, "red", "Research"), Budget(10.0, 40.0, RESETS)),
            ListedMember(Member(Dimension.TEAM, "blue", "Home"), blocked=True),
            ListedMember(Member(Dimension.TAG, "living room", "living room"), Budget(7.0, 9.0, RESETS)),
            # By the UTC day nobody can say what was spent in an hour.
            ListedMember(Member(Dimension.TAG, "hourly", "hourly")),
            ListedMember(Member(Dimension.TAG, "seen", "seen")),
        )
    }


async def test_what_was_spent_under_a_tag_is_asked_for_since_its_budget_was_reset(api: tuple[Api, Rest]) -> None:
    await listed(api[1])
    (asked,) = [one for one in api[0].asked if "daily" in one]
    assert "tags=living+room" in asked
    assert "start_date=2026-11-01&end_date=2026-11-26" in asked


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_after_one_refusal_nothing_is_asked_any_more(api: tuple[Api, Rest], status: int) -> None:
    answers, found = api
    answers.answers, answers.status = {}, status
    assert [await listed(found) for _ in range(2)] == [{}, {}]
    assert [one.partition("?")[0] for one in answers.asked] == ["/key/list"]


async def test_a_list_that_does_not_answer_now_is_asked_for_again(api: tuple[Api, Rest]) -> None:
    answers, found = api
    answers.answers.pop("/team/list")
    answers.status = 503
    assert {dimension for dimension, _ in await listed(found)} == {Dimension.KEY, Dimension.TAG}
    answers.answers["/team/list"] = []
    await listed(found)
    assert [one for one in answers.asked if one == "/team/list"] == ["/team/list"] * 2


async def test_pages_are_turned_to_the_last_and_no_further_than_is_bearable(
    api: tuple[Api, Rest], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, found = api
    answers.answers["/key/list"]["total_pages"] = 3
    await listed(found)
    assert [one.partition("&page=")[2] for one in answers.asked if "key/list" in one] == [
        f"{number}&size=100" for number in (1, 2, 3)
    ]
    answers.asked.clear()
    answers.answers["/key/list"]["total_pages"] = 1_000_000
    monkeypatch.setattr(rest, "MOST_PAGES", 5)
    await listed(found)
    assert len([one for one in answers.asked if "key/list" in one]) == 5
    monkeypatch.setattr(rest, "MOST_BYTES", 10)
    assert await listed(found) == {}


@pytest.mark.parametrize(
    ("resets_at", "duration", "since"),
    [
        ("2026-12-01T00:00:00Z", "30d", date(2026, 11, 1)),
        ("2026-12-01T00:00:00Z", "2mo", date(2026, 10, 1)),
        ("2027-01-01T00:00:00Z", "1mo", date(2026, 12, 1)),
        ("2026-11-30T00:00:00Z", "7d", date(2026, 11, 23)),
        ("2026-11-30T00:00:00Z", "1w", date(2026, 11, 23)),
        ("2026-11-27T00:00:00Z", "1d", date(2026, 11, 26)),
        ("2026-11-27T05:00:00Z", "24h", date(2026, 11, 26)),
        ("2026-11-26T05:00:00Z", "30m", None),
        ("2026-11-26T05:00:00Z", "often", None),
        (None, None, date(2026, 11, 3)),
    ],
)
def test_when_a_budget_was_last_reset_follows_from_when_it_will_be(
    resets_at: str | None, duration: str | None, since: date | None
) -> None:
    table = {"max_budget": 1.0, "budget_reset_at": resets_at, "budget_duration": duration}
    (tag,) = directory.tags([{"name": "t", "created_at": "2026-11-03T08:00:00Z", "litellm_budget_table": table}])
    assert tag.since == since


@pytest.mark.parametrize("answer", [{}, {"keys": 3}, 5, {"keys": [{"token": "a", "max_budget": "much"}]}])
def test_an_answer_that_is_no_list_is_told(answer: object) -> None:
    with pytest.raises(UnexpectedAnswerError):
        directory.keys(answer)


def test_keys_that_are_listed_by_their_hash_alone_say_nothing() -> None:
    assert directory.keys({"keys": ["only-a-hash"], "total_pages": 1}) == []


@pytest.mark.e2e
@pytest.mark.parametrize("release", RELEASES)
def test_the_lists_are_what_the_packages_own_models_give(release: str) -> None:
    python = ENVIRONMENTS / RELEASES[release] / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no environment {RELEASES[release]}: ./scripts/setup makes those that the end-to-end tests need")
    made = subprocess.run(  # noqa: S603  # words of ours
        [python, Path(__file__).with_name("make_lists.py")],
        capture_output=True,
        check=False,
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    )
    assert made.returncode == 0, made.stderr[-2000:]
    assert json.loads(made.stdout) == json.loads((FIXTURES / f"lists-{release}.json").read_text())


HOSTILE: dict[str, dict[str, Any]] = {
    "no number": {"max_budget": float("nan"), "spend": float("inf")},
    "a number beyond all": {"max_budget": 10**400},
    "the largest numbers": {"max_budget": 1.7e308, "spend": -1.7e308},
    "a budget of ages": {"budget_reset_at": "2026-12-01T00:00:00Z", "budget_duration": "9" * 30 + "d"},
    "a reset before Christ": {"budget_reset_at": "0001-01-01T00:00:00+14:00"},
    "a reset after everybody": {"budget_reset_at": "9999-12-31T23:59:59-14:00"},
    "a duration that is none": {"budget_reset_at": "2026-12-01T00:00:00Z", "budget_duration": 7},
    "a table that is none": {"litellm_budget_table": [1, 2]},
    "a name that is none": {"key_alias": {"a": [1]}, "team_alias": 7},
    "half a character": {"key_alias": "\ud800", "team_alias": "a\udfff"},
    "half a character for an id": {"token": "\ud800", "team_id": "\udfff"},
    "a name without end": {"key_alias": "x" * 100_000, "team_alias": ["x" * 100_000]},
    "an id without end": {"token": "x" * 100_000, "team_id": "x" * 100_000},
    "a time that is none": {"created_at": [], "budget_reset_at": None},
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("api", ["1.110.2"], indirect=True)
async def test_a_list_that_lies_is_left_out_or_has_names_and_amounts(api: tuple[Api, Rest], name: str) -> None:
    proxy, asked = api
    one = {"token": "k", "team_id": "t", "name": "n", **HOSTILE[name]}
    proxy.answers |= {"/key/list": {"keys": [one], "total_pages": 1e300}, "/team/list": [one], "/tag/list": [one]}
    for member in (await listed(asked)).values():
        assert all(len(text.encode()) <= 1_000 for text in (member.member.id, member.member.name))
        budget = member.budget
        assert budget is None or all(isfinite(value) for value in (budget.remaining, budget.maximum or 0.0))


BODIES = {
    "brackets": (b"[" * 1_000_000, {}),
    "a bomb": (gzip.compress(b" " * 100_000_000), {"Content-Encoding": "gzip"}),
    "what is no gzip": (b"[]", {"Content-Encoding": "gzip"}),
    "what nobody asked for": (b"[]", {"Content-Encoding": "br"}),
    "no JSON": (b"\xff", {}),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_cannot_be_read_is_an_answer_that_was_not_expected(name: str, socket_enabled: None) -> None:  # noqa: ARG001
    body, headers = BODIES[name]

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app, host="127.0.0.1") as server, aiohttp.ClientSession() as session:
        asked = Rest(session, f"http://127.0.0.1:{server.port}", "sk-admin")
        with pytest.raises(UnexpectedAnswerError):
            await asked.look(TODAY)
        assert await asked.members(TODAY) == {}


async def test_a_proxy_whose_pages_have_more_keys_than_any_is_not_asked_for_all_of_them(
    socket_enabled: None,  # noqa: ARG001
) -> None:
    asked: list[str] = []

    async def many(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({"keys": [{"token": f"k{number}"} for number in range(4_000)], "total_pages": 10**9})

    app = web.Application()
    app.router.add_get("/key/list", many)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        await Rest(session, str(server.make_url("/")), "sk-admin").members(TODAY)
    assert asked.count("/key/list") == 2
