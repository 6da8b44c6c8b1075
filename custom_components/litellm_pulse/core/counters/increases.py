"""One answer's diffs, applied: the only place where counters change."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import partial

from ..catalog import Metric
from ..exposition import Exposition, canonical, split_sample
from ..models import ZERO, Vector
from .attribution import Attributions
from .diff import FamilyDiff, created_family, creation_times
from .origins import CLOCK_STEP, CLOCK_UNIT
from .other_processes import OtherProcesses
from .process import WAIT_ANSWERS, Process, layout_of
from .raw_sums import added, follow_moves, gained_by
from .replicas import JoinedAnswer, Replica
from .results import Ambiguity, Baseline, BaselineKey, SeriesRow
from .series import ROUNDED, Counter, Series, growth
from .series_index import SeriesIndex
from .shortfall import Shortfall

type Adder = Callable[[Series, float], None]
"""Takes the value of a series that appears."""


@dataclass(slots=True, kw_only=True)
class Increases:
    """What one answer adds to the usage of each attribution, and what was noticed in it."""

    metrics: tuple[Metric, ...]
    attributions: Attributions
    index: SeriesIndex
    process: Process
    others: OtherProcesses
    now: float
    """Our clock."""
    looks: Sequence[float]
    """Per metric, the ledger's first look at it, by the proxy's clock."""
    begun: float
    """The first look at the metric that was tracked last, by the earlier of the two clocks then."""
    fresh: Sequence[bool]
    """Per metric, whether series that appear count from zero where they do not tell when they were created."""
    untracked: set[int]
    """Metrics that were not tracked at the last answer: nothing of them counts."""
    complete: bool
    """What is missing was not lost on the way."""
    is_new: bool
    """The process was not seen before."""
    told_later: bool = False
    """Times of creation that the answer lacks may have been lost on the way, and come with another."""
    unsettled: AbstractSet[Counter] = frozenset()
    """Counters of which nothing counts, since several processes that cannot be told apart have them in turn."""
    hold: dict[int, list[float]] | None = None
    """Takes what appears, where it waits until it is known whose it is."""
    joined: JoinedAnswer | None = None
    """None where it is of one process."""
    increases: dict[int, list[float]] = field(default_factory=dict)
    """Attribution -> one number per counter."""
    baselines: dict[BaselineKey, Baseline | None] = field(default_factory=dict)
    unmoved: set[BaselineKey] = field(default_factory=set)
    """Those of counters that have only gone missing, or come back as they were."""
    new_series: list[SeriesRow] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)
    """Attributions whose counters are other ones now, or have other values."""
    samples: int = 0
    skipped: int = 0
    changed: int = 0
    reset: bool = False
    """A counter fell, and nothing but that says that it began again."""
    ambiguity: Ambiguity | None = None
    has_newcomers: bool = False
    """The process has counters that it did not have before."""
    only_grew: bool = True
    """The sums of counters have changed by the increases and by nothing else."""
    _known_replicas: AbstractSet[Replica] = frozenset()
    """Those that have newcomers, and had any series before."""

    def register(self, diffs: Mapping[str, FamilyDiff]) -> None:
        """Make series of those that no process had before, and learn whose usage they and others are."""
        newcomers = {family: one for family, one in diffs.items() if one.newcomers}
        self.new_series += self.index.register(newcomers, self.metrics, self.attributions)

    def apply(self, diffs: Mapping[str, FamilyDiff], exposition: Exposition, *, older: bool) -> None:
        """Apply all diffs of an answer; nothing here can fail."""
        if not older:
            self._doubt(diffs)
        for family, diff in diffs.items():
            self.samples += len(diff.slots)
            if diff.tells_created and self.process.untold and not older:
                self._confirm(family, exposition[created_family(family)], diff)
            if diff.is_same and not diff.created:
                self.skipped += len(diff.skipped)
                continue
            self._count_known(diff, older=older)
            self._rename(family, diff)
            if self.complete and not older:
                self._miss(diff)
        self._count_newcomers({family: one for family, one in diffs.items() if one.newcomers})
        self._remember(diffs, exposition)
        if self.complete:
            self.process.unsure.clear()
        self._leave_out_untracked()
        if older:
            self.ambiguity = Ambiguity.OLDER

    def _leave_out_untracked(self) -> None:
        """Take back what metrics have grown that are not tracked yet."""
        self.only_grew &= not self.untracked
        for vector in self.increases.values() if self.untracked else ():
            for metric in self.untracked:
                vector[metric] = 0.0

    def _doubt(self, diffs: Mapping[str, FamilyDiff]) -> None:
        """Tell what counts from now on apart, where a counter goes missing, which may be a restart that shows later."""
        process = self.process
        missing = [counter for diff in diffs.values() for counter in diff.missing]
        is_first = missing and not process.unsure and not process.has_missing
        if not self.complete:
            process.unsure = {counter: process.unsure.get(counter, self.now) for counter in missing}
        if is_first and process.has_no_identity:
            for counter in process.all_counters():
                if counter.created is None and counter.untold:
                    counter.untold = 0.0
                    self._write(counter)

    def _remember(self, diffs: Mapping[str, FamilyDiff], exposition: Exposition) -> None:
        """Keep the lines, to see at once which of them change."""
        process = self.process
        for family, diff in diffs.items():
            if not diff.is_same:
                self.skipped += len(diff.skipped)
                process.last.lines[family] = diff.lines
                process.last.slots[family] = diff.slots
                process.last.skipped[family] = frozenset(diff.skipped)
            if self.complete and not diff.skipped and process.whole is not None:
                process.whole.add(family)
            if diff.tells_created:
                if diff.told is None:
                    process.last.partly_told.discard(family)
                else:
                    process.last.partly_told.add(family)
                process.last.lines[created_family(family)] = exposition[created_family(family)]
                counters, renamed = process.counters_of(family), dict(diff.renamed)
                told = {renamed.get(text, text): since for text, since in diff.created.items()}
                process.last.unplaced[family] = {
                    text: since
                    for text, since in told.items()
                    if text not in counters or counters[text].created != since
                }

    def _rename(self, family: str, diff: FamilyDiff) -> None:
        """Follow series whose labels come in another order."""
        counters = self.process.counters_of(family)
        if diff.renamed:
            self.process.layouts_of(family).update(layout_of(new) for _, new in diff.renamed)
        for old, new in diff.renamed:
            counter = counters[new] = counters.pop(old)
            counter.series = self.index.rename(counter.series, new)

    def _count_known(self, diff: FamilyDiff, *, older: bool) -> None:
        """Count what has grown of the counters that were there before."""
        if older or diff.created or diff.told is not None or self.unsettled or (self.joined and self.joined.outdated):
            self._count_doubtful(diff, older=older)
            return
        tells_created, untold, process = diff.tells_created, self.process.untold, self.process.id
        baselines, touch, vector_of = self.baselines, self.touched.add, self._vector
        counted = 0
        for _, counter, value in diff.changed:
            by, created = value - counter.value, counter.created
            if by <= 0 or counter.missing_since is not None:
                self._grow(counter, value, created if tells_created else None, older=False)
                continue
            # Nearly all of them; this is what `_grow` comes to.
            counter.value = value
            counter.untold = 0.0 if tells_created and created is not None else counter.untold + by
            if created is not None and not tells_created:
                untold.add(counter)
            series = counter.series
            if series.metrics:
                vector = vector_of(series.attribution)
                for metric in series.metrics:
                    vector[metric] += by
                counted += 1
                touch(series.attribution)
                baselines[process, series.id] = value, created, counter.untold, None, counter.first_seen, counter.former
        self.changed += counted

    def _count_doubtful(self, diff: FamilyDiff, *, older: bool) -> None:
        """Count what has grown where the answer is older, or tells other times of creation than the last one."""
        # Those whose value the answer does not tell, or has told already.
        counted_now = {*diff.missing, *(diff.slots[index] for index in diff.skipped)}
        known = {**diff.known, **{new: diff.known[old] for old, new in diff.renamed}} if diff.renamed else diff.known
        created = {counter: since for text, since in diff.created.items() if (counter := known.get(text))}
        if self.process.undecided and not older:
            self._decide(created, diff.fallen)
        for _, counter, value in diff.changed:
            counted_now.add(counter)
            since = counter.created if diff.tells(counter) else None
            self._grow(counter, value, created.get(counter, since), older=older)
        reborn = {one: since for one, since in created.items() if one not in counted_now and since != one.created}
        # Their lines are those of the last answer, which may have been taken for older ones.
        for line, one in zip(diff.lines, diff.slots, strict=True) if reborn else ():
            if one is not None and one in reborn and (told := split_sample(line)[1]) is not None:
                self._grow(one, told, reborn[one], older=older)

    def _decide(self, created: Mapping[Counter, float], fallen: AbstractSet[Counter]) -> None:
        """Count what counters had when they appeared, where it is told only now when they were created."""
        undecided = self.process.undecided
        for counter in undecided.keys() & created.keys():
            value, since = undecided.pop(counter), created[counter]
            if counter not in fallen and counter.missing_since is None:
                self._add_created(replace(counter, value=value, created=since), since, None)
                self.only_grew = False

    def _grow(self, counter: Counter, value: float, since: float | None, *, older: bool) -> None:
        """Count one counter's growth, and move its baseline."""
        found, before = growth(counter, value, since), counter.baseline
        if self.joined and self.joined.is_outdated(counter.series):
            self.ambiguity = Ambiguity.OLDER
            return
        if found.kept or (found.reset and (older or self._goes_on(counter))):
            if value < counter.value * ROUNDED:
                self.ambiguity = Ambiguity.OLDER
            return
        self.reset |= found.reset
        reborn = since if counter.created not in {None, since} else None
        anew = found.reset or reborn is not None
        if found.by and counter not in self.unsettled:
            if reborn is None or self.process.start is not None:
                self._add(counter.series, found.by)
            else:
                # Where several may answer as one, another incarnation counts as one that appears does.
                self._add_created(replace(counter, value=found.by, created=reborn), reborn, self._add)
        self.only_grew &= not anew and counter.missing_since is None and not self.unsettled
        if anew:
            counter.former = counter.created
        counter.value = value if anew else max(value, counter.value)
        self.process.note_told(counter, since)
        if since is not None:
            counter.created, counter.untold = since, 0.0
        else:
            counter.untold += found.by
            if counter.created is not None and found.by:
                self.process.untold.add(counter)
        counter.missing_since = None
        if counter.series.metrics and counter.baseline != before:
            self.changed += 1
            self.touched.add(counter.series.attribution)
            self._write(counter, unmoved=counter.baseline[:3] == before[:3])

    def _goes_on(self, counter: Counter) -> bool:
        """Whether a counter that is lower now is of one, of those that are joined, that was there before as well.

        The answer is older as far as it goes: of a pair of collectors each asks some earlier than the other does.
        """
        return self.joined is not None and counter.missing_since is None and self.joined.goes_on(counter.series)

    def _write(self, counter: Counter, *, unmoved: bool = False) -> None:
        """Have a counter's baseline written down, where it counts."""
        if counter.series.metrics:
            key = self.process.id, counter.series.id
            if unmoved and key not in self.baselines:
                self.unmoved.add(key)
            self.baselines[key] = counter.baseline

    def _confirm(self, family: str, twin: Sequence[bytes], diff: FamilyDiff) -> None:
        """Take what has counted for certain where it is told that it is still the same incarnation."""
        untold = {one for one in self.process.untold if one.series.family == family}
        lines = {one: line for line, one in zip(diff.lines, diff.slots, strict=True) if one in untold} if untold else {}
        told = creation_times(family, twin) if untold else {}
        by_labels = (
            {} if all(one.series.text in told for one in untold) else {canonical(one): told[one] for one in told}
        )
        for counter, line in lines.items():
            text, value = counter.series.text, split_sample(line)[1]
            # A lower value is that of an older answer, which says nothing of now.
            if value is None or value < counter.value * ROUNDED:
                continue
            if told.get(text, by_labels.get(canonical(text))) == counter.created:
                counter.untold = 0.0
                self.process.untold.discard(counter)
                self._write(counter)

    def _miss(self, diff: FamilyDiff) -> None:
        """Note since when counters are missing; they keep their value."""
        for counter in diff.missing:
            counter.missing_since = self.process.unsure.get(counter, self.now)
            self.process.note_gone(counter.created)
            self.only_grew = False
            if counter.series.metrics:
                self.touched.add(counter.series.attribution)
                self._write(counter, unmoved=True)

    def _count_newcomers(self, diffs: Mapping[str, FamilyDiff]) -> None:
        """Take in the series that this process did not have before."""
        appeared: list[tuple[Counter, Adder | None]] = []
        known, baselines, process = self.index.by_text, self.baselines, self.process.id
        by_sums = self.process.sums is not None
        first_seen = self.now if self.process.has_no_identity else 0.0
        if self.joined and diffs:
            texts = (text for diff in diffs.values() for _, text, _ in diff.newcomers)
            self._known_replicas = self.joined.having_series(texts, self.process.all_counters())
        for family, diff in diffs.items():
            counters, created, slots = self.process.counters_of(family), diff.created, diff.slots
            if family in self.process.layouts:
                self.process.layouts[family].update(layout_of(text) for _, text, _ in diff.newcomers)
            adder = None if by_sums else self._adder(family, diff)
            for index, text, value in diff.newcomers:
                series = known.get(text)
                if series is None or text in counters:
                    diff.skipped.add(index)
                    continue
                since = created.get(text)
                self.has_newcomers = True
                self.process.note_present(since)
                counter = slots[index] = Counter(series, value, since, first_seen=first_seen)
                # One text for all processes, rather than one for each.
                counters[series.text if series.text == text else text] = counter
                if series.metrics:
                    self.changed += 1
                    self.touched.add(series.attribution)
                    baselines[process, series.id] = value, since, 0.0, None, first_seen, None
                    appeared.append((counter, adder))
        if by_sums:
            self._count_from_sums([one for one, _ in appeared])
        else:
            self._count_appeared(appeared)

    def _count_appeared(self, appeared: Sequence[tuple[Counter, Adder | None]]) -> None:
        """Count series that a process did not have before."""
        shortfall, let_go = self.process.shortfall, self.process.let_go
        for counter, adder in appeared:
            value = counter.value
            if shortfall and (counter.created is None or counter.created <= let_go):
                value = shortfall.beyond(counter.series, value)
            if counter.created is not None:
                continue
            if adder is not None:
                adder(counter.series, value)
            elif value and self.told_later:
                self.process.undecided[counter] = value
        if shortfall:
            self._take_back(shortfall)
        for counter, adder in appeared:
            if counter.created is not None:
                self._add_created(counter, counter.created, adder)

    def _take_back(self, shortfall: Shortfall) -> None:
        """Take off what the answers since a lost file may have counted once more."""
        if shortfall.take_back(self.increases):
            self.only_grew = False
            self.ambiguity = self.ambiguity or Ambiguity.OLDER
        if shortfall.answers >= WAIT_ANSWERS:
            self.process.shortfall = None

    def _adder(self, family: str, diff: FamilyDiff) -> Adder | None:
        """Return what the value of a newcomer is added with that does not tell when it was created; None: it is not.

        In a process that is known it is not new where it may have been lost in the answers before.
        """
        if self.hold is not None:
            return partial(_sum, self.hold)
        if not any(self.fresh):
            return None
        process = self.process
        if not self.is_new and not process.has_shown_all(family):
            revealed = len(diff.skipped) < len(process.last.skipped.get(family, ()))
            # One that tells its start publishes all families from its beginning on.
            is_late = process.start is not None and not diff.known and family not in process.last.lines
            if revealed or is_late or not process.was_complete:
                self.ambiguity = self.ambiguity or Ambiguity.OLDER
                return None
        return self._add_fresh if self.joined is None else self._add_of_known

    def _add_created(self, counter: Counter, since: float, adder: Adder | None) -> None:
        """Add all of an incarnation that was not seen before to those of its metrics that were looked at before it."""
        if since <= self.process.let_go:
            # It was here when counters were let go of, or lost.
            return
        counted = self.others.counted(counter)
        if self.process.ahead is not None and counted is None:
            # It appeared since the last answer, unless it is older than our first look by either clock.
            if not self.is_new and adder is not None and since > self.begun:
                adder(counter.series, counter.value)
            elif counter.value:
                self.ambiguity = self.ambiguity or Ambiguity.SHARED
            return
        if self.process.forgotten and since <= max(one.unknown_until for one in self._akin()):
            # It may as well be another of those that are forgotten.
            return
        if counted is not None:
            self._add(counter.series, max(0.0, counter.value - counted))
            return
        looks, value = self.looks, counter.value - self.others.counted_untold(counter)
        grace = 0.0 if self._is_surely_new(counter.series.family) else CLOCK_UNIT
        vector = None
        for metric in counter.series.metrics:
            look = looks[metric]
            if since > look and (since >= look + grace or (self.process.start or 0.0) > look):
                vector = vector or self._vector(counter.series.attribution)
                vector[metric] += max(0.0, value)

    def _is_surely_new(self, family: str) -> bool:
        """Whether what appears in a family was not there at the last answer of the same process."""
        return not (self.is_new or self.process.joined) and self.process.has_shown_all(family)

    def _add(self, series: Series, by: float) -> None:
        """Add to the increase of a series' attribution."""
        if series.metrics:
            vector = self._vector(series.attribution)
            for metric in series.metrics:
                vector[metric] += by

    def _add_fresh(self, series: Series, value: float) -> None:
        """Add all of a newcomer to those of its metrics for which newcomers are new."""
        vector = self._vector(series.attribution)
        for metric in series.metrics:
            if self.fresh[metric]:
                vector[metric] += value

    def _add_of_known(self, series: Series, value: float) -> None:
        """Add all of a newcomer of one, of those that are joined, that had others before and goes on."""
        if self.joined and self.joined.goes_on(series) and self.joined.replica_of(series.text) in self._known_replicas:
            self._add_fresh(series, value)

    def _vector(self, attribution: int) -> list[float]:
        """Return the increase of an attribution, which may be added to."""
        vector = self.increases.get(attribution)
        if vector is None:
            vector = self.increases[attribution] = list(ZERO)
        return vector

    def _count_from_sums(self, appeared: Sequence[Counter]) -> None:
        """Count against the sums at the last answer, where the counters themselves were lost.

        A sum that is lower is a restart where the process has no identity. Where it has one, a
        series was evicted, and what was used since cannot be told: what is certain counts, and all
        of those that were created since.
        """
        sums, self.process.sums, self.process.eldest = self.process.sums or {}, None, None
        shortfall, self.process.shortfall = self.process.shortfall, None
        akin = self._akin()
        # The proxy's clock tells when an answer began to be made.
        lost = max(one.last_answer or 0.0 for one in akin) + CLOCK_STEP
        # What this answer lacks is in the sums.
        self.process.let_go = max(self.process.let_go, lost)
        # That clock may have been behind for that answer only.
        lost = max(lost, *(one.seen + CLOCK_STEP for one in akin))
        born: list[Counter] = []
        summed: dict[int, list[float]] = {}
        for one in appeared:
            if one.created is not None and one.created > lost and self.process.ahead is None:
                born.append(one)
            else:
                _sum(summed, one.series, one.value)
        gained = gained_by(sums, summed)
        follow_moves(gained, self.attributions.keys, certain=True)
        if self.process.has_no_identity and self._fell(gained, sums):
            gained = gained_by({}, summed)
        else:
            if shortfall:
                gained = gained_by(added(sums, shortfall.lacking), summed)
            self.process.shortfall = Shortfall.of(gained)
            follow_moves(gained, self.attributions.keys)
        self.increases |= {number: [max(0.0, by) for by in vector] for number, vector in gained.items()}
        for one in born:
            # The last answer came after the first look, whatever either clock says of that now.
            counted = self.others.counted(one)
            told = self.others.counted_untold(one) if counted is None else counted
            self._add(one.series, max(0.0, one.value - told))

    def _akin(self) -> Sequence[Process]:
        """Return the process, and those that share its start."""
        return [one for one in (self.process, *self.others.known) if one.start == self.process.start]

    def _fell(self, gained: Mapping[int, list[float]], sums: Mapping[int, Vector]) -> bool:
        """Whether any sum of what was tracked is lower than it was, by more than rounding."""
        return any(
            by < 0 and by < before * (ROUNDED - 1) and metric not in self.untracked
            for attribution, last in sums.items()
            for metric, (by, before) in enumerate(zip(gained[attribution], last, strict=True))
        )


def _sum(sums: dict[int, list[float]], series: Series, value: float) -> None:
    """Add a counter to the sums of its attribution."""
    vector = sums.get(series.attribution)
    if vector is None:
        vector = sums[series.attribution] = list(ZERO)
    for metric in series.metrics:
        vector[metric] += value
