"""Run benchmarks, each in a process of its own, and report: `scripts/bench` calls this."""

import argparse
import importlib
import sys
from pathlib import Path

from . import report
from .apart import apart
from .measure import Section, Setting

BENCHMARKS = (
    "parse",
    "part",
    "ledger",
    "history",
    "growth",
    "home_assistant",
    "api",
    "entities",
    "statistics",
    "hostile",
    "questions",
)
APART = ("comparison", "history_import", "dashboard", "soak", "crowd")
"""Those that are run by name only: they take minutes, and a browser wants a calm machine."""
QUICK = ("parse",)
"""Those of the check in CI."""
RESULTS = Path(__file__).with_name("results.md")


def main() -> int:
    """Run what was asked for; return 1 where a budget is not held."""
    options = _options()
    setting = Setting(
        cache=options.cache,
        peer=options.peer,
        prometheus=options.prometheus,
        quick=options.check,
        minutes=options.minutes,
    )
    sections = []
    for name in options.names or (QUICK if options.check else BENCHMARKS):
        print(f"{name} …", file=sys.stderr, flush=True)
        sections.append(apart(_run, name, setting))
    print(report.text(sections, quick=options.check))
    if options.record:
        RESULTS.write_text(report.renewed(RESULTS.read_text(), sections))
    failed = report.missed(sections, quick=options.check)
    for figure in failed:
        print(f"outside of its budget: {figure.name} ({figure.budget})", file=sys.stderr)
    return int(bool(failed))


def _run(name: str, setting: Setting) -> Section:
    section: Section = importlib.import_module(f"{__package__}.{name}").run(setting)
    return section


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, *APART, []], help="benchmarks to run, all if none")
    parser.add_argument("--check", action="store_true", help="few runs, ratios only, generous margins")
    parser.add_argument("--minutes", type=float, default=60, help="how long `crowd` watches its twenty proxies")
    parser.add_argument("--record", action="store_true", help="renew the sections of benchmarks/results.md")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--peer", type=Path, required=True)
    parser.add_argument("--prometheus", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
