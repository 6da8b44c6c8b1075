"""Who may open a ledger's file, and when: this process at any time, others only while it has not."""

import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import pytest

from custom_components.litellm_pulse.core import queries
from custom_components.litellm_pulse.core.database import companions, connect, reading
from custom_components.litellm_pulse.core.errors import StoreError

from .conftest import Books, Proxy

OTHER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0)
try:
    print(connection.execute("SELECT sum(scrapes) FROM scrapes").fetchone()[0])
except sqlite3.OperationalError as error:
    print(error)
"""


def test_queries_of_other_threads_run_beside_the_scrapes_with_no_file_of_shared_memory(
    books: Books, proxy: Proxy
) -> None:
    books.live(proxy, 2)
    done = False

    def ask() -> list[int]:
        counts = []
        while not done:
            counts.append(sum(row.scrapes for row in queries.history(books.path, 1000, (), ())))
        return counts

    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(ask) for _ in range(2)]
        for _ in range(200):
            books.scrape(proxy.spend())
        done = True
    for one in asked:
        counts = one.result()
        assert counts == sorted(counts)
        assert counts[-1] > counts[0]
    assert books.files == list(companions(books.path)[:2])


def test_a_connection_for_reading_cannot_write(books: Books, proxy: Proxy) -> None:
    books.live(proxy)
    with pytest.raises(StoreError, match="readonly"), reading(books.path) as connection:
        connection.execute("DELETE FROM scrapes")


def test_other_programs_find_the_file_locked_until_the_ledger_is_closed(books: Books, proxy: Proxy) -> None:
    books.live(proxy, 3)
    command = [sys.executable, "-c", OTHER, str(books.path)]
    run = partial(subprocess.run, command, capture_output=True, text=True, check=True)
    assert run().stdout == "database is locked\n"
    books.scrape(proxy.spend())
    books.close()
    assert run().stdout == "5\n"
    books.open()
    books.agree(proxy)


def test_a_program_that_reads_the_file_after_the_lock_was_lost_takes_nothing_away(books: Books, proxy: Proxy) -> None:
    books.live(proxy, 3)
    # Whoever opens and closes a file, for example to back it up, lets go of its process' locks.
    books.path.read_bytes()
    command = [sys.executable, "-c", OTHER, str(books.path)]
    run = partial(subprocess.run, command, capture_output=True, text=True, check=True)
    assert run().stdout == "4\n"
    assert books.files == [books.path]
    assert books.scrape(proxy.spend()).store_error is None
    assert books.snapshot.recovery is None
    assert sum(row.scrapes for row in queries.history(books.path, 1000, (), ())) == 5
    assert run().stdout == "database is locked\n"
    books.crash()
    books.open()
    books.agree(proxy)


def test_a_ledger_that_another_program_has_open_cannot_be_opened_and_is_left_as_it_is(
    books: Books, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.live(proxy)
    books.close()
    before = books.path.read_bytes()
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", f"{OTHER}\nsys.stdout.flush(); sys.stdin.read()", str(books.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with monkeypatch.context() as patch:
            patch.setattr(sqlite3, "connect", partial(sqlite3.connect, timeout=0))
            with pytest.raises(StoreError, match="locked"):
                books.open()
        assert books.path.read_bytes() == before
        other.communicate()
    books.open()
    books.agree(proxy)


def test_what_a_power_cut_left_in_the_log_is_read_though_nobody_has_opened_the_file(books: Books, proxy: Proxy) -> None:
    books.live(proxy, 2)
    copy = books.path.with_name("copy.db")
    for file, to in zip(companions(books.path)[:2], companions(copy)[:2], strict=True):
        shutil.copy(file, to)
    assert queries.history(copy, 1000, (), ()) == queries.history(books.path, 1000, (), ())
    with closing(connect(copy, "rwc")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
