"""The ledger is valid exposition: Prometheus' own parser reads from it what the ledger has."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from custom_components.litellm_pulse.core.catalog import COUNTERS, Dimension
from custom_components.litellm_pulse.core.models import Snapshot
from custom_components.litellm_pulse.core.query import prometheus
from custom_components.litellm_pulse.core.query.parameters import DIMENSIONS, PERSONAL, dimensions

from ..bodies import COST, body, family, series
from ..conftest import LedgerHarness

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture
def snapshot(harness: LedgerHarness) -> Snapshot:
    """Scrape a real proxy twice."""
    for name in ("litellm-1.106-teams-keys-tags", "second-scrape"):
        harness.scrape((FIXTURES / f"{name}.prom").read_bytes())
    return harness.snapshot


def _samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return name and labels -> value, as Prometheus' own parser reads them; each may come once only."""
    found = {}
    for one in text_string_to_metric_families(text):
        for sample in one.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in found, f"{key} comes twice"
            found[key] = sample.value
    return found


def test_every_counter_of_every_member_is_its_lifetime_usage(snapshot: Snapshot) -> None:
    samples = _samples(prometheus.exposition(snapshot, DIMENSIONS, up=True))
    checked = 0
    for key, usage in snapshot.usage.items():
        for index, metric in enumerate(COUNTERS):
            if metric.name in snapshot.published:
                unit = "_usd" if metric.name == "cost" else ""
                prefix = "" if key[0] is Dimension.TOTAL else f"{key[0]}_"
                labels = () if key[0] is Dimension.TOTAL else ((str(key[0]), key[1]),)
                name = f"litellm_pulse_{prefix}{metric.name}{unit}_total"
                assert samples[name, labels] == usage.lifetime[index]
                checked += 1
    assert checked > 100


def test_each_family_is_announced_with_its_type(snapshot: Snapshot) -> None:
    families = list(text_string_to_metric_families(prometheus.exposition(snapshot, DIMENSIONS, up=True)))
    assert {one.type for one in families} == {"counter", "gauge"}
    assert all(one.documentation and one.name.startswith("litellm_pulse_") for one in families)
    assert len({one.name for one in families}) == len(families)


def test_a_sum_over_a_dimension_is_the_total(snapshot: Snapshot) -> None:
    samples = _samples(prometheus.exposition(snapshot, DIMENSIONS, up=True))
    per_model = [value for (name, _), value in samples.items() if name == "litellm_pulse_model_cost_usd_total"]
    assert sum(per_model) == pytest.approx(samples["litellm_pulse_cost_usd_total", ()])


def test_a_name_is_beside_the_id(snapshot: Snapshot) -> None:
    samples = _samples(prometheus.exposition(snapshot, (Dimension.TEAM,), up=True))
    assert samples["litellm_pulse_team_info", (("name", "backend-team"), ("team", "id-backend-team"))] == 1


def test_budgets_are_those_of_the_dimensions_that_are_asked_for(snapshot: Snapshot) -> None:
    samples = _samples(prometheus.exposition(snapshot, (Dimension.TEAM,), up=True))
    labels = (("team", "id-backend-team"),)
    assert samples["litellm_pulse_team_budget_maximum_usd", labels] == 1000
    assert samples["litellm_pulse_team_budget_remaining_usd", labels] == 877
    assert not [name for name, _ in samples if "user_budget" in name]


def test_the_last_scrape_is_told(snapshot: Snapshot) -> None:
    samples = _samples(prometheus.exposition(snapshot, (), up=False))
    assert samples["litellm_pulse_up", ()] == 0
    assert snapshot.last_scrape is not None
    assert samples["litellm_pulse_last_scrape_timestamp_seconds", ()] == snapshot.last_scrape.timestamp()
    assert samples["litellm_pulse_in_flight_requests", ()] == 1


def test_what_is_not_published_is_not_there(harness: LedgerHarness) -> None:
    harness.scrape(body(family(COST, {series(model="a"): 1}), start=1.0))
    names = {name for name, _ in _samples(prometheus.exposition(harness.snapshot, (), up=True))}
    assert names == {"litellm_pulse_up", "litellm_pulse_last_scrape_timestamp_seconds", "litellm_pulse_cost_usd_total"}


def test_before_the_first_scrape_it_is_valid_too() -> None:
    assert _samples(prometheus.exposition(Snapshot(), DIMENSIONS, up=False)) == {("litellm_pulse_up", ()): 0}


def test_every_character_of_a_name_survives(harness: LedgerHarness) -> None:
    model = 'a"b\\c\nd{e}=,ä'
    for spend in (1, 3):
        harness.scrape(body(family(COST, {series(model=model): spend}), start=1.0))
    samples = _samples(prometheus.exposition(harness.snapshot, (Dimension.MODEL,), up=True))
    assert samples["litellm_pulse_model_cost_usd_total", (("model", model),)] == 2


def test_nobody_is_named_unless_asked_for(snapshot: Snapshot) -> None:
    text = prometheus.exposition(snapshot, dimensions(None), up=True)
    persons = [one for one in snapshot.members.values() if one.dimension in PERSONAL]
    assert persons
    assert not [one for one in persons if one.id in text or one.name in text]
    assert "alice" in prometheus.exposition(snapshot, (Dimension.USER,), up=True)
