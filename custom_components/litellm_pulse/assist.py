"""What Assist can be asked: how much was spent, who spent most, what is left. One set of functions for both ways.

No entity has to be exposed: these ask the ledgers of all proxies that are loaded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Final

from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util

from .api.permissions import may_see_persons
from .const import CONF_SHOW_PERSONS, DOMAIN
from .coordinator import LiteLLMPulseConfigEntry
from .core import windows
from .core.catalog import COUNTER_INDEX, Dimension
from .core.models import TOTAL, MemberKey, Window
from .core.query import Period, UsageQuery, sql
from .core.query.parameters import PERSONAL
from .data import PulseData
from .identifiers import member_of_device
from .spoken_names import find


class When(StrEnum):
    """The times that are asked about."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    WEEK = "this_week"
    LAST_WEEK = "last_week"
    MONTH = "this_month"
    LAST_MONTH = "last_month"
    YEAR = "this_year"
    EVER = "ever"


_WINDOWS: Final = {
    When.TODAY: Window.DAY,
    When.WEEK: Window.WEEK,
    When.MONTH: Window.MONTH,
    When.YEAR: Window.YEAR,
    When.EVER: Window.LIFETIME,
}
_PAST: Final = {When.YESTERDAY: Window.DAY, When.LAST_WEEK: Window.WEEK, When.LAST_MONTH: Window.MONTH}
"""Times that are over, and the window that came after them."""

_COST: Final = COUNTER_INDEX["cost"]
_SEARCHED: Final = (
    *(Dimension.MODEL, Dimension.PUBLIC_MODEL, Dimension.PROVIDER, Dimension.TEAM, Dimension.ORGANIZATION),
    *(Dimension.TAG, Dimension.KEY, Dimension.USER, Dimension.CUSTOMER),
)
"""Where a name is looked for; the first kind that has it is meant."""


class NotForEveryoneError(Exception):
    """Who asks may not see persons."""


@dataclass(frozen=True, slots=True)
class Amount:
    """What was spent, in US dollars, by one member or several together."""

    names: tuple[str, ...]
    """Empty for everything."""
    spend: float


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a budget of LiteLLM, or of a limit that was set in Home Assistant, in US dollars."""

    name: str
    remaining: float
    maximum: float | None
    window: Window | None
    """Of a limit; None for a budget."""
    resets_at: datetime | None = None


async def async_spend(hass: HomeAssistant, context: Context | None, when: When, name: str | None) -> Amount | None:
    """Return what was spent, by all or by who is called `name`; None where nobody is. Raises NotForEveryoneError."""
    entries = _entries(hass)
    if name is None:
        return Amount((), sum([(await _async_costs(hass, one, TOTAL[0], when)).get("", 0.0) for one in entries]))
    for dimension in _SEARCHED:
        names: dict[str, None] = {}
        spend = 0.0
        for entry in entries:
            if not (found := find(name, _names(hass, entry, dimension))):
                continue
            await _async_require(hass, context, entry, dimension)
            costs = await _async_costs(hass, entry, dimension, when)
            members = entry.runtime_data.coordinator.data.snapshot.members
            names |= {members[dimension, one].name: None for one in found}
            spend += sum(costs.get(one, 0.0) for one in found)
        if names:
            return Amount(tuple(names), spend)
    return None


async def async_ranking(hass: HomeAssistant, context: Context | None, when: When, dimension: Dimension) -> list[Amount]:
    """Return who of a dimension spent how much, the most first. Raises NotForEveryoneError."""
    sums: dict[str, float] = {}
    for entry in _entries(hass):
        await _async_require(hass, context, entry, dimension)
        members = entry.runtime_data.coordinator.data.snapshot.members
        for one, cost in (await _async_costs(hass, entry, dimension, when)).items():
            if cost and (dimension, one) in members:
                name = members[dimension, one].name
                sums[name] = sums.get(name, 0.0) + cost
    return [Amount((name,), spend) for name, spend in sorted(sums.items(), key=lambda item: (-item[1], item[0]))]


async def async_left(hass: HomeAssistant, context: Context | None, name: str | None) -> list[Left] | None:
    """Return what is left of budgets and limits, of the proxies or of who is called `name`; None where nobody is.

    Raises NotForEveryoneError where all that there are, or who was named, are persons that who asks may not see.
    """
    left: list[Left] = []
    refused: NotForEveryoneError | None = None
    for entry in _entries(hass):
        data = entry.runtime_data.coordinator.data
        if name is None:
            # The home's own limit, else all that there are.
            keys = [TOTAL] if TOTAL in data.limits else sorted({*data.snapshot.budgets, *data.limits})
        else:
            keys = _limited(hass, entry, name)
        for key in keys:
            try:
                await _async_require(hass, context, entry, key[0])
            except NotForEveryoneError as err:
                refused = err
            else:
                left += _left(data, key, entry.title)
    if refused and not left:
        raise refused
    return left or None


@callback
def _entries(hass: HomeAssistant) -> list[LiteLLMPulseConfigEntry]:
    """Return the entries that are loaded."""
    return hass.config_entries.async_loaded_entries(DOMAIN)


def _names(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry, dimension: Dimension) -> dict[str, list[str]]:
    """Return id -> the names of a dimension's members: LiteLLM's, and those that the user gave their devices."""
    members = entry.runtime_data.coordinator.data.snapshot.members
    names = {id_: [member.name] for (kind, id_), member in members.items() if kind is dimension}
    for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id):
        kind, id_ = member_of_device(device)
        if kind is dimension and id_ in names and device.name_by_user:
            names[id_].append(device.name_by_user)
    return names


def _limited(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry, name: str) -> list[MemberKey]:
    """Return the members called so that have a budget or a limit, of the first kind that has any."""
    data = entry.runtime_data.coordinator.data
    for dimension in _SEARCHED:
        keys = [(dimension, id_) for id_ in find(name, _names(hass, entry, dimension))]
        if limited := [key for key in keys if key in data.snapshot.budgets or key in data.limits]:
            return limited
    return []


def _left(data: PulseData, key: MemberKey, title: str) -> Iterable[Left]:
    """Yield what is left of a member's budget and limits."""
    member = data.snapshot.members.get(key)
    name = title if key == TOTAL or member is None else member.name
    if budget := data.snapshot.budgets.get(key):
        yield Left(name, budget.remaining, budget.maximum, None, budget.resets_at)
    for window in data.limits.get(key, ()):
        if limit := data.limit(key, window):
            yield Left(name, limit.amount - limit.spent, limit.amount, window)


