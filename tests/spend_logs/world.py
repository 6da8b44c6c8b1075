"""Requests that fill LiteLLM's table, and what their sums are in truth."""

# ruff: noqa: S608  # queries of the tests' own making

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parents[1] / "fixtures" / "spend_logs"


def recorded(release: str) -> list[dict[str, Any]]:
    """Return rows as a real proxy of a release made them; what they say in metadata was shortened."""
    rows: list[dict[str, Any]] = json.loads((FIXTURES / f"litellm-{release}-rows.json").read_text())
    return rows


def insert(rows: Iterable[dict[str, Any]]) -> str:
    """Return SQL that inserts rows, columns by their names."""
    return "".join(
        f'INSERT INTO "LiteLLM_SpendLogs" ({", ".join(_quoted(row))}) '
        f"VALUES ({', '.join(map(_literal, row.values()))});"
        for row in rows
    )


def request(number: int, ended: str, *, cost: float = 0.25, seconds: int = 5, **columns: object) -> dict[str, Any]:
    """Return the row of a request that ended at a time in UTC, some seconds after it began."""
    return {
        "request_id": f"chatcmpl-{number}",
        "api_key": "key-1",
        "spend": cost,
        "total_tokens": 12,
        "prompt_tokens": 10,
        "completion_tokens": 2,
        "startTime": f"{ended}@{seconds}",
        "endTime": ended,
        "model": "gpt-4o",
        "custom_llm_provider": "openai",
        "status": "success",
        **columns,
    }


def generated(rows: int, *, first: str = "2026-09-10", step: str = "7 minutes") -> str:
    """Return SQL that inserts so many requests, one each step, of five models, three keys and two teams."""
    return f"""
        INSERT INTO "LiteLLM_SpendLogs" (request_id, api_key, spend, total_tokens, prompt_tokens, completion_tokens,
            "startTime", "endTime", model, model_group, custom_llm_provider, "user", team_id, request_tags, status)
        SELECT 'r' || i, 'key-' || i % 3, i % 97 / 1024.0, 12, 10, 2, at, at + i % 50 * interval '1 second',
            'p' || i % 2 || '/m-' || i % 5, 'm-' || i % 5, 'p' || i % 2, 'u-' || i % 3, 't-' || i % 2,
            CASE i % 4 WHEN 0 THEN '["a", "b"]'::jsonb ELSE '[]' END,
            CASE i % 10 WHEN 0 THEN 'failure' ELSE 'success' END
        FROM (
            SELECT i, timestamp '{first}' + i * interval '{step}' AS at
            FROM generate_series(0, {rows - 1}) AS i) AS made;
        ANALYZE "LiteLLM_SpendLogs";
    """


def _quoted(row: dict[str, Any]) -> list[str]:
    return [f'"{name}"' for name in row]


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    text = str(value).replace("'", "''")
    if "@" in text and text.rpartition("@")[2].isdigit():
        ended, _, seconds = text.rpartition("@")
        return f"timestamp '{ended}' - interval '{seconds} seconds'"
    return str(value) if isinstance(value, int | float) else f"'{text}'"
