"""What /metrics told against what LiteLLM's database tells, day by day; honest differences exist."""

# ruff: noqa: S608  # the names that are put in are the catalog's own

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from .. import windows
from ..store import reading

NOTABLE = 0.01
"""The part of a day's spend from which on a difference is explained."""
_DUST = 1e-9

type Figures = tuple[float, float]
"""US dollars and tokens."""


class Reason(StrEnum):
    """Why a day differs; each has a sentence in the translations."""

    NOT_OVER = "not_over"
    """Requests are told by /metrics at once, by the database a little later."""
    FIRST_DAY = "first_day"
    """Requests were under way at the first scrape."""
    GAP = "gap"
    """Nothing was scraped for a while, and the proxy may have been restarted meanwhile."""
    PRICES = "prices"
    """Tokens agree, spend does not."""
    DATABASE_LACKS = "database_lacks"
    """Rows were deleted, never written, or spend logs were off for a while."""
    METRICS_LACK = "metrics_lack"
    """LiteLLM did not count requests in /metrics, or they went through another replica."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One local day by both."""

    day: int
    """As an ordinal."""
    metrics: Figures
    database: Figures
    reasons: tuple[Reason, ...] = ()
    models: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """The models that differ most -> US dollars by /metrics and by the database."""

    @property
    def difference(self) -> float:
        """By how much /metrics tells more, as a part of the larger spend."""
        larger = max(self.metrics[0], self.database[0])
        return (self.metrics[0] - self.database[0]) / larger if larger > _DUST else 0.0


def compare(path: Path, *, first: int, now: datetime, zone: ZoneInfo) -> list[Day]:
    """Return the local days from `first` on that the database has told anything of, oldest first; raises StoreError."""
    today = windows.day_of(now, zone)
    with reading(path) as connection:
        begun, told = (_day(connection, query, zone) for query in (_BEGUN, _TOLD))
        if begun is None or told is None:
            return []
        gaps = _gap_days(connection, zone)
        return [
            _compared(connection, day, zone, dict(_conditions(day, begun, today, gaps)))
            for day in range(max(first, begun, told), today + 1)
        ]


_BEGUN = "SELECT min(since) FROM origins"
_TOLD = "SELECT min(start) * 900 FROM history WHERE resolution = 0 AND part = 4"


def _day(connection: sqlite3.Connection, query: str, zone: ZoneInfo) -> int | None:
    """Return the local day of a query's moment."""
    (at,) = connection.execute(query).fetchone()
    return None if at is None else windows.day_of(datetime.fromtimestamp(at, zone), zone)


def _gap_days(connection: sqlite3.Connection, zone: ZoneInfo) -> set[int]:
    """Return the local days in which nothing was scraped for a while."""
    return {
        day
        for row in connection.execute("SELECT start, end FROM gaps")
        for day in range(
            windows.day_of(datetime.fromtimestamp(row[0], zone), zone),
            windows.day_of(datetime.fromtimestamp(row[1], zone), zone) + 1,
        )
    }


def _conditions(day: int, begun: int, today: int, gaps: set[int]) -> Iterator[tuple[Reason, bool]]:
    """Yield what is known of a day without looking at its figures."""
    yield Reason.NOT_OVER, day == today
    yield Reason.FIRST_DAY, day == begun
    yield Reason.GAP, day in gaps


def _compared(connection: sqlite3.Connection, day: int, zone: ZoneInfo, conditions: Mapping[Reason, bool]) -> Day:
    """Return a day, explained where the difference is notable."""
    ours, theirs = _metrics(connection, day), _database(connection, day, zone)
    found = Day(day=day, metrics=_total(ours), database=_total(theirs))
    if abs(found.difference) <= NOTABLE:
        return found
    models = sorted(
        {model: (ours.get(model, _NONE)[0], theirs.get(model, _NONE)[0]) for model in ours.keys() | theirs}.items(),
        key=lambda item: -abs(item[1][0] - item[1][1]),
    )
    reasons = [reason for reason, holds in conditions.items() if holds]
    return Day(
        day=day,
        metrics=found.metrics,
        database=found.database,
        reasons=(*reasons, _of_figures(found)),
        models=dict(models[:3]),
    )


def _of_figures(day: Day) -> Reason:
    """Return what the figures themselves say."""
    most = max(day.metrics[1], day.database[1])
    if most and abs(day.metrics[1] - day.database[1]) <= NOTABLE * most:
        return Reason.PRICES
    return Reason.DATABASE_LACKS if day.metrics[0] > day.database[0] else Reason.METRICS_LACK


_NONE: Figures = (0.0, 0.0)
_BY_MODEL = (
    "SELECT coalesce(model.key, ''), total(cost), total(tokens) FROM ({rows}) AS used LEFT JOIN attributions model "
    "ON model.attribution = used.attribution AND model.dimension = 'model' GROUP BY 1"
)
_OURS = " UNION ALL ".join(
    f"SELECT attribution, cost, tokens FROM {table} WHERE resolution = 1 AND start = ?1"
    for table in ("posted", "unposted", "(SELECT * FROM history WHERE part = 2)")
)
_THEIRS = (
    "SELECT attribution, cost, tokens FROM history WHERE resolution = 0 AND part = 4 AND start >= ?1 AND start < ?2"
)


def _metrics(connection: sqlite3.Connection, day: int) -> dict[str, Figures]:
    """Return model -> what /metrics told of a day."""
    return {model: (cost, tokens) for model, cost, tokens in connection.execute(_BY_MODEL.format(rows=_OURS), (day,))}


def _database(connection: sqlite3.Connection, day: int, zone: ZoneInfo) -> dict[str, Figures]:
    """Return model -> what the database tells of a day."""
    quarters = tuple(windows.quarter_of(windows.start_of_day(one, zone)) for one in (day, day + 1))
    rows = connection.execute(_BY_MODEL.format(rows=_THEIRS), quarters)
    return {model: (cost, tokens) for model, cost, tokens in rows}


def _total(by_model: Mapping[str, Figures]) -> Figures:
    """Return the sums over all models."""
    return sum(one[0] for one in by_model.values()), sum(one[1] for one in by_model.values())


def as_json(days: list[Day]) -> list[dict[str, object]]:
    """Return days as the API tells them."""
    return [
        {
            "day": date.fromordinal(one.day).isoformat(),
            "metrics": {"cost": one.metrics[0], "tokens": one.metrics[1]},
            "database": {"cost": one.database[0], "tokens": one.database[1]},
            "difference_percent": round(one.difference * 100, 2),
            "reasons": list(map(str, one.reasons)),
            "models": [
                {"model": model or None, "metrics": ours, "database": theirs}
                for model, (ours, theirs) in one.models.items()
            ],
        }
        for one in days
    ]
