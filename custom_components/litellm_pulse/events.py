"""What happened between two publications of the coordinator: detected in one place, sent to whoever listens."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from enum import StrEnum

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util.signal_type import SignalType

from .const import DOMAIN
from .core.catalog import Dimension
from .core.models import Member, MemberKey
from .data import PulseData
from .device_manager import DeviceManager


class EventType(StrEnum):
    """What can happen."""

    NEW_MODEL = "new_model"
    PROXY_RESTARTED = "proxy_restarted"
    BUDGET_USED_UP = "budget_used_up"
    LIMIT_REACHED = "limit_reached"
    UNUSUAL_SPEND = "unusual_spend"


type EventData = dict[str, str | float | None]
"""JSON values."""


@dataclass(frozen=True, slots=True)
class PulseEvent:
    """Something that happened between two publications of the coordinator."""

    type: EventType
    data: EventData


def event_signal(entry_id: str) -> SignalType[PulseEvent]:
    """Return the dispatcher's signal for the events of an entry."""
    return SignalType(f"{DOMAIN}_{entry_id}_event")


class EventDetector:
    """Sends an event for everything that happened to a proxy."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, device_manager: DeviceManager) -> None:
        """Keep whose events it sends, and who has a device."""
        self._hass = hass
        self._signal = event_signal(entry.entry_id)
        self._device_manager = device_manager

    @callback
    def async_detect(self, before: PulseData, after: PulseData) -> None:
        """Send what happened from one publication to the next."""
        for event in detect(before, after, self._device_manager, self._device_manager.models):
            async_dispatcher_send(self._hass, self._signal, event)


def detect(before: PulseData, after: PulseData, shown: Container[MemberKey], models: Dimension) -> Iterator[PulseEvent]:
    """Yield what happened from one publication to the next, to the members that are shown.

    Nothing is new in the first scrape ever, and a budget that was not known is not used up anew.
    """
    report = after.snapshot.report
    if report and report is not before.snapshot.report and report.restarted:
        start = after.snapshot.process_start
        yield PulseEvent(EventType.PROXY_RESTARTED, {"started_at": start.isoformat() if start else None})
    if before.snapshot.last_scrape:
        yield from _new_models(before, after, models)
    if after.snapshot.budgets is not before.snapshot.budgets:
        yield from _budgets(before, after, shown)
    yield from _limits(before, after, shown)
    if after.unusual and not before.unusual:
        insight = after.snapshot.insight
        yield PulseEvent(EventType.UNUSUAL_SPEND, {"hour_spend": insight.hour_spend, "usual": insight.usual_hour})


def _new_models(before: PulseData, after: PulseData, models: Dimension) -> Iterator[PulseEvent]:
    """Yield the models that were not known."""
    if len(after.snapshot.members) == len(before.snapshot.members):
        return
    for key, member in after.snapshot.members.items():
        if key[0] is models and key not in before.snapshot.members:
            yield PulseEvent(EventType.NEW_MODEL, _who(member))


def _budgets(before: PulseData, after: PulseData, shown: Container[MemberKey]) -> Iterator[PulseEvent]:
    """Yield the budgets that are used up now and were not."""
    for key, budget in after.snapshot.budgets.items():
        earlier = before.snapshot.budgets.get(key)
        if key in shown and budget.used_up and earlier and not earlier.used_up:
            data: EventData = {"remaining": budget.remaining, "maximum": budget.maximum}
            yield PulseEvent(EventType.BUDGET_USED_UP, _who(after.snapshot.members[key]) | data)


def _limits(before: PulseData, after: PulseData, shown: Container[MemberKey]) -> Iterator[PulseEvent]:
    """Yield the limits that are reached now and were not."""
    for key, windows in after.limits.items():
        for window in windows if key in shown else ():
            limit, earlier = after.limit(key, window), before.limit(key, window)
            if limit and limit.reached and not (earlier and earlier.reached):
                member = after.snapshot.members.get(key, Member(*key, ""))
                data: EventData = {"window": str(window), "limit": limit.amount, "spent": limit.spent}
                yield PulseEvent(EventType.LIMIT_REACHED, _who(member) | data)


def _who(member: Member) -> EventData:
    """Return whom it happened to."""
    return {"dimension": str(member.dimension), "id": member.id, "name": member.name}
