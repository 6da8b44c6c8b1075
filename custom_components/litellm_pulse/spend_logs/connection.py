"""Connections to LiteLLM's PostgreSQL: read-only, bounded, and every error typed."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, override

import asyncpg

from ..read_size import read_less_at_once
from .dsn import Dsn, TlsMode
from .errors import (
    AuthenticationError,
    NoSuchDatabaseError,
    PermissionDeniedError,
    SourceTimeoutError,
    TlsError,
    TlsRequiredError,
    UnreachableError,
)

APPLICATION = "LiteLLM Pulse"
"""What the database's own list of sessions shows."""
CONNECTIONS = 2
"""At most so many at a time: one that reads, one that tries an address."""
MOST_HELD = 1 << 24
"""Bytes that a server may send without any being taken; all but sums are a few rows."""
MOST_BEFORE = 1 << 14
"""Bytes that a server may send before it lets us in; PostgreSQL sends one or two kilobytes."""
MOST_ROUNDS = 1 << 16
"""How often a server may want a password hashed (SCRAM): that holds the event loop; PostgreSQL wants 4,096."""
_ROUNDS = re.compile(rb",i=([0-9]{1,4000})")
_STUMBLES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What the driver, or whoever looks at its rows, makes of what no PostgreSQL says."""
CONNECT_SECONDS = 10.0
GRACE_SECONDS = 30.0
"""A server ends a statement by itself; one that has not said so after so much more is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a transaction may cost the database."""

    statement_seconds: float = 120.0
    """One month of a few million rows takes seconds; what takes longer is asked for in halves."""
    lock_seconds: float = 2.0
    """Only a migration holds a lock against reading: the next cycle will do."""
    memory_kb: int = 65_536
    """For sorting and grouping, per worker: below this a month's groups go to the disk."""


class Connections:
    """Opens connections to one database, few at a time, and closes them."""

    def __init__(self, dsn: Dsn, *, authority: Path | None = None, load: Load | None = None) -> None:
        """Connect to nothing yet; `authority` is a file of certificates to trust instead of the system's."""
        self._dsn = dsn
        self._authority = authority
        self._load = load or Load()
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._context: ssl.SSLContext | None = None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[asyncpg.Connection]:
        """Give a connection inside a read-only transaction that sees one state; raises SourceError."""
        async with self._slots:
            with typed():
                connection = await self._patiently()
                try:
                    await connection.transaction(isolation="repeatable_read", readonly=True).start()
                    await connection.execute(self._settings())
                    yield connection
                except BaseException:
                    # What was left in the middle of an answer is not talked to any more.
                    connection.terminate()
                    raise
                await _close(connection)

    def _settings(self) -> str:
        """Return the bounds of a transaction; startup parameters would not pass a pooler."""
        load = self._load
        return (
            f"SET LOCAL statement_timeout = {int(load.statement_seconds * 1e3)}; "
            f"SET LOCAL lock_timeout = {int(load.lock_seconds * 1e3)}; "
            f"SET LOCAL work_mem = {load.memory_kb}; "
            "SET LOCAL timezone = 'UTC'; "
            # Compiling takes longer than a month's sums.
            "SET LOCAL jit = off; "
            # Off by default: without it partitions on other servers send rows instead of sums.
            "SET LOCAL enable_partitionwise_aggregate = on"
        )

    async def _patiently(self) -> asyncpg.Connection:
        """Return a connection; who does not want it any more leaves it to be closed once it is there.

        The driver, cancelled in the middle of connecting, leaves errors behind that nobody can catch.
        """
        connecting = asyncio.ensure_future(self._connect())
        try:
            # asyncio.shield would log what becomes of it.
            await asyncio.wait([connecting])
        except asyncio.CancelledError:
            connecting.add_done_callback(_abandon)
            raise
        return connecting.result()

    async def _connect(self) -> asyncpg.Connection:
        """Return a connection, encrypted as the address wants it."""
        mode = self._dsn.tls
        if mode is TlsMode.DISABLE:
            return await self._open(None)
        if self._context is None:
            # Reading the system's certificates is file access.
            self._context = await asyncio.to_thread(tls_context, mode, self._authority)
        try:
            return await self._open(self._context)
        except ConnectionError as err:
            if mode is not TlsMode.PREFER or not _refused_tls(err):
                raise
        return await self._open(None)

    async def _open(self, context: ssl.SSLContext | None) -> asyncpg.Connection:
        dsn = self._dsn
        connection: asyncpg.Connection = await asyncpg.connect(
            host=dsn.host,
            port=dsn.port,
            user=dsn.user,
            password=dsn.password,
            database=dsn.database,
            ssl=context or False,
            timeout=CONNECT_SECONDS,
            command_timeout=self._load.statement_seconds + GRACE_SECONDS,
            # A pooler may give each statement another session.
            statement_cache_size=0,
            server_settings={"application_name": APPLICATION},
            connection_class=_Connection,
            loop=_Loop(asyncio.get_running_loop()),
        )
        return connection


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """A connection of which no more is held than a question may bring, and that is closed where the driver forgets to.

    It does where what the server says of itself is not understood.
    """

    def __init__(self, protocol: asyncio.Protocol, transport: _Transport, loop: _Loop, *rest: object) -> None:
        """Take what the driver has opened: the server has let us in."""
        self._bounded = transport.bounded
        try:
            super().__init__(protocol, transport, loop.real, *rest)
        except BaseException:
            transport.abort()
            raise
        self._bounded.let_in()

    async def copy_from_query(
        self, query: str, *parameters: object, output: Callable[[bytes], Awaitable[None]], **form: object
    ) -> object:
        """Have `output` take what a query finds, piece by piece: of that there may be any amount."""

        async def take(piece: bytes) -> None:
            self._bounded.held = 0
            await output(piece)

        return await super().copy_from_query(query, *parameters, output=take, **form)


