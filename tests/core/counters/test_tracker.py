"""Which process spoke, since when a metric is tracked, and what clocks do to either."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from custom_components.litellm_pulse.core.models import Snapshot

from ..bodies import COST, DEPLOYMENT, OLD_TOKENS, START, TOKENS, body, cost, family, read, series
from ..conftest import LedgerHarness

MODEL = series(model="gpt-4o")
OLDER = START.timestamp() - 1000
"""When a process began that is older than the ledger."""
HOUR = timedelta(hours=1)


def _edit(harness: LedgerHarness, *statements: str) -> None:
    """Make of a closed file what an earlier release would have left."""
    with closing(sqlite3.connect(harness.path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def _spend_and_deployments(spend: float, deployments: float, start: float | None = OLDER) -> bytes:
    return body(family(COST, {MODEL: spend}), family(DEPLOYMENT, {MODEL: deployments}), start=start)


@pytest.mark.parametrize("start", [OLDER, None], ids=["one process", "several workers"])
def test_a_metric_that_is_mapped_anew_begins_with_a_baseline(harness: LedgerHarness, start: float | None) -> None:
    harness.scrape(_spend_and_deployments(1, 10, start))
    harness.scrape(_spend_and_deployments(2, 20, start))
    harness.reopen(overrides={"cost": DEPLOYMENT})
    harness.scrape(_spend_and_deployments(3, 30, start))
    assert harness.total("cost") == 1
    harness.scrape(_spend_and_deployments(4, 41, start))
    assert harness.total("cost") == 1 + 11
    assert harness.total("deployment_requests") == 31


def test_a_mapping_holds_over_any_number_of_restarts(harness: LedgerHarness) -> None:
    harness.scrape(_spend_and_deployments(1, 10))
    for spend, deployments in ((2, 20), (3, 31), (4, 43)):
        harness.reopen(overrides={"cost": DEPLOYMENT})
        harness.scrape(_spend_and_deployments(spend, deployments))
    assert harness.total("cost") == 11 + 12
    assert harness.total("deployment_requests") == 33


def test_what_was_used_under_another_mapping_is_not_made_up_for_after_it(harness: LedgerHarness) -> None:
    harness.scrape(_spend_and_deployments(1, 10))
    harness.reopen(overrides={"cost": DEPLOYMENT})
    harness.scrape(_spend_and_deployments(100, 10))
    harness.reopen()
    harness.scrape(_spend_and_deployments(200, 10))
    assert harness.total("cost") == 0
    harness.reopen()
    harness.scrape(_spend_and_deployments(201, 10))
    assert harness.total("cost") == 1


def test_a_family_that_no_metric_reads_any_more_may_be_missing(harness: LedgerHarness) -> None:
    harness.scrape(body(family(TOKENS, {MODEL: 1}), family(COST, {MODEL: 1}), start=OLDER))
    harness.reopen(overrides={"tokens": "litellm_my_tokens_total"})
    harness.scrape(cost(3, start=OLDER))
    assert harness.total("cost") == 2


def test_series_that_are_older_than_a_mapping_are_baselines_in_every_replica(harness: LedgerHarness) -> None:
    replicas = OLDER, OLDER - 5
    for start in replicas:
        harness.scrape(_spend_and_deployments(1, 10, start))
    harness.reopen(overrides={"cache_hits": DEPLOYMENT})
    for start in replicas:
        harness.scrape(_spend_and_deployments(1, 20, start))
    assert harness.total("cache_hits") == 0
    for start in replicas:
        harness.scrape(_spend_and_deployments(1, 21, start))
    assert harness.total("cache_hits") == 2


def test_a_metric_that_a_release_brings_begins_with_a_baseline(harness: LedgerHarness) -> None:
    def answer(spend: float, tokens: float) -> bytes:
        return body(family(COST, {MODEL: spend}), family(TOKENS, {MODEL: tokens}), start=OLDER)

    harness.scrape(answer(1, 1000))
    harness.close()
    _edit(
        harness,
        "DELETE FROM origins WHERE metric = 'tokens'",
        f"DELETE FROM baselines WHERE series IN (SELECT id FROM series WHERE family = '{TOKENS}')",  # noqa: S608
        f"DELETE FROM series WHERE family = '{TOKENS}'",  # noqa: S608
    )
    harness.scrape(answer(2, 1100))
    assert (harness.total("cost"), harness.total("tokens")) == (1, 0)
    harness.reopen()
    harness.scrape(answer(2, 1107))
    assert (harness.total("cost"), harness.total("tokens")) == (1, 7)


def test_a_metric_that_is_tracked_while_the_proxys_clock_steps_back_begins_with_a_baseline(
    harness: LedgerHarness,
) -> None:
    replicas = OLDER, OLDER - 5
    for start in replicas:
        harness.scrape(_spend_and_deployments(1, 10, start))
    harness.reopen(overrides={"cache_hits": "litellm_my_total"})
    for hits in (500, 501):
        for start in replicas:
            answer = _spend_and_deployments(1, 10, start) + family("litellm_my_total", {MODEL: hits}).encode()
            harness.scrape(answer, date=harness.now - HOUR)
    assert harness.total("cache_hits") == 2


def test_a_newer_name_of_a_family_goes_on_after_a_restart(harness: LedgerHarness) -> None:
    harness.scrape(body(family(OLD_TOKENS, {MODEL: 100}), start=OLDER))
    harness.scrape(body(family(OLD_TOKENS, {MODEL: 110}), start=OLDER))
    harness.scrape(body(family(TOKENS, {MODEL: 120}), start=harness.now.timestamp()))
    assert harness.total("tokens") == 10 + 120


def test_of_two_names_of_a_family_only_the_newest_counts(harness: LedgerHarness) -> None:
    for value in (1, 5):
        harness.scrape(body(family(OLD_TOKENS, {MODEL: value}), family(TOKENS, {MODEL: value}), start=OLDER))
    assert harness.total("tokens") == 4


def test_a_newer_name_that_a_release_learns_is_a_baseline_where_both_are_published(harness: LedgerHarness) -> None:
    def answer(value: float) -> bytes:
        return body(family(OLD_TOKENS, {MODEL: value}), family(TOKENS, {MODEL: value}), start=OLDER)

    harness.open(overrides={"tokens": OLD_TOKENS})
    harness.scrape(answer(100))
    harness.scrape(answer(101))
    for value in (102, 104):
        harness.reopen()
        harness.scrape(answer(value))
    assert harness.total("tokens") == 1 + 2


def test_an_older_name_that_is_kept_goes_on_when_a_release_learns_another(harness: LedgerHarness) -> None:
    harness.scrape(body(family(TOKENS, {MODEL: 1}), start=OLDER))
    harness.close()
    _edit(harness, f"UPDATE origins SET sources = '{TOKENS}' WHERE metric = 'tokens'")  # noqa: S608
    harness.scrape(body(family(TOKENS, {MODEL: 5, series(model="opus"): 2}), start=OLDER))
    assert harness.total("tokens") == 4 + 2


def test_nothing_counts_at_first_however_the_proxys_clocks_disagree(harness: LedgerHarness) -> None:
    harness.scrape(cost(50, start=START.timestamp() + 7200))
    assert harness.total() == 0
    harness.scrape(cost(51, start=START.timestamp() + 7200))
    assert harness.total() == 1


@pytest.mark.parametrize("start", [float("nan"), float("inf"), -1.0, 0.0, 1e300])
def test_a_start_that_is_no_time_is_no_identity(harness: LedgerHarness, start: float) -> None:
    for value in (5, 7, 1):
        snapshot = harness.scrape(cost(value, start=start))
        assert snapshot.process_start is None
    assert harness.total() == 3


def test_answers_without_a_date_are_taken_at_our_own_time(harness: LedgerHarness) -> None:
    def scrape(value: float, start: float) -> Snapshot:
        harness.now += timedelta(minutes=1)
        return harness.ledger.scrape(
            read(harness.ledger.parser(), cost(value, start=start)), now=harness.now, answered_at=None
        )

    scrape(1, OLDER)
    scrape(2, OLDER)
    scrape(7, harness.now.timestamp() + 5)
    assert harness.total() == 8


def test_when_our_clock_steps_back_values_count_and_the_last_scrape_stays(harness: LedgerHarness) -> None:
    harness.scrape(cost(1, start=OLDER))
    latest = harness.scrape(cost(2, start=OLDER)).last_scrape
    for value in (3, 5, 6):
        assert harness.scrape(cost(value, start=OLDER), seconds=-1800).last_scrape == latest
    assert harness.per_window() == dict.fromkeys(harness.per_window(), 5)
    harness.reopen()
    assert harness.snapshot.last_scrape == latest
    assert harness.per_window() == dict.fromkeys(harness.per_window(), 5)


def test_when_our_clock_steps_back_over_midnight_no_window_comes_back(harness: LedgerHarness) -> None:
    harness.scrape(cost(1, start=OLDER))
    harness.roll(hours=12)
    starts = harness.snapshot.window_starts
    harness.scrape(cost(3, start=OLDER), seconds=-120)
    assert harness.snapshot.window_starts == starts
    assert harness.per_window()["day"] == 2
    assert harness.roll(minutes=1).window_starts == starts
    assert harness.per_window()["day"] == 2
    harness.roll(minutes=5)
    harness.reopen()
    assert harness.snapshot.window_starts == starts
    assert harness.per_window()["day"] == 2


def test_when_the_proxys_clock_steps_back_its_values_count(harness: LedgerHarness) -> None:
    for value, back in ((1, 0), (2, 2), (5, 5), (6, 0)):
        harness.scrape(cost(value, start=OLDER), date=harness.now - back * HOUR)
    assert harness.total() == 5


def test_a_process_that_did_not_answer_for_seven_days_is_a_baseline_on_its_return(harness: LedgerHarness) -> None:
    start = START.timestamp() + 90
    harness.scrape(cost(1, start=OLDER))
    harness.scrape(cost(10, start=start))
    for _ in range(9):
        # As Home Assistant does: a timer at midnight, and scrapes.
        harness.roll(hours=12)
        harness.scrape(cost(1, start=OLDER))
        harness.scrape(cost(1, start=OLDER), seconds=12 * 3600 - 60)
    assert harness.total() == 10
    harness.reopen()
    harness.scrape(cost(70, start=start))
    assert harness.total() == 10
    harness.scrape(body(family(COST, {MODEL: 71, series(model="opus"): 1}), start=start))
    assert harness.total() == 12


def test_a_process_that_did_not_answer_for_six_days_is_counted_against_itself(harness: LedgerHarness) -> None:
    start = START.timestamp() + 90
    harness.scrape(cost(1, start=OLDER))
    harness.scrape(cost(10, start=start))
    for _ in range(6):
        harness.roll(hours=12)
        harness.scrape(cost(1, start=OLDER), seconds=11 * 3600)
    harness.scrape(cost(70, start=start))
    assert harness.total() == 70


def test_replicas_are_not_forgotten_because_home_assistant_was_down_for_long(harness: LedgerHarness) -> None:
    for start in (OLDER, OLDER - 5):
        harness.scrape(cost(1, start=start))
    harness.close()
    harness.now += timedelta(days=30)
    harness.scrape(cost(3, start=OLDER))
    harness.scrape(cost(5, start=OLDER - 5))
    assert harness.total() == 2 + 4


def test_a_replica_that_had_no_series_yet_is_known_after_a_crash(harness: LedgerHarness) -> None:
    harness.scrape(cost(1, start=OLDER))
    harness.scrape(body(family(COST, {}), start=OLDER - 5))
    harness.crash()
    harness.scrape(cost(3, start=OLDER - 5))
    assert harness.total() == 3


def test_series_that_no_process_has_any_more_are_deleted(harness: LedgerHarness) -> None:
    harness.scrape(cost(1, start=OLDER))
    for day in range(10):
        harness.roll(hours=12)
        harness.scrape(cost(day, start=OLDER + 10, model="opus"), seconds=12 * 3600)
    harness.close()
    with closing(sqlite3.connect(harness.path)) as connection:
        assert connection.execute("SELECT count(*) FROM series").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM baselines").fetchone() == (1,)


@pytest.mark.parametrize("worker", ["", "7"], ids=["without pids", "with the same pids"])
def test_what_tells_no_start_is_told_apart_by_times_of_creation(harness: LedgerHarness, worker: str) -> None:
    gauge = _gauge_of(worker)
    models, born = [series(model="gpt-4o"), series(model="opus")], harness.now.timestamp()
    replicas = [({models[0]: 7.0, models[1]: 90.0}, born - 50), ({models[0]: 51.0, models[1]: 3.0}, born - 20)]
    for _ in range(4):
        for values, created in replicas:
            values[models[0]] += 1
            harness.scrape(body(gauge, family(COST, values, dict.fromkeys(values, created))))
    # The first answer of each is its baseline.
    assert harness.total() == 3 + 3


@pytest.mark.parametrize("worker", ["", "7"], ids=["without pids", "with pids"])
def test_what_tells_no_start_goes_on_though_a_series_of_it_begins_anew(harness: LedgerHarness, worker: str) -> None:
    gauge = _gauge_of(worker)
    values = {series(model="gpt-4o"): 5.0}
    created = {series(model="gpt-4o"): harness.now.timestamp() - 50}
    harness.scrape(body(gauge, family(COST, values, created)))
    values[series(model="opus")], created[series(model="opus")] = 100.0, harness.now.timestamp() + 10
    harness.scrape(body(gauge, family(COST, values, created)))
    values[series(model="gpt-4o")], created[series(model="gpt-4o")] = 2.0, harness.now.timestamp() + 10
    harness.scrape(body(gauge, family(COST, values, created)))
    assert harness.total() == 100 + 2


def _gauge_of(worker: str) -> str:
    """Return a gauge that names a worker, nothing for none."""
    name = "litellm_in_flight_requests"
    return f'# TYPE {name} gauge\n{name}{{pid="{worker}"}} 0\n' if worker else ""
