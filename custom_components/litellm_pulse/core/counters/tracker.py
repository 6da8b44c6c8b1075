"""From an answer to increases: which process spoke, which of its counters grew, and by how much.

The table of what is counted and what is not stands in `counter`; this walks an answer through it.
Nothing is changed before the whole answer has been read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from ..catalog import COUNTERS, GAUGES, LIVE_FAMILIES, Dimension, Metric
from ..errors import TruncatedAnswerError, UnfamiliarProcessError
from ..exposition import PROCESS_START, Exposition, gauges
from ..models import ZERO, Vector
from .attribution import Attributions
from .delta import Delta
from .diff import FamilyDiff, created_family, diff_family
from .pending_writes import PendingWrites
from .series import Process, Series, Settling

FORGET_SECONDS = 7 * 86400
"""A process that has not answered for so long is taken for dead."""

_TICK = 0.001
"""Seconds between two answers at least, in the order that they came in."""

_NO_TIME = 1e11
"""A start as late as this, in the year 5138, is no time; nor are NaN and zero."""


@dataclass(slots=True)
class Tracker:
    """Every series, in every process that is known, and since when each metric is tracked."""

    metrics: tuple[Metric, ...] = COUNTERS
    attributions: Attributions = field(default_factory=Attributions)
    series: dict[bytes, Series] = field(default_factory=dict)
    processes: dict[int, Process] = field(default_factory=dict)
    origins: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Metric -> its families, and the proxy's clock at the first answer it was tracked in."""
    settling: Settling = field(default_factory=Settling)
    evicts: bool = False
    """A series has gone from a process that went on."""
    ids: Iterator[int] = field(default_factory=partial(count, 1))
    """Numbers for new series."""
    wanted: frozenset[str] = frozenset()
    """The families that are read at all."""
    _sources: list[str] = field(default_factory=list)
    """Per metric, its families as they stand in `origins`."""

    def __post_init__(self) -> None:
        """Work out which families the metrics need."""
        self._sources = [" ".join(metric.sources) for metric in self.metrics]
        sources = {source for metric in self.metrics for source in metric.sources}
        twins = {created_family(source) for source in sources}
        self.wanted = frozenset(sources | twins | LIVE_FAMILIES | {PROCESS_START})

    def published(self, exposition: Exposition) -> frozenset[str]:
        """Return the friendly names of the metrics whose family the answer has."""
        return frozenset(metric.name for metric in (*self.metrics, *GAUGES) if _source(metric, exposition))

    @property
    def families(self) -> frozenset[str]:
        """The families that are needed, whether the proxy publishes them or not.

        The times at which series were created, half of all lines, are needed only where LiteLLM
        evicts series: those of customers, and all of them where it is told to.
        """
        if self.evicts or any(dimension is Dimension.CUSTOMER for dimension, _ in self.attributions.members):
            return self.wanted
        return self.wanted - {created_family(family) for family in self.wanted}

    def completed(self, part: Exposition) -> Exposition:
        """Return an answer to `name[]` with the families that it lacks because they have no series.

        Raises UnfamiliarProcessError for a process that has not given a whole answer yet.
        """
        published = self._process_of(part).published
        if not published:
            raise UnfamiliarProcessError
        return {**dict.fromkeys(published, ()), **part}

    def count(self, exposition: Exposition, answered_at: float, pending: PendingWrites) -> Delta:
        """Count one answer; what has to be written down goes into `pending`.

        `answered_at` is the proxy's clock. Raises TruncatedAnswerError, with nothing changed,
        for an answer that lacks what the same process published before.
        """
        moment = self._moment(answered_at)
        families = self._families(exposition)
        process = self._process_of(exposition)
        diffs = _diffs(process, families, exposition)
        fell = process.start is None and _fell(diffs)
        if fell:
            self.settling.fell(process.values())
            process = self._new_process(None, restarted=True)
            diffs = _diffs(process, families, exposition)
        superseded = _superseded(process, families, exposition)
        begun = self._begin(process, moment, pending)
        delta = Delta(self.metrics, self.attributions, self.series, self.ids, process, pending)
        delta.fresh = [
            superseded.keys().isdisjoint(metric.sources) and process.counts_newcomers(self.origins[metric.name][1])
            for metric in self.metrics
        ]
        delta.restarted = process.id not in self.processes and bool(self.processes) and any(delta.fresh)
        delta.unsettled = process.start is None and self.settling.unsettled
        delta.begun = begun
        delta.apply(diffs | superseded, exposition)
        if process.start is None and not fell:
            self.settling.held(process)
        self.evicts |= delta.removed > 0 and process.start is not None
        pending.meta["unsettled"] = self.settling.unsettled
        self._answered(process, exposition, moment, pending)
        return delta

    def raw(self, process: Process) -> dict[int, Vector]:
        """Return attribution -> the sum of its counters in a process."""
        sums: dict[int, list[float]] = {}
        for family in process.counters.values():
            for counter in family.values():
                for metric in counter.series.metrics:
                    vector = sums.get(counter.series.attribution)
                    if vector is None:
                        vector = sums[counter.series.attribution] = list(ZERO)
                    vector[metric] += counter.value
        return {number: tuple(vector) for number, vector in sums.items()}

    def forget(self, answered_at: float, pending: PendingWrites) -> None:
        """Drop the counters of processes that have not answered for seven days, and series without any."""
        for process in self.processes.values():
            if not process.forgotten and (process.last_answer or 0.0) < answered_at - FORGET_SECONDS:
                pending.drop(process)
                process.forget()
                pending.processes[process.id] = process
        alive = {
            series_text
            for process in self.processes.values()
            for family in process.counters.values()
            for series_text in family
        }
        for series_text in [series_text for series_text in self.series if series_text not in alive]:
            pending.dead_series.append(self.series.pop(series_text).id)

    def _moment(self, answered_at: float) -> float:
        """Return the proxy's clock at an answer: later than at the one before, whatever the clock does."""
        before = max((process.last_answer or 0.0 for process in self.processes.values()), default=0.0)
        return max(answered_at, before + _TICK)

    def _families(self, exposition: Exposition) -> list[str]:
        """Return the families to count: of each metric the newest name that is published."""
        chosen = (_source(metric, exposition) for metric in self.metrics)
        return [family for family in dict.fromkeys(chosen) if family]

    def _process_of(self, exposition: Exposition) -> Process:
        """Return the process that answered: the one that started then, or a new one."""
        given = gauges(exposition.get(PROCESS_START, ()))
        starts = {value for _, value in given if 0 < value < _NO_TIME}
        start = starts.pop() if len(starts) == 1 else None
        for process in self.processes.values():
            if process.start == start:
                return process
        # Without an identity after answers that had one, the proxy went over to several workers,
        # which takes a restart.
        return self._new_process(start, restarted=start is None and bool(self.processes))

    def _new_process(self, start: float | None, *, restarted: bool) -> Process:
        """Return a process that has not answered before; it is known once its answer is counted."""
        return Process(max(self.processes, default=0) + 1, start, restarted=restarted)

    def _begin(self, process: Process, moment: float, pending: PendingWrites) -> set[int]:
        """Begin to track what was not tracked; return the metrics that were not at the process' last answer.

        A metric that goes on diff one of its families goes on being tracked.
        """
        begun: set[int] = set()
        for index, metric in enumerate(self.metrics):
            known, since = self.origins.get(metric.name, ("", moment))
            if known != (sources := self._sources[index]):
                if set(known.split()).isdisjoint(metric.sources):
                    since = moment
                self.origins[metric.name] = pending.origins[metric.name] = sources, since
            if since == moment or (process.last_answer is not None and process.last_answer < since):
                begun.add(index)
        return begun

    def _answered(self, process: Process, exposition: Exposition, moment: float, pending: PendingWrites) -> None:
        """Note that a process has answered; several without an identity are never known at once."""
        gone = [other for other in self.processes.values() if other.start is None and other.id != process.id]
        for other in gone:
            del self.processes[other.id]
            pending.drop(other)
        process.published = frozenset(exposition)
        pending.met |= process.id not in self.processes or process.forgotten
        process.forgotten = False
        process.last_answer = moment
        self.processes[process.id] = pending.processes[process.id] = process


