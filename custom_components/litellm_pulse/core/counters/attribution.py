"""Whose usage a series is: the members of every dimension that its labels name, and the model.

An attribution is one combination of members, for example one model, one team and one key. Usage
is kept per attribution, so it is stored once and can be grouped by any dimension afterwards.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from ..catalog import ABSENT, COLLAPSED, DIMENSIONS, UPSTREAM, Dimension, DimensionRow, labelled_member
from ..exposition import Labels
from ..models import OTHER, TOTAL, Member, MemberKey
from .results import MemberKeys, Traced

type Values = tuple[str, ...]
"""Values of labels."""

MEMBER_LIMIT = 20_000
"""Members of one dimension that are told apart; those past it are counted together, under `OTHER`."""

COMBINATION_LIMIT = 100_000
"""Combinations of members that are told apart; those past it count by model, and otherwise under `OTHER`."""

MOST_MEANINGS = 100_000
"""Values of labels of which it is known what model, public name or provider they mean."""

MOST_UNPROVEN = 5000
"""Names of refused requests that are remembered at the end of a day: whoever scans for models makes thousands."""

_IDS = ("model_id", "litellm_model_name", "requested_model")
"""Labels that lead to the model where a family does not name it, the surest first."""

_LEADS = ("model_id", "model")
"""Labels that lead to the public name and to the provider where a family does not name them."""

_NAMES = {Traced.MODEL: "model", Traced.PUBLIC_MODEL: "requested_model", Traced.PROVIDER: "api_provider"}

_MODELS = frozenset({Dimension.MODEL, Dimension.PUBLIC_MODEL})
_TRACED = {Dimension.PUBLIC_MODEL: Traced.PUBLIC_MODEL, Dimension.PROVIDER: Traced.PROVIDER}
_ORDER = {dimension: index for index, dimension in enumerate(Dimension)}


class _LabelGroup:
    """Labels of a family that name members: those upstream of the proxy, or those that call it."""

    def __init__(self, names: Sequence[str], rows: Sequence[DimensionRow], others: Iterable[str] = ()) -> None:
        """Look every label up once among the names of a family's labels."""
        wanted = {label for row in rows for label in (*row.labels, *row.names)}.union(others)
        self.labels = [name for name in names if name in wanted]
        self.at = {name: index for index, name in enumerate(self.labels)}
        self.pick = _getter([names.index(name) for name in self.labels])
        self._rows = [
            (row.dimension, self._indices(row.labels), self._indices(row.names))
            for row in rows
            if not self.at.keys().isdisjoint(row.labels)
        ]
        self._marks = [index for index, name in enumerate(self.labels) if labelled_member(name, "true")]

    def _indices(self, labels: Iterable[str]) -> list[int]:
        """Return where those of the labels stand that there are."""
        return [self.at[label] for label in labels if label in self.at]

    def members(self, picked: Values) -> Iterator[Member]:
        """Yield the members that the values of this group name."""
        if COLLAPSED in picked and not {*picked} - {COLLAPSED, *ABSENT}:
            return
        for dimension, ids, names in self._rows:
            key = _first_of(picked, ids)
            if key and not (key == COLLAPSED and dimension in _MODELS):
                yield Member(dimension, key, _first_of(picked, names) or key)
        if self._marks:
            marks = [mark for index in self._marks if (mark := labelled_member(self.labels[index], picked[index]))]
            for mark in sorted(marks, key=in_order):
                yield Member(*mark, mark[1])


class _LabelLayout:
    """Where the labels that matter stand among the label names of a family."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """Look every label up once."""
        self.upstream = _LabelGroup(
            names, [row for row in DIMENSIONS if row.dimension in UPSTREAM - {Dimension.MODEL}], ("model", *_IDS)
        )
        callers = [row for row in DIMENSIONS if row.dimension not in UPSTREAM]
        self.callers = _LabelGroup(names, callers, [name for name in names if labelled_member(name, "true")])
        at = self.upstream.at
        self.model = at.get("model")
        self.ids = [(label, at[label]) for label in _IDS if label in at]


@dataclass(slots=True, eq=False)
class UnresolvedAttribution:
    """Whose a series' usage is, before it is known which model its labels mean."""

    layout: _LabelLayout
    upstream: Values
    callers: Values
    proven: bool
    """Those that it names were used, not only named."""
    number: int | None = None
    """The attribution, once it was asked for."""


