"""Lines of COPY in, usage rows out: what the database summed up, cleaned, in blocks of whole hours."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ..core.catalog import Dimension
from .models import DAY, HOUR, METRICS, Members, Span, UsageRow, Vector, add, floor, members_of
from .tables import LogTable

BLOCK_ROWS = 5_000
"""After so many rows a block ends at the next full hour, else at the day's start."""

KNOWN_MEMBERS = 20_000
"""Combinations that are remembered; tags can be as many as requests."""

_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """The rows of a span of time, all that there are."""

    span: Span
    rows: Sequence[UsageRow]


@dataclass(slots=True)
class Reader:
    """Makes blocks, newest first, of the lines that the database sends for one span."""

    table: LogTable
    span: Span
    _end: datetime = field(init=False)
    _rest: bytes = b""
    _rows: list[UsageRow] = field(default_factory=list)
    _start: int | None = None
    """The quarter-hour whose lines are coming in."""
    _quarter: dict[tuple[Members, bool], Vector] = field(default_factory=dict)
    _members: dict[tuple[str, ...], tuple[Members, bool]] = field(default_factory=dict)
    _vector: list[int | None] = field(init=False)

    def __post_init__(self) -> None:
        """Look up once where each metric stands."""
        self._end = self.span.end
        metrics = list(self.table.sums)
        self._vector = [metrics.index(metric) if metric in metrics else None for metric in METRICS]

    def feed(self, piece: bytes) -> Iterator[Block]:
        """Take some bytes in and yield the blocks that they complete."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            fields = line.decode().split("\t")
            start = int(float(fields[0]))
            if start != self._start:
                self._close()
                if block := self._complete(start):
                    yield block
                self._start = start
            self._take(fields)

    def finish(self) -> Iterator[Block]:
        """Yield what is left, down to the start of the span."""
        self._close()
        yield Block(Span(self.span.start, self._end), self._rows)

    def _take(self, fields: Sequence[str]) -> None:
        """Add a line to its quarter-hour."""
        first = 2 if self.table.tagged else 1
        keys = tuple(fields[1 : first + len(self.table.members)])
        known = self._members.get(keys)
        if known is None:
            if len(self._members) >= KNOWN_MEMBERS:
                self._members.clear()
            known = self._members[keys] = self._named(keys)
        sums = fields[first + len(self.table.members) :]
        values = tuple([None if at is None or sums[at] == "\\N" else float(sums[at]) for at in self._vector])
        before = self._quarter.get(known)
        self._quarter[known] = values if before is None else add(before, values)

    def _named(self, keys: Sequence[str]) -> tuple[Members, bool]:
        """Return the members that a line's keys name, and whether it stands apart."""
        texts = [text(key) for key in keys]
        tag = texts.pop(0) if self.table.tagged else None
        pairs = [(dimension, key) for (dimension, _), key in zip(self.table.members, texts, strict=True)]
        provider = dict(pairs).get(Dimension.PROVIDER)
        pairs = [(name, stripped(key, provider) if name is Dimension.MODEL else key) for name, key in pairs]
        return members_of([*pairs, (Dimension.TAG, tag)]), tag is not None

    def _close(self) -> None:
        """End the quarter-hour."""
        if self._start is not None:
            start = datetime.fromtimestamp(self._start, UTC)
            self._rows += [
                UsageRow(start=start, members=members, values=values, apart=apart)
                for (members, apart), values in self._quarter.items()
            ]
        self._quarter, self._start = {}, None

    def _complete(self, start: int) -> Block | None:
        """Return the block that ends before an older quarter-hour begins to come in, if it is time."""
        if not self._rows:
            return None
        older = datetime.fromtimestamp(start, UTC)
        cut = floor(self._rows[-1].start, HOUR if len(self._rows) >= BLOCK_ROWS else DAY)
        if older >= cut or cut <= self.span.start:
            return None
        block = Block(Span(cut, self._end), self._rows)
        self._end, self._rows = cut, []
        return block


def text(value: str) -> str | None:
    """Return what a field of COPY's text format stands for."""
    if value == "\\N":
        return None
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), value) if "\\" in value else value


def stripped(model: str | None, provider: str | None) -> str | None:
    """Return a model as /metrics names it: newer rows put the provider before it."""
    return model.removeprefix(f"{provider}/") if model and provider else model
