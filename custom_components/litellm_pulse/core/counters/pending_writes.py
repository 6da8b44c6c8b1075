"""What has changed since the last transaction: collected by the ledger, written by the store."""

from dataclasses import dataclass, field

from ..models import Member, MemberKey, ScrapeRow, Vector
from ..windows import Bucket, UsageKey
from .series import Counter, Process, Series


@dataclass(slots=True)
class PendingWrites:
    """What has changed since the last transaction that was written."""

    usage: dict[Bucket, dict[int, Vector]] = field(default_factory=dict)
    """Increases by attribution, of every bucket since then."""
    posted: dict[UsageKey, Vector] = field(default_factory=dict)
    """Usage that a new file begins with."""
    baselines: dict[tuple[int, int], Counter | None] = field(default_factory=dict)
    """(process, series) -> the counter, or None where it is gone."""
    processes: dict[int, Process] = field(default_factory=dict)
    met: bool = False
    """A process has answered whose counters were not known."""
    dropped: list[int] = field(default_factory=list)
    """Processes that will never answer again, with their baselines."""
    members: dict[MemberKey, Member] = field(default_factory=dict)
    attributions: dict[int, tuple[MemberKey, ...]] = field(default_factory=dict)
    series: list[Series] = field(default_factory=list)
    dead_series: list[int] = field(default_factory=list)
    """Series that no process has any more."""
    origins: dict[str, tuple[str, float]] = field(default_factory=dict)
    scrapes: dict[int, ScrapeRow] = field(default_factory=dict)
    meta: dict[str, str | float] = field(default_factory=dict)

    def drop(self, process: Process) -> None:
        """Take a process away, with what was going to be written of it."""
        self.dropped.append(process.id)
        self.processes.pop(process.id, None)
        for key in [key for key in self.baselines if key[0] == process.id]:
            del self.baselines[key]

    def __bool__(self) -> bool:
        """Whether there is anything that cannot wait: a later time of the last answer can."""
        return bool(
            self.usage
            or self.baselines
            or self.met
            or self.dropped
            or self.members
            or self.attributions
            or self.series
            or self.origins
            or "published" in self.meta
        )
