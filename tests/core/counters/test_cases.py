"""Lifecycles that went wrong, read from their files; the README beside them says what a step is."""

import json
import random
import re
from collections.abc import Callable, Mapping
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
_SERIES = re.compile(r"(?m)^([a-z_]+\{)((?:[a-z_]+=\"[^\"{}]*\",?)+)(\})(?= [0-9.+e]+$)")


def _turned(line: re.Match[str]) -> str:
    """Return a series with its labels the other way round."""
    return line[1] + ",".join(reversed(line[2].split(","))) + line[3]


def _shuffled(text: str) -> str:
    """Return a body with its families, and the samples of each, in another order."""
    families = re.split(r"(?m)^(?=# HELP)", text)
    chance = random.Random(len(text))  # noqa: S311
    parts = []
    for family in families:
        lines = family.splitlines(keepends=True)
        samples = [line for line in lines if not line.startswith("#")]
        chance.shuffle(samples)
        parts.append("".join([line for line in lines if line.startswith("#")] + samples))
    chance.shuffle(parts)
    return "".join(parts)


_WRITTEN: Mapping[str, Callable[[str], str]] = {
    "shuffled": _shuffled,
    "labels turned": lambda text: _SERIES.sub(_turned, text),
    "times of creation turned": lambda text: re.sub(
        r"(?m)^[a-z_]+_created\{.*$", lambda line: _SERIES.sub(_turned, line[0]), text
    ),
    "numbers with an exponent": lambda text: re.sub(
        r"(?m)(?<=[\"}s] )[0-9.]+$", lambda value: f"{float(value[0]):.15e}", text
    ),
    "collected": lambda text: re.sub(r"(?m)^(?!#)([a-z_]+)\{", r'\1{instance="a:4000",job="litellm",', text),
    "OpenMetrics": lambda text: re.sub(r"(?m)^(# [A-Z]+ \S+)_total ", r"\1 ", text) + "# EOF\n",
    "with carriage returns": lambda text: text.replace("\n", "\r\n"),
}
"""Other ways in which a proxy, a gateway or a collector may write the same answer."""


def _step(harness: LedgerHarness, step: dict[str, Any], *, dated: bool, written: str = "") -> None:
    """Have one answer counted; a part that is not believed is asked for in whole, a refused one changes nothing."""
    text = _WRITTEN[written](step["body"]) if written else step["body"]
    for part in (True, False) if step["part"] else (False,):
        exposition = read(harness.ledger.parser(), text.encode())
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


@pytest.mark.parametrize(
    ("written", "turns"),
    # A label more is another series.
    [(one, turns) for one in _WRITTEN for turns in (False, True) if one != "collected" or not turns],
)
def test_a_lifecycle_has_the_right_values_however_its_answers_are_written(
    tmp_path: Path, written: str, *, turns: bool
) -> None:
    """With `turns` each second answer is written as it is."""
    for path in CASES:
        case = json.loads(path.read_text())
        harness = LedgerHarness(tmp_path / path.stem)
        for number, step in enumerate(case["steps"]):
            for again in range(2):
                harness.now = datetime.fromtimestamp(case["first_scrape"] + step["at"] + again, UTC)
                _step(harness, step, dated=True, written="" if turns and number % 2 else written)
            _check(harness, step["truth"], f"{path.stem}, step {number}")
        harness.crash()


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
