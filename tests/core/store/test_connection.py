"""The file of a ledger: its schema, what is written when, and power cuts."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from custom_components.litellm_pulse.core.catalog import COUNTERS
from custom_components.litellm_pulse.core.errors import NewerSchemaError, StoreError
from custom_components.litellm_pulse.core.models import Snapshot
from custom_components.litellm_pulse.core.store import companions, migrations

from ..bodies import COST, START, body, family, series
from ..conftest import MODELS, LedgerHarness, Proxy

FIXTURES = Path(__file__).parents[2] / "fixtures"

GPT, OPUS = series(model="gpt-4o"), series(model="opus")
OLD = START.timestamp() - 5000


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_newer_schema_is_refused_and_left_untouched(harness: LedgerHarness, proxy: Proxy, mode: str) -> None:
    harness.live(proxy)
    saved = harness.spare_copy()
    harness.close()
    with closing(sqlite3.connect(harness.path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("PRAGMA user_version = 1000")
    before, files = harness.path.read_bytes(), harness.files
    for _ in range(2):
        with pytest.raises(NewerSchemaError):
            harness.open(saved)
        assert harness.path.read_bytes() == before
        assert harness.files == files
    with closing(sqlite3.connect(harness.path)) as connection:
        connection.execute(f"PRAGMA user_version = {migrations.VERSION}")
    harness.open()
    harness.agree(proxy)


def test_the_columns_of_the_file_are_the_counters_of_the_catalog(harness: LedgerHarness) -> None:
    harness.open()
    names = [metric.name for metric in COUNTERS]
    with closing(sqlite3.connect(harness.path)) as connection:
        columns = {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for table in ("posted", "unposted", "usage", "running", "scrapes")
        }
    assert columns["posted"] == columns["unposted"] == columns["usage"]
    assert columns["usage"][3:] == columns["running"][4:] == names
    # A counter of a later release comes after the sums of those before it.
    assert sorted(columns["scrapes"][5:]) == sorted(names + [f"raw_{name}" for name in names])


def test_a_step_of_the_schema_that_fails_leaves_the_file_as_it_was(
    harness: LedgerHarness, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def second() -> tuple[str, ...]:
        return "ALTER TABLE posted ADD COLUMN later REAL", "CREATE TABLE meta (wrong)"

    harness.live(proxy)
    harness.close()
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, second))
    monkeypatch.setattr(migrations, "VERSION", migrations.VERSION + 1)
    with pytest.raises(StoreError):
        harness.open()
    monkeypatch.undo()
    harness.open()
    harness.scrape(proxy.spend())
    harness.agree(proxy)


def test_a_file_of_the_first_schema_goes_on_with_all_that_it_has(harness: LedgerHarness, proxy: Proxy) -> None:
    shutil.copy(FIXTURES / "ledger-schema-1.db", harness.path)
    for index in range(12):
        proxy.spend(index / 8, MODELS[index % 3])
    harness.now = datetime(2026, 11, 20, 0, 1, tzinfo=UTC)
    harness.open()
    harness.agree(proxy)
    assert harness.per_window() == {"day": 1.375, "week": 8.25, "month": 8.25, "year": 8.25, "lifetime": 8.25}
    harness.scrape(proxy.spend(0.5))
    harness.scrape(proxy.spend(0.25), seconds=900)
    windows = harness.per_window()
    assert windows == {"day": 2.125, "week": 9.0, "month": 9.0, "year": 9.0, "lifetime": 9.0}
    harness.reopen()
    harness.agree(proxy)
    assert harness.per_window() == windows
    with closing(sqlite3.connect(harness.path)) as connection:
        query = "SELECT resolution, sum(cost) FROM usage GROUP BY resolution"
        assert connection.execute(query).fetchall() == [(0, 9.0), (1, 9.0), (2, 9.0)]


@pytest.mark.parametrize("schema", [2, 3, 5])
def test_a_file_of_an_earlier_schema_goes_on_with_all_that_it_has(
    harness: LedgerHarness, proxy: Proxy, schema: int
) -> None:
    shutil.copy(FIXTURES / f"ledger-schema-{schema}.db", harness.path)
    for index in range(12):
        proxy.spend(index / 8, MODELS[index % 3])
    proxy.spend(2.5, "opus")
    harness.now = datetime(2026, 11, 20, 0, 2, tzinfo=UTC)
    harness.open()
    harness.agree(proxy)
    assert harness.per_window() == {"day": 3.875, "week": 10.75, "month": 10.75, "year": 10.75, "lifetime": 10.75}
    harness.scrape(proxy.spend(0.5))
    proxy.restart(harness.now)
    harness.scrape(proxy.spend(0.25))
    harness.reopen()
    harness.scrape(proxy.spend(0.25))
    harness.agree(proxy)


def test_after_an_hour_without_changes_the_file_is_whole_without_its_log(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.live(proxy)
    log = companions(harness.path)[1]
    assert log.stat().st_size > 0
    for _ in range(61):
        harness.scrape(proxy.answer())
    copy = LedgerHarness(harness.path.with_name("copy.db"), now=harness.now)
    shutil.copy(harness.path, copy.path)
    copy.open()
    copy.agree(proxy)
    assert copy.per_window() == harness.per_window()
    copy.close()
    assert log.stat().st_size == 0


def test_power_cut_between_two_commits_is_made_up_for(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.live(proxy)
    for index in range(6):
        harness.scrape(proxy.spend(index))
        harness.crash()
        proxy.spend(2, "opus")
        harness.open()
    harness.scrape(proxy.answer())
    harness.agree(proxy)


def test_an_idle_proxy_is_written_down_every_hour_and_no_more(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.live(proxy)
    with closing(sqlite3.connect(harness.path)) as connection:
        versions = []
        for _ in range(240):
            harness.scrape(proxy.answer())
            versions.append(connection.execute("PRAGMA data_version").fetchone()[0])
    assert 3 <= len(set(versions)) <= 5
    last = harness.snapshot.last_scrape
    harness.reopen()
    assert harness.snapshot.last_scrape == last


@pytest.mark.parametrize("start", [OLD, None], ids=["one process", "several workers"])
@pytest.mark.parametrize("created", [None, {GPT: OLD, OPUS: OLD}], ids=["without times", "with times of creation"])
def test_a_series_that_every_other_answer_lacks_is_no_reason_to_write(
    harness: LedgerHarness, start: float | None, created: dict[str, float] | None
) -> None:
    both, one = (family(COST, values, created) for values in ({GPT: 5.0, OPUS: 3.0}, {GPT: 5.0}))
    harness.scrape(body(both, start=start))
    with closing(sqlite3.connect(harness.path)) as connection:
        versions = []
        for number in range(240):
            harness.scrape(body(one if number % 2 else both, start=start))
            versions.append(connection.execute("PRAGMA data_version").fetchone()[0])
    assert 3 <= len(set(versions)) <= 5
    harness.crash()
    harness.open()
    harness.scrape(body(family(COST, {GPT: 5.5, OPUS: 3.25}, created), start=start))
    assert harness.total() == 0.75


def test_what_is_missing_is_written_with_what_counts(harness: LedgerHarness) -> None:
    """Workers that restart lack a series at first; a crash must not bring back what they had before."""
    harness.scrape(body(family(COST, {GPT: 5.0, OPUS: 3.0})))
    harness.scrape(body(family(COST, {OPUS: 3.0})))
    harness.scrape(body(family(COST, {OPUS: 4.0})))
    harness.crash()
    harness.open()
    harness.scrape(body(family(COST, {GPT: 1.0, OPUS: 4.0})))
    assert harness.total() == 5.0


def test_after_a_crash_of_an_idle_ledger_the_time_of_the_last_scrape_is_an_hour_old_at_most(
    harness: LedgerHarness, proxy: Proxy
) -> None:
    harness.live(proxy)
    for _ in range(100):
        harness.scrape(proxy.answer())
    harness.crash()
    last = harness.open().snapshot.last_scrape
    assert last is not None
    assert harness.now - last <= timedelta(hours=1)
    harness.scrape(proxy.spend())
    harness.agree(proxy)


def test_a_run_of_scrapes_in_which_nothing_changed_is_one_row(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.scrape(proxy.answer())
    for _ in range(50):
        harness.scrape(proxy.answer())
    harness.scrape(proxy.spend())
    harness.close()
    with closing(sqlite3.connect(harness.path)) as connection:
        assert connection.execute("SELECT scrapes FROM scrapes ORDER BY at").fetchall() == [(51,), (1,)]


def test_the_history_has_every_increase_though_the_clock_steps_back(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.scrape(proxy.answer())
    for seconds in (60, -3600, 60, -60, 0, 7200):
        harness.scrape(proxy.spend(), seconds=seconds)
        harness.close()
    with closing(sqlite3.connect(harness.path)) as connection:
        assert connection.execute("SELECT sum(scrapes), sum(cost) FROM scrapes").fetchone() == (7, 9.0)


def test_the_snapshot_never_changes_after_it_was_handed_out(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.live(proxy, 4)
    first: Snapshot = harness.snapshot
    usage, members = dict(first.usage), dict(first.members)
    harness.scrape(proxy.spend(2, "opus"))
    harness.roll(days=1)
    assert (dict(first.usage), dict(first.members)) == (usage, members)
