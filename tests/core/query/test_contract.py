"""The JSON has the fields, the order and the values of litellm-pulse 0.3.0, less what differs on purpose."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse.core.catalog import COUNTERS, Dimension
from custom_components.litellm_pulse.core.errors import NotFoundError
from custom_components.litellm_pulse.core.ledger import Ledger
from custom_components.litellm_pulse.core.models import Snapshot
from custom_components.litellm_pulse.core.query import contract

from ..bodies import read

FIXTURES = Path(__file__).parents[2] / "fixtures"
PEER: dict[str, Any] = json.loads((FIXTURES / "litellm-pulse-0.3.0-answers.json").read_text())
NOW = datetime(2026, 11, 22, 1, 13, 48, tzinfo=UTC)
SOURCE = "http://litellm:4000/metrics/"


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    """Scrape what litellm-pulse scraped when its answers were recorded."""
    ledger = Ledger.open(tmp_path_factory.mktemp("ledger") / "a.db", now=NOW, zone=ZoneInfo("UTC"))
    for name in ("litellm-1.106-teams-keys-tags", "second-scrape"):
        ledger.scrape(read(ledger.parser(), (FIXTURES / f"{name}.prom").read_bytes()), now=NOW, answered_at=NOW)
    yield ledger.snapshot
    ledger.close()


@pytest.fixture
def summary(snapshot: Snapshot) -> dict[str, Any]:
    """Return our answer to `/api/v1/metrics`."""
    return contract.summary(snapshot, zone=ZoneInfo("UTC"), source=SOURCE, error=None)


def test_every_field_of_the_peer_is_there_in_its_order_and_type(summary: dict[str, Any]) -> None:
    theirs = PEER["/api/v1/metrics"]["json"]
    assert [field for field in summary if field in theirs] == list(theirs)
    assert {field: type(summary[field]) for field in theirs} == {field: type(theirs[field]) for field in theirs}


def test_every_window_of_the_peer_agrees(summary: dict[str, Any]) -> None:
    theirs = PEER["/api/v1/metrics"]["json"]
    windows = {field: value for field, value in theirs.items() if field.endswith(("_daily", "_weekly", "_monthly"))}
    assert {field: summary[field] for field in windows} == pytest.approx(windows, abs=1e-12)


def test_an_unsuffixed_counter_is_what_litellm_itself_says(summary: dict[str, Any]) -> None:
    raw = PEER["/raw"]["json"]
    assert summary["cost"] == pytest.approx(raw["litellm_spend_metric_total"])
    assert summary["tokens"] == raw["litellm_total_tokens_metric_total"]
    assert summary["in_flight_requests"] == raw["litellm_in_flight_requests"]


def test_every_counter_of_the_catalog_is_there_besides(summary: dict[str, Any]) -> None:
    for metric in COUNTERS:
        assert {metric.name, f"{metric.name}_yearly", f"{metric.name}_lifetime"} <= set(summary)


@pytest.mark.parametrize("path", ["/api/v1/metrics/cost", "/api/v1/metrics/cost_daily"])
def test_one_metric_has_the_fields_of_the_peer(snapshot: Snapshot, path: str) -> None:
    theirs = PEER[path]["json"]
    ours = contract.metric(snapshot, theirs["name"], zone=ZoneInfo("UTC"))
    assert list(ours) == list(theirs)


def test_every_figure_of_the_summary_answers_by_its_own_name(snapshot: Snapshot, summary: dict[str, Any]) -> None:
    for name, value in summary.items():
        if name not in {"last_scrape", "source"}:
            assert contract.metric(snapshot, name, zone=ZoneInfo("UTC")) == {
                "name": name,
                "value": value,
                "last_scrape": summary["last_scrape"],
            }


@pytest.mark.parametrize("name", ["", "nope", "_daily", "cost_hourly", "cost_daily_daily", "daily", "Cost", "source"])
def test_a_name_that_there_is_not_is_not_found(snapshot: Snapshot, name: str) -> None:
    with pytest.raises(NotFoundError, match="unknown_metric"):
        contract.metric(snapshot, name, zone=ZoneInfo("UTC"))


def test_what_the_peer_says_is_available_is_available(snapshot: Snapshot) -> None:
    theirs = PEER["/api/v1/metrics/nope"]["json"]["available"]
    with pytest.raises(NotFoundError) as raised:
        contract.metric(snapshot, "nope", zone=ZoneInfo("UTC"))
    assert raised.value.available is not None
    assert raised.value.available[: len(theirs)] == theirs


def test_every_window_of_every_model_agrees_with_the_peer(snapshot: Snapshot) -> None:
    theirs = PEER["/api/v1/models"]["json"]["models"]
    ours: list[dict[str, Any]] = contract.table(snapshot, Dimension.MODEL)
    assert [row["model"] for row in ours] == [row["model"] for row in theirs]
    for our, their in zip(ours, theirs, strict=True):
        assert {name: type(our[name]) for name in their} == {name: type(value) for name, value in their.items()}
        windows = {name: value for name, value in their.items() if name.endswith(("_daily", "_weekly", "_monthly"))}
        assert {name: our[name] for name in windows} == pytest.approx(windows, abs=1e-12)


def test_unsuffixed_figures_of_the_models_add_up_to_what_litellm_itself_says(snapshot: Snapshot) -> None:
    raw = PEER["/raw"]["json"]
    ours: list[dict[str, Any]] = contract.table(snapshot, Dimension.MODEL)
    assert sum(row["cost"] for row in ours) == pytest.approx(raw["litellm_spend_metric_total"])
    assert sum(row["tokens"] for row in ours) == raw["litellm_total_tokens_metric_total"]


def test_requests_and_deployments_of_a_model_are_filled(snapshot: Snapshot) -> None:
    for row in contract.table(snapshot, Dimension.MODEL):
        assert (row["requests"], row["requests_daily"]) == (6.0, 3.0)
        assert row["deployment_requests"] == row["deployment_success"] == 3.0


@pytest.mark.parametrize(("name", "dimension"), contract.TABLES.items())
def test_every_other_table_has_the_shape_of_the_models(snapshot: Snapshot, name: str, dimension: Dimension) -> None:
    models = contract.table(snapshot, Dimension.MODEL)
    rows = contract.table(snapshot, dimension)
    assert bool(rows) == (name != "customers"), "the recording has members of every dimension but one"
    for row in rows:
        assert set(row) - {str(dimension), "name"} == set(models[0]) - {"model"}


def test_a_member_has_its_id_and_its_name(snapshot: Snapshot) -> None:
    rows = contract.table(snapshot, Dimension.TEAM)
    assert [(row["team"], row["name"]) for row in rows] == [
        ("id-backend-team", "backend-team"),
        ("id-frontend-team", "frontend-team"),
    ]


def test_raw_figures_per_member_are_known_after_a_restart_too(tmp_path: Path) -> None:
    body = (FIXTURES / "second-scrape.prom").read_bytes()
    ledger = Ledger.open(tmp_path / "a.db", now=NOW, zone=ZoneInfo("UTC"))
    before = contract.table(ledger.scrape(read(ledger.parser(), body), now=NOW, answered_at=NOW), Dimension.MODEL)
    ledger.close()
    ledger = Ledger.open(tmp_path / "a.db", now=NOW, zone=ZoneInfo("UTC"))
    assert contract.table(ledger.snapshot, Dimension.MODEL) == before
    assert before[0]["cost"]
    ledger.close()


def test_scrapes_of_the_past_have_the_fields_and_values_of_the_peer(snapshot: Snapshot) -> None:
    theirs = PEER["/api/v1/history?limit=2"]["json"]["snapshots"]
    ours: list[dict[str, Any]] = [contract.past(row, ZoneInfo("UTC")) for row in snapshot.recent]
    for our, their in zip(ours, theirs, strict=True):
        assert [field for field in our if field in their] == list(their)
        assert {field: our[field] for field in their} == {**their, "timestamp": our["timestamp"]}
        assert our["timestamp"] == "2026-11-22T01:13:48+00:00"


def test_year_and_lifetime_are_added(summary: dict[str, Any]) -> None:
    assert summary["tokens_yearly"] == summary["tokens_lifetime"] == summary["tokens_daily"] == 270.0


def test_the_time_is_iso_8601_in_the_configured_zone(snapshot: Snapshot) -> None:
    zone = ZoneInfo("Europe/Berlin")
    assert contract.timestamp(snapshot.last_scrape, zone) == "2026-11-22T02:13:48+01:00"
    assert contract.timestamp(None, zone) is None


def test_an_error_is_there_only_when_there_is_one(snapshot: Snapshot, summary: dict[str, Any]) -> None:
    assert "error" not in summary
    failed = contract.summary(snapshot, zone=ZoneInfo("UTC"), source=SOURCE, error="HTTP 500")
    assert failed["error"] == "HTTP 500"


def test_the_share_of_cached_input_is_a_percentage() -> None:
    snapshot = Snapshot(raw={"input_tokens": 200.0, "input_cached_tokens": 50.0})
    summary = contract.summary(snapshot, zone=ZoneInfo("UTC"), source=SOURCE, error=None)
    assert summary["input_cached_pct"] == 25.0
    assert summary["input_cached_pct_daily"] == 0.0


def test_health_is_ok_once_there_was_a_scrape(snapshot: Snapshot) -> None:
    assert contract.health(snapshot, error=None) == PEER["/health"]["json"]
    assert contract.health(Snapshot(), error=None) == {"status": "starting"}
    assert contract.health(snapshot, error="HTTP 500") == {"status": "ok", "error": "HTTP 500"}
