"""What a client may ask: query parameters in, typed queries out; a QueryError says what is wrong."""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from .. import windows
from ..catalog import Dimension
from ..errors import QueryError
from .sql import Period, UsageQuery

DIMENSIONS: tuple[Dimension, ...] = tuple(one for one in Dimension if one is not Dimension.TOTAL)
PERSONAL = frozenset({Dimension.KEY, Dimension.USER, Dimension.CUSTOMER, Dimension.METADATA})
"""Dimensions whose members are people, or lead to them: never shown unless they are asked for."""

LONGEST = 200
"""Characters, or parts, of a parameter: the name of a proxy is the longest that has to be."""

HISTORY_DEFAULT = 168
HISTORY_MOST = 12 * HISTORY_DEFAULT
"""LiteLLM Pulse clamps a larger limit to this, and a negative one to zero."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,4000}")
_YEARS = range(1970, 3000)
_USAGE = frozenset({"instance", "group_by", "from", "to", "period", "format"})
_DAYS, _HOURS, _MONTHS = 30, 24, 12
"""What is answered of each period where nobody says from when: the last so many."""


def history_limit(text: str | None) -> int:
    """Return how many scrapes are asked for, clamped as LiteLLM Pulse does."""
    if text is None:
        return HISTORY_DEFAULT
    if not _WHOLE.fullmatch(text):
        raise QueryError("not_a_whole_number", field="limit", value=text)
    return max(0, min(int(text), HISTORY_MOST))


def dimensions(
    text: str | None, among: Collection[Dimension] = DIMENSIONS, *, field: str = "dimensions"
) -> tuple[Dimension, ...]:
    """Return the dimensions of a list with commas; without a list, those that are not personal."""
    if text is None:
        return tuple(one for one in among if one not in PERSONAL)
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in among]:
        raise QueryError("unknown_dimension", field=field, available=among, value=unknown[0])
    if len(set(names)) < len(names):
        raise QueryError("repeated_dimension", field=field)
    return tuple(map(Dimension, names))


def usage(parameters: Mapping[str, str], *, now: datetime, zone: ZoneInfo) -> UsageQuery:
    """Return the query of `/api/v1/usage`; see docs/api.md for its parameters and defaults."""
    if unknown := [name for name in parameters if name not in _USAGE]:
        raise QueryError("unknown_parameter", field=unknown[0], available=sorted(_USAGE), value=unknown[0])
    period = _period(parameters.get("period", Period.DAY))
    end = _moment("to", parameters["to"], zone, later=True) if "to" in parameters else None
    start = _moment("from", parameters["from"], zone) if "from" in parameters else None
    if start is None:
        start = _default_start(period, end, now.astimezone(zone), zone)
    if end is None:
        end = windows.start_of_day(windows.day_of(now, zone) + 1, zone)
    if start >= end:
        raise QueryError("empty_range", field="from", start=start.isoformat(), end=end.isoformat())
    return UsageQuery(
        start=start,
        end=end,
        period=period,
        zone=zone,
        dimensions=dimensions(parameters.get("group_by", ""), field="group_by"),
    )


def form(parameters: Mapping[str, str]) -> str:
    """Return the form that usage is asked for in: json or csv."""
    asked = parameters.get("format", "json")
    if asked not in {"json", "csv"}:
        raise QueryError("unknown_format", field="format", available=("json", "csv"), value=asked)
    return asked


def _period(text: str) -> Period:
    """Return a period by its name."""
    if text not in set(Period):
        raise QueryError("unknown_period", field="period", available=Period, value=text)
    return Period(text)


def _default_start(period: Period, end: datetime | None, now: datetime, zone: ZoneInfo) -> datetime:
    """Return when the last 24 hours, 30 days or 12 months before `end` begin; the current one is the last."""
    if period is Period.HOUR:
        last = end or (now + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
        return (last.astimezone(UTC) - timedelta(hours=_HOURS)).astimezone(zone)
    day = windows.day_of(end - timedelta(microseconds=1) if end else now, zone)
    if period is Period.DAY:
        return windows.start_of_day(day - _DAYS + 1, zone)
    return windows.start_of_day(windows.first_of_month(windows.month_of(day) - _MONTHS + 1), zone)


def _moment(name: str, text: str, zone: ZoneInfo, *, later: bool = False) -> datetime:
    """Return when a date begins or, `later`, ends; of a time, when its quarter-hour does.

    A time without an offset is one of the zone.
    """
    try:
        if day := _day(text):
            moment = windows.start_of_day(day.toordinal() + later, zone)
        else:
            # An unescaped plus arrives as a space.
            moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
            moment = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
            quarter = windows.quarter_of(moment + timedelta(minutes=15 * later) - timedelta(microseconds=later))
            moment = windows.quarter_start(quarter).astimezone(zone)
    except (ValueError, OverflowError) as err:
        raise QueryError("not_a_time", field=name, value=text) from err
    if moment.year not in _YEARS:
        raise QueryError("time_out_of_range", field=name, value=text)
    return moment


def _day(text: str) -> date | None:
    """Return a date, None where the text is not one."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
