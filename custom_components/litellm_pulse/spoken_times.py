"""The times that are asked about: "this week", "last year", "in October"."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from .core import windows
from .core.models import Window


class When(StrEnum):
    """The times that are asked about; a month is the last of its name that has begun."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    WEEK = "this_week"
    LAST_WEEK = "last_week"
    MONTH = "this_month"
    LAST_MONTH = "last_month"
    YEAR = "this_year"
    LAST_YEAR = "last_year"
    EVER = "ever"
    JANUARY = "january"
    FEBRUARY = "february"
    MARCH = "march"
    APRIL = "april"
    MAY = "may"
    JUNE = "june"
    JULY = "july"
    AUGUST = "august"
    SEPTEMBER = "september"
    OCTOBER = "october"
    NOVEMBER = "november"
    DECEMBER = "december"


_WINDOWS: Final = {
    When.TODAY: Window.DAY,
    When.WEEK: Window.WEEK,
    When.MONTH: Window.MONTH,
    When.YEAR: Window.YEAR,
    When.EVER: Window.LIFETIME,
}
_MONTHS: Final = tuple(When)[-12:]
"""January first."""


def window_of(when: When, starts: Mapping[Window, int]) -> Window | None:
    """Return the window that a time is; None where it is over. `starts` has the windows' first days, as ordinals."""
    if when in _MONTHS and _MONTHS.index(when) == windows.month_of(starts[Window.MONTH]) % 12:
        return Window.MONTH
    return _WINDOWS.get(when)


def days_of(when: When, starts: Mapping[Window, int]) -> tuple[int, int]:
    """Return the first day of a time that is over and the day after its last, as ordinals."""
    if when is When.YESTERDAY:
        return starts[Window.DAY] - 1, starts[Window.DAY]
    if when is When.LAST_WEEK:
        return starts[Window.WEEK] - 7, starts[Window.WEEK]
    this_month, this_year = windows.month_of(starts[Window.MONTH]), windows.month_of(starts[Window.YEAR])
    if when is When.LAST_YEAR:
        return windows.first_of_month(this_year - 12), starts[Window.YEAR]
    month = this_month - 1
    if when in _MONTHS:
        month = this_year + _MONTHS.index(when)
        month -= 12 if month > this_month else 0
    return windows.first_of_month(month), windows.first_of_month(month + 1)
