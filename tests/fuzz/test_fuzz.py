"""From bytes to totals: equal to the reference where it can read them, and never beside itself where nobody can.

In CI for a minute; `scripts/nightly` runs many millions. FUZZ_EXAMPLES says how many of each kind.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from math import isfinite
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.errors import PulseError
from custom_components.litellm_pulse.core.exposition import ExpositionParser, sums
from custom_components.litellm_pulse.core.ledger import Ledger
from custom_components.litellm_pulse.core.models import TOTAL, Window

from .reference import Reference
from .worlds import BEGIN, answers

pytestmark = pytest.mark.filterwarnings("ignore:It looks like `register_random`")

NOBODY = {"None", "other"}
"""Names that LiteLLM gives to what has none, or no place any more."""
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "300"))
UTC_ZONE = ZoneInfo("UTC")
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    derandomize="FUZZ_EXAMPLES" not in os.environ,
)


@cache
def _folder() -> TemporaryDirectory[str]:
    """Return a folder in memory's own file system, where there is one, with a ledger that has no answer yet."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own in it
    folder = TemporaryDirectory(dir=memory if memory.is_dir() else None)
    Ledger.open(Path(folder.name) / "empty.db", now=_at(BEGIN), zone=UTC_ZONE).close()
    return folder


@contextmanager
def _ledger() -> Iterator[Ledger]:
    """Open a new ledger: a copy, since to make its tables takes longer than to count."""
    folder = Path(_folder().name)
    for file in folder.glob("ledger.db*"):
        file.unlink()
    ledger = Ledger.open(copyfile(folder / "empty.db", folder / "ledger.db"), now=_at(BEGIN), zone=UTC_ZONE)
    yield ledger
    ledger.close()


def _at(clock: float) -> datetime:
    """Return a time of the proxy's clock."""
    return datetime.fromtimestamp(clock, UTC)


def _count(ledger: Ledger, clock: float, body: bytes, cuts: Sequence[int] = ()) -> None:
    """Have an answer counted that comes in these pieces; raises PulseError."""
    reader: ExpositionParser = ledger.parser()
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    for start, end in pairwise(edges):
        reader.feed(body[start:end])
    ledger.scrape(reader.finish(), now=_at(clock), answered_at=_at(clock))


@fuzz
@given(answers(), st.lists(st.integers(0, 5000), max_size=5))
def test_totals_are_those_of_the_reference(scrapes: list[tuple[float, str]], cuts: list[int]) -> None:
    reference = Reference()
    with _ledger() as ledger:
        for clock, body in scrapes:
            _count(ledger, clock, body.encode(), cuts)
            reference.take(body, clock)
        snapshot = ledger.snapshot
    shown = {
        member: usage.get(Window.LIFETIME, "cost")
        for (dimension, member), usage in snapshot.usage.items()
        if dimension is Dimension.MODEL
    }
    total = snapshot.value(TOTAL, Window.LIFETIME, "cost")
    assert abs(total - sum(reference.spent.values())) < 1e-9
    for model, spent in reference.spent.items():
        if model not in NOBODY and spent:
            assert abs(shown[model] - spent) < 1e-9, model


@fuzz
@given(answers(), st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=4)), min_size=1, max_size=8))
def test_no_mutation_of_a_body_is_more_than_an_error_with_a_name(
    scrapes: list[tuple[float, str]], mutations: list[tuple[int, bytes]]
) -> None:
    with _ledger() as ledger:
        spent = 0.0
        for clock, body in scrapes:
            try:
                _count(ledger, clock, _mutated(body.encode(), mutations))
            except PulseError:
                continue
            total = ledger.snapshot.value(TOTAL, Window.LIFETIME, "cost")
            assert isfinite(total)
            assert total >= spent
            spent = total


@fuzz
@given(st.binary(max_size=400), st.lists(st.sampled_from([b"\n", b"{", b'"', b"}", b"#", b" 1\n", b"\\"]), max_size=40))
def test_no_bytes_are_more_than_an_error_with_a_name(noise: bytes, pieces: list[bytes]) -> None:
    body = noise.join(pieces) if pieces else noise
    assert all(isfinite(value) for value in sums(body).values())
    with _ledger() as ledger:
        try:
            _count(ledger, BEGIN, b"# TYPE litellm_spend_metric_total counter\n" + body + b"\n")
        except PulseError:
            return
        assert ledger.snapshot.value(TOTAL, Window.LIFETIME, "cost") == 0.0


def _mutated(body: bytes, mutations: list[tuple[int, bytes]]) -> bytes:
    """Return a body in which bytes were put, or taken out where there are none to put."""
    for where, new in mutations:
        at = where % (len(body) + 1)
        body = body[:at] + new + body[at + (not new) :]
    return body
