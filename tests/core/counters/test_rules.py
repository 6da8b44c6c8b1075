"""What counts and what does not: every row of the table of exactness, in numbers."""

from collections.abc import Sequence
from itertools import product

import pytest

from custom_components.litellm_pulse.core.counters.ambiguity import REMEMBERED_ANSWERS, TurnDetector
from custom_components.litellm_pulse.core.errors import (
    MissingIdentityError,
    SurprisingPartError,
    TruncatedAnswerError,
)

from ..bodies import COST, START, TOKENS, body, cost, family, read, series
from ..conftest import LedgerHarness
from .rows import check


def test_of_the_first_scrape_ever_nothing_counts() -> None:
    check("""
        by      a a
        gpt-4o  7 7
        opus    2 2
        adds    0 0
    """)


def test_a_value_that_is_not_lower_counts_the_difference() -> None:
    check("""
        by      a a a a a
        gpt-4o  1 2 2 5 5.5
        adds    0 1 0 3 0.5
    """)


def test_a_series_that_appears_in_a_known_process_counts_whole() -> None:
    check("""
        by      a a a a
        gpt-4o  1 1 2 2
        opus    _ 4 4 5
        adds    0 4 1 1
    """)


def test_the_first_series_of_a_process_that_had_none_counts_whole() -> None:
    check("""
        by      a a
        gpt-4o  _ 4
        adds    0 4
    """)


def test_a_series_that_was_missing_counts_the_difference_where_it_is_not_lower_and_whole_where_it_is() -> None:
    check("""
        by      a a a a a a a
        gpt-4o  5 _ 3 _ 9 _ 9
        opus    1 1 1 1 1 1 1
        adds    0 0 3 0 6 0 0
    """)


def test_a_series_that_was_missing_for_long_counts_its_difference() -> None:
    check("""
        by      a a a a a
        gpt-4o  5 _ _ _ 6
        adds    0 0 0 0 1
    """)


def test_an_eviction_does_not_touch_the_series_after_it() -> None:
    check("""
        by      a a a a
        gpt-4o  5 _ _ 2
        opus    1 3 3 3
        llama   2 2 4 5
        adds    0 2 2 3
    """)


def test_a_lower_value_counts_whole_where_another_is_higher() -> None:
    check("""
        by      a a a a
        gpt-4o  5 2 3 0
        opus    1 2 2 3
        adds    0 3 1 1
    """)


def test_an_answer_that_is_older_in_every_counter_counts_nothing() -> None:
    check("""
        by      a a a a a
        gpt-4o  5 7 6 7 8
        opus    1 1 1 1 1
        adds    0 2 0 0 1
    """)


def test_a_counter_of_one_incarnation_cannot_fall() -> None:
    check("""
        by      a   a   a   a   a
        gpt-4o  5@1 7@1 6@1 8@1 9@1
        opus    1@1 1@1 2@1 2@1 2@1
        adds    0   2   1   1   1
    """)


def test_an_incarnation_from_before_is_an_older_answer() -> None:
    check("""
        by      a   a   a    a    a
        gpt-4o  5@1 7@1 2@90 8@1  3@90
        opus    1@1 1@1 1@1  1@1  1@1
        adds    0   2   2    0    1
    """)


def test_a_sum_that_falls_by_a_rounding_error_fell_not_at_all() -> None:
    check("""
        by      a    a                   a    a
        gpt-4o  30.3 30.299999999999997  30.3 30.4
        opus    1    2                   2    2
        adds    0    1                   0    0.1
    """)


def test_workers_that_share_a_start_are_told_apart_by_when_their_series_were_created() -> None:
    check("""
        by      A       A      A       A      A       A
        gpt-4o  100@-50 40@-45 100@-50 41@-45 103@-50 41@-45
        adds    0       0      0       1      3       0
    """)


def test_a_start_that_is_told_wrong_is_no_restart_where_the_series_are_the_same() -> None:
    check("""
        by      a   b    a
        gpt-4o  5@1 6@-59 7@1
        adds    0   1    1
    """)


def test_a_newer_created_counts_whole_where_the_value_is_higher_equal_and_lower() -> None:
    check("""
        by      a   a   a   a   a
        gpt-4o  5@1 7@2 7@3 4@4 4@4
        opus    1@1 1@1 1@1 1@1 1@1
        adds    0   7   7   4   0
    """)


def test_a_created_that_stays_counts_the_difference() -> None:
    check("""
        by      a   a   a
        gpt-4o  5@1 7@1 9@1
        adds    0   2   2
    """)


