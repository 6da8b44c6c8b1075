"""All that is known between two answers: processes and their counters, series, whose they are, since when."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from ..catalog import Metric
from ..models import Vector
from .ambiguity import AmbiguityLog, TurnDetector
from .attribution import Attributions
from .identity import ahead
from .origins import Origins
from .process import WAIT_ANSWERS, Process
from .processes import MOST_GONE, Processes
from .raw_sums import RawSums, highest
from .results import BaselineKey, Changes, CountingState, SeriesRow
from .series import Counter
from .series_index import SeriesIndex
from .shortfall import Shortfall
from .splits import Splits


@dataclass(slots=True)
class CounterRegistry:
    """Every series, in every process that is known, and since when each metric is tracked."""

    metrics: tuple[Metric, ...]
    origins: Origins = field(init=False)
    attributions: Attributions = field(default_factory=Attributions)
    series: SeriesIndex = field(default_factory=SeriesIndex)
    processes: Processes = field(default_factory=Processes)
    turns: TurnDetector = field(default_factory=TurnDetector)
    ambiguities: AmbiguityLog = field(default_factory=AmbiguityLog)
    splits: Splits = field(default_factory=Splits)
    raw: RawSums = field(default_factory=RawSums)
    refused: int = 0
    """Whole answers, one after the other, that lacked what those before told."""
    kept_series: int = 0
    """How many series there were when some were let go of last."""

    def __post_init__(self) -> None:
        """Begin with no metric tracked."""
        self.origins = Origins(self.metrics)

    @property
    def lacks_for_long(self) -> bool:
        """Whether what answers lack is gone, and was not lost once."""
        return self.refused >= WAIT_ANSWERS

    @property
    def meta(self) -> dict[str, str | float]:
        """What is written down beside rows."""
        return {
            "unsettled": self.turns.found,
            "known_in_turn_until": self.turns.known_until,
            "answers": self.processes.number,
            "ambiguous": self.ambiguities.total,
            "in_turn_until": self.processes.in_turn_until,
        }

    @property
    def newest_sums(self) -> Mapping[int, Vector] | None:
        """The sums of the process that answered last; None where none has."""
        newest = self.processes.newest
        return (self.raw.of(newest) or {}) if newest else None

    def reassign(self) -> list[SeriesRow]:
        """Find anew whose usage series are where something was learned; return those that moved."""
        is_stale, self.attributions.is_stale = self.attributions.is_stale, False
        return self.series.reassign(self.attributions) if is_stale else []

    def forget(self, now: float) -> Changes:
        """Let go of the processes, counters and series that were not seen for seven days by our clock."""
        return self._bury(self.processes.forget(now), unlearns=self.attributions.has_many_unproven)

    @property
    def is_crowded(self) -> bool:
        """Whether there are so many more series than when counters were let go of last that it is time again."""
        return len(self.series.by_text) > self.kept_series + MOST_GONE

    def make_room(self) -> Changes:
        """Let go of the counters and series that were gone for longest: a proxy may have others in each answer."""
        return self._bury(self.processes.make_room(), unlearns=True)

    def _bury(self, changes: Changes, *, unlearns: bool) -> Changes:
        """Let go of the series of counters that are gone, and of what their labels taught; return all that changes."""
        self.raw.keep_only([one.id for one in self.processes if not one.forgotten])
        changes = replace(changes, dead_series=self.series.bury(self._counters()))
        if unlearns:
            self.attributions.unlearn()
            self.series.teach(self.attributions)
        self.kept_series = len(self.series.by_text)
        return changes

    def state(self) -> CountingState:
        """Return all that is known, for a file that has to be begun anew."""
        return replace(
            self.outline(),
            processes=[one.row for one in self.processes if one.number],
            series=self.series.rows(),
            baselines=[
                (process.id, one.series.id, *one.baseline)
                for process in self.processes
                if process.number
                for one in process.all_counters()
                if one.series.metrics
            ],
        )

    def outline(self) -> CountingState:
        """Return what a spare copy needs; cheap."""
        attributions = self.attributions
        return CountingState(
            keys=attributions.keys[:],
            members=attributions.members,
            models=attributions.models.copy(),
            origins=self.origins.known.copy(),
            # A row in the file calls those forgotten, too, of which only sums are known; here the sums are kept.
            processes=[one.row._replace(forgotten=one.forgotten) for one in self.processes],
            sums={one.id: sums for one in self.processes if (sums := self.raw.of(one)) is not None},
            lacking={one.id: lacking for one in self.processes if (lacking := self.raw.lacking(one))},
            eldest={one.id: eldest for one in self.processes if (eldest := one.oldest())},
            meta=self.meta,
        )

    def load(self, state: CountingState) -> Changes:
        """Take in what was written down; return what a new mapping of metrics leaves nothing to count of."""
        self.attributions.load(state.keys, state.members.values())
        self.attributions.models = dict(state.models)
        self.turns.found = bool(state.meta.get("unsettled"))
        self.turns.known_until = float(state.meta.get("known_in_turn_until", 0.0))
        self.ambiguities.total = int(state.meta.get("ambiguous", 0))
        self.processes.number = int(state.meta.get("answers", 0))
        self.processes.in_turn_until = float(state.meta.get("in_turn_until", 0.0))
        self.origins.known = self.processes.load(state.processes, state.origins)
        remapped = self.metrics if self.origins.differ_from(state.origins) else None
        by_id, changed = self.series.load(state.series, self.attributions, remapped)
        baselines: dict[BaselineKey, None] = {}
        for process, number, value, created, untold, missing_since, first_seen, former in state.baselines:
            series = by_id[number]
            if series.metrics:
                counter = Counter(series, value, created, untold, missing_since, first_seen, former)
                owner = self.processes.known[process]
                owner.counters_of(series.family)[series.text] = counter
                if untold and created is not None:
                    owner.untold.add(counter)
            else:
                baselines[process, number] = None
        sums = self._told_apart(state)
        shown = self._shown(state)
        for row in state.processes:
            loaded = self.processes.known[row.id]
            loaded.eldest = frozenset(state.eldest[row.id]) if row.id in state.eldest else None
            self._complete(loaded, sums.get(loaded.id), state.lacking.get(loaded.id, {}))
            if loaded.whole is not None or (shown and loaded.start is not None):
                loaded.whole = (loaded.counters.keys() | shown).difference(row.partial.split())
        self.splits.learn((one.row for one in by_id.values()), self.attributions.keys)
        self.attributions.take_new()
        self.attributions.is_stale = False
        self.kept_series = len(self.series.by_text)
        dead = [series.id for series in by_id.values() if not series.metrics]
        return Changes(baselines=baselines, series=changed, dead_series=dead)

    def _shown(self, state: CountingState) -> set[str]:
        """Return the families that the last answer had, also those without a series; none where that is not known."""
        published = str(state.meta.get("published", "")).split()
        return {source for metric in self.metrics if metric.name in published for source in metric.sources}

    def _told_apart(self, state: CountingState) -> dict[int, Mapping[int, Vector]]:
        """Return the sums of processes, the highest for those that share a start and nothing tells apart."""
        sums = dict(state.sums)
        sharing: dict[float, list[int]] = {}
        for row in state.processes:
            if row.start is not None and row.id in sums and row.id not in state.eldest:
                sharing.setdefault(row.start, []).append(row.id)
        for several in sharing.values():
            sums |= dict.fromkeys(several, highest([state.sums[one] for one in several]))
        return sums

    def _complete(
        self, process: Process, sums: Mapping[int, Vector] | None, lacking: Mapping[int, Sequence[float]]
    ) -> None:
        """Work out what is not written down of a process."""
        process.sums = None if process.forgotten else sums
        process.shortfall = Shortfall({one: [*by] for one, by in lacking.items()}) if lacking else None
        process.ahead = ahead(process.created_times(), process.last_answer or 0.0, process.seen)
        if process.sums is None:
            self.raw.update(process, (), anew=True)

    def _counters(self) -> Iterator[Counter]:
        """Yield the counters of all processes."""
        return chain.from_iterable(one.all_counters() for one in self.processes)
