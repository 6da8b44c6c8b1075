"""Labels that say where all series were scraped, as `job`, `instance`, or the external labels of a Prometheus.

They may be added, taken away or changed while the proxy goes on counting: the pair of a highly available Prometheus
answers federation in turn, each with its own `prometheus_replica`.
"""

from collections.abc import Collection, Mapping

from ..catalog import is_litellm_label
from ..exposition import labels_of


def relabelled(gone: Collection[bytes], newcomers: Collection[bytes], lines: Collection[bytes]) -> dict[bytes, bytes]:
    """Return new -> old text of each series that is gone, where only such labels are others in all `lines` now.

    Empty where any of them has no successor, or shares it with another.
    """
    before, after = _read(gone), _read(newcomers)
    others = {name for labels in before.values() for name in labels if not is_litellm_label(name)}
    common = {name: value for name, value in _common(after.values()) if not is_litellm_label(name)}
    names = {name for name in others if not _is_on_any(lines, name)}
    names |= {name for name, value in common.items() if _is_on_all(lines, name, value)}
    successors = {_without(labels, names): text for text, labels in after.items()}
    found = {successors.get(_without(labels, names)): text for text, labels in before.items()}
    if not names or None in found or not len(found) == len(before) == len(gone) or len(successors) < len(newcomers):
        return {}
    return {new: old for new, old in found.items() if new is not None}


def _read(texts: Collection[bytes]) -> dict[bytes, Mapping[str, str]]:
    """Return the labels of each series whose labels can be read."""
    return {text: labels for text in texts if (labels := labels_of(text)) is not None}


def _common(labels: Collection[Mapping[str, str]]) -> set[tuple[str, str]]:
    """Return the labels that all series have with the same value."""
    return set.intersection(*(set(one.items()) for one in labels)) if labels else set()


def _is_on_any(lines: Collection[bytes], name: str) -> bool:
    """Whether a line has a label of this name, or of one that ends with it."""
    return any(f'{name}="'.encode() in line for line in lines)


def _is_on_all(lines: Collection[bytes], name: str, value: str) -> bool:
    """Whether every line has this label."""
    return all(f'{name}="{value}"'.encode() in line for line in lines)


def _without(labels: Mapping[str, str], names: Collection[str]) -> frozenset[tuple[str, str]]:
    """Return the labels but for these names and those that are empty."""
    return frozenset((name, value) for name, value in labels.items() if value and name not in names)
