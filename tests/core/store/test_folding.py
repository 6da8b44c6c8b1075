"""What is kept does not grow with all members there ever were; no total depends on that."""

from datetime import UTC, datetime, timedelta

import pytest

from custom_components.litellm_pulse.core.catalog import COUNTER_INDEX, Dimension
from custom_components.litellm_pulse.core.counters.processes import Waiting
from custom_components.litellm_pulse.core.models import OTHER, MemberKey, Window
from custom_components.litellm_pulse.core.query import sql
from custom_components.litellm_pulse.core.query.sql import Period, UsageQuery
from custom_components.litellm_pulse.core.store import writer

from ..bodies import COST, START, Value, body, family, series
from ..conftest import LedgerHarness

RETENTION = 10
DAILY = 20
"""Customers who come each day, and never again."""
OLDER = START.timestamp() - 5000
OTHERS: MemberKey = (Dimension.CUSTOMER, OTHER)


class Shop:
    """A proxy whose customers come for a day; LiteLLM then evicts their series."""

    def __init__(self, harness: LedgerHarness) -> None:
        """Let it answer for the first time."""
        self.harness = harness
        self.days = 0
        self.spent = 0.0
        self.errors: set[str | None] = set()
        """What the file answered."""
        self.harness.scrape(
            body(family(COST, {series(model="gpt-4o"): 1}, {series(model="gpt-4o"): OLDER}), start=OLDER)
        )
        self.harness.ledger._writer.retention_days = RETENTION

    def day(self, *more: str) -> None:
        """Let a day pass, with two answers and other customers, and those who come besides."""
        names = (*(f"visitor-{self.days}-{number}" for number in range(DAILY)), *more)
        samples: dict[str, Value] = {series(model="gpt-4o", end_user=name): 0.25 for name in names}
        born = dict.fromkeys(samples, self.harness.now.timestamp() + 3600)
        always = series(model="gpt-4o")
        for value in (2 * self.days + 1, 2 * self.days + 2):
            answer = family(COST, samples | {always: value}, born | {always: OLDER})
            self.errors.add(self.harness.scrape(body(answer, start=OLDER), seconds=43200).store_error)
        self.days += 1
        self.spent += 0.25 * len(names)

    @property
    def total(self) -> float:
        """What was spent since the first answer."""
        return self.spent + 2 * self.days - 1

    def customers(self) -> set[str]:
        """Return the customers that are told apart."""
        return {key for dimension, key in self.harness.snapshot.members if dimension is Dimension.CUSTOMER}

    def rows(self, table: str) -> int:
        """Return how many rows a table has."""
        ((found,),) = self.harness.ledger._writer.store.rows(f"SELECT count(*) FROM {table}")  # noqa: S608
        return int(found)


@pytest.fixture
def shop(harness: LedgerHarness) -> Shop:
    """A shop that has just opened."""
    return Shop(harness)


def _by_customer(harness: LedgerHarness) -> float:
    """Return the spend of all customers as the file tells it by month."""
    query = UsageQuery(
        start=datetime(2026, 1, 1, tzinfo=UTC),
        end=datetime(2028, 1, 1, tzinfo=UTC),
        period=Period.MONTH,
        zone=harness.zone,
        dimensions=(Dimension.CUSTOMER,),
    )
    return sum(row.usage[COUNTER_INDEX["cost"]] for row in sql.usage(harness.path, query) if row.group[0] is not None)


def test_members_that_were_not_used_for_longer_than_the_retention_are_counted_together(shop: Shop) -> None:
    harness = shop.harness
    for _ in range(40):
        shop.day()
        assert harness.total() == pytest.approx(shop.total, abs=1e-9)
    customers = shop.customers()
    assert len(customers) <= DAILY * (RETENTION + 3)
    assert OTHER in customers
    lifetime = sum(harness.total(member=(Dimension.CUSTOMER, one)) for one in customers)
    assert lifetime == pytest.approx(shop.spent, abs=1e-9)
    assert harness.total(member=(Dimension.MODEL, "gpt-4o")) == pytest.approx(shop.total, abs=1e-9)
    assert _by_customer(harness) == pytest.approx(shop.spent, abs=1e-9)
    assert harness.snapshot.dimensions[Dimension.CUSTOMER].get(Window.LIFETIME, "cost") == pytest.approx(shop.spent)


def test_what_is_kept_stays_flat_whoever_comes_and_goes(shop: Shop) -> None:
    tables = ("members", "attributions", "series", "baselines")
    for _ in range(30):
        shop.day()
    before = {table: shop.rows(table) for table in tables}
    size = len(str(shop.harness.spare_copy()))
    for _ in range(30):
        shop.day()
    assert {table: shop.rows(table) for table in tables} == before
    assert len(str(shop.harness.spare_copy())) <= 1.1 * size
    assert len(shop.harness.snapshot.groups) <= 2 * DAILY * (RETENTION + 3)


