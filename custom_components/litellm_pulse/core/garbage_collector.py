"""Python's cyclic garbage collector, and when it only costs."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Make objects by the ten thousand that stay, without each being looked at again and again while they are made.

    A collection that was due comes right after. Who has turned the collector off keeps it off.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
