"""From an answer to increases: which process spoke, which of its counters grew, and by how much.

Nothing is changed before the whole answer has been read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count

from ..catalog import COUNTERS, GAUGES, LIVE_FAMILIES, UPSTREAM, Dimension, Metric, counted, metrics_of, proves_use
from ..errors import SurprisingPartError, TruncatedAnswerError
from ..exposition import PROCESS_START, Exposition, ExpositionParser, GaugeReader, GaugeSample, LabelReader
from ..models import ZERO, Member, MemberKey, Vector
from .attribution import Attributions
from .diff import FamilyDiff, created_family, diff_family
from .identity import Identity, match, tells_the_future
from .increases import Increases
from .results import Ambiguity, Answer, BaselineKey, Changes, Counted, CountingState, MemberKeys, Origin, SeriesRow
from .series import (
    ROUNDED,
    WAIT_ANSWERS,
    AmbiguityLog,
    Counter,
    Process,
    Series,
    TurnDetector,
    Waiting,
    first_look,
    is_in_the_future,
)

FORGET_SECONDS = 7 * 86400
"""A process, or a counter, that was not seen for so long is taken for dead."""

MOST_PROCESSES = 48
"""Processes that are remembered, however often a proxy restarts."""

_EVIDENCE = "_count"
"""How the families of histograms end whose counts are evidence of a restart."""


class Counting:
    """Every series, in every process that is known, and since when each metric is tracked.

    All in it is mutable for speed, and nothing of that leaves it: `count` takes an answer and
    returns a frozen result.
    """

    def __init__(self, metrics: tuple[Metric, ...] = COUNTERS, gauges: tuple[Metric, ...] = GAUGES) -> None:
        """Begin with nothing known."""
        self.metrics = metrics
        self.gauges = gauges
        self._attributions = Attributions()
        self._series: dict[bytes, Series] = {}
        self._processes: dict[int, Process] = {}
        self._origins: dict[str, Origin] = {}
        self._turns = TurnDetector()
        self._ambiguities = AmbiguityLog()
        self._evicts = False
        """A series has gone from a process that went on."""
        self._ids: Iterator[int] = count(1)
        self._number = 0
        """Of the last answer."""
        self._gauges = GaugeReader()
        self._raw: dict[int, Mapping[int, Vector]] = {}
        self._in_turn_until = 0.0
        """Until then, by our clock, several processes are taken to answer in turn."""
        self._split: dict[int, set[Dimension]] = {}
        """Metric -> the dimensions that its series are split by."""
        self._unknown: Mapping[Dimension, frozenset[str]] = {}
        self._witness = ""
        """The `_created` family that a part asks for, too: it tells processes apart that share a start."""
        self._sources = [" ".join(metric.sources) for metric in metrics]
        sources = {source for metric in metrics for source in metric.sources}
        twins = {created_family(source) for source in sources}
        live = LIVE_FAMILIES | {source for gauge in gauges for source in gauge.sources} | {PROCESS_START}
        self.wanted = frozenset(sources | twins | live)
        """The families that are read at all."""
        self._live = tuple(live)

    # What is known

    @property
    def members(self) -> Mapping[MemberKey, Member]:
        """Everybody ever used; another object once it has changed."""
        return self._attributions.members

    @property
    def keys(self) -> Sequence[MemberKeys]:
        """Per attribution, the members whose totals it adds to; it only ever grows."""
        return self._attributions.keys

    @property
    def ambiguous_answers(self) -> int:
        """How often an answer left it open what to count."""
        return self._ambiguities.total

    @property
    def lasting_ambiguity(self) -> Ambiguity | None:
        """Why that goes on, if it does."""
        return Ambiguity.SHARED if self._turns.found else self._ambiguities.lasting

    def parser(self) -> ExpositionParser:
        """Return what takes in the body of the next answer."""
        newest = max(self._processes.values(), key=_number, default=None)
        return ExpositionParser(self.wanted, histograms=newest is not None and newest.start is None)

    @property
    def families(self) -> frozenset[str]:
        """The families that are needed, whether the proxy publishes them or not.

        The times at which series were created, half of all lines, are needed only where LiteLLM
        evicts series: those of customers, and all of them where it is told to. Elsewhere those of
        one small family are enough to see whether another process answers.
        """
        if self._evicts or self._attributions.counts.get(Dimension.CUSTOMER):
            return self.wanted
        twins = {created_family(source) for metric in self.metrics for source in metric.sources}
        return (self.wanted - twins) | ({self._witness} - {""})

    def groups(self, number: int) -> MemberKeys:
        """Return the members whose totals an attribution adds to."""
        return self._attributions.keys[number]

    def name(self, member: Member) -> bool:
        """Take in what a member is called, also one that has a budget and no usage yet; return whether that is new."""
        return self._attributions.name(member)

    def named(self) -> Mapping[MemberKey, Member]:
        """Return whom `name` has taken in since the last answer."""
        return self._attributions.take_new()[0]

    # What is counted

    def count(self, answer: Answer) -> Counted:
        """Count one answer.

        Raises TruncatedAnswerError, MissingIdentityError or SurprisingPartError, with nothing
        changed, for an answer that lacks what the same process published before, or who gives it.
        """
        exposition = answer.exposition
        gauges = self._gauges.read({family: exposition[family] for family in self._live if family in exposition})
        identity = Identity.of(answer, gauges)
        found = match(identity, answer, self._processes.values(), self._families(exposition))
        process = found.process or self._new_process(identity, restarted=found.fell_without_identity)
        if answer.part:
            exposition = _completed(exposition, process, identity)
        diffs = self._diffs(process, exposition, identity)
        if answer.part:
            _refuse_surprises(diffs, identity)
        fell = found.process is not None and _has_no_identity(process) and any(one.falls for one in diffs.values())
        if fell or (found.fell_without_identity and self._processes):
            self._turns.fell(process.values())
        if fell:
            kept = _seen_since_restart(process, diffs)
            process = self._new_process(identity, restarted=True)
            for counter in kept:
                process.counters_of(counter.series.family)[counter.series.text] = counter
            diffs = self._diffs(process, exposition, identity)
        return self._apply(process, diffs, answer, exposition, gauges, identity)

    def _apply(
        self,
        process: Process,
        diffs: dict[str, FamilyDiff],
        answer: Answer,
        exposition: Exposition,
        gauges: Mapping[str, Sequence[GaugeSample]],
        identity: Identity,
    ) -> Counted:
        """Take an answer in that stands; nothing here can fail."""
        self._number += 1
        is_new = process.id not in self._processes
        process.skewed |= any(one.skewed and one.start == process.start for one in self._processes.values())
        process.skewed |= any(tells_the_future(one.created.values(), answer.answered_at) for one in diffs.values())
        superseded, let_go = _superseded(process, exposition, diffs)
        untracked, origins = self._track(process, answer)
        looks = [first_look(self._origins[metric.name], answer.answered_at, answer.now) for metric in self.metrics]
        fresh = [
            superseded.isdisjoint(metric.sources) and self._counts_newcomers(process, index, looks, untracked, is_new)
            for index, metric in enumerate(self.metrics)
        ]
        waiting = self._wait(process) if is_new and process.pids and not process.restarted else None
        work = Increases(
            metrics=self.metrics,
            attributions=self._attributions,
            series=self._series,
            ids=self._ids,
            process=process,
            now=answer.now,
            looks=looks,
            fresh=fresh,
            untracked=untracked,
            complete=answer.complete,
            is_new=is_new,
            hold=waiting.held if waiting else None,
        )
        work.baselines |= let_go
        before = process.values() if any(one.falls for one in diffs.values()) else {}
        had_sums, had_series = process.sums is not None, bool(self._series)
        work.apply(diffs, exposition, older=_is_older(process, diffs, identity, is_new=is_new))
        process.waiting = waiting or process.waiting
        restarted = self._is_restart(process, is_new=is_new, fresh=any(fresh))
        restarted |= self._settle(process, work)
        if process.start is not None and work.reset:
            self._turns.fell(before)
        in_turn = self._turns.found
        if in_turn and (_has_no_identity(process) or work.reset):
            work.increases.clear()
        if waiting or in_turn:
            work.ambiguity = Ambiguity.SHARED
        if not (process.start is not None and work.reset) and not (is_new and process.restarted):
            self._turns.held(process)
        self._ambiguities.note(work.ambiguity)
        self._evicts |= process.start is not None and any(one.missing and one.tells_created for one in diffs.values())
        return self._result(
            process,
            diffs,
            answer,
            exposition,
            gauges,
            identity,
            work,
            origins,
            restarted=restarted,
            resumed=had_sums,
            had_series=had_series,
            in_turn=in_turn,
        )

    def _result(  # noqa: PLR0913
        self,
        process: Process,
        diffs: Mapping[str, FamilyDiff],
        answer: Answer,
        exposition: Exposition,
        gauges: Mapping[str, Sequence[GaugeSample]],
        identity: Identity,
        work: Increases,
        origins: Mapping[str, Origin],
        *,
        restarted: bool,
        resumed: bool,
        had_series: bool,
        in_turn: bool,
    ) -> Counted:
        """Note that a process has answered, and return what came of it."""
        met = process.id not in self._processes or process.forgotten
        dropped, waited = self._answered(process, answer, exposition, identity)
        stale = self._reassign() if self._attributions.is_stale and had_series else []
        self._attributions.is_stale = False
        self._learn_splits([*work.new_series, *stale])
        members, attributions = self._attributions.take_new()
        if not answer.part:
            self._choose_witness(exposition, diffs)
        baselines = {key: one for key, one in work.baselines.items() if key[0] not in dropped}
        return Counted(
            process=process.id,
            process_start=process.start,
            increases={number: tuple(vector) for number, vector in work.increases.items() if any(vector)},
            raw=self._sum_raw(process, work.touched, anew=resumed or bool(stale)),
            published=frozenset(metric.name for metric in (*self.metrics, *self.gauges) if _source(metric, exposition)),
            unknown=self._find_unknown(),
            gauges=gauges,
            samples=work.samples,
            skipped=work.skipped,
            changed=work.changed,
            restarted=restarted,
            indistinguishable=in_turn,
            ambiguity=work.ambiguity,
            changes=Changes(
                baselines=baselines,
                processes={one.id: one.row for one in (process, *waited)},
                met=met or bool(waited),
                dropped=dropped,
                members=members,
                attributions=attributions,
                series=[*work.new_series, *stale],
                origins=origins,
                meta=self._meta(),
            ),
        )

    def _learn_splits(self, series: Iterable[SeriesRow]) -> None:
        """Note what of each metric is known: whether it has series, and which dimensions they name a member of."""
        for row in series:
            for metric in row.metrics:
                known = self._split.setdefault(metric, set())
                if not known >= UPSTREAM:
                    known.update(dimension for dimension, _ in self._attributions.keys[row.attribution])

    def _find_unknown(self) -> Mapping[Dimension, frozenset[str]]:
        """Return per dimension upstream of the proxy the metrics that have series, none of which names a member."""
        found = {
            dimension: frozenset(self.metrics[one].name for one, split in self._split.items() if dimension not in split)
            for dimension in UPSTREAM
            if self._attributions.counts.get(dimension)
        }
        if found != self._unknown:
            self._unknown = found
        return self._unknown

    def _meta(self) -> dict[str, str | float]:
        """Return what is written down beside rows."""
        return {
            "unsettled": self._turns.found,
            "answers": self._number,
            "ambiguous": self._ambiguities.total,
            "in_turn_until": self._in_turn_until,
        }

    def _diffs(self, process: Process, exposition: Exposition, identity: Identity) -> dict[str, FamilyDiff]:
        """Read every family of an answer against the process' last one.

        A process with an identity never stops publishing a family: where one is missing, the answer
        was cut off.
        """
        families = self._families(exposition)
        if identity.start is None and not identity.joined:
            families += [family for family in exposition if family.endswith(_EVIDENCE)]
        diffs = {
            family: diff_family(process, family, exposition[family], exposition.get(created_family(family), ()))
            for family in families
        }
        for family, counters in process.counters.items():
            if family in diffs or family in exposition or all(one.missing_since for one in counters.values()):
                continue
            if process.start is not None:
                raise TruncatedAnswerError
            if not family.endswith(_EVIDENCE):
                diffs[family] = diff_family(process, family, (), ())
        return diffs

    def _families(self, exposition: Exposition) -> list[str]:
        """Return the families to count: of each metric the newest name that is published."""
        chosen = (_source(metric, exposition) for metric in self.metrics)
        return [family for family in dict.fromkeys(chosen) if family]

    def _new_process(self, identity: Identity, *, restarted: bool) -> Process:
        """Return a process that has not answered before; it is known once its answer is counted."""
        number = max(self._processes, default=0) + 1
        return Process(number, identity.start, identity.pids, joined=identity.joined, restarted=restarted)

    def _counts_newcomers(
        self,
        process: Process,
        metric: int,
        looks: Sequence[float],
        untracked: set[int],
        is_new: bool,  # noqa: FBT001
    ) -> bool:
        """Whether a series that appears and does not tell when it was created is new, and no baseline."""
        if process.forgotten or process.joined or metric in untracked:
            return False
        if not is_new:
            return True
        return process.restarted if process.start is None else process.start > looks[metric]

    def _track(self, process: Process, answer: Answer) -> tuple[set[int], dict[str, Origin]]:
        """Begin to track what was not tracked.

        Returns the metrics that were not tracked at the process' last answer, and the origins that
        are new. A metric that goes on with one of its families goes on being tracked, and one that
        was begun at a time that has not come yet, by either clock, begins now.
        """
        untracked: set[int] = set()
        new: dict[str, Origin] = {}
        for index, metric in enumerate(self.metrics):
            known = self._origins.get(metric.name)
            if known is None or known.sources != self._sources[index]:
                if known is None or set(known.sources.split()).isdisjoint(metric.sources):
                    known = Origin(self._sources[index], answer.answered_at, answer.now, self._number)
                known = self._origins[metric.name] = new[metric.name] = known._replace(sources=self._sources[index])
            if is_in_the_future(known, answer.answered_at, answer.now):
                known = known._replace(since=answer.answered_at, ours=answer.now)
                self._origins[metric.name] = new[metric.name] = known
            if known.number == self._number or (process.number and process.number < known.number):
                untracked.add(index)
        return untracked, new

    def _wait(self, process: Process) -> Waiting | None:
        """Return what several workers wait for that were not seen before; None where nobody answered before."""
        older = frozenset(one.id for one in self._processes.values() if not one.forgotten and one.waiting is None)
        return Waiting(older, {}) if older and process.id not in self._processes else None

    def _settle(self, process: Process, work: Increases) -> bool:
        """Count what waited, once those from before have stayed away for long; return whether it was a restart."""
        waiting = process.waiting
        if waiting is None:
            return False
        if waiting.answers < WAIT_ANSWERS:
            waiting.answers += 1
            return False
        process.waiting = None
        for attribution, held in waiting.held.items():
            vector = work.increases.setdefault(attribution, list(ZERO))
            for metric, value in enumerate(held):
                vector[metric] += value
        return True

    def _is_restart(self, process: Process, *, is_new: bool, fresh: bool) -> bool:
        """Whether the proxy was restarted: one of several replicas is not the proxy."""
        if not is_new or not self._processes or not fresh:
            return False
        if process.start is None:
            return process.restarted
        newest = max(self._processes.values(), key=_number)
        return newest.seen >= self._in_turn_until and process.start >= (newest.last_answer or 0.0)

    def _answered(
        self, process: Process, answer: Answer, exposition: Exposition, identity: Identity
    ) -> tuple[list[int], list[Process]]:
        """Note that a process has answered; return those that will not again, and those that waited for this one."""
        newest = max(self._processes.values(), key=_number, default=process)
        if process.id in self._processes and newest is not process:
            self._in_turn_until = answer.now + FORGET_SECONDS
        dropped = [one.id for one in self._processes.values() if self._is_replaced_by(one, process)]
        waited = [one for one in self._processes.values() if one.waiting and process.id in one.waiting.older]
        for one in waited:
            one.waiting = None
        for number in dropped:
            del self._processes[number]
            self._raw.pop(number, None)
        if not answer.part and answer.complete:
            process.published = frozenset(exposition)
        process.published = process.published or frozenset(exposition)
        process.pids |= identity.pids
        process.starts = identity.starts
        process.was_complete |= answer.complete
        process.forgotten = False
        process.last_answer, process.seen, process.number = answer.answered_at, answer.now, self._number
        self._processes[process.id] = process
        return dropped, [one for one in waited if one.id not in dropped]

    @staticmethod
    def _is_replaced_by(other: Process, process: Process) -> bool:
        """Whether a process is gone now that another has answered: only pids tell several without a start apart."""
        if other.id == process.id or other.start is not None or other.joined:
            return False
        return not other.pids or not process.pids.isdisjoint(other.pids)

    def _choose_witness(self, exposition: Exposition, diffs: Iterable[str]) -> None:
        """Choose the smallest `_created` family that has a series."""
        sizes = {twin: len(lines) for family in diffs if (lines := exposition.get(twin := created_family(family)))}
        self._witness = min(sizes, key=lambda twin: (sizes[twin], twin), default="")

    def _reassign(self) -> list[SeriesRow]:
        """Find anew whose usage series are that do not name all of it themselves; return those that moved."""
        reader, moved = LabelReader(), []
        for text, series in self._series.items():
            labels = reader.read(series.family, text) if series.metrics else None
            if labels is None:
                continue
            proven = proves_use(series.family, labels.get)
            whose = self._attributions.of(self._attributions.unresolved(labels, proven=proven))
            if whose != series.attribution:
                series.attribution = whose
                moved.append(series.row)
        return moved

    def _sum_raw(self, process: Process, touched: set[int], *, anew: bool) -> Mapping[int, Vector]:
        """Return attribution -> the sum of its counters in a process, as of the last answer."""
        known = self._raw.get(process.id)
        if known is not None and not touched and not anew:
            return known
        sums: dict[int, list[float]] = {}
        for family in process.counters.values():
            for counter in family.values():
                series = counter.series
                if not series.metrics or counter.missing_since is not None:
                    continue
                if known is not None and not anew and series.attribution not in touched:
                    continue
                vector = sums.get(series.attribution)
                if vector is None:
                    vector = sums[series.attribution] = list(ZERO)
                for metric in series.metrics:
                    vector[metric] += counter.value
        kept = {} if known is None or anew else {one: v for one, v in known.items() if one not in touched}
        found = self._raw[process.id] = kept | {number: tuple(vector) for number, vector in sums.items()}
        return found

    # What is forgotten, kept and loaded

    def forget(self, now: float) -> Changes:
        """Let go of what was not seen for seven days, and of the oldest processes past the most that are kept."""
        processes = sorted(self._processes.values(), key=_number)
        surplus = {one.id for one in processes[:-MOST_PROCESSES]}
        ended = [one for one in processes if one.seen < now - FORGET_SECONDS or one.id in surplus]
        dropped = [one.id for one in ended if one.id in surplus]
        forgotten = [one for one in ended if not one.forgotten and one.id not in surplus]
        baselines: dict[BaselineKey, None] = {}
        for process in forgotten:
            baselines |= {(process.id, one.series.id): None for one in _counters(process) if one.series.metrics}
            process.forget()
        for number in dropped:
            del self._processes[number]
        for number in [number for number in self._raw if number not in self._processes]:
            del self._raw[number]
        for process in self._processes.values():
            baselines |= _forget_counters(process, now - FORGET_SECONDS)
        return Changes(
            baselines=baselines,
            processes={one.id: one.row for one in forgotten},
            met=bool(forgotten),
            dropped=dropped,
            dead_series=self._bury(),
        )

    def _bury(self) -> list[int]:
        """Let go of the series that no process has any more; return their numbers."""
        alive = {id(one.series) for process in self._processes.values() for one in _counters(process)}
        dead = [text for text, series in self._series.items() if id(series) not in alive]
        return [self._series.pop(text).id for text in dead]

    def state(self) -> CountingState:
        """Return all that is known, for a file that has to be begun anew or a spare copy."""
        processes = [one for one in self._processes.values() if one.number]
        return CountingState(
            keys=tuple(self._attributions.keys),
            members=self.members,
            models=dict(self._attributions.models),
            origins=dict(self._origins),
            processes=[one.row for one in processes],
            series=list({one.id: one.row for one in self._series.values() if one.metrics}.values()),
            baselines=[
                (process.id, one.series.id, *one.baseline)
                for process in processes
                for one in _counters(process)
                if one.series.metrics
            ],
            sums=self.sums(),
            meta=self._meta(),
        )

    def sums(self) -> dict[int, Mapping[int, Vector]]:
        """Return process -> the sums of its counters; the same objects where nothing changed."""
        return {
            one.id: one.sums if one.sums is not None else self._raw[one.id]
            for one in self._processes.values()
            if one.sums is not None or one.id in self._raw
        }

    @property
    def newest_sums(self) -> Mapping[int, Vector] | None:
        """The sums of the process that answered last; None where none has."""
        newest = max(self._processes.values(), key=_number, default=None)
        return self.sums().get(newest.id, {}) if newest else None

    def outline(self) -> CountingState:
        """Return what a spare copy needs; cheap."""
        return CountingState(
            keys=self._attributions.keys[:],
            members=self.members,
            models=self._attributions.models.copy(),
            origins=self._origins.copy(),
            # A row in the file calls those forgotten, too, of which only sums are known; here the sums are kept.
            processes=[one.row._replace(forgotten=one.forgotten) for one in self._processes.values()],
            sums=self.sums(),
            meta=self._meta(),
        )

    def load(self, state: CountingState) -> Changes:
        """Take in what was written down; return what a new mapping of metrics leaves nothing to count of."""
        self._attributions.load(state.keys, state.members.values())
        self._attributions.models = dict(state.models)
        self._load_meta(state.meta)
        self._load_processes(state)
        baselines: dict[BaselineKey, None] = {}
        by_id, changed, dead = self._load_series(state)
        for process, number, value, created, untold, missing_since in state.baselines:
            series = by_id[number]
            if series.metrics:
                counter = Counter(series, value, created, untold, missing_since)
                self._processes[process].counters_of(series.family)[series.text] = counter
            else:
                baselines[process, number] = None
        for loaded in self._processes.values():
            self._complete_loaded(loaded)
        self._learn_splits(one.row for one in by_id.values())
        self._attributions.take_new()
        self._attributions.is_stale = False
        return Changes(baselines=baselines, series=changed, dead_series=dead)

    def _complete_loaded(self, process: Process) -> None:
        """Work out what is not written down of a process."""
        created = (counter.created for counter in _counters(process) if counter.created is not None)
        process.skewed = tells_the_future(created, process.last_answer or 0.0)
        if process.sums is None:
            self._sum_raw(process, set(), anew=True)

    def _load_meta(self, meta: Mapping[str, str | float]) -> None:
        """Take in what was written beside rows."""
        self._turns.found = bool(meta.get("unsettled"))
        self._number = int(meta.get("answers", 0))
        self._ambiguities.total = int(meta.get("ambiguous", 0))
        self._in_turn_until = float(meta.get("in_turn_until", 0.0))

    def _load_processes(self, state: CountingState) -> None:
        """Take processes and origins in; those of an earlier release are put in the order of their clock."""
        rows = sorted(state.processes, key=lambda one: (one.number, one.last_answer))
        origins = dict(state.origins)
        if rows and not rows[-1].number:
            times = [one.last_answer for one in rows]
            rows = [one._replace(number=1 + at, seen=one.last_answer) for at, one in enumerate(rows)]
            origins = {
                name: one._replace(number=1 + sum(time < one.since for time in times)) for name, one in origins.items()
            }
        self._origins = origins
        for row in rows:
            process = self._processes[row.id] = Process.of(row)
            process.sums = None if process.forgotten else state.sums.get(row.id)
        self._number = max([self._number, *(one.number for one in rows)])

    def _load_series(self, state: CountingState) -> tuple[dict[int, Series], list[SeriesRow], list[int]]:
        """Take series in; where the mapping of metrics has changed, read it off the labels."""
        remapped = any(
            metric.name not in self._origins or self._origins[metric.name].sources != self._sources[index]
            for index, metric in enumerate(self.metrics)
        )
        by_id: dict[int, Series] = {}
        changed: list[SeriesRow] = []
        dead: list[int] = []
        reader = LabelReader()
        for row in state.series:
            labels = reader.read(row.family, row.text) if remapped or row.family == _SPEND else None
            metrics = counted(metrics_of(self.metrics, row.family), labels.get) if remapped and labels else row.metrics
            one = by_id[row.id] = Series(row.id, row.family, row.text, metrics, row.attribution)
            if not metrics:
                dead.append(row.id)
                continue
            self._series[row.text] = one
            if metrics != row.metrics:
                changed.append(one.row)
            if labels:
                self._attributions.learn(labels)
        self._ids = count(max(by_id, default=0) + 1)
        return by_id, changed, dead


def _source(metric: Metric, exposition: Exposition) -> str | None:
    """Return the newest of a metric's families that is published."""
    return next((source for source in metric.sources if source in exposition), None)


