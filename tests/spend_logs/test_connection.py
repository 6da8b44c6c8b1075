"""What can be wrong with an address, and that each is told by its own name."""

import asyncio
import gc
import logging
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import chain, repeat
from pathlib import Path

import postgres
import pytest
import pytest_socket

from custom_components.litellm_pulse.spend_logs import connection
from custom_components.litellm_pulse.spend_logs.connection import Connections, Load
from custom_components.litellm_pulse.spend_logs.database import Database
from custom_components.litellm_pulse.spend_logs.dsn import TlsMode, parse
from custom_components.litellm_pulse.spend_logs.errors import (
    AuthenticationError,
    InvalidDsnError,
    NoKnownTableError,
    NoSuchDatabaseError,
    PermissionDeniedError,
    SourceError,
    TlsError,
    TlsRequiredError,
    UnreachableError,
)

from ..certificates import Authority
from .schema import COST_LOGS, spend_logs
from .test_database import Make

RULES = """
host all postgres 127.0.0.1/32 trust
hostssl all only_tls 127.0.0.1/32 scram-sha-256
host all reader,nobody 127.0.0.1/32 scram-sha-256
"""


@pytest.fixture(scope="module")
def strict(server: postgres.Postgres) -> Iterator[postgres.Postgres]:
    """Make the server want passwords, and TLS of some."""
    server.sql("CREATE ROLE reader LOGIN PASSWORD 'right'; CREATE ROLE only_tls LOGIN PASSWORD 'right'")
    rules = server.data / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(RULES)
    server.sql("SELECT pg_reload_conf()")
    yield server
    rules.write_text(before)
    server.sql("ALTER SYSTEM RESET ssl; SELECT pg_reload_conf()")