def _source(metric: Metric, exposition: Exposition) -> str | None:
    """Return the newest of a metric's families that is published."""
    return next((source for source in metric.sources if source in exposition), None)


def _diffs(process: Process, families: list[str], exposition: Exposition) -> dict[str, FamilyDiff]:
    """Read every family of an answer against the process' last one.

    A process with an identity never stops publishing a family: where one is missing, the answer
    was cut off. Without an identity it may as well be a restart, and all of it has gone.
    """
    diffs = {family: diff_family(process, family, exposition[family]) for family in families}
    for family in process.counters:
        if family in diffs or family in exposition or not process.counters[family]:
            continue
        if process.start is not None:
            raise TruncatedAnswerError
        diffs[family] = diff_family(process, family, ())
    return diffs


def _superseded(process: Process, families: list[str], exposition: Exposition) -> dict[str, FamilyDiff]:
    """Let go of the families that are published and, after a new mapping, are not read any more."""
    return {
        family: diff_family(process, family, ())
        for family, counters in process.counters.items()
        if counters and family not in families and family in exposition
    }


def _fell(diffs: Mapping[str, FamilyDiff]) -> bool:
    """Whether any counter of an answer is lower than before, or has gone."""
    return any(diff.gone or any(value < counter.value for _, counter, value in diff.changed) for diff in diffs.values())
