"""A real PostgreSQL server for these tests, and databases in it."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import postgres
import pytest
import pytest_socket
from progress import StepError

from custom_components.litellm_pulse.spend_logs import dsn
from custom_components.litellm_pulse.spend_logs.connection import Load
from custom_components.litellm_pulse.spend_logs.database import Database

from .kept import Kept

_numbers = count()


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Postgres]:
    """Start a server for all tests; skip where PostgreSQL is not installed and cannot be."""
    # pytest's own folders are closed to the user who runs the server.
    state = Path(tempfile.mkdtemp(prefix="litellm-pulse-postgres-"))
    state.chmod(0o755)
    # Each test's own set-up closes sockets again.
    pytest_socket.enable_socket()
    try:
        with postgres.Postgres(state, durable=False) as running:
            yield running
    except StepError as err:
        pytest.skip(str(err))
    finally:
        shutil.rmtree(state)


@pytest.fixture
def make(server: postgres.Postgres, socket_enabled: None) -> Callable[[str], str]:  # noqa: ARG001
    """Return what makes a database by a script, and returns its name."""

    def create(script: str) -> str:
        name = f"test_{next(_numbers)}"
        server.sql(f"CREATE DATABASE {name}")
        server.sql(script, name)
        return name

    return create


@pytest.fixture
def connect(server: postgres.Postgres) -> Callable[..., Database]:
    """Return what gives a source for a database by its name."""

    def create(name: str, user: str = postgres.USER, load: Load | None = None) -> Database:
        return Database(dsn.parse(server.dsn(name, user)), load=load)

    return create


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """Open an empty destination."""
    destination = Kept(tmp_path / "kept.db")
    yield destination
    destination.close()
