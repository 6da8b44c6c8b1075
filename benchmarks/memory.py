"""The memory of a process over time, and what of it is whose."""

import _sqlite3
import ctypes
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

from .home import resident
from .measure import AtMost, Figure, figure


@dataclass(slots=True)
class Memory:
    """What a process holds, minute by minute."""

    held: list[float] = field(default_factory=list)
    """Bytes, without those of SQLite."""
    of_sqlite: list[float] = field(default_factory=list)

    def note(self) -> None:
        """Look once more."""
        used = ctypes.CDLL(_sqlite3.__file__).sqlite3_memory_used
        used.restype = ctypes.c_int64
        self.of_sqlite.append(used())
        self.held.append(resident() - self.of_sqlite[-1])


def added(name: str, minutes: Sequence[float], budget: AtMost | None = None) -> Figure:
    """Return by how much memory has grown in the last third of the time: what fills once is full by then."""
    return figure(name, "MB", [(minutes[-1] - minutes[len(minutes) * 2 // 3]) / 1e6], budget=budget)


@contextmanager
def one_arena() -> Iterator[None]:
    """Have processes that begin meanwhile keep all their memory in one arena."""
    with patch.dict(os.environ, {"MALLOC_ARENA_MAX": "1"}):
        yield
