"""What LiteLLM Pulse does not have: usage over time, budgets, spend by provider and model; pure, as `contract` is."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from ..catalog import BUDGETS, COUNTER_INDEX, DIMENSIONS, Dimension
from ..models import MemberKey, Snapshot
from .contract import COUNTERS, timestamp
from .sql import UsageQuery, UsageRow

BUDGETED: Final = tuple(row.dimension for row in BUDGETS)
"""Dimensions whose members can have a budget."""

NAMED: Final = frozenset(row.dimension for row in DIMENSIONS if row.names)
"""Dimensions whose members have a name beside their id."""
_INDICES: Final = tuple(COUNTER_INDEX[name] for name in COUNTERS)
_COST: Final = COUNTER_INDEX["cost"]


def usage_metadata(snapshot: Snapshot, query: UsageQuery, since: datetime | None) -> dict[str, object]:
    """Return what `/api/v1/usage` says beside the rows.

    `known_since` is there only where usage from before is not known any more, `error` only where
    the file lacks what was used last.
    """
    metadata: dict[str, object] = {
        "from": timestamp(query.start, query.zone),
        "to": timestamp(query.end, query.zone),
        "period": query.period,
        "group_by": list(query.dimensions),
        "last_scrape": timestamp(snapshot.last_scrape, query.zone),
    }
    if since is not None:
        metadata["known_since"] = timestamp(since, query.zone)
    if snapshot.store_error is not None:
        metadata["error"] = snapshot.store_error
    return metadata


def usage_rows(snapshot: Snapshot, query: UsageQuery, rows: Iterable[UsageRow]) -> Iterator[dict[str, object]]:
    """Yield the rows of `/api/v1/usage`."""
    columns = usage_columns(query)
    for row in rows:
        yield dict(zip(columns, _cells(snapshot, query, row), strict=True))


def budgets(snapshot: Snapshot, dimensions: Collection[Dimension], zone: ZoneInfo) -> dict[str, object]:
    """Return `/api/v1/budgets`: those of the members of some dimensions."""
    found = sorted(key for key in snapshot.budgets if key[0] in dimensions)
    return {
        "budgets": [_budget(snapshot, key, zone) for key in found],
        "dimensions": list(dimensions),
        "last_scrape": timestamp(snapshot.last_scrape, zone),
    }


def aggregate(snapshot: Snapshot, before: Mapping[tuple[str, str], float]) -> dict[str, object]:
    """Return `/aggregate`: lifetime spend by provider and model, the largest first.

    `before` has what was spent before the first scrape, as far as it is known.
    """
    sums = dict(before)
    for number, usage in snapshot.split.items():
        members = dict(snapshot.groups[number])
        pair = members.get(Dimension.PROVIDER, ""), members.get(Dimension.MODEL, "")
        sums[pair] = sums.get(pair, 0.0) + usage.lifetime[_COST]
    ordered = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    data = [
        {"provider": provider, "model": model, "total_cost": cost}
        for (provider, model), cost in ordered
        if cost or (provider and model)
    ]
    return {"records": len(data), "data": data}


def usage_columns(query: UsageQuery) -> list[str]:
    """Return the columns of usage: the period, the members with their names, the figures."""
    members = [column for one in query.dimensions for column in ((one, f"{one}_name") if one in NAMED else (one,))]
    return ["start", *map(str, members), *COUNTERS]


def _cells(snapshot: Snapshot, query: UsageQuery, row: UsageRow) -> list[object]:
    """Return one row of usage in the order of the columns."""
    cells: list[object] = [row.start.isoformat()]
    for dimension, member in zip(query.dimensions, row.group, strict=True):
        cells.append(member)
        if dimension in NAMED:
            known = snapshot.members.get((dimension, member)) if member is not None else None
            cells.append(known.name if known else member)
    cells += [row.usage[index] for index in _INDICES]
    return cells


def _budget(snapshot: Snapshot, key: MemberKey, zone: ZoneInfo) -> dict[str, object]:
    """Return one budget."""
    budget = snapshot.budgets[key]
    return {
        "dimension": key[0],
        "id": key[1],
        "name": snapshot.members[key].name,
        "maximum": budget.maximum,
        "remaining": budget.remaining,
        "used_percent": budget.used_percent,
        "resets_at": timestamp(budget.resets_at, zone),
        "blocked": key in snapshot.blocked,
    }
