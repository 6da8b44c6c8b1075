"""What one answer says that the last answer of the same process did not.

Nothing here changes state: a diff is worked out first and applied only when all of the answer
stands. A known series costs one comparison of its line; only lines that differ are read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cache
from itertools import compress, count
from math import inf
from operator import ne

from ..exposition import belongs, canonical, number, series_and_value, split_sample
from .process import Layout, Process, layout_of
from .series import ROUNDED, Counter
from .target_labels import has_target_labels, relabelled, same_incarnations


@dataclass(slots=True)
class FamilyDiff:
    """One family of an answer, against the process' last one."""

    family: bytes
    lines: Sequence[bytes]
    known: Mapping[bytes, Counter]
    """The counters of the family before this answer, per series text."""
    slots: list[Counter | None]
    """The counter of each line; None for a newcomer, an empty or an unreadable line."""
    changed: list[tuple[int, Counter, float]] = field(default_factory=list)
    """Line, counter and value of those known, with a value other than the last, or back after they were missing."""
    newcomers: list[tuple[int, bytes, float]] = field(default_factory=list)
    """Line, series and value of those not known in this process."""
    missing: list[Counter] = field(default_factory=list)
    """Counters that the last answer had and this one does not have."""
    renamed: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Old and new text of series whose labels come in another order now."""
    skipped: set[int] = field(default_factory=set)
    """Lines that could not be read, or that repeat a series."""
    created: Mapping[bytes, float] = field(default_factory=dict)
    """Text by which a series is known or new -> `_created`, of the lines that differ from the last ones."""
    tells_created: bool = False
    told: AbstractSet[Counter] | None = None
    """Those whose `_created` the answer has, where the lines of some are lost; None where it has that of all."""
    is_same: bool = False
    """No line differs from the last answer's."""
    falls: bool = False
    """A counter is lower than it was, by more than rounding."""

    def tells(self, counter: Counter) -> bool:
        """Whether the answer says when a known counter was created."""
        return self.tells_created and (self.told is None or counter in self.told)

    @property
    def fallen(self) -> set[Counter]:
        """The counters that are lower than they were, by more than rounding."""
        return {counter for _, counter, value in self.changed if value < counter.value * ROUNDED}

    @property
    def falls_untold(self) -> bool:
        """Whether a counter is lower of which it was never told when it was created, which would say why."""
        return self.falls and any(counter.created is None for counter in self.fallen)

    @property
    def rises(self) -> bool:
        """Whether any counter is higher than it was."""
        return any(value > counter.value for _, counter, value in self.changed)

    @property
    def has_returned(self) -> bool:
        """Whether a counter is back that was missing."""
        return any(counter.missing_since is not None for _, counter, _ in self.changed)

    @property
    def has_returned_unchanged(self) -> bool:
        """Whether a counter that was used is back, after it was missing, with the value that it had."""
        return any(
            counter.missing_since is not None and value == counter.value > 0 for _, counter, value in self.changed
        )

    @property
    def falls_while_present(self) -> bool:
        """Whether a counter is lower than it was that was not missing in between."""
        return self.falls and any(
            value < counter.value * ROUNDED and counter.missing_since is None for _, counter, value in self.changed
        )


def diff_family(process: Process, family: str, lines: Sequence[bytes], created: Sequence[bytes]) -> FamilyDiff:
    """Compare a family's lines, and those of its `_created` twin, with the last ones of the process."""
    slots, old = process.last.slots.get(family, []), process.last.lines.get(family, ())
    known = process.counters.get(family, {})
    skipped = set(process.last.skipped.get(family, ()))
    if slots and lines == old:
        diff = FamilyDiff(family.encode(), lines, known, slots, skipped=skipped, is_same=True)
    else:
        padded = slots[: len(lines)] + [None] * (len(lines) - len(slots))
        diff = FamilyDiff(family.encode(), lines, known, padded)
        _compare(diff, old, slots, skipped)
        if diff.known and diff.newcomers:
            _find_renamed(diff, process.layouts_of(family))
            if any(
                map(has_target_labels, {*process.layouts_of(family), *(layout_of(one[1]) for one in diff.newcomers)})
            ):
                _find_relabelled(diff, process.replicas.apart, family, created)
        diff.falls = any(value < counter.value * ROUNDED for _, counter, value in diff.changed)
    diff.tells_created = bool(created)
    if created:
        _take_created(diff, process, family, created)
    return diff


@cache
def created_family(family: str) -> str:
    """Return the name of the twin that says when a counter's series were created."""
    return family.removesuffix("_total") + "_created"


