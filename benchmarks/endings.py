"""Processes that end when the block that uses them ends."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ending(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[str]]:
    """End a process with the block."""
    try:
        yield process  # type: ignore[misc]
    finally:
        process.terminate()
        process.wait(30)
