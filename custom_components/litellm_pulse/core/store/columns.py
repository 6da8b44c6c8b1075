"""The columns of the counters, which every table of usage has in the order of the catalog, as SQL."""

from ..catalog import COUNTER_INDEX

NAMES = tuple(COUNTER_INDEX)
COLUMNS = ", ".join(NAMES)
MARKS = ", ".join("?" * len(NAMES))
"""As many parameters."""
SCRAPES = ", ".join(["at, until, scrapes, restarted, in_flight_requests", COLUMNS, *(f"raw_{name}" for name in NAMES)])
"""The columns of a scrape: what it added, and the counters as they stood."""


def each(expression: str) -> str:
    """Return an expression for each column, whose name takes the place of `{0}`, as in `total({0}) AS {0}`."""
    return ", ".join(expression.format(name) for name in NAMES)
