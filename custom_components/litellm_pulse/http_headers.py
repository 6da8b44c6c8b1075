"""What headers of an answer say of time (RFC 9110)."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?")


def moment(text: str) -> datetime | None:
    """Return an HTTP date in UTC, which it always means, whatever zone it names; None where it is none."""
    try:
        return parsedate_to_datetime(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def retry_after(text: str) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date; None where it says nothing."""
    if _SECONDS.fullmatch(text):
        return float(text)
    at = moment(text)
    return max(0.0, (at - datetime.now(UTC)).total_seconds()) if at else None
