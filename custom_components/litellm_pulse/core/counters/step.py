"""What an answer says of the process that gives it, before anything is changed by it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from ..errors import TruncatedAnswerError
from ..exposition import Exposition, GaugeSample, split_sample
from . import parts
from .diff import FamilyDiff, created_family, diff_family
from .families import EVIDENCE, Families
from .identity import Identity, Match, ahead, is_surely_same, match
from .origins import CLOCK_STEP
from .process import Process
from .processes import Processes
from .registry import CounterRegistry
from .replicas import Teller
from .results import Answer, BaselineKey
from .series import Counter

_PAST = 3600.0
"""Seconds after which times of creation that lay in the future are past, also those of others that share a start."""


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
    fallen: Mapping[bytes, float] | None
    """The counters before, where they fell and no identity says why."""
    mark: int
    """Tells the answer apart from others, where it has no identity; 0 elsewhere."""
    begun: Sequence[Teller] = ()
    """Those of a joined process that nobody was before: of them, or instead of others, counters begin anew."""
    repeated: Mapping[bytes, float] | None = None
    """The counters of an answer that came before, and comes again instead of a newer one: nothing of it is applied."""

    @property
    def is_older(self) -> bool:
        """Whether the answer is older than the last one: some counters are lower, none is higher or was created since.

        Those that are back may have begun anew, unless one is back as it was: then they were not gone.
        """
        process = self.process
        if self.repeated is not None:
            return True
        if self.is_new or process.has_no_identity or self.begun:
            return False
        diffs = self.diffs.values()
        if not any(one.falls for one in diffs) or any(one.rises for one in diffs):
            return False
        if process.ahead is None and any(since > (process.last_answer or 0.0) for since in self._created):
            return False
        # What the answers before may have lost is none of the new.
        if any(one.newcomers and process.has_shown_all(family) for family, one in self.diffs.items()):
            return False
        return any(one.falls_while_present or one.has_returned_unchanged for one in diffs)

    @property
    def looks_restarted(self) -> bool:
        """Whether the process began anew, or another one answers, of which only lower counters tell."""
        if self.fallen is not None:
            return True
        diffs = () if self.process.start is None or self.is_older else self.diffs.values()
        return any(one.falls_while_present and not one.tells_created for one in diffs)

    @property
    def tells_process(self) -> bool:
        """Whether the answer tells when the process was started, and of its series, when these were created."""
        has_series = any(one.lines for one in self.diffs.values())
        return self.process.start is not None and (self.tells_created or not has_series)

    @property
    def tells_created(self) -> bool:
        """Whether the answer tells of any series when it was created."""
        return any(one.tells_created for one in self.diffs.values())

    @property
    def answered_at(self) -> float:
        """The proxy's clock at the answer: a Date header has whole seconds, which times of creation narrow down."""
        second = self.answer.answered_at
        told = chain([self.process.last_answer or 0.0], self._created)
        return max((since for since in told if second < since < second + 1), default=second)

    @property
    def _created(self) -> Iterator[float]:
        """The times of creation that the answer tells and the last one did not."""
        return chain.from_iterable(diff.created.values() for diff in self.diffs.values())

    @property
    def values(self) -> Mapping[bytes, float]:
        """The value of each series of the answer."""
        return _values(self.diffs)

    def counts_newcomers(self, look: float) -> bool:
        """Whether a series that appears and does not tell when it was created is new, and no baseline.

        `look` is the ledger's first look at its metric, by the proxy's clock.
        """
        process = self.process
        if process.forgotten or (process.joined and self.is_new):
            return False
        if not self.is_new:
            return True
        if process.start is None:
            return process.restarted
        # A start that lies in the future says nothing beside our first look.
        return look < process.start <= self.answer.answered_at + CLOCK_STEP

    def ahead(self, processes: Processes) -> float | None:
        """Return by how much the process, or one that shares its start, is ahead with its times of creation.

        Where the clock of its answers has been set since, and they would not lie in the future by the clock that it
        has now, that clock was wrong and not they; nor are they once time has come past them.
        """
        process, answer = self.process, self.answer
        clock = answer.answered_at - answer.now + CLOCK_STEP
        akin = [process, *(one for one in processes if one.start == process.start)]
        known = [one for one in akin if one.ahead is not None and one.ahead > clock]
        lasting = [one.ahead for one in known if max(one.created_times(), default=0.0) > answer.answered_at - _PAST]
        now = [ahead(one.created.values(), answer.answered_at, answer.now) for one in self.diffs.values()]
        return max((one for one in (*lasting, *now) if one is not None), default=None)

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
            process.last.let_go_of(family)
        return found, baselines