@pytest.fixture(scope="module")
def certificate(strict: postgres.Postgres) -> Path:
    """Switch TLS on, with a certificate for localhost that nobody else has signed."""
    key, made = strict.data / "server.key", strict.data / "server.crt"
    subprocess.run(  # noqa: S603
        ["openssl", "req", "-new", "-x509", "-days", "2", "-nodes", "-subj", "/CN=localhost",  # noqa: S607
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", made], check=True, capture_output=True,
    )  # fmt: skip
    owner = strict.data.stat()
    for path in (key, made):
        os.chown(path, owner.st_uid, owner.st_gid)
    key.chmod(0o600)
    strict.sql("ALTER SYSTEM SET ssl = on")
    strict.sql("SELECT pg_reload_conf()")
    return made


async def error_of(dsn: str, tls: TlsMode | None = None, authority: Path | None = None) -> type[SourceError] | None:
    """Return which error looking at a database ends with, None where there is none."""
    try:
        await Database(parse(dsn, tls=tls), authority=authority).look()
    except SourceError as err:
        return type(err)
    return None


@pytest.mark.parametrize(
    "text",
    ["", "host:5432", "mysql://u@h/d", "postgresql://u@/d", "postgresql://h/d", "postgresql://u@h", "postgresql://u@h:x/d",
     "postgresql://u@h/d?sslmode=maybe", "postgresql://u:s3cret@a:1,b:2/d"],
)  # fmt: skip
def test_what_is_no_address_is_told_without_its_password(text: str) -> None:
    with pytest.raises(InvalidDsnError) as found:
        parse(text)
    assert "s3cret" not in str(found.value)


def test_an_address_is_read_whole() -> None:
    dsn = parse("postgresql+asyncpg://me%40home:p%2Fw@db.local:5433/lite%20llm?sslmode=verify-full")
    assert (dsn.host, dsn.port, dsn.user, dsn.password, dsn.database) == (
        "db.local",
        5433,
        "me@home",
        "p/w",
        "lite llm",
    )
    assert dsn.tls is TlsMode.VERIFY_FULL
    assert "p/w" not in repr(dsn)
    assert parse("postgres://u@h/d").tls is TlsMode.PREFER
    assert parse("postgres://u@h/d?sslmode=require", tls=TlsMode.DISABLE).tls is TlsMode.DISABLE


async def test_nobody_at_the_address(socket_enabled: None) -> None:  # noqa: ARG001
    assert await error_of("postgresql://u:p@127.0.0.1:1/d") is UnreachableError


async def test_someone_else_at_the_address(socket_enabled: None) -> None:  # noqa: ARG001
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        for mode in (TlsMode.DISABLE, TlsMode.PREFER):
            assert await error_of(f"postgresql://u:p@127.0.0.1:{port}/d", mode) is UnreachableError


def _message(kind: bytes, body: bytes) -> bytes:
    """Return a message of PostgreSQL's protocol."""
    return kind + (len(body) + 4).to_bytes(4) + body


LET_IN, READY = _message(b"R", bytes(4)), _message(b"Z", b"I")


def _parameter(name: bytes, value: bytes) -> bytes:
    return _message(b"S", name + b"\0" + value + b"\0")


@asynccontextmanager
async def _impostor(said: bytes) -> AsyncIterator[int]:
    """Run what says something in PostgreSQL's protocol once, and then nothing; yields its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(said)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "said",
    [
        READY,
        LET_IN + READY,
        *(LET_IN + _parameter(b"server_version", one) + READY for one in (b"", b"some", b"9" * 5_000, b"\xff\xff")),
        LET_IN + _parameter(b"client_encoding", b"NONE") + READY,
        _message(b"R", b""),
        _message(b"R", bytes([0, 0, 0, 99])),
        b"R" + bytes(4),
        b"R\xff\xff\xff\xfb",
    ],
)
async def test_what_says_of_itself_what_no_postgresql_does_is_told(
    socket_enabled: None,  # noqa: ARG001
    said: bytes,
) -> None:
    async with _impostor(said) as port:
        assert await error_of(f"postgresql://u:p@127.0.0.1:{port}/d", TlsMode.DISABLE) is UnreachableError


@pytest.mark.parametrize(
    ("begin", "rest"),
    [
        ([b"T\x7f\xff\xff\xff"], bytes(1 << 16)),
        ([], _message(b"N", b"SNOTICE\0Mx\0\0") * 1_000),
        ([], b"".join(_parameter(b"p%d" % number, b"x" * 100) for number in range(500))),
    ],
    ids=["one of 2 GB", "notices without end", "settings without end"],
)
async def test_of_what_says_more_than_any_postgresql_no_more_is_held(
    socket_enabled: None,  # noqa: ARG001
    begin: list[bytes],
    rest: bytes,
) -> None:
    sent: list[int] = []

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(LET_IN + _parameter(b"server_version", b"16.0") + READY)
        await reader.read(1000)
        with suppress(ConnectionError):
            await _send(writer, chain(begin, repeat(rest)), sent)

    async with await asyncio.start_server(flood, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(10):
            assert await error_of(f"postgresql://u:p@127.0.0.1:{port}/d", TlsMode.DISABLE) is UnreachableError
    # What the sockets hold comes to it.
    assert sum(sent) < 2 * connection.MOST_HELD


async def _send(writer: asyncio.StreamWriter, pieces: Iterator[bytes], sent: list[int]) -> None:
    """Send pieces as long as they are taken, and note how long each was."""
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        sent.append(len(piece))


@pytest.mark.parametrize(
    ("begin", "rest"),
    [
        ([b"R\x7f\xff\xff\xff"], bytes(1 << 16)),
        ([], _message(b"N", b"SNOTICE\0Mx\0\0") * 1_000),
        ([], b"".join(_parameter(b"p%d" % number, b"x" * 100) for number in range(500))),
        ([], _message(b"R", b"\0\0\0\x05salt") * 5_000),
    ],
    ids=["one of 2 GB", "notices", "settings", "questions for a password"],
)
@pytest.mark.parametrize("mode", [TlsMode.DISABLE, TlsMode.REQUIRE])
async def test_before_it_lets_us_in_no_database_says_more_than_any_postgresql(
    socket_enabled: None,  # noqa: ARG001
    tmp_path: Path,
    begin: list[bytes],
    rest: bytes,
    mode: TlsMode,
) -> None:
    """In the ten seconds before, 380 MB were held; being asked for a password again and again took 20 s at once."""
    sent: list[int] = []
    tls = Authority(tmp_path).server()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        with suppress(OSError):
            if mode is TlsMode.REQUIRE:
                writer.write(b"S")
                await writer.start_tls(tls)
                await reader.read(1000)
            await _send(writer, chain(begin, repeat(rest)), sent)

    async with await asyncio.start_server(flood, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(5):
            assert await error_of(f"postgresql://u:p@127.0.0.1:{port}/d", mode) is UnreachableError
    # What the sockets hold comes to it.
    assert sum(sent) < 1 << 23


@pytest.mark.parametrize(
    ("rounds", "hashed"), [(b"4096", True), (b"60000", True), (b"70000", False), (b"9" * 9, False)]
)
async def test_no_database_has_a_password_hashed_for_longer_than_some_milliseconds(
    socket_enabled: None,  # noqa: ARG001
    rounds: bytes,
    *,
    hashed: bool,
) -> None:
    """How often is for the server to say; of what it may say, the event loop would stand still for minutes."""
    answered = b""

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        await reader.read(1000)
        writer.write(_message(b"R", b"\0\0\0\x0aSCRAM-SHA-256\0\0"))
        nonce = (await reader.read(1000)).partition(b"r=")[2]
        said = _message(b"R", b"\0\0\0\x0br=%s,s=c2FsdA==,i=%s" % (nonce, rounds))
        for piece in (said[:-2], said[-2:]):
            writer.write(piece)
            await asyncio.sleep(0.05)
        with suppress(ConnectionError):
            answered = await reader.read(1000)
        writer.close()

    async with await asyncio.start_server(ask, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await error_of(f"postgresql://u:p@127.0.0.1:{port}/d", TlsMode.DISABLE) is UnreachableError
    assert answered.startswith(b"p") == hashed


@pytest.mark.parametrize("said", [READY * 3, _message(b"C", b"BEGIN\0") * 9 + READY, _message(b"T", b""), b"Z\0\0\0\0"])
async def test_what_no_postgresql_answers_to_a_question_is_told_and_not_logged(
    socket_enabled: None,  # noqa: ARG001
    caplog: pytest.LogCaptureFixture,
    said: bytes,
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(LET_IN + _parameter(b"server_version", b"16.0") + READY)
        await reader.read(1000)
        writer.write(said)
        await asyncio.sleep(0.1)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await error_of(f"postgresql://u:p@127.0.0.1:{port}/d", TlsMode.DISABLE) is UnreachableError
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]


async def test_a_database_that_falls_silent_is_not_waited_for_without_end(
    socket_enabled: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "GRACE_SECONDS", 0.1)
    async with _impostor(LET_IN + _parameter(b"server_version", b"16.0") + READY) as port:
        connections = Connections(parse(f"postgresql://u:p@127.0.0.1:{port}/d"), load=Load(statement_seconds=0.1))
        async with asyncio.timeout(10):
            with pytest.raises(UnreachableError):
                async with connections.reading():
                    pass


async def test_a_wrong_password(strict: postgres.Postgres, make: Make) -> None:
    name = make(spend_logs())
    assert await error_of(strict.dsn(name, "reader", "wrong")) is AuthenticationError
    assert await error_of(strict.dsn(name, "nobody", "wrong")) is AuthenticationError


async def test_a_server_is_reached_by_its_socket(strict: postgres.Postgres, make: Make, tmp_path: Path) -> None:
    name = make(spend_logs())
    pytest_socket.socket_allow_hosts([postgres.HOST], allow_unix_socket=True)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(postgres.HOST, strict.port)
        await asyncio.gather(_copy(reader, back), _copy(there, writer))

    async with await asyncio.start_unix_server(relay, tmp_path / ".s.PGSQL.5432"):
        for user, error in (("postgres", None), ("reader", PermissionDeniedError), ("nobody", AuthenticationError)):
            assert await error_of(f"postgresql://{user}:right@/{name}?host={tmp_path}") is error


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(1 << 16):
        writer.write(piece)
    writer.close()


async def test_no_such_database(strict: postgres.Postgres, make: Make) -> None:
    make("")
    assert await error_of(strict.dsn("elsewhere", "reader", "right")) is NoSuchDatabaseError


async def test_no_known_table_and_no_permission(strict: postgres.Postgres, make: Make) -> None:
    assert await error_of(strict.dsn(make(""), "reader", "right")) is NoKnownTableError
    name = make(spend_logs())
    assert await error_of(strict.dsn(name, "reader", "right")) is PermissionDeniedError
    columns = '"startTime", "endTime", model, custom_llm_provider, spend'
    strict.sql(f'GRANT SELECT ({columns}) ON "LiteLLM_SpendLogs" TO reader', name)
    assert await error_of(strict.dsn(name, "reader", "right")) is None
    assert await error_of(strict.dsn(make(COST_LOGS), "reader", "right")) is PermissionDeniedError


async def test_tls_that_a_server_does_not_have(strict: postgres.Postgres, make: Make) -> None:
    dsn = strict.dsn(make(spend_logs()), "reader", "right")
    assert await error_of(dsn, TlsMode.PREFER) is PermissionDeniedError
    assert await error_of(dsn, TlsMode.REQUIRE) is TlsError
    assert await error_of(strict.dsn("postgres", "only_tls", "right"), TlsMode.DISABLE) is TlsRequiredError


async def test_tls_by_its_modes(strict: postgres.Postgres, certificate: Path, make: Make) -> None:
    dsn = strict.dsn(make(spend_logs()))
    for _ in range(50):
        if await error_of(dsn, TlsMode.REQUIRE) is None:
            break
        await asyncio.sleep(0.1)
    assert await error_of(dsn, TlsMode.PREFER) is None
    assert await error_of(dsn, TlsMode.REQUIRE) is None
    assert await error_of(dsn, TlsMode.VERIFY_CA) is TlsError
    assert await error_of(dsn, TlsMode.VERIFY_CA, certificate) is None
    assert await error_of(dsn, TlsMode.VERIFY_FULL, certificate) is TlsError, "the certificate is not for 127.0.0.1"
    assert await error_of(dsn.replace("127.0.0.1", "localhost"), TlsMode.VERIFY_FULL, certificate) is None
    assert await error_of(dsn, TlsMode.VERIFY_CA, certificate.with_name("none")) is TlsError
    async with Connections(parse(dsn, tls=TlsMode.REQUIRE)).reading() as connection:
        query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert await connection.fetchval(query) is True


async def test_a_connection_that_nobody_wants_any_more_leaves_nothing_in_the_log(
    socket_enabled: None,  # noqa: ARG001
) -> None:
    """Home Assistant logs as an error whatever reaches the loop's handler."""
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    wanted = asyncio.Event()

    async def shut_down(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A server that is being stopped accepts, and hangs up a little later.
        await wanted.wait()
        writer.close()

    async def look(mode: TlsMode) -> None:
        async with Connections(parse(f"postgresql://u:p@127.0.0.1:{port}/d", tls=mode)).reading():
            pass

    async with await asyncio.start_server(shut_down, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        for mode in (TlsMode.DISABLE, TlsMode.PREFER, TlsMode.REQUIRE):
            wanted.clear()
            looking = asyncio.create_task(look(mode))
            await asyncio.sleep(0.1)
            looking.cancel()
            await asyncio.wait([looking])
            wanted.set()
            await asyncio.sleep(0.1)
            gc.collect()
    assert told == []


def test_every_error_has_a_key_of_its_own() -> None:
    def all_of(base: type[SourceError]) -> list[type[SourceError]]:
        return [base, *[one for sub in base.__subclasses__() for one in all_of(sub)]]

    codes = [error.code for error in all_of(SourceError)]
    assert len(codes) == len(set(codes))
