"""Databases that are not as LiteLLM makes them: other schemas, views, types, standbys, poolers, odd rows."""

# ruff: noqa: S608  # queries of the tests' own making

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import debian
import postgres
import pytest

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.spend_logs import dsn
from custom_components.litellm_pulse.spend_logs.database import Database
from custom_components.litellm_pulse.spend_logs.errors import NoKnownTableError, PermissionDeniedError
from custom_components.litellm_pulse.spend_logs.importer import Importer

from .kept import Kept
from .schema import COST_LOGS, spend_logs
from .test_database import SUM, Connect, Make
from .world import generated, insert, request

BARE = """
    CREATE TABLE "LiteLLM_SpendLogs" ("startTime" timestamp(3), "endTime" timestamp(3), model text, spend numeric);
    INSERT INTO "LiteLLM_SpendLogs" VALUES ('2026-11-03 10:00', '2026-11-03 10:01', 'gpt-4o', 0.25);
"""
MOVED = """
    CREATE SCHEMA "Lite LLM"; ALTER TABLE "LiteLLM_SpendLogs" SET SCHEMA "Lite LLM";
"""
VIEW = """
    ALTER TABLE "LiteLLM_SpendLogs" RENAME TO kept; CREATE {0}VIEW "LiteLLM_SpendLogs" AS SELECT * FROM kept;
"""


@pytest.mark.parametrize(
    "change",
    [
        MOVED,
        VIEW.format(""),
        VIEW.format("MATERIALIZED "),
        'ALTER TABLE "LiteLLM_SpendLogs" ALTER spend TYPE numeric;',
        'DROP INDEX "LiteLLM_SpendLogs_startTime_idx";',
    ],
)
async def test_another_schema_a_view_and_other_types_are_read_the_same(
    make: Make, connect: Connect, kept: Kept, server: postgres.Postgres, change: str
) -> None:
    name = make(spend_logs() + generated(300) + change)
    server.sql(f"ALTER DATABASE {name} SET timezone = 'America/St_Johns'")
    await Importer(connect(name), kept).cycle()
    assert kept.total("requests") == 300
    assert kept.total() == sum(number % 97 for number in range(300)) / 1024
    assert kept.by(Dimension.TAG, "requests") == {"a": 75, "b": 75}


async def test_the_schema_that_the_user_looks_in_first_counts(make: Make, connect: Connect, kept: Kept) -> None:
    other = spend_logs().replace('"LiteLLM_SpendLogs"', 'b."LiteLLM_SpendLogs"')
    name = make(f"CREATE SCHEMA b; {other}" + spend_logs() + insert([request(1, "2026-11-03 10:00")]))
    await Importer(connect(name), kept).cycle()
    assert kept.total("requests") == 1


async def test_what_a_release_lacks_is_not_told(make: Make, connect: Connect, kept: Kept) -> None:
    await Importer(connect(make(BARE)), kept).cycle()
    assert (kept.total(), kept.total("requests"), kept.total("tokens")) == (0.25, 1, 0)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER created_at TYPE text",
        "ALTER cost_usd TYPE text",
        "ALTER cost_usd TYPE money USING cost_usd::numeric::money",
        "DROP provider",
    ],
)
async def test_a_table_with_columns_of_no_use_is_not_taken_for_a_known_one(
    make: Make, connect: Connect, change: str
) -> None:
    with pytest.raises(NoKnownTableError):
        await connect(make(f"{COST_LOGS} ALTER TABLE cost_logs {change};")).look()


async def test_a_user_who_may_read_only_the_other_table_is_told_so(
    make: Make, connect: Connect, server: postgres.Postgres, kept: Kept
) -> None:
    name = make(spend_logs() + COST_LOGS + "INSERT INTO cost_logs VALUES (1, 'p', 'm', 2.0);")
    server.sql("CREATE ROLE half LOGIN; GRANT SELECT ON cost_logs TO half", name)
    # LiteLLM's own may not be read, and cost_logs may: better than nothing.
    await Importer(connect(name, "half"), kept).cycle()
    assert kept.total() == 2.0
    server.sql('REVOKE SELECT ON cost_logs FROM half; GRANT SELECT (model, spend) ON "LiteLLM_SpendLogs" TO half', name)
    with pytest.raises(PermissionDeniedError):
        await connect(name, "half").look()


async def test_a_schema_that_may_not_be_used_is_a_matter_of_permission(
    make: Make, connect: Connect, server: postgres.Postgres
) -> None:
    name = make(spend_logs() + MOVED)
    server.sql('CREATE ROLE outside LOGIN; GRANT SELECT ON "Lite LLM"."LiteLLM_SpendLogs" TO outside', name)
    with pytest.raises(PermissionDeniedError):
        await connect(name, "outside").look()


