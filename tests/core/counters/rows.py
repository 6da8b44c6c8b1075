"""Counter tests as rows of numbers, one column an answer.

    by      a a a b     the process that answers
    gpt-4o  1 2 _ 7     the spend of a series in that answer
    adds    0 1 0 7     what the ledger adds to the total

`by`: a small letter is a process that began five seconds before its first answer here, a capital
letter one that was there before the ledger, `*` one without an identity (multi-process mode) and
`.` no answer at all. A value: `_` the answer does not have the series, `5@3` it was created three
seconds after the process began, and anything else stands in the body as it is. `adds`: `x` says
that the answer is refused.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from custom_components.litellm_pulse.core.errors import AnswerError

from ..bodies import COST, START, Value, body, family, series
from ..conftest import LedgerHarness

SECONDS = 60
"""Between two answers."""

type After = Callable[[LedgerHarness, bytes], None]


def check(table: str, *, undisturbed: bool = False) -> None:
    """Run the rows through ledgers to which different things happen after each answer.

    `undisturbed` is for what is about the order of the answers itself.
    """
    rows = _Rows.read(table)
    for name, after in _BETWEEN.items():
        if after is _nothing or not undisturbed:
            with tempfile.TemporaryDirectory() as folder:
                harness = LedgerHarness(Path(folder) / "ledger.db")
                try:
                    _run(rows, harness, after, name)
                finally:
                    harness.crash()


def _nothing(_books: LedgerHarness, _body: bytes) -> None:
    """Let nothing happen."""


def _restart(harness: LedgerHarness, _body: bytes) -> None:
    """Restart Home Assistant."""
    harness.close()


def _crash(harness: LedgerHarness, _body: bytes) -> None:
    """End Home Assistant without a chance to write anything more."""
    harness.crash()


def _again(harness: LedgerHarness, body: bytes) -> None:
    """Let the same answer come once more: it must add nothing."""
    before = harness.total()
    harness.scrape(body, seconds=0.5)
    assert harness.total() == before


_BETWEEN: Mapping[str, After] = {
    "nothing between": _nothing,
    "a restart of Home Assistant after each": _restart,
    "a crash of Home Assistant after each": _crash,
    "each answer twice": _again,
}


@dataclass(frozen=True)
class _Rows:
    """A table, read."""

    by: list[str]
    series: dict[str, list[str]]
    adds: list[str]

    @classmethod
    def read(cls, table: str) -> _Rows:
        """Read a table; all rows have to have the same length."""
        rows = {name: cells for name, *cells in map(str.split, table.strip().splitlines())}
        assert len({len(cells) for cells in rows.values()}) == 1, "rows of different length"
        return cls(rows.pop("by"), {name: cells for name, cells in rows.items() if name != "adds"}, rows["adds"])

    def body(self, column: int) -> bytes:
        """Return the answer of a column."""
        process = self.by[column]
        first = START.timestamp() + (self.by.index(process) + 1) * SECONDS - 5
        start = None if process == "*" else first - 1e6 if process.isupper() else first
        values: dict[str, Value] = {}
        created: dict[str, float] = {}
        for name, cells in self.series.items():
            value, _, since = cells[column].partition("@")
            if value != "_":
                values[series(model=name)] = value
                if since:
                    created[series(model=name)] = first + float(since)
        return body(family(COST, values, created), start=start)


def _run(rows: _Rows, harness: LedgerHarness, after: After, name: str) -> None:
    """Run the rows through one ledger and compare what every answer adds."""
    totals = [0.0]
    adds: list[str] = []
    for column, process in enumerate(rows.by):
        harness.now = START.replace(minute=1 + column)
        if process == ".":
            adds.append(".")
            continue
        answer = rows.body(column)
        try:
            harness.scrape(answer, seconds=0)
        except AnswerError:
            adds.append("x")
            continue
        totals.append(harness.total())
        adds.append(f"{totals[-1] - totals[-2]:g}")
        after(harness, answer)
    assert adds == rows.adds, name
    assert harness.total() == pytest.approx(sum(after - before for before, after in pairwise(totals)))
