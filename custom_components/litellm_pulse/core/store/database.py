"""How SQLite's files are opened, by whom they can be read meanwhile, and what becomes of them when they are lost."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from ..errors import DamagedStoreError, ReadOnlyStoreError, StoreError

_KINDS = {
    sqlite3.SQLITE_CORRUPT: DamagedStoreError,
    sqlite3.SQLITE_NOTADB: DamagedStoreError,
    sqlite3.SQLITE_READONLY: ReadOnlyStoreError,
}
"""Codes of SQLite whose errors are not like others."""

_CHUNK = 1 << 20
"""Bytes that are read at a time."""


def connect(path: Path, mode: Literal["ro", "rwc"]) -> sqlite3.Connection:
    """Open a database for this process alone; its other connections, in any thread, may read meanwhile.

    The index of the write-ahead log is then in this process' memory. As a file that others could
    map, too, it would cost more writes to the disk than all that is stored.
    """
    uri = f"{path.absolute().as_uri()}?mode={mode}&vfs=unix-excl"
    # One thread owns a connection; its executor may replace the thread.
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def fetch(path: Path) -> None:
    """Read a whole file into the page cache, before it is opened.

    SQLite, which checks it page by page, takes a disk four times as long. Not while it is open:
    whoever closes a file lets go of every lock that the process has on it.
    """
    with path.open("rb", buffering=0) as file:
        while file.read(_CHUNK):
            pass


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Run a block on a connection of its own that cannot write; raises StoreError.

    It sees the file as of one moment, whatever is posted meanwhile.
    """
    with typed_errors(), closing(connect(path, "ro")) as connection:
        connection.execute("BEGIN")
        yield connection


@contextmanager
def typed_errors() -> Iterator[None]:
    """Turn what SQLite and the operating system raise into StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        kind = _KINDS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, StoreError)
        raise kind(str(error)) from error
    except OSError as error:
        raise StoreError(str(error)) from error


def companions(path: Path) -> tuple[Path, Path, Path]:
    """Return the files that a database consists of: itself, its write-ahead log, its shared memory.

    There is shared memory only where the file was opened while nobody had it open for writing.
    """
    return path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def delete(path: Path) -> None:
    """Delete a database that is of no use."""
    for name in companions(path):
        name.unlink(missing_ok=True)


def set_aside(path: Path, stamp: str) -> str | None:
    """Give a damaged file another name, which is returned; None where there is no file.

    Raises StoreError where it cannot be renamed.
    """
    kept = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    with typed_errors():
        if not path.exists():
            return None
        for old, new in zip(companions(path), companions(kept), strict=True):
            if old.exists():
                old.rename(new)
    return kept.name
