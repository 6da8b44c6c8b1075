"""From one picture to the entities that it concerns, and to no others."""

import time
from asyncio import sleep
from functools import partial
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback

from .core.models import MemberKey
from .picture import Picture

SLICE_SECONDS: Final = 0.004
"""Of computing before everyone else on the event loop gets a turn; midnight wakes ten thousand entities."""


class Fanout:
    """Wakes the entities of the members that changed; thousands of others sleep on."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Begin without entities."""
        self._hass = hass
        self._entry = entry
        self._watchers: dict[MemberKey, dict[CALLBACK_TYPE, None]] = {}
        self._due: dict[MemberKey, None] = {}
        self._queue: list[CALLBACK_TYPE] = []
        """Those that are still to be woken, of the member at hand."""
        self._busy = False

    @callback
    def watch(self, member: MemberKey, wake: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Have `wake` called when a member changed; returns what ends that."""
        self._watchers.setdefault(member, {})[wake] = None
        return partial(self._leave, member, wake)

    @callback
    def _leave(self, member: MemberKey, wake: CALLBACK_TYPE) -> None:
        """Wake it no more, not even if it is due."""
        del self._watchers[member][wake]
        if wake in self._queue:
            self._queue.remove(wake)

    @callback
    def publish(self, before: Picture, after: Picture) -> None:
        """Wake whoever watches a member that differs; the proxy itself always does."""
        everyone = not after.resembles(before)
        for member in self._watchers:
            if everyone or not after.shows_the_same(member, before):
                self._due[member] = None
        if not self._busy:
            self._busy = True
            self._work()
            if self._busy:
                name = f"{self._entry.title} - states"
                self._entry.async_create_background_task(self._hass, self._async_work_off(), name)

    @callback
    def _work(self) -> None:
        """Wake those that are due until the slice is over, one at least."""
        # Of this thread: what others do meanwhile is not held up by us.
        end = time.thread_time() + SLICE_SECONDS
        while self._queue or self._due:
            if not self._queue:
                member = next(iter(self._due))
                del self._due[member]
                self._queue = list(self._watchers[member])
                continue
            self._queue.pop()()
            if time.thread_time() >= end:
                return
        self._busy = False

    async def _async_work_off(self) -> None:
        """Wake the others slice by slice; they show what is known by then."""
        while self._busy:
            await sleep(0)
            self._work()