def test_a_created_of_a_newcomer_is_remembered() -> None:
    check("""
        by      a a   a   a
        gpt-4o  _ 2@60 2@90 3@90
        adds    0 2    2    1
    """)


def test_a_created_that_is_published_later_is_only_noted() -> None:
    check("""
        by      a a   a   a
        gpt-4o  1 1@1 2@1 3@150
        adds    0 0   1   3
    """)


def test_a_created_that_was_not_told_for_a_while_says_nothing_about_what_was_counted_since() -> None:
    check("""
        by      a   a a   a     a     a
        gpt-4o  5@1 7 100 110@70 111@70 2@290
        opus    1@1 1 1   1@1    1@1    1@1
        adds    0   2 93  10     1      2
    """)


def test_a_restart_counts_from_zero() -> None:
    check("""
        by      a b b c
        gpt-4o  9 0 1 1
        adds    0 0 1 1
    """)


def test_a_restart_with_counters_at_60_percent_of_the_old_is_exact() -> None:
    check("""
        by      a  b
        gpt-4o  10 6
        adds    0  6
    """)


def test_a_restart_with_counters_already_past_the_old_is_exact() -> None:
    check("""
        by      a  b
        gpt-4o  10 12
        adds    0  12
    """)


def test_a_restart_to_the_same_value_is_exact() -> None:
    check("""
        by      a  b
        gpt-4o  10 10
        adds    0  10
    """)


def test_two_replicas_behind_one_address_are_counted_each_against_itself() -> None:
    check("""
        by      A   b  A   b  b  A
        gpt-4o  100 20 101 21 22 101.2
        adds    0   20 1   1  1  0.2
    """)


def test_replicas_may_answer_in_any_order() -> None:
    check("""
        by      A   B  B  A   A   B  A
        gpt-4o  100 20 23 100 104 23 105
        opus    1   _  2  1   1   2  1
        adds    0   0  5  0   4   0  1
    """)


def test_a_replica_that_is_older_than_the_ledger_is_a_baseline() -> None:
    check("""
        by      a B  a B
        gpt-4o  1 50 2 51
        adds    0 0  1 1
    """)


def test_a_process_that_answers_late_again_is_counted_against_itself() -> None:
    check("""
        by      a b c a b c
        gpt-4o  1 2 3 5 7 9
        adds    0 2 3 4 5 6
    """)


def test_downtime_of_the_proxy_and_of_home_assistant_lose_nothing() -> None:
    check("""
        by      a . . a . b . b
        gpt-4o  1 _ _ 4 _ 2 _ 3
        adds    0 . . 3 . 2 . 1
    """)


def test_without_identity_any_lower_counter_restarts_the_whole_answer() -> None:
    check("""
        by      * * * *
        gpt-4o  5 6 7 8
        opus    5 6 2 3
        adds    0 2 9 2
    """)


def test_without_identity_a_counter_that_is_merely_missing_is_no_restart() -> None:
    check("""
        by      * * * *
        gpt-4o  5 6 7 8
        opus    5 6 _ 7
        adds    0 2 1 2
    """)


def test_without_identity_a_counter_that_is_back_and_lower_restarts_the_whole_answer() -> None:
    check("""
        by      * * * *
        gpt-4o  5 6 7 8
        opus    5 6 _ 1
        adds    0 2 1 8
    """)


def test_without_identity_what_has_been_missing_for_as_long_has_counted_nothing_since_the_restart() -> None:
    check("""
        by      * * * * * *
        gpt-4o  5 _ _ _ _ _
        opus    _ 4 9 _ _ 8
        llama   _ 3 3 _ 1 1
        adds    0 7 5 0 1 8
    """)


def test_without_identity_what_came_since_the_restart_is_not_counted_again_when_it_shows() -> None:
    check("""
        by      * * * * *
        gpt-4o  5 6 7 8 9
        opus    5 _ _ 1 2
        llama   _ _ 3 3 4
        adds    0 1 4 7 3
    """)


def test_without_identity_several_restarts_count_each_thing_once() -> None:
    check("""
        by      * * * * * * *
        gpt-4o  5 6 _ 1 1 _ 1
        opus    _ 2 _ _ 2 2 _
        llama   5 _ _ _ _ 1 2
        adds    0 3 0 1 2 1 1
    """)


def test_what_two_processes_that_are_one_have_in_common_counts_once() -> None:
    check("""
        by      a   a    a    a
        gpt-4o  5@1 _    6@1  7@1
        opus    _   3@70 4@70 4@70
        adds    0   3    2    1
    """)


