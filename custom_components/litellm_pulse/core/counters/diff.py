"""What one answer says that the last answer of the same process did not.

Nothing here pending state: a diff is worked out first and applied by the ledger only when all
of it stands. A known series costs one comparison of its line; only lines that differ are read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import compress, count
from operator import ne

from ..exposition import number, series_and_value
from .series import Counter, Process


@dataclass(slots=True)
class FamilyDiff:
    """One family of an answer, against the process' last one."""

    family: bytes
    lines: Sequence[bytes]
    known: Mapping[bytes, Counter]
    """The counters of the family before this answer, per series_text."""
    slots: list[Counter | None]
    """The counter of each line; None for a newcomer, an empty or an unreadable line."""
    changed: list[tuple[int, Counter, float]] = field(default_factory=list)
    """Line, counter and value of those known, with a value other than the last."""
    newcomers: list[tuple[int, bytes, float]] = field(default_factory=list)
    """Line, series and value of those not known in this process."""
    gone: list[Counter] = field(default_factory=list)
    """Counters that the answer does not have any more."""
    skipped: int = 0


def diff_family(process: Process, family: str, lines: Sequence[bytes]) -> FamilyDiff:
    """Compare a family's lines with the last ones of the process."""
    slots, old = process.slots.get(family, []), process.lines.get(family, ())
    known = process.counters.get(family, {})
    if slots and lines == old:
        return FamilyDiff(family.encode(), lines, known, slots)
    diff = FamilyDiff(family.encode(), lines, known, slots[: len(lines)] + [None] * (len(lines) - len(slots)))
    differing = _differing(lines, old)
    placed = diff.slots
    moved = _place(diff, [index for index in differing if placed[index] is None or not _reread(diff, index)])
    moved |= len(lines) != len(slots)
    if known and (moved or len(lines) - diff.slots.count(None) < len(known)):
        _take_stock(diff)
    return diff


def created_since(process: Process, family: str, lines: Sequence[bytes]) -> dict[bytes, float]:
    """Return series -> `_created` of the lines that differ from the process' last answer.

    `family` is the family that counts, `lines` are those of its `_created` twin.
    """
    name = created_family(family)
    stem, skip = family.encode(), len(name)
    found: dict[bytes, float] = {}
    old = process.lines.get(name, ())
    if lines == old:
        return found
    for index in _differing(lines, old):
        labels, _, text = lines[index][skip:].rpartition(b" ")
        if (value := number(text)) is not None:
            found[stem + labels] = value
    return found


@cache
def created_family(family: str) -> str:
    """Return the name of the twin that says when a counter's series were created."""
    return family.removesuffix("_total") + "_created"


def _differing(lines: Sequence[bytes], old: Sequence[bytes]) -> Iterator[int]:
    """Yield the indices of the lines that are not the same as those before."""
    yield from compress(count(), map(ne, lines, old, strict=False))
    yield from range(len(old), len(lines))


def _reread(diff: FamilyDiff, index: int) -> bool:
    """Read a line that differs; return whether it is of the series that was in its place before."""
    counter, line = diff.slots[index], diff.lines[index]
    if counter is None or not line.startswith(counter.series.text):
        return False
    value = number(line[len(counter.series.text) :])
    if value is None:
        return False
    diff.changed.append((index, counter, value))
    return True


def _place(diff: FamilyDiff, indices: list[int]) -> bool:
    """Find the series of lines that are not where they were; return whether any place has another one."""
    stem, lines, slots = diff.family + b"{", diff.lines, diff.slots
    known, newcomers = diff.known, diff.newcomers
    moved = False
    for index in indices:
        series_text, _, text = lines[index].rpartition(b" ")
        value = number(text)
        if value is None or not series_text.endswith(b"}") or not series_text.startswith(stem):
            sample = series_and_value(lines[index])
            if sample is None or not _belongs(sample[0], diff.family):
                moved |= _skip(diff, index)
                continue
            series_text, value = sample
        counter = known.get(series_text)
        if counter is None:
            newcomers.append((index, series_text, value))
        elif value != counter.value:
            diff.changed.append((index, counter, value))
        moved |= counter is not slots[index]
        slots[index] = counter
    return moved


def _belongs(series_text: bytes, family: bytes) -> bool:
    """Whether a series is one of the family."""
    return series_text.startswith(family) and series_text[len(family) : len(family) + 1] in {b"", b"{"}


def _skip(diff: FamilyDiff, index: int) -> bool:
    """Pass over a line that is no sample of a counter; a known series keeps its baseline."""
    before, line = diff.slots[index], diff.lines[index]
    if not line.strip():
        diff.slots[index] = None
        return before is not None
    counter = diff.slots[index] = diff.known.get(line.rpartition(b" ")[0])
    diff.skipped += 1
    return counter is not before


def _take_stock(diff: FamilyDiff) -> None:
    """Note which counters no line belongs to any more; one that comes twice is left to its first line."""
    slots = diff.slots
    present, unowned = set(slots), slots.count(None)
    if len(present) - (None in present) < len(slots) - unowned:
        for index in _repeated(slots):
            slots[index] = None
        diff.changed = [one for one in diff.changed if slots[one[0]] is one[1]]
    # An unreadable line may be any of the series, so nothing is called gone beside one.
    if unowned == len(diff.newcomers) + diff.lines.count(b""):
        diff.gone = [counter for counter in diff.known.values() if counter not in present]


def _repeated(slots: list[Counter | None]) -> list[int]:
    """Return the lines whose counter an earlier line has."""
    first: dict[Counter, int] = {}
    return [index for index, one in enumerate(slots) if one is not None and first.setdefault(one, index) != index]
