"""What a source tells of the past: written as a whole, replaced and not added, cut anew in another zone."""

import gc
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse.core import history
from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.errors import StoreError
from custom_components.litellm_pulse.core.history import DAY_QUARTERS, Told, ToldRow
from custom_components.litellm_pulse.core.models import TOTAL
from custom_components.litellm_pulse.core.query.comparison import Reason, compare
from custom_components.litellm_pulse.core.store.history_rows import Part
from custom_components.litellm_pulse.core.windows import day_of, quarter_of

from .bodies import COST, START, TOKENS, body, family, series
from .conftest import LedgerHarness, Proxy
from .store.test_disk import limited_files

UTC_ZONE = ZoneInfo("UTC")
GPT = Dimension.MODEL, "gpt-4o"


def _told(part: Part, costs: Mapping[datetime, float], tokens: float = 0.0) -> Told:
    """Return what a source tells of some quarter-hours or, of DAYS, of days: what a model cost."""
    slots = {quarter_of(at): 1.0 for at in costs}
    starts = {at: at.date().toordinal() if part is Part.DAYS else quarter_of(at) for at in costs}
    rows = [ToldRow(starts[at], (GPT,), (value, tokens)) for at, value in costs.items()]
    return Told(part, slots, DAY_QUARTERS if part is Part.DAYS else 1, ("cost", "tokens"), rows)


def _many(count: int) -> Iterator[ToldRow]:
    """Yield rows of one quarter-hour, each of other members; a dollar together for every thousand."""
    for number in range(count):
        members = GPT, (Dimension.TEAM, f"team-{number % 50}"), (Dimension.USER, f"user-{number}")
        yield ToldRow(quarter_of(START - timedelta(days=3)), members, (0.001, 1.0))


def _tell(harness: LedgerHarness, told: Told) -> None:
    """Have it written."""
    harness.ledger.history.replace(told, harness.zone, "test", "{}")


def _past(harness: LedgerHarness) -> float:
    """Return what is known to have been spent before the first scrape."""
    sums = harness.ledger.history.sums()
    return sums[TOTAL][6] if TOTAL in sums else 0.0


