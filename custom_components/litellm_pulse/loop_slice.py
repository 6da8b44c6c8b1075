"""Work on the event loop that may be long, in slices, between which everyone else gets a turn."""

import time
from asyncio import sleep
from typing import Final

SLICE_SECONDS: Final = 0.002
"""Of computing at a time, and whatever one more piece takes: midnight concerns ten thousand entities."""


class LoopSlice:
    """A stretch of work on the event loop, until it has taken long enough."""

    def __init__(self) -> None:
        """Begin now."""
        self._end = time.thread_time() + SLICE_SECONDS

    @property
    def is_over(self) -> bool:
        """Whether it is somebody else's turn."""
        # Of this thread: what others do meanwhile is not held up by us.
        return time.thread_time() >= self._end

    async def async_yield(self) -> None:
        """Let everyone else have a turn where it is theirs, and begin another slice after it."""
        if self.is_over:
            await sleep(0)
            self._end = time.thread_time() + SLICE_SECONDS
