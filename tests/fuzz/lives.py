"""Lives of a ledger, held against the reference, or against what holds of any bytes."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from math import inf, isfinite
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.errors import PulseError
from custom_components.litellm_pulse.core.exposition import sums
from custom_components.litellm_pulse.core.ledger import Ledger
from custom_components.litellm_pulse.core.models import TOTAL, Snapshot, Window
from custom_components.litellm_pulse.core.store.database import companions

from .reference import Reference
from .worlds import BEGIN, Answer

NOBODY = {"None", "other"}
"""Names that LiteLLM gives to what has none, or no place any more."""
LABELS = {"model": Dimension.MODEL, "user": Dimension.USER}
CLOSE = 1e-9
"""US dollars."""
ROUNDED = 1 - 1e-14
"""What is left of a sum of floats at the worst, which sensors round to nine decimals."""
UTC_ZONE = ZoneInfo("UTC")


class OpenLedger:
    """A new ledger in a file of its own."""

    def __init__(self) -> None:
        """Open it: a copy of an empty one, since to make its tables takes longer than to count."""
        folder = Path(_folder().name)
        self._path = folder / "ledger.db"
        for file in companions(self._path):
            file.unlink(missing_ok=True)
        copyfile(folder / "empty.db", self._path)
        self._ledger = _open(self._path, BEGIN)

    def count(self, answer: Answer) -> Snapshot:
        """Have an answer counted as it comes, and return what is known then; raises PulseError."""
        if answer.reopened:
            self.close()
            self._ledger = _open(self._path, answer.clock)
        if answer.paused:
            self._ledger.pause(now=_at(answer.clock))
        parser, body = self._ledger.parser(), answer.body
        for start, end in pairwise((0, *sorted(answer.cuts), len(body))):
            parser.feed(body[start:end])
        at = _at(answer.clock)
        return self._ledger.scrape(parser.finish(), now=at, answered_at=at)

    def close(self) -> None:
        """Close it."""
        self._ledger.close()


def agrees(answers: Sequence[Answer]) -> None:
    """Raise AssertionError where a ledger ever tells anything else than the reference."""
    reference = Reference()
    with closing(OpenLedger()) as ledger:
        for answer in answers:
            snapshot = ledger.count(answer)
            reference.take(answer.body.decode(), answer.clock)
            _compare(snapshot, reference)


def holds(answers: Sequence[Answer]) -> None:
    """Raise what is no error with a name, and AssertionError where a total falls or is no number."""
    spent = 0.0
    with closing(OpenLedger()) as ledger:
        for answer in answers:
            assert all(isfinite(value) for value in sums(answer.body).values())
            try:
                total = ledger.count(answer).value(TOTAL, Window.LIFETIME, "cost")
            except PulseError:
                continue
            # After a restart the same amounts are added up in another order.
            assert spent * ROUNDED <= total < inf, f"{total} after {spent}"
            spent = total


def _compare(snapshot: Snapshot, reference: Reference) -> None:
    """Raise AssertionError where a total or anybody's is another."""
    _same("all", snapshot.value(TOTAL, Window.LIFETIME, "cost"), reference.total)
    for (label, name), spent in reference.spent.items():
        if spent and name not in NOBODY:
            _same(f"{label} {name!r}", snapshot.value((LABELS[label], name), Window.LIFETIME, "cost"), spent)


def _same(whose: str, counted: float, spent: float) -> None:
    """Raise AssertionError where another amount was counted than was spent."""
    if abs(counted - spent) > CLOSE:
        raise AssertionError(f"{'too much' if counted > spent else 'too little'}: {counted}, not {spent}, of {whose}")


@cache
def _folder() -> TemporaryDirectory[str]:
    """Return a folder in memory's own file system, where there is one, with a ledger that has no answer yet."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own in it
    folder = TemporaryDirectory(dir=memory if memory.is_dir() else None)
    _open(Path(folder.name) / "empty.db", BEGIN).close()
    return folder


def _open(path: Path, clock: float) -> Ledger:
    """Open the ledger of a file at a time of the proxy's clock."""
    return Ledger.open(path, now=_at(clock), zone=UTC_ZONE)


def _at(clock: float) -> datetime:
    """Return a time of the proxy's clock."""
    return datetime.fromtimestamp(clock, UTC)
