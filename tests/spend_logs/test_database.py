"""LiteLLM's tables in a real PostgreSQL: what is read agrees with what is there, to the cent."""

# ruff: noqa: S608  # queries of the tests' own making

import asyncio
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import override

import asyncpg
import postgres
import pytest

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.spend_logs import dsn
from custom_components.litellm_pulse.spend_logs.connection import APPLICATION, CONNECTIONS, Load
from custom_components.litellm_pulse.spend_logs.database import Database, Found, Take
from custom_components.litellm_pulse.spend_logs.errors import SourceTimeoutError, SpendLogsOffError
from custom_components.litellm_pulse.spend_logs.importer import Importer
from custom_components.litellm_pulse.spend_logs.models import Scope, Span, Sums
from custom_components.litellm_pulse.spend_logs.progress import Progress

from .kept import Kept
from .schema import COST_LOGS, RELEASES, spend_logs
from .world import generated, insert, recorded, request

type Make = Callable[[str], str]
type Connect = Callable[..., Database]

SUM = 'SELECT coalesce(sum(spend), 0) FROM "LiteLLM_SpendLogs"'


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("release", "rows"), [("1.80.5", "1.80.5"), ("1.92.0", "1.80.5"), ("1.106.2", "1.106.2"), ("1.110.2", "1.106.2")]
)
async def test_rows_that_real_proxies_wrote_add_up_by_everything(
    make: Make, connect: Connect, kept: Kept, release: str, rows: str
) -> None:
    found = recorded(rows)
    await Importer(connect(make(spend_logs(release) + insert(found))), kept).cycle()
    for metric, column in (("cost", "spend"), ("tokens", "total_tokens"), ("input_tokens", "prompt_tokens")):
        assert kept.total(metric) == pytest.approx(sum(row[column] for row in found))
    assert kept.total("requests") == len(found)
    assert kept.total("cache_hits") == sum(row["cache_hit"] == "True" for row in found) == 1
    assert set(kept.by(Dimension.MODEL)) == {
        "gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "llama-free", "text-embedding-3-small",
    }  # fmt: skip
    for dimension, column in (
        (Dimension.KEY, "api_key"),
        (Dimension.TEAM, "team_id"),
        (Dimension.USER, "user"),
        (Dimension.PUBLIC_MODEL, "model_group"),
        (Dimension.PROVIDER, "custom_llm_provider"),
    ):
        truth: dict[str, float] = {}
        for row in found:
            if row[column]:
                truth[row[column]] = truth.get(row[column], 0.0) + row["spend"]
        assert kept.by(dimension) == pytest.approx(truth)
    assert kept.by(Dimension.TAG, "requests") == {"kitchen": 1}
    assert not [row for row in kept.rows() if "secret-of-metadata" in str(row)]


@pytest.mark.parametrize("release", RELEASES)
async def test_every_release_since_1_80_is_known(make: Make, connect: Connect, release: str) -> None:
    look = await connect(make(spend_logs(release) + insert([request(1, "2026-11-03 10:00")]))).look()
    assert look.table.spend_logs
    assert look.table.indexed
    assert (look.oldest, look.newest) == (at("2026-11-03 09:59:55"),) * 2
    assert (Dimension.ORGANIZATION in dict(look.table.members)) is (release != "1.80.5")


async def test_cost_logs_are_known_whatever_their_times_and_ids_are(make: Make, connect: Connect, kept: Kept) -> None:
    rows = """INSERT INTO cost_logs (provider, model, cost_usd, created_at)
        SELECT 'p' || i % 2, 'm' || i % 5, i / 1024.0, timestamp '2026-10-30' + i * interval '1 minute'
        FROM generate_series(1, 9000) AS i; ANALYZE cost_logs;"""
    for change in ("", "CREATE INDEX ON cost_logs (created_at);", "ALTER TABLE cost_logs ALTER id TYPE text;",
                   "ALTER TABLE cost_logs ALTER created_at TYPE timestamptz;",
                   "ALTER TABLE cost_logs ALTER cost_usd TYPE numeric(20, 10);"):  # fmt: skip
        database = connect(make(COST_LOGS + change + rows))
        await Importer(database, kept).cycle()
        assert kept.total() == sum(range(1, 9001)) / 1024
        assert kept.total("requests") == 9000
        assert kept.by(Dimension.PROVIDER) == {"p0": 4500 * 9002 / 2 / 1024, "p1": 4500 * 9000 / 2 / 1024}
        kept._connection.executescript("DELETE FROM usage; DELETE FROM progress")