def test_a_day_that_is_told_again_is_replaced(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.scrape(proxy.answer())
    day = START.replace(hour=0) - timedelta(days=3)
    for cost in (5.0, 7.0):
        _tell(harness, _told(Part.DAYS, {day: cost}))
        assert _past(harness) == cost


def test_of_a_million_rows_only_a_few_thousand_are_there_at_a_time_and_nothing_of_them_afterwards(
    harness: LedgerHarness, proxy: Proxy
) -> None:
    """A million at once held everybody for 0.9 s when they were let go of, and each pass of the garbage collector."""
    harness.scrape(proxy.answer())
    alive = []

    def rows() -> Iterator[ToldRow]:
        yield from _many(20_000)
        alive.append(sum(isinstance(one, ToldRow) for one in gc.get_objects()))

    gc.collect()
    before = len(gc.get_objects())
    _tell(harness, Told(Part.BEFORE, {quarter_of(START - timedelta(days=3)): 1.0}, 1, ("cost", "tokens"), rows()))
    gc.collect()
    assert alive[0] <= 10_000
    assert len(gc.get_objects()) - before < 1_000
    assert _past(harness) == pytest.approx(20.0)


def test_names_that_history_remembers_are_nothing_that_the_garbage_collector_looks_at_one_by_one(
    harness: LedgerHarness, proxy: Proxy
) -> None:
    """Of 180,000 names in sets each pass took 12 ms, in which nobody else had a turn."""
    harness.scrape(proxy.answer())
    slots = {quarter_of(START - timedelta(days=3)): 1.0}
    for _ in range(2):
        _tell(harness, Told(Part.BEFORE, slots, 1, ("cost", "tokens"), _many(5_000)))
        known = harness.ledger.history._known
        assert len(known[Dimension.USER]) == 5_000
        assert len({id(one) for names in known.values() for one in gc.get_referents(names)}) == 1
        harness.reopen()


def test_of_more_members_than_are_named_the_first_of_each_dimension_are_and_usage_has_all(
    harness: LedgerHarness, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """180,000 that only a lying database names took the collector 132 ms a pass, and 276 after a restart."""
    monkeypatch.setattr(history, "NAMED_LIMIT", 100)
    harness.scrape(proxy.answer())
    start, user = quarter_of(START - timedelta(days=3)), Dimension.USER
    rows = [*_many(1_000), ToldRow(start, (GPT, (user, "first"), (Dimension.KEY, "only")), (5.0, 1.0))]
    _tell(harness, Told(Part.BEFORE, {start: 1.0}, 1, ("cost", "tokens"), rows))
    for _ in range(2):
        gc.collect()
        before = len(gc.get_objects())
        snapshot = harness.ledger.recall()
        gc.collect()
        assert len(gc.get_objects()) - before < 1_000
        assert {TOTAL, GPT, (user, "first"), (Dimension.KEY, "only")} <= snapshot.before.keys()
        assert len(snapshot.before) == 100
        assert len(snapshot.members) <= 100 + 3 * len(proxy.spent)
        assert snapshot.before[TOTAL][6] == pytest.approx(6.0)
        ((users,),) = harness.ledger._writer.store.rows(
            "SELECT count(DISTINCT key) FROM past JOIN attributions USING (attribution) WHERE dimension = 'user'"
        )
        assert users == 1_001
        harness.scrape(proxy.spend())
        harness.reopen()


def test_past_the_limit_of_combinations_the_total_stays_exact(
    harness: LedgerHarness, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "COMBINATION_LIMIT", 100)
    harness.scrape(proxy.answer())
    slots = {quarter_of(START - timedelta(days=3)): 1.0}
    for _ in range(2):
        _tell(harness, Told(Part.BEFORE, slots, 1, ("cost", "tokens"), _many(1_000)))
        ((kept,),) = harness.ledger._writer.store.rows("SELECT count(*) FROM history WHERE resolution = 0")
        assert kept <= 101
        sums = harness.ledger.history.sums()
        assert sums[TOTAL][6] == pytest.approx(1.0)
        assert sums[GPT][6] == pytest.approx(1.0)
        assert len([key for key in sums if key[0] is Dimension.USER]) <= 100
        harness.reopen()


def test_hours_of_the_past_are_cut_into_the_days_of_another_zone(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.scrape(proxy.answer())
    late = datetime(2026, 11, 10, 20, tzinfo=UTC)
    _tell(harness, _told(Part.BEFORE, {late: 3.0}))
    days = "SELECT DISTINCT start FROM history WHERE resolution = 1"
    assert harness.ledger._writer.store.rows(days) == [(day_of(late, UTC_ZONE),)]
    zone = ZoneInfo("Asia/Kathmandu")
    harness.ledger.set_zone(zone, now=harness.now)
    assert harness.ledger._writer.store.rows(days) == [(day_of(late, zone),)]
    assert day_of(late, zone) != day_of(late, UTC_ZONE)
    assert _past(harness) == 3


def test_while_the_file_is_copied_history_waits(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.scrape(proxy.answer())
    harness.ledger.pause(now=harness.now)
    with pytest.raises(StoreError, match="backup"):
        harness.ledger.history.rows()
    harness.ledger.resume()
    harness.scrape(proxy.spend())
    assert harness.ledger.history.rows() == 0


def test_what_does_not_fit_on_a_full_disk_is_told_again_and_counted_once(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.scrape(proxy.answer())
    told = _told(Part.BEFORE, {START - timedelta(hours=hour): 1.0 for hour in range(100, 120)})
    with limited_files(harness) as disk:
        disk.fill()
        with pytest.raises(StoreError):
            _tell(harness, told)
        harness.scrape(proxy.spend())
        with pytest.raises(StoreError):
            _tell(harness, told)
        disk.clear()
        harness.scrape(proxy.spend())
    assert _past(harness) == 0
    for _ in range(2):
        _tell(harness, told)
    assert _past(harness) == 20


def _spend(harness: LedgerHarness, cost: float, tokens: float) -> None:
    """Let a quarter of a day pass, and count an answer."""
    samples = series(model="gpt-4o")
    told = body(family(COST, {samples: cost}), family(TOKENS, {samples: tokens}), start=START.timestamp() - 1e6)
    harness.scrape(told, seconds=6 * 3600)


@pytest.mark.parametrize(
    ("cost", "tokens", "reason"),
    [
        (1.0, 100.0, None),
        (0.5, 100.0, Reason.PRICES),
        (0.5, 50.0, Reason.DATABASE_LACKS),
        (2.0, 200.0, Reason.METRICS_LACK),
    ],
)
def test_a_day_on_which_both_differ_says_why(
    harness: LedgerHarness, cost: float, tokens: float, reason: Reason | None
) -> None:
    for index in range(12):
        _spend(harness, index / 4, index * 25)
    whole = harness.now.replace(hour=1) - timedelta(days=1)
    _tell(harness, _told(Part.SINCE, {whole: cost}, tokens))
    found = compare(harness.path, first=0, now=harness.now, zone=UTC_ZONE)
    (day,) = [one for one in found if one.day == whole.date().toordinal()]
    assert (day.metrics, day.database) == ((1.0, 100.0), (cost, tokens))
    assert day.reasons[-1:] == ((reason,) if reason else ())


@pytest.mark.parametrize("away", [timedelta(hours=3), timedelta(days=3)])
def test_what_is_told_after_nobody_looked_is_kept_however_long_that_was(
    harness: LedgerHarness, proxy: Proxy, away: timedelta
) -> None:
    harness.scrape(proxy.answer())
    last = harness.now
    harness.scrape(proxy.spend(9), seconds=away.total_seconds())
    ended = harness.now
    harness.scrape(proxy.spend(1))
    (gap,) = harness.ledger.history.gaps()
    assert (gap.start, gap.end) == (last.timestamp(), ended.timestamp())
    lump, _ = harness.ledger.history.lump(gap)
    assert sum(vector[6] or 0.0 for vector in lump.values()) == 9


def test_a_time_that_no_second_answer_confirms_is_no_end_of_a_gap(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.scrape(proxy.answer())
    harness.scrape(proxy.spend(9), seconds=3650 * 86400)
    harness.now = START + timedelta(minutes=2)
    for _ in range(3):
        harness.scrape(proxy.spend(1))
    assert harness.ledger.history.gaps() == []
