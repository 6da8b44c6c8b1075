"""What LiteLLM's API knows of its members besides their usage: names, budgets, resets, blocks. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..core.catalog import Dimension
from .errors import UnexpectedAnswerError


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A member as the API lists it; None is what it does not say."""

    dimension: Dimension
    id: str
    name: str | None = None
    max_budget: float | None = None
    """US dollars."""
    spend: float | None = None
    """US dollars since the budget was last reset."""
    resets_at: datetime | None = None
    blocked: bool = False


def keys(answer: object) -> list[Entry]:
    """Return the keys of a page of /key/list with full objects; those listed by their hash alone say no more."""
    return _entries(Dimension.KEY, _listed(answer, "keys"), "token", "key_alias")


def teams(answer: object) -> list[Entry]:
    """Return the teams of /team/list."""
    return _entries(Dimension.TEAM, _listed(answer, "teams"), "team_id", "team_alias")


def tags(answer: object) -> list[Entry]:
    """Return the tags of /tag/list; since 1.81 their budget is a table of its own."""
    return _entries(Dimension.TAG, _listed(answer, "tags"), "name", "name")


def _listed(answer: Any, field: str) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401  # JSON
    """Yield the objects of a list, bare or below a field."""
    found = answer.get(field) if isinstance(answer, Mapping) else answer
    if isinstance(found, Mapping):
        found = list(found.values())
    if not isinstance(found, list):
        raise UnexpectedAnswerError(f"no list of {field}")
    yield from (one for one in found if isinstance(one, Mapping))


def _entries(dimension: Dimension, found: Iterator[Mapping[str, Any]], key: str, name: str) -> list[Entry]:
    try:
        return [_entry(dimension, one, key, name) for one in found if one.get(key)]
    except (TypeError, ValueError) as err:
        raise UnexpectedAnswerError(f"{dimension} list: {err}") from err


def _entry(dimension: Dimension, one: Mapping[str, Any], key: str, name: str) -> Entry:
    """Return an entry of a listed object; its own budget before that of a table beside it."""
    budget = {
        **(one.get("litellm_budget_table") or {}),
        **{field: value for field, value in one.items() if value is not None},
    }
    maximum, spend, reset = (budget.get(field) for field in ("max_budget", "spend", "budget_reset_at"))
    return Entry(
        dimension=dimension,
        id=str(one[key]),
        name=one.get(name) or None,
        max_budget=None if maximum is None else float(maximum),
        spend=None if spend is None else float(spend),
        resets_at=_time(reset) if reset else None,
        blocked=bool(one.get("blocked")),
    )


def _time(text: str) -> datetime:
    """Return a time of the API, in UTC where it names no zone."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