async def test_what_is_known_by_id_order_is_found_again_when_it_grows(
    server: postgres.Postgres, make: Make, connect: Connect, kept: Kept
) -> None:
    grow = """INSERT INTO cost_logs (provider, model, cost_usd, created_at)
        SELECT 'p', 'm', 0.5, now() - interval '{days} days' + i * interval '{days} days' / {rows}
        FROM generate_series(1, {rows}) AS i; ANALYZE cost_logs;"""
    name = make(COST_LOGS + grow.format(days=30, rows=60_000))
    database = connect(name)
    assert (await database.look()).table.ordered_ids
    await Importer(database, kept).cycle()
    before = kept.written
    server.sql(
        "INSERT INTO cost_logs (provider, model, cost_usd) SELECT 'p', 'm', 2 FROM generate_series(1, 100)", name
    )
    await Importer(database, kept).cycle()
    assert kept.total() == 30_200
    assert kept.written - before < 40, "six hours of one model, not thirty days"


async def test_a_run_that_is_repeated_changes_nothing(make: Make, connect: Connect, kept: Kept) -> None:
    importer = Importer(connect(make(spend_logs() + generated(5000))), kept)
    await importer.cycle()
    rows = kept.rows()
    await importer.cycle()
    assert kept.rows() == rows


async def test_tags_are_told_apart_and_requests_counted_once(make: Make, connect: Connect, kept: Kept) -> None:
    await Importer(connect(make(spend_logs() + generated(4000))), kept).cycle()
    assert kept.by(Dimension.TAG, "requests") == {"a": 1000, "b": 1000}
    assert kept.total("requests") == 4000
    assert kept.total("failed_requests") == 400


async def test_late_rows_are_found_within_the_overlap(
    server: postgres.Postgres, make: Make, connect: Connect, kept: Kept
) -> None:
    name = make(spend_logs() + generated(100, first=f"{datetime.now(UTC) - timedelta(hours=12):%Y-%m-%d %H:%M}"))
    importer = Importer(connect(name), kept)
    await importer.cycle()
    late = f"{datetime.now(UTC) - timedelta(hours=5):%Y-%m-%d %H:%M}"
    server.sql(insert([request(7001, late, cost=3.0, seconds=4 * 3600)]), name)
    await importer.cycle()
    assert kept.total() == pytest.approx(float(server.sql(SUM, name)))


async def test_history_ends_where_metrics_begin_by_when_requests_ended(
    make: Make, connect: Connect, kept: Kept
) -> None:
    seam = at("2026-11-20 10:07:33")
    rows = [
        request(1, "2026-11-20 10:07:32", cost=1.0),
        request(2, "2026-11-20 10:07:33", cost=2.0),
        request(3, "2026-11-20 10:09:00", cost=4.0, seconds=600),
    ]
    await Importer(connect(make(spend_logs() + insert(rows))), kept).cycle(seam=seam)
    assert kept.total(scope=Scope.BEFORE) == 1.0
    assert kept.total(scope=Scope.SINCE) == 6.0


async def test_a_gap_is_told_apart_to_the_second(make: Make, connect: Connect, kept: Kept) -> None:
    rows = [request(number, f"2026-11-20 {hour}:10:00", cost=1.0) for number, hour in enumerate(range(10, 20))]
    gap = Span(at("2026-11-20 12:10:01"), at("2026-11-20 15:10:01"))
    await Importer(connect(make(spend_logs() + insert(rows))), kept).cycle(seam=at("2026-11-20 11:00"), gaps=[gap])
    assert kept.total(scope=Scope.BEFORE) == 1.0
    assert kept.total(scope=Scope.GAP) == 3.0
    assert kept.total(scope=Scope.SINCE) == 9.0


