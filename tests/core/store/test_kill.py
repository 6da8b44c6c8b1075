"""A real process that is killed at random moments of its scrapes loses nothing and counts nothing twice."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from custom_components.litellm_pulse import core

KILLS = 150
SCRIPT = Path(__file__).with_name("kills.py")


def test_killed_150_times_the_totals_equal_the_truth(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    importable = (Path(core.__file__).parents[1], SCRIPT.parents[1])
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-S", str(SCRIPT), str(path), str(KILLS)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, importable))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""
    for line in ran.stdout.splitlines():
        result = json.loads(line)
        assert result["steps"] >= KILLS / 2
        assert not result["recovered"]
        assert result["counted"] == pytest.approx(result["truth"], rel=1e-9)
        assert result["total"] == pytest.approx(sum(result["truth"]), rel=1e-9)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        for resolution in range(3):
            query = "SELECT sum(cost) FROM usage WHERE resolution = ?"
            (cost,) = connection.execute(query, (resolution,)).fetchone()
            assert cost == pytest.approx(sum(result["truth"]), rel=1e-9)