def test_a_part_that_lost_its_identity_is_explained_by_a_whole_answer(harness: LedgerHarness) -> None:
    start = START.timestamp() - 5000
    harness.scrape(cost(5, start=start))
    with pytest.raises(SurprisingPartError):
        harness.ledger.scrape(read(harness.ledger.parser(), cost(6)), now=harness.now, answered_at=None, part=True)
    assert harness.ledger.has_open_part
    harness.scrape(cost(6, start=start))
    assert not harness.ledger.has_open_part
    assert harness.total() == 1


def test_labels_in_another_order_are_the_same_series_beside_one_that_is_gone_and_after_a_restart(
    harness: LedgerHarness,
) -> None:
    start = START.timestamp() - 5000

    def answer(amounts: dict[str, float], *, reverse: bool) -> bytes:
        order = ("team", "model") if reverse else ("model", "team")
        labels = {one: series(**{name: one if name == "model" else "t-1" for name in order}) for one in amounts}
        return body(family(COST, {labels[one]: amount for one, amount in amounts.items()}), start=start)

    harness.scrape(answer({"gpt-4o": 5, "opus": 1}, reverse=False))
    harness.scrape(answer({"gpt-4o": 6, "llama": 2}, reverse=True))
    for leave in (None, harness.close, harness.crash):
        total = harness.total()
        if leave:
            leave()
        harness.scrape(answer({"gpt-4o": 6, "opus": 1, "llama": 2}, reverse=False))
        harness.scrape(answer({"gpt-4o": 6, "llama": 2}, reverse=True))
        assert harness.total() == total == 3


def test_an_answer_that_lost_its_identity_is_refused_and_changes_nothing() -> None:
    check("""
        by      a * a * a b b
        gpt-4o  5 5 6 7 7 9 9.5
        adds    0 x 1 x 1 9 0.5
    """)


def test_without_identity_a_newcomer_counts_whole() -> None:
    check("""
        by      * * *
        gpt-4o  5 5 6
        opus    _ 3 3
        adds    0 3 1
    """)


def test_without_identity_an_answer_without_series_is_a_restart() -> None:
    check("""
        by      * * *
        gpt-4o  5 _ 4
        adds    0 0 4
    """)


def test_several_workers_in_turn_are_noticed_and_nothing_more_counts() -> None:
    check(
        """
        by      * *  * *  * *  * *  * *
        gpt-4o  5 50 5 51 6 51 7 52 8 60
        adds    0 45 0 1  0 0  0 0  0 0
        """,
        undisturbed=True,
    )


def test_workers_that_answer_several_times_each_are_noticed_too() -> None:
    check(
        """
        by      * * *  *  * * *  *  * * *
        gpt-4o  5 6 50 51 7 7 52 52 8 9 53
        opus    _ _ 9  9  _ _ 9  9  _ _ 9
        adds    0 1 53 1  7 0 54 0  0 0 0
        """,
        undisturbed=True,
    )


def test_workers_of_which_none_is_ahead_in_all_are_noticed_too() -> None:
    check(
        """
        by      *   *   *   *   *   *   *
        gpt-4o  100 10  101 10  101 10  102
        opus    10  100 10  100 10  101 10
        adds    0   110 0   0   0   0   0
        """,
        undisturbed=True,
    )


def test_three_of_which_none_is_ahead_in_all_are_noticed_too() -> None:
    check(
        """
        by      *   *   *   *   *   *   *
        gpt-4o  100 10  50  101 10  50  101
        opus    10  100 50  10  100 51  11
        adds    0   110 100 0   0   0   0
        """,
        undisturbed=True,
    )


def test_workers_of_which_each_lacks_what_another_has_are_noticed_too() -> None:
    check(
        """
        by      *   * *    * *   * *    * *   *
        gpt-4o  103 8 1002 2 103 8 1002 2 104 9
        opus    _   _ 100  _ _   _ 100  _ _   _
        llama   10  1 _    _ 10  1 _    _ 11  1
        adds    0   9 1094 2 111 0 0    0 0   0
        """,
        undisturbed=True,
    )


def test_processes_that_share_a_start_and_take_turns_are_noticed_whichever_is_ahead() -> None:
    check(
        """
        by      a   a   a   a   a   a   a
        gpt-4o  100 10  101 10  101 10  102
        opus    10  100 10  100 10  101 10
        adds    0   100 0   0   0   0   0
        """,
        undisturbed=True,
    )


def test_of_processes_that_share_a_start_and_take_turns_counts_what_only_one_of_them_has() -> None:
    check(
        """
        by      a   a   a   a   a   a   a   a
        gpt-4o  100 _   101 _   102 _   104 _
        opus    _   100 _   101 _   101 _   102
        llama   5   3   5   3   6   3   7   4
        adds    0   103 3   0   1   0   2   0
        """,
        undisturbed=True,
    )


