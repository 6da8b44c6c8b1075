"""A file that cannot be read as it should, a file that is copied: each is one error, and no total is lost."""

from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse.core.models import Window
from custom_components.litellm_pulse.core.store import writer
from custom_components.litellm_pulse.core.store.database import typed_errors

from ..conftest import LedgerHarness, Proxy
from .test_disk import limited_files

DAY = 86400


def _spoil(harness: LedgerHarness, *statements: str) -> None:
    """Change the file as no program should."""
    with typed_errors():
        for one in statements:
            harness.ledger._writer.store._connection.execute(one)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE attributions SET dimension = 'nonsense'",
        "UPDATE meta SET value = 'nonsense' WHERE key = 'last_scrape'",
        "UPDATE meta SET value = 'nonsense' WHERE key = 'clock'",
        "UPDATE meta SET value = 9e999 WHERE key = 'last_scrape'",
        "UPDATE series SET attribution = 99",
        "UPDATE baselines SET untold = 'nonsense'",
        "UPDATE baselines SET value = 9e999",
        "UPDATE origins SET since = 'nonsense' WHERE metric = 'cost'",
        "UPDATE processes SET start = x'00'",
        "UPDATE processes SET number = 9e999",
        "UPDATE members SET name = x'00'",
        "UPDATE scrapes SET scrapes = 'many'",
        "UPDATE meta SET value = '{\"nonsense\": 1}' WHERE key = 'clock'",
        "UPDATE meta SET value = '[1]' WHERE key = 'blocked'",
        "UPDATE baselines SET series = series + 99999",
        "UPDATE baselines SET value = -5",
        "UPDATE series SET metrics = '-1'",
        "UPDATE series SET id = id + (1 << 62)",
        "UPDATE meta SET value = 1e18 WHERE key = 'last_scrape'",
        "INSERT INTO meta VALUES ('recovered_at', -1e18)",
        "INSERT INTO budgets VALUES ('team', 't', 1, 1, 1e18, 1, '')",
        "UPDATE attributions SET attribution = attribution + (1 << 40)",
        "UPDATE attributions SET attribution = attribution + 99999",
        "UPDATE posted SET cost = 9e999 WHERE resolution = 2",
        "UPDATE posted SET cost = 9e999 WHERE resolution = 1",
        "UPDATE posted SET cost = 1e308 WHERE resolution = 2",
        "UPDATE posted SET cost = 'nonsense' WHERE resolution = 2",
        "UPDATE posted SET cost = x'00' WHERE resolution = 1",
        "UPDATE posted SET start = -start WHERE resolution = 2",
        "UPDATE posted SET start = start + (1 << 61) WHERE resolution = 2",
        "UPDATE posted SET start = 'x' || start WHERE resolution = 2",
        "UPDATE posted SET resolution = 7 WHERE resolution = 2",
        "UPDATE posted SET resolution = -7 WHERE resolution = 2",
        "UPDATE posted SET resolution = 'nonsense' WHERE resolution = 2",
        "UPDATE posted SET attribution = attribution + 99999 WHERE resolution = 2",
        "UPDATE running SET cost = 9e999",
        "UPDATE running SET cost = 'nonsense'",
        "UPDATE running SET month = -1",
        "UPDATE running SET day = 'nonsense'",
    ],
)
def test_rows_that_contradict_each_other_are_damage_and_totals_come_from_the_spare_copy(
    harness: LedgerHarness, proxy: Proxy, damage: str
) -> None:
    harness.live(proxy)
    saved = harness.spare_copy()
    harness.ledger._writer.write(harness.now)
    _spoil(harness, "INSERT OR IGNORE INTO meta VALUES ('blocked', '')", damage)
    harness.crash()
    harness.open(saved)
    recovery = harness.snapshot.recovery
    assert recovery is not None
    assert recovery.set_aside is not None
    assert "contradict" in recovery.reason
    harness.scrape(proxy.answer())
    harness.agree(proxy)


