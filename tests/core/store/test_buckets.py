"""Usage of the running quarter-hour waits apart: every sum is as if it did not."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse.core import windows

from ..conftest import LedgerHarness, Proxy
from .test_disk import limited_files

ZONE = ZoneInfo("Asia/Kathmandu")
EVE = datetime(2026, 11, 30, 18, 0, tzinfo=UTC)
"""A quarter of an hour before the last day of the month ends in ZONE."""


@pytest.fixture
def harness(harness: LedgerHarness) -> LedgerHarness:
    """A ledger that is a quarter of an hour from the next day and month."""
    harness.zone, harness.now = ZONE, EVE
    return harness


def _rows(harness: LedgerHarness, table: str) -> list[tuple[int, int, float]]:
    """Return (resolution, start, spend) of all attributions."""
    query = f"SELECT resolution, start, total(cost) FROM {table} GROUP BY 1, 2 ORDER BY 1, 2"  # noqa: S608
    with closing(sqlite3.connect(harness.path)) as connection:
        return connection.execute(query).fetchall()


def _expected(spent: dict[datetime, float]) -> list[tuple[int, int, float]]:
    """Return what `_rows` are to be, for what was spent when."""
    sums: dict[tuple[int, int], float] = {}
    for at, amount in spent.items():
        for key in enumerate(windows.bucket_of(at, ZONE)):
            sums[key] = sums.get(key, 0) + amount
    return [(*key, amount) for key, amount in sorted(sums.items())]


def test_usage_is_all_there_before_and_after_it_is_posted(harness: LedgerHarness, proxy: Proxy) -> None:
    spent = {}
    harness.scrape(proxy.answer(), seconds=0)
    for amount in range(1, 40):
        harness.scrape(proxy.spend(amount), seconds=97)
        spent[harness.now] = float(amount)
        assert _rows(harness, "usage") == _expected(spent)
    quarter = windows.quarter_of(harness.now)
    posted = {at: amount for at, amount in spent.items() if windows.quarter_of(at) < quarter}
    assert _rows(harness, "posted") == _expected(posted)


def test_what_waits_for_a_full_disk_is_posted_to_the_quarters_in_which_it_was_used(
    harness: LedgerHarness, proxy: Proxy
) -> None:
    spent = {}
    harness.scrape(proxy.answer(), seconds=0)
    with limited_files(harness) as disk:
        for amount in range(1, 40):
            if amount == 5:
                disk.fill()
            snapshot = harness.scrape(proxy.spend(amount), seconds=97)
            spent[harness.now] = float(amount)
        assert snapshot.store_error
    harness.scrape(proxy.answer())
    assert _rows(harness, "usage") == _expected(spent)
    harness.crash()
    harness.open()
    harness.agree(proxy)


def test_usage_that_is_not_posted_yet_moves_to_another_zone_too(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.zone = ZoneInfo("UTC")
    harness.scrape(proxy.answer())
    harness.scrape(proxy.spend(2), seconds=60)
    harness.scrape(proxy.spend(3), seconds=900)
    assert harness.per_window() == dict.fromkeys(harness.per_window(), 5)
    harness.zone = ZONE
    harness.ledger.set_zone(harness.zone, now=harness.now)
    assert harness.per_window() == {"day": 3, "week": 5, "month": 3, "year": 5, "lifetime": 5}
    harness.scrape(proxy.spend(4), seconds=1)
    windows = {"day": 7, "week": 9, "month": 7, "year": 9, "lifetime": 9}
    assert harness.per_window() == windows
    harness.reopen()
    assert harness.per_window() == windows


def test_what_is_filed_where_it_is_brought_to_stays(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.scrape(proxy.answer(), seconds=0)
    spent = {}
    for amount in range(1, 9):
        harness.scrape(proxy.spend(amount), seconds=600)
        spent[harness.now] = float(amount)
    first, *_, last = spent
    writer = harness.ledger._writer
    # From the second quarter-hour on, into the last; then all that is later than the first, into the last again.
    kept = {at: amount for at, amount in spent.items() if windows.quarter_of(at) == windows.quarter_of(first)}
    moved = {**kept, last: sum(spent.values()) - sum(kept.values())}
    into = windows.bucket_of(last, ZONE)
    writer.refile_since(windows.quarter_of(first) + 1, ZONE, into, harness.now)
    assert _rows(harness, "usage") == _expected(moved)
    writer.refile(windows.bucket_of(first, ZONE), into, harness.now)
    assert _rows(harness, "usage") == _expected(moved)
