"""A disk that is full or cannot be written: sensors and totals go on, and nothing is lost."""

import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse import core
from custom_components.litellm_pulse.core.database import companions
from custom_components.litellm_pulse.core.errors import StoreError
from custom_components.litellm_pulse.core.models import Window

from .conftest import MODELS, Books, Proxy

CORE = Path(core.__file__).parent
NO_PAGE = 512
"""Bytes that a file may have at most where the disk is to be full: less than one page."""


@dataclass(frozen=True)
class Disk:
    """Fills up, and has room again."""

    fill: Callable[[], None]
    clear: Callable[[], None]


@contextmanager
def _small_disk(books: Books) -> Iterator[Disk]:
    """Put the ledger on a file system of 256 kB."""
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(  # noqa: S603
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder],  # noqa: S607
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.decode().strip()}")
        filler = Path(folder) / "filler"

        def fill() -> None:
            with filler.open("wb", buffering=0) as file, suppress(OSError):
                while file.write(bytes(512)):
                    pass

        books.path = Path(folder) / "ledger.db"
        try:
            yield Disk(fill, filler.unlink)
        finally:
            books.crash()
            subprocess.run(["umount", folder], check=True)  # noqa: S603, S607


@contextmanager
def limited_files(_books: Books) -> Iterator[Disk]:
    """Let no file of this process have a page more while the disk is to be full; that needs no rights."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    try:
        yield Disk(partial(limit, NO_PAGE), partial(limit, soft))
    finally:
        limit(soft)


@pytest.fixture(params=[_small_disk, limited_files], ids=["small file system", "limited file size"])
def disk(request: pytest.FixtureRequest, books: Books) -> Iterator[Disk]:
    """A disk that the ledger lies on."""
    with request.param(books) as disk:
        yield disk


def test_a_full_disk_stops_nothing_and_what_waits_is_written_when_there_is_room(
    books: Books, proxy: Proxy, disk: Disk
) -> None:
    books.live(proxy, 10)
    disk.fill()
    errors = []
    for index in range(60):
        if index == 40:
            proxy.restart(books.now)
        snapshot = books.scrape(proxy.spend(1, MODELS[index % 3]), seconds=1800)
        errors.append(snapshot.store_error)
        books.agree(proxy)
    assert errors[-1]
    assert books.total(window=Window.DAY) < books.total(window=Window.WEEK)
    windows = books.per_window()
    disk.clear()
    assert books.scrape(proxy.answer()).store_error is None
    books.crash()
    books.open()
    books.agree(proxy)
    assert books.per_window() == pytest.approx(windows)
    with closing(sqlite3.connect(books.path)) as connection:
        assert connection.execute("SELECT sum(scrapes) FROM scrapes").fetchone() == (1 + 10 + 60 + 1,)


def _spoil(path: Path) -> None:
    """Write something else over the whole of a file."""
    path.write_bytes(b"\x07" * path.stat().st_size)


@pytest.mark.parametrize("damage", [Path.unlink, _spoil], ids=["deleted", "overwritten"])
def test_a_file_that_is_lost_while_the_disk_is_full_is_begun_anew_when_there_is_room(
    books: Books, proxy: Proxy, damage: Callable[[Path], None]
) -> None:
    books.live(proxy, 10)
    for file in companions(books.path)[:2]:
        damage(file)
    with limited_files(books) as disk:
        disk.fill()
        for _ in range(5):
            assert books.scrape(proxy.spend()).store_error
            books.agree(proxy)
    snapshot = books.scrape(proxy.spend())
    assert snapshot.store_error is None
    assert snapshot.recovery is not None
    assert (snapshot.recovery.set_aside is not None) == (damage is _spoil)
    books.reopen()
    books.agree(proxy)


def test_a_zone_that_is_changed_while_the_disk_is_full_is_cut_when_there_is_room(
    books: Books, proxy: Proxy, disk: Disk
) -> None:
    zone = ZoneInfo("Asia/Kathmandu")
    books.live(proxy, 10)
    disk.fill()
    while not books.scrape(proxy.spend(), seconds=900).store_error:
        pass
    books.ledger.set_zone(zone, now=books.now)
    books.agree(proxy)
    books.scrape(proxy.spend())
    books.agree(proxy)
    disk.clear()
    snapshot = books.scrape(proxy.spend())
    assert snapshot.store_error is None
    assert str(snapshot.window_starts[Window.DAY]).endswith("00:00:00+05:45")
    windows = books.per_window()
    books.zone = zone
    books.reopen()
    books.agree(proxy)
    assert books.per_window() == pytest.approx(windows)


def test_a_full_disk_when_the_ledger_is_opened_is_an_error_that_leaves_the_file(
    books: Books, proxy: Proxy, disk: Disk
) -> None:
    books.live(proxy, 10)
    saved = books.head()
    books.close()
    disk.fill()
    try:
        books.open(saved)
    except StoreError:
        books.crash()
    disk.clear()
    books.crash()
    snapshot = books.open().snapshot
    assert snapshot.recovery is None
    books.scrape(proxy.spend())
    books.agree(proxy)


NOBODY = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.insert(0, sys.argv[1])
from core.errors import StoreError
from core.ledger import Ledger

path, now = Path(sys.argv[2]), datetime(2026, 11, 30, tzinfo=UTC)
try:
    Ledger.open(path, now=now, zone=ZoneInfo("UTC"))
except StoreError as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize("kind", ["a new file", "a file that is there"])
def test_a_folder_that_cannot_be_written_is_an_error_that_leaves_it_untouched(proxy: Proxy, kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        books = Books(Path(folder) / "ledger.db")
        if kind == "a file that is there":
            books.live(proxy)
            books.close()
        before = {file: file.read_bytes() for file in books.files}
        # Permissions do not hold root back: another user tries it.
        Path(folder).chmod(0o555)
        ran = subprocess.run(  # noqa: S603
            [sys.executable, "-I", "-S", "-c", NOBODY, str(CORE.parent), str(books.path)],
            user="nobody" if os.getuid() == 0 else None,
            capture_output=True,
            text=True,
            check=False,
        )
        Path(folder).chmod(0o755)
        assert (ran.stdout, ran.stderr) == ("StoreError\n", "")
        assert {file: file.read_bytes() for file in books.files} == before
        if before:
            books.open()
            books.agree(proxy)
            books.close()