def _compare(diff: FamilyDiff, old: Sequence[bytes], slots: Sequence[Counter | None], skipped: set[int]) -> None:
    """Read the lines that differ."""
    lines = diff.lines
    # A line that repeated a series may be its only one now.
    again = [index for index in skipped if index < len(lines)]
    differing = sorted({*_differing(lines, old), *again}) if again else list(_differing(lines, old))
    moved = _place(diff, list(_reread(diff, differing)))
    moved |= len(lines) != len(slots)
    if diff.known and (moved or len(lines) - diff.slots.count(None) < len(diff.known)):
        _take_stock(diff)


def _take_created(diff: FamilyDiff, process: Process, family: str, twin: Sequence[bytes]) -> None:
    """Read the lines of a twin that differ from those that were told last, and note whose are lost."""
    old, unplaced = process.last.lines.get(created_family(family), ()), process.last.unplaced.get(family, {})
    lacks, count_before = family in process.last.partly_told, len(process.last.slots.get(family, ()))
    is_same = twin == old and len(diff.slots) == count_before and not (diff.newcomers or diff.missing)
    if is_same and not (unplaced or lacks):
        return
    texts = diff.known.keys() | {text for _, text, _ in diff.newcomers}
    differing = [twin[index] for index in _differing(twin, old)]
    times = creation_times(family, differing)
    if diff.skipped:
        # One that differs may be that of a line that repeats a series.
        first = creation_times(family, twin)
        times = {text: first[text] for text in times}
    diff.created = _by_known_text(_latest(unplaced, times), texts)
    if not is_same:
        unowned = diff.slots.count(None)
        lacks = (
            len(twin) != len(diff.lines)
            or len(times) != len(differing)
            or unowned != len(diff.newcomers)
            or len(diff.lines) - unowned < len(diff.known)
            or not diff.created.keys() <= texts
        )
    if lacks and diff.known:
        told = _by_known_text(creation_times(family, twin), texts)
        found = {counter for text, counter in diff.known.items() if text in told}
        diff.told = None if found.issuperset(filter(None, diff.slots)) else found


def creation_times(family: str, lines: Sequence[bytes]) -> dict[bytes, float]:
    """Return series -> `_created` of the lines of a twin, of one that comes twice by the first, as its value counts."""
    stem, skip = family.encode(), len(created_family(family))
    samples = map(split_sample, reversed(lines))
    return {stem + text[skip:]: told for text, told in samples if told}


def _latest(earlier: Mapping[bytes, float], now: Mapping[bytes, float]) -> Mapping[bytes, float]:
    """Return the times of creation of both; of a series that both have, in whatever order of labels, that of now."""
    if not earlier:
        return now
    told = set(map(canonical, now))
    return {**{text: since for text, since in earlier.items() if canonical(text) not in told}, **now}


def _by_known_text(told: Mapping[bytes, float], texts: AbstractSet[bytes]) -> Mapping[bytes, float]:
    """Return times of creation under the texts that the series are known by, or come with where they are new."""
    odd = told.keys() - texts
    # Mostly those are of lines that were lost, and no labels come in another order.
    if not odd or len({layout_of(text) for text in texts | odd}) == 1:
        return told
    by_labels = {canonical(text): text for text in texts}
    renamed = {by_labels.get(canonical(text), text): told[text] for text in odd}
    return renamed | {text: since for text, since in told.items() if text not in odd}


def _differing(lines: Sequence[bytes], old: Sequence[bytes]) -> Iterator[int]:
    """Yield the indices of the lines that are not the same as those before."""
    yield from compress(count(), map(ne, lines, old, strict=False))
    yield from range(len(old), len(lines))


def _reread(diff: FamilyDiff, indices: Iterable[int]) -> Iterator[int]:
    """Read lines that differ; yield those that are not of the series that was in their place before."""
    slots, lines, note = diff.slots, diff.lines, diff.changed.append
    for index in indices:
        counter, line = slots[index], lines[index]
        if counter is not None and line.startswith(text := counter.series.text):
            value = number(line[len(text) :])
            if value is not None:
                note((index, counter, value))
                continue
        yield index


def _place(diff: FamilyDiff, indices: list[int]) -> bool:
    """Find the series of lines that are not where they were; return whether any place has another one."""
    stem, lines, slots = diff.family + b"{", diff.lines, diff.slots
    known, newcomers = diff.known, diff.newcomers
    moved = False
    for index in indices:
        series_text, _, text = lines[index].rpartition(b" ")
        value = number(text)
        if value is None or not series_text.endswith(b'"}') or not series_text.startswith(stem):
            sample = series_and_value(lines[index])
            if sample is None or not belongs(sample[0], diff.family):
                moved |= _skip(diff, index)
                continue
            series_text, value = sample
        counter = known.get(series_text)
        if counter is None:
            newcomers.append((index, series_text, value))
        elif value != counter.value or counter.missing_since is not None:
            diff.changed.append((index, counter, value))
        moved |= counter is not slots[index]
        slots[index] = counter
    return moved


