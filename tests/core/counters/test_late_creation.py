"""Times of creation that are lost in the answer in which a series appears, and told by a later one."""

import pytest

from ..bodies import COST, START, TOKENS, body, family, series
from ..conftest import LedgerHarness

OLD = START.timestamp() - 5000
LATER = START.timestamp() + 90
GPT, OPUS = series(model="gpt-4o"), series(model="opus")


def answer(spent: dict[str, float], created: dict[str, float] | None, *, start: float = OLD) -> bytes:
    """Return an answer that tells when these series were created, and always when its tokens were."""
    tokens = family(TOKENS, {GPT: 7.0}, {GPT: start + 1})
    return body(tokens, family(COST, spent, created), start=start)


def lose_times(harness: LedgerHarness, *, complete: bool = True) -> None:
    """Scrape a proxy that is restarted, and whose answers lose lines: also what tells when a series was created."""
    harness.scrape(answer({GPT: 5.0}, {GPT: OLD + 1}))
    harness.scrape(answer({GPT: 5.0}, {GPT: LATER + 1}, start=LATER), complete=False)
    told = {GPT: LATER + 1} if complete else None
    harness.scrape(answer({GPT: 5.0, OPUS: 3.0}, told, start=LATER), complete=complete)
    assert harness.total() == 5.0


@pytest.mark.parametrize("complete", [True, False], ids=["a line is lost", "the end is lost"])
def test_what_a_series_had_counts_once_it_is_told(harness: LedgerHarness, *, complete: bool) -> None:
    lose_times(harness, complete=complete)
    for value in (3.25, 3.5, 4.0):
        harness.scrape(answer({GPT: 5.0, OPUS: value}, {GPT: LATER + 1, OPUS: LATER + 2}, start=LATER))
        assert harness.total() == 5.0 + value


def test_times_of_creation_are_asked_for_until_they_are_told(harness: LedgerHarness) -> None:
    lose_times(harness)
    assert "litellm_spend_metric_created" in harness.ledger.families
    harness.scrape(answer({GPT: 5.0, OPUS: 3.0}, {GPT: LATER + 1, OPUS: LATER + 2}, start=LATER))
    assert sum(family.endswith("_created") for family in harness.ledger.families) == 1


def test_what_was_there_before_the_first_look_never_counts(harness: LedgerHarness) -> None:
    harness.scrape(answer({GPT: 5.0}, {GPT: OLD + 1}), complete=False)
    harness.scrape(answer({GPT: 5.0, OPUS: 3.0}, {GPT: OLD + 1}))
    harness.scrape(answer({GPT: 5.0, OPUS: 3.0}, {GPT: OLD + 1, OPUS: OLD + 2}))
    assert harness.total() == 0.0


@pytest.mark.parametrize("gone", [True, False], ids=["seen to be gone", "not seen to be gone"])
def test_of_a_series_that_was_created_anew_meanwhile_what_it_has_counts(harness: LedgerHarness, *, gone: bool) -> None:
    lose_times(harness)
    if gone:
        harness.scrape(answer({GPT: 5.0}, {GPT: LATER + 1}, start=LATER))
    harness.scrape(answer({GPT: 5.0, OPUS: 1.0}, {GPT: LATER + 1, OPUS: LATER + 200}, start=LATER))
    assert harness.total() == 6.0


@pytest.mark.parametrize(("born", "total"), [(LATER + 50, 9.0), (LATER + 100, 8.0)], ids=["now", "in the future"])
def test_what_another_process_has_counted_of_it_counts_no_second_time(
    harness: LedgerHarness, born: float, total: float
) -> None:
    """An answer that has lost nearly all looks like another process that shares the start."""
    told = {GPT: LATER + 1, OPUS: LATER + 2}
    harness.scrape(answer({}, {}))
    harness.scrape(answer({GPT: 5.0, OPUS: 3.0}, told))
    newest = series(model="llama")
    harness.scrape(body(family(COST, {OPUS: 3.0, newest: 1.0}, {newest: born}), start=OLD))
    harness.scrape(answer({GPT: 5.0, OPUS: 3.0, newest: 1.0}, told | {newest: born}))
    assert harness.total() == total


@pytest.mark.parametrize("ends", ["not", "closed", "crashed"])
def test_an_older_answer_of_before_a_series_was_created_anew_is_no_other_process(
    harness: LedgerHarness, ends: str
) -> None:
    old = body(family(COST, {GPT: 3.0}, {GPT: LATER}), start=OLD)
    harness.scrape(body(family(COST, {OPUS: 1.0}, {OPUS: OLD + 1}), start=OLD))
    harness.scrape(body(family(COST, {OPUS: 1.0, GPT: 3.0}, {OPUS: OLD + 1, GPT: LATER}), start=OLD))
    now = body(family(COST, {OPUS: 1.0, GPT: 0.5}, {OPUS: OLD + 1, GPT: LATER + 100}), start=OLD)
    harness.scrape(now)
    if ends == "closed":
        harness.reopen()
    elif ends == "crashed":
        harness.crash()
        harness.open()
    harness.scrape(old)
    harness.scrape(now)
    assert harness.total() == 3.5
