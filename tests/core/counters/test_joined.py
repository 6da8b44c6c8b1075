"""Answers that a collector or a federation has joined of several processes."""

from collections.abc import Mapping

import pytest

from custom_components.litellm_pulse.core.errors import MissingIdentityError

from ..bodies import COST, START, body, family, series
from ..conftest import LedgerHarness

OLD = START.timestamp() - 5000


def joined(replicas: Mapping[str, tuple[float, float]]) -> bytes:
    """Return the answer of replicas: instance -> its start, and what it has spent."""
    starts = "".join(
        f"process_start_time_seconds{series(instance=name)} {start!r}\n" for name, (start, _) in replicas.items()
    )
    spent = {series(model="gpt-4o", instance=name): value for name, (_, value) in replicas.items()}
    return ("# TYPE process_start_time_seconds gauge\n" + starts + family(COST, spent)).encode()


def test_a_replica_goes_on_counting_when_another_is_added(harness: LedgerHarness) -> None:
    harness.scrape(joined({"a": (OLD, 100.0)}))
    harness.scrape(joined({"a": (OLD, 105.0), "b": (OLD + 9, 900.0)}))
    assert harness.total() == 5.0
    harness.reopen()
    harness.scrape(joined({"a": (OLD, 106.0), "b": (OLD + 9, 902.0)}))
    assert harness.total() == 8.0
    # As it was before the other was there.
    harness.scrape(joined({"a": (OLD, 107.0)}))
    assert harness.total() == 9.0


def test_bodies_one_after_the_other_are_baselines(harness: LedgerHarness) -> None:
    def concatenated(*replicas: tuple[float, float]) -> bytes:
        return "".join(
            "# TYPE process_start_time_seconds gauge\n"
            f"process_start_time_seconds {start!r}\n" + family(COST, {series(model="gpt-4o"): value})
            for start, value in replicas
        ).encode()

    harness.scrape(concatenated((OLD, 100.0)))
    harness.scrape(concatenated((OLD + 9, 900.0), (OLD, 105.0)))
    assert harness.total() == 0.0


def test_an_answer_whose_starts_were_all_known_is_older_and_no_restart(harness: LedgerHarness) -> None:
    harness.scrape(joined({"a": (OLD, 10.0), "b": (OLD + 9, 900.0)}))
    harness.scrape(joined({"a": (OLD, 12.0), "b": (OLD + 9, 905.0)}))
    harness.reopen()
    harness.scrape(joined({"a": (OLD, 11.0), "b": (OLD + 9, 903.0)}))
    assert harness.total() == 7.0
    # A third is added, and a body from before it comes once more.
    harness.scrape(joined({"a": (OLD, 12.0), "b": (OLD + 9, 905.0), "c": (OLD + 20, 50.0)}))
    harness.scrape(joined({"a": (OLD, 11.0), "b": (OLD + 9, 904.0)}))
    harness.scrape(joined({"a": (OLD, 13.0), "b": (OLD + 9, 905.0), "c": (OLD + 20, 51.0)}))
    assert harness.total() == 9.0


def test_one_that_was_restarted_counts_from_zero_also_after_a_restart_of_home_assistant(harness: LedgerHarness) -> None:
    harness.scrape(joined({"a": (OLD, 10.0), "b": (OLD + 9, 900.0)}))
    harness.reopen()
    harness.scrape(joined({"a": (OLD, 10.0), "b": (harness.now.timestamp(), 4.0)}))
    assert harness.total() == 4.0


def test_a_body_from_before_a_restart_is_older(harness: LedgerHarness) -> None:
    harness.scrape(joined({"a": (OLD, 10.0), "b": (OLD + 9, 900.0)}))
    born = harness.now.timestamp()
    harness.scrape(joined({"a": (OLD, 12.0), "b": (born, 4.0)}))
    harness.scrape(joined({"a": (OLD, 10.0), "b": (OLD + 9, 3.0)}))
    harness.scrape(joined({"a": (OLD, 13.0), "b": (born, 5.0)}))
    assert harness.total() == 3.0 + 5.0


def test_an_answer_that_is_cut_before_all_that_identifies_it_is_refused_though_a_series_began_anew(
    harness: LedgerHarness,
) -> None:
    opus, gpt = series(model="opus", instance="a"), series(model="gpt-4o", instance="b")
    starts = f"process_start_time_seconds{series(instance='a')} {OLD!r}\n"
    starts += f"process_start_time_seconds{series(instance='b')} {OLD + 9!r}\n"

    def answer(of_opus: float, of_gpt: float, born: float) -> bytes:
        counters = family(COST, {opus: of_opus, gpt: of_gpt}, {opus: born, gpt: OLD + 9})
        return (counters + "# TYPE process_start_time_seconds gauge\n" + starts).encode()

    harness.scrape(answer(100.0, 50.0, OLD))
    born = harness.now.timestamp() + 10
    for value in range(1, 30):
        with pytest.raises(MissingIdentityError):
            harness.scrape(body(family(COST, {opus: float(value), gpt: 50.0})), complete=False)
        if value % 5 == 0:
            harness.scrape(answer(float(value), 50.0, born))
            assert harness.total() == value
