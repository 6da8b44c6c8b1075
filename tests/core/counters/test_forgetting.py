"""What is gone for a week is forgotten, in memory and in the file; totals stay."""

import pytest

from ..bodies import COST, START, body, family, series
from ..conftest import LedgerHarness, Proxy
from ..store.test_disk import limited_files

DAY = 86400
OLD = START.timestamp() - 1e6
"""When a process began that was there before the ledger."""


def _answer(values: dict[str, float], start: float = OLD, created: float | None = None) -> bytes:
    """Return the answer of a proxy that has spent so much with each model."""
    samples = {series(model=model): value for model, value in values.items()}
    return body(family(COST, samples, None if created is None else dict.fromkeys(samples, created)), start=start)


def _count(harness: LedgerHarness, table: str) -> int:
    """Return how many rows a table has."""
    ((found,),) = harness.ledger._writer.store.rows(f"SELECT count(*) FROM {table}")  # noqa: S608
    return int(found)


def test_a_series_that_is_gone_for_a_week_is_forgotten(harness: LedgerHarness) -> None:
    harness.scrape(_answer({"a": 1, "b": 1}))
    harness.scrape(_answer({"a": 2, "b": 2}))
    for day in range(10):
        harness.scrape(_answer({"a": 3 + day}), seconds=DAY)
    assert _count(harness, "baselines") == 1
    assert harness.total() == 12


def test_of_a_proxy_that_restarts_all_the_time_the_latest_processes_are_kept(harness: LedgerHarness) -> None:
    harness.scrape(_answer({"a": 1}))
    for _ in range(70):
        harness.scrape(_answer({"a": 1}, start=harness.now.timestamp() + 1800), seconds=1860)
    assert harness.total() == 70
    assert _count(harness, "baselines") <= 60
    harness.reopen()
    assert harness.total() == 70


def test_of_a_proxy_that_restarts_every_minute_the_latest_processes_are_kept_from_the_first_hour_on(
    harness: LedgerHarness,
) -> None:
    harness.scrape(_answer({"a": 1}))
    for _ in range(70):
        harness.scrape(_answer({"a": 1}, start=harness.now.timestamp() + 30), seconds=60)
    assert harness.total() == 70
    assert _count(harness, "baselines") <= 50


def test_of_a_proxy_that_restarts_for_a_week_not_even_the_processes_are_all_kept(harness: LedgerHarness) -> None:
    harness.scrape(_answer({"a": 1}))
    for _ in range(340):
        harness.scrape(_answer({"a": 1}, start=harness.now.timestamp() + 1800), seconds=1800)
    assert harness.total() == 340
    assert _count(harness, "processes") <= 200


@pytest.mark.parametrize("tells_created", [False, True])
def test_a_process_that_answers_again_after_a_hundred_have_begun_is_a_baseline(
    harness: LedgerHarness, *, tells_created: bool
) -> None:
    harness.scrape(_answer({"a": 1}))
    early = harness.now.timestamp() + 30
    harness.scrape(_answer({"a": 50}, start=early, created=early if tells_created else None), seconds=60)
    for _ in range(100):
        harness.scrape(_answer({"a": 1}, start=harness.now.timestamp() + 30), seconds=60)
    harness.scrape(_answer({"a": 55}, start=early, created=early if tells_created else None), seconds=60)
    assert harness.total() == 50 + 100
    harness.scrape(_answer({"a": 57}, start=early, created=early if tells_created else None), seconds=60)
    assert harness.total() == 50 + 100 + 2


def test_a_process_that_answers_again_after_others_have_begun_goes_on_where_it_was(harness: LedgerHarness) -> None:
    harness.scrape(_answer({"a": 1, "b": 3}, created=OLD))
    for _ in range(10):
        start = harness.now.timestamp() + 30
        harness.scrape(_answer({"a": 1}, start=start, created=start + 1), seconds=60)
    harness.scrape(_answer({"a": 2, "b": 3}, created=OLD), seconds=60)
    assert harness.total() == 11