async def test_what_litellm_deletes_stays_known(
    server: postgres.Postgres, make: Make, connect: Connect, kept: Kept
) -> None:
    name = make(spend_logs() + generated(5000))
    importer = Importer(connect(name), kept)
    await importer.cycle()
    whole = kept.total()
    server.sql("""DELETE FROM "LiteLLM_SpendLogs" WHERE "startTime" < '2026-09-20 07:33'""", name)
    swept = Progress.from_json({**(await kept.progress()).to_json(), "swept_at": "2026-01-01T00:00:00+00:00"})
    await kept.replace(Scope.BEFORE, (), [], swept)
    await importer.cycle()
    assert kept.total() == whole


async def test_an_older_database_that_was_restored_is_noticed_and_not_believed(
    server: postgres.Postgres, make: Make, connect: Connect, kept: Kept
) -> None:
    name = make(spend_logs() + generated(5000))
    importer = Importer(connect(name), kept)
    assert (await importer.cycle()).restored_at is None
    whole = kept.total()
    server.sql("""DELETE FROM "LiteLLM_SpendLogs" WHERE "startTime" > '2026-09-30 07:33'""", name)
    assert (await importer.cycle()).restored_at is not None
    assert kept.total() == whole


async def test_an_older_database_that_was_restored_is_noticed_also_where_new_rows_came_at_once(
    server: postgres.Postgres, make: Make, connect: Connect, kept: Kept
) -> None:
    name = make(spend_logs() + generated(200, first=f"{datetime.now(UTC) - timedelta(hours=26):%Y-%m-%d %H:%M}"))
    importer = Importer(connect(name), kept)
    assert (await importer.cycle()).restored_at is None
    assert (await importer.cycle()).restored_at is None
    whole = kept.total()
    now = datetime.now(UTC)
    back = f"{now - timedelta(hours=6):%Y-%m-%d %H:%M}"
    server.sql(f"""DELETE FROM "LiteLLM_SpendLogs" WHERE "startTime" > '{back}'""", name)
    server.sql(insert([request(9999, f"{now:%Y-%m-%d %H:%M:%S}", cost=0.5)]), name)
    assert (await importer.cycle()).restored_at is not None
    assert kept.total() == pytest.approx(whole + 0.5)


async def test_an_emptied_table_takes_nothing_away(
    server: postgres.Postgres, make: Make, connect: Connect, kept: Kept
) -> None:
    name = make(
        COST_LOGS + "INSERT INTO cost_logs (provider, model, cost_usd) SELECT 'p', 'm', 1 FROM generate_series(1, 50);"
    )
    importer = Importer(connect(name), kept)
    await importer.cycle()
    server.sql("TRUNCATE cost_logs", name)
    assert (await importer.cycle()).restored_at is not None
    assert kept.total() == 50


async def test_spend_logs_that_are_switched_off_are_told(make: Make, connect: Connect) -> None:
    found = await connect(make(spend_logs())).look()
    with pytest.raises(SpendLogsOffError):
        found.required()


class InterruptedByTestError(Exception):
    """What ends an import in the middle."""


class Interrupting(Kept):
    """A destination that fails at some write."""

    left = 0

    @override
    async def replace(self, scope: Scope, slots: Collection[datetime], told: list[Sums], progress: Progress) -> None:
        self.left -= 1
        if self.left < 0:
            raise InterruptedByTestError
        await super().replace(scope, slots, told, progress)


async def test_an_import_that_is_interrupted_anywhere_is_resumed_and_adds_up(
    make: Make, connect: Connect, tmp_path: object
) -> None:
    name = make(spend_logs() + generated(6000))
    kept = Interrupting(tmp_path / "kept.db")  # type: ignore[operator]
    database = connect(name)
    interruptions = 0
    while True:
        kept.left = 3
        try:
            await Importer(database, kept).cycle()
        except InterruptedByTestError:
            interruptions += 1
        else:
            break
    assert interruptions > 5
    assert kept.total() == sum(number % 97 for number in range(6000)) / 1024
    assert kept.total("requests") == 6000
    kept.close()


