"""How models did in the last hour, by deployment, and what is left of rate limits: as the proxy itself tells.

Kept in memory only: an hour after a restart it is as if there had been none.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite

from ..catalog import (
    ABSENT,
    DEPLOYMENT_STATE,
    HOURLY,
    RATE_LIMITS,
    Dimension,
    HourlyRow,
    Metric,
    performance_gauges,
)
from ..exposition import GaugeSample
from ..models import MemberKey, Performance

WINDOW = 3600
"""Seconds that are looked back."""

UNSEEN_AFTER = WINDOW * 1.1
"""Seconds since its last answer after which a process begins anew: what it tells then is not of the last hour alone.

More than the longest interval between scrapes, which is an hour.
"""

MOST_PROCESSES = 8
"""Processes whose counters are remembered: replicas that answer in turn."""

MOST_GONE = 10_000
"""Series, and members, that are remembered though answers lack them, however many a proxy invents."""

UNLIMITED = 2.0**62
"""What LiteLLM tells where there is no limit is the largest number of 64 bits."""

type Gauges = Mapping[str, Sequence[GaugeSample]]
type Labels = frozenset[tuple[str, str]]
type Part = tuple[str, str]
"""A deployment: its id, and its address where the series itself tells it; or a model."""
type Increase = tuple[Mapping[str, str], float]
type Figures = Mapping[MemberKey, Mapping[str, Performance]]


@dataclass(slots=True)
class _Process:
    """What a process told last of its counters."""

    samples: dict[str, Sequence[GaugeSample]] = field(default_factory=dict)
    values: dict[tuple[str, Labels], float] = field(default_factory=dict)
    seen: float = 0.0
    """When that was."""

    def increases(self, family: str, samples: Sequence[GaugeSample]) -> list[Increase]:
        """Return labels and increase of each series of a family that changed; none at the first sight of it."""
        is_new = family not in self.samples
        # A line that has not changed is the same object.
        known = set(map(id, self.samples.get(family, ())))
        self.samples[family] = samples
        changed = [one for one in samples if id(one) not in known and isfinite(one.value)]
        grown = [(one.labels, self._increase(family, one)) for one in changed]
        if _is_crowded(self.values, sum(map(len, self.samples.values()))):
            present = {(of, frozenset(one.labels.items())) for of, told in self.samples.items() for one in told}
            self.values = {series: value for series, value in self.values.items() if series in present}
        return [] if is_new else grown

    def _increase(self, family: str, sample: GaugeSample) -> float:
        """Return by how much a series grew; one that fell began anew."""
        series = family, frozenset(sample.labels.items())
        before = self.values.get(series, 0.0)
        self.values[series] = sample.value
        return sample.value - (before if before <= sample.value else 0.0)


@dataclass(slots=True)
class _Observed:
    """What was observed of one member, by deployment: time, amount and requests, oldest first."""

    parts: dict[Part, deque[tuple[float, float, float]]] = field(default_factory=lambda: defaultdict(deque))

    def add(self, part: Part, now: float, amount: float, requests: float) -> None:
        """Take in what was observed; all of one answer is one observation."""
        observed = self.parts[part]
        if observed and observed[-1][0] == now:
            _, earlier_amount, earlier_requests = observed.pop()
            amount, requests = amount + earlier_amount, requests + earlier_requests
        observed.append((now, amount, requests))

    def last_hour(self, now: float, row: HourlyRow, addresses: Mapping[str, str]) -> Performance | None:
        """Return the figure of the last hour; None for a mean of no request."""
        sums: dict[Part, tuple[float, float]] = {}
        for part, observed in [*self.parts.items()]:
            while observed and observed[0][0] <= now - WINDOW:
                observed.popleft()
            if not observed:
                del self.parts[part]
            # Of a part of one, any amount would be without end.
            if (requests := sum(one for _, _, one in observed)) >= 1:
                sums[part] = sum(amount for _, amount, _ in observed), requests
        if row.amount is not None and not sums:
            return None
        amount, requests = (sum(column, 0.0) for column in zip((0.0, 0.0), *sums.values(), strict=True))
        parts = {part: _figure(row, *told) for part, told in sums.items()}
        return Performance(_figure(row, amount, requests), _named(parts, addresses))


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
        self._hourly = {name: row for name, row in HOURLY.items() if name in figures}
        self._limits = {name: families for name, families in RATE_LIMITS.items() if name in figures}
        self._processes: dict[int, _Process] = {}
        self._observed: dict[tuple[str, MemberKey], _Observed] = defaultdict(_Observed)
        self._copies: dict[str, dict[Labels, _Copy]] = defaultdict(dict)
        self._addresses: dict[str, str] = {}
        """Id of a deployment -> its address."""
        self._figures: Figures = {}
        self._answers = 0

    def read(self, process: int, gauges: Gauges, at: datetime) -> Figures:
        """Take in what a process tells; return per member its figures, the same objects where nothing changed."""
        if not self.gauges:
            return self._figures
        self._answers += 1
        now = at.timestamp()
        told = self._processes.pop(process, None)
        if told is None or now - told.seen > UNSEEN_AFTER:
            told = _Process()
        told.seen, self._processes[process] = now, told
        if len(self._processes) > MOST_PROCESSES:
            del self._processes[next(iter(self._processes))]
        states = gauges.get(DEPLOYMENT_STATE, ())
        addresses = {key: address for key, address in map(_deployment, (one.labels for one in states)) if key}
        self._addresses = addresses if _is_crowded(self._addresses, len(addresses)) else self._addresses | addresses
        self._observe(told, gauges, now)
        found: dict[MemberKey, dict[str, Performance]] = defaultdict(dict)
        for (name, member), observed in self._observed.items():
            if figure := observed.last_hour(now, self._hourly[name], self._addresses):
                found[member][name] = figure
        for name, families in self._limits.items():
            for member, left in self._left(families, gauges).items():
                found[member][name] = left
        known = self._figures
        kept = {key: known[key] if known.get(key) == one else one for key, one in found.items()}
        self._figures = known if kept == known else kept
        return self._figures

    def _observe(self, told: _Process, gauges: Gauges, now: float) -> None:
        """Take in by how much the counters of a process grew."""
        families = {family for row in self._hourly.values() for family in (row.requests, row.amount) if family}
        grown = {family: told.increases(family, gauges.get(family, ())) for family in families}
        for name, row in self._hourly.items():
            sent = [(labels, 0.0, requests) for labels, requests in grown[row.requests]]
            amounts = [(labels, amount, 0.0) for labels, amount in (grown[row.amount] if row.amount else ())]
            for labels, amount, requests in (*sent, *amounts):
                for dimension, label in ((Dimension.MODEL, row.model), (Dimension.PUBLIC_MODEL, "requested_model")):
                    key = name, (dimension, _given(labels, label))
                    if key[1][1] and (key in self._observed or len(self._observed) < MOST_GONE):
                        self._observed[key].add(_deployment(labels), now, amount, requests)

    def _left(self, families: Mapping[Dimension, tuple[str, ...]], gauges: Gauges) -> dict[MemberKey, Performance]:
        """Return what is left of a limit per member: the least of its parts; of copies the one that changed last."""
        live: dict[MemberKey, dict[Part, _Copy]] = defaultdict(dict)
        for dimension, names in families.items():
            samples = next((gauges[one] for one in names if one in gauges), ())
            if _is_crowded(known_copies := self._copies[names[0]], len(samples)):
                present = {frozenset(one.labels.items()) for one in samples}
                self._copies[names[0]] = {labels: one for labels, one in known_copies.items() if labels in present}
            for sample in samples:
                copy = self._copy(names[0], sample)
                for member, part in _limited(dimension, sample.labels):
                    known = live[member].get(part)
                    if known is None or (-copy.changed, copy.value) < (-known.changed, known.value):
                        live[member][part] = copy
        left: dict[MemberKey, Performance] = {}
        for member, copies in live.items():
            parts = {part: one.value for part, one in copies.items() if isfinite(one.value) and one.value < UNLIMITED}
            if parts:
                left[member] = Performance(min(parts.values()), _named(parts, self._addresses))
        return left

    def _copy(self, family: str, sample: GaugeSample) -> _Copy:
        """Return a copy of a gauge, with when it changed last."""
        copies, labels = self._copies[family], frozenset(sample.labels.items())
        known = copies.get(labels)
        if known is None or known.value != sample.value:
            known = copies[labels] = _Copy(sample.value, self._answers)
        return known


def _is_crowded(known: Collection[object], present: int) -> bool:
    """Whether most of what is known is gone, and much of it."""
    return len(known) > 2 * present + MOST_GONE


def _figure(row: HourlyRow, amount: float, requests: float) -> float:
    """Return the amount per request, or the requests where it is they that are told."""
    return requests if row.amount is None else row.scale * amount / requests


def _named(parts: Mapping[Part, float], addresses: Mapping[str, str]) -> dict[str, float]:
    """Return the figures of several deployments by their addresses, and by id where these do not tell them apart."""
    if len(told := {part: figure for part, figure in parts.items() if any(part)}) < 2:  # noqa: PLR2004
        return {}
    of = {(key, address): addresses.get(key) or address for key, address in told}
    times = Counter(of.values())
    return {
        address if address and times[address] == 1 else f"{address} {part[0][:8]}".strip(): told[part]
        for part, address in of.items()
    }


def _limited(dimension: Dimension, labels: Mapping[str, str]) -> Iterator[tuple[MemberKey, Part]]:
    """Yield whose limit a sample tells, and of which part: of a key the models, of a model the deployments."""
    if dimension is Dimension.KEY:
        if key := labels.get("hashed_api_key"):
            yield (Dimension.KEY, key), ("", labels.get("model", ""))
        return
    for of, label in ((Dimension.MODEL, "litellm_model_name"), (Dimension.PUBLIC_MODEL, "model_group")):
        if model := labels.get(label):
            yield (of, model), _deployment(labels)


def _deployment(labels: Mapping[str, str]) -> Part:
    """Return which deployment labels name."""
    return _given(labels, "model_id"), _given(labels, "api_base")


def _given(labels: Mapping[str, str], name: str) -> str:
    """Return the value of a label, the empty string for an absent one."""
    value = labels.get(name, "")
    return "" if value in ABSENT else value