def test_what_waits_of_a_process_that_is_forgotten_meanwhile_is_never_written(
    harness: LedgerHarness, proxy: Proxy
) -> None:
    harness.scrape(proxy.answer())
    with limited_files(harness) as disk:
        disk.fill()
        for _ in range(70):
            harness.now = harness.scrape(proxy.answer(), seconds=1800).last_scrape or harness.now
            proxy.restart(harness.now)
            harness.scrape(proxy.spend())
        disk.clear()
        assert harness.scrape(proxy.spend()).store_error is None
    orphans = "SELECT count(*) FROM baselines WHERE process NOT IN (SELECT id FROM processes)"
    assert harness.ledger._writer.store.rows(orphans) == [(0,)]
    harness.agree(proxy)


def test_a_replica_that_was_forgotten_begins_with_a_baseline(harness: LedgerHarness) -> None:
    mine, other = START.timestamp() - 9000, START.timestamp() - 8000
    harness.scrape(_answer({"a": 1}, mine, mine))
    harness.scrape(_answer({"a": 5}, other, other))
    harness.scrape(_answer({"a": 6}, other, other))
    for day in range(10):
        harness.scrape(_answer({"a": 1 + day}, mine, mine), seconds=DAY)
    assert harness.total() == 1 + 9
    harness.scrape(_answer({"a": 50}, other, other))
    assert harness.total() == 1 + 9
    harness.scrape(_answer({"a": 52}, other, other))
    assert harness.total() == 1 + 9 + 2


@pytest.mark.parametrize("ahead", [3600, 86400])
def test_what_a_proxy_whose_clock_is_ahead_creates_counts_from_zero_once_it_is_known(
    harness: LedgerHarness, ahead: float
) -> None:
    created = harness.now.timestamp() + ahead
    harness.scrape(_answer({"a": 4}, created=created))
    harness.scrape(_answer({"a": 5}, created=created))
    harness.scrape(_answer({"a": 5, "b": 3}, created=created))
    assert harness.total() == 1 + 3


def test_what_was_counted_of_a_new_life_before_it_told_its_birth_is_not_counted_again(harness: LedgerHarness) -> None:
    born, anew = START.timestamp() - 5000, START.timestamp() + 100
    a, b = series(model="a"), series(model="b")
    harness.scrape(_answer({"a": 5, "b": 1}, created=born))
    harness.scrape(_answer({"a": 7, "b": 1}))
    harness.scrape(_answer({"b": 1}))
    harness.scrape(body(family(COST, {a: 9, b: 1}, {a: anew, b: born}), start=OLD))
    assert harness.total() == 2 + 7


@pytest.mark.parametrize("born", ["before", "after"])
def test_what_a_collector_shows_again_after_more_than_seven_days_counts_nothing_again(
    harness: LedgerHarness, born: str
) -> None:
    old = START.timestamp() - 5000

    def answer(value: float, seldom: float | None, created: float) -> bytes:
        samples = {series(model="gpt-4o"): value} | ({series(model="opus"): seldom} if seldom else {})
        times = {series(model="gpt-4o"): old, series(model="opus"): created}
        return body(family(COST, samples, times), start=old)

    harness.scrape(answer(1.0, None, 0.0))
    created = old if born == "before" else harness.now.timestamp() + 1
    harness.scrape(answer(1.0, 50.0, created))
    before = harness.total()
    for day in range(20):
        harness.scrape(answer(2.0 + day, None, 0.0), seconds=86400)
        if day == 10:
            harness.reopen()
    harness.scrape(answer(22.0, 51.0, created))
    assert harness.total() == before + 21.0
    # Another incarnation is new.
    harness.scrape(answer(22.0, 4.0, harness.now.timestamp() + 1))
    assert harness.total() == before + 25.0