def test_whoever_comes_back_is_counted_anew_and_nothing_twice(shop: Shop) -> None:
    harness, member = shop.harness, (Dimension.CUSTOMER, "regular")
    shop.day("regular")
    for _ in range(RETENTION + 12):
        shop.day()
    assert "regular" not in shop.customers()
    shop.day("regular")
    assert harness.total(member=member) == pytest.approx(0.25, abs=1e-9)
    assert harness.total() == pytest.approx(shop.total, abs=1e-9)
    harness.reopen()
    assert harness.total(member=member) == pytest.approx(0.25, abs=1e-9)
    assert harness.total() == pytest.approx(shop.total, abs=1e-9)


def test_nobody_is_counted_together_while_it_is_open_whether_workers_have_restarted(shop: Shop) -> None:
    for _ in range(RETENTION):
        shop.day()
    (process,) = shop.harness.ledger._counting._registry.processes
    for _ in range(6):
        process.waiting = Waiting(frozenset(), {})
        shop.day()
    assert OTHER not in shop.customers()
    for _ in range(6):
        shop.day()
    assert OTHER in shop.customers()
    assert shop.harness.total() == pytest.approx(shop.total, abs=1e-9)


def test_who_has_a_device_is_never_counted_together_with_others(shop: Shop) -> None:
    harness, member = shop.harness, (Dimension.CUSTOMER, "regular")
    harness.ledger.shown = {member}
    shop.day("regular")
    for _ in range(RETENTION + 12):
        shop.day()
    assert harness.total(member=member) == pytest.approx(0.25, abs=1e-9)
    assert harness.total(member=OTHERS) > 0


def test_whose_series_the_proxy_still_has_is_never_counted_together_with_others(harness: LedgerHarness) -> None:
    idle, used = series(model="opus", end_user="idle"), series(model="gpt-4o")
    harness.scrape(body(family(COST, {idle: 1, used: 1}), start=OLDER))
    harness.ledger._writer.retention_days = RETENTION
    for value in range(2, 30):
        harness.scrape(body(family(COST, {idle: 2, used: value}), start=OLDER), seconds=86400)
    assert harness.total(member=(Dimension.CUSTOMER, "idle")) == 1
    harness.scrape(body(family(COST, {idle: 5, used: 30}), start=OLDER))
    assert harness.total(member=(Dimension.CUSTOMER, "idle")) == 4
    assert harness.total() == 4 + 29


def test_totals_carry_on_when_the_file_is_lost_after_members_were_counted_together(shop: Shop) -> None:
    harness = shop.harness
    for _ in range(RETENTION + 12):
        shop.day()
    before = harness.total(member=OTHERS)
    assert before > 0
    spare_copy = harness.spare_copy()
    harness.crash()
    harness.path.unlink()
    harness.open(spare_copy)
    assert harness.total() == pytest.approx(shop.total, abs=1e-9)
    assert harness.total(member=OTHERS) == pytest.approx(before, abs=1e-9)
    harness.ledger._writer.retention_days = RETENTION
    for _ in range(3):
        shop.day()
        assert harness.total() == pytest.approx(shop.total, abs=1e-9)
    assert harness.now > START + timedelta(days=RETENTION)


def test_many_attributions_that_are_scraped_seldom_stay_within_the_retention(
    harness: LedgerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A thousand attributions, in the small.
    monkeypatch.setattr(writer, "PURGE_ROWS", 20)
    busy = [series(model=f"model-{number}") for number in range(70)]
    harness.scrape(body(family(COST, dict.fromkeys(busy, 1)), start=OLDER))
    harness.ledger._writer.retention_days = 1
    for hour in range(90):
        harness.scrape(body(family(COST, dict.fromkeys(busy, 2 + hour)), start=OLDER), seconds=3600)
    ((oldest, rows),) = harness.ledger._writer.store.rows("SELECT min(start), count(*) FROM usage WHERE resolution = 0")
    # A day that is purged is purged within the next: two days and what that takes.
    assert rows <= 50 * len(busy)
    assert harness.now.timestamp() - 900 * oldest <= timedelta(hours=50).total_seconds()
    assert harness.total() == 90 * len(busy)


def test_who_cannot_be_counted_together_stays_until_the_file_lets_it(shop: Shop) -> None:
    harness = shop.harness
    for _ in range(3):
        shop.day()
    harness.ledger._writer.store._connection.execute(
        "CREATE TEMP TRIGGER kept BEFORE DELETE ON attributions BEGIN SELECT raise(ABORT, 'kept'); END"
    )
    for _ in range(RETENTION + 3):
        shop.day()
    assert "kept" in shop.errors
    assert OTHER not in shop.customers()
    assert harness.total() == pytest.approx(shop.total, abs=1e-9)
    harness.ledger._writer.store._connection.execute("DROP TRIGGER kept")
    shop.day()
    assert OTHER in shop.customers()
    assert harness.total() == pytest.approx(shop.total, abs=1e-9)
    assert _by_customer(harness) == pytest.approx(shop.spent, abs=1e-9)
    assert harness.snapshot.store_error is None
