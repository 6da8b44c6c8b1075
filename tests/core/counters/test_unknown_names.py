"""Names that say nothing, that say two things, or that nobody has used yet: totals are exact, members are true."""

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.models import TOTAL, Window

from ..bodies import COST, DEPLOYMENT, FAILED, REQUESTS, START, body, family, series
from ..conftest import LedgerHarness

BORN = START.timestamp() + 90
"""When a process began that is younger than the ledger: all that it has counts."""
DEPLOYMENT_FAILED = "litellm_deployment_failure_responses_total"
HISTOGRAM = "litellm_request_total_latency_metric"


def _begin(harness: LedgerHarness) -> None:
    """Let the ledger look once before anything is counted."""
    harness.scrape(
        body(*(family(name, {}) for name in (COST, REQUESTS, FAILED, DEPLOYMENT, DEPLOYMENT_FAILED)), start=1.0)
    )


def test_what_litellm_collapses_is_counted_and_is_nobody(harness: LedgerHarness) -> None:
    _begin(harness)
    collapsed = dict.fromkeys(("model", "requested_model", "api_provider", "team", "user", "hashed_api_key"), "other")
    harness.scrape(body(family(COST, {series(**collapsed): 3}), start=BORN))
    assert harness.total() == 3
    assert {key for key, usage in harness.snapshot.usage.items() if usage.get(Window.LIFETIME, "cost")} == {TOTAL}


def test_a_name_that_two_models_have_means_neither(harness: LedgerHarness) -> None:
    _begin(harness)
    deployments = {series(litellm_model_name=f"azure/{one}", requested_model="chat"): 1 for one in "ab"}
    asked = {series(requested_model="chat", status_code="200"): 5}
    harness.scrape(body(family(DEPLOYMENT, deployments), family(REQUESTS, asked), start=BORN))
    assert harness.total("requests", member=(Dimension.PUBLIC_MODEL, "chat")) == 5
    models = {key for key in harness.snapshot.members if key[0] is Dimension.MODEL}
    assert {key for key in models if harness.total("requests", member=key)} == set()


def test_a_name_that_gets_a_second_model_means_neither_from_then_on(harness: LedgerHarness) -> None:
    _begin(harness)
    for number, models in enumerate(("a", "ab", "ab"), 1):
        deployments = {series(litellm_model_name=f"azure/{one}", requested_model="chat"): 1 for one in models}
        asked = {series(requested_model="chat", status_code="200"): 5 * number}
        harness.scrape(body(family(DEPLOYMENT, deployments), family(REQUESTS, asked), start=BORN))
    assert harness.total("requests", member=(Dimension.MODEL, "azure/a")) <= 10
    assert harness.total("requests", member=(Dimension.MODEL, "azure/b")) == 0
    assert harness.total("requests") == 15


def test_a_deployment_that_only_fails_is_not_the_model_that_answers_to_the_same_name(harness: LedgerHarness) -> None:
    _begin(harness)
    failing = {"litellm_model_name": "gpt-4.1", "model_id": "id-2", "requested_model": "smart"}
    spent = {series(model="gpt-4o", model_id="id-1", requested_model="smart"): 1}
    sent = {series(litellm_model_name="gpt-4o", model_id="id-1", requested_model="smart"): 6, series(**failing): 4}
    failed = {series(**failing, exception_status="500"): 4}
    harness.scrape(body(family(COST, spent), family(DEPLOYMENT, sent), family(DEPLOYMENT_FAILED, failed), start=BORN))
    assert harness.total("deployment_requests", member=(Dimension.MODEL, "gpt-4o")) == 6
    assert harness.total("deployment_failures", member=(Dimension.MODEL, "gpt-4o")) == 0
    assert harness.total("deployment_failures") == 4


def test_names_that_only_failed_behind_a_wildcard_are_no_models(harness: LedgerHarness) -> None:
    _begin(harness)
    typos = [{"litellm_model_name": f"gpt-{one}o", "requested_model": f"gpt-{one}o"} for one in range(50)]
    sent = {series(**one): 2 for one in typos}
    failed = {series(**one, exception_status="404"): 2 for one in typos}
    harness.scrape(body(family(DEPLOYMENT, sent), family(DEPLOYMENT_FAILED, failed), start=BORN))
    assert harness.total("deployment_requests") == harness.total("deployment_failures") == 100
    assert not harness.snapshot.members


