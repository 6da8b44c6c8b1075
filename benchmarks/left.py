"""What a process holds that has to be given back."""

import asyncio
import gc
import os
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from homeassistant.core import HomeAssistant


@dataclass(slots=True)
class Left:
    """What a process holds that has to be given back."""

    tasks: int = 0
    threads: int = field(default_factory=lambda: sum(map(_is_ours, threading.enumerate())))
    """Those that Home Assistant's own executors keep for good are left out."""
    files: int = 0
    sockets: int = 0
    listeners: int = 0

    @classmethod
    async def of(cls, hass: HomeAssistant) -> Left:
        """Count what is held now; what reads files does so on a thread, as Home Assistant insists."""
        found = await asyncio.to_thread(cls._opened)
        found.tasks = len(asyncio.all_tasks())
        found.listeners = sum(hass.bus.async_listeners().values())
        return found

    @classmethod
    def _opened(cls) -> Left:
        """Count what the kernel and Python know of; blocking."""
        gc.collect()
        open_now = Counter(_kind(one) for one in os.listdir("/proc/self/fd"))  # noqa: PTH208  # the kernel's own
        return cls(files=open_now["file"], sockets=open_now["socket"])

    def more_than(self, before: Left) -> int:
        """Return how many more of anything there are than before."""
        return sum(max(0, getattr(self, name) - getattr(before, name)) for name in self.__slots__)


def _is_ours(thread: threading.Thread) -> bool:
    """Whether a thread is none of the pools that Home Assistant fills as it needs them."""
    return not thread.name.startswith(("asyncio_", "ImportExecutor", "SyncWorker"))


def _kind(descriptor: str) -> str:
    """Return what a descriptor of this process is."""
    with suppress(OSError):
        target = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115  # likewise
        return "socket" if target.startswith("socket:") else "file" if target.startswith("/") else "other"
    return "gone"
