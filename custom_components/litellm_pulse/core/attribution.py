"""Whose usage a series is: the members of every dimension that its labels name, and the model.

An attribution is one combination of members, for example one model, one team and one key. Usage
is kept per attribution, so it is stored once and can be grouped by any dimension afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .catalog import ABSENT, Dimension, members_of
from .changes import Changes
from .models import TOTAL, Member, MemberKey

type MemberKeys = tuple[MemberKey, ...]
"""TOTAL, then the others in order."""

_IDS = ("model_id", "litellm_model_name", "requested_model")
"""Labels that lead to the model where a family does not name it, the surest first."""


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

    def learn(self, labels: Mapping[str, str]) -> None:
        """Learn which model the other labels of a series mean."""
        model = labels.get("model", "")
        if model in ABSENT:
            return
        for label in _IDS:
            value = labels.get(label, "")
            if value not in ABSENT:
                self.models[label, value] = model

    def of(self, labels: Mapping[str, str], changes: Changes) -> int:
        """Return the attribution of a series, a new one where its members are a new combination."""
        found = list(members_of(labels))
        if labels.get("model", "") in ABSENT and (model := self._model_of(labels)):
            found.append((Dimension.MODEL, model, model))
        for dimension, key, name in found:
            member = Member(dimension, key, name)
            if self.name(member):
                changes.members[member.key] = member
        keys = (TOTAL, *sorted((dimension, key) for dimension, key, _ in found))
        number = self.number(keys)
        if number == len(self.keys) - 1:
            changes.attributions[number] = keys
        return number

    def number(self, keys: MemberKeys) -> int:
        """Return the number of a combination of members."""
        known = self.numbers.get(keys)
        if known is None:
            known = self.numbers[keys] = len(self.keys)
            self.keys.append(keys)
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

    def _model_of(self, labels: Mapping[str, str]) -> str:
        """Return the upstream model of a series that does not name it, or the empty string."""
        given = [(label, labels[label]) for label in _IDS if labels.get(label, "") not in ABSENT]
        learned = next((self.models[pair] for pair in given if pair in self.models), "")
        named = next((value for label, value in given if label != "model_id"), "")
        return learned or named
