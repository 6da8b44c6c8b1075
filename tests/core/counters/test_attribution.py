"""Whose usage a series is: models, teams, keys and tags, by their ids and not by their names."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from custom_components.litellm_pulse.core.catalog import COUNTERS, Dimension, counters
from custom_components.litellm_pulse.core.models import TOTAL

from ..bodies import COST, DEPLOYMENT, FAILED, REQUESTS, START, TOKENS, body, family, series
from ..conftest import LedgerHarness

FIXTURES = Path(__file__).parents[2] / "fixtures"
BORN = START.timestamp() + 90
"""When a process began that is younger than the ledger: all that it has counts."""

SERVED = "litellm_deployment_success_responses_total"
SPEND = {"model": "openai/gpt-4o", "model_id": "id-1", "requested_model": "chat"}


def _scrape(harness: LedgerHarness, *families: str) -> None:
    """Let a process that is younger than the ledger answer."""
    if not harness.path.exists():
        harness.scrape(body(family(COST, {}), start=1.0))
    harness.scrape(body(*families, start=BORN))


def _members(harness: LedgerHarness, dimension: Dimension, metric: str = "cost") -> dict[str, float]:
    """Return name -> lifetime usage of the members of a dimension that have any."""
    usage = {
        member.name: harness.total(metric, member=key)
        for key, member in harness.snapshot.members.items()
        if key[0] == dimension
    }
    return {name: value for name, value in usage.items() if value}


def test_requests_leave_scrapes_of_the_metrics_out(harness: LedgerHarness) -> None:
    samples = {series(route=route): 10 for route in ("/metrics", "/metrics/", "/v1/chat/completions", "None")}
    _scrape(harness, family(COST, {}), family(REQUESTS, samples), family(FAILED, samples))
    assert harness.total("requests") == 20
    assert harness.total("failed_requests") == 20
    assert harness.snapshot.raw["requests"] == 20


def test_refused_requests_are_the_failed_ones_that_were_answered_429(harness: LedgerHarness) -> None:
    samples = {series(exception_status=status, route="/x"): 3 for status in ("429", "500")}
    _scrape(harness, family(COST, {}), family(FAILED, samples))
    assert harness.total("failed_requests") == 6
    assert harness.total("refused_requests") == 3


@pytest.mark.parametrize(
    ("labels", "model"),
    [
        pytest.param({"model_id": "id-1", "requested_model": "other"}, "openai/gpt-4o", id="model_id, the surest"),
        pytest.param({"requested_model": "chat"}, "openai/gpt-4o", id="requested_model, learned"),
        pytest.param({"litellm_model_name": "azure/x", "requested_model": "new"}, "azure/x", id="litellm_model_name"),
        pytest.param({"model_id": "None", "requested_model": "new"}, "new", id="requested_model, at its word"),
        pytest.param({"model": "None", "requested_model": "chat"}, "openai/gpt-4o", id="a model that is None"),
        pytest.param({"model_id": "id-9"}, None, id="an unknown model_id says nothing"),
        pytest.param({"route": "/x"}, None, id="nothing"),
    ],
)
@pytest.mark.parametrize("name", [REQUESTS, DEPLOYMENT])
def test_the_model_is_found_where_a_family_does_not_name_it(
    harness: LedgerHarness, name: str, labels: dict[str, str], model: str | None
) -> None:
    counted = {series(**labels, status_code="200"): 7}
    _scrape(harness, family(name, counted), family(SERVED, counted), family(COST, {series(**SPEND): 1}))
    metric = "requests" if name == REQUESTS else "deployment_requests"
    assert _members(harness, Dimension.MODEL, metric) == ({model: 7} if model else {})
    assert harness.total(metric) == 7


def test_what_leads_to_a_model_is_remembered_over_a_restart(harness: LedgerHarness) -> None:
    _scrape(harness, family(REQUESTS, {}), family(COST, {series(**SPEND): 1}))
    harness.reopen()
    _scrape(harness, family(REQUESTS, {series(model_id="id-1"): 7}), family(COST, {series(**SPEND): 1}))
    assert _members(harness, Dimension.MODEL, "requests") == {"openai/gpt-4o": 7}


@pytest.mark.parametrize("reopened", [False, True])
def test_what_leads_to_public_names_providers_and_deployments_is_remembered_over_a_restart(
    harness: LedgerHarness, *, reopened: bool
) -> None:
    used = {"requested_model": "chat", "model_id": "id-1", "api_provider": "openai", "status_code": "200"}
    _scrape(
        harness,
        family(REQUESTS, {series(**used): 1, series(requested_model="fast", status_code="200"): 1}),
        family(SERVED, {series(requested_model="fast", litellm_model_name="llama", model_id="id-2"): 1}),
        family(COST, {series(model="gpt-4o", model_id="id-1"): 1}),
    )
    if reopened:
        harness.reopen()
    _scrape(
        harness,
        family(REQUESTS, {series(**used): 1, series(requested_model="fast", status_code="200", team="t-2"): 5}),
        family(SERVED, {series(requested_model="fast", litellm_model_name="llama", model_id="id-2"): 1}),
        family(
            COST, {series(model="gpt-4o", model_id="id-1"): 1, series(model="gpt-4o", model_id="id-1", team="a"): 7}
        ),
    )
    assert _members(harness, Dimension.MODEL, "requests") == {"gpt-4o": 1, "llama": 6}
    assert _members(harness, Dimension.PUBLIC_MODEL) == {"chat": 8}
    assert _members(harness, Dimension.PROVIDER) == {"openai": 8}


def test_a_label_that_comes_twice_moves_no_other(harness: LedgerHarness) -> None:
    lines = {'{model="m",model="a",team="t-1"}': 1, '{model="m",model="b",team="t-2"}': 2}
    _scrape(harness, family(COST, lines))
    assert _members(harness, Dimension.MODEL) == {"a": 1, "b": 2}
    assert _members(harness, Dimension.TEAM) == {"t-1": 1, "t-2": 2}


def test_an_alias_renames_and_never_makes_another_of_it(harness: LedgerHarness) -> None:
    before = {series(model="m", team="t-1", team_alias="Kitchen", hashed_api_key="h", api_key_alias="Alice"): 1}
    after = {series(model="m", team="t-1", team_alias="Cellar", hashed_api_key="h", api_key_alias="Bob"): 4}
    _scrape(harness, family(COST, before))
    _scrape(harness, family(COST, before | after))
    assert _members(harness, Dimension.TEAM) == {"Cellar": 5}
    assert _members(harness, Dimension.KEY) == {"Bob": 5}
    harness.reopen()
    assert _members(harness, Dimension.TEAM) == {"Cellar": 5}
    assert {key for key in harness.snapshot.members if key[0] == Dimension.TEAM} == {(Dimension.TEAM, "t-1")}


@pytest.mark.parametrize("published", [(TOKENS, COST), (TOKENS,), (COST,)], ids=["both", "tokens", "spend"])
@pytest.mark.parametrize("reopened", [False, True])
def test_who_is_renamed_back_and_forth_is_called_as_those_series_do_that_grow(
    harness: LedgerHarness, published: Sequence[str], *, reopened: bool
) -> None:
    used = {"Kitchen": 1.0}
    for alias in ("Kitchen", "Cellar", "Kitchen", "Kitchen", "Cellar", "Attic", "Cellar"):
        used[alias] = used.get(alias, 0.0) + 1
        told = {series(model="m", team="t-1", team_alias=name): value for name, value in used.items()}
        _scrape(harness, *(family(name, told) for name in published))
        assert harness.snapshot.members[Dimension.TEAM, "t-1"].name == alias
        if reopened:
            harness.reopen()
            assert harness.snapshot.members[Dimension.TEAM, "t-1"].name == alias
    metric = "cost" if COST in published else "tokens"
    assert harness.total(metric, member=(Dimension.TEAM, "t-1")) == 8


def test_who_has_two_names_at_once_keeps_the_latest(harness: LedgerHarness) -> None:
    for value in (1.0, 2.0, 3.0):
        told = {series(model="m", user="u", user_email=name): value for name in ("a@b", "c@d")}
        _scrape(harness, family(TOKENS, told))
        assert harness.snapshot.members[Dimension.USER, "u"].name == "c@d"


def test_a_series_without_the_alias_does_not_undo_it(harness: LedgerHarness) -> None:
    samples = {series(team="t-1", team_alias="Kitchen"): 1, series(team="t-1", team_alias="None"): 2}
    _scrape(harness, family(COST, samples), family(REQUESTS, {series(team="t-1"): 2}))
    assert _members(harness, Dimension.TEAM) == {"Kitchen": 3}


@pytest.mark.parametrize("nobody", ["", "None"])
def test_none_and_the_empty_string_are_nobody(harness: LedgerHarness, nobody: str) -> None:
    absent = dict.fromkeys(("model", "team", "hashed_api_key", "user", "end_user", "org_id", "api_provider"), nobody)
    _scrape(harness, family(COST, {series(**absent, team_alias="Kitchen"): 2}))
    assert set(harness.snapshot.members) <= {TOTAL}
    assert harness.total() == 2


def test_tags_count_where_they_are_true_and_may_overlap(harness: LedgerHarness) -> None:
    samples = {
        series(tag_prod="true", tag_batch="true"): 1,
        series(tag_prod="true", tag_batch="false"): 2,
        series(tag_prod="None", tag_batch=""): 4,
    }
    _scrape(harness, family(COST, samples))
    assert _members(harness, Dimension.TAG) == {"prod": 3, "batch": 1}
    assert harness.total() == 7


def test_metadata_is_split_by_key_and_value(harness: LedgerHarness) -> None:
    samples = {series(metadata_room="kitchen"): 1, series(metadata_room="cellar"): 2, series(metadata_room="None"): 4}
    _scrape(harness, family(COST, samples))
    assert _members(harness, Dimension.METADATA) == {"room=kitchen": 1, "room=cellar": 2}


def test_labels_of_a_person_are_read_with_their_escapes(harness: LedgerHarness) -> None:
    _scrape(harness, family(COST, {series(team='a"b\\c\nd}', team_alias='The "Team", {x}'): 1}))
    assert _members(harness, Dimension.TEAM) == {'The "Team", {x}': 1}
    harness.reopen()
    assert harness.total(member=(Dimension.TEAM, 'a"b\\c\nd}')) == 1


def test_labels_that_come_with_an_upgrade_do_not_make_another_member(harness: LedgerHarness) -> None:
    old = series(model="m", team="t-1")
    new = series(client_ip="10.0.0.1", model="m", model_id="id-1", team="t-1", team_alias="Kitchen", user_agent="x/1")
    _scrape(harness, family(COST, {old: 3}))
    harness.scrape(body(family(COST, {new: 2}), start=harness.now.timestamp() + 30))
    assert _members(harness, Dimension.TEAM) == {"Kitchen": 5}
    assert _members(harness, Dimension.MODEL) == {"m": 5}


def test_every_counter_of_the_catalog_counts_its_own_family(harness: LedgerHarness) -> None:
    families = {metric.sources[0]: index + 1.0 for index, metric in enumerate(COUNTERS)}
    labels = series(exception_status="429", route="/x")
    harness.scrape(body(family(COST, {}), start=1.0))
    harness.scrape(body(*(family(name, {labels: value}) for name, value in families.items()), start=BORN))
    for metric in COUNTERS:
        assert harness.total(metric.name) == families[metric.sources[0]], metric.name


def test_an_override_of_a_metric_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError):
        counters({"spent": "litellm_spent_total"})


@pytest.mark.parametrize("name", ["1.80.5", "1.106-master-key", "1.106-multiworker", "1.106-teams-keys-tags"])
def test_recorded_usage_is_the_same_by_model_and_in_total(harness: LedgerHarness, name: str) -> None:
    recorded = (FIXTURES / f"litellm-{name}.prom").read_bytes()
    harness.scrape(body(family(COST, {}), start=1.0))
    harness.now = datetime(2026, 11, 24, tzinfo=UTC)
    body_of_later = re.sub(rb"(?m)^process_start_time_seconds .*$", b"process_start_time_seconds 1.795e+09", recorded)
    for _ in range(11):
        # Several workers count once those before have stayed away for ten answers.
        harness.scrape(body_of_later)
    for metric in ("cost", "tokens", "deployment_requests"):
        total = harness.total(metric)
        assert total > 0
        assert sum(_members(harness, Dimension.MODEL, metric).values()) == pytest.approx(total), metric
