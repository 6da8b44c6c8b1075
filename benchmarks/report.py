"""The report, on the terminal and in results.md: tables of figures beside peers and budgets."""

import os
import platform
import sqlite3
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .measure import Costs, Figure, Section, Spread, Table

HEAD = ("what", "ours", "against", "theirs", "ratio", "budget", "runs", "ok")

_INTRODUCTION = (
    "Made by `./scripts/bench [names] --record`, section by section. A figure is the median of its runs, with the "
    "quartiles in brackets; a ratio is the median over pairs of runs made one right after the other."
)
_SECTION = "\n\n## "


def text(sections: Sequence[Section], *, quick: bool) -> str:
    """Return the tables for a terminal, columns aligned."""
    parts = []
    for section in sections:
        parts += [f"\n{section.title}\n"]
        if section.figures:
            parts.append(_aligned([HEAD, *(_row(figure, quick=quick) for figure in section.figures)]))
        for table in section.tables:
            parts += [f"\n{table.title}\n", _aligned([table.head, *table.rows])]
    return "\n".join(parts)


def renewed(page: str, sections: Sequence[Section]) -> str:
    """Return results.md with these sections in the place of those of the same title, new ones at its end."""
    known = {one.partition("\n")[0]: one.rstrip("\n") for one in page.split(_SECTION)[1:]}
    known |= {section.title: _markdown_of(section) for section in sections}
    head = ["# Benchmarks", _INTRODUCTION, _markdown(Table(title="", head=("machine", ""), rows=_machine()))]
    return _SECTION.join(["\n\n".join(head), *known.values()]) + "\n"


def _markdown_of(section: Section) -> str:
    """Return a section of results.md, without the mark of its title."""
    load = os.getloadavg()[-1]
    parts = [section.title, f"*{datetime.now(UTC):%Y-%m-%d}, with a load average of {load:.1f}.*", section.note]
    if section.figures:
        rows = [_row(figure, quick=False) for figure in section.figures]
        parts.append(_markdown(Table(title="", head=HEAD, rows=rows)))
    for table in section.tables:
        parts += [f"### {table.title}", _markdown(table)]
    return "\n\n".join(parts)


def missed(sections: Sequence[Section], *, quick: bool) -> list[Figure]:
    """Return the figures that are outside of their budget."""
    return [figure for section in sections for figure in section.figures if figure.verdict(quick=quick) is False]


def number(value: float) -> str:
    """Return a number with three figures that count."""
    if value >= 1000:
        return f"{value:,.0f}"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f}"


def _row(figure: Figure, *, quick: bool) -> tuple[str, ...]:
    verdict = figure.verdict(quick=quick)
    return (
        figure.name,
        _spread(figure.ours, figure.unit),
        figure.peer,
        _spread(figure.theirs, figure.unit) if figure.theirs else "",
        _ratio(figure),
        str(figure.budget or ""),
        str(figure.ours.runs),
        {True: "yes", False: "NO", None: ""}[verdict],
    )


def _spread(spread: Spread, unit: str) -> str:
    """Return the median and, of more than one run, the quartiles."""
    if spread.runs == 1:
        return f"{number(spread.median)} {unit}"
    return f"{number(spread.median)} {unit} ({number(spread.low)} to {number(spread.high)})"


def _ratio(figure: Figure) -> str:
    """Return the ratio in the direction of the budget."""
    if figure.ratio is None:
        return ""
    ratio = figure.ratio.median
    if isinstance(figure.budget, Costs):
        return f"{number(ratio)}x the cost"
    if ratio < 1:
        return f"{number(1 / ratio)}x {'the size' if _is_size(figure) else 'the cost'}"
    return f"{number(ratio)}x {'smaller' if _is_size(figure) else 'faster'}"


def _is_size(figure: Figure) -> bool:
    """Whether a figure is about bytes."""
    return figure.unit.startswith(("MB", "kB"))


def _machine() -> list[tuple[str, str]]:
    """Return what the figures depend on."""
    kernel = platform.uname()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = [f"{name} {_version(name)}" for name in ("homeassistant", "aiohttp", "prometheus-client")]
    return [
        ("processor", f"{os.cpu_count()} cores of {_processor()}, {memory:.0f} GB of memory"),
        ("system", f"{kernel.system} {kernel.release}, {kernel.machine}"),
        ("Python", f"{sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}"),
        ("packages", ", ".join([*packages, "litellm-pulse 0.3.0"])),
    ]


def _processor() -> str:
    """Return the model of the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows with their columns one below the other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _markdown(table: Table) -> str:
    """Return a table in Markdown."""
    lines = [table.head, ["---"] * len(table.head), *table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
