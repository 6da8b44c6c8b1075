"""The text exposition format of Prometheus: bytes to families, lines to samples.

Grammar: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4); what OpenMetrics
writes otherwise is read too, for a collector between the proxy and us may not ask. Most of a
LiteLLM body is histogram buckets that nobody here wants, so the body is walked from one comment
to the next and a family that is not wanted is never split into lines.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from ..errors import (
    EmptyAnswerError,
    EnterpriseOnlyError,
    NoLiteLLMMetricsError,
    NotPrometheusError,
    TooManySeriesError,
    TruncatedAnswerError,
    WebPageError,
)
from .samples import LINE_LIMIT, without_exemplar

PROCESS_START = "process_start_time_seconds"
_PREFIX = b"litellm_"
_ENTERPRISE_ONLY = b"litellm_not_a_premium_user_metric_total"
_TYPE = b"# TYPE "
_TYPE_LENGTH = len(_TYPE)
_HELP = b"# HELP "
_NEWLINE = ord("\n")
_OVERLONG = 100, b'{"'
"""What is kept of a line that is too long: so many bytes, with an end that makes it one that cannot be read."""
SERIES_LIMIT = 250_000
"""Lines of wanted families; each costs some kilobytes of memory, and a busy proxy (50 keys, 20 models) has 8,000."""
_FAMILY_LIMIT = 1_000
"""Families that are remembered; LiteLLM has about a hundred."""
_FAMILY_LENGTH = 200
"""Bytes of a name and a type that are remembered."""
_BOM = b"\xef\xbb\xbf"
_EOF = b"# EOF"
_TOTAL = b"_total"
_CREATED = b"_created"
_SUM = b"_sum"
_COUNT = b"_count"

type Exposition = Mapping[str, Sequence[bytes]]
"""A whole body: each wanted family that is published, and its sample lines; none where it has no series yet."""


class _Family(NamedTuple):
    """What is kept of a family."""

    name: bytes
    """What its lines are kept under, empty where it is not wanted."""
    described: bytes
    """What its `# TYPE` calls it."""
    suffixes: tuple[bytes, ...] = ()
    """Of the lines that are kept, where it is a histogram: never those of its buckets."""
    open_metrics: bool = False
    """It is a counter that goes by its OpenMetrics name, without `_total`."""


@dataclass(slots=True)
class _Wanted:
    """What is wanted of bodies; nearly all of them have the same families."""

    families: frozenset[bytes]
    histograms: bool
    _known: dict[bytes, _Family] = field(default_factory=dict)
    """By what their `# TYPE` says."""

    def family(self, described: bytes) -> _Family:
        """Return the family that begins, as its `# TYPE` describes it."""
        known = self._known.get(described)
        if known is None:
            known = self._look_up(described)
            if len(self._known) < _FAMILY_LIMIT and len(described) < _FAMILY_LENGTH:
                self._known[described] = known
        return known

    def _look_up(self, described: bytes) -> _Family:
        """Look at what a `# TYPE` says."""
        name, _, kind = described.partition(b" ")
        kind = kind.strip()
        if suffixes := self._kept_of(name, kind):
            return _Family(name, name, suffixes)
        if name in self.families:
            return _Family(name, name)
        if kind == b"counter" and name + _TOTAL in self.families:
            return _Family(name + _TOTAL, name, open_metrics=True)
        return _Family(b"", name)

    def _kept_of(self, name: bytes, kind: bytes) -> tuple[bytes, ...]:
        """Return which lines of a family are kept, where it is a histogram that has any."""
        if kind != b"histogram" or not name.startswith(_PREFIX):
            return ()
        if name + _SUM in self.families:
            return _SUM, _COUNT
        return (_COUNT,) if self.histograms else ()


@lru_cache(maxsize=8)
def _wanted(families: frozenset[str], *, histograms: bool) -> _Wanted:
    """Return what is wanted where these families are."""
    return _Wanted(frozenset([_ENTERPRISE_ONLY, *(name.encode() for name in families)]), histograms)


class ExpositionParser:
    """Cuts a body into the lines of the families that are wanted, while it comes in.

    Searching for the single byte `#` is what makes it fast: memchr runs at the speed of memory,
    the search for a longer needle ten times slower.
    """

    def __init__(self, wanted: Collection[str], *, histograms: bool = False) -> None:
        """Begin a body, of which these families are wanted.

        With `histograms`, the `_count` lines of LiteLLM's histograms are kept too, as families of
        their own: where a process has no identity, they are evidence of a restart.
        """
        self._wanted = _wanted(frozenset(wanted), histograms=histograms)
        self._families: dict[bytes, list[bytes]] = {}
        self._name = b""
        """What lines at hand are kept under, empty where they are not wanted."""
        self._family = _Family(b"", b"")
        """The family at hand."""
        self._rest = b""
        """The beginning of a line that the next piece goes on with."""
        self._overlong = False
        """That line is too long: the rest of it is skipped."""
        self._kept = 0
        """Lines so far."""
        self._begun = self._published = False
        self.ended = False
        """The body said itself where it ends, with `# EOF`."""

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the body, of any length; takes a few microseconds.

        Raises NotPrometheusError or TooManySeriesError as soon as that shows.
        """
        if not self._begun:
            piece = self._begin(self._rest + piece)
            if not self._begun:
                return
        start = 0
        if self._rest:
            start = piece.find(b"\n") + 1
            line = self._rest + (piece[start - 1 : start] if self._overlong else piece[: start or None])
            if not start:
                self._keep(line)
                return
            self._overlong = False
            line = _within_limit(line)
            self._cut(line, 0, len(line))
        stop = max(start, piece.rfind(b"\n") + 1)
        self._cut(piece, start, stop)
        self._keep(piece[stop:])

    def finish(self) -> Exposition:
        """Return the whole body, once it has ended.

        Raises EmptyAnswerError, EnterpriseOnlyError, TruncatedAnswerError or NoLiteLLMMetricsError
        for a body that cannot be counted from.
        """
        if not self._begun:
            raise EmptyAnswerError
        if _ENTERPRISE_ONLY in self._families:
            raise EnterpriseOnlyError
        if self._rest.rstrip() == _EOF:
            self._rest, self.ended = b"", True
        if self._rest:
            raise TruncatedAnswerError
        if not self._published:
            raise NoLiteLLMMetricsError
        return {name.decode(): lines for name, lines in self._families.items()}

    def _begin(self, piece: bytes) -> bytes:
        """Look at how the body begins; return it without a byte order mark."""
        self._rest = b""
        if len(piece) < len(_BOM) and _BOM.startswith(piece):
            self._rest = piece
            return b""
        piece = piece.removeprefix(_BOM)
        start = piece.lstrip()
        if start[:1] and start[:1] in b'<{["':
            raise WebPageError
        self._begun = bool(start)
        return piece

    def _keep(self, rest: bytes) -> None:
        """Keep the beginning of a line, of one that is too long as much as tells that it was skipped.

        Any client of the proxy may choose a name, however long: the other lines are not to suffer from that.
        """
        if len(rest) > LINE_LIMIT:
            if not self._published:
                raise NotPrometheusError
            self._overlong = True
        self._rest = _within_limit(rest)

    def _cut(self, lines: bytes, start: int, stop: int) -> None:
        """Walk through whole lines from one `# TYPE` to the next, and keep what is wanted.

        A family comes in pieces where there are comments in it, and twice where somebody has
        joined two bodies.
        """
        name, find = self._name, lines.find
        at = find(b"#", start, stop)
        while at >= 0:
            if lines.startswith(_TYPE, at):
                if at == 0 or lines[at - 1] == _NEWLINE:
                    self._take(name, lines, start, at)
                    start = find(b"\n", at, stop) + 1
                    name = self._enter(lines[at + _TYPE_LENGTH : start])
            elif lines.startswith(_EOF, at) and lines[at:stop].strip() == _EOF:
                self.ended = True
                self._take(name, lines, start, at)
                start = stop
            elif name and (at == 0 or lines[at - 1] == _NEWLINE):
                self._take(name, lines, start, at)
                if lines.startswith(_HELP, at) and not lines.startswith(self._family.described + b" ", at + len(_HELP)):
                    name = b""
                start = find(b"\n", at, stop) + 1
            # What stands later in a line is no comment; a line may hold a million of them.
            at = find(b"#", find(b"\n", at, stop) + 1 or stop, stop)
        self._take(name, lines, start, stop)
        self._name = name

    def _take(self, name: bytes, lines: bytes, start: int, stop: int) -> None:
        """Keep whole lines of a family, if it is wanted and has any here."""
        if name and stop > start:
            found = lines[start : stop - 1].split(b"\n")
            if self._family.suffixes:
                self._take_histogram(name, found)
            elif self._family.open_metrics:
                self._take_open_metrics(name, found)
            else:
                self._add(name, found)

    def _add(self, family: bytes, lines: list[bytes]) -> None:
        """Keep lines of a family."""
        self._families.setdefault(family, []).extend(lines)
        self._kept += len(lines)
        if self._kept > SERIES_LIMIT:
            raise TooManySeriesError

    def _take_histogram(self, name: bytes, lines: Iterable[bytes]) -> None:
        """Keep the sums and counts of a histogram, as families of their own."""
        for suffix in self._family.suffixes:
            begin = name + suffix
            self._add(begin, [line for line in lines if line.startswith(begin)])

    def _take_open_metrics(self, name: bytes, lines: Iterable[bytes]) -> None:
        """Keep the lines of a counter as the text format has them: `_created` is a family of its own there."""
        bare = name.removesuffix(_TOTAL)
        created = bare + _CREATED
        for line in filter(None, lines):
            family = created if line.startswith(created) else name
            if family in self._wanted.families:
                suffixed = line if line.startswith(family) else line.replace(bare, name, 1)
                self._add(family, [without_exemplar(suffixed)])

    def _enter(self, described: bytes) -> bytes:
        """Begin a family, and return what its lines are kept under."""
        family = self._family = self._wanted.family(described)
        if family.name and not family.suffixes:
            self._families.setdefault(family.name, [])
        if not self._published:
            self._published = family.described.startswith(_PREFIX)
        return family.name


def _within_limit(line: bytes) -> bytes:
    """Return a line, of one that is too long as much as tells that it was skipped, with its end."""
    if len(line) <= LINE_LIMIT:
        return line
    length, end = _OVERLONG
    return line[:length] + end + (b"\n" if line.endswith(b"\n") else b"")
