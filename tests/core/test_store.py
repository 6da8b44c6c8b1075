"""The event table of the two stores, with real files: whatever happens to them, the totals stand."""

import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse import core
from custom_components.litellm_pulse.core import migrations
from custom_components.litellm_pulse.core.catalog import COUNTERS
from custom_components.litellm_pulse.core.errors import NewerSchemaError, StoreError
from custom_components.litellm_pulse.core.models import Snapshot, Window
from custom_components.litellm_pulse.core.store import companions

from .bodies import cost
from .conftest import MODELS, Books, Proxy

CORE = Path(core.__file__).parent
PAGE = 1024


def _fill(books: Books, proxy: Proxy, scrapes: int = 40) -> None:
    """Let a ledger live for some days."""
    books.scrape(proxy.answer())
    for index in range(scrapes):
        books.scrape(proxy.spend(index / 8, MODELS[index % 3]), seconds=3 * 3600)
    books.agree(proxy)


def _files(books: Books) -> list[Path]:
    """Return the files that are there of a ledger, the main one first."""
    return sorted(books.path.parent.glob(f"{books.path.name}*"))


def _shorten(size: float) -> Callable[[Path], None]:
    """Return what cuts a file off: to a share of its size, or to so many bytes."""

    def cut(path: Path) -> None:
        os.truncate(path, int(size if size > 1 else path.stat().st_size * size))

    return cut


def _overwrite(path: Path) -> None:
    """Write random bytes over the whole of a file."""
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))  # noqa: S311


def _text(path: Path) -> None:
    """Put something else in the file's place."""
    path.write_text("not a database\n" * 500)


damages = pytest.mark.parametrize(
    "damage",
    [
        pytest.param(_shorten(0), id="cut off to nothing"),
        pytest.param(_shorten(60), id="cut off inside its header"),
        pytest.param(_shorten(3 * PAGE), id="cut off after three pages"),
        pytest.param(_shorten(0.5), id="cut off in the middle"),
        pytest.param(_overwrite, id="overwritten with random bytes"),
        pytest.param(_text, id="another file"),
        pytest.param(Path.unlink, id="deleted"),
    ],
)


@damages
@pytest.mark.parametrize("head", ["of the end", "of some time before"])
def test_totals_carry_on_from_the_head_when_the_file_is_lost(
    books: Books, proxy: Proxy, damage: Callable[[Path], None], head: str
) -> None:
    _fill(books, proxy)
    saved = books.head()
    if head == "of some time before":
        for _ in range(5):
            books.scrape(proxy.spend(2, "opus"))
    books.close()
    proxy.spend(3, "llama")
    damage(books.path)
    existed = books.path.exists() and books.path.stat().st_size > 0
    books.open(saved)
    assert books.snapshot.recovery is not None
    assert books.snapshot.last_scrape is not None
    books.scrape(proxy.answer())
    books.agree(proxy)
    aside = books.snapshot.recovery.set_aside
    assert (aside is not None and (books.path.parent / aside).exists()) == existed
    books.scrape(proxy.spend())
    assert books.snapshot.recovery is not None
    windows = books.per_window()
    books.reopen()
    assert books.snapshot.recovery is None
    books.agree(proxy)
    assert books.per_window() == pytest.approx(windows)
    books.scrape(proxy.spend())
    books.agree(proxy)


@damages
def test_a_file_that_is_lost_before_there_is_a_head_is_begun_anew(
    books: Books, proxy: Proxy, damage: Callable[[Path], None]
) -> None:
    _fill(books, proxy)
    books.close()
    damage(books.path)
    books.open()
    books.scrape(proxy.answer())
    assert books.total() == 0
    books.scrape(proxy.spend(2))
    assert books.total() == 2


def test_a_single_page_overwritten_with_random_bytes_loses_no_totals(books: Books, proxy: Proxy) -> None:
    _fill(books, proxy)
    saved = books.head()
    books.close()
    whole = books.path.read_bytes()
    chance = random.Random(2)  # noqa: S311
    recovered = 0
    pages = len(whole) // PAGE
    for page in range(pages):
        books.path.write_bytes(whole[: page * PAGE] + chance.randbytes(PAGE) + whole[(page + 1) * PAGE :])
        books.open(saved)
        books.scrape(proxy.spend())
        books.agree(proxy)
        recovered += books.snapshot.recovery is not None
        books.crash()
        for file in _files(books):
            file.unlink()
    assert recovered > pages * 0.9


