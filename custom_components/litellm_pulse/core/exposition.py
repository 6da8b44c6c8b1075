"""The text exposition format of Prometheus: bytes to families, lines to samples.

Grammar: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4). Most of a
LiteLLM body is histogram buckets that nobody here wants, so the body is walked from one comment
to the next and a family that is not wanted is never split into lines.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite, nan

from .errors import (
    EmptyAnswerError,
    EnterpriseOnlyError,
    NoLiteLLMMetricsError,
    NotPrometheusError,
    TruncatedAnswerError,
)

PROCESS_START = "process_start_time_seconds"
_PREFIX = "litellm_"
_ENTERPRISE_ONLY = "litellm_not_a_premium_user_metric"
_TYPE = b"# TYPE "
_HELP = b"# HELP "
_HASH = b"#"[0]

_SAMPLE = re.compile(
    rb'[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?)[ \t]*'
    rb"(?<=[ \t}])([^ \t]+)(?:[ \t]+-?[0-9]+)?[ \t]*"
)
_PLAIN_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="([^"]*)"')
_PLAIN_LABELS = re.compile(r'(?:[a-zA-Z_][a-zA-Z0-9_]*="[^"]*"(?:,|$))*+')
_LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(?:,|$)')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n"}


@dataclass(frozen=True, slots=True)
class Exposition:
    """A body, cut into the families that are wanted."""

    blocks: dict[str, bytes]
    """Per wanted family that is published, its sample lines; empty where it has no series yet."""


def read(body: bytes | bytearray, wants: Callable[[str], bool]) -> Exposition:
    """Cut a body into the blocks of the families that `wants` names.

    Raises EmptyAnswerError, NotPrometheusError, TruncatedAnswerError, NoLiteLLMMetricsError or
    EnterpriseOnlyError for a body that cannot be counted from.
    """
    _check_form(body)
    blocks: dict[str, bytes] = {}
    published = False
    for name, start, end in _families(body):
        published = published or name.startswith(_PREFIX)
        if name.startswith(_ENTERPRISE_ONLY):
            raise EnterpriseOnlyError
        if wants(name):
            # In pieces, or twice where somebody has joined two bodies.
            blocks[name] = blocks.get(name, b"") + body[start:end]
    if not published:
        raise NoLiteLLMMetricsError
    return Exposition(blocks)


def inspect(body: bytes | bytearray) -> None:
    """Check that a body is one that the ledger can count from; raises AnswerError otherwise."""
    read(body, lambda _: False)


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
    return value if value >= 0 and isfinite(value) and b"_" not in text else None


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


def gauges(block: bytes) -> Iterator[tuple[dict[str, str], float]]:
    """Yield labels and value of each sample of a gauge; NaN and infinities included."""
    for line in block.split(b"\n"):
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


def _check_form(body: bytes | bytearray) -> None:
    """Raise where a body is empty, is no exposition or ends inside a line."""
    start = body[:256].lstrip()
    if not start:
        raise EmptyAnswerError
    if start[:1] in b'<{["':
        raise NotPrometheusError
    if not body.endswith(b"\n"):
        raise TruncatedAnswerError


def _families(body: bytes | bytearray) -> Iterator[tuple[str, int, int]]:
    """Yield (family, start of samples, their end), walking from one `# TYPE` to the next.

    A family comes in pieces where there are comments in it.

    Searching for the single byte `#` is what makes it fast: memchr runs at the speed of memory,
    the search for a longer needle ten times slower.
    """
    name, start = "", 0
    at = body.find(b"#")
    while at >= 0:
        if at == 0 or body[at - 1 : at] == b"\n":
            if name:
                yield name, start, at
            end = body.find(b"\n", at)
            if body.startswith(_TYPE, at):
                name = _named(body[at:end])
            elif body.startswith(_HELP, at) and _named(body[at:end]) != name:
                name = ""
            start, at = end + 1, end
        at = body.find(b"#", at + 1)
    if name:
        yield name, start, len(body)


def _named(line: bytes | bytearray) -> str:
    """Return the family that a `# TYPE` or `# HELP` line names."""
    name, *_ = (*bytes(line).split(None, 3)[2:3], b"")
    return name.decode("ascii", "replace")
