"""Whose usage a series is: the members of every dimension that its labels name, and the model.

An attribution is one combination of members, for example one model, one team and one key. Usage
is kept per attribution, so it is stored once and can be grouped by any dimension afterwards.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from .catalog import ABSENT, DIMENSIONS, Dimension, DimensionRow, labelled_member
from .changes import Changes
from .labels import Labels
from .models import TOTAL, Member, MemberKey

type Values = tuple[str, ...]
"""Values of labels."""

type MemberKeys = tuple[MemberKey, ...]
"""TOTAL, then the others in the order of the dimensions."""

_IDS = ("model_id", "litellm_model_name", "requested_model")
"""Labels that lead to the model where a family does not name it, the surest first."""

_UPSTREAM = frozenset({Dimension.PUBLIC_MODEL, Dimension.PROVIDER})
"""With the model, which not every family names: what the proxy calls, not who calls it."""

_ORDER = {dimension: index for index, dimension in enumerate(Dimension)}


class _Side:
    """Labels of a family that name members: those upstream of the proxy, or those that call it."""

    def __init__(self, names: Sequence[str], rows: Sequence[DimensionRow], others: Iterable[str] = ()) -> None:
        """Look every label up once among the names of a family's labels."""
        wanted = {label for row in rows for label in (*row.labels, *row.names)}.union(others)
        self.labels = [name for name in names if name in wanted]
        self.at = {name: index for index, name in enumerate(self.labels)}
        self.pick = _getter([names.index(name) for name in self.labels])
        self._rows = rows

    def members(self, picked: Values) -> Iterator[Member]:
        """Yield the members that the values of this side name."""
        for row in self._rows:
            ids, names = (
                [picked[self.at[one]] for one in labels if one in self.at] for labels in (row.labels, row.names)
            )
            if found := row.member(ids, names):
                yield Member(row.dimension, *found)
        marks = [
            mark for name, value in zip(self.labels, picked, strict=True) if (mark := labelled_member(name, value))
        ]
        for mark in sorted(marks, key=in_order):
            yield Member(*mark, mark[1])


class _Shape:
    """Where the labels that matter stand among the label names of a family."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """Look every label up once."""
        self.upstream = _Side(names, [row for row in DIMENSIONS if row.dimension in _UPSTREAM], ("model", *_IDS))
        callers = [row for row in DIMENSIONS if row.dimension not in {Dimension.MODEL, *_UPSTREAM}]
        self.callers = _Side(names, callers, [name for name in names if labelled_member(name, "true")])
        at = self.upstream.at
        self.model = at.get("model")
        self.deployed = at.get("litellm_model_name")
        self.ids = [(label, at[label]) for label in _IDS if label in at]


@dataclass(slots=True, eq=False)
class Claim:
    """Whose a series' usage is, before it is known which model its labels mean."""

    shape: _Shape
    upstream: Values
    callers: MemberKeys
    number: int | None = None
    """The attribution, once it was asked for."""


