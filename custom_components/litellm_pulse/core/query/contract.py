"""The JSON of LiteLLM Pulse, from a snapshot: pure, snapshot in, dictionary out.

Fields and order follow litellm-pulse 0.3.0. On purpose it differs in this: an unsuffixed counter
is the raw value since LiteLLM started, and `_yearly` and `_lifetime` are there too, as is every
counter that the catalog has besides.
"""

from collections.abc import Mapping
from datetime import datetime
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from ..catalog import COUNTER_INDEX, Dimension
from ..errors import NotFoundError
from ..models import TOTAL, ZERO, MemberKey, ScrapeRow, Snapshot, Usage, Vector, Window
from ..totals import plus

GAUGE: Final = "in_flight_requests"
PERCENTAGE: Final = "input_cached_pct"

_PEERS: Final = (
    "requests",
    "failed_requests",
    "tokens",
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost",
    GAUGE,
    "cache_hits",
    "cache_misses",
    "cached_tokens",
    "input_cached_tokens",
)
METRICS: Final = (*_PEERS, *(name for name in COUNTER_INDEX if name not in _PEERS))
"""Friendly names: those of LiteLLM Pulse, in the order of its answers, then the others of the catalog."""
COUNTERS: Final = tuple(name for name in METRICS if name != GAUGE)

SUFFIXES: Final[Mapping[str, Window]] = MappingProxyType(
    {
        "_daily": Window.DAY,
        "_weekly": Window.WEEK,
        "_monthly": Window.MONTH,
        "_yearly": Window.YEAR,
        "_lifetime": Window.LIFETIME,
    },
)

TABLES: Final[Mapping[str, Dimension]] = MappingProxyType(
    {
        "models": Dimension.MODEL,
        "public_models": Dimension.PUBLIC_MODEL,
        "providers": Dimension.PROVIDER,
        "teams": Dimension.TEAM,
        "keys": Dimension.KEY,
        "users": Dimension.USER,
        "organizations": Dimension.ORGANIZATION,
        "customers": Dimension.CUSTOMER,
        "tags": Dimension.TAG,
        "metadata": Dimension.METADATA,
    },
)
"""The tables, one row a member: what they are called, and the dimension."""

_INDEX: Final = tuple((name, COUNTER_INDEX[name]) for name in COUNTERS)
_GAUGE: Final = 2 * len(ZERO)
_PAST_NAMES: Final = ("timestamp", "is_reset", *(field for name in METRICS for field in (name, f"{name}_delta")))
_PAST_VALUES: Final = itemgetter(
    *(
        index
        for name in METRICS
        # In the raw values, the increases, and behind them the gauge, which has no increase.
        for index in ((_GAUGE, _GAUGE + 1) if name == GAUGE else (COUNTER_INDEX[name], len(ZERO) + COUNTER_INDEX[name]))
    )
)
_CACHED, _INPUT = COUNTER_INDEX["input_cached_tokens"], COUNTER_INDEX["input_tokens"]
_NO_USAGE: Final = Usage()


def summary(snapshot: Snapshot, *, zone: ZoneInfo, source: str, error: str | None) -> dict[str, object]:
    """Return `/api/v1/metrics`; `error` is there only when the last scrape failed."""
    usage = snapshot.usage.get(TOTAL, _NO_USAGE)
    answer: dict[str, object] = {}
    for name in METRICS:
        for suffix in ("", *SUFFIXES):
            answer[name + suffix] = _figure(snapshot, usage, name, suffix)
    for suffix in ("", *SUFFIXES):
        answer[PERCENTAGE + suffix] = _figure(snapshot, usage, PERCENTAGE, suffix)
    answer["last_scrape"] = timestamp(snapshot.last_scrape, zone)
    answer["source"] = source
    return answer if error is None else {**answer, "error": error}


