"""From one answer to exact increases: which process spoke, which of its counters grew, whose usage that is."""

from .attribution import Attributions, MemberKeys, in_order
from .delta import Delta
from .pending_writes import PendingWrites
from .series import Counter, Process, Series
from .tracker import Tracker

__all__ = [
    "Attributions",
    "Counter",
    "Delta",
    "MemberKeys",
    "PendingWrites",
    "Process",
    "Series",
    "Tracker",
    "in_order",
]