def test_two_restarts_soon_after_each_other_are_not_taken_for_several_workers() -> None:
    check("""
        by      * * * * * *
        gpt-4o  5 3 9 2 9 1
        adds    0 3 6 2 7 1
    """)


def test_what_settles_counts_again_after_ten_quiet_answers() -> None:
    check(
        """
        by      * *  * *  * * * * * * * * * * *  *  *
        gpt-4o  5 50 5 51 6 6 6 6 6 6 7 7 7 7 9  10 12
        adds    0 45 0 1  0 0 0 0 0 0 0 0 0 0 0  1  2
        """,
        undisturbed=True,
    )


def test_restarts_that_do_not_come_back_are_not_taken_for_several_workers() -> None:
    check("""
        by      * * * * * * * * *
        gpt-4o  9 9 5 6 4 4 3 0 2
        adds    0 0 5 1 4 0 3 0 2
    """)


def test_several_workers_that_answer_for_long_each_are_noticed_once_the_first_is_back() -> None:
    check(
        """
        by      * * * * * * * * * * * *  *  *  *  *  *  *  *  *  *  *  *  *  * * * * * * * * * * * *  *
        gpt-4o  5 5 5 5 5 5 5 5 5 5 5 6  50 50 50 50 50 50 50 50 50 50 50 51 7 7 7 7 7 7 7 7 7 7 7 52 8
        opus    5 5 5 5 5 5 5 5 5 5 5 5  4  4  4  4  4  4  4  4  4  4  4  4  5 5 5 5 5 5 5 5 5 5 5 4  6
        adds    0 0 0 0 0 0 0 0 0 0 0 1  54 0  0  0  0  0  0  0  0  0  0  1  0 0 0 0 0 0 0 0 0 0 0 0  0
        """,
        undisturbed=True,
    )


def test_several_workers_of_which_one_is_ahead_are_noticed_however_long_each_answers() -> None:
    check(
        """
        by      *  * * * * * * * * * * * * *  *  *  *  *  *  *  *  *  *  *  *  * *
        gpt-4o  50 5 5 5 5 5 5 5 5 5 5 5 6 52 52 52 52 52 52 52 52 52 52 52 53 7 8
        adds    0  5 0 0 0 0 0 0 0 0 0 0 1 46 0  0  0  0  0  0  0  0  0  0  1  0 0
        """,
        undisturbed=True,
    )


def test_several_workers_that_took_turns_twice_are_known_for_days_also_after_a_restart_of_home_assistant(
    harness: LedgerHarness,
) -> None:
    def answer(chat: float, code: float) -> None:
        harness.scrape(body(family(COST, {series(model="gpt-4o"): chat, series(model="opus"): code})))

    for values in ((50, 1), (5, 9), (51, 1), (6, 9)):
        answer(*values)
    for _ in range(12):
        answer(6, 9)
    harness.reopen()
    before = harness.total()
    answer(52, 1)
    assert harness.total() == before
    answer(52, 2)
    assert harness.total() == before + 1


def test_what_fell_sixty_answers_ago_is_forgotten() -> None:
    turns, low = TurnDetector(), {b"gpt-4o": 3.0}
    turns.fell({b"gpt-4o": 5.0}, low, 0.0)
    for _ in range(REMEMBERED_ANSWERS):
        turns.held(low, low, 0.0)
    turns.fell({b"gpt-4o": 9.0}, {b"gpt-4o": 6.0}, 0.0)
    assert not turns.found


def test_an_answer_of_several_workers_that_comes_again_is_an_older_one() -> None:
    check(
        """
        by      * * * * * * *  * * *
        gpt-4o  5 6 5 7 6 8 2  3 2 4
        opus    9 9 9 9 9 9 1  1 1 1
        adds    0 1 0 1 0 1 3  1 0 1
        """,
        undisturbed=True,
    )


def test_a_family_that_a_process_publishes_late_was_lost_before(harness: LedgerHarness) -> None:
    spent, start = family(COST, {series(model="gpt-4o"): 1}), 1.0
    harness.scrape(body(spent, start=start))
    for tokens, counted in ((900, 0), (950, 50)):
        harness.scrape(body(spent, family(TOKENS, {series(model="gpt-4o"): tokens}), start=start))
        assert harness.total("tokens") == counted


