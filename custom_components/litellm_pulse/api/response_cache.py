"""What was answered since the last scrape: the same query is worked out once."""

from asyncio import Future, Lock, shield
from collections.abc import Callable, Hashable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

from homeassistant.core import HomeAssistant

from ..const import DOMAIN
from ..core.models import Snapshot

_KEPT: Final = 32
"""Answers kept at most; more different queries than that within a minute nobody has."""


class ResponseCache:
    """The answers to one snapshot, which does not change, so that they do not either."""

    def __init__(self) -> None:
        """Begin without any."""
        self._snapshot: Snapshot | None = None
        self._found: dict[Hashable, Future[bytes]] = {}
        self._reading = Lock()

    async def async_get(
        self,
        hass: HomeAssistant,
        snapshot: Snapshot,
        key: Hashable,
        work: Callable[[], bytes],
        *,
        reads: bool = False,
    ) -> bytes:
        """Return the answer to a query, known by its key, worked out off the event loop; raises what `work` raises.

        What `reads` the file takes longer, and is done one after the other: every thread that
        computes is one more that the event loop has to take turns with.
        """
        if snapshot is not self._snapshot:
            self._snapshot, self._found = snapshot, {}
        future = self._found.get(key)
        if future is None:
            if len(self._found) >= _KEPT:
                del self._found[next(iter(self._found))]
            future = self._found[key] = hass.async_create_task(
                self._async_work(hass, work, self._reading if reads else nullcontext()), f"{DOMAIN} - answer"
            )
        try:
            # A client that hangs up must not take the answer away from the others that wait for it.
            return await shield(future)
        except Exception:
            if self._found.get(key) is future:
                del self._found[key]
            raise

    async def _async_work(
        self, hass: HomeAssistant, work: Callable[[], bytes], turn: AbstractAsyncContextManager[None]
    ) -> bytes:
        """Work an answer out when its turn comes."""
        async with turn:
            return await hass.async_add_executor_job(work)
