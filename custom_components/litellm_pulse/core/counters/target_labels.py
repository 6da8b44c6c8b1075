"""Labels that say where all series were scraped, as `job`, `instance`, or the external labels of a Prometheus.

They may be added, taken away or changed while the proxy goes on counting: the pair of a highly available Prometheus
answers federation in turn, each with its own `prometheus_replica`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from ..catalog import is_litellm_label
from ..exposition import labels_of
from .process import Layout


@lru_cache
def has_target_labels(layout: Layout) -> bool:
    """Whether a series of this layout has labels that are not LiteLLM's own."""
    names = (piece.rpartition(b"{")[2].rpartition(b",")[2].strip(b"= \t") for piece in layout[:-1])
    return not all(is_litellm_label(name.decode("utf-8", "replace")) for name in names)


def same_incarnations(
    gone: Mapping[bytes, float | None], newcomers: Mapping[bytes, float | None]
) -> dict[bytes, bytes]:
    """Return new -> old text of each newcomer that was created when one was that is gone, and differs by such labels.

    Told is when each of them was created, None where that is not known.
    """
    created = {since for since in gone.values() if since is not None}
    told = {text: since for text, since in newcomers.items() if since in created}
    if not told:
        return {}
    before = _read(text for text, since in gone.items() if since is not None)
    predecessors = {(gone[text], _own(labels)): text for text, labels in reversed(before.items())}
    found = {text: predecessors.pop((told[text], _own(labels)), None) for text, labels in _read(told).items()}
    return {new: old for new, old in found.items() if old is not None}


def relabelled(
    gone: Sequence[bytes], newcomers: Collection[bytes], lines: Collection[bytes], apart: Collection[str]
) -> dict[bytes, bytes]:
    """Return new -> old text of each newcomer that only such labels tell from one that is gone, if on all lines.

    Of several that are gone the first counts. `apart` are labels that tell the members of a joined answer apart.
    """
    before, after = _read(gone), _read(newcomers)
    others = {name for labels in before.values() for name in labels}
    names = {name for name in others if not (is_litellm_label(name) or _is_on_any(lines, name))}
    common = _common(after.values())
    names |= {name for name, value in common if not is_litellm_label(name) and _is_on_all(lines, name, value)}
    names.difference_update(apart)
    if not names:
        return {}
    predecessors: dict[frozenset[tuple[str, str]], bytes] = {}
    for text, labels in before.items():
        predecessors.setdefault(_without(labels, names), text)
    found = {text: predecessors.pop(_without(labels, names), None) for text, labels in after.items()}
    return {new: old for new, old in found.items() if old is not None}


def _read(texts: Iterable[bytes]) -> dict[bytes, Mapping[str, str]]:
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


def _own(labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """Return the labels that are LiteLLM's own but for those that are empty."""
    return frozenset((name, value) for name, value in labels.items() if value and is_litellm_label(name))


def _without(labels: Mapping[str, str], names: Collection[str]) -> frozenset[tuple[str, str]]:
    """Return the labels but for these names and those that are empty."""
    return frozenset((name, value) for name, value in labels.items() if value and name not in names)
