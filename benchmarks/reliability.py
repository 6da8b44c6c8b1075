"""The page of promises, docs/reliability.md, made from the figures of the last soak.

`python -m benchmarks.reliability` writes it anew from benchmarks/reliability.json.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from .measure import Figure

FIGURES = Path(__file__).with_name("reliability.json")
PAGE = Path(__file__).parent.parent / "docs" / "reliability.md"

_INTRODUCTION = """\
# Reliability

What LiteLLM Pulse promises when things go wrong, and what the last run of `./scripts/bench soak` found ({date}).
The run takes a real Home Assistant through thirty simulated days with faults, 200 reloads, twenty proxies of which
eight are dead, slow, lying or flapping, and bodies that mean harm.

| promise | found | at most | held |
| --- | --- | --- | --- |
"""


class Row(TypedDict):
    """A figure, as it is kept."""

    promise: str
    found: float
    unit: str
    limit: str
    held: bool


class Run(TypedDict):
    """What a run has found."""

    date: str
    rows: list[Row]


def write(figures: Sequence[Figure]) -> None:
    """Keep the figures that hold a budget, and write the page."""
    rows = [
        Row(
            promise=one.name,
            found=one.ours.median,
            unit=one.unit,
            limit=str(one.budget).removeprefix("≤ "),
            held=bool(one.verdict(quick=False)),
        )
        for one in figures
        if one.budget is not None
    ]
    run = Run(date=datetime.now(UTC).date().isoformat(), rows=rows)
    FIGURES.write_text(json.dumps(run, indent=2, ensure_ascii=False) + "\n")
    PAGE.write_text(page(run))


def page(run: Run) -> str:
    """Return the page."""
    rows = [
        " | ".join(
            ("", row["promise"], f"{_number(row['found'])} {row['unit']}".strip(), row["limit"].strip(), _held(row), "")
        ).strip()
        for row in run["rows"]
    ]
    return _INTRODUCTION.format(date=run["date"]) + "\n".join(rows) + "\n"


def _held(row: Row) -> str:
    """Return whether a promise is kept."""
    return "yes" if row["held"] else "**no**"


def kept() -> Run:
    """Return what the last run has found."""
    run: Run = json.loads(FIGURES.read_text())
    return run


def _number(value: float) -> str:
    """Return a number as people read it."""
    return f"{value:.2g}" if 0 < value < 0.1 else f"{value:,.1f}".removesuffix(".0")


if __name__ == "__main__":
    PAGE.write_text(page(kept()))
