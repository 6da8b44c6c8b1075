"""What Assist can be asked: how much was used, who used most, what is left. One set of functions for both ways.

No entity has to be exposed: these ask the ledgers of all proxies that are loaded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from .api.permissions import may_see_persons
from .const import CONF_SHOW_PERSONS, DOMAIN
from .coordinator import LiteLLMPulseConfigEntry
from .core import windows
from .core.catalog import COUNTER_INDEX, Dimension
from .core.models import TOTAL, Member, MemberKey, Snapshot, Window
from .core.query import Period, UsageQuery, sql
from .core.query.parameters import PERSONAL
from .data import PulseData
from .identifiers import member_of_device
from .spoken_names import find
from .spoken_times import When, days_of, window_of

METRICS: Final = ("cost", "tokens", "requests")
"""What is asked for, by the names of the catalog; the cost is in US dollars."""
_SEARCHED: Final = (
    *(Dimension.MODEL, Dimension.PUBLIC_MODEL, Dimension.PROVIDER, Dimension.TEAM, Dimension.ORGANIZATION),
    *(Dimension.TAG, Dimension.KEY, Dimension.USER, Dimension.CUSTOMER),
)
"""Where a name is looked for; the first kind that has it is meant."""


class NotForEveryoneError(Exception):
    """Who asks may not see persons."""


class NotToldError(Exception):
    """LiteLLM's metrics do not split this metric by this dimension."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of a metric one member has used, or several together."""

    names: tuple[str, ...]
    """Empty for everything."""
    used: float


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a budget of LiteLLM, or of a limit that was set in Home Assistant, in US dollars."""

    name: str
    remaining: float
    maximum: float | None
    window: Window | None
    """Of a limit; None for a budget."""
    resets_at: datetime | None = None


async def async_usage(
    hass: HomeAssistant, context: Context | None, metric: str, when: When, name: str | None
) -> Amount | None:
    """Return what was used, by all or by who is called `name`; None where nobody is whom who asks may see.

    Raises NotToldError where no kind that has the name is told.
    """
    if name is None:
        used = [(await _async_used(hass, one, TOTAL[0], metric, when)).get("", 0.0) for one in _entries(hass)]
        return Amount((), sum(used))
    untold: NotToldError | None = None
    for dimension in _SEARCHED:
        try:
            if amount := await _async_amount(hass, context, metric, when, dimension, name):
                return amount
        except NotToldError as err:
            untold = err
    if untold:
        raise untold
    return None


async def _async_amount(  # noqa: PLR0913, PLR0917 - what is asked, by whom
    hass: HomeAssistant, context: Context | None, metric: str, when: When, dimension: Dimension, name: str
) -> Amount | None:
    """Return what the members of a dimension that are called so used; None where none is. Raises as async_usage."""
    names: dict[str, None] = {}
    sums = 0.0
    for entry in _entries(hass):
        if not (found := await _async_find(hass, context, entry, dimension, name)):
            continue
        used = await _async_used(hass, entry, dimension, metric, when)
        members = entry.runtime_data.coordinator.data.snapshot.members
        names |= {members[dimension, one].name: None for one in found}
        sums += sum(used.get(one, 0.0) for one in found)
    return Amount(tuple(names), sums) if names else None


async def async_ranking(
    hass: HomeAssistant, context: Context | None, metric: str, when: When, dimension: Dimension
) -> list[Amount]:
    """Return who of a dimension used how much, the most first. Raises NotForEveryoneError and NotToldError."""
    sums: dict[str, float] = {}
    for entry in _entries(hass):
        await _async_require(hass, context, entry, dimension)
        members = entry.runtime_data.coordinator.data.snapshot.members
        used = await _async_used(hass, entry, dimension, metric, when)
        await hass.async_add_executor_job(_add_by_name, sums, dimension, members, used)
    return await hass.async_add_executor_job(_ranked, sums)


def _add_by_name(
    sums: dict[str, float], dimension: Dimension, members: Mapping[MemberKey, Member], used: Mapping[str, float]
) -> None:
    """Add what the members of a dimension used to sums by their names."""
    for one, amount in used.items():
        if amount and (dimension, one) in members:
            name = members[dimension, one].name
            sums[name] = sums.get(name, 0.0) + amount


def _ranked(sums: Mapping[str, float]) -> list[Amount]:
    """Return sums by name, the most first."""
    return [Amount((name,), used) for name, used in sorted(sums.items(), key=lambda item: (-item[1], item[0]))]


async def async_left(hass: HomeAssistant, context: Context | None, name: str | None) -> list[Left] | None:
    """Return what is left of budgets and limits, of the proxies or of who is called `name`.

    None where there is none, or nobody of that name whom who asks may see. Raises NotForEveryoneError
    where nobody was named, and all that there are are those of persons that who asks may not see.
    """
    left: list[Left] = []
    refused: NotForEveryoneError | None = None
    for entry in _entries(hass):
        data = entry.runtime_data.coordinator.data
        if name is None:
            # The home's own limit, else all that there are.
            keys = [TOTAL] if TOTAL in data.limits else [*{*data.snapshot.budgets, *data.limits}]
        else:
            keys = await _async_limited(hass, context, entry, name)
        shown: set[Dimension] = set()
        for dimension in {key[0] for key in keys}:
            try:
                await _async_require(hass, context, entry, dimension)
            except NotForEveryoneError as err:
                refused = err
            else:
                shown.add(dimension)
        left += await hass.async_add_executor_job(_left_of, data, [key for key in keys if key[0] in shown], entry.title)
    if refused and not left:
        raise refused
    return left or None


@callback
def _entries(hass: HomeAssistant) -> list[LiteLLMPulseConfigEntry]:
    """Return the entries that are loaded."""
    return hass.config_entries.async_loaded_entries(DOMAIN)


async def _async_find(
    hass: HomeAssistant, context: Context | None, entry: LiteLLMPulseConfigEntry, dimension: Dimension, name: str
) -> list[str]:
    """Return the ids of a dimension's members that are called so: by LiteLLM, or as devices by the user.

    Nobody is, to who asks and may not see them: whether there is one is told by no answer.
    """
    if not await _async_may_see(hass, context, entry, dimension):
        return []
    members = entry.runtime_data.coordinator.data.snapshot.members
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    given = {member_of_device(device): device.name_by_user for device in devices if device.name_by_user}
    # There may be thousands.
    return await hass.async_add_executor_job(_find, name, dimension, members, given)


def _find(
    name: str, dimension: Dimension, members: Mapping[MemberKey, Member], given: Mapping[MemberKey, str]
) -> list[str]:
    """Return the ids of the members of a dimension that are called so; `given` are names besides their own."""
    return find(
        name,
        {
            key[1]: [member.name, given[key]] if key in given else [member.name]
            for key, member in members.items()
            if key[0] is dimension
        },
    )


async def _async_limited(
    hass: HomeAssistant, context: Context | None, entry: LiteLLMPulseConfigEntry, name: str
) -> list[MemberKey]:
    """Return the members called so that have a budget or a limit, of the first kind that has any."""
    data = entry.runtime_data.coordinator.data
    for dimension in _SEARCHED:
        keys = [(dimension, id_) for id_ in await _async_find(hass, context, entry, dimension, name)]
        if limited := [key for key in keys if key in data.snapshot.budgets or key in data.limits]:
            return limited
    return []


def _left_of(data: PulseData, keys: Iterable[MemberKey], title: str) -> list[Left]:
    """Return what is left of the budgets and limits of some members."""
    return [one for key in sorted(keys) for one in _left(data, key, title)]


def _left(data: PulseData, key: MemberKey, title: str) -> Iterable[Left]:
    """Yield what is left of a member's budget and limits."""
    member = data.snapshot.members.get(key)
    name = title if key == TOTAL or member is None else member.name
    if budget := data.snapshot.budgets.get(key):
        yield Left(name, budget.remaining, budget.maximum, None, budget.resets_at)
    for window in data.limits.get(key, ()):
        if limit := data.limit(key, window):
            yield Left(name, limit.amount - limit.spent, limit.amount, window)


