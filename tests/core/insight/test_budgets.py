"""Budgets as LiteLLM tells them: in many copies, at times wrong, and true in the one that moves."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.exposition import GaugeSample
from custom_components.litellm_pulse.core.insight.budgets import GONE, MOST_PROCESSES, Budgets, Gauges

BEGIN = datetime(2026, 11, 18, 12, tzinfo=UTC)
TEAM = Dimension.TEAM, "t1"
LEFT, MOST, HOURS = (
    "litellm_remaining_team_budget_metric",
    "litellm_team_max_budget_metric",
    "litellm_team_budget_remaining_hours_metric",
)


def _told(left: Mapping[str, float], *, hours: float | None = None, most: float = 100.0) -> Gauges:
    """Return what a proxy tells of a team's budget: what is left by each of its workers."""
    copies = [({"team": "t1", "team_alias": "Kitchen", "pid": pid}, value) for pid, value in left.items()]
    found = {
        LEFT: [GaugeSample(labels, value) for labels, value in copies],
        MOST: [GaugeSample(labels, most) for labels, _ in copies],
    }
    return found | ({HOURS: [GaugeSample(copies[0][0], hours)]} if hours is not None else {})


def _left(budgets: Budgets, told: Gauges, *, passed: timedelta = timedelta()) -> float:
    """Return what is left of the team's budget after an answer."""
    return budgets.read(1, told, BEGIN + passed).budgets[TEAM].remaining


def test_a_whole_budget_is_not_believed_before_it_stays() -> None:
    budgets = Budgets()
    told = [{"1": 40.0}, {"1": 100.0}, {"1": 39.0}, {"1": 100.0}, {"1": 100.0}]
    assert [_left(budgets, _told(one)) for one in told] == [40, 40, 39, 39, 100]


def test_a_whole_budget_has_to_stay_in_one_copy() -> None:
    budgets = Budgets()
    told = [{"1": 40.0, "2": 50.0}, {"1": 100.0, "2": 50.0}, {"1": 100.0, "2": 100.0}, {"1": 100.0, "2": 100.0}]
    assert [_left(budgets, _told(one)) for one in told] == [40, 40, 40, 100]


def test_a_whole_budget_is_believed_at_once_when_its_reset_was_due() -> None:
    budgets = Budgets()
    assert _left(budgets, _told({"1": 40.0}, hours=1.0)) == 40
    assert _left(budgets, _told({"1": 100.0}, hours=1.0), passed=timedelta(minutes=30)) == 40
    assert _left(budgets, _told({"1": 100.0}, hours=24.0), passed=timedelta(hours=1)) == 100


def test_a_maximum_that_another_copy_tells_is_that_of_the_budget() -> None:
    told = {**_told({"1": 40.0}), MOST: [GaugeSample({"team": "t1", "team_alias": "Cellar"}, 80.0)]}
    assert Budgets().read(1, told, BEGIN).budgets[TEAM].maximum == 80


def test_a_budget_of_nobody_is_none() -> None:
    nobody = GaugeSample({"team": "None", "team_alias": "None"}, 7.0)
    assert Budgets().read(1, {LEFT: [nobody]}, BEGIN).budgets == {}


def test_a_budget_that_was_no_number_for_a_while_is_told_again() -> None:
    budgets = Budgets()
    told = [40.0, float("nan"), float("nan"), float("inf"), 39.0, float("nan"), 38.0]
    assert [_left(budgets, _told({"1": one})) for one in told] == [40, 40, 40, 40, 39, 39, 38]


def _copies(budgets: Budgets) -> int:
    """Return of how many copies of the team's gauge it is remembered what they told."""
    return len(json.loads(budgets.budgets[TEAM].copies))


@pytest.mark.parametrize("lost", [(LEFT,), (MOST,), (HOURS,), (LEFT, MOST, HOURS)], ids=" ".join)
@pytest.mark.parametrize("reloaded", [False, True])
def test_a_family_that_is_missing_for_a_while_takes_no_budget_away(lost: Sequence[str], *, reloaded: bool) -> None:
    budgets = Budgets()
    for told in ({"old": 2.0}, {"old": 2.0, "new": 45.0}):
        known = budgets.read(1, _told(told, hours=3.0), BEGIN).budgets[TEAM]
    for answer in range(GONE - 1):
        if reloaded:
            before, budgets = budgets.budgets, Budgets()
            budgets.load(before)
        told_now = _told({"old": 2.0, "new": 45.0}, hours=3.0)
        gauges = {family: one for family, one in told_now.items() if family not in lost}
        assert budgets.read(1, gauges, BEGIN + timedelta(minutes=answer)).budgets[TEAM] == known
    assert budgets.read(1, told_now, BEGIN + timedelta(minutes=GONE)).budgets[TEAM] == known
    assert known.remaining == 45


