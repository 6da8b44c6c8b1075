"""One answer that stands, and what it says before anything is changed by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..exposition import Exposition, GaugeSample
from .diff import FamilyDiff
from .identity import Identity
from .origins import CLOCK_STEP
from .processes import Process
from .results import Answer, BaselineKey
from .series import Counter


@dataclass(frozen=True, slots=True)
class Step:
    """From the last answer of a process to this one."""

    answer: Answer
    exposition: Exposition
    """With the families that a part leaves out."""
    gauges: Mapping[str, Sequence[GaugeSample]]
    identity: Identity
    process: Process
    is_new: bool
    """The process was not seen before."""
    diffs: dict[str, FamilyDiff]

    @property
    def is_older(self) -> bool:
        """Whether the answer is older than the last one: some counters are lower, and none is higher.

        Those that are back may have begun anew, unless one is back as it was: then they were not gone.
        """
        process = self.process
        if self.is_new or process.has_no_identity or (process.joined and self.identity.starts != process.starts):
            return False
        diffs = self.diffs.values()
        if not any(one.falls for one in diffs) or any(one.rises for one in diffs):
            return False
        return any(one.falls_while_present or one.has_returned_unchanged for one in diffs)

    def counts_newcomers(self, look: float) -> bool:
        """Whether a series that appears and does not tell when it was created is new, and no baseline.

        `look` is the ledger's first look at its metric, by the proxy's clock.
        """
        process = self.process
        if process.forgotten or process.joined:
            return False
        if not self.is_new:
            return True
        if process.start is None:
            return process.restarted
        # A start that lies in the future says nothing beside our first look.
        return look < process.start <= self.answer.answered_at + CLOCK_STEP

    def supersede(self) -> tuple[set[str], dict[BaselineKey, None]]:
        """Let go of the families that are published and, after a new mapping, are not read any more.

        Returns them, and the baselines to delete.
        """
        process = self.process
        found = {
            family
            for family, counters in process.counters.items()
            if counters and family not in self.diffs and family in self.exposition
        }
        baselines: dict[BaselineKey, None] = {}
        for family in found:
            baselines |= {(process.id, one.series.id): None for one in process.counters.pop(family).values()}
            process.lines.pop(family, None)
            process.slots.pop(family, None)
        return found, baselines


def counted_since_restart(process: Process, diffs: Mapping[str, FamilyDiff]) -> list[Counter]:
    """Return the counters that may have counted since a restart that shows only now, with what has counted already.

    It may have been since those that are lower now are missing. What appeared since then has counted whole,
    of others what had grown: also of those that are missing now, which are no evidence of another restart later.
    What has been missing for as long has counted nothing.
    """
    fallen = set().union(*(diff.fallen for diff in diffs.values()))
    if any(one.missing_since is None for one in fallen):
        return []
    since = max(one.missing_since or 0.0 for one in fallen)
    gone = {one for diff in diffs.values() for one in diff.missing}
    counted = []
    for one in process.all_counters():
        if one.missing_since is not None and one.missing_since <= since:
            continue
        if one.first_seen >= since:
            counted.append(one)
        elif one.untold and one.created is None:
            missing_since = since if one in gone or one.missing_since is not None else None
            counted.append(Counter(one.series, one.untold, missing_since=missing_since, first_seen=since))
    return counted
