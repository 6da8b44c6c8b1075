"""What one answer says that the last answer of the same process did not.

Nothing here changes state: a reading is worked out first and applied by the ledger only when all
of it stands. A known series costs one comparison of its line; only lines that differ are read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import compress, count
from operator import ne

from .counter import Counter, Process
from .exposition import head_and_value, number


@dataclass(slots=True)
class FamilyReading:
    """One family of an answer, against the process' last one."""

    family: bytes
    block: bytes
    known: Mapping[bytes, Counter]
    """The counters of the family before this answer, per head."""
    slots: list[Counter | None]
    """The counter of each line; None for a newcomer, an empty or an unreadable line."""
    changed: list[tuple[int, Counter, float]] = field(default_factory=list)
    """Line, counter and value of those known, with a value other than the last."""
    newcomers: list[tuple[int, bytes, float]] = field(default_factory=list)
    """Line, series and value of those not known in this process."""
    gone: list[Counter] = field(default_factory=list)
    """Counters that the answer does not have any more."""
    skipped: int = 0


def read_family(process: Process, family: str, block: bytes) -> FamilyReading:
    """Compare a family's block with the last one of the process."""
    old = process.blocks.get(family, b"")
    slots = process.slots.get(family, [])
    known = process.counters.get(family, {})
    if slots and block == old:
        return FamilyReading(family.encode(), block, known, slots)
    lines = block.split(b"\n")
    reading = FamilyReading(family.encode(), block, known, slots[: len(lines)] + [None] * (len(lines) - len(slots)))
    moved = len(lines) != len(slots)
    for index in _differing(lines, old, len(slots)):
        moved |= _read_line(reading, index, lines[index])
    if known and (moved or len(lines) - reading.slots.count(None) < len(known)):
        _take_stock(reading, lines)
    return reading


def created_since(process: Process, family: str, block: bytes) -> dict[bytes, float]:
    """Return series -> `_created` of the lines that differ from the process' last answer.

    `family` is the family that counts, `block` the lines of its `_created` twin.
    """
    name = created_family(family)
    old = process.blocks.get(name, b"")
    if block == old:
        return {}
    lines = block.split(b"\n")
    stem, skip = family.encode(), len(name)
    differing = _differing(lines, old, old.count(b"\n") + 1 if old else 0)
    pairs = ((lines[index][skip:].rpartition(b" "), index) for index in differing)
    return {stem + labels: value for (labels, _, text), _ in pairs if (value := number(text)) is not None}


def created_family(family: str) -> str:
    """Return the name of the twin that says when a counter's series were created."""
    return family.removesuffix("_total") + "_created"


def _differing(lines: list[bytes], old: bytes, known: int) -> Iterator[int]:
    """Yield the indices of the lines that are not the same as in the old block."""
    if not known:
        yield from range(len(lines))
        return
    yield from compress(count(), map(ne, lines, old.split(b"\n"), strict=False))
    yield from range(known, len(lines))


def _read_line(reading: FamilyReading, index: int, line: bytes) -> bool:
    """Read one line that differs; return whether its place now belongs to another series."""
    counter = reading.slots[index]
    if counter is not None and line.startswith(counter.series.head):
        value = number(line[len(counter.series.head) :])
        if value is not None:
            reading.changed.append((index, counter, value))
            return False
    return _find_series(reading, index, line)


def _find_series(reading: FamilyReading, index: int, line: bytes) -> bool:
    """Find the series of a line that is not where it was; return whether it is another."""
    before = reading.slots[index]
    head, _, text = line.rpartition(b" ")
    value = number(text)
    if value is None or not head.endswith(b"}"):
        sample = head_and_value(line)
        if sample is None:
            return _skip(reading, index, line)
        head, value = sample
    counter = reading.known.get(head)
    if counter is None and not _belongs(head, reading.family):
        return _skip(reading, index, line)
    reading.slots[index] = counter
    if counter is None:
        reading.newcomers.append((index, head, value))
    elif value != counter.value:
        reading.changed.append((index, counter, value))
    return counter is not before


def _belongs(head: bytes, family: bytes) -> bool:
    """Whether a series is one of the family."""
    return head.startswith(family) and head[len(family) : len(family) + 1] in {b"", b"{"}


def _skip(reading: FamilyReading, index: int, line: bytes) -> bool:
    """Pass over a line that is no sample of a counter; a known series keeps its baseline."""
    before = reading.slots[index]
    if not line.strip():
        reading.slots[index] = None
        return before is not None
    counter = reading.slots[index] = reading.known.get(line.rpartition(b" ")[0])
    reading.skipped += 1
    return counter is not before


def _take_stock(reading: FamilyReading, lines: list[bytes]) -> None:
    """Note which counters no line belongs to any more; one that comes twice is left to its first line."""
    slots = reading.slots
    present, unowned = set(slots), slots.count(None)
    if len(present) - (None in present) < len(slots) - unowned:
        for index in _repeated(slots):
            slots[index] = None
        reading.changed = [one for one in reading.changed if slots[one[0]] is one[1]]
    # An unreadable line may be any of the series, so nothing is called gone beside one.
    if unowned == len(reading.newcomers) + lines.count(b""):
        reading.gone = [counter for counter in reading.known.values() if counter not in present]


def _repeated(slots: list[Counter | None]) -> list[int]:
    """Return the lines whose counter an earlier line has."""
    first: dict[Counter, int] = {}
    return [index for index, one in enumerate(slots) if one is not None and first.setdefault(one, index) != index]
