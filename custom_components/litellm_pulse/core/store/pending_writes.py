"""What has changed since the last transaction: results of the counting room in, one transaction out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ..counters import Baseline, BaselineKey, Changes, MemberKeys, Origin, ProcessRow, SeriesRow
from ..models import Budget, Member, MemberKey, ScrapeRow, Vector
from ..totals import plus
from ..windows import LUMP_AFTER, Bucket, UsageKey


@dataclass(slots=True)
class PendingWrites:
    """What has changed since the last transaction that was written."""

    usage: dict[Bucket, dict[int, Vector]] = field(default_factory=dict)
    """Increases by attribution, of every bucket since then."""
    lumps: dict[tuple[float, float], Mapping[int, Vector]] = field(default_factory=dict)
    """Last scrape before and first after nobody had looked, in Unix seconds -> what the latter told."""
    posted: dict[UsageKey, Vector] = field(default_factory=dict)
    """Usage that a new file begins with."""
    baselines: dict[BaselineKey, Baseline | None] = field(default_factory=dict)
    """(process, series) -> the counter, or None where it is forgotten."""
    moved: bool = False
    """Some of these counters have done more than go missing, or come back as they were."""
    processes: dict[int, ProcessRow] = field(default_factory=dict)
    met: bool = False
    """A process has answered whose counters were not known."""
    dropped: set[int] = field(default_factory=set)
    """Processes that will never answer again, with their baselines."""
    members: dict[MemberKey, Member] = field(default_factory=dict)
    dead_members: set[MemberKey] = field(default_factory=set)
    attributions: dict[int, MemberKeys] = field(default_factory=dict)
    series: dict[int, SeriesRow] = field(default_factory=dict)
    dead_series: set[int] = field(default_factory=set)
    """Series that no process has any more."""
    origins: dict[str, Origin] = field(default_factory=dict)
    budgets: dict[MemberKey, Budget | None] = field(default_factory=dict)
    """None where a member has none any more."""
    scrapes: dict[int, ScrapeRow] = field(default_factory=dict)
    meta: dict[str, str | float] = field(default_factory=dict)

    def add(self, changes: Changes) -> None:
        """Take in what an answer has changed."""
        for number in changes.dropped:
            self._drop(number)
        self.baselines |= changes.baselines
        self.moved |= bool(changes.baselines) and not changes.can_wait
        self.processes |= changes.processes
        self.met |= changes.met
        self.members |= changes.members
        self.attributions |= changes.attributions
        self.series |= {one.id: one for one in changes.series}
        for number in changes.dead_series:
            self.series.pop(number, None)
        self.dead_series.update(changes.dead_series)
        self.origins |= changes.origins
        self.meta |= changes.meta

    def add_usage(self, bucket: Bucket, increases: Mapping[int, Vector]) -> None:
        """Add increases to a bucket."""
        usage = self.usage.setdefault(bucket, {})
        for number, vector in increases.items():
            usage[number] = plus(usage[number], vector) if number in usage else vector

    def refile(self, bucket: Bucket) -> None:
        """Bring usage of later buckets into one."""
        for later in [one for one in self.usage if one > bucket]:
            self.add_usage(bucket, self.usage.pop(later))

    def add_lump(self, before: datetime | None, at: datetime, increases: Mapping[int, Vector]) -> None:
        """Keep what was told at once of a time in which nobody looked, so that it can be told when it happened."""
        if before is not None and at - before > LUMP_AFTER and increases:
            self.lumps[before.timestamp(), at.timestamp()] = increases

    def _drop(self, process: int) -> None:
        """Take a process away, with what was going to be written of it."""
        self.dropped.add(process)
        self.processes.pop(process, None)
        for key in [key for key in self.baselines if key[0] == process]:
            del self.baselines[key]

    def __bool__(self) -> bool:
        """Whether there is anything that cannot wait: a later time of the last answer can."""
        return bool(
            self.usage
            or self.posted
            or self.moved
            or self.met
            or self.dropped
            or self.members
            or self.dead_members
            or self.attributions
            or self.series
            or self.origins
            or self.budgets
            or "blocked" in self.meta
        )