def test_the_answer_in_which_a_name_gets_a_second_model_counts_for_neither(harness: LedgerHarness) -> None:
    _begin(harness)
    first, second = (series(model=one, requested_model="chat") for one in ("gpt-4o", "opus"))
    asked = series(requested_model="chat", status_code="200")
    for spent, requests in (({first: 1}, 1), ({first: 1, second: 1}, 2), ({first: 1, second: 2}, 3)):
        harness.scrape(body(family(COST, spent), family(REQUESTS, {asked: requests}), start=BORN))
    assert [harness.total("requests", member=(Dimension.MODEL, one)) for one in ("gpt-4o", "opus")] == [1, 0]
    assert harness.total("requests", member=(Dimension.PUBLIC_MODEL, "chat")) == 3


def test_what_was_refused_before_a_model_was_used_is_its_own_from_then_on(harness: LedgerHarness) -> None:
    _begin(harness)
    refused = series(requested_model="new", exception_status="401")
    harness.scrape(body(family(FAILED, {refused: 5}), start=BORN))
    member = Dimension.PUBLIC_MODEL, "new"
    assert member not in harness.snapshot.members
    used = family(COST, {series(model="gpt-4o", requested_model="new"): 1})
    harness.scrape(body(family(FAILED, {refused: 5}), used, start=BORN))
    harness.scrape(body(family(FAILED, {refused: 7}), used, start=BORN))
    assert harness.total("failed_requests", member=member) == 2
    assert harness.total("failed_requests") == 7


def test_a_model_that_is_found_out_later_moves_what_counts_and_nothing_else(harness: LedgerHarness) -> None:
    spent = family(COST, {series(model="gpt-4o", model_id="id-1"): 1})
    for requests, told in ((5, ""), (6, spent), (9, spent)):
        asked = family(REQUESTS, {series(model_id="id-1", status_code="200"): requests})
        # Without an identity, histograms are read as evidence of restarts.
        took = f"# TYPE {HISTOGRAM} histogram\n{HISTOGRAM}_count{series(model_id='id-1')} {requests}\n"
        harness.scrape(body(asked, took, told))
    assert harness.total("requests") == 4
    assert harness.total("requests", member=(Dimension.MODEL, "gpt-4o")) == 4


def test_a_family_that_several_workers_leave_out_for_once_is_no_restart(harness: LedgerHarness) -> None:
    spent, asked = series(model="gpt-4o"), series(model_id="id-1", status_code="200")
    for cost, requests in ((5, 1), (6, 2), (None, 3), (8, 4)):
        families = [family(REQUESTS, {asked: requests})]
        families += [family(COST, {spent: cost})] if cost else []
        harness.scrape(body(*families))
    assert harness.total() == 3
    assert harness.total("requests") == 3


def test_labels_whose_order_changes_while_a_series_is_missing_count_nothing_twice(harness: LedgerHarness) -> None:
    def one(user: str) -> str:
        return series(model="gpt-4o", user=user)

    def turned(user: str) -> str:
        return series(user=user, model="gpt-4o")

    _begin(harness)
    for samples in ({one("gone"): 1}, {one("stays"): 2}, {turned("new"): 0, turned("stays"): 2}, {one("stays"): 3}):
        harness.scrape(body(family(COST, samples), start=1.0))
    assert harness.total() == 1 + 3
    harness.scrape(body(family(COST, {turned("gone"): 1.5, one("stays"): 3}), start=1.0))
    assert harness.total() == 1.5 + 3


def test_of_a_series_that_comes_twice_the_first_line_counts_whatever_the_order_of_its_labels(
    harness: LedgerHarness,
) -> None:
    def turned(user: str) -> str:
        return series(user=user, model="gpt-4o")

    _begin(harness)
    harness.scrape(body(family(COST, {turned("twice"): 1}), start=1.0))
    harness.scrape(
        body(family(COST, {series(model="gpt-4o", user=one): 1 for one in ("a", "b", "gone", "twice")}), start=1.0)
    )
    lines = family(COST, {turned("twice"): 5, turned("a"): 1, turned("b"): 1}) + f"{COST}{turned('twice')} 1.0\n"
    harness.scrape(body(lines, start=1.0))
    assert harness.total() == 4 + 4