@dataclass(slots=True)
class Attributions:
    """Every attribution ever seen, and the display names of their members.

    A number is an attribution's identity for good.
    """

    keys: list[MemberKeys] = field(default_factory=list)
    members: dict[MemberKey, Member] = field(default_factory=dict)
    numbers: dict[MemberKeys, int] = field(default_factory=dict)
    models: dict[tuple[str, str], str] = field(default_factory=dict)
    """(label, value) -> upstream model, learned from the families that name both."""
    _shapes: dict[tuple[str, ...], _Shape] = field(default_factory=dict)
    _learned: set[tuple[_Shape, Values]] = field(default_factory=set)
    """The values upstream that have been learned from."""
    _known: dict[tuple[_Side, str, Values], MemberKeys] = field(default_factory=dict)
    """A side of a family's labels, the model and their values -> the members that they name."""

    def learn(self, labels: Labels) -> None:
        """Learn which model the other labels of a series mean.

        The word of a family that has a `model` counts most; of those that do not, that of the
        deployments, which name it next to the public name.
        """
        shape = self._shape(labels.names)
        upstream = shape.upstream.pick(labels.values)
        if (shape, upstream) in self._learned:
            return
        self._learned.add((shape, upstream))
        if shape.model is not None and upstream[shape.model] not in ABSENT:
            for label, index in shape.ids:
                if upstream[index] not in ABSENT:
                    self.models[label, upstream[index]] = upstream[shape.model]
        elif shape.deployed is not None and upstream[shape.deployed] not in ABSENT:
            model = self._model_of(shape, upstream)
            for label, index in shape.ids:
                self.models.setdefault((label, upstream[index]), model)

    def claim(self, labels: Labels, changes: Changes) -> Claim:
        """Return what the labels of a series say of whose usage it is."""
        shape, values = self._shape(labels.names), labels.values
        callers = self._side(shape.callers, "", shape.callers.pick(values), changes)
        return Claim(shape, shape.upstream.pick(values), callers)

    def of(self, claim: Claim, changes: Changes) -> int:
        """Return the attribution that is claimed, a new one where its members are a new combination."""
        if claim.number is None:
            model = self._model_of(claim.shape, claim.upstream)
            # Callers and models are few beside their combinations.
            upstream = self._side(claim.shape.upstream, model, claim.upstream, changes)
            claim.number = self.number(upstream + claim.callers)
            if claim.number == len(self.keys) - 1:
                changes.attributions[claim.number] = self.keys[claim.number]
        return claim.number

    def number(self, keys: Iterable[MemberKey]) -> int:
        """Return the number of a combination of members, given in order and without TOTAL."""
        ordered = (TOTAL, *keys)
        known = self.numbers.get(ordered)
        if known is None:
            known = self.numbers[ordered] = len(self.keys)
            self.keys.append(ordered)
        return known

    def name(self, member: Member) -> bool:
        """Take a member in; one that names itself does not undo an alias. Return whether it is new."""
        known = self.members.get(member.key)
        if known is not None and member.name in (known.name, member.id):
            return False
        self.members[member.key] = member
        return True

    def groups(self, number: int) -> MemberKeys:
        """Return the members whose totals an attribution adds to."""
        return self.keys[number]

    def _shape(self, names: tuple[str, ...]) -> _Shape:
        """Return where things stand among these label names."""
        shape = self._shapes.get(names)
        if shape is None:
            shape = self._shapes[names] = _Shape(names)
        return shape

    def _side(self, side: _Side, model: str, picked: Values, changes: Changes) -> MemberKeys:
        """Return the members that one side of a series' labels names, the model first where there is one."""
        identity = side, model, picked
        known = self._known.get(identity)
        if known is None:
            members = [Member(Dimension.MODEL, model, model)] if model else []
            members += side.members(picked)
            for member in members:
                if self.name(member):
                    changes.members[member.key] = member
            known = self._known[identity] = tuple([member.key for member in members])
        return known

    def _model_of(self, shape: _Shape, upstream: Values) -> str:
        """Return the upstream model of a series: what it names itself, or what its other labels mean, if anything."""
        if shape.model is not None and upstream[shape.model] not in ABSENT:
            return upstream[shape.model]
        given = [(label, upstream[index]) for label, index in shape.ids if upstream[index] not in ABSENT]
        for pair in given:
            if pair in self.models:
                return self.models[pair]
        return next((value for label, value in given if label != "model_id"), "")


def in_order(key: MemberKey) -> tuple[int, str]:
    """Return what member keys are sorted by to make them an identity."""
    return _ORDER[key[0]], key[1]


def _getter(indices: list[int]) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    """Return a function that picks these values as a tuple, also one or none of them."""
    if len(indices) > 1:
        return itemgetter(*indices)
    return lambda values: tuple([values[index] for index in indices])
