"""What happened between two publications of the coordinator: detected in one place, sent to whoever listens.

Each event is told in a sentence as well, so that logbook, automations and people need no template.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util.signal_type import SignalType

from .const import DOMAIN, EVENT_TOLD
from .core.catalog import Dimension
from .core.models import OTHER, TOTAL, Member, MemberKey
from .data import PulseData
from .device_manager import DeviceManager
from .devices import name_of
from .identifiers import entity_unique_id
from .localize import dollars, localize


class EventType(StrEnum):
    """What can happen."""

    NEW_MODEL = "new_model"
    PROXY_RESTARTED = "proxy_restarted"
    BUDGET_USED_UP = "budget_used_up"
    LIMIT_REACHED = "limit_reached"
    UNUSUAL_SPEND = "unusual_spend"
    CONNECTION_LOST = "connection_lost"
    CONNECTION_RESTORED = "connection_restored"


type EventData = dict[str, str | float | None]
"""JSON values."""


@dataclass(frozen=True, slots=True)
class PulseEvent:
    """Something that happened between two publications of the coordinator."""

    type: EventType
    data: EventData
    context: Context | None = None
    """What the event on Home Assistant's bus came with, which the logbook describes."""


def event_signal(entry_id: str) -> SignalType[PulseEvent]:
    """Return the dispatcher's signal for the events of an entry."""
    return SignalType(f"{DOMAIN}_{entry_id}_event")


class EventDetector:
    """Sends an event for everything that happened to a proxy."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, device_manager: DeviceManager) -> None:
        """Keep whose events it sends, and who has a device."""
        self._hass = hass
        self._signal = event_signal(entry.entry_id)
        self._unique_id = entity_unique_id(entry.entry_id, TOTAL, "events")
        self._device_manager = device_manager

    @callback
    def async_detect(self, before: PulseData, after: PulseData) -> None:
        """Send what happened from one publication to the next."""
        for event in detect(before, after, self._device_manager, self._device_manager.models):
            device = self._device(event.data)
            name = name_of(device)
            data = event.data | {"message": self._message(event, name)}
            if data.get("name") == "":
                data["name"] = name
            # On the pages of the device and of the event entity, which is on the proxy's, the logbook finds it.
            entity_id = er.async_get(self._hass).async_get_entity_id("event", DOMAIN, self._unique_id)
            told = {"type": event.type, "device_id": device.id, "device_name": name, "entity_id": entity_id, **data}
            self._hass.bus.async_fire(EVENT_TOLD, told, context=(context := Context()))
            async_dispatcher_send(self._hass, self._signal, PulseEvent(event.type, data, context))

    def _message(self, event: PulseEvent, device: str) -> str:
        """Return what happened to a device as a sentence in Home Assistant's language."""
        data = event.data
        key = f"event_{event.type}"
        if event.type is EventType.LIMIT_REACHED:
            key = f"{key}_{data['window']}"
        if event.type is EventType.BUDGET_USED_UP and data["maximum"] is None:
            key = f"{key}_unknown"
        reason = data.get("reason")
        said: dict[str, object] = {
            name: dollars(self._hass, value) if isinstance(value, float | int) else value
            for name, value in data.items()
        }
        said["reason"] = localize(self._hass, f"sensor.status.state.{reason}", category="entity") if reason else ""
        said["device"] = device
        return localize(self._hass, key, said)

    def _device(self, data: EventData) -> dr.AnyDeviceEntry:
        """Return the device that an event happened to: the proxy's where it names no member that has one."""
        key = Dimension(str(data.get("dimension", TOTAL[0]))), str(data.get("id", TOTAL[1]))
        return self._device_manager.device(key if key in self._device_manager else TOTAL)


def detect(before: PulseData, after: PulseData, shown: Container[MemberKey], models: Dimension) -> Iterator[PulseEvent]:
    """Yield what happened from one publication to the next, to the members that are shown.

    Nothing is new in the first scrape ever, and a budget that was not known is not used up anew.
    """
    report = after.snapshot.report
    if report and report is not before.snapshot.report and report.restarted:
        start = after.snapshot.process_start
        yield PulseEvent(EventType.PROXY_RESTARTED, {"started_at": start.isoformat() if start else None})
    if before.snapshot.last_scrape and after.snapshot.members is not before.snapshot.members:
        yield from _new_models(before, after, models)
    if after.snapshot.budgets is not before.snapshot.budgets:
        yield from _budgets(before, after, shown)
    yield from _limits(before, after, shown)
    yield from _connection(before, after)
    if after.unusual and not before.unusual:
        insight = after.snapshot.insight
        yield PulseEvent(EventType.UNUSUAL_SPEND, {"hour_spend": insight.hour_spend, "usual": insight.usual_hour})


def _connection(before: PulseData, after: PulseData) -> Iterator[PulseEvent]:
    """Yield that the proxy has stopped to answer, or answers again."""
    last = before.snapshot.last_scrape
    if before.connected and not after.connected:
        since = last.isoformat() if last else None
        yield PulseEvent(EventType.CONNECTION_LOST, {"since": since, "reason": after.failure})
    elif after.connected and not before.connected:
        now = after.snapshot.last_scrape
        minutes = round((now - last).total_seconds() / 60) if now and last else None
        yield PulseEvent(EventType.CONNECTION_RESTORED, {"minutes": str(minutes)})


def _new_models(before: PulseData, after: PulseData, models: Dimension) -> Iterator[PulseEvent]:
    """Yield the models that were not known; those that an import of history has found are old ones."""
    # Members are only ever added, at the end; others go when they are counted together.
    known = len(before.snapshot.members) - (after.snapshot.folded - before.snapshot.folded)
    for key, member in islice(after.snapshot.members.items(), known, None):
        if key[0] is models and key[1] != OTHER and key not in after.snapshot.before:
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
