"""That a process of the proxy gave no part of its body: believed for a while, since it may have been an accident."""

from datetime import datetime
from time import monotonic
from typing import Final

_BELIEVED_SECONDS: Final = 3600
"""A gateway may have had a bad moment; one small request an hour finds out."""


class PartRefusal:
    """The last refusal, and by which process."""

    def __init__(self) -> None:
        """Begin without one."""
        self._process: datetime | None = None
        self._at = 0.0

    def note(self, process: datetime) -> None:
        """Take a refusal in."""
        self._process, self._at = process, monotonic()

    def stands(self, process: datetime) -> bool:
        """Whether a process, known by its start, refused, and that is not long ago."""
        return process == self._process and monotonic() - self._at < _BELIEVED_SECONDS
