"""The spend rate is of the last quarter of an hour, and of what was really seen."""

import pytest

from custom_components.litellm_pulse.core.catalog import COUNTER_INDEX
from custom_components.litellm_pulse.core.insight.rate import spend_rate
from custom_components.litellm_pulse.core.models import ZERO, ScrapeRow

MINUTE = 60_000


def _rows(*scrapes: tuple[float, float]) -> list[ScrapeRow]:
    """Return scrapes: minute, and what was spent since the one before."""
    cost = COUNTER_INDEX["cost"]
    return [
        ScrapeRow(at, at, 1, False, None, (*ZERO[:cost], spent, *ZERO[cost + 1 :]), ZERO)  # noqa: FBT003
        for at, spent in ((round(minute * MINUTE), spent) for minute, spent in scrapes)
    ]


@pytest.mark.parametrize(
    ("scrapes", "rate"),
    [
        ([], None),
        # When what the first brings was spent nobody knows.
        ([(0, 5)], None),
        ([(0, 5), (5, 1)], 12),
        ([(0, 5), (5, 1), (10, 1), (15, 1)], 12),
        ([(0, 5), (5, 9), (10, 1), (15, 1), (20, 1)], 12),
        ([(0, 5), (5, 9), (20, 0), (25, 0), (30, 0), (35, 0)], 0),
        # Longer intervals: what an hour brought was spent in that hour.
        ([(0, 5), (60, 3)], 3),
        ([(0, 5), (60, 3), (120, 6)], 6),
    ],
)
def test_rate(scrapes: list[tuple[float, float]], rate: float | None) -> None:
    """Whatever the interval, it is dollars an hour."""
    assert spend_rate(_rows(*scrapes)) == (rate if rate is None else pytest.approx(rate))
