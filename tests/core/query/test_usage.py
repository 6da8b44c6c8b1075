"""Usage over time, budgets and spend by provider and model are those of the ledger."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.models import Snapshot, Window
from custom_components.litellm_pulse.core.query import Period, UsageQuery, sql, usage

from ..bodies import COST, START, TOKENS, body, family, series
from ..conftest import LedgerHarness

UTC_ZONE = ZoneInfo("UTC")


def _query(*dimensions: Dimension) -> UsageQuery:
    """Return a question about this month."""
    start = datetime(START.year, START.month, 1, tzinfo=UTC)
    return UsageQuery(
        start=start, end=start + timedelta(days=30), period=Period.MONTH, zone=UTC_ZONE, dimensions=dimensions
    )


def _scraped(harness: LedgerHarness) -> Snapshot:
    """Count usage of three models, one of them free, one of a team that has a name."""
    one = series(model="gpt-4o", api_provider="openai", team="t1", team_alias='Ops, "A"')
    free = series(model="llama", api_provider="ollama")
    three = series(model="opus", api_provider="anthropic")
    for factor in (1, 2):
        spend, tokens = {one: 2 * factor, free: 0, three: 5 * factor}, {free: 7 * factor}
        harness.scrape(body(family(COST, spend), family(TOKENS, tokens), start=1.0))
    return harness.snapshot


def test_rows_of_usage_name_members_by_id_and_name(harness: LedgerHarness) -> None:
    snapshot, query = _scraped(harness), _query(Dimension.MODEL, Dimension.TEAM)
    rows: list[dict[str, Any]] = list(usage.usage_rows(snapshot, query, sql.usage(harness.path, query)))
    assert [(row["model"], row["team"], row["team_name"], row["cost"]) for row in rows] == [
        ("gpt-4o", "t1", 'Ops, "A"', 2.0),
        ("llama", None, None, 0.0),
        ("opus", None, None, 5.0),
    ]
    assert rows[0]["start"] == "2026-11-01T00:00:00+00:00"
    assert rows[0]["refused_requests"] == 0.0


def test_the_columns_of_usage_are_those_of_its_rows(harness: LedgerHarness) -> None:
    snapshot, query = _scraped(harness), _query(Dimension.TEAM)
    rows = list(usage.usage_rows(snapshot, query, sql.usage(harness.path, query)))
    assert rows
    assert all(list(row) == usage.usage_columns(query) for row in rows)


def test_the_head_of_usage_says_what_was_asked_and_what_is_wrong() -> None:
    metadata = usage.usage_metadata(Snapshot(store_error="disk full"), _query(Dimension.TEAM), START)
    assert metadata == {
        "from": "2026-11-01T00:00:00+00:00",
        "to": "2026-12-01T00:00:00+00:00",
        "period": "month",
        "group_by": ["team"],
        "last_scrape": None,
        "known_since": START.isoformat(),
        "error": "disk full",
    }
    assert {"known_since", "error"}.isdisjoint(usage.usage_metadata(Snapshot(), _query(), None))


def test_aggregate_is_lifetime_spend_by_provider_and_model_largest_first(harness: LedgerHarness) -> None:
    assert usage.aggregate(_scraped(harness), {}) == {
        "records": 3,
        "data": [
            {"provider": "anthropic", "model": "opus", "total_cost": 5.0},
            {"provider": "openai", "model": "gpt-4o", "total_cost": 2.0},
            {"provider": "ollama", "model": "llama", "total_cost": 0.0},
        ],
    }


def test_aggregate_keeps_spend_that_has_no_provider(harness: LedgerHarness) -> None:
    for spend in (1, 4):
        harness.scrape(body(family(COST, {series(model="gpt-4o"): spend}), start=1.0))
    assert usage.aggregate(harness.snapshot, {})["data"] == [{"provider": "", "model": "gpt-4o", "total_cost": 3.0}]


def test_aggregate_is_all_spend_after_a_restart_too(harness: LedgerHarness) -> None:
    _scraped(harness)
    harness.reopen()
    data: Any = usage.aggregate(harness.snapshot, {})["data"]
    assert sum(row["total_cost"] for row in data) == harness.total("cost", Window.LIFETIME)


def test_budgets_are_told_for_the_dimensions_asked_for(harness: LedgerHarness) -> None:
    fixtures = Path(__file__).parents[2] / "fixtures"
    harness.scrape((fixtures / "second-scrape.prom").read_bytes())
    answer: dict[str, Any] = usage.budgets(harness.snapshot, (Dimension.TEAM,), UTC_ZONE)
    assert answer["dimensions"] == ["team"]
    assert answer["budgets"] == [
        {
            "dimension": "team",
            "id": f"id-{name}",
            "name": name,
            "maximum": 1000.0,
            "remaining": 877.0,
            "used_percent": pytest.approx(12.3),
            "resets_at": None,
            "blocked": False,
        }
        for name in ("backend-team", "frontend-team")
    ]
    keys: Any = usage.budgets(harness.snapshot, (Dimension.KEY,), ZoneInfo("Asia/Kathmandu"))["budgets"]
    assert keys
    assert all(row["resets_at"].endswith("+05:45") for row in keys)
