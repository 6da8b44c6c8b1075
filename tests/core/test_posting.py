"""Usage of the running quarter-hour waits apart: every sum is as if it did not."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse.core import windows

from .conftest import Books, Proxy
from .test_disk import limited_files

ZONE = ZoneInfo("Asia/Kathmandu")
EVE = datetime(2026, 11, 30, 18, 0, tzinfo=UTC)
"""A quarter of an hour before the last day of the month ends in ZONE."""


@pytest.fixture
def books(books: Books) -> Books:
    """A ledger that is a quarter of an hour from the next day and month."""
    books.zone, books.now = ZONE, EVE
    return books


def _rows(books: Books, table: str) -> list[tuple[int, int, float]]:
    """Return (resolution, start, spend) of all attributions."""
    query = f"SELECT resolution, start, total(cost) FROM {table} GROUP BY 1, 2 ORDER BY 1, 2"  # noqa: S608
    with closing(sqlite3.connect(books.path)) as connection:
        return connection.execute(query).fetchall()


def _expected(spent: dict[datetime, float]) -> list[tuple[int, int, float]]:
    """Return what `_rows` are to be, for what was spent when."""
    sums: dict[tuple[int, int], float] = {}
    for at, amount in spent.items():
        for key in enumerate(windows.bucket_of(at, ZONE)):
            sums[key] = sums.get(key, 0) + amount
    return [(*key, amount) for key, amount in sorted(sums.items())]


def test_usage_is_all_there_before_and_after_it_is_posted(books: Books, proxy: Proxy) -> None:
    spent = {}
    books.scrape(proxy.answer(), seconds=0)
    for amount in range(1, 40):
        books.scrape(proxy.spend(amount), seconds=97)
        spent[books.now] = float(amount)
        assert _rows(books, "usage") == _expected(spent)
    quarter = windows.quarter_of(books.now)
    posted = {at: amount for at, amount in spent.items() if windows.quarter_of(at) < quarter}
    assert _rows(books, "posted") == _expected(posted)


def test_what_waits_for_a_full_disk_is_posted_to_the_quarters_in_which_it_was_used(books: Books, proxy: Proxy) -> None:
    spent = {}
    books.scrape(proxy.answer(), seconds=0)
    with limited_files(books) as disk:
        for amount in range(1, 40):
            if amount == 5:
                disk.fill()
            snapshot = books.scrape(proxy.spend(amount), seconds=97)
            spent[books.now] = float(amount)
        assert snapshot.store_error
    books.scrape(proxy.answer())
    assert _rows(books, "usage") == _expected(spent)
    books.crash()
    books.open()
    books.agree(proxy)


def test_usage_that_is_not_posted_yet_moves_to_another_zone_too(books: Books, proxy: Proxy) -> None:
    books.zone = ZoneInfo("UTC")
    books.scrape(proxy.answer())
    books.scrape(proxy.spend(2), seconds=60)
    books.scrape(proxy.spend(3), seconds=900)
    assert books.per_window() == dict.fromkeys(books.per_window(), 5)
    books.zone = ZONE
    books.ledger.set_zone(books.zone, now=books.now)
    assert books.per_window() == {"day": 3, "week": 5, "month": 3, "year": 5, "lifetime": 5}
    books.scrape(proxy.spend(4), seconds=1)
    windows = {"day": 7, "week": 9, "month": 7, "year": 9, "lifetime": 9}
    assert books.per_window() == windows
    books.reopen()
    assert books.per_window() == windows
