"""From one answer to exact increases: which process spoke, which of its counters grew, whose usage that is.

One room with one function, `Counting.count`: an answer in, a frozen result out.
"""

from .attribution import COMBINATION_LIMIT, MEMBER_LIMIT, in_order
from .counting import Counting
from .results import (
    Ambiguity,
    Answer,
    Baseline,
    BaselineKey,
    Changes,
    Counted,
    CountingState,
    MemberKeys,
    Models,
    Origin,
    ProcessRow,
    SeriesRow,
    Traced,
)
from .waiting import renumbered

__all__ = [
    "COMBINATION_LIMIT",
    "MEMBER_LIMIT",
    "Ambiguity",
    "Answer",
    "Baseline",
    "BaselineKey",
    "Changes",
    "Counted",
    "Counting",
    "CountingState",
    "MemberKeys",
    "Models",
    "Origin",
    "ProcessRow",
    "SeriesRow",
    "Traced",
    "in_order",
    "renumbered",
]
