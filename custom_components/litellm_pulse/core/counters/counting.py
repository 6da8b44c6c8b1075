"""From an answer to increases: which process spoke, which of its counters grew, and by how much.

Nothing is changed before the whole answer has been read.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import chain

from ..catalog import COUNTERS, GAUGES, LIVE_FAMILIES, Dimension, Metric
from ..errors import SurprisingPartError, TruncatedAnswerError
from ..exposition import PROCESS_START, Exposition, ExpositionParser, GaugeReader, GaugeSample
from ..garbage_collector import gc_paused
from ..models import ZERO, Member, MemberKey, Vector
from . import parts
from .ambiguity import AmbiguityLog, TurnDetector
from .attribution import Attributions
from .diff import FamilyDiff, created_family, diff_family
from .identity import Identity, ahead, match
from .increases import Increases
from .origins import CLOCK_STEP, Origins
from .parts import OpenPart
from .processes import WAIT_ANSWERS, Process, Processes
from .raw_sums import RawSums, highest
from .results import (
    Ambiguity,
    Answer,
    BaselineKey,
    Changes,
    Counted,
    CountingState,
    MemberKeys,
    Origin,
    SeriesRow,
)
from .series import Counter
from .series_index import SeriesIndex
from .splits import Splits
from .step import Step, counted_since_restart

_EVIDENCE = "_count"
"""How the families of histograms end whose counts are evidence of a restart."""


_PAST = 3600.0
"""Seconds after which times of creation that lay in the future are past, also those of others that share a start."""


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
        self._series = SeriesIndex()
        self._processes = Processes()
        self._origins = Origins(metrics)
        self._turns = TurnDetector()
        self._ambiguities = AmbiguityLog()
        self._splits = Splits()
        self._raw = RawSums()
        self._gauges = GaugeReader()
        self._evicts = False
        """A series has gone from a process that went on."""
        self._published: tuple[AbstractSet[str], frozenset[str]] = frozenset(), frozenset()
        """The families of the last answer, and the metrics that these are."""
        self._witness = ""
        """The `_created` family that a part asks for, too."""
        self._open_part: OpenPart | None = None
        sources = frozenset(source for metric in metrics for source in metric.sources)
        self._twins = frozenset(map(created_family, sources))
        self._live = LIVE_FAMILIES | {source for gauge in gauges for source in gauge.sources} | {PROCESS_START}
        self.wanted = sources | self._twins | self._live
        """The families that are read at all."""

    # What is known

    @property
    def members(self) -> Mapping[MemberKey, Member]:
        """Everybody ever used; another object once it has changed."""
        return self._attributions.members

    @property
    def keys(self) -> Sequence[MemberKeys]:
        """Per attribution, the members whose totals it adds to; the same object until there is a new one."""
        return self._attributions.groups

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
        newest = self._processes.newest
        return ExpositionParser(self.wanted, histograms=newest is not None and newest.start is None)

    @property
    def families(self) -> frozenset[str]:
        """The families that are needed, whether the proxy publishes them or not.

        The times at which series were created, half of all lines, are needed only where LiteLLM
        evicts series: those of customers, and all of them where it is told to; and to tell processes
        apart that share a start. Elsewhere those of one small family are enough to see whether
        another process answers.
        """
        if self._evicts or self._attributions.counts.get(Dimension.CUSTOMER) or self._processes.share_starts:
            return self.wanted
        return (self.wanted - self._twins) | ({self._witness} - {""})

    @property
    def has_open_part(self) -> bool:
        """Whether a part was not believed, and the process that gave it has not given the whole since."""
        return self._open_part is not None

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
        with gc_paused():
            return self._count(answer)

    def _count(self, answer: Answer) -> Counted:
        """Count one answer, as `count` does."""
        exposition = answer.exposition
        gauges = self._gauges.read({family: exposition[family] for family in self._live if family in exposition})
        identity = Identity.of(answer, gauges)
        try:
            step = self._read(answer, gauges, identity)
        except SurprisingPartError:
            self._open_part = parts.opened(exposition, identity, self._witness)
            raise
        counted = self._take_in(step)
        if answer.part or (self._open_part and self._open_part.is_of(step.process)):
            self._open_part = None
        return counted

    def _read(self, answer: Answer, gauges: Mapping[str, Sequence[GaugeSample]], identity: Identity) -> Step:
        """Return what an answer says of the process that gives it; raises as `count` does."""
        exposition = answer.exposition
        found = match(identity, answer, self._processes, self._families(exposition))
        process = found.process or self._begin(identity, restarted=found.fell_without_identity)
        if answer.part:
            exposition = parts.completed(exposition, process, identity, self._witness)
        diffs = self._diffs(process, exposition, identity)
        if answer.part:
            parts.refuse_surprises(diffs)
        fell = found.process is not None and process.has_no_identity and any(one.falls for one in diffs.values())
        if fell or (found.fell_without_identity and self._processes.newest):
            self._turns.fell(process.values())
        if fell:
            counted = counted_since_restart(process, diffs)
            process = self._begin(identity, restarted=True)
            for counter in counted:
                process.counters_of(counter.series.family)[counter.series.text] = counter
            diffs = self._diffs(process, exposition, identity)
        return Step(answer, exposition, gauges, identity, process, process not in self._processes, diffs)

    def _take_in(self, step: Step) -> Counted:
        """Take an answer in that stands; nothing here can fail."""
        process, diffs, is_new = step.process, step.diffs, step.is_new
        self._processes.number += 1
        process.ahead = self._ahead(step)
        before = process.values() if any(one.falls for one in diffs.values()) else {}
        resumed, had_series = process.sums is not None, bool(self._series.by_text)
        work, origins = self._work(step)
        work.apply(diffs, step.exposition, older=step.is_older)
        restarted = self._processes.is_restart(process, is_new=is_new, fresh=any(work.fresh))
        restarted |= _settle(process, work)
        in_turn = self._judge(step, work, before)
        self._evicts |= process.start is not None and any(one.missing and one.tells_created for one in diffs.values())
        moved = self._reassign(had_series=had_series)
        changes = self._note(step, work, origins, moved)
        return Counted(
            process=process.id,
            process_start=process.start,
            increases={number: tuple(vector) for number, vector in work.increases.items() if any(vector)},
            raw=self._sum_up(process, work, anew=resumed or work.has_newcomers or bool(moved)),
            published=self._name_published(step.exposition),
            unknown=self._splits.unknown(self.metrics, self._attributions.counts),
            gauges=step.gauges,
            samples=work.samples,
            skipped=work.skipped,
            changed=work.changed,
            restarted=restarted,
            indistinguishable=in_turn,
            ambiguity=work.ambiguity,
            changes=changes,
        )

    def _work(self, step: Step) -> tuple[Increases, Mapping[str, Origin]]:
        """Return what applies the diffs of an answer, and the metrics that are tracked from now on."""
        process, answer = step.process, step.answer
        superseded, let_go = step.supersede()
        untracked, origins = self._origins.track(self._processes.number, process.number, answer.answered_at, answer.now)
        looks = self._origins.looks(answer.answered_at, answer.now)
        # Of those that share a start, only times of creation tell what one has that the others have not counted.
        akin = [one for one in self._processes if step.is_new and one.start == process.start is not None]
        fresh = [
            not akin
            and superseded.isdisjoint(metric.sources)
            and index not in untracked
            and step.counts_newcomers(looks[index])
            for index, metric in enumerate(self.metrics)
        ]
        if process.sums and process.start is not None and answer.now < self._processes.in_turn_until:
            # Those that share a start and take turns cannot be told apart by sums.
            process.sums = highest(one.sums for one in self._processes if one.start == process.start and one.sums)
        if step.is_new and process.pids and not process.restarted:
            process.waiting = self._processes.wait()
        work = Increases(
            metrics=self.metrics,
            attributions=self._attributions,
            index=self._series,
            process=process,
            others=[one for one in self._processes if one is not process],
            akin=akin,
            now=answer.now,
            looks=looks,
            begun=self._origins.latest,
            fresh=fresh,
            untracked=untracked,
            complete=answer.complete,
            is_new=step.is_new,
            hold=process.waiting.held if step.is_new and process.waiting else None,
        )
        work.baselines |= let_go
        if step.is_new:
            # What it took over from one that had no identity either.
            work.baselines |= {
                (process.id, one.series.id): one.baseline for one in process.all_counters() if one.series.metrics
            }
        return work, origins

    def _ahead(self, step: Step) -> float | None:
        """Return by how much the process, or one that shares its start, is ahead with its times of creation.

        Where the clock of its answers has been set since, and they would not lie in the future by the clock that it
        has now, that clock was wrong and not they; nor are they once time has come past them.
        """
        process, answer = step.process, step.answer
        clock = answer.answered_at - answer.now + CLOCK_STEP
        akin = [process, *(one for one in self._processes if one.start == process.start)]
        known = [one for one in akin if one.ahead is not None and one.ahead > clock]
        lasting = [one.ahead for one in known if max(one.created_times(), default=0.0) > answer.answered_at - _PAST]
        now = [ahead(one.created.values(), answer.answered_at, answer.now) for one in step.diffs.values()]
        return max((one for one in (*lasting, *now) if one is not None), default=None)

    def _judge(self, step: Step, work: Increases, before: dict[bytes, float]) -> bool:
        """Drop increases that may be those of several processes in turn, and return whether they are.

        `before` are the counters of a process of which some fell.
        """
        process = step.process
        fell = process.start is not None and work.reset
        if fell:
            self._turns.fell(before)
        in_turn = self._turns.found
        if in_turn and (process.has_no_identity or work.reset):
            work.increases.clear()
            work.only_grew = False
        if in_turn or work.hold is not None:
            work.ambiguity = Ambiguity.SHARED
        if not fell and not (step.is_new and process.restarted):
            self._turns.held(process)
        self._ambiguities.note(work.ambiguity)
        return in_turn

    def _note(self, step: Step, work: Increases, origins: Mapping[str, Origin], moved: Sequence[SeriesRow]) -> Changes:
        """Note that a process has answered, and return what is to be written down."""
        process, answer = step.process, step.answer
        met = step.is_new or process.forgotten
        dropped, waited = self._processes.answered(process, answer.answered_at, answer.now)
        if not process.published or (not answer.part and answer.complete):
            process.published = frozenset(step.exposition)
        process.pids |= step.identity.pids
        process.starts = step.identity.starts
        process.was_complete |= answer.complete
        baselines = work.baselines
        if dropped:
            self._raw.keep_only(self._processes.known.keys())
            baselines = {key: one for key, one in baselines.items() if key[0] not in dropped}
        if not answer.part:
            self._witness = parts.witness(step.exposition, step.diffs)
        self._splits.learn([*work.new_series, *moved], self._attributions.keys)
        members, attributions = self._attributions.take_new()
        return Changes(
            baselines=baselines,
            processes={one.id: one.row for one in (process, *waited)},
            met=met or bool(waited),
            dropped=dropped,
            members=members,
            attributions=attributions,
            series=[*work.new_series, *moved],
            origins=origins,
            meta=self._meta(),
        )

    def _sum_up(self, process: Process, work: Increases, *, anew: bool) -> Mapping[int, Vector]:
        """Return the sums of a process' counters after an answer; `anew` as `RawSums.update` has it."""
        if work.only_grew and not anew:
            return self._raw.grow(process, work.increases)
        return self._raw.update(process, work.touched, anew=anew)

    def _reassign(self, *, had_series: bool) -> list[SeriesRow]:
        """Find anew whose usage series are where something was learned; return those that moved."""
        is_stale, self._attributions.is_stale = self._attributions.is_stale, False
        return self._series.reassign(self._attributions) if is_stale and had_series else []

    def _name_published(self, exposition: Exposition) -> frozenset[str]:
        """Return the friendly names of the metrics that have a family; worked out anew when families come or go."""
        families = exposition.keys()
        if families != self._published[0]:
            metrics = (*self.metrics, *self.gauges)
            self._published = set(families), frozenset(one.name for one in metrics if _source(one, exposition))
        return self._published[1]

    def _meta(self) -> dict[str, str | float]:
        """Return what is written down beside rows."""
        return {
            "unsettled": self._turns.found,
            "answers": self._processes.number,
            "ambiguous": self._ambiguities.total,
            "in_turn_until": self._processes.in_turn_until,
        }

    def _begin(self, identity: Identity, *, restarted: bool) -> Process:
        """Return a process that has not answered before; it is known once its answer is counted."""
        return self._processes.begin(identity.start, identity.pids, joined=identity.joined, restarted=restarted)

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

    # What is forgotten, kept and loaded

    def forget(self, now: float) -> Changes:
        """Let go of the processes, counters and series that were not seen for seven days by our clock."""
        changes = self._processes.forget(now)
        self._raw.keep_only([one.id for one in self._processes if not one.forgotten])
        return replace(changes, dead_series=self._series.bury(self._counters()))

    def state(self) -> CountingState:
        """Return all that is known, for a file that has to be begun anew."""
        return replace(
            self.outline(),
            processes=[one.row for one in self._processes if one.number],
            series=self._series.rows(),
            baselines=[
                (process.id, one.series.id, *one.baseline)
                for process in self._processes
                if process.number
                for one in process.all_counters()
                if one.series.metrics
            ],
        )

    def outline(self) -> CountingState:
        """Return what a spare copy needs; cheap."""
        return CountingState(
            keys=self._attributions.keys[:],
            members=self.members,
            models=self._attributions.models.copy(),
            origins=self._origins.known.copy(),
            # A row in the file calls those forgotten, too, of which only sums are known; here the sums are kept.
            processes=[one.row._replace(forgotten=one.forgotten) for one in self._processes],
            sums={one.id: sums for one in self._processes if (sums := self._raw.of(one)) is not None},
            meta=self._meta(),
        )

    @property
    def newest_sums(self) -> Mapping[int, Vector] | None:
        """The sums of the process that answered last; None where none has."""
        newest = self._processes.newest
        return (self._raw.of(newest) or {}) if newest else None

    def load(self, state: CountingState) -> Changes:
        """Take in what was written down; return what a new mapping of metrics leaves nothing to count of."""
        self._attributions.load(state.keys, state.members.values())
        self._attributions.models = dict(state.models)
        self._turns.found = bool(state.meta.get("unsettled"))
        self._ambiguities.total = int(state.meta.get("ambiguous", 0))
        self._processes.number = int(state.meta.get("answers", 0))
        self._processes.in_turn_until = float(state.meta.get("in_turn_until", 0.0))
        self._origins.known = self._processes.load(state.processes, state.origins)
        remapped = self.metrics if self._origins.differ_from(state.origins) else None
        by_id, changed = self._series.load(state.series, self._attributions, remapped)
        baselines: dict[BaselineKey, None] = {}
        for process, number, value, created, untold, missing_since, first_seen in state.baselines:
            series = by_id[number]
            if series.metrics:
                counter = Counter(series, value, created, untold, missing_since, first_seen)
                owner = self._processes.known[process]
                owner.counters_of(series.family)[series.text] = counter
                if untold and created is not None:
                    owner.untold.add(counter)
            else:
                baselines[process, number] = None
        for row in state.processes:
            loaded = self._processes.known[row.id]
            self._complete(loaded, state.sums.get(loaded.id))
            if loaded.whole is not None:
                loaded.whole = loaded.counters.keys() - row.partial.split()
        self._splits.learn((one.row for one in by_id.values()), self._attributions.keys)
        self._attributions.take_new()
        self._attributions.is_stale = False
        dead = [series.id for series in by_id.values() if not series.metrics]
        return Changes(baselines=baselines, series=changed, dead_series=dead)

    def _complete(self, process: Process, sums: Mapping[int, Vector] | None) -> None:
        """Work out what is not written down of a process."""
        process.sums = None if process.forgotten else sums
        process.ahead = ahead(process.created_times(), process.last_answer or 0.0, process.seen)
        if process.sums is None:
            self._raw.update(process, (), anew=True)

    def _counters(self) -> Iterator[Counter]:
        """Yield the counters of all processes."""
        return chain.from_iterable(one.all_counters() for one in self._processes)


def _source(metric: Metric, exposition: Exposition) -> str | None:
    """Return the newest of a metric's families that is published."""
    return next((source for source in metric.sources if source in exposition), None)


def _settle(process: Process, work: Increases) -> bool:
    """Count what waited, once those from before have stayed away for long; return whether it was a restart."""
    waiting = process.waiting
    if waiting is None:
        return False
    if waiting.answers < WAIT_ANSWERS:
        waiting.answers += 1
        return False
    process.waiting = None
    work.only_grew = False
    for attribution, held in waiting.held.items():
        vector = work.increases.setdefault(attribution, list(ZERO))
        for metric, value in enumerate(held):
            vector[metric] += value
    return True