class _Loop:
    """The event loop as the driver has it, which bounds what a server sends from the first byte on."""

    def __init__(self, real: asyncio.AbstractEventLoop) -> None:
        """Take the one that runs."""
        self.real = real

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a loop has
        return getattr(self.real, name)

    async def create_connection(
        self, factory: Callable[[], asyncio.Protocol], host: str, port: int
    ) -> tuple[_Transport, asyncio.Protocol]:
        """Return a connection without TLS, and what has been made for it."""
        return _opened(*await self.real.create_connection(lambda: _Bounded(factory()), host, port))

    async def create_unix_connection(
        self, factory: Callable[[], asyncio.Protocol], path: str
    ) -> tuple[_Transport, asyncio.Protocol]:
        """Return a connection to a server on this machine, and what has been made for it."""
        return _opened(*await self.real.create_unix_connection(lambda: _Bounded(factory()), path))

    async def start_tls(
        self, transport: _Transport, protocol: asyncio.Protocol, context: ssl.SSLContext, *, server_hostname: str
    ) -> _Transport | None:
        """Return the same connection with TLS."""
        found = await self.real.start_tls(transport.real, protocol, context, server_hostname=server_hostname)
        return _Transport(found, _Bounded(protocol)) if found else None


def _opened(transport: asyncio.Transport, bounded: _Bounded) -> tuple[_Transport, asyncio.Protocol]:
    """Return a connection as the driver has it, with its own protocol."""
    return _Transport(transport, bounded), bounded.protocol


class _Transport:
    """A transport whose protocol is always a bounded one."""

    def __init__(self, real: asyncio.Transport, bounded: _Bounded) -> None:
        """Take what reads from a socket, and whom that is handed to."""
        self.real, self.bounded = real, bounded
        read_less_at_once(real)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a transport has
        return getattr(self.real, name)

    def set_protocol(self, protocol: asyncio.Protocol) -> None:
        """Have what comes handed to another."""
        self.bounded = _Bounded(protocol)
        self.bounded.transport = self.real
        self.real.set_protocol(self.bounded)