def test_a_replica_that_is_alone_in_a_joined_answer_again_counts_nothing_twice(harness: LedgerHarness) -> None:
    def joined(**values: float) -> bytes:
        lines = "".join(f'process_start_time_seconds{{instance="{one}"}} {ord(one)}\n' for one in values)
        spent = {series(model="gpt-4o", instance=one): value for one, value in values.items()}
        return body(f"# TYPE process_start_time_seconds gauge\n{lines}", family(COST, spent))

    answers = ({"a": 5}, {"a": 5, "b": 7}, {"a": 6, "b": 8}, {"a": 6}, {"a": 7}, {"b": 9}, {"a": 7, "b": 9})
    totals = []
    for values in answers:
        harness.scrape(joined(**values))
        totals.append(harness.total())
    assert totals == [0, 0, 2, 2, 3, 4, 4]


def test_restarts_that_are_far_apart_are_not_taken_for_several_workers() -> None:
    check(
        """
        by      * * * * * * * * * * * * * * * * * * * * * * * * * *
        gpt-4o  5 8 3 4 4 4 4 4 4 4 4 4 4 6 2 3 4 4 4 4 4 4 4 4 4 1
        adds    0 3 3 1 0 0 0 0 0 0 0 0 0 2 2 1 1 0 0 0 0 0 0 0 0 1
        """,
        undisturbed=True,
    )


def test_going_over_to_several_workers_and_back_are_restarts() -> None:
    check("""
        by      a * * b * c
        gpt-4o  5 4 6 9 3 1
        adds    0 4 2 9 3 1
    """)


def test_a_known_series_whose_line_is_junk_keeps_its_baseline() -> None:
    check("""
        by      a a   a    a  a    a
        gpt-4o  5 NaN +Inf -3 1_0  6
        opus    1 1   1    1  1    2
        adds    0 0   0    0  0    2
    """)


def test_a_newcomer_whose_line_is_junk_counts_once_it_can_be_read() -> None:
    check("""
        by      a a   a
        gpt-4o  _ NaN 3
        adds    0 0   3
    """)


def test_a_junk_value_does_not_hide_the_eviction_of_another_series() -> None:
    check("""
        by      a a   a   a   a
        gpt-4o  5 NaN NaN NaN 6
        opus    1 2   _   2   2
        llama   1 1   1   1   1
        adds    0 1   0   0   1
    """)


def test_several_workers_that_were_noticed_are_not_counted_after_a_restart_of_home_assistant(
    harness: LedgerHarness,
) -> None:
    for value in (5, 50, 5, 51, 6, 51):
        snapshot = harness.scrape(cost(value))
    assert snapshot.report is not None
    assert snapshot.report.indistinguishable
    total = harness.total()
    for leave in (harness.close, harness.crash):
        leave()
        for value in (7, 52):
            harness.scrape(cost(value))
            assert harness.total() == total
    for _ in range(10):
        harness.scrape(cost(52))
    assert harness.scrape(cost(55)).report is not None
    assert harness.total() == total + 3


def test_a_series_that_came_twice_and_was_born_again_counts_what_it_has_now(harness: LedgerHarness) -> None:
    start = START.timestamp() - 5000
    one, other = series(user="0"), series(user="00")
    repeated = f"{COST}{one} 0.0\n# HELP {COST.removesuffix('_total')}_created"
    told = family(COST, {one: 5, other: 0}, {one: start, other: start})
    harness.scrape(body(told.replace(f"# HELP {COST.removesuffix('_total')}_created", repeated), start=start))
    born = harness.now.timestamp() + 30
    harness.scrape(body(family(COST, {other: 0, series(user="1"): 0, one: 0}, {other: start, one: born}), start=start))
    assert harness.total() == 0
    harness.scrape(body(family(COST, {other: 0, series(user="1"): 0, one: 2}, {other: start, one: born}), start=start))
    assert harness.total() == 2


def test_times_of_creation_are_the_same_however_the_number_is_written(harness: LedgerHarness) -> None:
    start = START.timestamp() - 5000
    labels = series(model="gpt-4o")
    for value in (5, 7):
        answer = body(family(COST, {labels: value}, {labels: start + 1}), start=start)
        harness.scrape(answer.replace(repr(start + 1).encode(), f"{start + 1:.10e}".encode()) if value > 5 else answer)
    assert harness.total() == 2
    assert len(harness.ledger._counting._registry.processes.known) == 1


def test_a_fall_that_is_not_told_to_be_another_incarnation_waits_for_the_answer_that_tells() -> None:
    check("""
        by      a     a    a   a    a    a    a
        gpt-4o  100@1 30   35@90 40 100@1 41@90 5
        opus    1@1   2@1  2@1 2@1  2@1  2@1  2@1
        adds    0     1    35  5    0    1    0
    """)