@damages
@pytest.mark.parametrize("files", [1, 2], ids=["the file", "and its log"])
def test_what_happens_to_the_file_while_it_is_open_loses_no_totals(
    books: Books, proxy: Proxy, damage: Callable[[Path], None], files: int
) -> None:
    _fill(books, proxy)
    _damage_while_open(books, proxy, damage, files)


def test_all_three_files_may_be_deleted_while_they_are_open(books: Books, proxy: Proxy) -> None:
    # Only deleted: what shortens the memory that SQLite has mapped ends any process that uses SQLite.
    _fill(books, proxy)
    _damage_while_open(books, proxy, Path.unlink, 3)


def _damage_while_open(books: Books, proxy: Proxy, damage: Callable[[Path], None], files: int) -> None:
    """Do it, go on, restart, and compare all along."""
    saved = books.head()
    for file in companions(books.path)[:files]:
        damage(file)
    for _ in range(3):
        books.scrape(proxy.spend())
        books.agree(proxy)
    for _ in range(3):
        books.scrape(proxy.answer())
        books.agree(proxy)
    books.scrape(proxy.spend())
    assert books.snapshot.store_error is None
    books.reopen(saved)
    books.scrape(proxy.spend())
    books.agree(proxy)


def test_a_deleted_file_is_begun_anew_at_the_next_scrape_though_nothing_has_changed(books: Books, proxy: Proxy) -> None:
    _fill(books, proxy)
    windows = books.per_window()
    books.path.unlink()
    snapshot = books.scrape(proxy.answer())
    assert snapshot.recovery is not None
    assert snapshot.recovery.set_aside is None
    books.crash()
    books.open()
    assert books.per_window() == pytest.approx(windows)
    books.scrape(proxy.spend())
    books.agree(proxy)


def test_after_a_file_was_begun_anew_a_change_of_zone_keeps_lifetime(books: Books, proxy: Proxy) -> None:
    _fill(books, proxy)
    books.path.unlink()
    books.scrape(proxy.spend())
    assert books.snapshot.recovery is not None
    with closing(sqlite3.connect(books.path)) as connection:
        assert connection.execute("SELECT cost FROM scrapes").fetchall() == [(1.5,)]
    for key in ("Asia/Kathmandu", "America/Los_Angeles"):
        books.ledger.set_zone(ZoneInfo(key), now=books.now)
        books.agree(proxy)
        books.scrape(proxy.spend(), seconds=2 * 86400)
        books.agree(proxy)
    books.zone = ZoneInfo("UTC")
    books.reopen()
    books.agree(proxy)


def test_a_deleted_folder_is_made_again(tmp_path: Path, proxy: Proxy) -> None:
    books = Books(tmp_path / "litellm_pulse" / "ledger.db")
    _fill(books, proxy)
    shutil.rmtree(books.path.parent)
    books.scrape(proxy.spend())
    assert books.snapshot.store_error is None
    books.reopen()
    books.agree(proxy)
    books.close()


def test_a_file_put_in_its_place_does_not_replace_what_is_known(books: Books, proxy: Proxy) -> None:
    _fill(books, proxy)
    other = Books(books.path.with_name("other.db"))
    other.scrape(cost(1))
    other.close()
    other.path.replace(books.path)
    books.scrape(proxy.spend())
    books.agree(proxy)
    books.reopen()
    books.agree(proxy)


def test_a_recovery_that_is_closed_before_a_scrape_is_made_again(books: Books, proxy: Proxy) -> None:
    _fill(books, proxy)
    saved = books.head()
    proxy.spend(7)
    books.close()
    books.path.unlink()
    for _ in range(3):
        books.open(saved)
        saved = books.head()
        assert books.snapshot.recovery is not None
        books.close()
    books.open(saved)
    books.scrape(proxy.answer())
    books.agree(proxy)
    books.reopen()
    books.agree(proxy)


def test_an_entry_that_was_never_scraped_has_nothing_to_recover(books: Books, proxy: Proxy) -> None:
    books.open()
    saved = books.head()
    books.close()
    books.path.unlink()
    assert books.open(saved).snapshot.recovery is None
    _fill(books, proxy)


