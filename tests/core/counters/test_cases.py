"""Lifecycles that went wrong, read from their files; the README beside them says what a step is."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.errors import AnswerError, SurprisingPartError
from custom_components.litellm_pulse.core.models import Window

from ..bodies import read
from ..conftest import LedgerHarness

CASES = sorted((Path(__file__).parents[2] / "fixtures" / "cases").glob("*.json"))
TEAM = (Dimension.TEAM, "t-1")


def _step(harness: LedgerHarness, step: dict[str, Any], *, dated: bool) -> None:
    """Have one answer counted; a part that is not believed is asked for in whole, a refused one changes nothing."""
    for part in (True, False) if step["part"] else (False,):
        exposition = read(harness.ledger.parser(), step["body"].encode())
        try:
            harness.ledger.scrape(exposition, now=harness.now, answered_at=harness.now if dated else None, part=part)
        except SurprisingPartError:
            continue
        except AnswerError:
            pass
        return


@pytest.mark.parametrize("restarts", [False, True], ids=["in one go", "with a restart of Home Assistant after each"])
@pytest.mark.parametrize("dated", [False, True], ids=["without Date", "with Date"])
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_lifecycle_has_the_right_values(harness: LedgerHarness, path: Path, dated: bool, restarts: bool) -> None:  # noqa: FBT001
    case = json.loads(path.read_text())
    for number, step in enumerate(case["steps"]):
        harness.now = datetime.fromtimestamp(case["first_scrape"] + step["at"], UTC)
        _step(harness, step, dated=dated)
        _check(harness, step["truth"], f"step {number}")
        if restarts:
            harness.reopen()
            _check(harness, {"cost": step["truth"].get("cost", harness.total())}, f"step {number}, restarted")


def _check(harness: LedgerHarness, truth: dict[str, Any], where: str) -> None:
    """Compare what is known with what must be."""
    if "cost" in truth:
        assert harness.total() == pytest.approx(truth["cost"], abs=1e-9), where
    if "cost_at_most" in truth:
        assert harness.total() <= truth["cost_at_most"] + 1e-9, where
    if "day" in truth:
        assert harness.total(window=Window.DAY) == pytest.approx(truth["day"], abs=1e-9), where
    if "remaining" in truth:
        budget = harness.snapshot.budgets[TEAM]
        assert (budget.remaining, budget.maximum) == (truth["remaining"], truth["maximum"]), where
        assert harness.snapshot.members[TEAM].name == truth["name"], where
    if "models" in truth:
        assert sum(key[0] is Dimension.MODEL for key in harness.snapshot.members) == truth["models"], where