def test_an_older_answer_is_no_proof_that_a_series_goes_on() -> None:
    check("""
        by      a   a   a   a      a
        gpt-4o  1@1 50  1@1 5050@90 5051@90
        opus    1@1 1   1@1 1@1    1@1
        adds    0   49  0   5000   1
    """)


def test_an_answer_that_is_older_in_what_it_lost_before_counts_nothing() -> None:
    check("""
        by      a a a a a a
        gpt-4o  5 7 _ 6 7 8
        opus    3 3 _ 3 3 3
        adds    0 2 0 0 0 1
    """)


def test_without_identity_what_grew_before_it_was_lost_is_not_counted_again_when_a_restart_shows() -> None:
    check("""
        by      *  *  *  *  *
        gpt-4o  50 _  _  4  5
        opus    2  90 _  91 92
        llama   1  2  3  4  5
        adds    0  89 1  9  3
    """)


@pytest.mark.parametrize("restarts", [False, True], ids=["in one go", "with a restart of Home Assistant after each"])
@pytest.mark.parametrize("turned", [COST, COST.replace("_total", "_created")], ids=["the counter", "its twin"])
def test_times_of_creation_hold_for_series_whose_labels_they_have_in_another_order(
    harness: LedgerHarness,
    turned: str,
    restarts: bool,  # noqa: FBT001
) -> None:
    start = START.timestamp() - 5000
    born = START.timestamp() + 100

    def scrape(amounts: dict[str, float], created: dict[str, float], *, turn: bool) -> None:
        labels = {name: series(model=name, team="t-1") for name in amounts}
        text = family(
            COST,
            {labels[name]: value for name, value in amounts.items()},
            {labels[one]: created[one] for one in created},
        )
        for name in amounts if turn else ():
            text = text.replace(turned + labels[name], turned + series(team="t-1", model=name))
        harness.scrape(body(text, start=start))
        if restarts:
            harness.reopen()

    scrape({"gpt-4o": 5, "opus": 1}, {"gpt-4o": start, "opus": start}, turn=True)
    scrape({"gpt-4o": 6, "opus": 1}, {"gpt-4o": start, "opus": start}, turn=True)
    assert harness.total() == 1
    # Evicted and born again past what it was, with others beside it that are new, and as old as the process.
    created = {"gpt-4o": born, "opus": start, "llama": born + 1, "phi": start + 1}
    scrape({"gpt-4o": 9, "opus": 1, "llama": 2, "phi": 70}, created, turn=True)
    assert harness.total() == 1 + 9 + 2
    scrape({"gpt-4o": 10, "opus": 2, "llama": 2, "phi": 71}, created, turn=False)
    assert harness.total() == 1 + 9 + 2 + 3
    scrape({"gpt-4o": 11, "opus": 2, "llama": 2, "phi": 71}, {}, turn=True)
    scrape({"gpt-4o": 12, "opus": 2, "llama": 2, "phi": 71}, created, turn=True)
    scrape({"gpt-4o": 15, "opus": 2, "llama": 2, "phi": 71}, created | {"gpt-4o": born + 300}, turn=True)
    assert harness.total() == 1 + 9 + 2 + 3 + 2 + 15


@pytest.mark.parametrize("unread", ["NaN", "+Inf", "-1"])
@pytest.mark.parametrize("turns", list(product([False, True], repeat=4)), ids=str)
def test_when_a_series_was_created_is_what_was_told_last_whatever_the_order_of_its_labels(
    harness: LedgerHarness, unread: str, turns: Sequence[bool]
) -> None:
    start, born = START.timestamp() - 5000, [START.timestamp() + number for number in (-70, 100, 150, 150)]
    other = series(model="opus", team="t-1")
    counted = []
    for turn, value, since in zip(turns, (unread, unread, "15.5", "15.5"), born, strict=True):
        own = series(team="t-1", model="gpt-4o") if turn else series(model="gpt-4o", team="t-1")
        harness.scrape(body(family(COST, {own: value, other: 1}, {own: since, other: start}), start=start))
        counted.append(harness.total())
    assert counted == [0, 0, 15.5, 15.5]


def test_what_counted_before_it_told_when_it_was_created_counts_once_where_all_else_was_born_anew() -> None:
    check("""
        by      a   a    a    a
        gpt-4o  5@1 _    _    4@190
        opus    _   7    9@70 9@70
        adds    0   7    2    4
    """)


def test_workers_that_share_a_start_are_refused_while_nothing_tells_which_of_them_answers() -> None:
    check("""
        by      A       A      A   A       A
        gpt-4o  100@-50 40@-45 101 102@-50 41@-45
        adds    0       0      x   2       1
    """)