async def _async_costs(
    hass: HomeAssistant, entry: LiteLLMPulseConfigEntry, dimension: Dimension, when: When
) -> Mapping[str, float]:
    """Return member -> spend in US dollars; a time that is over is read from the ledger's file."""
    runtime = entry.runtime_data
    snapshot = runtime.coordinator.data.snapshot
    if (window := _WINDOWS.get(when)) is not None:
        return {id_: usage.get(window, "cost") for (kind, id_), usage in snapshot.usage.items() if kind is dimension}
    end = snapshot.window_starts[_PAST[when]] or dt_util.utcnow()
    query = UsageQuery(
        start=_start_before(end, when),
        end=end,
        period=Period.DAY,
        zone=runtime.ledger.zone,
        dimensions=() if dimension is Dimension.TOTAL else (dimension,),
    )
    costs: dict[str, float] = {}
    for row in await hass.async_add_executor_job(partial(sql.usage, runtime.ledger.path, query)):
        id_ = row.group[0] if row.group else ""
        if id_ is not None:
            costs[id_] = costs.get(id_, 0.0) + row.usage[_COST]
    return costs


def _start_before(end: datetime, when: When) -> datetime:
    """Return when a time began that ended at a local midnight."""
    zone = end.tzinfo
    day = end.date().toordinal()
    if when is When.LAST_MONTH:
        first = windows.first_of_month(windows.month_of(day - 1))
    else:
        first = day - (1 if when is When.YESTERDAY else 7)
    date = datetime.fromordinal(first)
    return date.replace(tzinfo=zone)


async def _async_require(
    hass: HomeAssistant, context: Context | None, entry: LiteLLMPulseConfigEntry, dimension: Dimension
) -> None:
    """Raise NotForEveryoneError where who asks may not see persons. A voice that is nobody's user may not."""
    if dimension not in PERSONAL:
        return
    user = await hass.auth.async_get_user(context.user_id) if context and context.user_id else None
    open_to_all = may_see_persons(entry, user) if user else bool(entry.options.get(CONF_SHOW_PERSONS))
    if not open_to_all:
        raise NotForEveryoneError
