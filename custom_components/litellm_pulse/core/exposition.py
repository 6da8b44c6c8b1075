"""The text exposition format of Prometheus: bytes to families, lines to samples.

Grammar: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4). Most of a
LiteLLM body is histogram buckets that nobody here wants, so the body is walked from one comment
to the next and a family that is not wanted is never split into lines.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from math import inf, isfinite, nan

from .errors import (
    EmptyAnswerError,
    EnterpriseOnlyError,
    NoLiteLLMMetricsError,
    NotPrometheusError,
    TruncatedAnswerError,
)

PROCESS_START = "process_start_time_seconds"
_PREFIX = b"litellm_"
_ENTERPRISE_ONLY = b"litellm_not_a_premium_user_metric_total"
_TYPE = b"# TYPE "
_TYPE_LENGTH = len(_TYPE)
_HELP = b"# HELP "
_HASH, _NEWLINE = b"#\n"
_LINE_LIMIT = 1 << 20
"""Bytes; what has no end after as many is no line of an exposition."""

_SAMPLE = re.compile(
    rb'[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?)[ \t]*'
    rb"(?<=[ \t}])([^ \t]+)(?:[ \t]+-?[0-9]+)?[ \t]*"
)
_PLAIN_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="([^"]*)"')
_PLAIN_LABELS = re.compile(r'(?:[a-zA-Z_][a-zA-Z0-9_]*="[^"]*"(?:,|$))*+')
_LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(?:,|$)')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n"}


type Exposition = Mapping[str, Sequence[bytes]]
"""A whole body: each wanted family that is published, and its sample lines; none where it has no series yet."""


class Reader:
    """Cuts a body into the lines of the families that are wanted, while it comes in.

    Searching for the single byte `#` is what makes it fast: memchr runs at the speed of memory,
    the search for a longer needle ten times slower.
    """

    def __init__(self, wanted: Collection[str]) -> None:
        """Begin a body, of which these families are wanted."""
        self._wanted = frozenset([_ENTERPRISE_ONLY, *(name.encode() for name in wanted)])
        self._families: dict[bytes, list[bytes]] = {}
        self._name = b""
        """The family at hand, empty where it is not wanted."""
        self._rest = b""
        """The beginning of a line that the next piece goes on with."""
        self._begun = self._published = False

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the body, of any length; takes a few microseconds.

        Raises NotPrometheusError as soon as that shows.
        """
        if not self._begun:
            self._begin(piece)
        start = 0
        if self._rest:
            start = piece.find(b"\n") + 1
            line = self._rest + piece[: start or None]
            if not start:
                self._keep(line)
                return
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
        if self._rest:
            raise TruncatedAnswerError
        if not self._published:
            raise NoLiteLLMMetricsError
        return {name.decode(): lines for name, lines in self._families.items()}

    def _begin(self, piece: bytes) -> None:
        """Look at how the body begins."""
        start = piece.lstrip()
        if start[:1] and start[:1] in b'<{["':
            raise NotPrometheusError
        self._begun = bool(start)

    def _keep(self, rest: bytes) -> None:
        """Keep the beginning of a line."""
        if len(rest) > _LINE_LIMIT:
            raise NotPrometheusError
        self._rest = rest

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
                    name = self._enter(lines[at + _TYPE_LENGTH : start].partition(b" ")[0])
            elif name and (at == 0 or lines[at - 1] == _NEWLINE):
                self._take(name, lines, start, at)
                if lines.startswith(_HELP, at) and not lines.startswith(name + b" ", at + len(_HELP)):
                    name = b""
                start = find(b"\n", at, stop) + 1
            at = find(b"#", at + 1, stop)
        self._take(name, lines, start, stop)
        self._name = name

    def _take(self, name: bytes, lines: bytes, start: int, stop: int) -> None:
        """Keep whole lines of a family, if it is wanted and has any here."""
        if name and stop > start:
            self._families[name] += lines[start : stop - 1].split(b"\n")

    def _enter(self, name: bytes) -> bytes:
        """Return the family that begins, nothing where it is not wanted."""
        if not self._published:
            self._published = name.startswith(_PREFIX)
        if name not in self._wanted:
            return b""
        self._families.setdefault(name, [])
        return name


def head_and_value(line: bytes) -> tuple[bytes, float] | None:
    """Split a sample line into its series (`family{labels}`) and a finite value of 0 or more.

    Returns None for a line that is not exposition format and for NaN, infinity and negatives.
    """
    match = _SAMPLE.fullmatch(line)
    value = match and number(match[2])
    return (match[1], value) if match and value is not None else None


def number(text: bytes) -> float | None:
    """Return a counter's value, or None where it is not finite, negative or not a number."""
    try:
        value = float(text)
    except ValueError:
        return None
    # Python reads 1_000 as a number, the exposition format does not.
    return value if 0 <= value < inf and b"_" not in text else None


def sums(body: bytes | bytearray) -> dict[str, float]:
    """Return the sum of every name's samples, in the order of the body, whatever their labels.

    Lines that cannot be read, NaN and infinities are left out.
    """
    found: dict[bytes, float] = {}
    start, find, rfind = 0, body.find, body.rfind
    while (end := find(b"\n", start)) >= 0:
        if body[start] != _HASH:
            space = rfind(b" ", start, end)
            brace = find(b"{", start, space)
            name, text = bytes(body[start : space if brace < 0 else brace]), body[space + 1 : end]
            # A sample whose value is not its last word is rare, and read with more care.
            if name not in found or not (brace < 0 or body[space - 2 : space] == b'"}'):
                name, text = _name_and_value(body[start:end])
            try:
                value = float(text)
            except ValueError:
                value = nan
            if isfinite(value) and b"_" not in text:
                found[name] = found.get(name, 0.0) + value
        start = end + 1
    return {name.decode(): value for name, value in found.items() if isfinite(value)}


def gauges(lines: Iterable[bytes]) -> Iterator[tuple[dict[str, str], float]]:
    """Yield labels and value of each sample of a gauge; NaN and infinities included."""
    for line in lines:
        match = _SAMPLE.fullmatch(line)
        labels = match and labels_of(match[1])
        if match and labels is not None:
            try:
                yield labels, float(match[2])
            except ValueError:
                continue


def labels_of(head: bytes) -> dict[str, str] | None:
    """Return the labels of `family{labels}`, or None where they are not well-formed."""
    name, brace, rest = head.decode("utf-8", "replace").partition("{")
    if not name or (brace and not rest.endswith("}")):
        return None
    text = rest[:-1]
    # Without escapes, which are rare, the labels need not be walked one by one.
    if "\\" not in text and _PLAIN_LABELS.fullmatch(text):
        return dict(_PLAIN_LABEL.findall(text))
    return _walk_labels(text.strip(" \t"))


def _walk_labels(text: str) -> dict[str, str] | None:
    """Return the labels of a block with escapes or white space in it."""
    labels: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _LABEL.match(text, at)
        if match is None:
            return None
        value = match[2]
        labels[match[1]] = _ESCAPE.sub(_unescaped, value) if "\\" in value else value
        at = match.end()
    return labels


def _name_and_value(line: bytes | bytearray) -> tuple[bytes, bytes]:
    """Return the name of a sample line and its value, as they are written; nothing for any other line."""
    match = _SAMPLE.fullmatch(line)
    return (bytes(match[1]).partition(b"{")[0], match[2]) if match else (b"", b"")


def _unescaped(match: re.Match[str]) -> str:
    """Return what an escape stands for; a backslash before anything else is that thing."""
    return _ESCAPED.get(match[1], match[1])