class _Bounded(asyncio.Protocol):
    """Hands what comes on to the driver, which holds it until it has whole messages, and then all rows together."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        """Begin with nothing held, before the server has let us in."""
        self.protocol = protocol
        self.transport: asyncio.Transport | None = None
        self.held = 0
        """Bytes since somebody last took any."""
        self._most = MOST_BEFORE
        self._before: bytearray | None = bytearray()

    def let_in(self) -> None:
        """Have more come from now on."""
        self._before, self._most = None, MOST_HELD

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.protocol.connection_made(transport)

    @override
    def data_received(self, data: bytes) -> None:
        """Hand bytes on; end the connection where nobody takes them, or the driver stumbles over them."""
        self.held += len(data)
        if self.held > self._most or self._asks_for_rounds(data):
            self._end()
            return
        try:
            self.protocol.data_received(data)
        except Exception:  # noqa: BLE001 - whatever it is, asyncio would log it with a traceback
            self._end()

    def _end(self) -> None:
        if self.transport:
            self.transport.abort()

    def _asks_for_rounds(self, data: bytes) -> bool:
        """Whether a server that has not let us in wants a password hashed so often that it would take long."""
        if self._before is None:
            return False
        self._before += data
        return any(int(number) > MOST_ROUNDS for number in _ROUNDS.findall(self._before))

    @override
    def eof_received(self) -> bool | None:
        return self.protocol.eof_received()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.protocol.connection_lost(exc)

    @override
    def pause_writing(self) -> None:
        self.protocol.pause_writing()

    @override
    def resume_writing(self) -> None:
        self.protocol.resume_writing()


def tls_context(mode: TlsMode, authority: Path | None) -> ssl.SSLContext:
    """Return how to encrypt; raises TlsError where the file of certificates cannot be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = mode is TlsMode.VERIFY_FULL
    if mode not in {TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL}:
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        if authority is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(authority)
    except (OSError, ssl.SSLError) as err:
        raise TlsError(f"the file of certificates cannot be read: {err}") from err
    return context


@contextmanager
def typed() -> Iterator[None]:
    """Turn what the driver, the server and the network raise into a SourceError."""
    try:
        yield
    except asyncpg.InvalidPasswordError as err:
        raise AuthenticationError(str(err)) from err
    except asyncpg.InvalidAuthorizationSpecificationError as err:
        raise (TlsRequiredError if _without_tls(err) else AuthenticationError)(str(err)) from err
    except asyncpg.InvalidCatalogNameError as err:
        raise NoSuchDatabaseError(str(err)) from err
    except asyncpg.InsufficientPrivilegeError as err:
        raise PermissionDeniedError(str(err)) from err
    except (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError) as err:
        raise SourceTimeoutError(str(err)) from err
    except ssl.SSLError as err:
        raise TlsError(str(err)) from err
    except ConnectionError as err:
        raise (TlsError if _refused_tls(err) else UnreachableError)(str(err)) from err
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError) as err:
        raise UnreachableError(str(err) or type(err).__name__) from err
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresError, *_STUMBLES) as err:
        raise UnreachableError(f"{type(err).__name__}: {err}") from err


async def _close(connection: asyncpg.Connection) -> None:
    """End a connection in order, or at once where the server does not answer."""
    try:
        await connection.close(timeout=2)
    except TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError:
        connection.terminate()


def _abandon(connecting: asyncio.Future[asyncpg.Connection]) -> None:
    """Close a connection that nobody waits for."""
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().terminate()


def _refused_tls(err: Exception) -> bool:
    """Whether the server does not encrypt; the driver tells by its words only."""
    return "rejected SSL upgrade" in str(err)


def _without_tls(err: Exception) -> bool:
    """Whether nobody is let in who does not encrypt, as pg_hba.conf's `hostssl` has it."""
    return "no pg_hba.conf entry" in str(err) and ("no encryption" in str(err) or "SSL off" in str(err))
