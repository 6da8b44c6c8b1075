"""What goes missing once is not believed; what has been missing for long is."""

import pytest

from custom_components.litellm_pulse.core.counters.process import WAIT_ANSWERS
from custom_components.litellm_pulse.core.counters.replicas import MOST_TOLD
from custom_components.litellm_pulse.core.errors import AnswerError, MissingIdentityError, TruncatedAnswerError

from ..bodies import COST, FAILED, START, body, family, series
from ..conftest import LedgerHarness

OLD = START.timestamp() - 5000
GPT = series(model="gpt-4o")


def answer(
    cost: float, failed: float | None = 3.0, *, start: float | None = OLD, created: float | None = None
) -> bytes:
    """Return the answer of a proxy that has spent so much; `created` is when its series were, and is told."""
    families = [family(COST, {GPT: cost}, {GPT: created + 1} if created else None)]
    if failed is not None:
        families.append(family(FAILED, {GPT: failed}, {GPT: created + 2} if created else None))
    return body(*families, start=start)


def refused(harness: LedgerHarness, body: bytes) -> type[AnswerError] | None:
    """Have an answer counted; return what it was refused for."""
    try:
        harness.scrape(body)
    except AnswerError as error:
        return type(error)
    return None


@pytest.mark.parametrize("created", [None, OLD])
def test_a_family_that_a_collector_drops_for_good_is_missing_after_ten_answers(
    harness: LedgerHarness, created: float | None
) -> None:
    harness.scrape(answer(100.0, created=created))
    told = [refused(harness, answer(101.0 + number, None, created=created)) for number in range(40)]
    assert told == [TruncatedAnswerError] * WAIT_ANSWERS + [None] * (40 - WAIT_ANSWERS)
    assert harness.total() == 40.0
    # It is back, and has grown meanwhile.
    harness.scrape(answer(141.0, 5.0, created=created))
    assert (harness.total(), harness.total("failed_requests")) == (41.0, 2.0)
    # Lost once more, it is an answer that was cut again.
    assert refused(harness, answer(142.0, None, created=created)) is TruncatedAnswerError


def test_answers_whose_end_is_not_proven_do_not_make_it_missing(harness: LedgerHarness) -> None:
    harness.scrape(answer(100.0))
    for _ in range(3 * WAIT_ANSWERS):
        with pytest.raises(TruncatedAnswerError):
            harness.scrape(answer(101.0, None), complete=False)
    assert harness.total() == 0.0


def test_a_start_that_is_lost_for_good_is_made_up_for_by_times_of_creation(harness: LedgerHarness) -> None:
    harness.scrape(answer(100.0, created=OLD))
    for number in range(20):
        harness.scrape(answer(101.0 + number, created=OLD, start=None))
        assert harness.total() == 1.0 + number
        if number % 7 == 3:
            harness.reopen()
    harness.scrape(answer(121.0, created=OLD))
    assert harness.total() == 21.0


@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize("told", ["workers", "joined", "joined workers"])
def test_whoever_tells_again_who_gives_answers_after_long_counts_nothing_twice(
    harness: LedgerHarness, told: str, *, reopened: bool
) -> None:
    identity = {
        "workers": '# TYPE litellm_total_users gauge\nlitellm_total_users{pid="11"} 0.0\n',
        "joined": "# TYPE process_start_time_seconds gauge\n"
        + "".join(f'process_start_time_seconds{{instance="{name}"}} {OLD + ord(name)!r}\n' for name in "ab"),
        "joined workers": "# TYPE litellm_total_users gauge\n"
        + "".join(f'litellm_total_users{{instance="{name}",pid="{ord(name)}"}} 0.0\n' for name in "ab"),
    }[told]
    harness.scrape(body(identity, answer(100.0, start=None).decode()))
    for number in range(30):
        refused(harness, answer(101.0 + number, start=None))
    # What had grown until it was believed may be anybody's.
    assert harness.total() == 30.0 - WAIT_ANSWERS - 1
    if reopened:
        harness.reopen()
    for value in (131.0, 132.0):
        harness.scrape(body(identity, answer(value, start=None).decode()))
    assert harness.total() == 30.0 - WAIT_ANSWERS


@pytest.mark.parametrize("returns", [True, False])
def test_a_start_that_is_lost_for_good_begins_another_process_after_ten_answers(
    harness: LedgerHarness, *, returns: bool
) -> None:
    harness.scrape(answer(100.0))
    told = [refused(harness, answer(101.0 + number, start=None)) for number in range(30)]
    assert told == [MissingIdentityError] * WAIT_ANSWERS + [None] * (30 - WAIT_ANSWERS)
    # What had grown until it was believed may be anybody's.
    assert harness.total() == 30.0 - WAIT_ANSWERS - 1
    if returns:
        harness.scrape(answer(131.0))
        harness.scrape(answer(132.0))
        assert harness.total() == 30.0 - WAIT_ANSWERS
    else:
        harness.scrape(answer(2.0, 1.0, start=harness.now.timestamp()))
        assert harness.total() == 30.0 - WAIT_ANSWERS + 1


def test_a_replica_that_does_not_tell_its_start_is_refused_as_long_as_another_answers(harness: LedgerHarness) -> None:
    harness.scrape(answer(100.0))
    for number in range(3 * WAIT_ANSWERS):
        assert refused(harness, answer(900.0 + number, start=None)) is MissingIdentityError
        harness.scrape(answer(101.0 + number))
    assert harness.total() == 30.0


def test_workers_that_are_recycled_are_not_remembered_for_good(harness: LedgerHarness) -> None:
    def of_workers(value: float, *pids: int) -> bytes:
        gauge = "".join(f'litellm_in_flight_requests{{pid="{pid}"}} 0\n' for pid in pids)
        return body(f"# TYPE litellm_in_flight_requests gauge\n{gauge}", family(COST, {GPT: value}))

    for number in range(2 * MOST_TOLD):
        harness.scrape(of_workers(100.0 + number, number, number + 1, number + 2), pid=str(number))
    assert harness.total() == 2 * MOST_TOLD - 1
    (process,) = harness.ledger._counting._registry.processes
    assert max(len(process.workers.pids), len(process.workers.ports)) <= MOST_TOLD


def test_replicas_that_come_and_go_behind_a_collector_are_not_remembered_for_good(harness: LedgerHarness) -> None:
    def of_replicas(*numbers: int) -> bytes:
        starts = "".join(f'process_start_time_seconds{{pod="{one}"}} {OLD + one}\n' for one in numbers)
        spent = {series(model="gpt-4o", pod=str(one)): 1.0 for one in numbers}
        return body(f"# TYPE process_start_time_seconds gauge\n{starts}", family(COST, spent))

    for number in range(2 * MOST_TOLD):
        harness.scrape(of_replicas(number, number + 1))
    (joined,) = (one.replicas for one in harness.ledger._counting._registry.processes)
    assert max(len(joined.current), len(joined.starts)) <= MOST_TOLD


@pytest.mark.parametrize("start", [OLD, None])
def test_a_value_that_is_written_with_six_digits_has_not_fallen(harness: LedgerHarness, start: float | None) -> None:
    def tokens(first: str, second: float) -> bytes:
        return body(family(COST, {GPT: first, series(model="opus"): second}), start=start)

    harness.scrape(tokens("30584512", 5.0))
    harness.scrape(tokens("3.05845e+07", 6.0))
    harness.scrape(tokens("30584513", 7.0))
    harness.scrape(tokens("3.05845e+07", 8.0))
    assert harness.total() == 4.0
