"""Lines of COPY in, usage rows out: what the database summed up, cleaned, in blocks of whole hours."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import nan
from operator import itemgetter

from ..core.catalog import Dimension, tag_label
from ..core.exposition import HIGHEST
from .errors import UnexpectedAnswerError
from .models import DAY, HOUR, METRICS, QUARTER, Members, Span, Sums, Vector, add_to, floor, members_of
from .tables import LogTable

BLOCK_ROWS = 5_000
"""After so many rows a block ends at the next full hour, else at the day's start."""

CHUNK_BYTES = 1 << 18
"""So much of a quarter-hour is packed at once: some thousand rows, a millisecond or two."""

KNOWN_KEYS = 4_000
"""Combinations that are remembered; tags can be as many as requests."""

LONGEST_KNOWN = 4_096
"""Bytes of a combination that is remembered."""

MOST_BYTES = 1 << 26
"""Of a block: some 300,000 rows of an hour. Past it rows are counted without tags, past twice it all together."""
MOST_ROWS = 1_000_000
"""Of a block, which is an hour at least: as many requests, each with tags of its own, LiteLLM does not serve."""
LONGEST_LINE = 1 << 18
"""Bytes that are left of a line of more than twice as many."""

NULL = "\\N"
"""How COPY writes that there is none."""
_NULL_BYTES = NULL.encode()

_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """What was used in a span of time, all that there is."""

    span: Span
    told: list[Sums]
    """Who takes the block empties it, on a thread where it may take its time."""


@dataclass(slots=True)
class Reader:
    """Makes blocks, newest first, of the lines that the database sends for one span."""

    table: LogTable
    span: Span
    _end: datetime = field(init=False)
    _rest: bytearray = field(default_factory=bytearray)
    """What has come in of a line."""
    _told: list[Sums] = field(default_factory=list)
    _rows: int = 0
    """How many lines of these there were."""
    _bytes: int = 0
    """How large these are."""
    _start: bytes | None = None
    """The quarter-hour whose lines are coming in."""
    _quarter: dict[bytes, Vector] = field(default_factory=dict)
    """By the keys of a line."""
    _unpacked: int = 0
    """How many bytes that were, at most."""
    _known: dict[bytes, Members] = field(default_factory=dict)
    """Whom the keys of a line name; belongs to whoever makes rows."""
    _lost: int = 0
    """Bytes of lines that were too long."""
    _sums: int = field(init=False)
    """How many a line ends with."""
    _tabs: int = field(init=False)
    """How many there are between its keys."""
    _in_order: Callable[[Vector], Vector] = field(init=False)
    """Makes a vector of the sums, and of None after them for what they do not tell."""

    def __post_init__(self) -> None:
        """Look up once where everything stands."""
        self._end = self.span.end
        metrics = list(self.table.sums)
        self._sums = len(metrics)
        self._tabs = len(self.table.members) + self.table.tagged - 1
        self._in_order = itemgetter(*[metrics.index(one) if one in metrics else len(metrics) for one in METRICS])

    def feed(self, piece: bytes | bytearray) -> Iterator[Block]:
        """Take some bytes in and yield the blocks that they complete.

        Raises UnexpectedAnswerError for what has no end or no order, ValueError, OverflowError or OSError for no lines.
        """
        end, *others = bytes(piece).split(b"\n")
        self._rest += end
        if others:
            others.insert(0, bytes(self._rest))
            self._rest = bytearray(others.pop())
        for line in others:
            whose, *sums = line.rsplit(b"\t", self._sums)
            start, _, keys = whose.partition(b"\t")
            if start != self._start:
                if self._start is not None and not _is_older(start, self._start):
                    raise UnexpectedAnswerError("rows in no order")
                self._close()
                if block := self._complete(_time(start)):
                    yield block
                self._start = start
            self._take(keys, sums)
        self._unpacked += len(piece)
        if self._unpacked >= CHUNK_BYTES:
            self._pack()
        self._shorten()
        if self._lost > MOST_BYTES or self._rows > MOST_ROWS:
            raise UnexpectedAnswerError("rows without end")

    def finish(self) -> Iterator[Block]:
        """Yield what is left, down to the start of the span."""
        self._close()
        yield Block(Span(self.span.start, self._end), self._told)

    def _shorten(self) -> None:
        """Lose the middle of a line that is far too long: how long the tags of a request are, its client says.

        What stands in its place makes no JSON, and no tags, of what is left.
        """
        if len(self._rest) > 2 * LONGEST_LINE:
            self._lost += len(self._rest) - LONGEST_LINE
            self._rest[LONGEST_LINE // 2 : -LONGEST_LINE // 2] = b"\0"

    def _take(self, keys: bytes, sums: list[bytes]) -> None:
        """Add a line to its quarter-hour."""
        self._rows += 1
        add_to(self._quarter, self._told_apart(keys), self._in_order((*_numbers(sums), None)))

    def _told_apart(self, keys: bytes) -> bytes:
        """Return what of the keys of a line there is room for: what a hostile database sends is bounded in bytes."""
        if keys.count(b"\t") != self._tabs:
            return b""
        if self._bytes < MOST_BYTES:
            return keys
        if self.table.tagged and self._bytes < 2 * MOST_BYTES:
            return keys.rpartition(b"\t")[0] + b"\t\\N"
        return b""

    def _members(self, keys: bytes) -> Members:
        """Return whom the keys of a line name."""
        members = self._known.get(keys)
        if members is None:
            members = self._named(keys.decode(errors="replace").split("\t")) if keys else ()
            if len(self._known) >= KNOWN_KEYS:
                self._known.clear()
            if len(keys) <= LONGEST_KNOWN:
                self._known[keys] = members
        return members

    def _named(self, keys: Iterable[str]) -> Members:
        """Return whom the keys of a line name, with all tags of its requests, as a series of /metrics has them."""
        texts = [text(key) for key in keys]
        tags = tags_of(texts.pop()) if self.table.tagged else []
        pairs = [(dimension, key) for (dimension, _), key in zip(self.table.members, texts, strict=True)]
        provider = dict(pairs).get(Dimension.PROVIDER)
        pairs = [(name, stripped(key, provider) if name is Dimension.MODEL else key) for name, key in pairs]
        return members_of([*pairs, *[(Dimension.TAG, tag) for tag in sorted(set(map(tag_label, tags)))]])

    def _close(self) -> None:
        """End the quarter-hour."""
        self._pack()
        self._start = None

    def _pack(self) -> None:
        """Put what of the quarter-hour has come in to the rest."""
        if self._start is not None and self._quarter:
            sums = Sums.of(_time(self._start), self._quarter, self._members)
            self._told.append(sums)
            self._bytes += len(sums.packed)
            self._quarter, self._unpacked = {}, 0

    def _complete(self, older: datetime) -> Block | None:
        """Return the block that ends before an older quarter-hour begins to come in, if it is time."""
        if not self._told:
            return None
        cut = floor(self._told[-1].start, HOUR if self._rows >= BLOCK_ROWS else DAY)
        if older >= cut or cut <= self.span.start:
            return None
        block = Block(Span(cut, self._end), self._told)
        self._end, self._told, self._rows, self._bytes = cut, [], 0, 0
        return block


def text(value: str) -> str | None:
    """Return what a field of COPY's text format stands for."""
    if value == NULL:
        return None
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), value) if "\\" in value else value


