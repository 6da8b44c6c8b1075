"""Whose usage a series is: the members of every dimension that its labels name, and the model.

An attribution is one combination of members, for example one model, one team and one key. Usage
is kept per attribution, so it is stored once and can be grouped by any dimension afterwards.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from ..catalog import ABSENT, DIMENSIONS, Dimension, DimensionRow, labelled_member
from ..exposition import Labels
from ..models import TOTAL, Member, MemberKey
from .pending_writes import PendingWrites

type Values = tuple[str, ...]
"""Values of labels."""

type MemberKeys = tuple[MemberKey, ...]
"""TOTAL, then the others in the order of the dimensions."""

_IDS = ("model_id", "litellm_model_name", "requested_model")
"""Labels that lead to the model where a family does not name it, the surest first."""

_UPSTREAM = frozenset({Dimension.PUBLIC_MODEL, Dimension.PROVIDER})
"""With the model, which not every family names: what the proxy calls, not who calls it."""

_ORDER = {dimension: index for index, dimension in enumerate(Dimension)}


class _LabelGroup:
    """Labels of a family that name members: those upstream of the proxy, or those that call it."""

    def __init__(self, names: Sequence[str], rows: Sequence[DimensionRow], others: Iterable[str] = ()) -> None:
        """Look every label up once among the names of a family's labels."""
        wanted = {label for row in rows for label in (*row.labels, *row.names)}.union(others)
        self.labels = [name for name in names if name in wanted]
        self.at = {name: index for index, name in enumerate(self.labels)}
        self.pick = _getter([names.index(name) for name in self.labels])
        self._rows = rows

    def members(self, picked: Values) -> Iterator[Member]:
        """Yield the members that the values of this group name."""
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


class _LabelLayout:
    """Where the labels that matter stand among the label names of a family."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """Look every label up once."""
        self.upstream = _LabelGroup(names, [row for row in DIMENSIONS if row.dimension in _UPSTREAM], ("model", *_IDS))
        callers = [row for row in DIMENSIONS if row.dimension not in {Dimension.MODEL, *_UPSTREAM}]
        self.callers = _LabelGroup(names, callers, [name for name in names if labelled_member(name, "true")])
        at = self.upstream.at
        self.model = at.get("model")
        self.deployed = at.get("litellm_model_name")
        self.ids = [(label, at[label]) for label in _IDS if label in at]


@dataclass(slots=True, eq=False)
class UnresolvedAttribution:
    """Whose a series' usage is, before it is known which model its labels mean."""

    layout: _LabelLayout
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
    _layouts: dict[tuple[str, ...], _LabelLayout] = field(default_factory=dict)
    _learned: set[tuple[_LabelLayout, Values]] = field(default_factory=set)
    """The values upstream that have been learned from."""
    _known: dict[tuple[_LabelGroup, str, Values], MemberKeys] = field(default_factory=dict)
    """A group of a family's labels, the model and their values -> the members that they name."""

    def learn(self, labels: Labels) -> None:
        """Learn which model the other labels of a series mean.

        The word of a family that has a `model` counts most; of those that do not, that of the
        deployments, which name it next to the public name.
        """
        layout = self._layout(labels.names)
        upstream = layout.upstream.pick(labels.values)
        if (layout, upstream) in self._learned:
            return
        self._learned.add((layout, upstream))
        if layout.model is not None and upstream[layout.model] not in ABSENT:
            for label, index in layout.ids:
                if upstream[index] not in ABSENT:
                    self.models[label, upstream[index]] = upstream[layout.model]
        elif layout.deployed is not None and upstream[layout.deployed] not in ABSENT:
            model = self._model_of(layout, upstream)
            for label, index in layout.ids:
                self.models.setdefault((label, upstream[index]), model)

    def unresolved(self, labels: Labels, pending: PendingWrites) -> UnresolvedAttribution:
        """Return what the labels of a series say of whose usage it is."""
        layout, values = self._layout(labels.names), labels.values
        callers = self._members(layout.callers, "", layout.callers.pick(values), pending)
        return UnresolvedAttribution(layout, layout.upstream.pick(values), callers)

    def of(self, unresolved: UnresolvedAttribution, pending: PendingWrites) -> int:
        """Return the attribution that is meant, a new one where its members are a new combination."""
        if unresolved.number is None:
            model = self._model_of(unresolved.layout, unresolved.upstream)
            # Callers and models are few beside their combinations.
            upstream = self._members(unresolved.layout.upstream, model, unresolved.upstream, pending)
            unresolved.number = self.number(upstream + unresolved.callers)
            if unresolved.number == len(self.keys) - 1:
                pending.attributions[unresolved.number] = self.keys[unresolved.number]
        return unresolved.number

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

    def _layout(self, names: tuple[str, ...]) -> _LabelLayout:
        """Return where things stand among these label names."""
        layout = self._layouts.get(names)
        if layout is None:
            layout = self._layouts[names] = _LabelLayout(names)
        return layout

    def _members(self, group: _LabelGroup, model: str, picked: Values, pending: PendingWrites) -> MemberKeys:
        """Return the members that one group of a series' labels names, the model first where there is one."""
        identity = group, model, picked
        known = self._known.get(identity)
        if known is None:
            members = [Member(Dimension.MODEL, model, model)] if model else []
            members += group.members(picked)
            for member in members:
                if self.name(member):
                    pending.members[member.key] = member
            known = self._known[identity] = tuple([member.key for member in members])
        return known

    def _model_of(self, layout: _LabelLayout, upstream: Values) -> str:
        """Return the upstream model of a series: what it names itself, or what its other labels mean, if anything."""
        if layout.model is not None and upstream[layout.model] not in ABSENT:
            return upstream[layout.model]
        given = [(label, upstream[index]) for label, index in layout.ids if upstream[index] not in ABSENT]
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
