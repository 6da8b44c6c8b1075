"""Partitions on two PostgreSQL servers behind postgres_fdw: unchanged, and the sums are made there."""

# ruff: noqa: S608  # queries of the tests' own making

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import postgres
import pytest
import pytest_socket

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.spend_logs.importer import Importer
from custom_components.litellm_pulse.spend_logs.models import Span
from custom_components.litellm_pulse.spend_logs.tables import aggregation, limits

from .kept import Kept
from .schema import spend_logs
from .test_database import Connect, Make
from .world import generated


@pytest.fixture(scope="module")
def other(server: postgres.Postgres) -> Iterator[postgres.Postgres]:  # noqa: ARG001
    """Start a second server."""
    state = Path(tempfile.mkdtemp(prefix="litellm-pulse-postgres-"))
    state.chmod(0o755)
    pytest_socket.enable_socket()
    with postgres.Postgres(state, durable=False) as running:
        yield running
    shutil.rmtree(state)


@pytest.fixture
def partitioned(server: postgres.Postgres, other: postgres.Postgres, make: Make) -> str:
    """Make LiteLLM's table of two halves, each on a server, by key."""
    here = make(spend_logs())
    there = f"half_{here}"
    other.sql(f"CREATE DATABASE {there}")
    other.sql(spend_logs(), there)
    links = "".join(
        f"""CREATE SERVER half_{number} FOREIGN DATA WRAPPER postgres_fdw
            OPTIONS (host '127.0.0.1', port '{port}', dbname '{database}');
        CREATE USER MAPPING FOR postgres SERVER half_{number} OPTIONS (user 'postgres');
        CREATE FOREIGN TABLE half_{number} PARTITION OF "LiteLLM_SpendLogs"
            FOR VALUES WITH (MODULUS 2, REMAINDER {number})
            SERVER half_{number} OPTIONS (table_name 'LiteLLM_SpendLogs');"""
        for number, (port, database) in enumerate(((server.port, here), (other.port, there)))
    )
    return make(
        "CREATE EXTENSION postgres_fdw;"
        + spend_logs(partition_by="PARTITION BY HASH (api_key)")
        + links
        + generated(3000)
    )


async def test_two_servers_are_read_as_one_and_do_the_sums(
    server: postgres.Postgres, partitioned: str, connect: Connect, kept: Kept
) -> None:
    database = connect(partitioned)
    await Importer(database, kept).cycle()
    assert kept.total() == sum(number % 97 for number in range(3000)) / 1024
    assert kept.by(Dimension.TAG, "requests") == {"a": 750, "b": 750}
    found = await database.look()
    assert found.oldest
    async with database._connections.reading() as connection:
        query = aggregation(found.table, bins=found.bins)
        span = Span(found.oldest, found.now)
        plan = await connection.fetch(f"EXPLAIN (VERBOSE) {query}", *limits(found.table, span))
    remote = [line for (line,) in plan if "Remote SQL" in line]
    assert len(remote) == 2
    assert all("GROUP BY" in line and "sum(spend)" in line for line in remote)
    counts = [int(server.sql(f"SELECT count(*) FROM half_{number}", partitioned)) for number in range(2)]
    assert min(counts) > 0
    assert sum(counts) == 3000
