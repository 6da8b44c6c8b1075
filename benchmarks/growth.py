"""How the cost of a scrape grows: with series, with changes, with history."""

import math
import statistics
import time
from datetime import timedelta
from pathlib import Path

from . import history, members
from .apart import apart
from .course import BEGIN, ZONE
from .engine import Ledger, read
from .homelab import FAMILIES, Homelab
from .measure import Section, Setting, Table, scratch_folder
from .plot import Chart, Line, svg
from .report import number

PLOT = Path(__file__).with_name("growth.svg")

SIZES = ((2, 4), (9, 8), (34, 20), (67, 100))
"""Models and keys that give some 100, 1,000, 10,000 and 100,000 series."""
SHARES = {"all changed": 1.0, "1 in 20 changed": 0.05, "none changed": 0.0}


def run(setting: Setting) -> Section:
    """Measure, and draw the plot."""
    with scratch_folder(setting) as scratch:
        sizes = [_Sized(models, keys) for models, keys in SIZES]
        by_share = {
            name: [(one.series, one.scrape(scratch, math.ceil(share * one.pairs))) for one in sizes]
            for name, share in SHARES.items()
        }
        middle = sizes[2]
        changed = [
            (middle.changed, milliseconds)
            for pairs in (1, 6, 60, middle.pairs)
            for milliseconds in [middle.scrape(scratch, pairs)]
        ]
        entities = apart(members.measured, scratch)
    ages = [age for age in history.measured(setting) if age.days in history.AGES]
    PLOT.write_text(svg(_charts(by_share, changed, middle.series, ages, entities)))
    return Section(
        title="Growth",
        note=(
            "Processor time of one whole scrape with its transaction, `Ledger.scrape`, the median of several; for the "
            "entities, of the whole process, from the request to the last state. "
            "![growth](growth.svg)"
        ),
        figures=[],
        tables=[
            Table(
                title="Series",
                head=("series", "body", *(f"{name}, ms" for name in SHARES)),
                rows=[
                    (f"{one.series:,}", f"{one.size / 1e6:.2f} MB", *(number(by_share[name][at][1]) for name in SHARES))
                    for at, one in enumerate(sizes)
                ],
            ),
            Table(
                title=f"Changed series, of {middle.series:,}",
                head=("changed", "ms"),
                rows=[(f"{count:,}", number(milliseconds)) for count, milliseconds in changed],
            ),
            Table(
                title="Entities",
                head=("entities", "nothing changed, ms", "one model changed, ms", "set-up, ms"),
                rows=[
                    (f"{one.entities:,}", number(one.idle_ms), number(one.busy_ms), number(one.setup_ms))
                    for one in entities
                ],
            ),
            Table(
                title="History",
                head=("days", "idle scrape, ms", "busy scrape, ms", "load, ms", "MB on disk"),
                rows=[
                    (
                        *(f"{age.days:,}", number(age.idle_ms), number(age.busy_ms)),
                        *(number(age.load_ms), f"{age.size / 1e6:.1f}"),
                    )
                    for age in ages
                ],
            ),
        ],
    )


class _Sized:
    """A proxy with so many models and keys."""

    def __init__(self, models: int, keys: int) -> None:
        self._homelab = Homelab(models=models, keys=keys, teams=min(keys, 20))
        self.pairs = models * keys
        self.series = self.pairs * len(FAMILIES)
        self.size = len(self._homelab.body())
        self.changed = 0
        """Series that changed in each of the scrapes that were measured last."""

    def scrape(self, folder: Path, pairs: int) -> float:
        """Return the milliseconds of a scrape between which so many pairs of a model and a key were used."""
        path = folder / f"{self.series}-{pairs}.db"
        now = BEGIN
        ledger = Ledger.open(path, now=now, zone=ZONE)
        ledger.scrape(read(ledger.parser(), self._homelab.body()), now=now, answered_at=now)
        runs, changed = [], []
        for _ in range(5 if self.series > 50_000 else 15):
            now += timedelta(seconds=60)
            for pair in range(pairs):
                self._homelab.request(pair % self._homelab.models, pair // self._homelab.models)
            body = self._homelab.body()
            begun = time.process_time()
            report = ledger.scrape(read(ledger.parser(), body), now=now, answered_at=now).report
            runs.append((time.process_time() - begun) * 1e3)
            changed.append(report.changed if report else 0)
        ledger.close()
        path.unlink()
        self.changed = round(statistics.median(changed))
        return statistics.median(runs)


def _charts(
    by_share: dict[str, list[tuple[int, float]]],
    changed: list[tuple[int, float]],
    of: int,
    ages: list[history.Age],
    entities: list[members.Shown],
) -> list[Chart]:
    """Return the charts of the plot."""
    years = [
        Line(name="loading", points=[(age.days, age.load_ms) for age in ages]),
        Line(name="busy scrape", points=[(age.days, age.busy_ms) for age in ages]),
        Line(name="idle scrape", points=[(age.days, age.idle_ms) for age in ages]),
    ]
    weights = [Line(name="on disk", points=[(age.days, age.size / 1e6) for age in ages])]
    return [
        Chart(
            title="One scrape, by series of the proxy",
            x="series",
            y="ms",
            lines=[Line(name=name, points=points) for name, points in by_share.items()],
        ),
        Chart(
            title=f"One scrape, by changed series (of {of:,})",
            x="changed series",
            y="ms",
            lines=[Line(name="one scrape", points=changed)],
        ),
        Chart(
            title="One scrape in Home Assistant, by entities",
            x="entities",
            y="ms",
            lines=[
                Line(name="one model changed", points=[(one.entities, one.busy_ms) for one in entities]),
                Line(name="none changed", points=[(one.entities, one.idle_ms) for one in entities]),
            ],
        ),
        Chart(
            title="Set-up, by entities",
            x="entities",
            y="ms",
            lines=[Line(name="set-up", points=[(one.entities, one.setup_ms) for one in entities])],
        ),
        Chart(title="One scrape, by age of the ledger", x="days", y="ms", lines=years),
        Chart(title="The file, by age of the ledger", x="days", y="MB", lines=weights),
    ]