def test_a_family_that_never_tells_when_it_was_created_shows_that_a_process_goes_on(harness: LedgerHarness) -> None:
    start, labels = START.timestamp() - 5000, series(model="gpt-4o")
    for value, tokens, born in ((5, 70, start), (3, 70, START.timestamp() + 90), (4, 75, START.timestamp() + 90)):
        harness.scrape(
            body(family(COST, {labels: value}, {labels: born}), family(TOKENS, {labels: tokens}), start=start)
        )
        assert len(harness.ledger._counting._registry.processes.known) == 1
    assert (harness.total(), harness.total("tokens")) == (4, 5)


def test_a_series_that_comes_twice_with_its_labels_in_both_orders_counts_once(harness: LedgerHarness) -> None:
    start = START.timestamp() - 5000
    one, turned = series(model="gpt-4o", team="t-1"), series(team="t-1", model="gpt-4o")
    harness.scrape(body(family(COST, {one: 5}), start=start))
    snapshot = harness.scrape(body(family(COST, {one: 6, turned: 9}), start=start))
    assert snapshot.report is not None
    assert snapshot.report.skipped == 1
    assert harness.total() == 1


def test_a_part_that_lacks_the_times_of_creation_that_were_asked_for_is_not_believed(harness: LedgerHarness) -> None:
    start, labels = START.timestamp() - 5000, series(model="gpt-4o")
    harness.scrape(body(family(COST, {labels: 5}, {labels: start}), start=start))
    with pytest.raises(SurprisingPartError):
        harness.ledger.scrape(
            read(harness.ledger.parser(), cost(6, start=start)), now=harness.now, answered_at=None, part=True
        )
    harness.scrape(body(family(COST, {labels: 6}, {labels: start}), start=start))
    assert harness.total() == 1


def test_what_is_back_and_does_not_tell_when_it_was_created_counts_the_difference_once() -> None:
    check("""
        by      a   a   a a    a
        gpt-4o  5@1 _   7 8@1  9@230
        opus    1@1 1@1 1 1@1  1@1
        adds    0   0   2 1    9
    """)


def test_an_incarnation_that_begins_again_with_less_counts_whole_though_it_was_missing() -> None:
    check("""
        by      a   a a   a    a
        gpt-4o  1@1 2 _   1@90 3@90
        opus    1@1 1 1@1 1@1  1@1
        adds    0   1 0   1    2
    """)


@pytest.mark.parametrize("created", [None, START.timestamp() - 5000], ids=["without _created", "with _created"])
@pytest.mark.parametrize("reopened", [False, True])
def test_a_series_whose_labels_are_escaped_otherwise_is_the_same(
    harness: LedgerHarness, created: float | None, *, reopened: bool
) -> None:
    other = series(model="opus")
    for value, name in enumerate(("a/b", r"a\/b", "a/b", r"\a/b")):
        text = f'{{model="{name}"}}'
        told = {text: 5.0 + value, other: 1.0}
        harness.scrape(
            body(family(COST, told, dict.fromkeys(told, created) if created else None), start=START.timestamp() - 5000)
        )
        if reopened:
            harness.reopen()
    assert harness.total() == 3


@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize("nothing", ["NaN", "0.0", "-5.0", "+Inf", "1e400"])
def test_times_of_creation_that_are_none_tell_nothing(harness: LedgerHarness, nothing: str, *, reopened: bool) -> None:
    start, labels = START.timestamp() - 5000, series(model="gpt-4o")
    born = (nothing, start + 1, nothing, nothing, start + 1, start + 1, nothing)
    for value, told in enumerate(born):
        twin = f"# TYPE litellm_spend_metric_created gauge\nlitellm_spend_metric_created{labels} {told}\n"
        harness.scrape(body(family(COST, {labels: value}), twin, start=start))
        assert harness.total() == value
        if reopened:
            harness.reopen()
    harness.scrape(body(family(COST, {labels: 2}), twin, start=harness.now.timestamp() + 30))
    assert harness.total() == value + 2


@pytest.mark.parametrize("created", [None, START.timestamp() - 4000], ids=["without _created", "with _created"])
def test_lines_under_the_description_of_a_gauge_are_not_those_of_the_gauge(
    harness: LedgerHarness, created: float | None
) -> None:
    start, labels = START.timestamp() - 5000, series(model="gpt-4o")
    for value in (5, 6, 7):
        told = family(COST, {labels: value}, {labels: created} if created else None)
        if value == 6:
            told = "".join(line for line in told.splitlines(keepends=True) if not line.startswith("#"))
        answer = body(told, family(TOKENS, {labels: value}), start=start)
        if value == 6:
            with pytest.raises(TruncatedAnswerError):
                harness.scrape(answer)
        else:
            harness.scrape(answer)
    assert harness.total() == harness.total("tokens") == 2


