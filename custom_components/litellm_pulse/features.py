"""Reasons for entities: what every member has, and what only some have, or have only for a time."""

from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Final

from .core.catalog import Dimension
from .core.models import TOTAL, MemberKey, Snapshot, Window
from .user_settings import Limits


class Feature(Enum):
    """A reason for entities of a member."""

    USAGE = auto()
    BUDGET = auto()
    HEALTH = auto()
    LIMIT_DAY = auto()
    LIMIT_WEEK = auto()
    LIMIT_MONTH = auto()
    YESTERDAY = auto()
    LAST_MONTH = auto()
    FORECAST = auto()
    FORECAST_LATER = auto()
    """There is not enough history yet for a forecast."""
    UNUSUAL = auto()
    UNUSUAL_LATER = auto()


LIMITS: Final = {
    Window.DAY: Feature.LIMIT_DAY,
    Window.WEEK: Feature.LIMIT_WEEK,
    Window.MONTH: Feature.LIMIT_MONTH,
}
"""The windows whose spend can be limited."""

TEMPORARY: Final = frozenset(
    {*LIMITS.values(), Feature.FORECAST, Feature.FORECAST_LATER, Feature.UNUSUAL, Feature.UNUSUAL_LATER}
)
"""Features that end: their entities are taken away then, and come back as they were."""

MARKS: Final = {
    "budget_remaining": Feature.BUDGET,
    "deployment_health": Feature.HEALTH,
    "spend_yesterday": Feature.YESTERDAY,
    "spend_last_month": Feature.LAST_MONTH,
}
"""Key of an entity that tells that the member had this feature before: a proxy tells a budget only once it is used."""

type Present = Callable[[MemberKey, Snapshot, Limits], bool]

_OF_MEMBERS: Final[dict[Feature, Present]] = {
    Feature.USAGE: lambda _, __, ___: True,
    Feature.BUDGET: lambda member, snapshot, _: member in snapshot.budgets,
    Feature.HEALTH: lambda member, snapshot, _: member[0] is Dimension.MODEL and member[1] in snapshot.health,
    Feature.LIMIT_DAY: lambda member, _, limits: Window.DAY in limits.get(member, ()),
    Feature.LIMIT_WEEK: lambda member, _, limits: Window.WEEK in limits.get(member, ()),
    Feature.LIMIT_MONTH: lambda member, _, limits: Window.MONTH in limits.get(member, ()),
}
_OF_PROXY: Final[dict[Feature, Present]] = {
    Feature.YESTERDAY: lambda _, snapshot, __: snapshot.insight.yesterday is not None,
    Feature.LAST_MONTH: lambda _, snapshot, __: snapshot.insight.last_month is not None,
    Feature.FORECAST: lambda _, snapshot, __: snapshot.insight.forecast_from is None,
    Feature.FORECAST_LATER: lambda _, snapshot, __: snapshot.insight.forecast_from is not None,
    Feature.UNUSUAL: lambda _, snapshot, __: snapshot.insight.unusual_from is None,
    Feature.UNUSUAL_LATER: lambda _, snapshot, __: snapshot.insight.unusual_from is not None,
}


def present(member: MemberKey, snapshot: Snapshot, limits: Limits) -> Iterable[Feature]:
    """Yield the features that a member has now."""
    for feature, is_present in (_OF_MEMBERS | _OF_PROXY if member == TOTAL else _OF_MEMBERS).items():
        if is_present(member, snapshot, limits):
            yield feature


def basis_of_features(snapshot: Snapshot, limits: Limits) -> tuple[object, ...]:
    """Return what features follow from: as long as it is the same, all members have the same."""
    insight = snapshot.insight
    times = insight.yesterday, insight.last_month, insight.forecast_from, insight.unusual_from
    return snapshot.budgets, snapshot.health.keys(), limits, tuple(one is None for one in times)
