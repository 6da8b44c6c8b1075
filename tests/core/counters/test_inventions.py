"""Whatever a proxy invents in each answer: what is kept does not grow with it, and what is real stays exact."""

from collections.abc import Iterator
from itertools import count

import pytest

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.counters import attribution, processes, registry
from custom_components.litellm_pulse.core.models import OTHER, Budget, ListedMember, Member

from ..bodies import COST, body, family, series
from ..conftest import LedgerHarness

MOST = 40
TEAM = series(model="gpt-4o", team="t-1")
REMAINING = "litellm_remaining_team_budget_metric"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have room for little, so that an answer of a few lines is a flood."""
    for module in (processes, registry):
        monkeypatch.setattr(module, "MOST_GONE", MOST)
    monkeypatch.setattr(processes, "MOST_SILENT", 2 * MOST)
    monkeypatch.setattr(attribution, "MEMBER_LIMIT", 3 * MOST)
    monkeypatch.setattr(attribution, "COMBINATION_LIMIT", 2 * MOST)
    monkeypatch.setattr(attribution, "MOST_MEANINGS", MOST)


class Inventor:
    """A proxy that tells of one real team, and of others that it has never told of."""

    def __init__(self, harness: LedgerHarness) -> None:
        """Begin before the first look."""
        self.harness, self.numbers = harness, count()
        self.start = self.begun = harness.now.timestamp() - 1000
        self.spent = 0.0
        self.invented = 0.0

    def scrape(self, labels: str, *, many: int = MOST // 2, value: float = 0.5, created: bool = True) -> None:
        """Spend a dollar for the real team, and tell of others; `#` in their labels stands for a new number."""
        others = [labels.replace("#", str(next(self.numbers))) for _ in range(many)]
        self.spent += 1.0
        values = {TEAM: self.spent, **dict.fromkeys(others, value)}
        now = self.harness.now.timestamp() + 30
        born = {TEAM: self.start + 1, **{one: now + at / 1000 for at, one in enumerate(others)}}
        self.invented += value * many
        self.harness.scrape(body(family(COST, values, born if created else None), start=self.start))

    @property
    def kept(self) -> tuple[int, int, int, int]:
        """How many series, counters, attributions and meanings are remembered."""
        known = self.harness.ledger._counting._registry
        counters = sum(1 for one in known.processes for _ in one.all_counters())
        return len(known.series.by_text), counters, len(known.attributions.keys), len(known.attributions.models)


@pytest.fixture
def inventor(harness: LedgerHarness) -> Inventor:
    """Return one that was looked at once, with nobody but the real team."""
    inventor = Inventor(harness)
    inventor.scrape("", many=0)
    return inventor


KINDS = pytest.mark.parametrize(
    "labels",
    [
        pytest.param(series(model="gpt-4o", user="u-#"), id="users"),
        pytest.param(series(model="m-#"), id="models"),
        pytest.param(series(model="gpt-4o", model_id="i-#"), id="deployments"),
        pytest.param('{model="gpt-4o",junk_#="x"}', id="names of labels"),
        pytest.param(series(model="gpt-4o", team="x-#", user="u-#", api_key_alias="k-#"), id="combinations"),
    ],
)


@KINDS
def test_what_is_kept_does_not_grow_with_what_a_proxy_invents(
    harness: LedgerHarness, inventor: Inventor, labels: str
) -> None:
    for _ in range(60):
        inventor.scrape(labels)
        assert max(inventor.kept[:2]) <= 3 * MOST
    *_, attributions, meanings = inventor.kept
    assert attributions <= 4 * MOST
    assert meanings <= MOST
    assert harness.total(member=(Dimension.TEAM, "t-1")) == inventor.spent - 1
    assert harness.total() == inventor.spent - 1 + inventor.invented
    harness.reopen()
    inventor.scrape(labels)
    assert harness.total() == inventor.spent - 1 + inventor.invented
    ((rows,),) = harness.ledger._writer.store.rows("SELECT count(*) FROM series")
    ((baselines,),) = harness.ledger._writer.store.rows("SELECT count(*) FROM baselines")
    ((orphans,),) = harness.ledger._writer.store.rows(
        "SELECT count(*) FROM baselines WHERE series NOT IN (SELECT id FROM series)"
    )
    assert max(rows, baselines) <= 3 * MOST
    assert orphans == 0


def test_combinations_past_the_limit_count_by_model_and_under_other(harness: LedgerHarness, inventor: Inventor) -> None:
    for _ in range(20):
        inventor.scrape(series(model="gpt-4o", team="t-#", user="u-#"))
    by_team = sum(one.lifetime[6] for key, one in harness.snapshot.usage.items() if key[0] is Dimension.TEAM)
    assert by_team == pytest.approx(harness.total())
    assert harness.total(member=(Dimension.TEAM, OTHER)) > 0
    assert harness.snapshot.members[Dimension.USER, OTHER].name == "Other"
    assert harness.total(member=(Dimension.MODEL, "gpt-4o")) == pytest.approx(harness.total())


@pytest.mark.parametrize("created", [True, False], ids=["with times of creation", "without"])
def test_a_series_that_was_let_go_of_counts_no_second_time_when_it_is_back(
    harness: LedgerHarness, inventor: Inventor, *, created: bool
) -> None:
    """Without times of creation it looks like one that the proxy has evicted, and begun anew."""
    hidden = series(model="gpt-4o", team="hidden")
    born = inventor.begun + 2

    def tell(value: float, since: float) -> None:
        twin = {hidden: since, TEAM: inventor.begun + 1} if created else None
        harness.scrape(body(family(COST, {hidden: value, TEAM: inventor.spent}, twin), start=inventor.start))

    tell(5.0, born)
    tell(6.0, born)
    before = harness.total(member=(Dimension.TEAM, "hidden"))
    for _ in range(10):
        inventor.scrape(series(model="gpt-4o", user="u-#"), created=created)
    tell(7.0, born)
    assert harness.total(member=(Dimension.TEAM, "hidden")) == (before if created else before + 7.0)
    tell(7.5, born)
    assert harness.total(member=(Dimension.TEAM, "hidden")) == before + (0.5 if created else 7.5)
    if created:
        tell(2.0, harness.now.timestamp() + 30)
        assert harness.total(member=(Dimension.TEAM, "hidden")) == before + 2.5


def test_processes_that_are_invented_with_their_series_are_let_go_of_too(
    harness: LedgerHarness, inventor: Inventor
) -> None:
    for restart in range(60):
        inventor.start, inventor.spent = inventor.begun + 1000 + 60 * (restart + 1), 0.0
        inventor.scrape(series(model="gpt-4o", user="u-#"))
        assert max(inventor.kept[:2]) <= 7 * MOST
    assert harness.total() == pytest.approx(60 + inventor.invented)


def test_no_more_workers_are_remembered_than_processes(harness: LedgerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "MOST_PROCESSES", 5)
    known = harness.ledger._counting._registry.processes
    for number in range(30):
        spend = family(COST, {TEAM: 1.0 + number})
        harness.scrape(body(spend), pid=str(1000 + number))
        assert sum(not one.forgotten for one in known) <= 6
    assert harness.total() <= 29.0


def test_budgets_of_teams_that_are_invented_are_none(harness: LedgerHarness) -> None:
    def teams(numbers: Iterator[int]) -> bytes:
        told = {series(team=f"t-{next(numbers)}"): 5.0 for _ in range(MOST)}
        return body(family(COST, {TEAM: 1.0}), family(REMAINING, {series(team="t"): 3.0, **told}))

    numbers = count()
    for _ in range(30):
        harness.scrape(teams(numbers))
        snapshot = harness.snapshot
        assert snapshot.budgets.keys() <= snapshot.members.keys()
        assert len(snapshot.members) <= 3 * MOST + 10
    budgets = harness.ledger._budgets
    assert max(map(len, budgets._copies.values())) <= 12 * MOST
    assert harness.snapshot.budgets[Dimension.TEAM, "t"].remaining == 3.0
    harness.reopen()
    harness.scrape(teams(numbers))
    assert harness.snapshot.budgets[Dimension.TEAM, "t"].remaining == 3.0


def test_of_a_list_without_end_no_more_are_named_than_there_is_room_for(harness: LedgerHarness) -> None:
    harness.scrape(body(family(COST, {TEAM: 1.0})))
    half = Budget(remaining=1.0, maximum=2.0)
    teams = [ListedMember(Member(Dimension.TEAM, f"t-{one}", f"Team {one}"), half, blocked=True) for one in range(200)]
    snapshot = harness.ledger.complete({Dimension.TEAM: teams})
    assert len(snapshot.members) <= 3 * MOST + 2
    assert snapshot.budgets.keys() | snapshot.blocked <= snapshot.members.keys()
    assert snapshot.budgets[Dimension.TEAM, "t-1"].maximum == 2.0
