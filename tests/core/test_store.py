"""The file of a ledger: its schema, what is written when, and power cuts."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from custom_components.litellm_pulse.core import migrations
from custom_components.litellm_pulse.core.catalog import COUNTERS
from custom_components.litellm_pulse.core.database import companions
from custom_components.litellm_pulse.core.errors import NewerSchemaError, StoreError
from custom_components.litellm_pulse.core.models import Snapshot

from .conftest import MODELS, Books, Proxy

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_newer_schema_is_refused_and_left_untouched(books: Books, proxy: Proxy, mode: str) -> None:
    books.live(proxy)
    saved = books.head()
    books.close()
    with closing(sqlite3.connect(books.path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("PRAGMA user_version = 1000")
    before, files = books.path.read_bytes(), books.files
    for _ in range(2):
        with pytest.raises(NewerSchemaError):
            books.open(saved)
        assert books.path.read_bytes() == before
        assert books.files == files
    with closing(sqlite3.connect(books.path)) as connection:
        connection.execute(f"PRAGMA user_version = {migrations.VERSION}")
    books.open()
    books.agree(proxy)


def test_the_columns_of_the_file_are_the_counters_of_the_catalog_in_their_order(books: Books) -> None:
    books.open()
    names = [metric.name for metric in COUNTERS]
    with closing(sqlite3.connect(books.path)) as connection:
        columns = {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for table in ("posted", "unposted", "usage", "running", "scrapes")
        }
    assert columns["posted"] == columns["unposted"] == columns["usage"]
    assert columns["usage"][3:] == columns["running"][4:] == names
    assert columns["scrapes"][5:] == names + [f"raw_{name}" for name in names]


def test_a_step_of_the_schema_that_fails_leaves_the_file_as_it_was(
    books: Books, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def second() -> tuple[str, ...]:
        return "ALTER TABLE posted ADD COLUMN later REAL", "CREATE TABLE meta (wrong)"

    books.live(proxy)
    books.close()
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, second))
    monkeypatch.setattr(migrations, "VERSION", migrations.VERSION + 1)
    with pytest.raises(StoreError):
        books.open()
    monkeypatch.undo()
    books.open()
    books.scrape(proxy.spend())
    books.agree(proxy)


def test_a_file_of_the_first_schema_goes_on_with_all_that_it_has(books: Books, proxy: Proxy) -> None:
    shutil.copy(FIXTURES / "ledger-schema-1.db", books.path)
    for index in range(12):
        proxy.spend(index / 8, MODELS[index % 3])
    books.now = datetime(2026, 11, 20, 0, 1, tzinfo=UTC)
    books.open()
    books.agree(proxy)
    assert books.per_window() == {"day": 1.375, "week": 8.25, "month": 8.25, "year": 8.25, "lifetime": 8.25}
    books.scrape(proxy.spend(0.5))
    books.scrape(proxy.spend(0.25), seconds=900)
    windows = books.per_window()
    assert windows == {"day": 2.125, "week": 9.0, "month": 9.0, "year": 9.0, "lifetime": 9.0}
    books.reopen()
    books.agree(proxy)
    assert books.per_window() == windows
    with closing(sqlite3.connect(books.path)) as connection:
        query = "SELECT resolution, sum(cost) FROM usage GROUP BY resolution"
        assert connection.execute(query).fetchall() == [(0, 9.0), (1, 9.0), (2, 9.0)]


def test_after_an_hour_without_changes_the_file_is_whole_without_its_log(books: Books, proxy: Proxy) -> None:
    books.live(proxy)
    log = companions(books.path)[1]
    assert log.stat().st_size > 0
    for _ in range(61):
        books.scrape(proxy.answer())
    copy = Books(books.path.with_name("copy.db"), now=books.now)
    shutil.copy(books.path, copy.path)
    copy.open()
    copy.agree(proxy)
    assert copy.per_window() == books.per_window()
    copy.close()
    assert log.stat().st_size == 0


def test_power_cut_between_two_commits_is_made_up_for(books: Books, proxy: Proxy) -> None:
    books.live(proxy)
    for index in range(6):
        books.scrape(proxy.spend(index))
        books.crash()
        proxy.spend(2, "opus")
        books.open()
    books.scrape(proxy.answer())
    books.agree(proxy)


def test_an_idle_proxy_is_written_down_every_hour_and_no_more(books: Books, proxy: Proxy) -> None:
    books.live(proxy)
    with closing(sqlite3.connect(books.path)) as connection:
        versions = []
        for _ in range(240):
            books.scrape(proxy.answer())
            versions.append(connection.execute("PRAGMA data_version").fetchone()[0])
    assert 3 <= len(set(versions)) <= 5
    last = books.snapshot.last_scrape
    books.reopen()
    assert books.snapshot.last_scrape == last


def test_after_a_crash_of_an_idle_ledger_the_time_of_the_last_scrape_is_an_hour_old_at_most(
    books: Books, proxy: Proxy
) -> None:
    books.live(proxy)
    for _ in range(100):
        books.scrape(proxy.answer())
    books.crash()
    last = books.open().snapshot.last_scrape
    assert last is not None
    assert books.now - last <= timedelta(hours=1)
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
    books.live(proxy, 4)
    first: Snapshot = books.snapshot
    usage, members = dict(first.usage), dict(first.members)
    books.scrape(proxy.spend(2, "opus"))
    books.roll(days=1)
    assert (dict(first.usage), dict(first.members)) == (usage, members)
