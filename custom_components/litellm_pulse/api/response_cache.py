"""What was answered since the last scrape: the same query is worked out once."""

from asyncio import Future, Lock, wait
from collections.abc import Callable, Hashable
from functools import partial
from typing import Final

from homeassistant.core import HomeAssistant, callback

from ..const import DOMAIN
from ..core.models import Snapshot

_KEPT: Final = 32
"""Answers kept at most; more different queries than that within a minute nobody has."""
_KEPT_BYTES: Final = 4 * 1024 * 1024
"""Of all answers that are kept together: usual ones have some ten thousand."""


class ResponseCache:
    """The answers to one snapshot, which does not change, so that they do not either."""

    def __init__(self) -> None:
        """Begin without any."""
        self._snapshot: Snapshot | None = None
        self._found: dict[Hashable, Future[bytes]] = {}
        self._reading = Lock()

    @property
    def size(self) -> int:
        """Bytes of the answers that are kept."""
        return sum(len(one.result()) for one in self._found.values() if _is_answer(one))

    @callback
    def async_clear(self, *_: object) -> None:
        """Let go of all answers: there are newer figures."""
        self._snapshot, self._found = None, {}

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
                self._async_work(hass, work, reads=reads), f"{DOMAIN} - answer"
            )
            future.add_done_callback(partial(self._let_go, key))
        return await async_shared(future)

    def _let_go(self, key: Hashable, future: Future[bytes]) -> None:
        """Keep no failure, and of the answers only the last that are not too large together."""
        if not _is_answer(future) and self._found.get(key) is future:
            del self._found[key]
        while self.size > _KEPT_BYTES:
            del self._found[next(one for one, kept in self._found.items() if _is_answer(kept))]

    async def async_read[T](self, hass: HomeAssistant, work: Callable[[], T]) -> T:
        """Return what is not kept, read off the file when its turn comes; raises what `work` raises."""
        async with self._reading:
            return await hass.async_add_executor_job(work)

    async def _async_work(self, hass: HomeAssistant, work: Callable[[], bytes], *, reads: bool) -> bytes:
        """Work an answer out."""
        return await (self.async_read(hass, work) if reads else hass.async_add_executor_job(work))


async def async_shared[T](future: Future[T]) -> T:
    """Return what a future comes to that others may wait for as well; a client that hangs up leaves it to them.

    `asyncio.shield` would log, with a traceback, what fails after the last of them has hung up.
    """
    future.add_done_callback(_is_answer)
    await wait([future])
    return future.result()


def _is_answer[T](future: Future[T]) -> bool:
    """Whether an answer has been worked out."""
    return future.done() and not future.cancelled() and future.exception() is None
