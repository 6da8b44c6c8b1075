"""LiteLLM's REST: answers of four releases, pages, refusals; see make_answers.py for how they were made."""

import gzip
import json
import random
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, override

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.spend_logs import models
from custom_components.litellm_pulse.spend_logs import rest as rest_module
from custom_components.litellm_pulse.spend_logs.daily import Activity, page
from custom_components.litellm_pulse.spend_logs.errors import (
    AuthenticationError,
    BusyError,
    NoDatabaseError,
    NotOfferedError,
    PermissionDeniedError,
    SourceError,
    UnexpectedAnswerError,
    UnreachableError,
)
from custom_components.litellm_pulse.spend_logs.json_body import MOST_ESCAPES, MOST_VALUES, JsonBody
from custom_components.litellm_pulse.spend_logs.models import DAY, METRICS, Scope, Sums, month_start, requests_by_slot
from custom_components.litellm_pulse.spend_logs.progress import Progress
from custom_components.litellm_pulse.spend_logs.rest import Rest, refusal
from custom_components.litellm_pulse.spend_logs.rest_importer import RestImporter

from .kept import Kept
from .world import FIXTURES, recorded

ROWS_OF = {"1.80.17": "1.80.5", "1.89.7": "1.80.5", "1.106.2": "1.106.2", "1.110.2": "1.106.2"}
"""Release that answered -> release that wrote the rows."""

ENVIRONMENTS = Path(__file__).parents[2] / ".cache"


def answers(release: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIXTURES / f"daily-{release}.json").read_text())
    return found


def sums(rows: list[dict[str, Any]], column: str, value: str = "spend") -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows:
        if row.get(column):
            found[row[column]] = found.get(row[column], 0.0) + row[value]
    return found


@pytest.mark.parametrize("release", ROWS_OF)
def test_answers_of_every_release_add_up_to_the_rows_they_are_of(release: str) -> None:
    rows, found = recorded(ROWS_OF[release]), page(Activity.USER, answers(release)["user"])
    whole = [row for row in found.rows if not row.apart]
    totals = dict(
        zip(METRICS, map(sum, zip(*[[v or 0.0 for v in row.values] for row in whole], strict=True)), strict=True)
    )
    assert totals["cost"] == pytest.approx(sum(row["spend"] for row in rows))
    assert totals["requests"] == len(rows)
    assert totals["tokens"] == sum(row["total_tokens"] for row in rows)
    by: dict[Dimension, dict[str, float]] = {}
    for row in whole:
        for dimension, key in row.members:
            each = by.setdefault(dimension, {})
            each[key] = each.get(key, 0.0) + (row.values[METRICS.index("cost")] or 0.0)
    models = {row["model"].removeprefix(f"{row['custom_llm_provider']}/") for row in rows}
    assert set(by[Dimension.MODEL]) == models
    assert by[Dimension.KEY] == pytest.approx(sums(rows, "api_key"))
    assert by[Dimension.TEAM] == pytest.approx(sums(rows, "team_id"))
    assert "alice-laptop" in found.aliases.values()


@pytest.mark.parametrize("release", ROWS_OF)
def test_what_is_not_crossed_stands_apart(release: str) -> None:
    rows = recorded(ROWS_OF[release])
    for kind, dimension, column in (
        (Activity.USER, Dimension.PROVIDER, "custom_llm_provider"),
        (Activity.USER, Dimension.PUBLIC_MODEL, "model_group"),
        (Activity.USER, Dimension.USER, "user"),
        (Activity.TEAM, Dimension.TEAM, "team_id"),
        (Activity.CUSTOMER, Dimension.CUSTOMER, "end_user"),
    ):
        found = page(kind, answers(release)[kind])
        told = {row.members[0][1]: row.values[METRICS.index("cost")] for row in found.rows
                if row.apart and row.members[0][0] is dimension}  # fmt: skip
        assert told == pytest.approx(sums(rows, column))
    tags = page(Activity.TAG, answers(release)["tag"])
    assert [(row.members, row.apart) for row in tags.rows] == [(((Dimension.TAG, "kitchen"),), True)]


