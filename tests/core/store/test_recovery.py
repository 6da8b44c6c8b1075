"""Whatever happens to the file, the totals stand: real files, cut off, overwritten and deleted."""

import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse.core.catalog import BUDGETS, Dimension
from custom_components.litellm_pulse.core.store import SpareCopy, companions

from ..bodies import COST, body, cost, family, series
from ..conftest import LedgerHarness, Proxy

PAGE = 1024


def _shorten(size: float) -> Callable[[Path], None]:
    """Return what cuts a file off: to a share of its size, or to so many bytes."""

    def cut(path: Path) -> None:
        os.truncate(path, int(size if size > 1 else path.stat().st_size * size))

    return cut


def _overwrite(path: Path) -> None:
    """Write random bytes over the whole of a file."""
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))  # noqa: S311


def _text(path: Path) -> None:
    """Put something else in the file's place."""
    path.write_text("not a database\n" * 500)


damages = pytest.mark.parametrize(
    "damage",
    [
        pytest.param(_shorten(0), id="cut off to nothing"),
        pytest.param(_shorten(60), id="cut off inside its header"),
        pytest.param(_shorten(3 * PAGE), id="cut off after three pages"),
        pytest.param(_shorten(0.5), id="cut off in the middle"),
        pytest.param(_overwrite, id="overwritten with random bytes"),
        pytest.param(_text, id="another file"),
        pytest.param(Path.unlink, id="deleted"),
    ],
)


GAUGES = [name for row in BUDGETS for name in (row.remaining, row.maximum, row.hours) if name]
WHOSE = {"team": "t", "hashed_api_key": "k", "user": "u", "org_id": "o", "api_provider": "p"}


@pytest.mark.parametrize("value", ["1e301", "-1e305", "1.7e308", "1e309", "+Inf", "-Inf", "NaN", "5e-324", "-0", "1_0"])
def test_whatever_number_a_proxy_says_of_a_budget_its_file_can_be_opened_again_and_is_json(
    harness: LedgerHarness, proxy: Proxy, value: str
) -> None:
    """Hours of +Inf, or amounts of 1e301, looked like damage: the file was set aside at the next start."""
    for gauge in GAUGES:
        told = [family(name, {series(**WHOSE): value if name == gauge else "10"}) for name in GAUGES]
        harness.scrape(proxy.spend() + body(*told))
        for one in harness.snapshot.budgets.values():
            json.dumps([one.remaining, one.maximum, one.used_percent], allow_nan=False)
        harness.reopen()
        assert not [*harness.path.parent.glob("*damaged*")], gauge
        assert harness.ledger.snapshot.store_error is None
    assert harness.total() == pytest.approx(1.5 * (len(GAUGES) - 1))


@damages
@pytest.mark.parametrize("spare_copy", ["of the end", "of some time before"])
def test_totals_carry_on_from_the_head_when_the_file_is_lost(
    harness: LedgerHarness, proxy: Proxy, damage: Callable[[Path], None], spare_copy: str
) -> None:
    harness.live(proxy)
    saved = harness.spare_copy()
    if spare_copy == "of some time before":
        for _ in range(5):
            harness.scrape(proxy.spend(2, "opus"))
    harness.close()
    proxy.spend(3, "llama")
    damage(harness.path)
    existed = harness.path.exists() and harness.path.stat().st_size > 0
    harness.open(saved)
    assert harness.snapshot.recovery is not None
    assert harness.snapshot.last_scrape is not None
    harness.scrape(proxy.answer())
    harness.agree(proxy)
    aside = harness.snapshot.recovery.set_aside
    assert (aside is not None and (harness.path.parent / aside).exists()) == existed
    harness.scrape(proxy.spend())
    assert harness.snapshot.recovery is not None
    windows = harness.per_window()
    harness.reopen()
    assert harness.snapshot.recovery is None
    harness.agree(proxy)
    assert harness.per_window() == pytest.approx(windows)
    harness.scrape(proxy.spend())
    harness.agree(proxy)


@damages
def test_a_file_that_is_lost_before_there_is_a_head_is_begun_anew(
    harness: LedgerHarness, proxy: Proxy, damage: Callable[[Path], None]
) -> None:
    harness.live(proxy)
    harness.close()
    damage(harness.path)
    harness.open()
    harness.scrape(proxy.answer())
    assert harness.total() == 0
    harness.scrape(proxy.spend(2))
    assert harness.total() == 2


