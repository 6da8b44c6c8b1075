"""Clocks that jump, ours and the proxy's: windows, history and what counts heal by themselves."""

from datetime import timedelta

import pytest

from custom_components.litellm_pulse.core.models import Window

from .bodies import COST, START, body, cost, family, read, series
from .conftest import LedgerHarness

OLDER = START.timestamp() - 5000
JUMPS = [timedelta(days=1), timedelta(days=3650)]


def _scrape(
    harness: LedgerHarness, value: float, *, ours: timedelta = timedelta(), proxys: timedelta | None = None
) -> None:
    """Let a minute pass and count an answer, with either clock off; without a Date where the proxy's is None."""
    harness.now += timedelta(minutes=1)
    answered_at = None if proxys is None else harness.now + proxys
    exposition = read(harness.ledger.parser(), cost(value, start=OLDER))
    harness.ledger.scrape(exposition, now=harness.now + ours, answered_at=answered_at)


@pytest.mark.parametrize(
    "jump", [*JUMPS, -JUMPS[0], -JUMPS[1]], ids=["day", "ten years", "a day back", "ten years back"]
)
@pytest.mark.parametrize("dated", [False, True], ids=["without Date", "with Date"])
@pytest.mark.parametrize("restarts", [False, True], ids=["", "with restarts"])
def test_a_clock_of_ours_that_jumps_for_a_while_leaves_no_trace(
    harness: LedgerHarness, jump: timedelta, *, dated: bool, restarts: bool
) -> None:
    proxys = timedelta() if dated else None
    for value in range(1, 6):
        _scrape(harness, value, proxys=proxys)
    for value in (6, 7):
        _scrape(harness, value, ours=jump, proxys=proxys)
        if restarts:
            harness.reopen()
    _scrape(harness, 8, proxys=proxys)
    _scrape(harness, 9, proxys=proxys)
    assert harness.snapshot.last_scrape == harness.now
    assert harness.per_window() == dict.fromkeys(harness.per_window(), 8)
    harness.now += timedelta(days=1)
    _scrape(harness, 10, proxys=proxys)
    harness.reopen()
    assert harness.per_window()["day"] == 1
    assert harness.per_window()["month"] == 9
    history = harness.ledger._writer.store.rows("SELECT at FROM scrapes")
    assert all(at / 1000 <= harness.now.timestamp() for (at,) in history)


def test_what_was_filed_under_times_to_come_is_told(harness: LedgerHarness) -> None:
    for value in range(1, 4):
        _scrape(harness, value)
    _scrape(harness, 6, ours=JUMPS[1])
    _scrape(harness, 7)
    jump = harness.snapshot.clock_jump
    assert jump is not None
    assert jump.dollars == 3
    assert jump.right == harness.now


def test_nothing_is_deleted_at_a_time_that_no_second_answer_confirms(harness: LedgerHarness) -> None:
    for value in range(1, 4):
        _scrape(harness, value)
    before = harness.ledger._writer.store.rows("SELECT count(*) FROM scrapes")
    _scrape(harness, 4, ours=JUMPS[1])
    assert harness.ledger._writer.store.rows("SELECT count(*) FROM scrapes") >= before


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=3650), timedelta(days=-1), timedelta(days=-3650)])
def test_a_proxys_clock_that_is_wrong_at_the_first_answer_loses_no_restart(
    harness: LedgerHarness, jump: timedelta
) -> None:
    _scrape(harness, 5, proxys=jump)
    _scrape(harness, 11, proxys=timedelta())
    harness.now += timedelta(minutes=1)
    harness.scrape(cost(5, start=harness.now.timestamp()))
    assert harness.total() == 6 + 5


def test_a_replica_that_is_older_stays_a_baseline_whatever_the_proxys_clock_said_first(harness: LedgerHarness) -> None:
    _scrape(harness, 5, proxys=timedelta(days=-3650))
    harness.scrape(cost(100, start=OLDER - 60))
    assert harness.total() == 0


def test_our_clock_that_is_set_for_good_is_believed_after_ten_answers(harness: LedgerHarness) -> None:
    for value in range(1, 4):
        _scrape(harness, value, proxys=timedelta())
    for value in range(4, 20):
        _scrape(harness, value, ours=timedelta(days=2), proxys=timedelta())
    assert harness.snapshot.last_scrape == harness.now + timedelta(days=2)
    assert harness.total() == 18
    assert harness.total(window=Window.YEAR) == 18


def test_a_first_look_in_the_future_heals(harness: LedgerHarness) -> None:
    _scrape(harness, 1, ours=JUMPS[1])
    for value in range(2, 15):
        _scrape(harness, value)
    assert harness.snapshot.last_scrape == harness.now
    assert harness.per_window() == dict.fromkeys(harness.per_window(), 13)
    labels = series(model="gpt-4o")
    harness.scrape(body(family(COST, {labels: 2}, {labels: harness.now.timestamp()}), start=harness.now.timestamp()))
    assert harness.total() == 15


