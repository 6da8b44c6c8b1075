"""What happened between two pictures: found in one place, told to whoever listens."""

from collections import deque
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from homeassistant.core import CALLBACK_TYPE, callback

from .core.catalog import Dimension
from .core.models import Member, MemberKey
from .picture import Picture

_WAITING: Final = 50
"""Happenings kept for a listener to come: those of the first scrape, before the platforms are set up."""


class Kind(StrEnum):
    """What can happen."""

    NEW_MODEL = "new_model"
    PROXY_RESTARTED = "proxy_restarted"
    BUDGET_USED_UP = "budget_used_up"
    LIMIT_REACHED = "limit_reached"
    UNUSUAL_SPEND = "unusual_spend"


type Details = dict[str, str | float | None]
"""JSON values."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened, and its details."""

    kind: Kind
    details: Details


type Listener = Callable[[Happening], None]


class Herald:
    """Tells what happened."""

    def __init__(self) -> None:
        """Begin without listeners."""
        self._listeners: list[Listener] = []
        self._waiting: deque[Happening] = deque(maxlen=_WAITING)

    @callback
    def listen(self, listener: Listener) -> CALLBACK_TYPE:
        """Have a listener told, also what nobody has heard yet; returns what ends that."""
        self._listeners.append(listener)
        while self._waiting:
            listener(self._waiting.popleft())
        return partial(self._listeners.remove, listener)

    @callback
    def tell(self, happening: Happening) -> None:
        """Tell all listeners, or keep it until there is one."""
        if not self._listeners:
            self._waiting.append(happening)
        for listener in self._listeners:
            listener(happening)


def between(before: Picture, after: Picture, shown: Container[MemberKey], models: Dimension) -> Iterator[Happening]:
    """Yield what happened from one picture to the next, to the members that are shown.

    Nothing is new in the first scrape ever, and a budget that was not known is not used up anew.
    """
    report = after.snapshot.report
    if report and report is not before.snapshot.report and report.restarted:
        start = after.snapshot.process_start
        yield Happening(Kind.PROXY_RESTARTED, {"started_at": start.isoformat() if start else None})
    if before.snapshot.last_scrape:
        yield from _new_models(before, after, models)
    if after.snapshot.budgets is not before.snapshot.budgets:
        yield from _budgets(before, after, shown)
    yield from _limits(before, after, shown)
    if after.unusual and not before.unusual:
        outlook = after.snapshot.outlook
        yield Happening(Kind.UNUSUAL_SPEND, {"hour_spend": outlook.hour_spend, "usual": outlook.usual_hour})


def _new_models(before: Picture, after: Picture, models: Dimension) -> Iterator[Happening]:
    """Yield the models that were not known."""
    if len(after.snapshot.members) == len(before.snapshot.members):
        return
    for key, member in after.snapshot.members.items():
        if key[0] is models and key not in before.snapshot.members:
            yield Happening(Kind.NEW_MODEL, _who(member))


def _budgets(before: Picture, after: Picture, shown: Container[MemberKey]) -> Iterator[Happening]:
    """Yield the budgets that are used up now and were not."""
    for key, budget in after.snapshot.budgets.items():
        earlier = before.snapshot.budgets.get(key)
        if key in shown and budget.used_up and earlier and not earlier.used_up:
            details: Details = {"remaining": budget.remaining, "maximum": budget.maximum}
            yield Happening(Kind.BUDGET_USED_UP, _who(after.snapshot.members[key]) | details)


def _limits(before: Picture, after: Picture, shown: Container[MemberKey]) -> Iterator[Happening]:
    """Yield the limits that are reached now and were not."""
    for key, windows in after.limits.items():
        for window in windows if key in shown else ():
            limit, earlier = after.limit(key, window), before.limit(key, window)
            if limit and limit.reached and not (earlier and earlier.reached):
                member = after.snapshot.members.get(key, Member(*key, ""))
                details: Details = {"window": str(window), "limit": limit.amount, "spent": limit.spent}
                yield Happening(Kind.LIMIT_REACHED, _who(member) | details)


def _who(member: Member) -> Details:
    """Return whom it happened to."""
    return {"dimension": str(member.dimension), "id": member.id, "name": member.name}
