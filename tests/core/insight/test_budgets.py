"""Budgets as LiteLLM tells them: in many copies, at times wrong, and true in the one that moves."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.exposition import GaugeSample
from custom_components.litellm_pulse.core.insight.budgets import Budgets, Gauges

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