def tags_of(found: str | None) -> list[str]:
    """Return the tags of a request, each once; what LiteLLM adds of the client is none, nor what a client made up."""
    try:
        tags = json.loads(found) if found else None
    except ValueError, RecursionError:
        return []
    if not isinstance(tags, list):
        return []
    return [*dict.fromkeys(tag for tag in tags if isinstance(tag, str) and not tag.startswith("User-Agent:"))]


def stripped(model: str | None, provider: str | None) -> str | None:
    """Return a model as /metrics names it: newer rows put the provider before it."""
    return model.removeprefix(f"{provider}/") if model and provider else model


def _time(epoch: bytes) -> datetime:
    """Return the time of so many seconds since 1970."""
    return datetime.fromtimestamp(float(epoch), UTC)


def _is_older(start: bytes, newer: bytes) -> bool:
    """Whether a quarter-hour is one, and before another."""
    return float(start) < float(newer) and float(start) % QUARTER.total_seconds() == 0


def _numbers(values: list[bytes]) -> Sequence[float | None]:
    """Return the numbers of fields; what is none, or beyond all bounds, would spoil every sum that it is part of."""
    if _NULL_BYTES not in values:
        found = [*map(float, values)]
        if sum(map(abs, found)) < HIGHEST:
            return found
    return [_number(value) for value in values]


def _number(value: bytes) -> float | None:
    """Return the number of a field."""
    found = nan if value == _NULL_BYTES else float(value)
    return found if abs(found) < HIGHEST else None
