"""The ids under which Home Assistant's recorder keeps the statistics of proxies and members."""

import hashlib
import re
from typing import Final

from .const import DOMAIN
from .core.models import TOTAL, MemberKey

METRICS: Final = (
    "spend",
    "tokens",
    "input_tokens",
    "output_tokens",
    "requests",
    "failed_requests",
    "input_cached_tokens",
)
"""What has statistics; `spend` is the ledger's `cost`, the others have their names there."""

_DIGITS: Final = 16
"""Hexadecimal digits of a member's digest: two of a million members are one by a chance of 1 in 40 million."""


def statistic_id(entry_id: str, member: MemberKey, metric: str) -> str:
    """Return the id of a metric of a member: the same for good, whatever the member is called."""
    return f"{statistic_stem(entry_id, member)}_{metric}"


def statistic_stem(entry_id: str, member: MemberKey) -> str:
    """Return what the ids of all metrics of a member begin with, before the underscore and the metric."""
    dimension, identifier = member
    digest = "" if member == TOTAL else f"_{hashlib.sha256(identifier.encode()).hexdigest()[:_DIGITS]}"
    return f"{statistic_prefix(entry_id)}{dimension}{digest}"


def statistic_prefix(entry_id: str) -> str:
    """Return how the ids of all statistics of an entry begin, and no other's."""
    return f"{DOMAIN}:{re.sub('[^a-z0-9]', '', entry_id.lower())}_"
