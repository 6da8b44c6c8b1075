"""The labels of series, read fast: the series of a family nearly always have the same label names."""

import re
from dataclasses import dataclass, field

_PLAIN_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="([^"]*)"')
_PLAIN_LABELS = re.compile(r'(?:[a-zA-Z_][a-zA-Z0-9_]*="[^"]*"(?:,|$))*+')
_LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(?:,|$)')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n"}


@dataclass(slots=True)
class Labels:
    """Label names and their values, in the order of the exposition."""

    names: tuple[str, ...]
    values: tuple[str, ...]

    def get(self, name: str) -> str | None:
        """Return the value of a label, None where there is none."""
        return self.values[self.names.index(name)] if name in self.names else None


@dataclass(slots=True)
class LabelReader:
    """Reads series texts by splitting them at their quotes: what stands between the values is the layout."""

    _layouts: dict[str, tuple[list[str], tuple[str, ...]]] = field(default_factory=dict)
    """Family -> the layout and the names of the last series that was read in full."""

    def read(self, family: str, series_text: bytes) -> Labels | None:
        """Return the labels of `family{labels}`, or None where they are not well-formed."""
        plain = b"\\" not in series_text
        if plain:
            parts = series_text.decode("utf-8", "replace").split('"')
            layout = self._layouts.get(family)
            if layout is not None and parts[::2] == layout[0]:
                return Labels(layout[1], tuple(parts[1::2]))
        labels = labels_of(series_text)
        if labels is None:
            return None
        names = tuple(labels)
        if plain and len(names) == len(parts) // 2:
            self._layouts[family] = parts[::2], names
        return Labels(names, tuple(labels.values()))


def canonical(series_text: bytes) -> tuple[tuple[str, str], ...] | None:
    """Return what is the same for two texts of one series: its labels in order, those that are empty left out."""
    labels = labels_of(series_text)
    return None if labels is None else tuple(sorted((name, value) for name, value in labels.items() if value))


def labels_of(series_text: bytes) -> dict[str, str] | None:
    """Return the labels of `family{labels}`, or None where they are not well-formed."""
    name, brace, rest = series_text.decode("utf-8", "replace").partition("{")
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


def _unescaped(match: re.Match[str]) -> str:
    """Return what an escape stands for; a backslash before anything else is that thing."""
    return _ESCAPED.get(match[1], match[1])
