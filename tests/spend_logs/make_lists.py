"""Answers of LiteLLM's lists of keys, teams and tags as a release gives them, made by that release's own models.

A real proxy cannot have a database where its query engine cannot be downloaded. So what its tables
would hold goes through the pydantic models that the endpoints answer with; a tag is put together as
`list_tags` does it, which leaves out what was spent. Run by a Python that has a release of litellm:

    python tests/spend_logs/make_lists.py > tests/fixtures/spend_logs/lists-RELEASE.json

Whoever has a proxy with a database gets the same by its own address:

    curl -H "Authorization: Bearer $KEY" "$PROXY/key/list?return_full_object=true"
    curl -H "Authorization: Bearer $KEY" "$PROXY/team/list"
    curl -H "Authorization: Bearer $KEY" "$PROXY/tag/list"
"""

import json
import sys
from datetime import UTC, datetime

RESETS = datetime(2026, 12, 1, tzinfo=UTC)
MADE = datetime(2026, 11, 3, 8, tzinfo=UTC)


def main() -> None:
    """Print the answers of all lists as one object, by their path."""
    from fastapi.encoders import jsonable_encoder  # type: ignore[import-not-found]  # noqa: PLC0415

    answers = {"/key/list": keys(), "/team/list": teams(), "/tag/list": tags()}
    sys.stdout.write(json.dumps(jsonable_encoder(answers), separators=(",", ":")))


def keys() -> object:
    """Return a page of keys: one with a budget of its own, one with none, one that is blocked and has a budget's id."""
    from litellm.proxy._types import KeyListResponseObject, UserAPIKeyAuth  # noqa: PLC0415

    own = {"max_budget": 10.0, "spend": 2.5, "budget_duration": "30d", "budget_reset_at": RESETS}
    shared = {"budget_id": "b1", "litellm_budget_table": budget(4.0), "spend": 1.0, "blocked": True}
    found = [
        UserAPIKeyAuth(token="key-alice", key_alias="alice-laptop", team_id="red", **own),
        UserAPIKeyAuth(token="key-home", key_alias=None, team_id="blue"),
        UserAPIKeyAuth(token="key-bob", key_alias="bob-desktop", **shared),
    ]
    return KeyListResponseObject(keys=found, total_count=len(found), current_page=1, total_pages=1)


def teams() -> object:
    """Return teams: one with a budget, one without."""
    from litellm.proxy._types import TeamListResponseObject  # noqa: PLC0415

    own = {"max_budget": 40.0, "spend": 30.0, "budget_duration": "7d", "budget_reset_at": RESETS}
    return [
        TeamListResponseObject(team_id="red", team_alias="Research", team_memberships=[], keys=[], **own),
        TeamListResponseObject(team_id="blue", team_alias="Home", team_memberships=[], keys=[], blocked=True),
    ]


def tags() -> object:
    """Return tags as `list_tags` puts them together: with a budget, with one by the hour, and one only used."""
    described: dict[str, object] = {
        "description": None,
        "models": [],
        "model_info": {},
        "created_by": "default_user_id",
    }
    times = {"created_at": MADE.isoformat(), "updated_at": MADE.isoformat()}
    return [
        {"name": "living room", **described, **times, "litellm_budget_table": budget(9.0)},
        {"name": "hourly", **described, **times, "litellm_budget_table": budget(1.0, budget_duration="1h")},
        {"name": "seen", "description": "dynamically", "models": None, **times},
    ]


def budget(most: float, **others: object) -> dict[str, object]:
    """Return a row of the table of budgets, as the answers hold it."""
    from litellm.proxy._types import LiteLLM_BudgetTable  # noqa: PLC0415

    row = LiteLLM_BudgetTable(max_budget=most, **{"budget_duration": "30d", **others})
    return {**row.model_dump(), "budget_reset_at": RESETS}


if __name__ == "__main__":
    main()