@pytest.mark.parametrize(("behind", "stands"), [(30, True), (300, False)])
def test_a_clock_that_comes_back_a_little_behind_stands_still_or_is_followed(
    harness: LedgerHarness, behind: int, *, stands: bool
) -> None:
    for value in range(1, 4):
        _scrape(harness, value, proxys=timedelta())
    _scrape(harness, 4, ours=JUMPS[0], proxys=timedelta())
    _scrape(harness, 5, ours=-timedelta(seconds=60 + behind), proxys=timedelta())
    last = harness.snapshot.last_scrape
    assert last is not None
    assert (harness.now - last).total_seconds() == (60 if stands else 60 + behind)
    assert harness.total() == 4


@pytest.mark.parametrize("proxys", [None, -JUMPS[1], timedelta()], ids=["without Date", "both", "ours only"])
def test_times_of_creation_are_believed_again_after_a_clock_that_was_back_for_a_while(
    harness: LedgerHarness, proxys: timedelta | None
) -> None:
    created = {series(model="gpt-4o"): OLDER}

    def scrape(
        values: dict[str, float], *, ours: timedelta = timedelta(), date: timedelta | None = timedelta()
    ) -> None:
        harness.now += timedelta(minutes=1)
        labels = {series(model=model): value for model, value in values.items()}
        created.update({one: harness.now.timestamp() - 1 for one in labels.keys() - created.keys()})
        exposition = read(harness.ledger.parser(), body(family(COST, labels, created), start=OLDER))
        answered_at = None if date is None else harness.now + date
        harness.ledger.scrape(exposition, now=harness.now + ours, answered_at=answered_at)

    scrape({"gpt-4o": 5})
    for value in range(1, 13):
        # Until the time that both say is believed.
        scrape({"gpt-4o": 5, "opus": value}, ours=-JUMPS[1], date=proxys)
    scrape({"gpt-4o": 5, "opus": 12})
    before = harness.total()
    assert before <= 12
    created.clear()
    harness.now += timedelta(hours=2)
    # A worker that began in the same moment and has not answered before.
    created[series(model="phi")] = OLDER + 1
    scrape({"phi": 100, "llama": 7})
    assert harness.total() == before + 7


@pytest.mark.parametrize("jump", JUMPS, ids=["day", "ten years"])
def test_a_clock_of_ours_that_was_behind_at_the_first_answer_is_right_once_it_is_set(
    harness: LedgerHarness, jump: timedelta
) -> None:
    _scrape(harness, 1, ours=-jump, proxys=timedelta())
    for value in range(2, 6):
        _scrape(harness, value, proxys=timedelta())
        assert harness.snapshot.last_scrape == harness.now
    assert harness.total(window=Window.DAY) == 4


@pytest.mark.parametrize("jump", JUMPS, ids=["day", "ten years"])
def test_a_clock_of_ours_that_falls_behind_the_proxys_for_long_leaves_no_trace(
    harness: LedgerHarness, jump: timedelta
) -> None:
    for value in range(1, 6):
        _scrape(harness, value, proxys=timedelta())
    for value in range(6, 36):
        _scrape(harness, value, ours=-jump, proxys=timedelta())
    for value in range(36, 41):
        _scrape(harness, value, proxys=timedelta())
    assert harness.snapshot.last_scrape == harness.now
    assert harness.total(window=Window.DAY) == harness.total() == 39


def test_a_clock_of_ours_that_is_set_back_for_good_is_believed_after_three_hours(harness: LedgerHarness) -> None:
    for value in range(1, 6):
        _scrape(harness, value, proxys=timedelta())
    for value in range(6, 6 + 200):
        _scrape(harness, value, ours=-JUMPS[0], proxys=timedelta())
    assert harness.snapshot.last_scrape == harness.now - JUMPS[0]
    assert harness.total() == 204


def _days_back(harness: LedgerHarness, answers: int, back: timedelta, *, both: bool) -> None:
    """Let three days pass with a dollar every ten minutes, then answers at a time that is wrong."""
    for value in range(3 * 144):
        _scrape(harness, value, proxys=timedelta())
        harness.now += timedelta(minutes=9)
    harness.now += timedelta(minutes=11)
    for value in range(3 * 144, 3 * 144 + answers):
        _scrape(harness, value, ours=-back, proxys=-back if both else timedelta())


