"""Replicas whose answers a collector or a federation joins in one."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import chain
from math import inf

from ..catalog import is_litellm_label
from ..exposition import GaugeSample, labels_of
from .series import Counter, Series

MOST_TOLD = 256
"""Workers, and replicas that are joined, that are remembered; past it, those of now take the place of all."""

type Told = frozenset[float | str]
"""The start, or the workers, of one."""

type Replica = tuple[str, ...]
"""The values of the labels that tell it apart from the others."""


@dataclass(frozen=True, slots=True)
class Teller:
    """What tells of a process, or of several workers together, when it began or who they are."""

    labels: Mapping[str, str]
    """Those of whoever scrapes."""
    starts: frozenset[float] = frozenset()
    pids: frozenset[str] = frozenset()

    @property
    def told(self) -> Told:
        """What tells it apart from those that were there before it under the same labels."""
        return self.starts | self.pids


def tellers_of_workers(gauges: Mapping[str, Sequence[GaugeSample]]) -> list[Teller]:
    """Return the workers that gauges name, those together that have the same labels of whoever scrapes.

    Such labels are on the gauges of all families.
    """
    families = [named for family in gauges.values() if (named := [one.labels for one in family if "pid" in one.labels])]
    if not families:
        return []
    common = set.intersection(*(set(family[0]) for family in families)) - {"pid"}
    names = [name for name in common if not is_litellm_label(name)]
    found: dict[tuple[str, ...], set[str]] = {}
    if names:
        for labels in chain.from_iterable(families):
            found.setdefault(tuple(labels.get(name, "") for name in names), set()).add(labels["pid"])
    else:
        found[()] = {labels["pid"] for labels in chain.from_iterable(families)}
    return [
        Teller(dict(zip(names, values, strict=True)), pids=frozenset(pids - {""})) for values, pids in found.items()
    ]


def telling_apart(tellers: Collection[Teller]) -> frozenset[str]:
    """Return the labels by which processes differ that one answer joins."""
    names = {name for one in tellers for name in one.labels}
    return frozenset(name for name in names if len({one.labels.get(name) for one in tellers}) > 1)


def replica_of(labels: Mapping[str, str] | None, apart: Iterable[str]) -> Replica:
    """Return whose these labels are; `apart` are those that tell replicas apart, in an order."""
    return tuple([(labels or {}).get(name, "") for name in apart])


@dataclass(slots=True)
class Replicas:
    """What is known of the replicas whose answers are joined."""

    starts: frozenset[float] = frozenset()
    """Those that were told."""
    apart: frozenset[str] = frozenset()
    """The labels that tell them apart."""
    current: dict[Replica, Told] = field(default_factory=dict)
    """The start, or the workers, that were told last of each."""

    def meet(self, starts: frozenset[float], apart: Iterable[str], told: Mapping[Replica, Told]) -> None:
        """Take in the starts that an answer tells, the labels that tell these apart, and what is told of each."""
        self.starts = together(self.starts, starts)
        self.apart = self.apart.union(apart)
        self.current |= told
        if len(self.current) > MOST_TOLD:
            self.current = dict(told)


@dataclass(frozen=True, slots=True)
class JoinedAnswer:
    """One answer, as that of several replicas."""

    apart: Sequence[str]
    """The labels that tell them apart."""
    begun: AbstractSet[Replica]
    """Those that were not there before."""
    outdated: AbstractSet[Replica]
    """Those of whom it tells what was before they began anew: nothing of that counts."""
    told: Mapping[Replica, Told]
    """The start, or the workers, of the others."""

    @classmethod
    def of(cls, tellers: Collection[Teller], begun: Collection[Teller], known: Replicas, look: float) -> JoinedAnswer:
        """Return what an answer says of replicas; `begun` are those of which no process has told the start or workers.

        One that began before our first look, by the proxy's clock, is another that was not seen yet.
        """
        apart = sorted(known.apart | telling_apart(tellers))
        anew = {replica_of(one.labels, apart) for one in begun if min(one.starts, default=inf) >= look}
        told: dict[Replica, Told] = {}
        for one in tellers:
            replica = replica_of(one.labels, apart)
            told[replica] = told.get(replica, frozenset()) | one.told
        others = told.keys() - anew
        outdated = {one for one in others if told[one].isdisjoint(known.current.get(one, told[one]))}
        return cls(apart, anew, outdated, {one: by for one, by in told.items() if one not in outdated})

    def replica_of(self, text: bytes) -> Replica:
        """Return whose a series is."""
        return replica_of(labels_of(text), self.apart)

    def is_outdated(self, series: Series) -> bool:
        """Whether a series is of a replica of which the answer tells what was before it began anew."""
        return bool(self.outdated) and self.replica_of(series.text) in self.outdated

    def goes_on(self, series: Series) -> bool:
        """Whether a series is of a replica that was there before as well, and tells of now."""
        replica = self.replica_of(series.text)
        return replica not in self.begun and replica not in self.outdated

    def having_series(self, newcomers: Iterable[bytes], counters: Iterable[Counter]) -> AbstractSet[Replica]:
        """Return the replicas of newcomers that have any of the counters of before."""
        wanted = {self.replica_of(text) for text in newcomers}
        found: set[Replica] = set()
        for one in counters:
            if found == wanted:
                break
            found |= {self.replica_of(one.series.text)} & wanted
        return found


def together[T](known: frozenset[T], told: AbstractSet[T]) -> frozenset[T]:
    """Return what is known and what is told now, or that alone where it would be too much."""
    both = known | told
    return both if len(both) <= MOST_TOLD else frozenset(told)
