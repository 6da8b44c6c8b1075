"""All that entities show at one moment: the ledger's snapshot and what belongs to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .core.models import TOTAL, Limit, MemberKey, Snapshot, Usage, Window
from .wishes import Limits

_NONE = Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Replaced as a whole, never changed; entities read it and do no arithmetic."""

    snapshot: Snapshot
    connected: bool = True
    """Whether the last scrape was complete."""
    scrape_duration: float | None = None
    """Seconds that the last complete answer took."""
    others: Mapping[MemberKey, Usage] = field(default_factory=dict)
    """Per dimension with more members than are shown, the usage of the rest."""
    limits: Limits = field(default_factory=dict)
    refusing: frozenset[MemberKey] = frozenset()
    """Members whose requests LiteLLM refuses."""
    unusual_threshold: float = 0.0

    @property
    def unusual(self) -> bool:
        """Whether the spend of the current hour is unusual."""
        deviation = self.snapshot.outlook.deviation
        return deviation is not None and deviation > self.unusual_threshold

    def usage(self, member: MemberKey) -> Usage:
        """Return a member's usage, nothing where it has none."""
        return self.snapshot.usage.get(member) or self.others.get(member) or _NONE

    def limit(self, member: MemberKey, window: Window) -> Limit | None:
        """Return the limit of a member's spend in a window, or None."""
        amount = self.limits.get(member, {}).get(window)
        return Limit(amount, self.usage(member).get(window, "cost")) if amount else None

    def resembles(self, other: Picture) -> bool:
        """Whether the two differ in single members only."""
        mine, its = self.snapshot, other.snapshot
        return (
            self.connected is other.connected
            and mine.window_starts == its.window_starts
            and mine.published == its.published
        )

    def shows_the_same(self, member: MemberKey, other: Picture) -> bool:
        """Whether a member is the same in both. What did not change keeps its object."""
        mine, its = self.snapshot, other.snapshot
        return (
            member != TOTAL
            and self.usage(member) is other.usage(member)
            and mine.budgets.get(member) == its.budgets.get(member)
            and mine.health.get(member[1]) is its.health.get(member[1])
            and self.limits.get(member) is other.limits.get(member)
            and (member in self.refusing) is (member in other.refusing)
        )