async def test_hostile_names_come_through_as_they_are(make: Make, connect: Connect, kept: Kept) -> None:
    names = [
        "form\ffeed",
        "line\nbreak\r",
        "back\\slash \\N \\.",
        "'; DROP TABLE x; --",
        "模型 🦙 \u202e",
        "x" * 1000,
        "NaN",
        "a\x01b\x7f",
    ]
    rows = [request(number, "2026-11-03 10:00", cost=1.0, team_id=name) for number, name in enumerate(names)]
    await Importer(connect(make(spend_logs() + insert(rows))), kept).cycle()
    assert kept.by(Dimension.TEAM) == dict.fromkeys(names, 1.0)


async def test_rows_with_odd_amounts_and_times_spoil_nothing(make: Make, connect: Connect, kept: Kept) -> None:
    now = datetime.now(UTC)
    rows = [
        request(1, f"{now - timedelta(days=3):%Y-%m-%d} 10:00", cost=1.0),
        request(2, f"{now - timedelta(days=3):%Y-%m-%d} 10:01", cost=-0.25),
        request(3, "2014-02-03 10:00", cost=4.0),
        request(4, f"{now + timedelta(days=2):%Y-%m-%d} 10:00", cost=16.0),
        request(5, f"{now - timedelta(days=2):%Y-%m-%d} 10:00", total_tokens=7) | {"spend": "NaN"},
    ]
    endless = request(6, "2026-01-01") | dict.fromkeys(("startTime", "endTime"), "-infinity")
    name = make(spend_logs() + insert([*rows, endless]))
    importer = Importer(connect(name), kept)
    await importer.cycle()
    # The future counts when it has come, and what happened before all time never.
    assert kept.total() == 4.75
    assert kept.total("requests") == 4
    assert kept.total("tokens") == 3 * 12 + 7
    assert (await importer.cycle()).restored_at is None


@pytest.fixture
def standby(server: postgres.Postgres) -> Iterator[postgres.Postgres]:
    """Start a standby that follows the server and can only be read."""
    state = Path(tempfile.mkdtemp(prefix="litellm-pulse-postgres-"))
    state.chmod(0o755)
    shutil.chown(state, postgres.USER)
    subprocess.run(  # noqa: S603
        [*postgres._as_user(), postgres.binaries() / "pg_basebackup", "-D", state / "data", "-R", "-X", "stream",
         "-c", "fast", "-d", server.dsn("postgres")], check=True, cwd="/", capture_output=True,
    )  # fmt: skip
    with postgres.Postgres(state, durable=False) as running:
        yield running
    shutil.rmtree(state)


async def test_a_standby_that_can_only_be_read_is_the_same_database(
    make: Make, connect: Connect, kept: Kept, server: postgres.Postgres, request: pytest.FixtureRequest
) -> None:
    name = make(spend_logs() + generated(300))
    follower: postgres.Postgres = request.getfixturevalue("standby")
    database = Database(dsn.parse(follower.dsn(name)))
    assert (await database.look()).identity == (await connect(name).look()).identity
    await Importer(database, kept).cycle()
    assert kept.total() == float(server.sql(SUM, name))


@pytest.fixture
def pooler(server: postgres.Postgres, tmp_path: Path) -> Iterator[int]:
    """Start a pooler that gives each transaction another session; skip where there is no PgBouncer."""
    if shutil.which("pgbouncer") is None:
        debian.install("pgbouncer")
    program = shutil.which("pgbouncer")
    if program is None:
        pytest.skip("PgBouncer is not installed")
    port = postgres._free_port()
    tmp_path.chmod(0o755)
    settings = tmp_path / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.port} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 2\n"
    )
    folder = Path(tempfile.mkdtemp(prefix="litellm-pulse-pooler-"))
    folder.chmod(0o755)
    settings = Path(shutil.copy(settings, folder))
    running = subprocess.Popen([*postgres._as_user(), program, settings], stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        yield port
    finally:
        running.terminate()
        running.wait(10)
        shutil.rmtree(folder)


async def test_a_pooler_that_gives_each_transaction_another_session_is_no_hindrance(
    make: Make, kept: Kept, server: postgres.Postgres, pooler: int
) -> None:
    name = make(spend_logs() + generated(6000))
    database = Database(dsn.parse(server.dsn(name).replace(str(server.port), str(pooler))))
    for _ in range(50):
        with suppress(Exception):
            await database.look()
            break
    for _ in range(3):
        await Importer(database, kept).cycle()
    assert kept.total() == float(server.sql(SUM, name))
