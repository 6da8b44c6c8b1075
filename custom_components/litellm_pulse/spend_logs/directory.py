"""What LiteLLM's API knows of its members besides their usage: names, budgets, resets, blocks. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ..core.catalog import Dimension
from ..core.exposition import HIGHEST
from ..core.models import Budget, ListedMember, Member
from .errors import UnexpectedAnswerError
from .models import LONGEST

_DAYS: Mapping[str, float] = {"h": 1 / 24, "d": 1, "w": 7}
_SHORTEST_MONTH = 28
_YEARS = range(2000, 9999)
"""Times of which any zone knows the date."""


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
    since: date | None = None
    """When it was last reset, or begun, as far as that can be told; a UTC day."""
    resets_at: datetime | None = None
    blocked: bool = False

    @property
    def listed(self) -> ListedMember:
        """The member as the ledger takes it in; without its spend a budget says nothing."""
        budget = None
        if self.max_budget is not None and self.spend is not None:
            budget = Budget(self.max_budget - self.spend, self.max_budget, self.resets_at)
        return ListedMember(Member(self.dimension, self.id, self.name or self.id), budget, self.blocked)


def keys(answer: object) -> list[Entry]:
    """Return the keys of a page of /key/list with full objects; those listed by their hash alone say no more."""
    return _entries(Dimension.KEY, _listed(answer, "keys"), "token", "key_alias")


def pages(answer: object) -> int:
    """Return how many pages a list has."""
    found = answer.get("total_pages") if isinstance(answer, Mapping) else None
    return found if isinstance(found, int) else 1


def teams(answer: object) -> list[Entry]:
    """Return the teams of /team/list."""
    return _entries(Dimension.TEAM, _listed(answer, "teams"), "team_id", "team_alias")


def tags(answer: object) -> list[Entry]:
    """Return the tags of /tag/list: their budget is a table of its own, and what was spent of it is not told."""
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
        return [_entry(dimension, one, key, name) for one in found if _text(one.get(key))]
    except (ArithmeticError, AttributeError, TypeError, ValueError) as err:
        raise UnexpectedAnswerError(f"{dimension} list: {err}") from err


def _entry(dimension: Dimension, one: Mapping[str, Any], key: str, name: str) -> Entry:
    """Return an entry of a listed object; its own budget before that of a table beside it."""
    budget = {
        **(one.get("litellm_budget_table") or {}),
        **{field: value for field, value in one.items() if value is not None},
    }
    maximum, spend, reset = (budget.get(field) for field in ("max_budget", "spend", "budget_reset_at"))
    resets_at = _time(reset) if reset else None
    return Entry(
        dimension=dimension,
        id=_text(one[key]),
        name=_text(one.get(name)) or None,
        max_budget=_dollars(maximum),
        spend=_dollars(spend),
        since=_since(resets_at, budget.get("budget_duration"), one.get("created_at")),
        resets_at=resets_at,
        blocked=bool(one.get("blocked")),
    )


def _text(value: object) -> str:
    """Return what is listed as text; nothing where there is none, or one without end."""
    text = str(value or "")
    return text if len(text) <= LONGEST else ""


def _dollars(amount: float | None) -> float | None:
    """Return an amount; None where it is not told, or is none."""
    found = None if amount is None else float(amount)
    return found if found is not None and abs(found) < HIGHEST else None


def _since(resets_at: datetime | None, duration: str | None, created_at: str | None) -> date | None:
    """Return the UTC day on which a budget was last reset; None where that is less than a day ago at times.

    A budget of 30 days is reset on the first of a month, by LiteLLM's `duration_parser`.
    """
    if resets_at is None or duration is None:
        return _time(created_at).astimezone(UTC).date() if created_at else None
    number, unit = _parsed(duration)
    resets_on = resets_at.astimezone(UTC).date()
    if unit == "mo" or (duration == "30d" and resets_on.day == 1):
        months = resets_on.year * 12 + resets_on.month - 1 - (number if unit == "mo" else 1)
        return resets_on.replace(year=months // 12, month=months % 12 + 1, day=min(resets_on.day, _SHORTEST_MONTH))
    days = number * _DAYS.get(unit, 0)
    return (resets_at - timedelta(days=days)).astimezone(UTC).date() if days >= 1 else None


def _parsed(duration: str) -> tuple[int, str]:
    """Return the number and the unit of a duration such as 30d; (0, "") for what is none."""
    found = re.fullmatch(r"(\d+)(mo|[smhdw])", duration)
    return (int(found[1]), found[2]) if found else (0, "")


def _time(text: str) -> datetime:
    """Return a time of the API, in UTC where it names no zone."""
    at = datetime.fromisoformat(text)
    if at.year not in _YEARS:
        raise ValueError(f"{at.year} is no year of a budget")
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