def _skip(diff: FamilyDiff, index: int) -> bool:
    """Pass over a line that is no sample of a counter; a known series keeps its baseline."""
    before, line = diff.slots[index], diff.lines[index]
    if not line.strip():
        diff.slots[index] = None
        return before is not None
    counter = diff.slots[index] = diff.known.get(line.rpartition(b" ")[0])
    diff.skipped.add(index)
    return counter is not before


def _take_stock(diff: FamilyDiff) -> None:
    """Note which counters no line belongs to any more; one that comes twice is left to its first line."""
    slots = diff.slots
    present, unowned = set(slots), slots.count(None)
    if len(present) - (None in present) < len(slots) - unowned:
        for index in _repeated(slots):
            slots[index] = None
            diff.skipped.add(index)
        diff.changed = [one for one in diff.changed if slots[one[0]] is one[1]]
    diff.missing = [one for one in diff.known.values() if one.missing_since is None and one not in present]


def _repeated(slots: list[Counter | None]) -> list[int]:
    """Return the lines whose counter an earlier line has."""
    first: dict[Counter, int] = {}
    return [index for index, one in enumerate(slots) if one is not None and first.setdefault(one, index) != index]


def _find_renamed(diff: FamilyDiff, layouts: AbstractSet[Layout]) -> None:
    """Take newcomers for known series where only the order of labels, an empty label or an escape differs.

    `layouts` are those of the known series, which mostly share one.
    """
    escapes = any(b"\\" in one.series.text for one in diff.missing)
    odd = [one for one in diff.newcomers if escapes or b"\\" in one[1] or layouts != {layout_of(one[1])}]
    if not odd:
        return
    present = set(diff.slots)
    by_labels = {canonical(text): (text, counter) for text, counter in diff.known.items()}
    for newcomer in odd:
        index, text, value = newcomer
        labels = canonical(text)
        if labels is None or labels not in by_labels:
            continue
        diff.newcomers.remove(newcomer)
        old, counter = by_labels[labels]
        if counter in present and _is_repeated(diff, counter, index):
            continue
        present.add(counter)
        diff.slots[index] = counter
        diff.renamed.append((old, text))
        diff.changed.append((index, counter, value))
    diff.missing = [one for one in diff.missing if one not in present]


def _find_relabelled(diff: FamilyDiff, apart: AbstractSet[str], family: str, twin: Sequence[bytes]) -> None:
    """Take newcomers for known series that the answer lacks, where only target labels are others."""
    if gone := _gone(diff):
        told = creation_times(family, twin)
        _follow(diff, same_incarnations(gone, {text: told.get(text) for _, text, _ in diff.newcomers}))
        found = {old for old, _ in diff.renamed}
        newcomers = [text for _, text, _ in diff.newcomers]
        _follow(diff, relabelled([text for text in gone if text not in found], newcomers, diff.lines, apart))


def _gone(diff: FamilyDiff) -> dict[bytes, float | None]:
    """Return the known series that the answer lacks, those first that were there last, and when they were created."""
    present = set(diff.slots)
    gone = [(text, one) for text, one in diff.known.items() if one not in present]
    # A series that was there before the last label changed may be gone under an earlier one, too.
    gone.sort(key=lambda one: -(one[1].missing_since or inf))
    return {text: one.created for text, one in gone}


def _follow(diff: FamilyDiff, successors: Mapping[bytes, bytes]) -> None:
    """Take newcomers for the known series that they go on from: new -> old text."""
    if not successors:
        return
    newcomers = {text: (index, value) for index, text, value in diff.newcomers}
    for new, old in successors.items():
        counter, (index, value) = diff.known[old], newcomers[new]
        diff.slots[index] = counter
        diff.renamed.append((old, new))
        diff.changed.append((index, counter, value))
    diff.newcomers = [one for one in diff.newcomers if one[1] not in successors]
    present = set(diff.slots)
    diff.missing = [one for one in diff.missing if one not in present]


def _is_repeated(diff: FamilyDiff, counter: Counter, index: int) -> bool:
    """Whether an earlier line than this one has the counter; leave it to this one otherwise."""
    other = diff.slots.index(counter)
    diff.skipped.add(max(index, other))
    if other < index:
        return True
    diff.slots[other] = None
    diff.changed = [one for one in diff.changed if one[0] != other]
    return False
