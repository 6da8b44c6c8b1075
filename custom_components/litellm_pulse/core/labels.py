"""The labels of series, read fast: the series of a family nearly always have the same label names."""

from dataclasses import dataclass, field

from .exposition import labels_of


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
    """Reads heads by splitting them at their quotes: what stands between the values is the layout."""

    _layouts: dict[str, tuple[list[str], tuple[str, ...]]] = field(default_factory=dict)
    """Family -> the layout and the names of the last series that was read in full."""

    def read(self, family: str, head: bytes) -> Labels | None:
        """Return the labels of `family{labels}`, or None where they are not well-formed."""
        plain = b"\\" not in head
        if plain:
            parts = head.decode("utf-8", "replace").split('"')
            layout = self._layouts.get(family)
            if layout is not None and parts[::2] == layout[0]:
                return Labels(layout[1], tuple(parts[1::2]))
        labels = labels_of(head)
        if labels is None:
            return None
        names = tuple(labels)
        if plain:
            self._layouts[family] = parts[::2], names
        return Labels(names, tuple(labels.values()))
