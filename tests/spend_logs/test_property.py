"""Both sources against one truth: whatever happens on either side, nothing is counted twice and nothing is lost."""

import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, override
from zoneinfo import ZoneInfo

import postgres
import pytest

from custom_components.litellm_pulse.core.catalog import COUNTER_INDEX, Dimension
from custom_components.litellm_pulse.core.history import History
from custom_components.litellm_pulse.core.models import TOTAL, Window
from custom_components.litellm_pulse.core.query import sql
from custom_components.litellm_pulse.core.query.sql import Period, UsageQuery
from custom_components.litellm_pulse.history_destination import LedgerDestination
from custom_components.litellm_pulse.spend_logs import dsn
from custom_components.litellm_pulse.spend_logs.daily import Activity, Page
from custom_components.litellm_pulse.spend_logs.database import Database, Found
from custom_components.litellm_pulse.spend_logs.errors import NotOfferedError
from custom_components.litellm_pulse.spend_logs.importer import Importer
from custom_components.litellm_pulse.spend_logs.models import DAY, HOUR, METRICS, Span, UsageRow, floor, merged, sums_of
from custom_components.litellm_pulse.spend_logs.rest import NOTHING, Rest
from custom_components.litellm_pulse.spend_logs.rest_importer import RestImporter

from ..core.bodies import COST, TOKENS, body, family, series
from ..core.conftest import LedgerHarness
from .schema import spend_logs
from .world import insert
from .world import request as row

type Make = Callable[[str], str]

MODELS: Final = ("gpt-4o", "opus", "llama")
INDEX: Final = COUNTER_INDEX["cost"]
KEPT_DAYS: Final = 90
"""Longer than a life."""


@dataclass
class Spent:
    """A request, as it happened."""

    number: int
    ended: datetime
    model: str
    cost: float
    visible: datetime
    """When its row is in the database."""


class Clocked(Database):
    """A database whose clock is the world's."""

    now: datetime

    @override
    async def look(self) -> Found:
        found = await super().look()
        return Found(
            identity=found.identity,
            table=found.table,
            bins=found.bins,
            now=self.now,
            oldest=found.oldest,
            newest=found.newest,
        )


@dataclass
class Worker:
    """The ledger's thread, without a thread."""

    harness: LedgerHarness

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the ledger."""
        return self.harness.zone

    async def async_history[T](self, work: Callable[[History], T]) -> T:
        """Do some work on the history."""
        return work(self.harness.ledger.history)


class DailyApi(Rest):
    """LiteLLM's API over the same truth: the sums of UTC days by model."""

    def __init__(self, spent: Sequence[Spent]) -> None:
        """Take what happened."""
        self._truth = spent

    @override
    async def days(
        self, activity: Activity, first: date, last: date, only: Mapping[str, str] = NOTHING
    ) -> AsyncIterator[tuple[date, date, Page]]:
        if activity is not Activity.USER:
            raise NotOfferedError
        rows = [
            UsageRow(
                floor(one.ended, DAY),
                ((Dimension.MODEL, one.model),),
                tuple([{"requests": 1.0, "cost": one.cost}.get(metric) for metric in METRICS]),
            )
            for one in self._truth
            if first <= one.ended.date() <= last
        ]
        yield first, last, Page(sums_of(merged(rows)), {}, 1)


