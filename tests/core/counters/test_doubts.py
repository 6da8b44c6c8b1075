"""What whoever asks can find out by asking again: whether the proxy was restarted, or others answer too."""

import pytest

from custom_components.litellm_pulse.core.errors import DoubtfulRestartError

from ..bodies import COST, TOKENS, body, family, read, series
from ..conftest import LedgerHarness


def answer(value: float, *, tokens: float = 5.0, start: float | None = None, pid: str = "") -> bytes:
    """Return the answer of workers that have spent so much."""
    gauge = f'# TYPE litellm_in_flight_requests gauge\nlitellm_in_flight_requests{{pid="{pid}"}} 0\n' if pid else ""
    counters = {COST: value, TOKENS: tokens}
    return body(*(family(name, {series(model="gpt-4o"): of}) for name, of in counters.items()), gauge, start=start)


def ask(harness: LedgerHarness, body: bytes, *, first: bool = False) -> bool:
    """Have an answer counted; return whether it was doubted instead."""
    exposition = read(harness.ledger.parser(), body)
    try:
        harness.ledger.scrape(exposition, now=harness.now, answered_at=harness.now, doubts=not first, first=first)
    except DoubtfulRestartError:
        return True
    return False


@pytest.mark.parametrize("start", [None, 1_700_000_000.0], ids=["workers", "a start that may be shared"])
def test_another_that_is_met_by_asking_again_is_no_restart(harness: LedgerHarness, start: float | None) -> None:
    harness.scrape(answer(900.0, start=start))
    assert ask(harness, answer(40.0, tokens=9.0, start=start))
    assert not ask(harness, answer(900.25, start=start))
    assert harness.total() == 0.25
    # Now it is known who that is.
    assert not ask(harness, answer(40.5, tokens=9.0, start=start))
    assert not ask(harness, answer(900.5, start=start))
    assert not ask(harness, answer(40.5, tokens=9.0, start=start))
    assert harness.total() <= 1.0


def test_a_restart_counts_once_it_is_believed(harness: LedgerHarness) -> None:
    harness.scrape(answer(900.0))
    assert ask(harness, answer(0.5))
    assert ask(harness, answer(0.5))
    harness.scrape(answer(0.5))
    assert harness.total() == 0.5
    harness.scrape(answer(0.75))
    assert harness.total() == 0.75
    # What was doubted is nobody else's: the next restart is one again.
    assert ask(harness, answer(0.25))
    harness.scrape(answer(0.6))
    assert harness.total() == 1.35


@pytest.mark.parametrize("values", [(40.0, 900.0, 40.0), (900.0, 40.0, 900.0), (40.0, 900.0, 900.0)])
@pytest.mark.parametrize("pids", [("", ""), ("7", "7"), ("7", "8")], ids=["none", "the same", "others"])
def test_nothing_of_the_first_scrape_counts(
    harness: LedgerHarness, values: tuple[float, ...], pids: tuple[str, str]
) -> None:
    for value in values:
        assert not ask(harness, answer(value, pid=pids[value > 100]), first=True)
    for _ in range(12):
        harness.scrape(answer(values[-1], pid=pids[values[-1] > 100]))
    assert harness.total() == 0.0


def test_several_that_share_the_address_are_known_after_the_first_scrape(harness: LedgerHarness) -> None:
    for value in (40.0, 900.0) * 4:
        ask(harness, answer(value), first=True)
    for turn in range(10):
        assert not ask(harness, answer(40.5 + turn))
        harness.reopen()
        assert not ask(harness, answer(900.5 + turn))
    assert harness.total() == 0.0
    assert harness.snapshot.report is not None