def test_a_single_page_overwritten_with_random_bytes_loses_no_totals(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.live(proxy)
    saved = harness.spare_copy()
    harness.close()
    whole = harness.path.read_bytes()
    chance = random.Random(2)  # noqa: S311
    recovered = 0
    pages = len(whole) // PAGE
    for page in range(pages):
        harness.path.write_bytes(whole[: page * PAGE] + chance.randbytes(PAGE) + whole[(page + 1) * PAGE :])
        harness.open(saved)
        harness.scrape(proxy.spend())
        harness.agree(proxy)
        recovered += harness.snapshot.recovery is not None
        harness.crash()
        for file in harness.files:
            file.unlink()
    assert recovered > pages * 0.9


@damages
@pytest.mark.parametrize("files", [1, 2], ids=["the file", "and its log"])
def test_what_happens_to_the_file_while_it_is_open_loses_no_totals(
    harness: LedgerHarness, proxy: Proxy, damage: Callable[[Path], None], files: int
) -> None:
    harness.live(proxy)
    saved = harness.spare_copy()
    for file in companions(harness.path)[:files]:
        damage(file)
    for _ in range(3):
        harness.scrape(proxy.spend())
        harness.agree(proxy)
    for _ in range(3):
        harness.scrape(proxy.answer())
        harness.agree(proxy)
    harness.scrape(proxy.spend())
    assert harness.snapshot.store_error is None
    harness.reopen(saved)
    harness.scrape(proxy.spend())
    harness.agree(proxy)


def test_a_deleted_file_is_begun_anew_at_the_next_scrape_though_nothing_has_changed(
    harness: LedgerHarness, proxy: Proxy
) -> None:
    harness.live(proxy)
    windows = harness.per_window()
    harness.path.unlink()
    snapshot = harness.scrape(proxy.answer())
    assert snapshot.recovery is not None
    assert snapshot.recovery.set_aside is None
    harness.crash()
    harness.open()
    assert harness.per_window() == pytest.approx(windows)
    harness.scrape(proxy.spend())
    harness.agree(proxy)


def test_after_a_file_was_begun_anew_a_change_of_zone_keeps_lifetime(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.live(proxy)
    harness.path.unlink()
    harness.scrape(proxy.spend())
    assert harness.snapshot.recovery is not None
    with closing(sqlite3.connect(harness.path)) as connection:
        assert connection.execute("SELECT cost FROM scrapes").fetchall() == [(1.5,)]
    for key in ("Asia/Kathmandu", "America/Los_Angeles"):
        harness.ledger.set_zone(ZoneInfo(key), now=harness.now)
        harness.agree(proxy)
        harness.scrape(proxy.spend(), seconds=2 * 86400)
        harness.agree(proxy)
    harness.zone = ZoneInfo("UTC")
    harness.reopen()
    harness.agree(proxy)


def test_a_deleted_folder_is_made_again(tmp_path: Path, proxy: Proxy) -> None:
    harness = LedgerHarness(tmp_path / "litellm_pulse" / "ledger.db")
    harness.live(proxy)
    shutil.rmtree(harness.path.parent)
    harness.scrape(proxy.spend())
    assert harness.snapshot.store_error is None
    harness.reopen()
    harness.agree(proxy)
    harness.close()


def test_a_file_put_in_its_place_does_not_replace_what_is_known(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.live(proxy)
    other = LedgerHarness(harness.path.with_name("other.db"))
    other.scrape(cost(1))
    other.close()
    other.path.replace(harness.path)
    harness.scrape(proxy.spend())
    harness.agree(proxy)
    harness.reopen()
    harness.agree(proxy)


def test_a_recovery_that_is_closed_before_a_scrape_is_made_again(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.live(proxy)
    saved = harness.spare_copy()
    proxy.spend(7)
    harness.close()
    harness.path.unlink()
    for _ in range(3):
        harness.open(saved)
        saved = harness.spare_copy()
        assert harness.snapshot.recovery is not None
        harness.close()
    harness.open(saved)
    harness.scrape(proxy.answer())
    harness.agree(proxy)
    harness.reopen()
    harness.agree(proxy)


def test_an_entry_that_was_never_scraped_has_nothing_to_recover(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.open()
    saved = harness.spare_copy()
    harness.close()
    harness.path.unlink()
    assert harness.open(saved).snapshot.recovery is None
    harness.live(proxy)


def test_a_crash_at_once_after_a_recovery_loses_no_totals(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.live(proxy)
    saved = harness.spare_copy()
    harness.close()
    harness.path.unlink()
    harness.open(saved)
    harness.crash()
    harness.open(saved)
    harness.scrape(proxy.spend())
    harness.crash()
    harness.open()
    harness.agree(proxy)
    harness.scrape(proxy.spend())
    harness.agree(proxy)


def test_workers_that_restart_between_two_recoveries_are_counted_from_zero(harness: LedgerHarness) -> None:
    harness.scrape(cost(5))
    harness.scrape(cost(8))
    for answer in (body(family(COST, {})), cost(8)):
        saved = harness.spare_copy()
        harness.crash()
        harness.path.unlink()
        harness.open(saved)
        harness.scrape(answer)
    assert harness.total() == 3 + 8


@pytest.mark.parametrize("off", [timedelta(days=-1000), timedelta(hours=-5), timedelta(days=3650)], ids=str)
@pytest.mark.parametrize("copied", [True, False], ids=["with a spare copy", "without one"])
def test_since_when_usage_is_known_is_right_though_our_clock_was_wrong_when_the_file_was_lost(
    harness: LedgerHarness, proxy: Proxy, off: timedelta, *, copied: bool
) -> None:
    harness.live(proxy)
    spare_copy = harness.spare_copy() if copied else None
    harness.close()
    harness.path.write_bytes(b"no database")
    true_now, harness.now = harness.now, harness.now + off
    harness.open(spare_copy)
    if off.days > 0:
        harness.scrape(proxy.spend(), date=true_now + timedelta(minutes=1))
    harness.now = true_now + timedelta(minutes=2)
    for _ in range(3):
        harness.scrape(proxy.spend())
    known = harness.snapshot.known_since
    assert known.quarters is not None
    assert timedelta() <= harness.now - known.quarters < timedelta(minutes=30)
    harness.reopen()
    assert harness.snapshot.known_since == known


def test_what_the_first_answer_after_a_lost_file_lacks_counts_no_second_time(harness: LedgerHarness) -> None:
    old = harness.now.timestamp() - 5000

    def answer(first: float, second: float | None) -> bytes:
        spent = {series(team="a"): first} | ({series(team="b"): second} if second else {})
        born = {series(team="a"): old, series(team="b"): old + 5090}
        return body(family(COST, spent, born), start=old)

    harness.scrape(answer(1.0, None))
    harness.scrape(answer(2.0, 7.0))
    assert harness.total() == 8.0
    spare_copy = harness.spare_copy()
    harness.close()
    harness.path.unlink()
    harness.open(spare_copy)
    harness.scrape(answer(3.0, None))
    harness.scrape(answer(4.0, 7.0))
    harness.scrape(answer(4.0, 8.0))
    assert harness.total() == 11.0


def test_a_series_born_in_the_second_of_the_last_answer_counts_no_second_time_where_only_that_answer_is_known(
    harness: LedgerHarness,
) -> None:
    start = harness.now.timestamp() - 5000
    first, second = series(team="a"), series(team="b")

    def answer(value: float, born: float) -> bytes:
        return body(family(COST, {first: 1.0, second: value}, {first: start, second: born}), start=start)

    harness.scrape(body(family(COST, {first: 1.0}, {first: start}), start=start))
    # The proxy's clock is told in whole seconds: this was half a second before the answer.
    born = harness.now.timestamp() + 60.5
    harness.scrape(answer(7.0, born))
    spare_copy = harness.spare_copy()
    harness.close()
    harness.path.unlink()
    harness.open(spare_copy)
    # Another has the file written, with sums of the first in memory only.
    harness.scrape(cost(5.0, start=start - 9))
    harness.reopen()
    harness.scrape(answer(7.0, born))
    assert harness.total() == 7.0


def _lose(harness: LedgerHarness, spare_copy: SpareCopy) -> None:
    """Delete the file, and begin a new one from the spare copy."""
    harness.close()
    harness.path.unlink()
    harness.open(spare_copy)


@pytest.mark.parametrize("saved_between", [False, True], ids=["lost once", "lost again before the newer answer"])
@pytest.mark.parametrize("created", [True, False], ids=["with times of creation", "without"])
def test_an_older_answer_after_a_lost_file_has_nothing_counted_twice(
    harness: LedgerHarness, *, created: bool, saved_between: bool
) -> None:
    start = harness.now.timestamp() - 5000

    def answer(**spent: float) -> bytes:
        values = {
            series(team=team, route=route): value
            for team, route in ("ax", "ay", "bx")
            if (value := spent.get(team + route))
        }
        born = dict.fromkeys(values, start) | {series(team="b", route="x"): start + 5090}
        return body(family(COST, values, {one: born[one] for one in values} if created else None), start=start)

    harness.scrape(answer(ax=10.0, ay=5.0))
    older = answer(ax=11.0, ay=5.0)
    harness.scrape(older)
    harness.scrape(answer(ax=14.0, ay=7.0, bx=3.0))
    assert harness.total() == 9.0
    _lose(harness, harness.spare_copy())
    harness.scrape(older)
    assert harness.total() == 9.0
    if saved_between:
        _lose(harness, harness.spare_copy())
    harness.scrape(answer(ax=15.0, ay=7.0, bx=3.0))
    assert harness.total() == 10.0
    harness.scrape(answer(ax=16.0, ay=17.0, bx=4.0))
    assert harness.total() == 22.0


@pytest.mark.parametrize("answers", [1, 5], ids=["once", "five times running"])
def test_lines_that_are_lost_as_the_spare_copy_is_saved_count_once(harness: LedgerHarness, answers: int) -> None:
    start = harness.now.timestamp() - 5000

    def answer(**spent: float) -> bytes:
        return body(family(COST, {series(route=route): value for route, value in spent.items()}), start=start)

    harness.scrape(answer(x=10.0))
    harness.scrape(answer(x=11.0, y=7.0))
    for _ in range(answers):
        harness.scrape(answer(x=12.0))
    assert harness.total() == 9.0
    _lose(harness, harness.spare_copy())
    harness.scrape(answer(x=13.0, y=7.0))
    assert harness.total() == 10.0


@pytest.mark.parametrize("late", [0.5, 2.0], ids=["of the last answer", "in which it was still being made"])
def test_a_series_born_in_the_second_counts_no_second_time_after_a_lost_file(
    harness: LedgerHarness, late: float
) -> None:
    start = harness.now.timestamp() - 5000
    harness.scrape(body(family(COST, {series(team="a"): 1.0}, {series(team="a"): start}), start=start))
    born = {series(team="a"): start, series(team="b"): harness.now.timestamp() + 60 + late}
    answer = body(family(COST, {series(team="a"): 1.0, series(team="b"): 7.0}, born), start=start)
    harness.scrape(answer)
    assert harness.total() == 7.0
    _lose(harness, harness.spare_copy())
    harness.scrape(answer)
    assert harness.total() == 7.0


def test_what_a_first_answer_lacks_of_one_model_counts_no_second_time_where_another_of_the_team_has_grown(
    harness: LedgerHarness,
) -> None:
    start = harness.now.timestamp() - 5000

    def answer(**spent: float) -> bytes:
        return body(family(COST, {series(model=model): value for model, value in spent.items()}), start=start)

    harness.scrape(answer(a=1.0, b=5.0))
    harness.scrape(answer(a=2.0, b=8.0))
    _lose(harness, harness.spare_copy())
    harness.scrape(answer(a=12.0))
    harness.scrape(answer(a=12.0, b=8.0))
    second = (Dimension.MODEL, "b")
    assert harness.total(member=second) == 3.0
    assert harness.total() <= 14.0
    harness.scrape(answer(a=13.0, b=9.0))
    assert harness.total(member=second) == 4.0


def test_what_the_answer_lacks_after_home_assistant_was_restarted_with_a_lost_file_does_not_count(
    harness: LedgerHarness,
) -> None:
    start = harness.now.timestamp() - 5000
    born = {series(route="x"): start + 1, series(route="y"): start + 5090}

    def answer(**spent: float) -> bytes:
        values = {series(route=route): value for route, value in spent.items()}
        return body(family(COST, values, {one: born[one] for one in values}), start=start)

    harness.scrape(answer(x=10.0))
    harness.scrape(answer(x=11.0, y=8.0))
    _lose(harness, harness.spare_copy())
    # Another has the file written, with sums of the first in memory only.
    harness.scrape(cost(5.0, start=start - 9))
    harness.reopen()
    harness.scrape(answer(x=11.0))
    harness.scrape(answer(x=11.0, y=8.0))
    harness.scrape(answer(x=12.0, y=9.0))
    assert harness.total() == 9.0 + 2.0


def test_lines_that_the_first_answers_after_a_lost_file_lack_by_turns_count_once(harness: LedgerHarness) -> None:
    start = harness.now.timestamp() - 5000

    def answer(**spent: float) -> bytes:
        return body(family(COST, {series(route=route): value for route, value in spent.items()}), start=start)

    harness.scrape(answer(x=10.0))
    harness.scrape(answer(x=11.0, y=7.0, z=3.0))
    assert harness.total() == 11.0
    _lose(harness, harness.spare_copy())
    for spent, total in (
        ({"x": 11.0}, 11.0),
        ({"x": 12.0, "y": 8.0}, 12.0),
        ({"x": 12.0, "z": 3.0}, 13.0),
        ({"x": 14.0, "y": 8.0, "z": 3.0}, 15.0),
    ):
        harness.scrape(answer(**spent))
        assert harness.total() == total
    # Of another team nothing was lacking.
    harness.scrape(body(family(COST, {series(route="x"): 14.0, series(team="b"): 2.0}), start=start))
    assert harness.total() == 17.0


def test_what_is_lacking_for_ten_answers_after_a_lost_file_was_evicted(harness: LedgerHarness) -> None:
    start = harness.now.timestamp() - 5000

    def answer(**spent: float) -> bytes:
        return body(family(COST, {series(route=route): value for route, value in spent.items()}), start=start)

    harness.scrape(answer(x=10.0, y=7.0))
    harness.scrape(answer(x=11.0, y=8.0))
    _lose(harness, harness.spare_copy())
    for _ in range(11):
        harness.scrape(answer(x=11.0))
    harness.scrape(answer(x=31.0))
    assert harness.total() == 2.0 + 20.0


def test_a_series_that_is_born_while_the_file_is_lost_counts_whole_though_another_was_evicted(
    harness: LedgerHarness,
) -> None:
    start = harness.now.timestamp() - 5000
    first, second = series(route="x"), series(route="y")
    harness.scrape(body(family(COST, {first: 1.0}, {first: start}), start=start))
    harness.scrape(body(family(COST, {first: 9.0}, {first: start}), start=start))
    spare_copy = harness.spare_copy()
    _lose(harness, spare_copy)
    born = harness.now.timestamp() + 30
    harness.scrape(body(family(COST, {second: 4.0}, {second: born}), start=start))
    assert harness.total() == 8.0 + 4.0


def test_a_lost_file_costs_nothing_though_the_oldest_series_were_evicted_long_before(harness: LedgerHarness) -> None:
    """By when those were created it looked like a replica that shares the start: what was used meanwhile was lost."""
    start = harness.now.timestamp() - 5000
    early = {series(user=f"early-{one}"): 1.0 for one in range(40)}
    late = {series(user=f"late-{one}"): 10.0 for one in range(40)}
    born = {one: start + at for at, one in enumerate([*early, *late])}
    harness.scrape(body(family(COST, early | late, born), start=start))
    harness.scrape(body(family(COST, late, born), start=start))
    # One that is back was not evicted, and one that was made anew is none of the oldest.
    back, anew = [*early][:2]
    born[anew] = harness.now.timestamp() + 30
    harness.scrape(body(family(COST, {back: 1.0, anew: 2.0} | late, born), start=start))
    assert harness.total() == 2.0
    harness.scrape(body(family(COST, {back: 1.0} | late, born), start=start))
    harness.now += timedelta(minutes=20)
    harness.scrape(body(family(COST, late, born), start=start))
    _lose(harness, harness.spare_copy())
    late = dict.fromkeys(late, 11.0)
    harness.scrape(body(family(COST, late, born), start=start))
    assert harness.total() == 42.0


def test_a_series_born_after_the_last_answer_counts_after_a_lost_file_though_the_clocks_have_come_apart(
    harness: LedgerHarness,
) -> None:
    """By the clock of the proxy as it is now, the first look came after the series was created."""
    start, one = harness.now.timestamp() - 1, series()
    harness.scrape(body(family(COST, {}, {}), start=start), seconds=0)
    born = harness.now.timestamp() + 61
    _lose(harness, harness.spare_copy())
    ahead = harness.now + timedelta(minutes=2)
    harness.scrape(body(family(COST, {one: 1.0}, {one: born}), start=start), seconds=0, date=ahead)
    assert harness.total() == 1.0


@pytest.mark.parametrize("seen", ["abcabc", "abc"], ids=["by turns", "each once"])
def test_replicas_that_share_a_start_are_held_to_the_highest_of_them_whoever_answers_first(
    harness: LedgerHarness, seen: str
) -> None:
    start = harness.now.timestamp() - 5000
    values, born = {"a": 100.0, "b": 40.0, "c": 0.5}, {"a": start + 1, "b": start + 2, "c": start + 3}

    def answer(name: str) -> bytes:
        return body(family(COST, {series(): values[name]}, {series(): born[name]}), start=start)

    for name in seen:
        harness.scrape(answer(name))
    assert harness.total() == 0
    for order in ("abc", "cba", "bca"):
        _lose(harness, harness.spare_copy())
        for name in order:
            harness.scrape(answer(name))
        assert harness.total() == 0


class Replica:
    """One of several that share a start: each series of it was created in a moment of its own."""

    def __init__(self, start: float, number: int, *, created: float) -> None:
        """Begin with a series that was created so many seconds after the start."""
        self.start, self.number, self.value = start, number, 100.0 * number
        self.born = start + created + number / 1000

    def answer(self, by: float = 0.0, *, start: bool = True) -> bytes:
        """Spend so much, and answer."""
        self.value += by
        one = series(model="gpt-4o")
        return body(family(COST, {one: self.value}, {one: self.born}), start=self.start if start else None)


@pytest.fixture
def replicas(harness: LedgerHarness) -> list[Replica]:
    """Return three that were used before the first look."""
    return [Replica(harness.now.timestamp() - 5000, number, created=50) for number in (1, 2, 3)]


def test_replicas_that_share_a_start_are_told_apart_after_a_lost_file_by_when_their_series_were_created(
    harness: LedgerHarness, replicas: list[Replica]
) -> None:
    first, second, unseen = replicas
    for one in (first, second):
        harness.scrape(one.answer())
        harness.scrape(one.answer(by=1.0))
    assert harness.total() == 2.0
    # Once more before anybody has answered: the spare copy is of what the one before said.
    for _ in range(2):
        _lose(harness, harness.spare_copy())
    # Of one that was not met before nothing is known that would count.
    for one, total in ((second, 12.0), (unseen, 12.0), (first, 22.0), (unseen, 32.0)):
        harness.scrape(one.answer(by=10.0))
        assert harness.total() == total


def test_after_a_lost_file_a_replica_is_not_taken_for_one_that_had_nothing_yet(
    harness: LedgerHarness, replicas: list[Replica]
) -> None:
    unmet, *_ = replicas
    harness.scrape(body(family(COST, {}), start=unmet.start))
    _lose(harness, harness.spare_copy())
    harness.scrape(unmet.answer())
    assert harness.total() == 0.0
    harness.scrape(unmet.answer(by=2.0))
    assert harness.total() == 2.0


def test_replicas_whose_sums_are_lost_too_count_nothing_twice_whoever_takes_whose_place(
    harness: LedgerHarness, replicas: list[Replica]
) -> None:
    first, second, third = replicas
    harness.scrape(first.answer())
    for one in (second, third):
        one.born = harness.now.timestamp() + one.number
        harness.scrape(one.answer())
    assert harness.total() == 500.0
    _lose(harness, harness.spare_copy())
    # Only the first is in the file that is begun anew.
    harness.scrape(first.answer())
    harness.reopen()
    for one in (third, second, third, second):
        harness.scrape(one.answer())
        assert harness.total() == 500.0
    harness.scrape(second.answer(by=3.0))
    assert harness.total() == 503.0


def test_an_answer_without_identity_after_a_lost_file_counts_nothing_twice(
    harness: LedgerHarness, replicas: list[Replica]
) -> None:
    second, first, _ = replicas
    second.start -= 9
    harness.scrape(first.answer())
    second.born = harness.now.timestamp() + 5
    harness.scrape(second.answer())
    assert harness.total() == 100.0
    _lose(harness, harness.spare_copy())
    harness.scrape(first.answer())
    harness.crash()
    harness.open()
    harness.scrape(second.answer(start=False))
    assert harness.total() == 100.0


def test_a_clock_that_was_ahead_at_the_last_answer_before_a_lost_file_holds_up_nothing_for_good(
    harness: LedgerHarness, replicas: list[Replica]
) -> None:
    first, second, _ = replicas
    harness.scrape(first.answer())
    harness.scrape(first.answer(by=1.0), date=harness.now + timedelta(days=3650))
    _lose(harness, harness.spare_copy())
    harness.scrape(second.answer())
    harness.scrape(first.answer(by=1.0))
    counted = harness.total()
    for one in (first, second):
        one.born = harness.now.timestamp() + 30 + one.number
        one.value = 0.0
    harness.scrape(first.answer(by=4.0))
    harness.scrape(second.answer(by=5.0))
    assert harness.total() == counted + 9.0