@dataclass
class World:
    """A proxy with /metrics and a database, and Home Assistant, which reads both when it runs."""

    chance: random.Random
    harness: LedgerHarness
    server: postgres.Postgres
    name: str
    spent: list[Spent] = field(default_factory=list)
    counters: dict[str, float] = field(default_factory=lambda: dict.fromkeys(MODELS, 0.0))
    started: float = 1.0
    inserted: int = 0
    gaps: list[tuple[datetime, datetime, bool]] = field(default_factory=list)
    """Last scrape before, first after, whether the proxy was restarted in between."""
    on: bool = False
    seam: datetime | None = None
    retention_days: int = KEPT_DAYS
    asked_api: bool = False

    def spend(self, until: datetime, requests: int) -> None:
        """Let so many requests end until a time, in order."""
        begin = self.harness.now
        for at in sorted(begin + (until - begin) * self.chance.random() for _ in range(requests)):
            at_ms = at.replace(microsecond=at.microsecond // 1000 * 1000)
            late = timedelta(seconds=self.chance.choice((5, 30, 600, 7000)))
            one = Spent(len(self.spent), at_ms, self.chance.choice(MODELS), self.chance.randint(1, 64) / 64, at + late)
            self.spent.append(one)
            self.counters[one.model] += one.cost

    def pass_time(self, requests: int, **passed: float) -> None:
        """Let time pass in which requests end."""
        until = self.harness.now + timedelta(**passed)
        self.spend(until, requests)
        self.harness.now = until

    def restart(self) -> None:
        """Let the proxy begin with zeros."""
        self.started = self.harness.now.timestamp() + 1
        self.counters = dict.fromkeys(MODELS, 0.0)

    def scrape(self) -> None:
        """Have /metrics read."""
        labels = {model: series(model=model) for model in MODELS}
        answer = body(
            family(COST, {labels[model]: value for model, value in self.counters.items()}),
            family(TOKENS, {labels[model]: value * 100 for model, value in self.counters.items()}),
            start=self.started,
        )
        self.harness.scrape(answer, seconds=1)
        self.seam = self.seam or self.harness.now

    def publish(self) -> None:
        """Write the rows that are due into the database, in no order."""
        due = [one for one in self.spent if one.visible <= self.harness.now and one.number >= 0]
        rows = [
            row(
                one.number, f"{one.ended:%Y-%m-%d %H:%M:%S.%f}", cost=one.cost, model=f"openai/{one.model}",
                seconds=self.chance.randint(0, 300), total_tokens=int(one.cost * 100),
            )
            for one in due
        ]  # fmt: skip
        for one in due:
            self.spent[self.spent.index(one)] = Spent(-1, one.ended, one.model, one.cost, one.visible)
        self.server.sql(insert(rows) or "SELECT 1", self.name)
        self.inserted += len(rows)

    async def cycle(self) -> None:
        """Have the database read, as Home Assistant does when history is on."""
        self.publish()
        if not self.on:
            return
        database = Clocked(dsn.parse(self.server.dsn(self.name)))
        database.now = self.harness.now
        worker: Any = Worker(self.harness)
        destination = LedgerDestination(worker, "database", lambda *_: None, by_day=False)
        history = self.harness.ledger.history
        spans = [(gap, Span(_at(gap.start), _at(gap.end))) for gap in history.gaps()]
        known = await destination.progress()
        told = await Importer(database, destination).cycle(
            seam=history.first_scrape(), gaps=[span for _, span in spans]
        )
        for gap, span in spans:
            if told.gaps.get(span.start) != known.gaps.get(span.start):
                await destination.settle(gap)
        history._writer.retention_days = self.retention_days
        history.purge(self.harness.now, self.harness.zone, complete=True)

    async def ask_api(self) -> None:
        """Have LiteLLM's API read instead, as far as it is not known."""
        worker: Any = Worker(self.harness)
        destination = LedgerDestination(worker, "api", lambda *_: None, by_day=True)
        seam = self.harness.ledger.history.first_scrape()
        assert seam is not None
        self.asked_api = True
        await RestImporter(DailyApi(self.spent), destination).run(now=self.harness.now, seam=seam)

    def prune(self, days: float) -> None:
        """Have LiteLLM delete rows that are older than so many days."""
        before = f"{self.harness.now - timedelta(days=days):%Y-%m-%d %H:%M:%S}"
        self.server.sql(f"""DELETE FROM "LiteLLM_SpendLogs" WHERE "startTime" < '{before}'""", self.name)  # noqa: S608

    async def step(self) -> None:
        """Let one of the things happen that happen."""
        what = self.chance.choice(("traffic", "traffic", "gap", "restart", "crash", "switch", "prune", "reopen", "api"))
        if what == "traffic":
            for _ in range(self.chance.randint(1, 5)):
                self.pass_time(self.chance.randint(0, 3), minutes=self.chance.uniform(0.5, 14))
                self.scrape()
        elif what == "gap":
            self.gap(restarted=self.chance.random() < 0.3)
        elif what == "restart":
            self.restart()
            self.pass_time(2, minutes=3)
            self.scrape()
        elif what == "crash":
            self.harness.crash()
        elif what == "reopen":
            self.harness.close()
        elif what == "switch":
            self.on = not self.on
        elif what == "api":
            await self.ask_api()
        elif self.on:
            # What is deleted before it was ever read cannot be known.
            await self.cycle()
            self.prune(self.chance.uniform(3, 30))
        await self.cycle()

    def gap(self, *, restarted: bool, hours: float | None = None) -> None:
        """Let nobody look for a while."""
        begun = self.harness.now
        self.pass_time(self.chance.randint(0, 9), hours=hours or self.chance.uniform(0.3, 9))
        if restarted:
            self.restart()
            self.pass_time(self.chance.randint(0, 4), hours=1)
        self.scrape()
        self.gaps.append((begun, self.harness.now, restarted))


@pytest.mark.parametrize(
    "seed", [*range(10), *[pytest.param(seed, marks=pytest.mark.nightly) for seed in range(10, 300)]]
)
async def test_both_sources_together_tell_the_truth(
    seed: int, server: postgres.Postgres, make: Make, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(seed)  # noqa: S311  # the same course every time
    zone = chance.choice(("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"))
    # From winter to summer, across the end of months, and from summer to winter.
    begun = chance.choice(
        (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC))
    )
    harness = LedgerHarness(tmp_path / "ledger.db", now=begun, zone=zone)
    request.addfinalizer(harness.crash)
    world = World(chance, harness, server, make(spend_logs()), retention_days=chance.choice((30, KEPT_DAYS)))
    world.pass_time(120, days=chance.uniform(20, 40))
    world.publish()
    world.scrape()
    for _ in range(14):
        await world.step()
    world.scrape()
    world.gap(restarted=False, hours=4)
    world.on = True
    world.pass_time(0, days=1)
    await world.cycle()
    world.pass_time(0, days=1.5)
    await world.cycle()
    _check(world)
    before = _rows(world)
    await world.cycle()
    assert _rows(world) == before, "a run that is repeated changes nothing"


def _check(world: World) -> None:
    """Compare what is known with the truth."""
    seam, harness = world.seam, world.harness
    assert seam is not None
    past = sum(one.cost for one in world.spent if one.ended < seam)
    harness.ledger.recall()
    assert harness.snapshot.before[TOTAL][INDEX] == pytest.approx(past)
    for model in MODELS:
        truth = sum(one.cost for one in world.spent if one.ended < seam and one.model == model)
        assert harness.snapshot.before[Dimension.MODEL, model][INDEX] == pytest.approx(truth), model
    counted = harness.total()
    lost = sum(one.cost for begun, _, restarted in world.gaps if restarted for one in world.spent if one.ended >= begun)
    since = sum(one.cost for one in world.spent if one.ended >= seam)
    assert since - lost - 1e-6 <= counted <= since + 1e-6
    # Quarter-hours go with the retention, and the API tells none; days never go.
    by_hours = world.retention_days == KEPT_DAYS and not world.asked_api
    for period in (Period.HOUR, Period.DAY, Period.MONTH)[not by_hours :]:
        # Never both, and nothing lost: history and what /metrics told add up, however it is cut.
        assert sum(_usage(world, period).values()) == pytest.approx(past + counted), period
    hours = _usage(world, Period.HOUR)
    assert all(value >= -1e-9 for value in hours.values())
    checked = 0
    for begun, ended, restarted in world.gaps:
        hour = begun.astimezone(harness.zone).replace(minute=0, second=0, microsecond=0) + HOUR
        while not restarted and hour + HOUR <= ended:
            truth = sum(one.cost for one in world.spent if hour <= one.ended < hour + HOUR)
            assert hours.get(hour.astimezone(UTC), 0.0) == pytest.approx(truth, abs=1e-9), (hour, begun, ended)
            checked += 1
            hour += HOUR
    assert checked
    assert harness.per_window()[str(Window.LIFETIME)] == counted


def _usage(world: World, period: Period) -> dict[datetime, float]:
    """Return US dollars by the start of periods."""
    zone = world.harness.zone
    query = UsageQuery(
        start=datetime(2026, 2, 1, tzinfo=zone), end=datetime(2027, 2, 1, tzinfo=zone), period=period, zone=zone
    )
    return {row.start.astimezone(UTC): row.usage[INDEX] for row in sql.usage(world.harness.path, query)}


def _rows(world: World) -> list[tuple[Any, ...]]:
    """Return all that is kept of history."""
    return world.harness.ledger._writer.store.rows("SELECT * FROM history ORDER BY 1, 2, 3, 4")


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
