"""LiteLLM's PostgreSQL as a source: what it is, since when it knows, and its sums for a span of time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from .connection import Connections, Load, typed
from .dsn import Dsn
from .errors import SpendLogsOffError
from .models import EPOCH, HOUR, Span
from .rows import Block, Reader
from .tables import NEEDED, LogTable, aggregation, fits, known_table, limits, quoted

BINS_SINCE = 14
"""The release of PostgreSQL that brought date_bin."""
STEP_BYTES = 1 << 14
"""So many are read before others on the loop have a turn: a few milliseconds."""
BUFFER_BYTES = 1 << 22
"""So many may wait to be read: the database sums up what is next meanwhile."""
ORDERED = 0.99
"""The correlation with the order on disk from which a serial id stands for time."""
NEAR_ENOUGH = 10_000
"""So many rows too many are read sooner than they are found out."""

type Take = Callable[[Block], Awaitable[None]]

_COLUMNS = """
    SELECT n.nspname AS schema, c.relname AS name, a.attname AS column, format_type(a.atttypid, NULL) AS type,
        has_column_privilege(c.oid, a.attnum, 'SELECT') AS readable
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relname = ANY($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY array_position(current_schemas(false), n.nspname), 1
"""
"""Those of information_schema, and of materialized views, which that leaves out."""
_INDEXED = """
    SELECT a.attname FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = $1::regclass AND i.indisvalid AND i.indpred IS NULL
"""
_ORDER = """
    SELECT min(abs(correlation)) FROM pg_catalog.pg_stats
    WHERE schemaname = $1 AND tablename = $2 AND attname IN ('id', 'created_at') HAVING count(*) = 2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a database was found to hold, at one time of its own clock."""

    identity: str
    """Server and database: two entries with the same one share its history."""
    table: LogTable
    bins: bool
    now: datetime
    oldest: datetime | None
    newest: datetime | None

    def required(self) -> Found:
        """Return it where there are rows; raises SpendLogsOffError where there are none."""
        if self.newest is None:
            raise SpendLogsOffError(f"{self.table.name} is empty")
        return self


class Database:
    """One database, asked in read-only transactions; no connection is kept between questions."""

    def __init__(self, dsn: Dsn, *, authority: Path | None = None, load: Load | None = None) -> None:
        """Connect to nothing yet."""
        self._connections = Connections(dsn, authority=authority, load=load)

    async def look(self) -> Found:
        """Return what it holds; raises SourceError."""
        async with self._connections.reading() as connection:
            table = await _table(connection)
            clock, name = quoted(table.clock), table.qualified
            if table.indexed or table.spend_logs:
                row = await connection.fetchrow(f"SELECT now(), min({clock}), max({clock}) FROM {name}")  # noqa: S608  # quoted
            else:
                # Without an index these would read the whole table in each cycle.
                row = await connection.fetchrow(f"SELECT now(), {_at_end('ASC', table)}, {_at_end('DESC', table)}")
            return Found(
                identity=await _identity(connection),
                table=table,
                bins=connection.get_server_version().major >= BINS_SINCE,
                now=row[0].astimezone(UTC),
                oldest=_within(aware(row[1]), row[0]),
                newest=aware(row[2]),
            )

    async def read(self, found: Found, span: Span, take: Take) -> None:
        """Hand over the sums of a span in blocks, newest first, all of one state of the database.

        What nobody has taken waits here as far as there is room, and then in the database. Raises
        SourceError, and what `take` raises.
        """
        buffer, reader = _Buffer(), Reader(found.table, span)
        copying = asyncio.create_task(self._copy(found.table, span, bins=found.bins, buffer=buffer))
        try:
            async for piece in buffer:
                for block in _made(reader.feed(piece)):
                    await take(block)
            await copying
        finally:
            copying.cancel()
            await asyncio.gather(copying, return_exceptions=True)
        for block in _made(reader.finish()):
            await take(block)

    async def _copy(self, table: LogTable, span: Span, *, bins: bool, buffer: _Buffer) -> None:
        """Put the lines of a span into a buffer, and let the connection go; raises SourceError."""
        try:
            async with self._connections.reading() as connection:
                parameters: list[object] = [*limits(table, span)]
                if table.ordered_ids and not table.indexed:
                    first = await _first_id(connection, table, span)
                    if first is None:
                        table = replace(table, ordered_ids=False)
                    else:
                        parameters.append(first)
                query = aggregation(table, bins=bins)
                await connection.copy_from_query(query, *parameters, output=buffer.put, format="text")
        finally:
            buffer.end()


def _made(blocks: Iterator[Block]) -> list[Block]:
    """Return the blocks that a reader makes of some lines; raises SourceError for lines that are none."""
    with typed():
        return list(blocks)


class _Buffer:
    """Bytes that were received and not yet read, in order."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._size = 0
        self._room = asyncio.Event()
        self._room.set()

    async def put(self, piece: bytes) -> None:
        """Take some in, once there is room."""
        await self._room.wait()
        self._size += len(piece)
        if self._size >= BUFFER_BYTES:
            self._room.clear()
        self._pieces.put_nowait(piece)

    def end(self) -> None:
        """Let whoever reads know that nothing more comes."""
        self._pieces.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield them, a few lines at a time."""
        while (piece := await self._pieces.get()) is not None:
            for first in range(0, len(piece), STEP_BYTES):
                yield piece[first : first + STEP_BYTES]
                await asyncio.sleep(0)
            self._size -= len(piece)
            if self._size < BUFFER_BYTES:
                self._room.set()


async def _table(connection: asyncpg.Connection) -> LogTable:
    """Return the table to read; raises PermissionDeniedError or NoKnownTableError."""
    existing: dict[tuple[str, str], set[str]] = {}
    types: dict[tuple[str, str], dict[str, str]] = {}
    for row in await connection.fetch(_COLUMNS, list(NEEDED)):
        if fits(row["column"], row["type"]):
            key = row["schema"], row["name"]
            existing.setdefault(key, set()).add(row["column"])
            if row["readable"]:
                types.setdefault(key, {})[row["column"]] = row["type"]
    key = known_table(existing, types)
    columns = types[key]
    table = LogTable(schema=key[0], name=key[1], columns=frozenset(columns), aware=False, indexed=False)
    first_columns = {row[0] for row in await connection.fetch(_INDEXED, table.qualified)}
    order = await connection.fetchval(_ORDER, *key) if "id" in first_columns else None
    return replace(
        table,
        aware="with time zone" in columns[table.clock],
        indexed=table.clock in first_columns,
        ordered_ids=columns.get("id") in {"integer", "bigint"} and order is not None and order >= ORDERED,
    )


async def _identity(connection: asyncpg.Connection) -> str:
    """Return what tells this database from others: its cluster's number where that may be read."""
    name: str = await connection.fetchval("SELECT current_database()")
    if await connection.fetchval("SELECT has_function_privilege('pg_control_system()', 'EXECUTE')"):
        number = await connection.fetchval("SELECT system_identifier FROM pg_control_system()")
        return f"{number}/{name}"
    return f"{await connection.fetchval('SELECT inet_server_addr()')}/{name}"


def _at_end(direction: str, table: LogTable) -> str:
    """Return SQL for the time of the first or last row by id, or for the extreme where ids say nothing."""
    if table.ordered_ids:
        return f"(SELECT created_at FROM {table.qualified} ORDER BY id {direction} LIMIT 1)"  # noqa: S608  # quoted
    return f"(SELECT {'min' if direction == 'ASC' else 'max'}(created_at) FROM {table.qualified})"  # noqa: S608  # quoted


async def _first_id(connection: asyncpg.Connection, table: LogTable, span: Span) -> int | None:
    """Return an id below which no row is of a span, found in a few look-ups by id; None for all of them."""
    low, high = await connection.fetchrow(
        f"SELECT (SELECT id FROM {table.qualified} ORDER BY id LIMIT 1), "  # noqa: S608  # quoted
        f"(SELECT id FROM {table.qualified} ORDER BY id DESC LIMIT 1)"
    )
    wanted = span.start - HOUR
    if low is None:
        return None
    query = f"SELECT created_at FROM {table.qualified} WHERE id >= $1 ORDER BY id LIMIT 1"  # noqa: S608  # quoted
    while high - low > NEAR_ENOUGH:
        middle = (low + high) // 2
        at = aware(await connection.fetchval(query, middle))
        if at is not None and at < wanted:
            low = middle
        else:
            high = middle
    first: int = low
    return first


def _within(oldest: datetime | None, now: datetime) -> datetime | None:
    """Return the time of the oldest row, where a clock was wrong the nearest that can be asked for."""
    return None if oldest is None else min(max(oldest, EPOCH), now.astimezone(UTC))


def aware(at: datetime | None) -> datetime | None:
    """Return a time of the database with its zone; without one it is UTC."""
    if at is None:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
