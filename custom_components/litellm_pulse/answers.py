"""What was answered since the last scrape: the same question is worked out once."""

from asyncio import Future, shield
from collections.abc import Callable, Hashable
from typing import Final

from homeassistant.core import HomeAssistant

from .core.models import Snapshot

_KEPT: Final = 32
"""Answers kept at most; more different questions than that within a minute nobody has."""


class Answers:
    """The answers to one snapshot, which does not change, so that they do not either."""

    def __init__(self) -> None:
        """Begin without any."""
        self._snapshot: Snapshot | None = None
        self._found: dict[Hashable, Future[bytes]] = {}

    async def async_get(
        self, hass: HomeAssistant, snapshot: Snapshot, question: Hashable, work: Callable[[], bytes]
    ) -> bytes:
        """Return the answer to a question, worked out off the event loop; raises what `work` raises."""
        if snapshot is not self._snapshot:
            self._snapshot, self._found = snapshot, {}
        future = self._found.get(question)
        if future is None:
            if len(self._found) >= _KEPT:
                del self._found[next(iter(self._found))]
            future = self._found[question] = hass.async_add_executor_job(work)
        try:
            # A client that hangs up must not take the answer away from the others that wait for it.
            return await shield(future)
        except Exception:
            if self._found.get(question) is future:
                del self._found[question]
            raise
