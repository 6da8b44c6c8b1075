"""Sample lines: the series, the value, and the sums of a whole body."""

import re
from collections.abc import Iterable, Iterator
from math import inf, isfinite, nan

from .labels import labels_of

_HASH = ord("#")
_SAMPLE = re.compile(
    rb'[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?)[ \t]*'
    rb"(?<=[ \t}])([^ \t]+)(?:[ \t]+-?[0-9]+)?[ \t]*"
)


def series_and_value(line: bytes) -> tuple[bytes, float] | None:
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


def _name_and_value(line: bytes | bytearray) -> tuple[bytes, bytes]:
    """Return the name of a sample line and its value, as they are written; nothing for any other line."""
    match = _SAMPLE.fullmatch(line)
    return (bytes(match[1]).partition(b"{")[0], match[2]) if match else (b"", b"")
