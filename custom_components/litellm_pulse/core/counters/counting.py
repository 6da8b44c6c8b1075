"""From an answer to increases: which process spoke, which of its counters grew, and by how much.

Nothing is changed before the whole answer has been read.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from ..catalog import COUNTER_INDEX, COUNTERS, GAUGES, Dimension, Metric
from ..errors import DoubtfulRestartError, MissingIdentityError, SurprisingPartError, TruncatedAnswerError
from ..exposition import ExpositionParser, GaugeReader, LabelReader, Labels
from ..garbage_collector import gc_paused
from ..models import ZERO, Member, MemberKey, Vector
from . import parts
from .diff import FamilyDiff
from .families import Families
from .identity import Identity
from .increases import Increases
from .other_processes import OtherProcesses
from .parts import OpenPart
from .process import Process
from .registry import CounterRegistry
from .replicas import JoinedAnswer, telling_apart
from .results import Ambiguity, Answer, Changes, Counted, CountingState, MemberKeys, Origin, SeriesRow
from .step import Step, read_step
from .waiting import Waiting

_ANSWERED = COUNTER_INDEX["tokens"], COUNTER_INDEX["cost"]
"""What every request adds to that was answered; a proxy may be told to publish one of them only."""


class Counting:
    """Every series, in every process that is known, and since when each metric is tracked.

    All in it is mutable for speed, and nothing of that leaves it: `count` takes an answer and
    returns a frozen result.
    """

    def __init__(self, metrics: tuple[Metric, ...] = COUNTERS, gauges: tuple[Metric, ...] = GAUGES) -> None:
        """Begin with nothing known."""
        self.metrics = metrics
        self.gauges = gauges
        self._families = Families(metrics, gauges)
        self._registry = CounterRegistry(metrics)
        self._gauges = GaugeReader()
        self._evicts = False
        """A series has gone from a process that went on."""
        self._open_part: OpenPart | None = None

    # What is known

    @property
    def wanted(self) -> AbstractSet[str]:
        """The families that are read at all."""
        return self._families.wanted

    @property
    def members(self) -> Mapping[MemberKey, Member]:
        """Everybody ever used; another object once it has changed."""
        return self._registry.attributions.members

    @property
    def keys(self) -> Sequence[MemberKeys]:
        """Per attribution, the members whose totals it adds to; the same object until there is a new one."""
        return self._registry.attributions.groups

    @property
    def alive(self) -> AbstractSet[int]:
        """The processes that may answer again."""
        return {one.id for one in self._registry.processes if not one.forgotten}

    @property
    def ambiguous_answers(self) -> int:
        """How often an answer left it open what to count."""
        return self._registry.ambiguities.total

    @property
    def lasting_ambiguity(self) -> Ambiguity | None:
        """Why that goes on, if it does."""
        return Ambiguity.SHARED if self._registry.turns.found else self._registry.ambiguities.lasting

    def parser(self) -> ExpositionParser:
        """Return what takes in the body of the next answer."""
        newest = self._registry.processes.newest
        return ExpositionParser(self.wanted, histograms=newest is not None and newest.start is None)

    @property
    def families(self) -> AbstractSet[str]:
        """The families that are needed, whether the proxy publishes them or not.

        The times at which series were created, half of all lines, are needed only where LiteLLM
        evicts series: those of customers, and all of them where it is told to; to tell processes
        apart that share a start; and where an answer has lost them. Elsewhere those of one small
        family are enough to see whether another process answers.
        """
        known, families = self._registry, self._families
        if self._evicts or known.attributions.counts.get(Dimension.CUSTOMER) or known.processes.need_created:
            return families.wanted
        return (families.wanted - families.twins) | ({families.witness} - {""})

    @property
    def has_open_part(self) -> bool:
        """Whether a part was not believed, and the process that gave it has not given the whole since."""
        return self._open_part is not None

    def groups(self, number: int) -> MemberKeys:
        """Return the members whose totals an attribution adds to."""
        return self._registry.attributions.keys[number]

    def name(self, member: Member) -> bool:
        """Take in what a member is called, also one that has a budget and no usage yet; return whether that is new."""
        return self._registry.attributions.name(member)

    def has_room_for(self, key: MemberKey) -> bool:
        """Whether a member is told apart, or may be from now on."""
        return self._registry.attributions.has_room_for(key)

    def named(self) -> Mapping[MemberKey, Member]:
        """Return whom `name` has taken in since the last answer."""
        return self._registry.attributions.take_new()[0]

    def renamed(self) -> Changes:
        """Return the series that have other texts than were written down: written each time, they would be too many."""
        known = self._registry.series
        return Changes(series=[one.row for text, one in known.renamed.items() if known.by_text.get(text) is one])

    # What is counted

    def count(self, answer: Answer) -> Counted:
        """Count one answer.

        Raises TruncatedAnswerError, MissingIdentityError or SurprisingPartError, with nothing
        changed, for an answer that lacks what the same process published before, or who gives it;
        DoubtfulRestartError where it is not told, and may be by the answer to the same question.
        """
        with gc_paused():
            return self._count(answer)

    def _count(self, answer: Answer) -> Counted:
        """Count one answer, as `count` does."""
        exposition, live = answer.exposition, self._families.live
        gauges = self._gauges.read({family: exposition[family] for family in live if family in exposition})
        identity = Identity.of(answer, gauges)
        try:
            step = read_step(answer, gauges, identity, self._registry, self._families)
        except SurprisingPartError:
            self._open_part = parts.opened(exposition, identity, self._families.witness)
            raise
        except (MissingIdentityError, TruncatedAnswerError) as error:
            is_lost = isinstance(error, TruncatedAnswerError) and not answer.complete
            self._registry.refused += not (answer.part or is_lost)
            raise
        turns = self._registry.turns
        if answer.doubts and step.looks_restarted and turns.is_doubtful(step.values, answer.now):
            turns.doubted.append(step.values)
            raise DoubtfulRestartError
        counted, self._registry.refused = self._take_in(step), 0
        if answer.part or (self._open_part and self._open_part.is_of(step.process)):
            self._open_part = None
        return counted

    def _take_in(self, step: Step) -> Counted:
        """Take an answer in that stands; nothing here can fail."""
        process, is_new, known, is_older = step.process, step.is_new, self._registry, step.is_older
        diffs = step.diffs if step.repeated is None else {}
        known.processes.number += 1
        process.ahead = step.ahead(known.processes)
        before = step.fallen
        if before is None and (known.turns.others or known.turns.doubted or any(one.falls for one in diffs.values())):
            before = process.present_values()
        falls = process.start is not None and any(one.falls_while_present for one in diffs.values())
        resumed, had_series = process.sums is not None, bool(known.series.by_text)
        work, origins = self._work(step)
        work.register(diffs)
        moved = known.reassign() if had_series else []
        if known.attributions.renamed and not is_older:
            known.attributions.follow_names(_grown(diffs))
        work.apply(diffs, step.exposition, older=is_older)
        restarted = known.processes.is_restart(process, is_new=is_new, fresh=any(work.fresh))
        waited = known.processes.outwait(process)
        _settle(waited, work)
        in_turn = self._judge(step, work, before, falls=falls)
        self._evicts |= process.start is not None and any(one.missing and one.tells_created for one in diffs.values())
        changes = self._note(step, work, origins, moved)
        return Counted(
            process=process.id,
            process_start=process.start,
            tells_process=step.tells_process,
            increases={number: tuple(vector) for number, vector in work.increases.items() if any(vector)},
            raw=self._sum_up(process, work, anew=resumed or work.has_newcomers or bool(moved)),
            published=self._families.published(step.exposition),
            unknown=known.splits.unknown(self.metrics, known.attributions.counts),
            gauges=step.gauges,
            samples=work.samples,
            skipped=work.skipped,
            changed=work.changed,
            restarted=restarted or bool(waited),
            indistinguishable=in_turn,
            older=is_older,
            ambiguity=work.ambiguity,
            changes=changes,
        )

    def _work(self, step: Step) -> tuple[Increases, Mapping[str, Origin]]:
        """Return what applies the diffs of an answer, and the metrics that are tracked from now on."""
        process, answer, known = step.process, step.answer, self._registry
        clocks = answer.answered_at, answer.now
        superseded, let_go = step.supersede()
        untracked, origins = known.origins.track(known.processes.number, process.number, *clocks)
        looks = known.origins.looks(*clocks)
        # Of those that share a start, only times of creation tell what one has that the others have not counted.
        akin = [one for one in known.processes if step.is_new and one.start == process.start is not None]
        fresh = [
            not akin
            and superseded.isdisjoint(metric.sources)
            and index not in untracked
            and step.counts_newcomers(looks[index])
            for index, metric in enumerate(self.metrics)
        ]
        if (
            step.is_new
            and process.workers.pids
            and not (process.joined or process.restarted or answer.first or answer.moved)
        ):
            process.waiting = known.processes.wait()
        told = step.identity.tellers
        joined = JoinedAnswer.of(told, step.begun, process.replicas, known.origins.latest) if process.joined else None
        work = Increases(
            metrics=self.metrics,
            attributions=known.attributions,
            index=known.series,
            process=process,
            others=OtherProcesses(
                [one for one in known.processes if one is not process],
                akin or [one for one in known.processes if step.is_new and process.has_no_identity],
            ),
            now=answer.now,
            looks=looks,
            begun=known.origins.latest,
            fresh=fresh,
            untracked=untracked,
            complete=answer.complete,
            told_later=not answer.complete or bool(self._families.witness) or step.tells_created,
            is_new=step.is_new,
            unsettled=process.counters_named(known.turns.fallen) if known.turns.found else frozenset(),
            hold=process.waiting.held if step.is_new and process.waiting else None,
            joined=joined,
        )
        work.baselines |= let_go
        if step.is_new:
            # What it took over from one that had no identity either.
            work.baselines |= {
                (process.id, one.series.id): one.baseline for one in process.all_counters() if one.series.metrics
            }
        return work, origins

    def _judge(self, step: Step, work: Increases, before: Mapping[bytes, float] | None, *, falls: bool) -> bool:
        """Drop increases that may be those of several processes in turn, and return whether they are.

        `before` are the counters before the answer, where they matter; `falls` says that any is lower now that was
        not gone in between: what was gone may have been evicted, and begun anew.
        """
        process, turns, now = step.process, self._registry.turns, step.answer.now
        after = process.present_values() if before is not None else {}
        fell = step.fallen is not None or (falls and work.reset)
        in_turn = turns.found
        if fell:
            turns.fell(before or {}, after, now)
        elif not (step.is_new and process.restarted):
            turns.held(before or {}, after, now)
        if step.repeated:
            turns.came_again(step.repeated)
        in_turn |= turns.found or (fell and now < turns.known_until)
        if step.answer.first or (in_turn and (process.has_no_identity or work.reset)):
            work.increases.clear()
            work.only_grew = False
        if in_turn or work.hold is not None:
            work.ambiguity = Ambiguity.SHARED
        self._registry.ambiguities.note(work.ambiguity)
        return in_turn

    def _note(self, step: Step, work: Increases, origins: Mapping[str, Origin], moved: Sequence[SeriesRow]) -> Changes:
        """Note that a process has answered, and return what is to be written down."""
        process, answer, known = step.process, step.answer, self._registry
        met = step.is_new or process.forgotten
        process.workers.meet(step.identity.pids, step.identity.port, names_workers=step.identity.names_workers)
        told = work.joined.told if work.joined else {}
        process.replicas.meet(step.identity.starts, telling_apart(step.identity.tellers), told)
        others = known.processes.answered(process, step.answered_at, answer.now)
        if not process.published or (not answer.part and answer.complete):
            process.published = frozenset(step.exposition)
        process.was_complete |= answer.complete
        process.recent.append(step.mark)
        if not answer.part:
            self._families.witness = parts.witness(step.exposition, step.diffs)
        known.splits.learn([*work.new_series, *moved], known.attributions.keys)
        members, attributions = known.attributions.take_new()
        baselines = work.baselines
        if others.dropped or others.baselines:
            known.raw.keep_only([one.id for one in known.processes if not one.forgotten])
            kept = {key: one for key, one in baselines.items() if key[0] not in others.dropped}
            baselines = {**kept, **others.baselines}
        return replace(
            others,
            baselines=baselines,
            can_wait=baselines.keys() <= work.unmoved,
            met=met or others.met,
            members=members,
            attributions=attributions,
            series=[*work.new_series, *moved],
            origins=origins,
            meta=known.meta,
        )

    def _sum_up(self, process: Process, work: Increases, *, anew: bool) -> Mapping[int, Vector]:
        """Return the sums of a process' counters after an answer; `anew` as `RawSums.update` has it."""
        raw = self._registry.raw
        if work.only_grew and not anew:
            return raw.grow(process, work.increases)
        return raw.update(process, work.touched, anew=anew)

    # What is forgotten, kept and loaded

    def forget(self, now: float) -> Changes:
        """Let go of the processes, counters and series that were not seen for seven days by our clock."""
        return self._registry.forget(now)

    @property
    def is_crowded(self) -> bool:
        """Whether the proxy has had so many other series since that `make_room` is due."""
        return self._registry.is_crowded

    def make_room(self) -> Changes:
        """Let go of the counters and series that were gone for longest, whenever that was."""
        return self._registry.make_room()

    def state(self) -> CountingState:
        """Return all that is known, for a file that has to be begun anew."""
        return self._registry.state()

    def outline(self) -> CountingState:
        """Return what a spare copy needs; cheap."""
        return self._registry.outline()

    @property
    def newest_sums(self) -> Mapping[int, Vector] | None:
        """The sums of the process that answered last; None where none has."""
        return self._registry.newest_sums

    def load(self, state: CountingState) -> Changes:
        """Take in what was written down; return what a new mapping of metrics leaves nothing to count of."""
        return self._registry.load(state)


def _grown(diffs: Mapping[str, FamilyDiff]) -> Iterator[Labels]:
    """Yield the labels of the series that have grown, of one metric: others may have other labels for a name."""
    grown = [one.series for diff in diffs.values() for _, one, value in diff.changed if value > one.value]
    of_one = next((found for index in _ANSWERED if (found := [one for one in grown if index in one.metrics])), [])
    reader = LabelReader()
    for series in of_one:
        labels = reader.read(series.family, series.text)
        if labels is not None:
            yield labels


def _settle(waited: Collection[Waiting], work: Increases) -> None:
    """Count what waited, once those from before have stayed away for long."""
    for attribution, held in (item for one in waited for item in one.held.items()):
        vector = work.increases.setdefault(attribution, list(ZERO))
        for metric, value in enumerate(held):
            vector[metric] += value
        work.only_grew = False
