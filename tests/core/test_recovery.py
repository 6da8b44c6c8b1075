"""Whatever happens to the file, the totals stand: real files, cut off, overwritten and deleted."""

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse.core.database import companions

from .bodies import COST, body, cost, family
from .conftest import Books, Proxy

PAGE = 1024


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
    books.live(proxy)
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
    books.live(proxy)
    books.close()
    damage(books.path)
    books.open()
    books.scrape(proxy.answer())
    assert books.total() == 0
    books.scrape(proxy.spend(2))
    assert books.total() == 2


def test_a_single_page_overwritten_with_random_bytes_loses_no_totals(books: Books, proxy: Proxy) -> None:
    books.live(proxy)
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
        for file in books.files:
            file.unlink()
    assert recovered > pages * 0.9


@damages
@pytest.mark.parametrize("files", [1, 2], ids=["the file", "and its log"])
def test_what_happens_to_the_file_while_it_is_open_loses_no_totals(
    books: Books, proxy: Proxy, damage: Callable[[Path], None], files: int
) -> None:
    books.live(proxy)
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
    books.live(proxy)
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
    books.live(proxy)
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
    books.live(proxy)
    shutil.rmtree(books.path.parent)
    books.scrape(proxy.spend())
    assert books.snapshot.store_error is None
    books.reopen()
    books.agree(proxy)
    books.close()


def test_a_file_put_in_its_place_does_not_replace_what_is_known(books: Books, proxy: Proxy) -> None:
    books.live(proxy)
    other = Books(books.path.with_name("other.db"))
    other.scrape(cost(1))
    other.close()
    other.path.replace(books.path)
    books.scrape(proxy.spend())
    books.agree(proxy)
    books.reopen()
    books.agree(proxy)


def test_a_recovery_that_is_closed_before_a_scrape_is_made_again(books: Books, proxy: Proxy) -> None:
    books.live(proxy)
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
    books.live(proxy)


def test_a_crash_at_once_after_a_recovery_loses_no_totals(books: Books, proxy: Proxy) -> None:
    books.live(proxy)
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


def test_workers_that_restart_between_two_recoveries_are_counted_from_zero(books: Books) -> None:
    books.scrape(cost(5))
    books.scrape(cost(8))
    for answer in (body(family(COST, {})), cost(8)):
        saved = books.head()
        books.crash()
        books.path.unlink()
        books.open(saved)
        books.scrape(answer)
    assert books.total() == 3 + 8
