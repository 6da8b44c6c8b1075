"""The usage of members that are too many to be shown one by one."""

from collections.abc import Iterable
from functools import reduce

from .models import MemberKey, Snapshot, Usage
from .totals import combined


def gathered(snapshot: Snapshot, members: Iterable[MemberKey]) -> Usage:
    """Return the sum of the members' usage, window by window."""
    return reduce(combined, (snapshot.usage[one] for one in members if one in snapshot.usage), Usage())
