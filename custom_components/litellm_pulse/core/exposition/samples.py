"""Sample lines: the series, the value, and the sums of a whole body."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import copysign, inf, isfinite, nan

from ..errors import TooManySeriesError
from .labels import labels_of

LINE_LIMIT = 1 << 16
"""Bytes; to read a longer line would hold everything else up for more than some milliseconds."""
NAMES_LIMIT = 20_000
"""LiteLLM has some hundred, others beside it may have thousands; millions would be a gigabyte, and twenty seconds."""
HIGHEST = 1e18
"""No counter gets there: what says so is damaged, and would be in the totals for good."""
_HASH = ord("#")
_SAMPLE = re.compile(
    rb'[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?)[ \t]*'
    # OpenMetrics has times in seconds, with a fraction.
    rb"(?<=[ \t}])([^ \t]+)(?:[ \t]+-?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)?[ \t\r]*"
)

_WITH_EXEMPLAR = re.compile(_SAMPLE.pattern + rb"# .*")


def series_and_value(line: bytes) -> tuple[bytes, float] | None:
    """Split a sample line into its series (`family{labels}`) and a value of 0 or more.

    Returns None for a line that is not exposition format and for NaN, negatives and what is beyond all bounds.
    """
    match = _SAMPLE.fullmatch(line)
    value = match and number(match[2])
    return (match[1], value) if match and value is not None else None


def split_sample(line: bytes) -> tuple[bytes, float | None]:
    """Return the series and the value of a line, nothing and None where it cannot be read; quick where it is plain."""
    series_text, _, text = line.rpartition(b" ")
    if series_text.endswith(b'"}'):
        return series_text, number(text)
    return series_and_value(line) or (b"", None)


def without_exemplar(line: bytes) -> bytes:
    """Return a sample line without its exemplar, which only OpenMetrics knows; any other line as it is."""
    match = _WITH_EXEMPLAR.fullmatch(line) if b"# " in line else None
    return line[: match.end(2)] if match else line


def number(text: bytes) -> float | None:
    """Return a counter's value, or None where it is negative, beyond all bounds or not a number."""
    try:
        value = float(text)
    except ValueError:
        return None
    # Python reads 1_000 as a number, the exposition format does not.
    return value if 0 <= value < HIGHEST and b"_" not in text else None


def sums(body: bytes | bytearray) -> dict[str, float]:
    """Return the sum of every name's samples, in the order of the body, whatever their labels.

    Lines that cannot be read, NaN and infinities are left out. Raises TooManySeriesError for more than NAMES_LIMIT.
    """
    found: dict[bytes, float] = {}
    start, find, rfind = 0, body.find, body.rfind
    while (end := find(b"\n", start)) >= 0:
        if body[start] != _HASH and 0 < end - start <= LINE_LIMIT:
            # Never looks beyond the line: a body may have a million of them without a blank.
            space = max(start, rfind(b" ", start, end))
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
                if len(found) > NAMES_LIMIT:
                    raise TooManySeriesError
        start = end + 1
    return {name.decode(): value for name, value in found.items() if isfinite(value)}


@dataclass(frozen=True, slots=True)
class GaugeSample:
    """One sample of a gauge; NaN and infinities are values too, and what is beyond all bounds is one of these."""

    labels: Mapping[str, str]
    value: float


@dataclass(slots=True)
class GaugeReader:
    """Reads the gauges of answer after answer; a line that was there before is not parsed again."""

    _known: dict[str, tuple[Sequence[bytes], Mapping[bytes, GaugeSample | None], list[GaugeSample]]] = field(
        default_factory=dict
    )
    """Family -> its lines in the last answer, what each says, and the samples in their order."""

    def read(self, families: Mapping[str, Sequence[bytes]]) -> dict[str, Sequence[GaugeSample]]:
        """Return family -> its samples; lines that cannot be read are left out.

        A family whose lines are all the same is the same list, a line that is the same the same sample.
        """
        before, self._known = self._known, {}
        for family, lines in families.items():
            name, known = family.encode(), before.get(family, ((), {}, []))
            if known[0] != lines:
                said = {line: known[1][line] if line in known[1] else _gauge_sample(name, line) for line in lines}
                known = lines, said, [sample for line in lines if (sample := said[line])]
            self._known[family] = known
        return {family: samples for family, (_, _, samples) in self._known.items()}


def belongs(series_text: bytes, family: bytes) -> bool:
    """Whether a series is one of a family: it may stand below another's description where its own was lost."""
    return series_text.startswith(family) and series_text[len(family) : len(family) + 1] in {b"", b"{"}


def _gauge_sample(family: bytes, line: bytes) -> GaugeSample | None:
    """Return the sample of a line, None where it cannot be read, or is another family's."""
    match = _SAMPLE.fullmatch(line)
    labels = match and belongs(match[1], family) and labels_of(match[1])
    if not match or not isinstance(labels, dict):
        return None
    try:
        value = float(match[2])
    except ValueError:
        return None
    if b"_" in match[2]:
        return None
    return GaugeSample(labels, copysign(inf, value) if abs(value) >= HIGHEST else value)


def label_names(exposition: Mapping[str, Sequence[bytes]]) -> frozenset[str]:
    """Return the names of the labels that counters have; the series of a family have the same, so one is read."""
    first = [lines[0] for family, lines in exposition.items() if family.endswith("_total") and lines]
    return frozenset().union(*map(_names_of, map(_series_of, first)))


def _series_of(line: bytes) -> bytes:
    """Return the series of a sample line, whatever its value; nothing for any other line."""
    series_text = line.rpartition(b" ")[0]
    if series_text.endswith(b'"}'):
        return series_text
    match = _SAMPLE.fullmatch(line)
    return match[1] if match else b""


@lru_cache(maxsize=128)
def _names_of(series_text: bytes) -> frozenset[str]:
    """Return the names of a series' labels; families mostly begin with the same series in each answer."""
    return frozenset(labels_of(series_text) or ())


def _name_and_value(line: bytes | bytearray) -> tuple[bytes, bytes]:
    """Return the name of a sample line and its value, as they are written; nothing for any other line."""
    match = _SAMPLE.fullmatch(line)
    return (bytes(match[1]).partition(b"{")[0], match[2]) if match else (b"", b"")