def test_a_crash_at_once_after_a_recovery_loses_no_totals(books: Books, proxy: Proxy) -> None:
    _fill(books, proxy)
    saved = books.head()
    books.close()
    books.path.unlink()
    books.open(saved)
    books.crash()
    books.open(saved)
    books.scrape(proxy.spend())
    books.crash()
    books.open()
    books.agree(proxy)
    books.scrape(proxy.spend())
    books.agree(proxy)


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_newer_schema_is_refused_and_left_untouched(books: Books, proxy: Proxy, mode: str) -> None:
    _fill(books, proxy)
    saved = books.head()
    books.close()
    with closing(sqlite3.connect(books.path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("PRAGMA user_version = 1000")
    before, files = books.path.read_bytes(), _files(books)
    for _ in range(2):
        with pytest.raises(NewerSchemaError):
            books.open(saved)
        assert books.path.read_bytes() == before
        assert _files(books) == files
    with closing(sqlite3.connect(books.path)) as connection:
        connection.execute("PRAGMA user_version = 1")
    books.open()
    books.agree(proxy)


def test_the_columns_of_the_file_are_the_counters_of_the_catalog_in_their_order(books: Books) -> None:
    books.open()
    names = [metric.name for metric in COUNTERS]
    with closing(sqlite3.connect(books.path)) as connection:
        columns = {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for table in ("usage", "scrapes")
        }
    assert columns["usage"][3:] == names
    assert columns["scrapes"][5:] == names + [f"raw_{name}" for name in names]


def test_a_step_of_the_schema_that_fails_leaves_the_file_as_it_was(
    books: Books, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def second() -> tuple[str, ...]:
        return "ALTER TABLE usage ADD COLUMN later REAL", "CREATE TABLE meta (wrong)"

    _fill(books, proxy)
    books.close()
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, second))
    monkeypatch.setattr(migrations, "VERSION", 2)
    with pytest.raises(StoreError):
        books.open()
    monkeypatch.undo()
    books.open()
    books.scrape(proxy.spend())
    books.agree(proxy)


def test_power_cut_between_two_commits_is_made_up_for(books: Books, proxy: Proxy) -> None:
    _fill(books, proxy)
    for index in range(6):
        books.scrape(proxy.spend(index))
        books.crash()
        proxy.spend(2, "opus")
        books.open()
    books.scrape(proxy.answer())
    books.agree(proxy)


@contextmanager
def _small_disk(books: Books) -> Iterator[Callable[[bool], None]]:
    """Put the ledger on a file system of 256 kB; what is yielded fills it up, or makes room again."""
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(  # noqa: S603
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder],  # noqa: S607
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.decode().strip()}")
        filler = Path(folder) / "filler"

        def fill(full: bool) -> None:  # noqa: FBT001
            filler.unlink(missing_ok=True)
            if full:
                with filler.open("wb", buffering=0) as file, suppress(OSError):
                    while file.write(bytes(512)):
                        pass

        books.path = Path(folder) / "ledger.db"
        try:
            yield fill
        finally:
            books.crash()
            subprocess.run(["umount", folder], check=True)  # noqa: S603, S607