async def test_a_lock_is_not_waited_for(server: postgres.Postgres, make: Make, connect: Connect, kept: Kept) -> None:
    name = make(spend_logs() + generated(100))
    holder = await asyncpg.connect(server.dsn(name))
    async with holder.transaction():
        await holder.execute('LOCK TABLE "LiteLLM_SpendLogs" IN ACCESS EXCLUSIVE MODE')
        with pytest.raises(SourceTimeoutError):
            await Importer(connect(name, load=Load(lock_seconds=0.2)), kept).cycle()
    await holder.close()
    await Importer(connect(name), kept).cycle()
    assert kept.total("requests") == 100


class Slow(Database):
    """A database that is not done in time with more than four days."""

    @override
    async def read(self, found: Found, span: Span, take: Take) -> None:
        if span.end - span.start > timedelta(days=4):
            raise SourceTimeoutError("canceling statement due to statement timeout")
        await super().read(found, span, take)


async def test_a_span_that_takes_too_long_is_read_in_smaller_ones(
    server: postgres.Postgres, make: Make, kept: Kept
) -> None:
    database = Slow(dsn.parse(server.dsn(make(spend_logs() + generated(6000)))))
    await Importer(database, kept).cycle()
    assert kept.total("requests") == 6000


async def test_a_query_that_takes_too_long_is_ended(make: Make, connect: Connect) -> None:
    database = connect(make(spend_logs() + generated(10)), load=Load(statement_seconds=0.05))
    with pytest.raises(SourceTimeoutError):
        async with database._connections.reading() as connection:
            await connection.fetch("SELECT pg_sleep(20)")


async def test_the_proxys_database_sees_bounded_readers(
    server: postgres.Postgres, make: Make, connect: Connect
) -> None:
    name = make(spend_logs() + generated(100))
    database = connect(name)
    names = ("transaction_read_only", "statement_timeout", "lock_timeout")
    settings = f"SELECT {', '.join(f"current_setting('{name}')" for name in names)}"
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND datname = $2"
    bounds, counts = set(), []

    async def ask() -> None:
        async with database._connections.reading() as connection:
            bounds.add(tuple(await connection.fetchrow(settings)))
            counts.append(await connection.fetchval(sessions, APPLICATION, name))
            await asyncio.sleep(0.05)

    await asyncio.gather(*[ask() for _ in range(6)])
    assert bounds == {("on", "2min", "2s")}
    assert max(counts) == CONNECTIONS
    await asyncio.sleep(0.1)
    left = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{APPLICATION}'"
    assert server.sql(left) == "0", "no connection is kept between questions"


async def test_half_hours_of_the_servers_zone_do_not_matter(
    server: postgres.Postgres, make: Make, connect: Connect, kept: Kept
) -> None:
    row = "INSERT INTO cost_logs (provider, model, cost_usd, created_at) VALUES ('p', 'm', 1, '2026-11-03 10:20+00');"
    name = make(COST_LOGS.replace("timestamp", "timestamptz") + row)
    server.sql(f"ALTER DATABASE {name} SET timezone = 'Asia/Kathmandu'")
    await Importer(connect(name), kept).cycle()
    ((_, slot, start, *_),) = kept.rows()
    assert (slot, start) == (at("2026-11-03 10:00").timestamp(), at("2026-11-03 10:15").timestamp())


async def test_the_user_of_the_documentation_may_read_all_that_is_read_and_nothing_else(
    server: postgres.Postgres, make: Make, connect: Connect, kept: Kept
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "history.md").read_text()
    script = page.partition("```sql\n")[2].partition("```")[0]
    name = make(spend_logs() + generated(200))
    user = f"litellm_pulse_{name}"
    server.sql(script.replace("DATABASE litellm ", f"DATABASE {name} ").replace("litellm_pulse", user), name)
    await Importer(connect(name, user), kept).cycle()
    assert kept.total("requests") == 200
    assert kept.by(Dimension.TAG, "requests") == {"a": 50, "b": 50}
    assert set(kept.by(Dimension.TEAM)) == {"t-0", "t-1"}
    stranger = await asyncpg.connect(server.dsn(name, user))
    for column in ("messages", "response", "metadata", "requester_ip_address"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await stranger.fetch(f'SELECT {column} FROM "LiteLLM_SpendLogs"')
    await stranger.close()
