"""The labels of series, read fast: the series of a family nearly always have the same label names."""

import re
from dataclasses import dataclass, field

from .exposition import labels_of


@dataclass(frozen=True, slots=True)
class Labels:
    """Label names and their values, in the order of the exposition."""

    names: tuple[str, ...]
    values: tuple[str, ...]

    def get(self, name: str) -> str | None:
        """Return the value of a label, None where there is none."""
        return self.values[self.names.index(name)] if name in self.names else None


@dataclass(slots=True)
class LabelReader:
    """Reads heads with one pattern per set of label names: one search finds all the values."""

    _layouts: dict[str, tuple[tuple[str, ...], re.Pattern[str]]] = field(default_factory=dict)
    """Family -> the names that its last series had, and the pattern that finds their values."""

    def read(self, family: str, head: bytes) -> Labels | None:
        """Return the labels of `family{labels}`, or None where they are not well-formed."""
        layout = self._layouts.get(family)
        if layout is not None:
            match = layout[1].fullmatch(head.decode("utf-8", "replace"), len(family))
            if match is not None:
                return Labels(layout[0], match.groups())
        labels = labels_of(head)
        if labels is None:
            return None
        names = tuple(labels)
        self._layouts[family] = names, _pattern(names)
        return Labels(names, tuple(labels.values()))


def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of a label block with these names and no escapes in its values."""
    # `re` keeps the patterns it has compiled: families with the same names share one.
    return re.compile(r"\{" + ",".join(rf'{name}="([^"\\]*)"' for name in names) + r"\}")