@dataclass(slots=True)
class Attributions:
    """Every attribution ever seen, and the display names of their members.

    A number is an attribution's identity as long as there is one.
    """

    keys: list[MemberKeys] = field(default_factory=list)
    """Per number; empty where it is free."""
    members: Mapping[MemberKey, Member] = field(default_factory=dict)
    """Replaced when it changes, so that a snapshot may hold it."""
    numbers: dict[MemberKeys, int] = field(default_factory=dict)
    models: dict[tuple[Traced, str, str], str] = field(default_factory=dict)
    """What is looked for, label and value -> what it stands for, learned from the families that name both."""
    new_members: dict[MemberKey, Member] = field(default_factory=dict)
    """New ones and new names, to be written down; whoever does takes them away."""
    new_numbers: dict[int, MemberKeys] = field(default_factory=dict)
    """New attributions, likewise."""
    _free: list[int] = field(default_factory=list)
    """Numbers of attributions that are gone, the lowest last."""
    _groups: tuple[MemberKeys, ...] | None = None
    is_stale: bool = False
    """Something was learned that may change whose usage known series are."""
    _deployed: dict[tuple[str, str], str] = field(default_factory=dict)
    """(label, value) -> model, by the word of the deployments."""
    _unproven: set[MemberKey] = field(default_factory=set)
    """Who was named in requests that were refused, and nowhere else."""
    renamed: set[MemberKey] = field(default_factory=set)
    """Whom known series call by several names: which of these is the latest, only those tell that grow."""
    counts: dict[Dimension, int] = field(default_factory=dict)
    """How many members each dimension has."""
    _layouts: dict[tuple[str, ...], _LabelLayout] = field(default_factory=dict)
    _learned: set[tuple[_LabelLayout, Values]] = field(default_factory=set)
    """The values upstream that have been learned from."""
    _met: set[tuple[_LabelLayout, Values]] = field(default_factory=set)
    """The values of callers that `meet` has seen."""
    _known: dict[tuple[_LabelGroup, str, Values, bool], MemberKeys] = field(default_factory=dict)
    """A group of a family's labels, the model, their values, whether they are proven -> the members."""

    def learn(self, unresolved: UnresolvedAttribution) -> None:
        """Learn which model, public name and provider the other labels of a series mean.

        The word of a family that has a `model` counts most; of those that do not, that of the
        deployments, which name it next to the public name. What would mean two things means neither.
        """
        layout, upstream = unresolved.layout, unresolved.upstream
        if (layout, upstream) in self._learned:
            return
        self._learned.add((layout, upstream))
        at = layout.upstream.at
        value = {label: upstream[index] for label, index in at.items() if upstream[index] not in ABSENT}
        if "model" in value:
            for label, _ in layout.ids:
                self._teach(Traced.MODEL, label, value.get(label), value["model"])
        elif "litellm_model_name" in value:
            model = self._model_of(layout, upstream)
            for label, _ in layout.ids:
                if label in value and self._deployed.setdefault((label, value[label]), model) not in {model, ""}:
                    self._deployed[label, value[label]] = ""
                    self.is_stale = True
        for label in _LEADS:
            for traced in _TRACED.values():
                self._teach(traced, label, value.get(label), value.get(_NAMES[traced]))

    @property
    def has_many_unproven(self) -> bool:
        """Whether many names of refused requests are remembered."""
        return len(self._unproven) > MOST_UNPROVEN

    def unlearn(self) -> None:
        """Let go of what was learned from labels, and of the names of refused requests: known series teach anew."""
        for learned in (self._unproven, self._learned, self._met, self._known, self._deployed, self._layouts):
            learned.clear()
        self.is_stale = True

    def _teach(self, traced: Traced, label: str, value: str | None, meaning: str | None) -> None:
        """Take in what the value of a label means."""
        if value is None or meaning is None or meaning == COLLAPSED:
            return
        known = self.models.get((traced, label, value))
        if known is None and len(self.models) >= MOST_MEANINGS:
            return
        if known is None or known not in {meaning, ""}:
            self.models[traced, label, value] = meaning if known is None else ""
            self.is_stale = True
            self._known.clear()

    def unresolved(self, labels: Labels, *, proven: bool) -> UnresolvedAttribution:
        """Return what the labels of a series say of whose usage it is."""
        layout, values = self._layout(labels.names), labels.values
        return UnresolvedAttribution(layout, layout.upstream.pick(values), layout.callers.pick(values), proven)

    def of(self, unresolved: UnresolvedAttribution) -> int:
        """Return the attribution that is meant, a new one where its members are a new combination."""
        if unresolved.number is None:
            layout, proven = unresolved.layout, unresolved.proven
            model = self._model_of(layout, unresolved.upstream)
            # Callers and models are few beside their combinations.
            upstream = self._members(layout.upstream, model, unresolved.upstream, proven=proven)
            callers = self._members(layout.callers, "", unresolved.callers, proven=proven)
            unresolved.number = self.number(upstream + callers)
        return unresolved.number

    def number(self, keys: Iterable[MemberKey]) -> int:
        """Return the number of a combination of members, given in order and without TOTAL."""
        ordered = (TOTAL, *keys)
        known = self.numbers.get(ordered)
        if known is None and len(self.numbers) >= COMBINATION_LIMIT:
            ordered = self._together(ordered)
            known = self.numbers.get(ordered)
        if known is None:
            if self._free:
                known = self._free.pop()
                self.keys[known] = ordered
            else:
                known = len(self.keys)
                self.keys.append(ordered)
            self.numbers[ordered], self._groups = known, None
            self.new_numbers[known] = ordered
        return known

    def _together(self, keys: MemberKeys) -> MemberKeys:
        """Return whose usage it is where there is no room for another combination."""
        kept = {TOTAL, *[key for key in keys if key[0] is Dimension.MODEL]}
        found = dict.fromkeys([key if key in kept else (key[0], OTHER) for key in keys])
        for dimension, name in found:
            if name == OTHER:
                self.name(Member(dimension, OTHER, "Other"))
        return tuple(found)

    def load(self, keys: Sequence[MemberKeys], members: Iterable[Member]) -> None:
        """Take in what was written down."""
        self.members = {member.key: member for member in members}
        for key in self.members:
            self.counts[key[0]] = self.counts.get(key[0], 0) + 1
        self.keys = list(keys)
        self.numbers = {one: number for number, one in enumerate(self.keys) if one}
        self._free = [number for number, one in enumerate(self.keys) if not one][::-1]
        self._groups = None

    @property
    def groups(self) -> tuple[MemberKeys, ...]:
        """All attributions; the same object until there is a new one."""
        if self._groups is None:
            self._groups = tuple(self.keys)
        return self._groups

    def has_room_for(self, key: MemberKey) -> bool:
        """Whether a member is told apart, or may be from now on."""
        return key in self.members or self.counts.get(key[0], 0) < MEMBER_LIMIT

    def name(self, member: Member) -> bool:
        """Take a member in; one that names itself does not undo an alias. Return whether it is new."""
        known = self.members.get(member.key)
        if known is not None and member.name in (known.name, member.id):
            return False
        if known is None:
            self.counts[member.dimension] = self.counts.get(member.dimension, 0) + 1
        elif known.name != known.id:
            self.renamed.add(member.key)
        pending = self.new_members
        if not pending:
            # Snapshots hold the one from before.
            self.members = dict(self.members)
        self.members[member.key] = pending[member.key] = member  # type: ignore[index]
        if member.key in self._unproven:
            self._unproven.discard(member.key)
            self.is_stale = True
            self._known.clear()
        return True

    def meet(self, whose: UnresolvedAttribution) -> None:
        """Note whom a known series calls by another name than the latest."""
        identity = whose.layout, whose.callers
        if identity not in self._met:
            self._met.add(identity)
            for member in whose.layout.callers.members(whose.callers):
                known = self.members.get(member.key)
                if known is not None and member.name not in {known.name, member.id}:
                    self.renamed.add(member.key)

    def follow_names(self, grown: Iterable[Labels]) -> None:
        """Call those that have several names as the series do that have grown, where these agree."""
        names: dict[MemberKey, set[Member]] = {}
        for labels in grown:
            layout = self._layout(labels.names)
            for member in layout.callers.members(layout.callers.pick(labels.values)):
                if member.key in self.renamed and member.key not in self.new_members:
                    names.setdefault(member.key, set()).add(member)
        for told in names.values():
            if len(told) == 1:
                self.name(told.pop())

    def take_new(self) -> tuple[dict[MemberKey, Member], dict[int, MemberKeys]]:
        """Return the new members and attributions, which are then nobody's any more."""
        found = self.new_members, self.new_numbers
        self.new_members, self.new_numbers = {}, {}
        return found

    def _layout(self, names: tuple[str, ...]) -> _LabelLayout:
        """Return where things stand among these label names."""
        layout = self._layouts.get(names)
        if layout is None:
            layout = self._layouts[names] = _LabelLayout(names)
        return layout

    def _members(self, group: _LabelGroup, model: str, picked: Values, *, proven: bool) -> MemberKeys:
        """Return the members that one group of a series' labels names, the model first where there is one."""
        identity = group, model, picked, proven
        known = self._known.get(identity)
        if known is None:
            members = [Member(Dimension.MODEL, model, model)] if model else []
            members += group.members(picked)
            members += self._traced(group, picked, {one.dimension for one in members})
            members.sort(key=_dimension_order)
            known = tuple([key for one in members if (key := self._key_of(one, proven=proven))])
            self._known[identity] = known
        return known

    def _key_of(self, member: Member, *, proven: bool) -> MemberKey | None:
        """Return whose usage it is: nobody's where a member was only named, all others' past the limit."""
        key = member.key
        if key not in self.members:
            if not proven:
                self._unproven.add(key)
                return None
            if not self.has_room_for(key):
                member = Member(member.dimension, OTHER, "Other")
        if proven:
            self.name(member)
        return member.key

    def _traced(self, group: _LabelGroup, picked: Values, named: set[Dimension]) -> Iterator[Member]:
        """Yield public name and provider where the family does not name them and other labels mean one."""
        if "model" not in group.at and "model_id" not in group.at:
            return
        leads = [(label, picked[group.at[label]]) for label in _LEADS if label in group.at]
        for dimension, traced in _TRACED.items():
            if dimension in named or _NAMES[traced] in group.at:
                continue
            meanings = [self.models[traced, *lead] for lead in leads if (traced, *lead) in self.models]
            if meanings and meanings[0]:
                yield Member(dimension, meanings[0], meanings[0])

    def _model_of(self, layout: _LabelLayout, upstream: Values) -> str:
        """Return the upstream model of a series: what it names itself, or what its other labels mean, if anything."""
        if layout.model is not None and upstream[layout.model] not in ABSENT:
            return "" if upstream[layout.model] == COLLAPSED else upstream[layout.model]
        given = [(label, upstream[index]) for label, index in layout.ids if upstream[index] not in ABSENT]
        if any(label == "litellm_model_name" for label, _ in given):
            # Other deployments may have the same public name.
            given = [pair for pair in given if pair[0] != "requested_model"]
        for pair in given:
            if (Traced.MODEL, *pair) in self.models:
                return self.models[Traced.MODEL, *pair]
        for pair in given:
            if pair in self._deployed:
                return self._deployed[pair]
        return next((value for label, value in given if label != "model_id" and value != COLLAPSED), "")


def _first_of(values: Values, indices: Iterable[int]) -> str:
    """Return the first of these values that is not absent, or the empty string."""
    for index in indices:
        if values[index] not in ABSENT:
            return values[index]
    return ""


def in_order(key: MemberKey) -> tuple[int, str]:
    """Return what member keys are sorted by to make them an identity."""
    return _ORDER[key[0]], key[1]


def _dimension_order(member: Member) -> int:
    """Return what the members of a series are sorted by; tags stay in their own order."""
    return _ORDER[member.dimension]


def _getter(indices: list[int]) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    """Return a function that picks these values as a tuple, also one or none of them."""
    if len(indices) > 1:
        return itemgetter(*indices)
    return lambda values: tuple([values[index] for index in indices])
