"""Which hours have changed is found from what is known of them, and what is read is of one moment."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection, Cursor
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse.core.models import TOTAL
from custom_components.litellm_pulse.core.query import hours
from custom_components.litellm_pulse.core.query.hours import KnownHours, Selection
from custom_components.litellm_pulse.core.store import reading

from ..bodies import cost
from ..conftest import LedgerHarness

UTC_ZONE = ZoneInfo("UTC")
NOON = int(datetime(2026, 11, 18, 12, tzinfo=UTC).timestamp())
ONE = datetime(2026, 11, 18, 13, tzinfo=UTC)
SPEND = Selection([TOTAL], ["cost"])


def test_where_no_hour_is_known_none_has_changed() -> None:
    nothing = KnownHours(digests={}, end=0, first_day=0)
    assert nothing.changed_since(nothing) is None


class _Interrupted:
    """A connection one of whose statements waits until somebody else has written."""

    def __init__(self, connection: Connection, statement: int, write: Callable[[], object]) -> None:
        """Take the connection, the number of the statement, and who writes."""
        self._connection, self._left, self._write = connection, statement, write

    def execute(self, *statement: Any) -> Cursor:  # noqa: ANN401 - as a connection takes it
        """Execute a statement."""
        if self._left == 0:
            self._write()
        self._left -= 1
        return self._connection.execute(*statement)


def _known(path: Path) -> object:
    """Return the hours that are known at one o'clock, with their digests."""
    return hours.known_hours(path, now=ONE, zone=UTC_ZONE, last_scrape=ONE).digests


def _of_the_hour(path: Path) -> object:
    """Return what was used in the hour from noon on."""
    return hours.hourly_usage(path, SPEND, first=NOON, end=NOON + 3600, zone=UTC_ZONE)


def _of_the_day(path: Path) -> object:
    """Return what was used on the day before two o'clock, by day."""
    return hours.usage_before(path, SPEND, hour=NOON + 2 * 3600, first_day=1, zone=UTC_ZONE)


@pytest.mark.parametrize("read", [_known, _of_the_hour, _of_the_day])
@pytest.mark.parametrize("statement", range(6))
def test_what_a_scrape_posts_while_it_is_read_is_neither_missing_nor_there_twice(
    harness: LedgerHarness, monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], object], statement: int
) -> None:
    """An hour is read when it is over, which is when the next scrape moves what was used in its last quarter."""
    harness.now = datetime(2026, 11, 18, 12, 57, tzinfo=UTC)
    for spend in (1, 3):
        harness.scrape(cost(spend, start=1.0))
    expected = read(harness.path)

    @contextmanager
    def interrupted(path: Path) -> Iterator[_Interrupted]:
        with reading(path) as connection:
            yield _Interrupted(connection, statement, lambda: harness.scrape(cost(3.5, start=1.0), seconds=3600))

    monkeypatch.setattr(hours, "reading", interrupted)
    found = read(harness.path)
    # As it was before the scrape, or after it.
    monkeypatch.undo()
    assert found in (expected, read(harness.path))
