"""The ledger in the text exposition format of Prometheus, version 0.0.4.

Each dimension has families of its own, so that a sum over one of them is never a sum over both the
members and their total. Counters are of the ledger's lifetime: they outlive restarts of LiteLLM.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ..catalog import COUNTER_INDEX, COUNTERS, Dimension, Metric, Unit
from ..models import TOTAL, Member, MemberKey, Snapshot
from .usage import BUDGETED, NAMED

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_PREFIX: Final = "litellm_pulse"
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})

type Sample = tuple[Sequence[tuple[str, str]], float]
"""Labels with their values, and the value."""


def exposition(snapshot: Snapshot, dimensions: Iterable[Dimension], *, up: bool) -> str:
    """Return `/metrics` with the members of some dimensions; `up` is whether the last scrape succeeded."""
    lines = [*_live(snapshot, up=up), *_counters(snapshot, Dimension.TOTAL, [Member(*TOTAL, "")])]
    for dimension in dimensions:
        members = [snapshot.members[key] for key in sorted(snapshot.members) if key[0] is dimension]
        lines += _counters(snapshot, dimension, members)
        if dimension in NAMED:
            named = [(((dimension, one.id), ("name", one.name)), 1.0) for one in members]
            lines += _family(f"{dimension}_info", "gauge", f"What the {_words(dimension)} is called.", named)
        if dimension in BUDGETED:
            lines += _budgets(snapshot, dimension)
    return "".join(f"{line}\n" for line in lines)


def _live(snapshot: Snapshot, *, up: bool) -> Iterator[str]:
    """Yield how the scrapes go, and the live figures."""
    yield from _family("up", "gauge", "Whether the last scrape of LiteLLM succeeded.", [((), float(up))])
    if snapshot.last_scrape:
        at = [((), snapshot.last_scrape.timestamp())]
        yield from _family("last_scrape_timestamp_seconds", "gauge", "When the last scrape succeeded.", at)
    for name, value in snapshot.gauges.items():
        yield from _family(name, "gauge", f"{_words(name).capitalize()}, now.", [((), value)])


def _counters(snapshot: Snapshot, dimension: Dimension, members: list[Member]) -> Iterator[str]:
    """Yield the counters of a dimension's members; metrics that LiteLLM has never published are left out."""
    prefix, of = ("", "") if dimension is Dimension.TOTAL else (f"{dimension}_", f", by {_words(dimension)}")
    for metric in COUNTERS:
        values = [(one, _lifetime(snapshot, one.key, metric)) for one in members]
        if metric.name in snapshot.published or any(value for _, value in values):
            samples = [(((dimension, one.id),) if prefix else (), value) for one, value in values]
            words = f"{_words(metric.name).capitalize()}{_unit(metric)} since the ledger began{of}."
            yield from _family(f"{prefix}{_counter(metric)}", "counter", words, samples)


def _budgets(snapshot: Snapshot, dimension: Dimension) -> Iterator[str]:
    """Yield the budgets that LiteLLM enforces for a dimension's members."""
    found = {key: snapshot.budgets[key] for key in sorted(snapshot.budgets) if key[0] is dimension}
    left = [((key,), one.remaining) for key, one in found.items()]
    most = [((key,), one.maximum) for key, one in found.items() if one.maximum is not None]
    words = _words(dimension)
    yield from _family(f"{dimension}_budget_remaining_usd", "gauge", f"What is left of the {words}'s budget.", left)
    yield from _family(f"{dimension}_budget_maximum_usd", "gauge", f"The {words}'s budget.", most)


def _family(name: str, kind: str, words: str, samples: Sequence[Sample]) -> Iterator[str]:
    """Yield the lines of a family; none where it has no samples."""
    if samples:
        yield f"# HELP {_PREFIX}_{name} {words}"
        yield f"# TYPE {_PREFIX}_{name} {kind}"
    for labels, value in samples:
        pairs = ",".join(f'{label}="{text.translate(_ESCAPES)}"' for label, text in labels)
        yield f"{_PREFIX}_{name}{{{pairs}}} {value!r}" if pairs else f"{_PREFIX}_{name} {value!r}"


def _lifetime(snapshot: Snapshot, key: MemberKey, metric: Metric) -> float:
    """Return a counter of the ledger's lifetime."""
    usage = snapshot.usage.get(key)
    return usage.lifetime[COUNTER_INDEX[metric.name]] if usage else 0.0


def _counter(metric: Metric) -> str:
    """Return what a counter is called, with its unit as Prometheus wants it."""
    return f"{metric.name}_usd_total" if metric.unit is Unit.USD else f"{metric.name}_total"


def _unit(metric: Metric) -> str:
    """Return the unit as it stands in the help, where the name does not say it."""
    return " in US dollars" if metric.unit is Unit.USD else ""


def _words(name: str) -> str:
    """Return an identifier as words."""
    return name.replace("_", " ")
