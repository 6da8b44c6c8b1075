"""Answers of LiteLLM's daily activity endpoints as usage rows: pure, whatever release they are of.

Source: `litellm/types/proxy/management_endpoints/common_daily_activity.py` of 1.80.5, 1.92.0, 1.106.2
and 1.110.2. A day has sums, and breakdowns by one dimension each that overlap; model and key are
crossed, and a key has a team. Provider and model are not.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from typing import Any

from ..core.catalog import Dimension, tag_label
from ..core.exposition import HIGHEST
from .errors import UnexpectedAnswerError
from .models import METRICS, Members, Sums, UsageRow, Vector, add_to, members_of, rows_of, sums_of

FIELDS: Mapping[str, str] = {
    "requests": "api_requests",
    "failed_requests": "failed_requests",
    "tokens": "total_tokens",
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "cost": "spend",
    "input_cached_tokens": "cache_read_input_tokens",
    "input_cache_creation_tokens": "cache_creation_input_tokens",
}
"""Metric -> its field in every `metrics` of an answer."""

_RAW_KEY = "raw:"
"""What 1.110 puts before a key that could be taken for a word of its own."""
_AS_GOOD_AS_NOTHING = 1e-9


class Activity(StrEnum):
    """The endpoints, and what their entities are."""

    USER = "user"
    TEAM = "team"
    TAG = "tag"
    CUSTOMER = "customer"
    ORGANIZATION = "organization"

    @property
    def path(self) -> str:
        """The address below the proxy's own."""
        return f"/{self}/daily/activity"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of an answer."""

    told: Sequence[Sums]
    aliases: Mapping[str, str]
    """Key -> its alias."""
    pages: int
    """How many there are; a page counts LiteLLM's own rows, so a day may be on several."""

    @property
    def size(self) -> int:
        """How many rows it tells."""
        return sum(one.size for one in self.told)

    @property
    def rows(self) -> list[UsageRow]:
        """What it tells, as a row each."""
        return [*rows_of(self.told)]


def page(activity: Activity, answer: object) -> Page:
    """Return what an answer says; raises UnexpectedAnswerError."""
    try:
        return _page(activity, answer)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as err:
        raise UnexpectedAnswerError(f"{activity.path}: {type(err).__name__}: {err}") from err


def _page(activity: Activity, answer: Any) -> Page:  # noqa: ANN401  # JSON
    aliases: dict[str, str] = {}
    for day in answer["results"]:
        for key, found in ((day.get("breakdown") or {}).get("api_keys") or {}).items():
            if alias := (found.get("metadata") or {}).get("key_alias"):
                aliases[key.removeprefix(_RAW_KEY)] = alias
    told = sums_of(chain.from_iterable(_rows(activity, day) for day in answer["results"]))
    return Page(told, aliases, int((answer.get("metadata") or {}).get("total_pages") or 1))


def _rows(activity: Activity, day: Mapping[str, Any]) -> Iterator[UsageRow]:
    """Yield what is told of a day."""
    start = datetime.fromisoformat(day["date"]).replace(tzinfo=UTC)
    breakdown = day.get("breakdown") or {}
    yield from _entities(activity, start, breakdown)
    if activity is Activity.USER:
        yield from _whole(start, day, breakdown)
        yield from _apart(start, breakdown)


def _whole(start: datetime, day: Mapping[str, Any], breakdown: Mapping[str, Any]) -> Iterator[UsageRow]:
    """Yield rows that sum up to the day: by model, key and the key's team, and a rest that none of them names."""
    rest = _vector(day["metrics"])
    for members, found in _crossed(breakdown.get("models") or {}, [*(breakdown.get("providers") or {})]):
        values = _vector(found["metrics"])
        rest = tuple([None if left is None else left - (one or 0.0) for left, one in zip(rest, values, strict=True)])
        yield UsageRow(start, members, values)
    if any(value is not None and abs(value) > _AS_GOOD_AS_NOTHING for value in rest):
        yield UsageRow(start, (), rest)


def _crossed(models: Mapping[str, Any], providers: Sequence[str]) -> Iterator[tuple[Members, Mapping[str, Any]]]:
    """Yield members and sums by model and key; the provider where the model's name or the day leave one only."""
    for name, found in models.items():
        model, provider = _model(name, providers)
        for key, used in (found.get("api_key_breakdown") or {}).items():
            team = (used.get("metadata") or {}).get("team_id")
            yield (
                members_of(
                    [
                        (Dimension.MODEL, model),
                        (Dimension.PROVIDER, provider),
                        (Dimension.TEAM, team),
                        (Dimension.KEY, key.removeprefix(_RAW_KEY)),
                    ]
                ),
                used,
            )


def _model(name: str, providers: Sequence[str]) -> tuple[str, str | None]:
    """Return a model as /metrics names it, and its provider where that is certain."""
    first, slash, rest = name.partition("/")
    if slash and first in providers:
        return rest, first
    return name, providers[0] if len(providers) == 1 else None


def _apart(start: datetime, breakdown: Mapping[str, Any]) -> Iterator[UsageRow]:
    """Yield the breakdowns of the same requests by one dimension each."""
    for name, dimension in (("model_groups", Dimension.PUBLIC_MODEL), ("providers", Dimension.PROVIDER)):
        for key, found in (breakdown.get(name) or {}).items():
            if members := members_of([(dimension, key)]):
                yield UsageRow(start, members, _vector(found["metrics"]), apart=True)


def _entities(activity: Activity, start: datetime, breakdown: Mapping[str, Any]) -> Iterator[UsageRow]:
    """Yield the breakdown by what the endpoint is about."""
    for key, found in (breakdown.get("entities") or {}).items():
        if activity is Activity.TAG and key.startswith("User-Agent:"):
            continue
        named = tag_label(key) if activity is Activity.TAG else key
        if members := members_of([(Dimension(activity), named)]):
            yield UsageRow(start, members, _vector(found["metrics"]), apart=True)


def _vector(metrics: Mapping[str, Any]) -> Vector:
    """Return the sums of an answer; what a release does not tell is None. Raises ValueError for what is no number."""
    vector = tuple(
        [
            None if (name := FIELDS.get(metric)) is None or name not in metrics else float(metrics[name])
            for metric in METRICS
        ]
    )
    if not all(abs(value) < HIGHEST for value in vector if value is not None):
        raise ValueError("an amount is no number")
    return vector


def gathered(pages: Iterable[Page]) -> Page:
    """Return all pages of one question as one: a day that spans pages is one day."""
    found = list(pages)
    return Page(
        sums_of(chain.from_iterable(rows_of(one.told) for one in found)),
        {key: alias for one in found for key, alias in one.aliases.items()},
        1,
    )


def alike(one: Page, other: Page) -> bool:
    """Whether two pages tell the same of every member, but for what adding up in another order does."""
    mine, others = _by_member(one), _by_member(other)
    return mine.keys() == others.keys() and all(
        all(map(_close, values, others[member], strict=True)) for member, values in mine.items()
    )


def _by_member(found: Page) -> dict[tuple[bool, tuple[Dimension, str] | None], Vector]:
    """Return the sums of each member, and of all; a page of one provider names it, another may not."""
    sums: dict[tuple[bool, tuple[Dimension, str] | None], Vector] = {}
    for row in rows_of(found.told):
        named = [one for one in row.members if row.apart or one[0] is not Dimension.PROVIDER]
        for member in (None, *named):
            add_to(sums, (row.apart, member), row.values)
    return sums


def _close(one: float | None, other: float | None) -> bool:
    return math.isclose(one or 0.0, other or 0.0, abs_tol=_AS_GOOD_AS_NOTHING)
