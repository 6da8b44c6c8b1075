"""What is kept does not grow with all members there ever were; no total depends on that."""

from datetime import UTC, datetime, timedelta

import pytest

from custom_components.litellm_pulse.core.catalog import COUNTER_INDEX, Dimension
from custom_components.litellm_pulse.core.counters.attribution import MOST_UNPROVEN
from custom_components.litellm_pulse.core.counters.waiting import Waiting
from custom_components.litellm_pulse.core.models import OTHER, Budget, ListedMember, Member, MemberKey, Window
from custom_components.litellm_pulse.core.query import sql
from custom_components.litellm_pulse.core.query.sql import Period, UsageQuery
from custom_components.litellm_pulse.core.store import writer

from ..bodies import COST, FAILED, START, Value, body, family, series
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


BUDGETS = ("litellm_remaining_customer_budget_metric", "litellm_customer_max_budget_metric")


def test_who_had_a_budget_by_a_process_that_is_gone_is_counted_together_with_others(harness: LedgerHarness) -> None:
    def answer(day: int, *, keeps: bool) -> bytes:
        names = [f"visitor-{day}-{number}" for number in range(DAILY)]
        labels = [series(end_user=one) for one in (*names, *(["regular"] if keeps else []))]
        spent = {series(model="gpt-4o", end_user=one): 0.25 for one in names}
        gauges = [f"# TYPE {name} gauge\n" + "".join(f"{name}{one} 5\n" for one in labels) for name in BUDGETS]
        return body(family(COST, spent), *gauges, start=harness.now.timestamp() - 60)

    harness.scrape(answer(0, keeps=True))
    harness.ledger._writer.retention_days = RETENTION
    harness.scrape(answer(1, keeps=True))
    sizes = []
    for day in range(2, 60):
        for _ in range(2):
            harness.scrape(answer(day, keeps=True), seconds=43200)
        if day % 20 == 19:
            sizes.append((len(harness.snapshot.members), len(harness.snapshot.budgets)))
    assert sizes[0] == sizes[1] == sizes[2]
    assert sizes[0][1] < (RETENTION + 10) * DAILY
    # Whose budget the proxy tells is told apart, used or not.
    regular = (Dimension.CUSTOMER, "regular")
    assert regular in harness.snapshot.budgets
    assert regular in harness.snapshot.members
    before = dict(harness.snapshot.budgets)
    harness.reopen()
    assert harness.snapshot.budgets.keys() == before.keys()


def test_whose_budget_litellms_api_lists_is_told_apart(harness: LedgerHarness) -> None:
    key = (Dimension.CUSTOMER, "listed")
    listed = ListedMember(Member(*key, "Listed"), Budget(4.0, 5.0))
    for day in range(3 * RETENTION):
        spent = {series(model="gpt-4o", end_user=f"visitor-{day}"): 0.25}
        harness.scrape(body(family(COST, spent), start=harness.now.timestamp() - 60), seconds=86400)
        harness.ledger._writer.retention_days = RETENTION
        harness.ledger.complete({Dimension.CUSTOMER: [listed]})
    assert harness.snapshot.folded > 0
    assert key in harness.snapshot.members
    assert harness.snapshot.budgets[key].remaining == 4.0


def test_names_of_refused_requests_are_not_remembered_for_good(harness: LedgerHarness) -> None:
    def answer(day: int) -> bytes:
        # Whoever scans; the second of the names of a day is used on the next.
        names = [f"guess-{day}-{number}" for number in range(MOST_UNPROVEN // 4)]
        refused = {series(requested_model=one, exception_status="401"): 1.0 for one in names}
        used = {series(model=f"guess-{day - 1}-1", requested_model=f"guess-{day - 1}-1"): 0.25}
        return body(family(FAILED, refused), family(COST, used), start=harness.now.timestamp() - 60)

    for day in range(1, 25):
        harness.scrape(answer(day), seconds=86400)
    attributions = harness.ledger._counting._registry.attributions
    assert len(attributions._unproven) < 3 * MOST_UNPROVEN
    # The first two processes were there before the first look.
    assert harness.total() == 0.25 * 22
    assert harness.total(member=(Dimension.MODEL, "guess-22-1")) == 0.25
    assert not [key for key in harness.snapshot.members if key[1].endswith("-2")]
