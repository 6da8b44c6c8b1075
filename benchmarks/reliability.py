"""The page of promises, docs/reliability.md, and README's table of the first of them, made from the last runs.

`python -m benchmarks.reliability` writes both anew from benchmarks/reliability.json.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from made_table import replaced

from .measure import Figure

ROOT = Path(__file__).parent.parent
FIGURES = Path(__file__).with_name("reliability.json")
PAGE = ROOT / "docs" / "reliability.md"
README = ROOT / "README.md"
BEGIN = "<!-- made by scripts/bench soak and crowd -->"
FIRST = (
    "30 days: the most that a day's total was off",
    "30 days: memory that a week adds",
    "200 reloads: tasks, threads, files, sockets, listeners left over",
    "gzip bomb of lines: longest turn",
    "4.0 MB with 72,000 users: peak memory",
    "20 proxies: those whose state was not what they are",
    "20 proxies: scrapes that a healthy one missed of 360",
    "20 proxies, ten of them sick: what any total is off",
    "20 proxies: seconds until all were known to be well again",
)
"""Promises that README names."""

_INTRODUCTION = """\
# Reliability

What LiteLLM Pulse promises when things go wrong, and what the last runs found.
"""
_RUNS = {
    "soak": """\
## A month in minutes

`./scripts/bench soak` ({date}) takes a Home Assistant through thirty simulated days with faults, 200 reloads, and
bodies that mean harm.
""",
    "crowd": """\
## An hour with others

`./scripts/bench crowd --minutes {minutes:g}` ({date}) lets a real Home Assistant scrape twenty proxies by its own
timers. Ten work; ten are dead, slow, endless, lying, failing, refusing the key, asking for patience, flapping,
restarting, or stale. Then all are well again. What the recorder's page cache takes meanwhile, the command tells as
well.
""",
}
"""What is told of each run."""
_HEAD = """
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
    minutes: float
    rows: list[Row]


def write(name: str, figures: Sequence[Figure], minutes: float = 0) -> None:
    """Keep the figures of a run that hold a budget, and write the page."""
    rows = [_row(one) for one in figures if one.budget is not None]
    runs = kept() | {name: Run(date=datetime.now(UTC).date().isoformat(), minutes=minutes, rows=rows)}
    FIGURES.write_text(json.dumps(runs, indent=2, ensure_ascii=False) + "\n")
    _write_pages(runs)


def _row(one: Figure) -> Row:
    """Return a figure as it is kept: itself, or how many times what stands beside it."""
    beside = f", times that of {one.peer}" if one.ratio else ""
    return Row(
        promise=one.name + beside,
        found=(one.ratio or one.ours).median,
        unit="" if one.ratio else one.unit,
        limit=str(one.budget).removeprefix("≤ ").removesuffix("x"),
        held=bool(one.verdict(quick=False)),
    )


def page(runs: Mapping[str, Run]) -> str:
    """Return the page."""
    parts = [_RUNS[name].format(**run) + _HEAD + _table(run["rows"]) for name, run in runs.items()]
    return "\n".join([_INTRODUCTION, *parts])


def first(readme: str, runs: Mapping[str, Run]) -> str:
    """Return README with its table of the first promises; the rest stays."""
    rows = [row for run in runs.values() for row in run["rows"] if row["promise"] in FIRST]
    return replaced(readme, BEGIN, _HEAD + _table(rows))


def _write_pages(runs: Mapping[str, Run]) -> None:
    PAGE.write_text(page(runs))
    README.write_text(first(README.read_text(), runs))


def _table(rows: Sequence[Row]) -> str:
    """Return the lines of a table."""
    lines = [
        " | ".join(
            ("", row["promise"], f"{_number(row['found'])} {row['unit']}".strip(), row["limit"].strip(), _held(row), "")
        ).strip()
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _held(row: Row) -> str:
    """Return whether a promise is kept."""
    return "yes" if row["held"] else "**no**"


def kept() -> dict[str, Run]:
    """Return what the last runs have found."""
    runs: dict[str, Run] = json.loads(FIGURES.read_text())
    return runs


def _number(value: float) -> str:
    """Return a number as people read it."""
    return f"{value:.2g}" if 0 < value < 0.1 else f"{value:,.1f}".removesuffix(".0")


if __name__ == "__main__":
    _write_pages(kept())