def test_a_budget_that_a_process_tells_no_more_is_gone_after_ten_answers() -> None:
    budgets = Budgets()
    _left(budgets, _told({"1": 45.0}))
    found = [TEAM in budgets.read(1, {}, BEGIN).budgets for _ in range(GONE + 1)]
    assert found == [*[True] * GONE, False]


@pytest.mark.parametrize("most", [float("nan"), 100.0])
def test_a_maximum_that_is_no_number_stays_what_it_was(most: float) -> None:
    budgets = Budgets()
    _left(budgets, _told({"1": 45.0}))
    for left in (float("nan"), 44.0):
        assert budgets.read(1, _told({"1": left}, most=most), BEGIN).budgets[TEAM].maximum == 100
    assert budgets.read(1, _told({"1": 43.0}, most=float("inf")), BEGIN).budgets[TEAM].maximum is None


@pytest.mark.parametrize("hours", [float("nan"), 0.0, -0.02])
def test_when_a_budget_is_reset_stays_known_where_hours_are_no_number_or_used_up(hours: float) -> None:
    budgets = Budgets()
    _left(budgets, _told({"1": 40.0}, hours=1.0))
    due = budgets.budgets[TEAM].resets_at
    assert _left(budgets, _told({"1": 39.0}, hours=hours), passed=timedelta(minutes=61)) == 39
    assert budgets.budgets[TEAM].resets_at == due
    assert _left(budgets, _told({"1": 100.0}, hours=hours), passed=timedelta(minutes=62)) == 100


@pytest.mark.parametrize("reloaded", [False, True])
def test_when_a_budget_is_reset_stays_known_after_requests_that_cost_nothing(*, reloaded: bool) -> None:
    budgets = Budgets()
    _left(budgets, _told({"1": 40.0}, hours=20.0))
    due = budgets.budgets[TEAM].resets_at
    # The gauges are set with each request, and stand still until the next one.
    for passed in (1, 5, 9):
        for idle in (0, 1, 3):
            _left(budgets, _told({"1": 40.0}, hours=20.0 - passed), passed=timedelta(hours=passed + idle))
            assert budgets.budgets[TEAM].resets_at == due
            if reloaded:
                before, budgets = budgets.budgets, Budgets()
                budgets.load(before)


def test_of_a_proxy_that_restarts_all_the_time_the_copies_of_the_latest_processes_are_kept() -> None:
    budgets = Budgets()
    for process in range(1, 3 * MOST_PROCESSES):
        budgets.read(process, _told({"1": 100 - process / 10}), BEGIN)
    assert _copies(budgets) == MOST_PROCESSES
    budgets.read(process, {}, BEGIN)
    for other in range(process + 1, process + MOST_PROCESSES + 2):
        assert budgets.read(other, {}, BEGIN).budgets[TEAM].remaining == 100 - process / 10


def test_what_a_replica_told_before_it_was_seen_first_is_not_what_changed_last() -> None:
    budgets = Budgets()
    assert _left(budgets, _told({"1": 45.0})) == 45
    told = [budgets.read(2, _told({"1": one}), BEGIN, stands=True).budgets[TEAM].remaining for one in (60.0, 59.0)]
    assert told == [45, 59]


@pytest.mark.parametrize("stands", [True, False])
def test_a_limit_that_was_taken_away_stays_away_over_a_restart_of_home_assistant(stands: bool) -> None:  # noqa: FBT001
    def told(left: float) -> Gauges:
        copies = [({"team": "t1", "team_alias": alias}, value) for alias, value in (("Old", 90.0), ("New", left))]
        most = [GaugeSample(labels, 100.0 if value == 90.0 else value) for labels, value in copies]
        return {LEFT: [GaugeSample(labels, value) for labels, value in copies], MOST: most}

    budgets = Budgets()
    budgets.read(1, told(95.0), BEGIN)
    assert TEAM not in budgets.read(1, told(inf), BEGIN).budgets
    loaded = Budgets()
    loaded.load(budgets.budgets)
    # At the first look of all nobody knows which of both is the live one, and a budget is better than none.
    assert (TEAM in loaded.read(1, told(inf), BEGIN, stands=stands).budgets) is not stands
    assert loaded.read(1, told(80.0), BEGIN).budgets[TEAM].remaining == 80.0