def test_a_page_that_cannot_be_written_any_more_has_the_file_begun_anew(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.live(proxy)
    _spoil(
        harness,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET rootpage = 100000 WHERE name = 'running'",
        "PRAGMA writable_schema = RESET",
    )
    harness.scrape(proxy.spend())
    assert harness.snapshot.recovery is not None
    assert harness.snapshot.store_error is None
    harness.agree(proxy)
    harness.reopen()
    harness.agree(proxy)


def test_windows_that_cannot_be_read_wait_and_the_error_is_told(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.live(proxy)
    (created,) = harness.ledger._writer.store.rows("SELECT sql FROM sqlite_schema WHERE name = 'usage'")[0]
    _spoil(harness, "DROP VIEW usage")
    zone = ZoneInfo("Asia/Kathmandu")
    harness.ledger.set_zone(zone, now=harness.now)
    assert harness.snapshot.store_error
    harness.agree(proxy)
    _spoil(harness, created)
    assert harness.scrape(proxy.spend()).store_error is None
    harness.agree(proxy)
    begun = harness.snapshot.window_starts[Window.DAY]
    assert begun is not None
    assert begun.astimezone(zone).hour == 0


def test_windows_that_began_ahead_of_time_are_taken_back_by_the_next_answer(
    harness: LedgerHarness, proxy: Proxy
) -> None:
    harness.scrape(proxy.answer())
    harness.scrape(proxy.spend(2))
    before = harness.per_window()
    now = harness.now
    harness.roll(days=400)
    assert harness.total(window=Window.DAY) == harness.total(window=Window.YEAR) == 0
    harness.now = now
    harness.scrape(proxy.answer())
    assert harness.per_window() == before


def test_windows_that_began_ahead_of_time_while_the_file_cannot_be_read_are_an_error_and_lose_nothing(
    harness: LedgerHarness, proxy: Proxy
) -> None:
    harness.scrape(proxy.answer())
    harness.scrape(proxy.spend(2))
    now = harness.now
    harness.roll(days=400)
    harness.now = now
    (created,) = harness.ledger._writer.store.rows("SELECT sql FROM sqlite_schema WHERE name = 'usage'")[0]
    _spoil(harness, "DROP VIEW usage")
    harness.scrape(proxy.answer())
    assert harness.total() == 2
    _spoil(harness, created)
    harness.scrape(proxy.answer())
    assert harness.total(window=Window.DAY) == 2


def test_what_is_old_and_cannot_be_deleted_is_an_error_and_tried_again(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.scrape(proxy.answer())
    _spoil(harness, "CREATE TEMP TRIGGER kept BEFORE DELETE ON scrapes BEGIN SELECT raise(ABORT, 'kept'); END")
    harness.ledger._writer.retention_days = 1
    for _ in range(3):
        harness.scrape(proxy.spend(), seconds=DAY)
    assert harness.snapshot.store_error == "kept"
    _spoil(harness, "DROP TRIGGER kept")
    for _ in range(2):
        assert harness.scrape(proxy.spend()).store_error is None
    harness.agree(proxy)


def test_while_a_disk_is_full_the_list_of_scrapes_does_not_grow_without_end(
    harness: LedgerHarness, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "WAITING_SCRAPES", 20)
    harness.scrape(proxy.answer())
    with limited_files(harness) as disk:
        disk.fill()
        for _ in range(50):
            harness.scrape(proxy.spend())
        assert len(harness.snapshot.runs) <= 21
        disk.clear()
        assert harness.scrape(proxy.spend()).store_error is None
    harness.agree(proxy)


@pytest.mark.parametrize("refused", ["copied", "full", "full before"])
def test_a_clock_that_returns_while_the_file_is_left_alone_loses_nothing(
    harness: LedgerHarness, proxy: Proxy, refused: str
) -> None:
    harness.scrape(proxy.answer())
    harness.scrape(proxy.spend(2))
    now = harness.now
    with limited_files(harness) as disk:
        if refused == "full before":
            disk.fill()
        harness.scrape(proxy.spend(3), seconds=3650 * DAY)
        if refused == "copied":
            harness.ledger.pause(now=harness.now)
        elif refused == "full":
            disk.fill()
        harness.now = now
        harness.scrape(proxy.spend(4))
        assert harness.total() == 9
        harness.ledger.resume()
        disk.clear()
        harness.scrape(proxy.spend(1))
    assert harness.snapshot.store_error is None
    for _ in range(2):
        harness.agree(proxy)
        assert harness.per_window() == dict.fromkeys(harness.per_window(), 10)
        harness.reopen()
    harness.scrape(proxy.spend(5), seconds=DAY)
    assert harness.per_window() == {"day": 5, "week": 15, "month": 15, "year": 15, "lifetime": 15}