async def _async_used(
    hass: HomeAssistant, entry: LiteLLMPulseConfigEntry, dimension: Dimension, metric: str, when: When
) -> Mapping[str, float]:
    """Return member -> how much of a metric it used; a time that is over is read from the ledger's file.

    Raises NotToldError.
    """
    runtime = entry.runtime_data
    snapshot = runtime.coordinator.data.snapshot
    if metric in snapshot.unknown.get(dimension, ()):
        raise NotToldError
    starts = {window: start.toordinal() for window, start in snapshot.window_starts.items() if start}
    if window := window_of(when, starts):
        return await hass.async_add_executor_job(_used, snapshot, dimension, metric, window)
    start, end = days_of(when, starts)
    query = UsageQuery(
        start=windows.start_of_day(start, runtime.ledger.zone),
        end=windows.start_of_day(end, runtime.ledger.zone),
        period=Period.DAY,
        zone=runtime.ledger.zone,
        dimensions=() if dimension is Dimension.TOTAL else (dimension,),
    )
    return await hass.async_add_executor_job(_used_then, runtime.ledger.path, query, metric)


def _used(snapshot: Snapshot, dimension: Dimension, metric: str, window: Window) -> Mapping[str, float]:
    """Return member -> how much of a metric it used in a window that is not over."""
    return {id_: usage.get(window, metric) for (kind, id_), usage in snapshot.usage.items() if kind is dimension}


def _used_then(path: Path, query: UsageQuery, metric: str) -> Mapping[str, float]:
    """Return member -> how much of a metric it used, from the ledger's file; "" where no members are asked for."""
    used: dict[str, float] = {}
    for row in sql.usage(path, query):
        id_ = row.group[0] if row.group else ""
        if id_ is not None:
            used[id_] = used.get(id_, 0.0) + row.usage[COUNTER_INDEX[metric]]
    return used


async def async_sees_everybody(hass: HomeAssistant, context: Context | None) -> bool:
    """Whether who asks may see the persons of every proxy."""
    return all([await _async_may_see(hass, context, entry, Dimension.USER) for entry in _entries(hass)])


async def _async_require(
    hass: HomeAssistant, context: Context | None, entry: LiteLLMPulseConfigEntry, dimension: Dimension
) -> None:
    """Raise NotForEveryoneError where who asks may not see the members of a dimension."""
    if not await _async_may_see(hass, context, entry, dimension):
        raise NotForEveryoneError


async def _async_may_see(
    hass: HomeAssistant, context: Context | None, entry: LiteLLMPulseConfigEntry, dimension: Dimension
) -> bool:
    """Whether who asks may see the members of a dimension. A voice that is nobody's user may see no persons."""
    if dimension not in PERSONAL:
        return True
    user = await hass.auth.async_get_user(context.user_id) if context and context.user_id else None
    return may_see_persons(entry, user) if user else bool(entry.options.get(CONF_SHOW_PERSONS))