def read_step(
    answer: Answer,
    gauges: Mapping[str, Sequence[GaugeSample]],
    identity: Identity,
    known: CounterRegistry,
    families: Families,
) -> Step:
    """Return what an answer says.

    Raises TruncatedAnswerError, MissingIdentityError or SurprisingPartError for an answer that lacks what
    the same process published before, or who gives it, unless answers have lacked it for long.
    """
    exposition, processes, lasting = answer.exposition, known.processes, known.lacks_for_long
    found = match(identity, answer, processes, families.counted(exposition), lasting=lasting or answer.moved)
    if answer.moved and not is_surely_same(found, answer):
        found = Match(None)
    process = found.process or _begin(processes, identity, restarted=found.fell_without_identity)
    if process.joined and process not in processes and all(one.labels for one in identity.tellers):
        # Bodies one after the other, which nothing tells apart, would have the same series.
        alone = [one for one in processes if one.start in identity.starts or one.workers.pids & identity.pids]
        # Of two that share a start the one may be what the other was before its series were made anew.
        latest = {(one.start, one.workers.pids): one for one in sorted(alone, key=lambda one: one.number)}
        _take_over(list(latest.values()), process)
    if answer.part:
        exposition = parts.completed(exposition, process, identity, families.witness)
    diffs = _diffs(process, exposition, families, lasting=lasting)
    if answer.part:
        parts.refuse_surprises(diffs)
    falls = found.process is not None and not found.is_proven and any(one.falls_untold for one in diffs.values())
    mark = hash(tuple([tuple(one.lines) for one in diffs.values()])) if process.has_no_identity else 0
    fell = falls and process.has_no_identity
    if fell and mark in process.recent:
        repeated = _values(diffs)
        return Step(answer, exposition, gauges, identity, process, False, diffs, None, mark, repeated=repeated)  # noqa: FBT003
    fallen = process.present_values() if fell or found.fell_without_identity else None
    if fell:
        counted, recent = _counted_since_restart(process, diffs), process.recent
        process = _begin(processes, identity, restarted=True)
        process.recent = recent
        for counter in counted:
            process.counters_of(counter.series.family)[counter.series.text] = counter
        diffs = _diffs(process, exposition, families, lasting=lasting)
    is_new, begun = process not in processes, _begun(identity, processes) if process.joined else ()
    return Step(answer, exposition, gauges, identity, process, is_new, diffs, fallen, mark, begun)


def _begun(identity: Identity, processes: Processes) -> Sequence[Teller]:
    """Return those of which no process has told the start, nor any of the workers."""
    starts = frozenset[float]().union(*(one.replicas.starts for one in processes))
    pids = frozenset[str]().union(*(one.workers.pids for one in processes))
    return [one for one in identity.tellers if starts.isdisjoint(one.starts) and pids.isdisjoint(one.pids)]


def _values(diffs: Mapping[str, FamilyDiff]) -> dict[bytes, float]:
    """Return the value of each series of an answer."""
    samples = (split_sample(line) for diff in diffs.values() for line in diff.lines)
    return {text: value for text, value in samples if value is not None}


def _begin(processes: Processes, identity: Identity, *, restarted: bool) -> Process:
    """Return a process that has not answered before; it is known once its answer is counted."""
    return processes.begin(identity.start, identity.pids, joined=identity.joined, restarted=restarted)


def _take_over(known: Sequence[Process], process: Process) -> None:
    """Have a process that joins those that are known go on from their counters."""
    for one in (counter for other in known for counter in other.all_counters()):
        process.counters_of(one.series.family)[one.series.text] = replace(one)


def _diffs(process: Process, exposition: Exposition, families: Families, *, lasting: bool) -> dict[str, FamilyDiff]:
    """Read every family of an answer against the process' last one.

    A process with an identity never stops publishing a family: where one is missing, the answer
    was cut off, unless that is lasting.
    """
    diffs = {
        family: diff_family(process, family, exposition[family], exposition.get(created_family(family), ()))
        for family in families.counted(exposition, with_evidence=process.has_no_identity)
    }
    for family, counters in process.counters.items():
        if family in diffs or family in exposition or all(one.missing_since for one in counters.values()):
            continue
        if process.start is not None and not lasting:
            raise TruncatedAnswerError
        if not family.endswith(EVIDENCE):
            diffs[family] = diff_family(process, family, (), ())
    return diffs


def _counted_since_restart(process: Process, diffs: Mapping[str, FamilyDiff]) -> list[Counter]:
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