@pytest.mark.parametrize("both", [True, False], ids=["both clocks", "ours"])
@pytest.mark.parametrize("back", [timedelta(hours=30), JUMPS[1]], ids=["thirty hours", "ten years"])
@pytest.mark.parametrize("reopened", [False, True])
def test_a_clock_that_was_followed_back_and_is_right_again_leaves_history_where_it_was(
    harness: LedgerHarness, back: timedelta, *, both: bool, reopened: bool
) -> None:
    _days_back(harness, 25, back, both=both)
    before = harness.snapshot.last_scrape
    assert before is not None
    assert harness.now - before >= back
    assert [row.at for row in harness.snapshot.recent] == sorted({row.at for row in harness.snapshot.recent})
    assert harness.snapshot.recent[-1].at == int(before.timestamp() * 1000)
    if reopened:
        harness.reopen()
    for value in range(3 * 144 + 25, 3 * 144 + 30):
        _scrape(harness, value, proxys=timedelta())
    assert harness.snapshot.last_scrape == harness.now
    assert harness.total() == 3 * 144 + 29
    days = "SELECT start, total(cost) FROM usage WHERE resolution = 1 GROUP BY start ORDER BY start DESC LIMIT 4"
    today = harness.now.date().toordinal()
    found = dict(harness.ledger._writer.store.rows(days))
    # What was used at the wrong time stays there, with the quarter-hour before it.
    assert [found[today - day] for day in (3, 2)] == [71, 144]
    assert found[today - 1] == (144 if back > timedelta(days=9) else 144 + 26)
    assert found[today] == 76


@pytest.mark.parametrize("both", [True, False], ids=["both clocks", "ours"])
def test_a_clock_that_was_followed_back_is_right_after_a_day(harness: LedgerHarness, *, both: bool) -> None:
    ahead = timedelta(days=20)
    for value in range(100):
        _scrape(harness, value, ours=ahead, proxys=ahead if both else None)
    for value in range(100, 300):
        _scrape(harness, value, proxys=timedelta() if both else None)
    assert harness.total() == 299
    assert harness.total(window=Window.MONTH) < 299
    for value in range(300, 450):
        harness.now += timedelta(minutes=9)
        _scrape(harness, value, proxys=timedelta() if both else None)
    harness.reopen()
    assert harness.total(window=Window.MONTH) == harness.total() == 449
    days = harness.ledger._writer.store.rows("SELECT max(start) FROM usage WHERE resolution = 1")
    assert days == [(harness.now.date().toordinal(),)]


@pytest.mark.parametrize("rolls", [True, False])
@pytest.mark.parametrize("ahead", [5, 24, 30])
def test_no_window_begins_with_what_was_filed_ahead(harness: LedgerHarness, ahead: int, *, rolls: bool) -> None:
    jump = timedelta(hours=ahead)
    for value in range(10):
        _scrape(harness, value)
    harness.now += timedelta(hours=8)
    if rolls:
        # Windows that begin by a clock that is wrong make it look like one that goes on.
        harness.ledger.roll(now=harness.now + jump)
    for value in range(10, 40):
        _scrape(harness, value, ours=jump)
    for value in range(40, 60):
        _scrape(harness, value)
    assert harness.total() == 59
    used = 0
    while harness.now.date() <= START.date() + timedelta(days=2):
        day = harness.now.date()
        harness.now += timedelta(minutes=9)
        used = used + 1 if harness.now.date() == day else 1
        if rolls:
            harness.ledger.roll(now=harness.now + timedelta(minutes=1))
            assert harness.total(window=Window.DAY) <= 59 + used
        value += 1
        _scrape(harness, value)
        if harness.now.date() > START.date():
            assert harness.total(window=Window.DAY) <= used + 1
    assert harness.total(window=Window.MONTH) == harness.total() == value


@pytest.mark.parametrize("days", [3, 9])
def test_no_replica_is_forgotten_because_nobody_answered_for_long(harness: LedgerHarness, days: int) -> None:
    for value in range(3):
        for start in (OLDER, OLDER - 60):
            harness.scrape(cost(value, start=start))
    harness.now += timedelta(days=days)
    for value in (10, 11, 12):
        harness.scrape(cost(value, start=OLDER))
    harness.scrape(cost(20, start=OLDER - 60))
    assert harness.total() == 12 + 20


@pytest.mark.parametrize("back", [timedelta(hours=3), timedelta(days=40)], ids=str)
@pytest.mark.parametrize("ahead", [timedelta(minutes=50), timedelta(days=1), timedelta(days=40)], ids=str)
def test_nothing_is_lost_where_the_proxy_stops_telling_the_time_while_ours_is_not_believed(
    harness: LedgerHarness, back: timedelta, ahead: timedelta
) -> None:
    for value in range(1, 30):
        _scrape(harness, value, proxys=timedelta())
    _scrape(harness, 30, ours=-back, proxys=timedelta())
    _scrape(harness, 31, ours=ahead)
    assert harness.snapshot.last_scrape is not None
    assert harness.snapshot.last_scrape - harness.now <= ahead
    for value in range(32, 60):
        _scrape(harness, value)
        assert harness.total() == value - 1
    assert harness.snapshot.last_scrape == harness.now
    harness.reopen()
    assert harness.per_window() == dict.fromkeys(harness.per_window(), 58)
