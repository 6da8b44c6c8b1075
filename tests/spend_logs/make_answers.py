"""Answers of LiteLLM's daily activity as a release gives them, made by that release's own functions.

A real proxy cannot have a database where its query engine cannot be downloaded. So the rows that a
real proxy wrote are summed up as its daily tables are, and handed to what the endpoint hands them
to: `update_metrics` and `update_breakdown_metrics`, and the pydantic models that it answers with.
Run by a Python that has a release of litellm:

    python tests/spend_logs/make_answers.py ROWS.json > tests/fixtures/spend_logs/daily-RELEASE.json

Whoever has a proxy with a database gets the same by its own address:

    curl -H "Authorization: Bearer $KEY" "$PROXY/user/daily/activity?start_date=2026-11-25&end_date=2026-11-25"
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

ALIASES = {"alice": "alice-laptop", "bob": "bob-desktop", "home": "home-assistant"}
ENTITIES = {
    "user": "user",
    "team": "team_id",
    "customer": "end_user",
    "organization": "organization_id",
    "tag": "request_tags",
}


class Metadata(dict):  # type: ignore[type-arg]
    """Metadata of a key: older releases read items of it, newer ones attributes."""

    def __getattr__(self, name: str) -> object:
        """Return an item, None where there is none."""
        return self.get(name)


def main() -> None:
    """Print the answers of all endpoints for the rows of a file, as one object."""
    rows = json.loads(Path(sys.argv[1]).read_text())
    sys.stdout.write(
        json.dumps({kind: answer(rows, column) for kind, column in ENTITIES.items()}, separators=(",", ":"))
    )


def answer(rows: list[dict], column: str) -> dict:  # type: ignore[type-arg]
    """Return the answer of one endpoint, one page."""
    from litellm.proxy.management_endpoints.common_daily_activity import (  # noqa: PLC0415
        update_breakdown_metrics,
        update_metrics,
    )
    from litellm.types.proxy.management_endpoints.common_daily_activity import (  # noqa: PLC0415
        BreakdownMetrics,
        DailySpendData,
        DailySpendMetadata,
        SpendAnalyticsPaginatedResponse,
        SpendMetrics,
    )

    keys = {
        row["api_key"]: Metadata(key_alias=ALIASES.get(row["user"]), team_id=row["team_id"] or None, key_exists=True)
        for row in rows
    }
    total = SpendMetrics()
    days: dict[str, dict] = {}  # type: ignore[type-arg]
    for record in records(rows, column):
        day = days.setdefault(record.date, {"metrics": SpendMetrics(), "breakdown": BreakdownMetrics()})
        update_metrics(day["metrics"], record)
        update_metrics(total, record)
        update_breakdown_metrics(
            day["breakdown"], record, {}, {}, keys, entity_id_field="entity", entity_metadata_field=None
        )
    made = SpendAnalyticsPaginatedResponse(
        results=[DailySpendData(date=date, **day) for date, day in sorted(days.items(), reverse=True)],
        metadata=DailySpendMetadata(total_spend=total.spend, total_api_requests=total.api_requests, total_pages=1),
    )
    found: dict = json.loads(made.model_dump_json())  # type: ignore[type-arg]
    return found


def records(rows: list[dict], column: str) -> list[SimpleNamespace]:  # type: ignore[type-arg]
    """Return rows of the daily table of an entity: one per request and entity that it names."""
    made = []
    for row in rows:
        named = json.loads(row["request_tags"]) if column == "request_tags" else [row.get(column)]
        if column not in {"user", "request_tags"} and not named[0]:
            continue
        for entity in dict.fromkeys(named):
            failed = row["status"] == "failure"
            made.append(
                SimpleNamespace(
                    date=row["startTime"][:10],
                    entity=entity,
                    api_key=row["api_key"],
                    model=row["model"],
                    model_group=row["model_group"],
                    custom_llm_provider=row["custom_llm_provider"],
                    mcp_namespaced_tool_name=None,
                    endpoint=None,
                    spend=row["spend"],
                    prompt_tokens=row["prompt_tokens"],
                    completion_tokens=row["completion_tokens"],
                    api_requests=1,
                    successful_requests=int(not failed),
                    failed_requests=int(failed),
                    **dict.fromkeys(ZERO, 0),
                )
            )
    return made


ZERO = (
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "compression_saved_tokens",
    "compression_savings_spend",
    "prompt_caching_savings_spend",
    "gateway_injected_caching_savings_spend",
    "autorouter_savings_spend",
    "flat_cost",
    "ptu_hours",
    "total_response_time_ms",
    "timed_requests",
)
"""Columns that requests of the mock models leave at zero; a release has some of them."""

if __name__ == "__main__":
    main()
