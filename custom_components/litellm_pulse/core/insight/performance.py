"""How fast models answer, and what is left of their rate limits, as the proxy's own gauges and histograms tell.

Kept in memory only: an hour after a restart it is as if there had been none.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite

from ..catalog import DEPLOYMENT_STATE, LATENCIES, RATE_LIMITS, Dimension, Metric, performance_gauges
from ..exposition import GaugeSample
from ..models import MemberKey, Performance

WINDOW = 3600
"""Seconds that a mean is taken over."""

MOST_PROCESSES = 8
"""Processes whose histograms are remembered: replicas that answer in turn."""

UNLIMITED = 2.0**62
"""What LiteLLM tells where there is no limit is the largest number of 64 bits."""

type Gauges = Mapping[str, Sequence[GaugeSample]]
type Labels = frozenset[tuple[str, str]]
type Figures = Mapping[MemberKey, Mapping[str, Performance]]

_MODELS = {Dimension.MODEL: "model", Dimension.PUBLIC_MODEL: "requested_model"}
"""Whose response times are told, and the label that names them."""


@dataclass(slots=True)
class _Process:
    """What a process told last of its histograms."""

    samples: dict[str, Sequence[GaugeSample]] = field(default_factory=dict)
    values: dict[tuple[str, Labels], float] = field(default_factory=dict)


@dataclass(slots=True)
class _Observations:
    """What was observed of one member, by deployment: times, seconds and requests, oldest first."""

    parts: dict[str, deque[tuple[float, float, float]]] = field(default_factory=lambda: defaultdict(deque))

    def mean(self, now: float) -> Performance | None:
        """Return the means of the last hour; None where there was no request."""
        sums: dict[str, tuple[float, float]] = {}
        for part, observed in self.parts.items():
            while observed and observed[0][0] <= now - WINDOW:
                observed.popleft()
            if count := sum(requests for _, _, requests in observed):
                sums[part] = sum(seconds for _, seconds, _ in observed), count
        total = sum(count for _, count in sums.values())
        if not total:
            return None
        parts = {part: seconds / count for part, (seconds, count) in sums.items() if part}
        return Performance(sum(seconds for seconds, _ in sums.values()) / total, parts if len(parts) > 1 else {})


@dataclass(slots=True)
class _Copy:
    """One copy of a gauge: each worker has one."""

    value: float
    changed: int
    """The answer in which its value changed last."""


class PerformanceReader:
    """Reads the figures that were asked for; with none it asks for no family and does nothing."""

    def __init__(self, figures: Collection[str] = ()) -> None:
        """Begin with nothing observed."""
        self.gauges: tuple[Metric, ...] = performance_gauges(figures)
        """What has to be in an answer."""
        self._latencies = {name: stem for name, stem in LATENCIES.items() if name in figures}
        self._limits = {name: families for name, families in RATE_LIMITS.items() if name in figures}
        self._processes: dict[int, _Process] = {}
        self._observed: dict[tuple[str, MemberKey], _Observations] = defaultdict(_Observations)
        self._copies: dict[str, dict[Labels, _Copy]] = defaultdict(dict)
        self._figures: Figures = {}
        self._answers = 0

    def read(self, process: int, gauges: Gauges, at: datetime) -> Figures:
        """Take in what a process tells; return per member its figures, the same objects where nothing changed."""
        if not self.gauges:
            return self._figures
        self._answers += 1
        now = at.timestamp()
        told = self._processes.pop(process, None) or _Process()
        self._processes[process] = told
        if len(self._processes) > MOST_PROCESSES:
            del self._processes[next(iter(self._processes))]
        deployments = {one.labels.get("model_id", ""): one.labels for one in gauges.get(DEPLOYMENT_STATE, ())}
        for name, stem in self._latencies.items():
            self._observe(name, _increases(told, stem, gauges), now, deployments)
        found: dict[MemberKey, dict[str, Performance]] = defaultdict(dict)
        for (name, member), observations in self._observed.items():
            if mean := observations.mean(now):
                found[member][name] = mean
        for name, families in self._limits.items():
            for member, left in self._left(families, gauges).items():
                found[member][name] = left
        known = self._figures
        kept = {key: known[key] if known.get(key) == one else one for key, one in found.items()}
        self._figures = known if kept == known else kept
        return self._figures

    def _observe(
        self,
        name: str,
        increases: Iterable[tuple[Labels, float, float]],
        now: float,
        deployments: Mapping[str, Mapping[str, str]],
    ) -> None:
        """Take in by how much a histogram grew."""
        for labels, seconds, requests in increases:
            if requests <= 0:
                continue
            of = dict(labels)
            part = _deployment(deployments.get(of.get("model_id", ""), of))
            for dimension, label in _MODELS.items():
                if of.get(label):
                    self._observed[name, (dimension, of[label])].parts[part].append((now, seconds, requests))

    def _left(self, families: Mapping[Dimension, tuple[str, ...]], gauges: Gauges) -> dict[MemberKey, Performance]:
        """Return what is left of a limit per member: the least of its parts; of copies the one that changed last."""
        live: dict[MemberKey, dict[str, _Copy]] = defaultdict(dict)
        for dimension, names in families.items():
            for sample in next((gauges[one] for one in names if one in gauges), ()):
                copy = self._copy(names[0], sample)
                for member, part in _limited(dimension, sample.labels):
                    known = live[member].get(part)
                    if known is None or (-copy.changed, copy.value) < (-known.changed, known.value):
                        live[member][part] = copy
        left: dict[MemberKey, Performance] = {}
        for member, copies in live.items():
            parts = {part: one.value for part, one in copies.items() if isfinite(one.value) and one.value < UNLIMITED}
            if parts:
                left[member] = Performance(min(parts.values()), parts if len(parts) > 1 else {})
        return left

    def _copy(self, family: str, sample: GaugeSample) -> _Copy:
        """Return a copy of a gauge, with when it changed last."""
        copies, labels = self._copies[family], frozenset(sample.labels.items())
        known = copies.get(labels)
        if known is None or known.value != sample.value:
            known = copies[labels] = _Copy(sample.value, self._answers)
        return known


def _increases(told: _Process, stem: str, gauges: Gauges) -> Iterator[tuple[Labels, float, float]]:
    """Yield the series of a histogram that grew: labels, seconds and requests; none at the first sight of a process."""
    grown: dict[Labels, list[float]] = {}
    is_new = f"{stem}_count" not in told.samples
    for index, family in enumerate((f"{stem}_sum", f"{stem}_count")):
        samples = gauges.get(family, ())
        # A line that has not changed is the same object.
        known = set(map(id, told.samples.get(family, ())))
        for sample in samples:
            if id(sample) in known or not isfinite(sample.value):
                continue
            labels = frozenset(sample.labels.items())
            before = told.values.get((family, labels), 0.0)
            told.values[family, labels] = sample.value
            grown.setdefault(labels, [0.0, 0.0])[index] = sample.value - (before if before <= sample.value else 0.0)
        told.samples[family] = samples
    if not is_new:
        yield from ((labels, seconds, requests) for labels, (seconds, requests) in grown.items())


def _limited(dimension: Dimension, labels: Mapping[str, str]) -> Iterator[tuple[MemberKey, str]]:
    """Yield whose limit a sample tells, and of which part: of a key the models, of a model the deployments."""
    if dimension is Dimension.KEY:
        if key := labels.get("hashed_api_key"):
            yield (Dimension.KEY, key), labels.get("model", "")
        return
    for of, label in ((Dimension.MODEL, "litellm_model_name"), (Dimension.PUBLIC_MODEL, "model_group")):
        if model := labels.get(label):
            yield (of, model), _deployment(labels)


def _deployment(labels: Mapping[str, str]) -> str:
    """Return what a deployment is called: its address, else the beginning of its id."""
    return labels.get("api_base") or labels.get("model_id", "")[:8]