@pytest.mark.parametrize("folder", ["litellm", "litellm-1.80", "litellm-1.89"])
def test_the_answers_are_what_the_packages_own_models_give(folder: str) -> None:
    python = ENVIRONMENTS / folder / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no environment {folder}: ./scripts/setup makes those that the end-to-end tests need")
    script = (
        "import importlib.metadata as m, json, pathlib, sys, types\n"
        # The package as a whole takes seconds to import.
        "sys.modules['litellm'] = bare = types.ModuleType('litellm')\n"
        "bare.__path__ = [str(m.distribution('litellm').locate_file('litellm'))]\n"
        "from litellm.types.proxy.management_endpoints import common_daily_activity as daily\n"
        "name = pathlib.Path(sys.argv[1]) / f'daily-{m.version(\"litellm\")}.json'\n"
        "for answer in json.loads(name.read_text()).values():\n"
        "    made = daily.SpendAnalyticsPaginatedResponse.model_validate(answer)\n"
        "    assert json.loads(made.model_dump_json()) == answer\n"
    )
    done = subprocess.run(  # noqa: S603  # words of ours
        [python, "-c", script, FIXTURES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_an_answer_that_is_none_is_told() -> None:
    bad: list[object] = [
        {},
        [],
        None,
        {"results": [{"date": "2026-11-25"}]},
        {"results": [{"date": "x", "metrics": {}}]},
    ]
    for answer in bad:
        with pytest.raises(UnexpectedAnswerError):
            page(Activity.USER, answer)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, '{"detail":{"error":"DB not connected. This endpoint needs a database"}}', NoDatabaseError),
        (400, '{"error":{"message":"No connected db.","type":"no_db_connection"}}', NoDatabaseError),
        (401, '{"detail":{"error":"DB not connected. See https://docs.litellm.ai"}}', NoDatabaseError),
        (500, '{"detail":"Database not connected"}', NoDatabaseError),
        (401, '"Authentication Error, Invalid proxy server token passed"', AuthenticationError),
        (403, '{"error":"user not allowed to access this route"}', PermissionDeniedError),
        (400, '{"detail":"Virtual key is not allowed to call this route"}', PermissionDeniedError),
        (404, '{"detail":"Not Found"}', NotOfferedError),
        (502, "<html>Bad Gateway</html>", UnreachableError),
        (418, "", UnexpectedAnswerError),
    ],
)
def test_no_database_is_never_told_as_a_wrong_key(status: int, body: str, error: type[SourceError]) -> None:
    assert refusal(status, body) is error