@pytest.mark.parametrize("reopened", [False, True])
def test_times_of_creation_that_are_lost_in_turn_make_no_other_process(
    harness: LedgerHarness, *, reopened: bool
) -> None:
    start = START.timestamp() - 5000
    created = {series(model=name): start + 1 + at for at, name in enumerate("abc")}
    for value, told in enumerate(("abc", "a", "b", "c", "", "ab", "abc")):
        kept = {labels: since for labels, since in created.items() if labels[8] in told}
        harness.scrape(body(family(COST, dict.fromkeys(created, 1.0 + value), kept or None), start=start))
        assert harness.total() == 3 * value
        if reopened:
            harness.reopen()


@pytest.mark.parametrize("evicted", [True, False])
def test_a_proxy_without_a_start_that_loses_times_of_creation_once_counts_nothing_again(
    harness: LedgerHarness, *, evicted: bool
) -> None:
    # As on macOS and Windows, where prometheus_client knows of no start.
    opus, gpt = series(model="opus"), series(model="gpt-4o")
    old = START.timestamp() - 5000

    def answer(opus_value: float, gpt_value: float, born: float = old) -> bytes:
        return body(family(COST, {opus: opus_value, gpt: gpt_value}, {opus: old, gpt: born}))

    harness.scrape(answer(5000.0, 50.0))
    born = harness.now.timestamp() + 10 if evicted else old
    value = 3.0 if evicted else 51.0
    harness.scrape(body(family(COST, {opus: 5001.0, gpt: value})), complete=False)
    harness.scrape(answer(5002.0, value, born))
    assert harness.total() == (5.0 if evicted else 3.0)


def test_replicas_that_only_times_of_creation_tell_apart_are_refused_where_these_are_lost(
    harness: LedgerHarness,
) -> None:
    labels, old = series(model="gpt-4o"), START.timestamp() - 5000

    def answer(value: float, born: float | None) -> bytes:
        return body(family(COST, {labels: value}, {labels: born} if born else None))

    harness.scrape(answer(5000.0, old))
    harness.scrape(answer(40.0, old + 9))
    with pytest.raises(MissingIdentityError):
        harness.scrape(answer(5001.0, None))
    harness.scrape(answer(41.0, old + 9))
    harness.scrape(answer(5002.0, old))
    assert harness.total() == 3.0


def test_a_proxy_without_a_start_whose_new_series_do_not_tell_at_first_when_they_were_created_counts_them_once(
    harness: LedgerHarness,
) -> None:
    old = START.timestamp() - 5000

    def answer(value: float, born: float | None, team: str) -> bytes:
        labels = series(model="gpt-4o", team=team)
        return body(family(COST, {labels: value}, {labels: born} if born else None))

    harness.scrape(answer(900.0, old, "a"))
    born = harness.now.timestamp() + 1
    harness.scrape(answer(50.0, None, "b"))
    harness.scrape(answer(51.0, born, "b"))
    harness.scrape(answer(52.0, born, "b"))
    assert harness.total() == 52.0


def test_what_answers_before_may_have_lost_is_no_sign_that_an_answer_is_a_newer_one(harness: LedgerHarness) -> None:
    old, opus, llama = START.timestamp() - 5000, series(model="opus"), series(model="llama")

    def answer(of_opus: float, of_llama: float | str) -> bytes:
        return body(family(COST, {opus: of_opus, llama: of_llama}), start=old)

    harness.scrape(answer(50.0, "NaN"))
    harness.scrape(answer(100.0, "NaN"))
    # Older than the last one, and the first in which the other can be read.
    harness.scrape(answer(50.0, 7.0))
    harness.scrape(answer(101.0, 8.0))
    assert harness.total() == 52.0


@pytest.mark.parametrize("first", [2.0, 3.0])
def test_of_a_series_that_comes_in_two_orders_of_labels_the_first_counts(harness: LedgerHarness, first: float) -> None:
    known, other = series(model="gpt-4o", team="a"), series(team="a", model="gpt-4o")
    old = START.timestamp() - 5000
    harness.scrape(body(family(COST, {known: 1.0}), start=old))
    harness.scrape(body(family(COST, {other: first, known: 2.5}), start=old))
    harness.scrape(body(family(COST, {other: first + 1}), start=old))
    assert harness.total() == first
