"""From bytes to totals: equal to the reference where it can read them, and never beside itself where nobody can.

In CI for a minute, drawn by Hypothesis, always the same; `scripts/fuzz` runs millions, each time others.
"""

from collections.abc import Mapping, Sequence
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .lives import agrees, holds
from .run import search
from .shrink import smallest
from .worlds import BEGIN, Answer, life, mutated, noise

pytestmark = pytest.mark.filterwarnings("ignore:It looks like `register_random`")

MOST = 8
"""Answers of a life: what fails in a long one mostly fails in a short one, too."""
fuzz = settings(
    max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
)
chances = st.randoms(use_true_random=False)


@fuzz
@given(chances)
def test_totals_are_those_of_the_reference(chance: Random) -> None:
    agrees(life(chance, MOST))


@fuzz
@given(chances)
def test_no_mutation_of_a_body_is_more_than_an_error_with_a_name(chance: Random) -> None:
    holds(mutated(chance, MOST))


@fuzz
@given(chances)
def test_no_bytes_are_more_than_an_error_with_a_name(chance: Random) -> None:
    holds(noise(chance, MOST))


def test_a_series_of_two_processes_is_one_though_its_labels_come_in_another_order() -> None:
    one, other, broken = (labels.encode() for labels in ('{user="u",model="m"}', '{model="m",user="u"}', '{model="x"}'))
    agrees(
        [
            Answer(BEGIN, _exposition({})),
            Answer(BEGIN + 60, _exposition({one: (b"80.5", BEGIN + 59)})),
            # Alone, what another time of creation has is of another process that shares the start.
            Answer(BEGIN + 120, _exposition({broken: (b"NaN", 1.0)})),
            Answer(BEGIN + 180, _exposition({other: (b"215.5", BEGIN + 59), broken: (b"NaN", 1.0)})),
        ]
    )


def _exposition(series: Mapping[bytes, tuple[bytes, float]]) -> bytes:
    """Return an answer with the values of these labels, and when they were created."""
    spend = b"".join(b"litellm_spend_metric_total%b %b\n" % (labels, value) for labels, (value, _) in series.items())
    born = b"".join(b"litellm_spend_metric_created%b %f\n" % (labels, at) for labels, (_, at) in series.items())
    return b"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1794000000.0\n%b%b" % (
        b"# TYPE litellm_spend_metric_total counter\n" + spend,
        b"# TYPE litellm_spend_metric_created gauge\n" + born,
    )


def test_a_nights_answers_agree_with_the_reference() -> None:
    assert search("a night", 3000) == ""


def test_what_fails_is_told_with_all_that_it_needs_and_nothing_else() -> None:
    def check(answers: Sequence[Answer]) -> None:
        bodies = [one.body for one in answers if b'model="2"' in one.body]
        if len(bodies) > 1:
            raise AssertionError(f"too much: {len(bodies)}")

    series = [b'litellm_spend_metric_total{model="%d"} 1.0' % number for number in range(4)]
    answers = [Answer(float(at), b"# TYPE x counter\n" + b"\n".join(series), cuts=(at, 40)) for at in range(9)]
    assert [(one.body, one.cuts) for one in smallest(check, answers)] == [(b"# TYPE x counter\n" + series[2], ())] * 2