class Api:
    """LiteLLM's API over rows of its daily table, so many a page, in no certain order within a day."""

    def __init__(self, months: int = 3, per_day: int = 3) -> None:
        """Make the rows: one dollar each."""
        self.today = date(2026, 11, 25)
        self.rows = [(self.today - timedelta(days=day), f"m-{n}") for day in range(months * 30) for n in range(per_day)]
        self.per_page = 0.04
        """Rows for each that is asked for."""
        self.between_pages: Callable[[], object] = int
        """Called before each page but the first."""
        self.asked: list[str] = []
        self.fails_after: int | None = None
        self.fails_with: dict[str, Any] = {"status": 503}
        self.fails = 1 << 30
        """How often."""

    def app(self) -> web.Application:
        """Return the routes."""
        app = web.Application()
        app.router.add_get("/user/daily/activity", self.user)
        app.router.add_get("/team/daily/activity", self.forbidden)
        return app

    async def forbidden(self, _: web.Request) -> web.Response:
        """Refuse the key."""
        return web.json_response({"error": "not allowed"}, status=403)

    async def user(self, request: web.Request) -> web.Response:
        """Answer as LiteLLM does: rows newest first, cut into pages, days summed up per page."""
        assert request.headers["Authorization"] == "Bearer sk-admin"
        query = request.query
        self.asked.append(f"{query['start_date']} {query['end_date']} {query['page']}")
        if self.fails_after is not None and len(self.asked) > self.fails_after:
            self.fails -= 1
            if self.fails >= 0:
                return web.Response(**self.fails_with)
        number, size = int(query["page"]), int(int(query["page_size"]) * self.per_page)
        if number > 1:
            self.between_pages()
        found = [row for row in self.rows if query["start_date"] <= row[0].isoformat() <= query["end_date"]]
        shown = found[(number - 1) * size : number * size]
        pages = -(-len(found) // size)
        return web.json_response({"results": self.days(shown), "metadata": {"page": number, "total_pages": pages}})

    def days(self, rows: list[tuple[date, str]]) -> list[dict[str, Any]]:
        """Return the days of some rows with their breakdowns."""
        one = {"spend": 1.0, "api_requests": 1, "failed_requests": 0, "prompt_tokens": 1, "completion_tokens": 1,
               "total_tokens": 2, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}  # fmt: skip
        days: dict[date, list[str]] = {}
        for day, model in rows:
            days.setdefault(day, []).append(model)
        return [
            {
                "date": day.isoformat(),
                "metrics": {name: value * len(models) for name, value in one.items()},
                "breakdown": {
                    "models": {
                        f"openai/{model}": {
                            "metrics": one,
                            "api_key_breakdown": {"k": {"metrics": one, "metadata": {}}},
                        }
                        for model in models
                    },
                    "providers": {"openai": {"metrics": {name: value * len(models) for name, value in one.items()}}},
                },
            }
            for day, models in days.items()
        ]


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def rest(api: Api, socket_enabled: None) -> AsyncIterator[Rest]:  # noqa: ARG001
    async with TestServer(api.app()) as server, aiohttp.ClientSession() as session:
        yield Rest(session, str(server.make_url("/")), "sk-admin")


NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


async def test_days_before_the_first_scrape_are_imported_and_no_part_of_its_own_day(
    rest: Rest, api: Api, kept: Kept
) -> None:
    seam = datetime(2026, 11, 20, 10, 7, tzinfo=UTC)
    await RestImporter(rest, kept).run(now=NOW, seam=seam)
    truth = sum(day < seam.date() for day, _ in api.rows)
    assert kept.total("requests", Scope.BEFORE) == kept.total() == truth
    assert kept.by(Dimension.MODEL) == dict.fromkeys(("m-0", "m-1", "m-2"), truth / 3)
    asked = len(api.asked)
    await RestImporter(rest, kept).run(now=NOW, seam=seam)
    assert kept.total() == truth
    assert len(api.asked) == asked, "what is known is not asked for again"


async def test_an_import_by_rest_is_resumed_where_it_was(rest: Rest, api: Api, kept: Kept) -> None:
    for allowed in range(1, 60, 3):
        api.asked, api.fails_after = [], allowed
        try:
            await RestImporter(rest, kept).run(now=NOW, seam=NOW)
        except UnreachableError:
            continue
        break
    assert kept.total() == sum(day < NOW.date() for day, _ in api.rows)


async def test_a_day_on_several_pages_is_one_day(rest: Rest, api: Api) -> None:
    api.rows = [(api.today, f"m-{number}") for number in range(95)]
    parts = [found async for found in rest.days(Activity.USER, api.today - DAY * 6, api.today)]
    told = [one for _, _, found in parts for one in found.told]
    assert sum(requests_by_slot(told, DAY).values()) == 95
    assert {(first, last) for first, last, found in parts if found.told} == {(api.today, api.today)}


@pytest.mark.parametrize("times", range(1, 6))
@pytest.mark.parametrize("change", ["come", "go"])
async def test_rows_that_come_or_go_between_two_pages_of_a_day_double_and_lose_nothing(
    rest: Rest, api: Api, kept: Kept, times: int, change: str
) -> None:
    yesterday = api.today - DAY
    api.rows = [(yesterday, f"m-{number}") for number in range(95)]
    changes = iter(range(times))

    def one_more() -> None:
        if (number := next(changes, None)) is not None:
            # As LiteLLM sorts them, a row may come in or go anywhere: here before all others.
            api.rows = [(yesterday, f"new-{number}"), *api.rows] if change == "come" else api.rows[1:]

    api.between_pages = one_more
    await RestImporter(rest, kept).run(now=NOW, seam=NOW)
    assert kept.by(Dimension.MODEL) == {model: 1.0 for _, model in api.rows}
    assert kept.total("requests") == len(api.rows) == (95 + times if change == "come" else 95 - times)


async def test_a_day_whose_pages_never_agree_is_not_believed_and_read_later(rest: Rest, api: Api, kept: Kept) -> None:
    api.rows = [(api.today - DAY, f"m-{number}") for number in range(95)]
    chance = random.Random(14)  # noqa: S311  # the same course every time
    api.between_pages = lambda: chance.shuffle(api.rows)
    with pytest.raises(UnexpectedAnswerError, match="not told alike"):
        await RestImporter(rest, kept).run(now=NOW, seam=NOW)
    assert kept.total() == 0
    api.between_pages = int
    await RestImporter(rest, kept).run(now=NOW, seam=NOW)
    assert kept.by(Dimension.MODEL) == {model: 1.0 for _, model in api.rows}


@pytest.mark.parametrize("told", [{}, {"Retry-After": "0.01"}, {"Retry-After": "Wed, 25 Nov 2020 12:00:00 GMT"}])
async def test_a_question_too_many_is_asked_again_after_a_pause(
    rest: Rest, api: Api, kept: Kept, monkeypatch: pytest.MonkeyPatch, told: dict[str, str]
) -> None:
    monkeypatch.setattr(rest_module, "PAUSE_SECONDS", 0.01)
    api.fails_after, api.fails, api.fails_with = 2, 3, {"status": 429, "headers": told}
    await RestImporter(rest, kept).run(now=NOW, seam=NOW)
    assert kept.total() == sum(day < NOW.date() for day, _ in api.rows)


@pytest.mark.parametrize("told", [{"Retry-After": "0"}, {"Retry-After": "3600"}])
async def test_one_that_is_always_too_many_is_told(rest: Rest, api: Api, told: dict[str, str]) -> None:
    api.fails_after, api.fails_with = 0, {"status": 429, "headers": told}
    with pytest.raises(BusyError):
        await rest.look(api.today)
    assert len(api.asked) == (1 if told["Retry-After"] == "3600" else 4)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 403, "text": '{"error": "not allowed"}'}, PermissionDeniedError),
        ({"status": 200, "text": "<html>a login page</html>"}, UnexpectedAnswerError),
        ({"status": 302, "headers": {"Location": "/login"}}, UnexpectedAnswerError),
        ({"status": 200, "text": '{"results": null}'}, UnexpectedAnswerError),
    ],
)
async def test_what_was_told_before_a_key_lost_its_permission_or_a_gateway_came_between_stays(
    rest: Rest, api: Api, kept: Kept, answer: dict[str, Any], error: type[SourceError]
) -> None:
    api.fails_after, api.fails, api.fails_with = 4, 1, answer
    with pytest.raises(error):
        await RestImporter(rest, kept).run(now=NOW, seam=NOW)
    assert 0 < kept.total() < len(api.rows) / 2
    await RestImporter(rest, kept).run(now=NOW, seam=NOW)
    assert kept.total() == sum(day < NOW.date() for day, _ in api.rows)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e999", "1" + "0" * 400, "1e308", "-1e300"])