def _completed(part: Exposition, process: Process, identity: Identity) -> Exposition:
    """Return an answer to `name[]` with the families that it lacks because they have no series.

    Raises SurprisingPartError for a process that has not given a whole answer yet.
    """
    if not process.published or (identity.start is None and not identity.joined):
        raise SurprisingPartError(identity.start)
    absent = (family for family in process.published if not family.endswith("_created"))
    return {**dict.fromkeys(absent, ()), **part}


def _refuse_surprises(diffs: Mapping[str, FamilyDiff], identity: Identity) -> None:
    """Raise SurprisingPartError where a part says what only a whole answer can explain."""
    for diff in diffs.values():
        if diff.missing and not diff.tells_created:
            raise SurprisingPartError(identity.start)
        if not diff.tells_created and (diff.newcomers or diff.falls or _has_returned(diff)):
            raise SurprisingPartError(identity.start)


def _has_returned(diff: FamilyDiff) -> bool:
    """Whether a counter is back that was missing."""
    return any(counter.missing_since is not None for _, counter, _ in diff.changed)


def _has_no_identity(process: Process) -> bool:
    """Whether only falling counters tell that a process was restarted."""
    return process.start is None and not process.joined


def _is_older(process: Process, diffs: Mapping[str, FamilyDiff], identity: Identity, *, is_new: bool) -> bool:
    """Whether an answer is older than the last one of its process: some counters are lower, and none is higher."""
    if is_new or _has_no_identity(process) or (process.joined and identity.starts != process.starts):
        return False
    falls = any(_falls_while_present(one) for one in diffs.values())
    return falls and not any(one.rises for one in diffs.values())