def metric(snapshot: Snapshot, name: str, *, zone: ZoneInfo) -> dict[str, object]:
    """Return `/api/v1/metrics/{name}`; raises NotFoundError, which says what there is, less the suffixes."""
    suffix = next((one for one in SUFFIXES if name.endswith(one)), "")
    base = name.removesuffix(suffix)
    if base not in METRICS and base != PERCENTAGE:
        raise NotFoundError("unknown_metric", field="name", available=[*METRICS, PERCENTAGE], value=name)
    value = _figure(snapshot, snapshot.usage.get(TOTAL, _NO_USAGE), base, suffix)
    return {"name": name, "value": value, "last_scrape": timestamp(snapshot.last_scrape, zone)}


def table(snapshot: Snapshot, dimension: Dimension) -> list[dict[str, object]]:
    """Return the rows of `/api/v1/models` and its like, by id."""
    raw = _raw(snapshot, dimension)
    members = sorted(key for key in snapshot.members if key[0] is dimension)
    return [_row(snapshot, key, raw.get(key, ZERO)) for key in members]


def past(row: ScrapeRow, zone: ZoneInfo) -> dict[str, object]:
    """Return one scrape of `/api/v1/history`."""
    moment = datetime.fromtimestamp(row.at // 1000, zone)
    values = _PAST_VALUES((*row.raw, *row.increase, row.in_flight_requests or 0.0, 0.0))
    return dict(zip(_PAST_NAMES, (moment.isoformat(), row.restarted, *values), strict=True))


def increase(snapshot: Snapshot, zone: ZoneInfo) -> dict[str, Any]:
    """Return when the last scrape was and what it added to the totals, by friendly name."""
    report = snapshot.report
    vector = report.increase if report else ZERO
    return {
        "last_scrape": timestamp(snapshot.last_scrape, zone),
        "is_reset": bool(report and report.restarted),
        **{name: vector[index] for name, index in _INDEX},
    }


def health(snapshot: Snapshot, *, error: str | None) -> dict[str, object]:
    """Return `/health`: ok once there was a scrape."""
    status: dict[str, object] = {"status": "ok" if snapshot.last_scrape else "starting"}
    return status if error is None else {**status, "error": error}


def timestamp(moment: datetime | None, zone: ZoneInfo) -> str | None:
    """Return a moment as ISO 8601 in the configured zone."""
    return moment.astimezone(zone).isoformat() if moment else None


def _figure(snapshot: Snapshot, usage: Usage, name: str, suffix: str) -> float:
    """Return one figure of all usage; what is not published is 0.0, as it is in LiteLLM Pulse."""
    if name == PERCENTAGE:
        return _share(*(_figure(snapshot, usage, part, suffix) for part in ("input_cached_tokens", "input_tokens")))
    if not suffix:
        return (snapshot.gauges if name == GAUGE else snapshot.raw).get(name, 0.0)
    # A gauge has no increase.
    return 0.0 if name == GAUGE else usage.get(SUFFIXES[suffix], name)


def _row(snapshot: Snapshot, key: MemberKey, raw: Vector) -> dict[str, object]:
    """Return the row of a member."""
    dimension, member = key
    row: dict[str, object] = {str(dimension): member}
    if dimension is not Dimension.MODEL:
        row["name"] = snapshot.members[key].name
    usage = snapshot.usage.get(key, _NO_USAGE)
    vectors = {"": raw, **{suffix: getattr(usage, window) for suffix, window in SUFFIXES.items()}}
    unknown = snapshot.unknown.get(dimension, frozenset())
    for suffix, vector in vectors.items():
        for name, index in _INDEX:
            row[name + suffix] = None if name in unknown else vector[index]
    for suffix, vector in vectors.items():
        row[PERCENTAGE + suffix] = _share(vector[_CACHED], vector[_INPUT])
    return row


def _raw(snapshot: Snapshot, dimension: Dimension) -> dict[MemberKey, Vector]:
    """Return member -> its counters since LiteLLM started."""
    sums: dict[MemberKey, Vector] = {}
    for number, vector in snapshot.split_raw.items():
        for key in snapshot.groups[number]:
            if key[0] is dimension:
                sums[key] = plus(sums[key], vector) if key in sums else vector
    return sums


def _share(part: float, whole: float) -> float:
    """Return a percentage; 0.0 of nothing."""
    return part / whole * 100 if whole > 0 else 0.0
