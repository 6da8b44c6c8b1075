"""Who may open a ledger's file, and when: this process at any time, others only while it has not."""

import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import pytest

from custom_components.litellm_pulse.core.errors import StoreError
from custom_components.litellm_pulse.core.query import sql
from custom_components.litellm_pulse.core.store import companions, connect, reading

from ..conftest import LedgerHarness, Proxy

OTHER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0)
try:
    print(connection.execute("SELECT sum(scrapes) FROM scrapes").fetchone()[0])
except sqlite3.OperationalError as error:
    print(error)
"""


def test_queries_of_other_threads_run_beside_the_scrapes_with_no_file_of_shared_memory(
    harness: LedgerHarness, proxy: Proxy
) -> None:
    harness.live(proxy, 2)
    done = False

    def ask() -> list[int]:
        counts = []
        while not done:
            counts.append(sum(row.scrapes for row in sql.history(harness.path, 1000, (), ())))
        return counts

    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(ask) for _ in range(2)]
        for _ in range(200):
            harness.scrape(proxy.spend())
        done = True
    for one in asked:
        counts = one.result()
        assert counts == sorted(counts)
        assert counts[-1] > counts[0]
    assert harness.files == list(companions(harness.path)[:2])


def test_a_connection_for_reading_cannot_write(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.live(proxy)
    with pytest.raises(StoreError, match="readonly"), reading(harness.path) as connection:
        connection.execute("DELETE FROM scrapes")


def test_other_programs_find_the_file_locked_until_the_ledger_is_closed(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.live(proxy, 3)
    command = [sys.executable, "-c", OTHER, str(harness.path)]
    run = partial(subprocess.run, command, capture_output=True, text=True, check=True)
    assert run().stdout == "database is locked\n"
    harness.scrape(proxy.spend())
    harness.close()
    assert run().stdout == "5\n"
    harness.open()
    harness.agree(proxy)


def test_a_program_that_reads_the_file_after_the_lock_was_lost_takes_nothing_away(
    harness: LedgerHarness, proxy: Proxy
) -> None:
    harness.live(proxy, 3)
    # Whoever opens and closes a file, for example to back it up, lets go of its process' locks.
    harness.path.read_bytes()
    command = [sys.executable, "-c", OTHER, str(harness.path)]
    run = partial(subprocess.run, command, capture_output=True, text=True, check=True)
    assert run().stdout == "4\n"
    assert harness.files == [harness.path]
    assert harness.scrape(proxy.spend()).store_error is None
    assert harness.snapshot.recovery is None
    assert sum(row.scrapes for row in sql.history(harness.path, 1000, (), ())) == 5
    assert run().stdout == "database is locked\n"
    harness.crash()
    harness.open()
    harness.agree(proxy)


def test_a_ledger_that_another_program_has_open_cannot_be_opened_and_is_left_as_it_is(
    harness: LedgerHarness, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.live(proxy)
    harness.close()
    before = harness.path.read_bytes()
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", f"{OTHER}\nsys.stdout.flush(); sys.stdin.read()", str(harness.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with monkeypatch.context() as patch:
            patch.setattr(sqlite3, "connect", partial(sqlite3.connect, timeout=0))
            with pytest.raises(StoreError, match="locked"):
                harness.open()
        assert harness.path.read_bytes() == before
        other.communicate()
    harness.open()
    harness.agree(proxy)


def test_what_a_power_cut_left_in_the_log_is_read_though_nobody_has_opened_the_file(
    harness: LedgerHarness, proxy: Proxy
) -> None:
    harness.live(proxy, 2)
    copy = harness.path.with_name("copy.db")
    for file, to in zip(companions(harness.path)[:2], companions(copy)[:2], strict=True):
        shutil.copy(file, to)
    assert sql.history(copy, 1000, (), ()) == sql.history(harness.path, 1000, (), ())
    with closing(connect(copy, "rwc")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
