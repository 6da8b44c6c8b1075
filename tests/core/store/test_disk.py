"""A disk that is full or cannot be written: sensors and totals go on, and nothing is lost."""

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse import core
from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.errors import StoreError
from custom_components.litellm_pulse.core.history import Told, ToldRow
from custom_components.litellm_pulse.core.models import Window
from custom_components.litellm_pulse.core.store import companions, connect, connection
from custom_components.litellm_pulse.core.store.history_rows import Part
from custom_components.litellm_pulse.core.windows import quarter_of

from ..conftest import MODELS, LedgerHarness, Proxy

CORE = Path(core.__file__).parent
FIXTURES = Path(__file__).parents[2] / "fixtures"
NO_PAGE = 512
"""Bytes that a file may have at most where the disk is to be full: less than one page."""


@dataclass(frozen=True)
class Disk:
    """Fills up, and has room again."""

    fill: Callable[[], None]
    clear: Callable[[], None]


@contextmanager
def _small_disk(harness: LedgerHarness) -> Iterator[Disk]:
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

        harness.path = Path(folder) / "ledger.db"
        try:
            yield Disk(fill, filler.unlink)
        finally:
            harness.crash()
            subprocess.run(["umount", folder], check=True)  # noqa: S603, S607


@contextmanager
def limited_files(_books: LedgerHarness) -> Iterator[Disk]:
    """Let no file of this process have a page more while the disk is to be full; that needs no rights."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    try:
        yield Disk(partial(limit, NO_PAGE), partial(limit, soft))
    finally:
        limit(soft)


@pytest.fixture(params=[_small_disk, limited_files], ids=["small file system", "limited file size"])
def disk(request: pytest.FixtureRequest, harness: LedgerHarness) -> Iterator[Disk]:
    """A disk that the ledger lies on."""
    with request.param(harness) as disk:
        yield disk


def test_a_full_disk_stops_nothing_and_what_waits_is_written_when_there_is_room(
    harness: LedgerHarness, proxy: Proxy, disk: Disk
) -> None:
    harness.live(proxy, 10)
    disk.fill()
    errors = []
    for index in range(60):
        if index == 40:
            proxy.restart(harness.now)
        snapshot = harness.scrape(proxy.spend(1, MODELS[index % 3]), seconds=1800)
        errors.append(snapshot.store_error)
        harness.agree(proxy)
    assert errors[-1]
    assert harness.total(window=Window.DAY) < harness.total(window=Window.WEEK)
    windows = harness.per_window()
    disk.clear()
    assert harness.scrape(proxy.answer()).store_error is None
    harness.crash()
    harness.open()
    harness.agree(proxy)
    assert harness.per_window() == pytest.approx(windows)
    with closing(sqlite3.connect(harness.path)) as connection:
        assert connection.execute("SELECT sum(scrapes) FROM scrapes").fetchone() == (1 + 10 + 60 + 1,)


def test_a_disk_that_fills_up_while_the_proxy_is_idle_is_told_and_loses_nothing(
    harness: LedgerHarness, proxy: Proxy
) -> None:
    harness.live(proxy, 10)
    with limited_files(harness) as disk:
        disk.fill()
        # What the log holds back from the time before cannot be brought into the file either.
        assert harness.scrape(proxy.answer(), seconds=2 * 3600).store_error
        harness.agree(proxy)
        disk.clear()
        assert harness.scrape(proxy.spend()).store_error is None
    harness.crash()
    harness.agree(proxy)


def _spoil(path: Path) -> None:
    """Write something else over the whole of a file."""
    path.write_bytes(b"\x07" * path.stat().st_size)


@pytest.mark.parametrize("damage", [Path.unlink, _spoil], ids=["deleted", "overwritten"])
def test_a_file_that_is_lost_while_the_disk_is_full_is_begun_anew_when_there_is_room(
    harness: LedgerHarness, proxy: Proxy, damage: Callable[[Path], None]
) -> None:
    harness.live(proxy, 10)
    for file in companions(harness.path)[:2]:
        damage(file)
    with limited_files(harness) as disk:
        disk.fill()
        for _ in range(5):
            assert harness.scrape(proxy.spend()).store_error
            harness.agree(proxy)
    snapshot = harness.scrape(proxy.spend())
    assert snapshot.store_error is None
    assert snapshot.recovery is not None
    assert (snapshot.recovery.set_aside is not None) == (damage is _spoil)
    harness.reopen()
    harness.agree(proxy)


def test_a_zone_that_is_changed_while_the_disk_is_full_is_cut_when_there_is_room(
    harness: LedgerHarness, proxy: Proxy, disk: Disk
) -> None:
    zone = ZoneInfo("Asia/Kathmandu")
    harness.live(proxy, 10)
    disk.fill()
    while not harness.scrape(proxy.spend(), seconds=900).store_error:
        pass
    harness.ledger.set_zone(zone, now=harness.now)
    harness.agree(proxy)
    harness.scrape(proxy.spend())
    harness.agree(proxy)
    disk.clear()
    snapshot = harness.scrape(proxy.spend())
    assert snapshot.store_error is None
    assert str(snapshot.window_starts[Window.DAY]).endswith("00:00:00+05:45")
    windows = harness.per_window()
    harness.zone = zone
    harness.reopen()
    harness.agree(proxy)
    assert harness.per_window() == pytest.approx(windows)


def test_a_full_disk_when_the_ledger_is_opened_is_an_error_that_leaves_the_file(
    harness: LedgerHarness, proxy: Proxy, disk: Disk
) -> None:
    harness.live(proxy, 10)
    saved = harness.spare_copy()
    harness.close()
    disk.fill()
    try:
        harness.open(saved)
    except StoreError:
        harness.crash()
    disk.clear()
    harness.crash()
    snapshot = harness.open().snapshot
    assert snapshot.recovery is None
    harness.scrape(proxy.spend())
    harness.agree(proxy)


def _import_much(harness: LedgerHarness) -> None:
    """Take in more of the past than there is room for; it raises StoreError."""
    quarter = quarter_of(harness.now - timedelta(days=3))
    rows = [ToldRow(quarter, ((Dimension.USER, f"user-{number}"),), (1.0,)) for number in range(5_000)]
    told = Told(Part.BEFORE, {quarter: 1.0}, 1, ("cost",), rows)
    harness.ledger.history.replace(told, harness.zone, "test", "{}")


def test_what_does_not_fit_on_a_disk_takes_no_room_from_others(harness: LedgerHarness, proxy: Proxy) -> None:
    with _small_disk(harness):
        folder = harness.path.parent
        harness.live(proxy, 10)
        free = os.statvfs(folder).f_bfree
        for _ in range(2):
            with pytest.raises(StoreError, match="full"):
                _import_much(harness)
            assert os.statvfs(folder).f_bfree == free
        harness.close()
        assert harness.files == [harness.path]
        harness.open()
        harness.agree(proxy)


def _opens(harness: LedgerHarness) -> bool:
    """Whether the ledger can be opened now."""
    with suppress(StoreError):
        harness.open()
        return True
    return False


@pytest.mark.parametrize("schema", [1, 2, 3, 5])
def test_a_file_of_an_earlier_release_is_brought_up_to_date_once_there_is_room(
    harness: LedgerHarness, schema: int
) -> None:
    with _small_disk(harness) as disk:
        shutil.copy(FIXTURES / f"ledger-schema-{schema}.db", harness.path)
        usage = harness.open().snapshot.usage
        harness.close()
        shutil.copy(FIXTURES / f"ledger-schema-{schema}.db", harness.path)
        disk.fill()
        filler, refused = harness.path.with_name("filler"), 0
        while not _opens(harness):
            refused += 1
            os.truncate(filler, filler.stat().st_size - 4096)
        assert refused
        assert harness.snapshot.recovery is None
        assert harness.snapshot.usage == usage
        assert usage


def test_a_file_that_may_only_be_read_is_written_once_it_may_be(
    harness: LedgerHarness, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.live(proxy, 10)
    harness.close()
    with monkeypatch.context() as patched:
        # What SQLite does with one of somebody else.
        patched.setattr(connection, "connect", lambda path, _: connect(path, "ro"))
        for _ in range(3):
            error = harness.scrape(proxy.spend()).store_error
            assert error is not None
            assert "readonly" in error
            harness.agree(proxy)
    assert harness.scrape(proxy.spend()).store_error is None
    harness.crash()
    harness.agree(proxy)


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
        harness = LedgerHarness(Path(folder) / "ledger.db")
        if kind == "a file that is there":
            harness.live(proxy)
            harness.close()
        before = {file: file.read_bytes() for file in harness.files}
        # Permissions do not hold root back: another user tries it.
        Path(folder).chmod(0o555)
        ran = subprocess.run(  # noqa: S603
            [sys.executable, "-I", "-S", "-c", NOBODY, str(CORE.parent), str(harness.path)],
            user="nobody" if os.getuid() == 0 else None,
            capture_output=True,
            text=True,
            check=False,
        )
        Path(folder).chmod(0o755)
        assert (ran.stdout, ran.stderr) == ("StoreError\n", "")
        assert {file: file.read_bytes() for file in harness.files} == before
        if before:
            harness.open()
            harness.agree(proxy)
            harness.close()