@contextmanager
def _limited_files(_books: Books) -> Iterator[Callable[[bool], None]]:
    """Let no file of this process grow while the disk is to be full; needs no rights."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(full: bool) -> None:  # noqa: FBT001
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * PAGE if full else soft, hard))

    try:
        yield fill
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(params=[_small_disk, _limited_files], ids=["small file system", "limited file size"])
def fill_disk(request: pytest.FixtureRequest, books: Books) -> Iterator[Callable[[bool], None]]:
    """Return what fills the disk up and makes room again."""
    with request.param(books) as fill:
        yield fill


def test_a_full_disk_stops_nothing_and_what_waits_is_written_when_there_is_room(
    books: Books, proxy: Proxy, fill_disk: Callable[[bool], None]
) -> None:
    _fill(books, proxy, 10)
    fill_disk(True)  # noqa: FBT003
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
    fill_disk(False)  # noqa: FBT003
    assert books.scrape(proxy.answer()).store_error is None
    books.crash()
    books.open()
    books.agree(proxy)
    assert books.per_window() == pytest.approx(windows)
    with closing(sqlite3.connect(books.path)) as connection:
        assert connection.execute("SELECT sum(scrapes) FROM scrapes").fetchone() == (1 + 10 + 60 + 1,)


@pytest.mark.parametrize("damage", [Path.unlink, _overwrite], ids=["deleted", "overwritten with random bytes"])
def test_a_file_that_is_lost_while_the_disk_is_full_is_begun_anew_when_there_is_room(
    books: Books, proxy: Proxy, damage: Callable[[Path], None]
) -> None:
    _fill(books, proxy, 10)
    for file in companions(books.path)[:2]:
        damage(file)
    with _limited_files(books) as fill:
        fill(True)  # noqa: FBT003
        for _ in range(5):
            assert books.scrape(proxy.spend()).store_error
            books.agree(proxy)
    snapshot = books.scrape(proxy.spend())
    assert snapshot.store_error is None
    assert snapshot.recovery is not None
    assert (snapshot.recovery.set_aside is not None) == (damage is _overwrite)
    books.reopen()
    books.agree(proxy)


def test_a_zone_that_is_changed_while_the_disk_is_full_is_cut_when_there_is_room(
    books: Books, proxy: Proxy, fill_disk: Callable[[bool], None]
) -> None:
    zone = ZoneInfo("Asia/Kathmandu")
    _fill(books, proxy, 10)
    fill_disk(True)  # noqa: FBT003
    while not books.scrape(proxy.spend(), seconds=900).store_error:
        pass
    books.ledger.set_zone(zone, now=books.now)
    books.agree(proxy)
    books.scrape(proxy.spend())
    books.agree(proxy)
    fill_disk(False)  # noqa: FBT003
    snapshot = books.scrape(proxy.spend())
    assert snapshot.store_error is None
    assert str(snapshot.window_starts[Window.DAY]).endswith("00:00:00+05:45")
    windows = books.per_window()
    books.zone = zone
    books.reopen()
    books.agree(proxy)
    assert books.per_window() == pytest.approx(windows)


def test_a_full_disk_when_the_ledger_is_opened_is_an_error_that_leaves_the_file(
    books: Books, proxy: Proxy, fill_disk: Callable[[bool], None]
) -> None:
    _fill(books, proxy, 10)
    saved = books.head()
    books.close()
    fill_disk(True)  # noqa: FBT003
    try:
        books.open(saved)
    except StoreError:
        books.crash()
    fill_disk(False)  # noqa: FBT003
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
            _fill(books, proxy)
            books.close()
        before = {file: file.read_bytes() for file in _files(books)}
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
        assert {file: file.read_bytes() for file in _files(books)} == before
        if before:
            books.open()
            books.agree(proxy)
            books.close()


def test_an_idle_proxy_is_written_down_every_half_hour_and_no_more(books: Books, proxy: Proxy) -> None:
    _fill(books, proxy)
    with closing(sqlite3.connect(books.path)) as connection:
        versions = []
        for _ in range(120):
            books.scrape(proxy.answer())
            versions.append(connection.execute("PRAGMA data_version").fetchone()[0])
    assert 3 <= len(set(versions)) <= 5
    last = books.snapshot.last_scrape
    books.reopen()
    assert books.snapshot.last_scrape == last


def test_after_a_crash_of_an_idle_ledger_the_time_of_the_last_scrape_is_half_an_hour_old_at_most(
    books: Books, proxy: Proxy
) -> None:
    _fill(books, proxy)
    for _ in range(100):
        books.scrape(proxy.answer())
    books.crash()
    last = books.open().snapshot.last_scrape
    assert last is not None
    assert books.now - last <= timedelta(minutes=30)
    books.scrape(proxy.spend())
    books.agree(proxy)


def test_a_run_of_scrapes_in_which_nothing_changed_is_one_row(books: Books, proxy: Proxy) -> None:
    books.scrape(proxy.answer())
    for _ in range(50):
        books.scrape(proxy.answer())
    books.scrape(proxy.spend())
    books.close()
    with closing(sqlite3.connect(books.path)) as connection:
        assert connection.execute("SELECT scrapes FROM scrapes ORDER BY at").fetchall() == [(51,), (1,)]


def test_the_history_has_every_increase_though_the_clock_steps_back(books: Books, proxy: Proxy) -> None:
    books.scrape(proxy.answer())
    for seconds in (60, -3600, 60, -60, 0, 7200):
        books.scrape(proxy.spend(), seconds=seconds)
        books.close()
    with closing(sqlite3.connect(books.path)) as connection:
        assert connection.execute("SELECT sum(scrapes), sum(cost) FROM scrapes").fetchone() == (7, 9.0)


def test_the_snapshot_never_changes_after_it_was_handed_out(books: Books, proxy: Proxy) -> None:
    _fill(books, proxy, 4)
    first: Snapshot = books.snapshot
    usage, members = dict(first.usage), dict(first.members)
    books.scrape(proxy.spend(2, "opus"))
    books.roll(days=1)
    assert (dict(first.usage), dict(first.members)) == (usage, members)
