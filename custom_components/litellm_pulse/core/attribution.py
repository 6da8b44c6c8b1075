"""Whose usage a series is: the members of every dimension that its labels name, and the model.

An attribution is one combination of members, for example one model, one team and one key. Usage
is kept per attribution, so it is stored once and can be grouped by any dimension afterwards.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

from .catalog import ABSENT, DIMENSIONS, Dimension, DimensionRow, labelled_member
from .changes import Changes
from .labels import Labels
from .models import TOTAL, Member, MemberKey

type MemberKeys = tuple[MemberKey, ...]
"""TOTAL, then the others in the order of the dimensions."""

_IDS = ("model_id", "litellm_model_name", "requested_model")
"""Labels that lead to the model where a family does not name it, the surest first."""

_UPSTREAM = frozenset({Dimension.PUBLIC_MODEL, Dimension.PROVIDER})
"""With the model, which not every family names: what the proxy calls, not who calls it."""

_ORDER = {dimension: index for index, dimension in enumerate(Dimension)}


class _Side:
    """Labels of a family that name members: those upstream of the proxy, or those that call it."""

    def __init__(self, at: Mapping[str, int], rows: Iterable[DimensionRow], marks: Iterable[str] = ()) -> None:
        """Look every label up once, in `at`."""
        self.rows = [row for row in rows if not at.keys().isdisjoint(row.labels)]
        self.marks = [(name, at[name]) for name in marks]
        self.places = {name: at[name] for row in self.rows for name in (*row.labels, *row.names) if name in at}
        self.pick = _getter([*self.places.values(), *(index for _, index in self.marks)])

    def members(self, values: tuple[str, ...]) -> Iterator[Member]:
        """Yield the members that the values of a series name."""
        for row in self.rows:
            ids, names = (self._values(labels, values) for labels in (row.labels, row.names))
            if found := row.member(ids, names):
                yield Member(row.dimension, *found)
        marks = [labelled_member(name, values[index]) for name, index in self.marks]
        for mark in sorted(filter(None, marks), key=in_order):
            yield Member(*mark, mark[1])

    def _values(self, labels: tuple[str, ...], values: tuple[str, ...]) -> tuple[str, ...]:
        """Return the values of those labels that there are."""
        return tuple([values[self.places[label]] for label in labels if label in self.places])


class _Shape:
    """Where the labels that matter stand among the label names of a family."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """Look every label up once."""
        at = {name: index for index, name in enumerate(names)}
        self.model = at.get("model")
        self.deployed = at.get("litellm_model_name")
        self.ids = [(label, at[label]) for label in _IDS if label in at]
        self.upstream = _Side(at, [row for row in DIMENSIONS if row.dimension in _UPSTREAM])
        callers = [row for row in DIMENSIONS if row.dimension not in {Dimension.MODEL, *_UPSTREAM}]
        self.callers = _Side(at, callers, [name for name in names if labelled_member(name, "true")])


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
    _known: dict[tuple[object, ...], MemberKeys] = field(default_factory=dict)
    """A side of a family's labels, their values and the model -> the members that they name."""

    def learn(self, labels: Labels) -> None:
        """Learn which model the other labels of a series mean.

        The word of a family that has a `model` counts most; of those that do not, that of the
        deployments, which name it next to the public name.
        """
        shape, values = self._shape(labels.names), labels.values
        if shape.model is not None and values[shape.model] not in ABSENT:
            for label, index in shape.ids:
                if values[index] not in ABSENT:
                    self.models[label, values[index]] = values[shape.model]
        elif shape.deployed is not None and values[shape.deployed] not in ABSENT:
            model = self._model_of(shape, values)
            for label, index in shape.ids:
                self.models.setdefault((label, values[index]), model)

    def of(self, labels: Labels, changes: Changes) -> int:
        """Return the attribution of a series, a new one where its members are a new combination."""
        shape, values = self._shape(labels.names), labels.values
        named = shape.model is not None and values[shape.model] not in ABSENT
        model = values[shape.model] if named else self._model_of(shape, values)  # type: ignore[index]
        # Callers and models are few beside their combinations.
        upstream = self._side(shape.upstream, values, model, changes)
        number = self.number(upstream + self._side(shape.callers, values, "", changes))
        if number == len(self.keys) - 1:
            changes.attributions[number] = self.keys[number]
        return number

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

    def _side(self, side: _Side, values: tuple[str, ...], model: str, changes: Changes) -> MemberKeys:
        """Return the members that one side of a series' labels names, the model first where there is one."""
        identity = side, model, side.pick(values)
        known = self._known.get(identity)
        if known is None:
            members = [Member(Dimension.MODEL, model, model)] if model else []
            members += side.members(values)
            for member in members:
                if self.name(member):
                    changes.members[member.key] = member
            known = self._known[identity] = tuple([member.key for member in members])
        return known

    def _model_of(self, shape: _Shape, values: tuple[str, ...]) -> str:
        """Return the upstream model of a series that does not name it, or the empty string."""
        given = [(label, values[index]) for label, index in shape.ids if values[index] not in ABSENT]
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