def test_an_amount_that_is_no_number_is_told(amount: str) -> None:
    answer = json.loads(f'{{"results": [{{"date": "2026-11-01", "metrics": {{"spend": {amount}}}}}]}}')
    with pytest.raises(UnexpectedAnswerError):
        page(Activity.USER, answer)


def test_an_id_without_end_is_nobodys_and_its_usage_stays_in_the_total() -> None:
    endless, metrics = "x" * 1_001, {"spend": 2.0}
    used = {"metrics": metrics, "metadata": {"team_id": endless}}
    breakdown = {
        "models": {endless: {"metrics": metrics, "api_key_breakdown": {endless: used}}},
        "providers": {endless: {"metrics": metrics}},
        "entities": {endless: {"metrics": metrics}},
    }
    found = page(Activity.USER, {"results": [{"date": "2026-11-01", "metrics": metrics, "breakdown": breakdown}]})
    assert [row.members for row in found.rows] == [()]
    assert sum(row.values[METRICS.index("cost")] or 0 for row in found.rows) == 2.0


@pytest.mark.parametrize("pages", ["Infinity", "1e999"])
def test_a_number_of_pages_that_is_none_is_told(pages: str) -> None:
    with pytest.raises(UnexpectedAnswerError):
        page(Activity.USER, json.loads(f'{{"results": [], "metadata": {{"total_pages": {pages}}}}}'))


