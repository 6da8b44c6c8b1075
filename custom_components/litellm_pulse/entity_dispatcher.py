"""From the coordinator's data to the entities that it concerns, and to no others."""

from asyncio import sleep
from functools import partial

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback

from .const import LOGGER
from .core.models import MemberKey
from .data import PulseData
from .loop_slice import LoopSlice


class EntityDispatcher:
    """Calls the entities of the members that changed; thousands of others are left alone."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Begin without entities."""
        self._hass = hass
        self._entry = entry
        self._listeners: dict[MemberKey, dict[CALLBACK_TYPE, None]] = {}
        self._due: dict[MemberKey, None] = {}
        self._queue: list[CALLBACK_TYPE] = []
        """Those that are still to be called, of the member at hand."""
        self._busy = False
        self.removing = LoopSlice()
        """Of the entities that are being taken away, which Home Assistant does one after the other."""

    @callback
    def async_subscribe(self, member: MemberKey, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Have a listener called when a member changed; returns what ends that."""
        self._listeners.setdefault(member, {})[listener] = None
        return partial(self._unsubscribe, member, listener)

    @callback
    def _unsubscribe(self, member: MemberKey, listener: CALLBACK_TYPE) -> None:
        """Call it no more, not even if it is due."""
        del self._listeners[member][listener]
        if listener in self._queue:
            self._queue.remove(listener)

    @callback
    def async_dispatch(self, before: PulseData, after: PulseData) -> None:
        """Call the listeners of each member that differs; those of the proxy itself always."""
        everyone = after.differs_everywhere(before)
        for member in self._listeners:
            if everyone or after.differs_for(member, before):
                self._due[member] = None
        if not self._busy:
            self._busy = True
            self._work()
            if self._busy:
                name = f"{self._entry.title} - states"
                self._entry.async_create_background_task(self._hass, self._async_work_off(), name)

    @callback
    def _work(self) -> None:
        """Call those that are due until the slice is over, one at least."""
        turn = LoopSlice()
        while self._queue or self._due:
            if not self._queue:
                member = next(iter(self._due))
                del self._due[member]
                self._queue = list(self._listeners[member])
                continue
            listener = self._queue.pop()
            try:
                listener()
            except Exception:  # noqa: BLE001 - one entity that fails must not silence the others
                LOGGER.exception("An entity of %s failed to write its state", self._entry.title)
            if turn.is_over:
                return
        self._busy = False

    async def _async_work_off(self) -> None:
        """Call the others slice by slice; they show what is known by then."""
        while self._busy:
            await sleep(0)
            self._work()