def _seen_since_restart(process: Process, diffs: Mapping[str, FamilyDiff]) -> list[Counter]:
    """Return the counters that appeared while those that are lower now were missing: they have counted already."""
    fallen = [one for diff in diffs.values() for _, one, value in diff.changed if value < one.value * ROUNDED]
    if any(one.missing_since is None for one in fallen):
        return []
    since = max(one.missing_since or 0.0 for one in fallen)
    return [one for one in _counters(process) if one.first_seen >= since]


def _falls_while_present(diff: FamilyDiff) -> bool:
    """Whether a counter is lower than it was that was not missing in between."""
    return any(value < one.value * ROUNDED and one.missing_since is None for _, one, value in diff.changed)


def _superseded(
    process: Process, exposition: Exposition, diffs: Mapping[str, FamilyDiff]
) -> tuple[set[str], dict[BaselineKey, None]]:
    """Let go of the families that are published and, after a new mapping, are not read any more.

    Returns them, and the baselines to delete.
    """
    found = {
        family
        for family, counters in process.counters.items()
        if counters and family not in diffs and family in exposition
    }
    baselines: dict[BaselineKey, None] = {}
    for family in found:
        baselines |= {(process.id, one.series.id): None for one in process.counters.pop(family).values()}
        process.lines.pop(family, None)
        process.slots.pop(family, None)
    return found, baselines


def _counters(process: Process) -> Iterator[Counter]:
    """Yield all counters of a process."""
    for family in process.counters.values():
        yield from family.values()


def _forget_counters(process: Process, before: float) -> dict[BaselineKey, None]:
    """Let go of the counters that a process has not shown since then; return what to delete."""
    dead: dict[BaselineKey, None] = {}
    for family in process.counters.values():
        for text in [text for text, one in family.items() if one.missing_since and one.missing_since < before]:
            counter = family.pop(text)
            dead[process.id, counter.series.id] = None
    return dead


def _number(process: Process) -> int:
    """Return what processes are ordered by: the number of their last answer."""
    return process.number


_SPEND = next(metric.sources[0] for metric in COUNTERS if metric.name == "cost")
"""Its series name the model and everything that leads to it."""