async def test_a_proxy_that_has_pages_without_end_is_not_asked_without_end(socket_enabled: None) -> None:  # noqa: ARG001
    asked: list[str] = []

    async def endless(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        return web.json_response({"results": [], "metadata": {"total_pages": 10**9}})

    app = web.Application()
    app.router.add_get("/user/daily/activity", endless)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        lying = Rest(session, str(server.make_url("/")), "sk-admin")
        with pytest.raises(UnexpectedAnswerError):
            _ = [one async for one in lying.days(Activity.USER, NOW.date(), NOW.date())]
    assert len(asked) == 2


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"[%s]" % b",".join([one] * (MOST_VALUES + 1))
            for one in (b"[]", b'{"a":1}', b"{}", b"1", b'""', b"[1,1,1]", b"[[[[]]]]")
        ),
        b'["%s"]' % (b"x" * 300_000),
        b'["a",%s1]' % (b" " * 300_000),
        b'["a",%s]' % (b"1" * 300_000),
        b'["%s"]' % (rb"\"" * (MOST_ESCAPES + 1)),
    ],
    ids=lambda body: str(body[:20]),
)
async def test_an_answer_of_more_values_than_any_has_is_not_made_of_its_bytes(
    socket_enabled: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    body: bytes,
) -> None:
    """Of 64 MB of brackets Python makes 1.6 GB of lists, and nothing else has a turn for two seconds."""
    made: list[object] = []
    monkeypatch.setattr(JsonBody, "loads", made.append)

    async def many(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/user/daily/activity", many)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        with pytest.raises(UnexpectedAnswerError):
            await Rest(session, str(server.make_url("/")), "sk-admin").look(NOW.date())
    assert made == []


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"\x01", "br"),
        (b"\x1f\x8b\x01", "gzip"),
        (gzip.compress(bytes(100_000)), "gzip"),
        (b"x" * 9_000_000, "identity"),
    ],
    ids=["as nobody asked for", "damaged", "a bomb", "without end"],
)
@pytest.mark.parametrize(
    ("status", "error"),
    [(401, AuthenticationError), (403, PermissionDeniedError), (404, NotOfferedError), (429, BusyError)],
)
async def test_a_refusal_is_told_by_its_status_whatever_its_body_is(
    socket_enabled: None,  # noqa: ARG001
    body: bytes,
    encoding: str,
    status: int,
    error: type[SourceError],
) -> None:
    """A gateway answers in its own way; of what is no refusal the lists would be asked for again and again."""

    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers={"Content-Encoding": encoding, "Retry-After": "99"})

    app = web.Application()
    app.router.add_get("/user/daily/activity", refuse)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        with pytest.raises(error):
            await Rest(session, str(server.make_url("/")), "sk-admin").look(NOW.date())


async def test_a_day_of_more_rows_than_any_has_is_not_held(
    rest: Rest, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest_module, "MOST_ROWS_OF_A_DAY", 250)
    api.rows = [(api.today, f"m-{number}") for number in range(1000)]
    with pytest.raises(UnexpectedAnswerError):
        _ = [one async for one in rest.days(Activity.USER, api.today, api.today)]
    # Not one more than it takes to see that.
    assert len(api.asked) == 2 + 6


async def test_a_day_of_more_members_than_are_told_apart_keeps_its_total(
    rest: Rest, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "MOST_TOLD", 50)
    api.per_page, api.rows = 0.2, [(api.today, f"m-{number}") for number in range(400)]
    ((_, _, found),) = [one async for one in rest.days(Activity.USER, api.today, api.today)]
    whole = [row for row in found.rows if not row.apart]
    assert found.size <= 2 * 51
    assert sum(row.values[METRICS.index("cost")] or 0.0 for row in whole) == 400
    assert [row.values[METRICS.index("cost")] for row in whole if not row.members] == [350]


async def test_a_month_of_many_pages_is_written_as_it_comes_in(
    rest: Rest, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a month that a busy or a lying proxy tells in parts, no more than one of them is held."""
    replace, months = kept.replace, []

    async def note(scope: Scope, slots: Any, told: list[Sums], progress: Progress) -> None:  # noqa: ANN401
        months.append(progress.reached and month_start(progress.reached))
        await replace(scope, slots, told, progress)

    monkeypatch.setattr(kept, "replace", note)
    await RestImporter(rest, kept).run(now=NOW, seam=NOW)
    assert months.count(month_start(NOW)) > 1


async def test_days_that_were_not_asked_for_are_not_believed(rest: Rest, api: Api) -> None:
    api.days = lambda rows: Api.days(api, [(day - timedelta(days=4000), one) for day, one in rows])  # type: ignore[method-assign]
    with pytest.raises(UnexpectedAnswerError):
        await rest.look(api.today)


async def test_usage_before_there_was_litellm_is_not_looked_for(rest: Rest, api: Api, kept: Kept) -> None:
    class Always(list[tuple[date, str]]):
        """A row in every month that there ever was."""

        @override
        def __iter__(self) -> Iterator[tuple[date, str]]:
            first, last = (date.fromisoformat(day) for day in api.asked[-1].split()[:2])
            return iter([(last, "m")] if first <= last else [])

    api.rows = Always()
    await RestImporter(rest, kept).run(now=NOW, seam=NOW)
    assert min(asked.split()[0] for asked in api.asked) == "2023-01-01"
