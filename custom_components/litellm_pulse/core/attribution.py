"""Whose usage a series is: the members of every dimension that its labels name, and the model.

An attribution is one combination of members, for example one model, one team and one key. Usage
is kept per attribution, so it is stored once and can be grouped by any dimension afterwards.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter

from .catalog import ABSENT, DIMENSIONS, Dimension, DimensionRow, labelled_member
from .changes import Changes
from .labels import Labels
from .models import TOTAL, Member, MemberKey

type MemberKeys = tuple[MemberKey, ...]
"""TOTAL, then the others in the order of the dimensions."""

_IDS = ("model_id", "litellm_model_name", "requested_model")
"""Labels that lead to the model where a family does not name it, the surest first."""

_ORDER = {dimension: index for index, dimension in enumerate(Dimension)}


class _Shape:
    """Where the labels that matter stand among the label names of a family."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """Look every label up once."""
        at = {name: index for index, name in enumerate(names)}
        self.model = at.get("model")
        self.deployed = at.get("litellm_model_name")
        self.ids = [(label, at[label]) for label in _IDS if label in at]
        self.rows: list[tuple[DimensionRow, Callable[[tuple[str, ...]], tuple[str, ...]], int]] = []
        for row in DIMENSIONS:
            ids = [at[label] for label in row.labels if label in at]
            if ids:
                indices = [*ids, *(at[label] for label in row.names if label in at)]
                self.rows.append((row, _getter(indices), len(ids)))
        self.marks = [(name, index) for name, index in at.items() if labelled_member(name, "true")]
        owned = [index for _, index in self.marks]
        self.identity = _getter(
            [*owned, *(at[one] for row in DIMENSIONS for one in (*row.labels, *row.names) if one in at)]
        )


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
    _known: dict[tuple[object, ...], int] = field(default_factory=dict)
    """What makes a series' usage somebody's -> the attribution."""
    _found: defaultdict[Dimension, dict[tuple[str, ...], MemberKey | None]] = field(
        default_factory=partial(defaultdict, dict)
    )
    """Per dimension, the values of its labels -> the member."""
    _marks: dict[tuple[str, str], MemberKey | None] = field(default_factory=dict)
    """A label and its value -> the tag or the piece of metadata."""

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
        shape = self._shape(labels.names)
        named = shape.model is not None and labels.values[shape.model] not in ABSENT
        model = "" if named else self._model_of(shape, labels.values)
        # Most series differ from others in nothing that makes their usage somebody else's.
        identity = (shape, model, shape.identity(labels.values))
        known = self._known.get(identity)
        if known is None:
            known = self._known[identity] = self._new(model, shape, labels.values, changes)
        return known

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

    def _new(self, model: str, shape: _Shape, values: tuple[str, ...], changes: Changes) -> int:
        """Return the attribution of values that were not seen before."""
        keys = [self._named(Member(Dimension.MODEL, model, model), changes)] if model else []
        for row, pick, ids in shape.rows:
            found = pick(values)
            known = self._found[row.dimension]
            if found not in known:
                known[found] = self._member(row, found, ids, changes)
            if (key := known[found]) is not None:
                keys.append(key)
        if shape.marks:
            marks = [self._mark(name, values[index], changes) for name, index in shape.marks]
            keys += sorted(filter(None, marks), key=in_order)
        number = self.number(keys)
        if number == len(self.keys) - 1:
            changes.attributions[number] = self.keys[number]
        return number

    def _member(self, row: DimensionRow, found: tuple[str, ...], ids: int, changes: Changes) -> MemberKey | None:
        """Return the member of one dimension that the values of its labels stand for."""
        member = row.member(found[:ids], found[ids:])
        return self._named(Member(row.dimension, *member), changes) if member else None

    def _mark(self, label: str, value: str, changes: Changes) -> MemberKey | None:
        """Return the tag or the piece of metadata that a label stands for."""
        key = label, value
        if key not in self._marks:
            found = labelled_member(label, value)
            self._marks[key] = self._named(Member(*found, found[1]), changes) if found else None
        return self._marks[key]

    def _named(self, member: Member, changes: Changes) -> MemberKey:
        """Take a member in, and have it written down where it is new; return its key."""
        if self.name(member):
            changes.members[member.key] = member
        return member.key

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
