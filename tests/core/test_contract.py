"""The JSON has the fields, the order and the values of litellm-pulse 0.3.0, less what differs on purpose."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse.core import contract
from custom_components.litellm_pulse.core.ledger import Ledger
from custom_components.litellm_pulse.core.models import Snapshot

FIXTURES = Path(__file__).parent.parent / "fixtures"
PEER: dict[str, Any] = json.loads((FIXTURES / "litellm-pulse-0.3.0-answers.json").read_text())
NOW = datetime(2026, 11, 22, 1, 13, 48, tzinfo=UTC)
SOURCE = "http://litellm:4000/metrics/"


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    """Scrape what litellm-pulse scraped when its answers were recorded."""
    ledger = Ledger.open(tmp_path_factory.mktemp("ledger") / "a.db", now=NOW, zone=ZoneInfo("UTC"))
    for name in ("litellm-1.106-teams-keys-tags", "second-scrape"):
        ledger.scrape((FIXTURES / f"{name}.prom").read_bytes(), now=NOW, answered_at=NOW)
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
