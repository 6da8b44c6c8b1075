"""What statistics are to be: pure, from the ledger's hours and days, for the members that are shown."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from homeassistant.components.recorder.models import StatisticMeanType, StatisticMetaData
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN, USD
from .core import windows
from .core.catalog import COUNTER_INDEX, COUNTERS, Dimension
from .core.models import OTHER, TOTAL, Member, MemberKey
from .core.query import hours
from .core.query.hours import HOUR_SECONDS, KnownHours, UsageByNumber
from .device_manager import DeviceManager
from .localize import localize
from .statistic_ids import METRICS, statistic_id
from .statistics_task import Day, Range, Update

_COUNTERS: Final = {metric: "cost" if metric == "spend" else metric for metric in METRICS}
_MODELS: Final = frozenset({Dimension.MODEL, Dimension.PUBLIC_MODEL})
"""Dimensions whose members need not be told what they are."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the statistics of a metric are called, in Home Assistant's language."""

    title: str
    """With `{name}` for what is counted."""
    unit: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What has statistics."""

    entry_id: str
    names: Mapping[MemberKey, str]
    """Member -> what the names of its statistics begin with."""
    overflow: Mapping[Dimension, Collection[MemberKey]]
    """Members that are shown together, per dimension."""
    metrics: Mapping[str, Words]
    """Those of the proxy that it publishes."""


@callback
def shown(hass: HomeAssistant, entry: ConfigEntry, device_manager: DeviceManager, published: Collection[str]) -> Shown:
    """Return what has statistics now: every device, for every metric that the proxy publishes."""
    alone = len(hass.config_entries.async_entries(DOMAIN)) == 1
    proxy = "LiteLLM" if alone else f"LiteLLM {entry.title}"
    return Shown(
        entry.entry_id,
        {
            # What is shown together has no name but its device's.
            key: (device_manager.device(key).name or proxy) if key[1] == OTHER else _name(hass, proxy, member)
            for key, member in device_manager.members.items()
            if key != TOTAL
        }
        | {TOTAL: proxy},
        device_manager.overflow,
        {metric: _words(hass, metric) for metric in METRICS if _COUNTERS[metric] in published},
    )


def fresh(before: Shown | None, now: Shown) -> set[MemberKey]:
    """Return the members that had no statistics before, or less of them, or stood for others."""
    if before is None or before.metrics != now.metrics:
        return set(now.names)
    dimensions = before.overflow.keys() | now.overflow.keys()
    moved = {(one, OTHER) for one in dimensions if before.overflow.get(one) != now.overflow.get(one)}
    return (now.names.keys() - before.names.keys()) | (moved & now.names.keys())


def part_of(known: KnownHours, before: KnownHours | None, zone: ZoneInfo, *, from_days: bool = False) -> Range:
    """Return what has changed since `before`, or all that is known."""
    changed = known.changed_since(before) if before else next(iter(known.digests), None)
    first = known.end if changed is None else changed
    return Range(
        first=first,
        hours=[hour for hour in known.digests if hour >= first],
        previous=max((hour for hour in known.digests if hour < first), default=None),
        zone=zone,
        first_day=known.first_day,
        from_days=from_days,
    )


def build(path: Path, wanted: Shown, part: Range, members: Collection[MemberKey]) -> list[Update]:
    """Return what a part of the statistics of some members is to be; blocking, raises StoreError."""
    within = {key: key for key in members}
    for dimension, together in wanted.overflow.items():
        if (other := (dimension, OTHER)) in within:
            within |= dict.fromkeys(together, other)
    selection = hours.Selection(within, [_COUNTERS[metric] for metric in wanted.metrics])
    end = part.hours[-1] + HOUR_SECONDS if part.hours else part.first
    by_hour = hours.hourly_usage(path, selection, first=part.first, end=end, zone=part.zone)
    by_day: UsageByNumber = {}
    if part.previous is None:
        by_day = hours.usage_before(path, selection, hour=part.first, first_day=part.first_day, zone=part.zone)
    updates = []
    for key in members:
        sources = [one for one, to in within.items() if to == key]
        for index, (metric, words) in enumerate(wanted.metrics.items()):
            days = _sums(by_day, sources, index)
            updates.append(
                Update(
                    metadata=_metadata(statistic_id(wanted.entry_id, key, metric), wanted.names[key], words),
                    hours=_sums(by_hour, sources, index),
                    # A member is not known before it is used; the proxy is.
                    begun=key == TOTAL,
                    days=[_day(day, days[day], part) for day in sorted(days)],
                )
            )
    return updates


def _sums(usage: UsageByNumber, members: Iterable[MemberKey], index: int) -> dict[int, float]:
    """Return number -> what some members used of one metric, where that is anything."""
    found: dict[int, float] = {}
    for member in members:
        for number, amounts in usage.get(member, {}).items():
            if amounts[index]:
                found[number] = found.get(number, 0.0) + amounts[index]
    return found


def _day(day: int, amount: float, part: Range) -> Day:
    """Return a local day, or what of it is before the first known hour."""
    begin, end = (windows.start_of_day(one, part.zone).timestamp() for one in (day, day + 1))
    return Day(begin, min(end, part.first), amount)


def _name(hass: HomeAssistant, proxy: str, member: Member) -> str:
    """Return what a member is called in the names of its statistics."""
    if member.dimension in _MODELS:
        return f"{proxy} {member.name}"
    return localize(hass, f"{member.dimension}.name", {"proxy": proxy, "member": member.name}, category="device")


def _words(hass: HomeAssistant, metric: str) -> Words:
    """Return what the statistics of a metric are called."""
    counter = COUNTERS[COUNTER_INDEX[_COUNTERS[metric]]]
    unit = str(counter.unit)
    if unit != USD:
        unit = localize(hass, f"sensor.{metric}_day.unit_of_measurement", category="entity")
    return Words(localize(hass, f"statistic_{metric}", {"name": "{name}"}), unit)


def _metadata(identifier: str, name: str, words: Words) -> StatisticMetaData:
    """Return what the recorder keeps of a statistic beside its rows."""
    return StatisticMetaData(
        mean_type=StatisticMeanType.NONE,
        has_sum=True,
        name=words.title.replace("{name}", name),
        source=DOMAIN,
        statistic_id=identifier,
        # Home Assistant converts neither money nor counts.
        unit_class=None,
        unit_of_measurement=words.unit,
    )
