"""The JSON of LiteLLM Pulse, from a snapshot: pure, snapshot in, dictionary out.

Fields and order follow litellm-pulse 0.3.0. On purpose it differs in this: an unsuffixed counter
is the raw value since LiteLLM started, and `_yearly` and `_lifetime` are there too.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from .models import TOTAL, MemberKey, Snapshot, Window

METRICS: Final = (
    "requests",
    "failed_requests",
    "tokens",
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost",
    "in_flight_requests",
    "cache_hits",
    "cache_misses",
    "cached_tokens",
    "input_cached_tokens",
    "input_cache_creation_tokens",
)
"""Friendly names, in the order of the answers."""

SUFFIXES: Final[Mapping[str, Window]] = MappingProxyType(
    {
        "_daily": Window.DAY,
        "_weekly": Window.WEEK,
        "_monthly": Window.MONTH,
        "_yearly": Window.YEAR,
        "_lifetime": Window.LIFETIME,
    },
)

_GAUGES: Final = frozenset({"in_flight_requests"})
_PERCENTAGE: Final = "input_cached_pct"


def summary(snapshot: Snapshot, *, zone: ZoneInfo, source: str, error: str | None) -> dict[str, object]:
    """Return `/api/v1/metrics`; `error` is there only when the last scrape failed."""
    figures: dict[str, object] = {**_figures(snapshot, TOTAL)}
    figures["last_scrape"] = timestamp(snapshot.last_scrape, zone)
    figures["source"] = source
    if error is not None:
        figures["error"] = error
    return figures


def health(snapshot: Snapshot, *, error: str | None) -> dict[str, object]:
    """Return `/health`: ok once there was a scrape."""
    status: dict[str, object] = {"status": "ok" if snapshot.last_scrape else "starting"}
    return status if error is None else {**status, "error": error}


def timestamp(moment: datetime | None, zone: ZoneInfo) -> str | None:
    """Return a moment as ISO 8601 in the configured zone."""
    return moment.astimezone(zone).isoformat() if moment else None


def _figures(snapshot: Snapshot, member: MemberKey) -> dict[str, float]:
    """Return every metric, bare and with every suffix; what is not published is 0.0 as it is there."""
    figures: dict[str, float] = {}
    for metric in METRICS:
        figures[metric] = _now(snapshot, metric)
        for suffix, window in SUFFIXES.items():
            # A gauge has no increase; LiteLLM Pulse answers 0.0.
            figures[metric + suffix] = 0.0 if metric in _GAUGES else snapshot.value(member, window, metric)
    for suffix in ("", *SUFFIXES):
        figures[_PERCENTAGE + suffix] = _share(
            figures[f"input_cached_tokens{suffix}"], figures[f"input_tokens{suffix}"]
        )
    return figures


def _now(snapshot: Snapshot, metric: str) -> float:
    """Return a gauge, or the raw value of a counter since LiteLLM started."""
    return (snapshot.gauges if metric in _GAUGES else snapshot.raw).get(metric, 0.0)


def _share(part: float, whole: float) -> float:
    """Return a percentage; 0.0 of nothing."""
    return part / whole * 100 if whole > 0 else 0.0
