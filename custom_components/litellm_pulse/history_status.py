"""How far the import of history has come: a value that anybody may show."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HistoryState(StrEnum):
    """How the import of history is."""

    OFF = "off"
    IMPORTING = "importing"
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryStatus:
    """How far the import of history has come."""

    state: HistoryState = HistoryState.OFF
    source: str = "off"
    oldest: str | None = None
    """The oldest day that is known, as a date of UTC."""
    rows: int = 0
    """What is kept: usage of somebody in a quarter-hour, or on a day."""
    percent: int | None = None
    """Of the time that there is; None where the source does not say since when it knows."""
    through: datetime | None = None
    """When the source was last asked to the end, by its clock."""
    restored_at: datetime | None = None
    """When it was noticed that the database is an older one, or another."""
    error: str | None = None
    """Why it does not go on, see `spend_logs.errors`."""
