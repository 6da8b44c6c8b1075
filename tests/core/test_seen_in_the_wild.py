"""What real proxies, gateways, collectors and clocks did, and what each of it must add up to.

The recorded lifecycles of counters/test_cases.py are examples of most of these kinds; here is every kind by
its name, with another example. Behind a balancer that takes turns, more is asked of the proxy: test_scraper.py
and e2e/test_proxies.py, where the proxies are real.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from custom_components.litellm_pulse.core.catalog import COUNTER_INDEX, Dimension
from custom_components.litellm_pulse.core.errors import MissingIdentityError, SurprisingPartError
from custom_components.litellm_pulse.core.models import Snapshot, Window
from custom_components.litellm_pulse.core.query import sql
from custom_components.litellm_pulse.core.query.sql import Period, UsageQuery

from .bodies import COST, DEPLOYMENT, FAILED, START, TOKENS, Value, body, cost, family, read, series
from .conftest import LedgerHarness

FIXTURES = Path(__file__).parents[1] / "fixtures"
OLDER = START.timestamp() - 5000
"""When a process began that is older than the ledger."""
ANSWERS_UNTIL_RESTARTED = 10
"""In which the old workers have to stay away."""
TEAM = (Dimension.TEAM, "t-1")


def _workers(value: Value, *pids: int, model: str = "gpt-4o", more: str = "") -> bytes:
    """Return an answer of several workers, whose gauges name them."""
    users = "".join(f'litellm_total_users{{pid="{pid}"}} 0.0\n' for pid in pids)
    gauges = f"# TYPE litellm_total_users gauge\n{users}"
    return body(family(COST, {series(model=model): value}), gauges, more)


def _joined(**replicas: tuple[float, float]) -> bytes:
    """Return the answer of a collector that joins replicas: name -> when it began, what it has spent."""
    starts = "".join(
        f'process_start_time_seconds{{instance="{name}"}} {start}\n' for name, (start, _) in replicas.items()
    )
    spend = {series(model="gpt-4o", instance=name): value for name, (_, value) in replicas.items()}
    return f"# TYPE process_start_time_seconds gauge\n{starts}".encode() + body(family(COST, spend))


def _budget(**copies: tuple[float, float]) -> str:
    """Return the gauges of a team's budget: pid or alias -> what remains, of how much."""
    text = ""
    for at, name in enumerate(("litellm_remaining_team_budget_metric", "litellm_team_max_budget_metric")):
        text += f"# TYPE {name} gauge\n"
        for copy, values in copies.items():
            label = f'pid="{copy[1:]}"' if copy[1:].isdigit() else f'team_alias="{copy}"'
            text += f'{name}{{team="t-1",{label}}} {values[at]}\n'
    return text


def _remaining(harness: LedgerHarness) -> tuple[float, float | None]:
    """Return what is known of the team's budget: what remains, of how much."""
    known = harness.snapshot.budgets[TEAM]
    return known.remaining, known.maximum


def _members(harness: LedgerHarness, dimension: Dimension) -> set[str]:
    """Return the ids of a dimension's members."""
    return {key[1] for key in harness.snapshot.members if key[0] is dimension}


def test_an_answer_without_the_time_its_process_began_counts_nothing_again(harness: LedgerHarness) -> None:
    def answer(spend: float, tokens: float, start: float | None = OLDER) -> bytes:
        labels = series(model="gpt-4o")
        return body(family(COST, {labels: spend}), family(TOKENS, {labels: tokens}), start=start)

    harness.scrape(answer(0.448, 305_845))
    for count in range(1, 4):
        with pytest.raises(MissingIdentityError):
            harness.scrape(answer(0.448 + count / 8, 305_845 + count, start=None))
        harness.scrape(answer(0.448 + count / 8, 305_845 + count))
        assert (harness.total(), harness.total("tokens")) == pytest.approx((count / 8, count))


def test_of_two_replicas_that_both_lose_the_time_they_began_none_counts_again(harness: LedgerHarness) -> None:
    labels = series(model="gpt-4o")

    def answer(spend: float, born: float, start: float | None) -> bytes:
        return body(family(COST, {labels: spend}, {labels: born}), start=start)

    first, second = OLDER, OLDER - 7
    harness.scrape(answer(900, first + 1, first))
    harness.scrape(answer(500, second + 1, second))
    born = harness.now.timestamp()
    # The first is restarted and used while no file can be opened; then the second runs out of them, too.
    harness.scrape(answer(3, born, None))
    for spend in (501, 502):
        harness.scrape(answer(spend, second + 1, None))
    assert harness.total() == 3 + 2
    harness.scrape(answer(4, born, None))
    harness.scrape(answer(503, second + 1, second))
    harness.scrape(answer(5, born, born - 1))
    assert harness.total() == 5 + 3


@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize("between", ["nothing", "a replica", "another restart"])
@pytest.mark.parametrize("lost", ["start", "start and created"])
@pytest.mark.parametrize("answers", [1, 3])
def test_a_process_restarted_while_its_start_was_lost_counts_once(
    harness: LedgerHarness, answers: int, lost: str, between: str, *, reopened: bool
) -> None:
    labels = series(model="gpt-4o")

    def scrape(spend: float, start: float | None, told: float | None) -> None:
        created = {labels: told + 1} if told and lost == "start and created" else None
        harness.scrape(body(family(COST, {labels: spend}, created), start=start))
        if reopened:
            harness.reopen()

    scrape(900, OLDER, OLDER)
    scrape(500, OLDER - 7, OLDER - 7)
    scrape(901, OLDER, OLDER)
    began = harness.now.timestamp() + 10
    for number in range(answers):
        scrape(2 + number, None, None)
    counted = 1 + 1 + answers
    if between == "a replica":
        scrape(501, OLDER - 7, OLDER - 7)
        counted += 1
    if between == "another restart":
        began = harness.now.timestamp() + 30
        scrape(10, began, began)
        counted += 10
    for spend in (11, 12):
        scrape(spend, began, began)
    assert harness.total() == (counted + 2 if between == "another restart" else counted + 12 - (1 + answers))


@pytest.mark.parametrize("born", [None, OLDER + 1], ids=["without _created", "with _created"])
@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize(("first", "counted"), [("lacks it", 1), ("has no series in it", 1001)])
def test_a_family_that_the_first_answers_lack_counts_from_when_it_is_there(
    harness: LedgerHarness, first: str, counted: float, born: float | None, *, reopened: bool
) -> None:
    labels = series(model="gpt-4o")
    spend = family(COST, {labels: 5}, {labels: born} if born else None)
    tokens = family(TOKENS, {}, {} if born else None) if first == "has no series in it" else ""
    for _ in range(2):
        harness.scrape(body(spend, tokens, start=OLDER))
        if reopened:
            harness.reopen()
    if born and tokens:
        born = harness.now.timestamp() + 30
    for value in (1000, 1001):
        told = family(TOKENS, {labels: value}, {labels: born} if born else None)
        harness.scrape(body(spend, told, start=OLDER))
        if reopened:
            harness.reopen()
    assert harness.total("tokens") == counted


@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize("pids", [(36, 37), (91, 92)], ids=["the same numbers", "others"])
@pytest.mark.parametrize(("first", "counted"), [(3, 1 + 5), (1, 1 + 2 + 3)], ids=["go on", "restarted once more"])
def test_workers_restarted_while_their_gauges_were_lost_count_once(
    harness: LedgerHarness, first: float, counted: float, pids: tuple[int, ...], *, reopened: bool
) -> None:
    for value, told in ((50, (36, 37)), (51, (36, 37)), (2, ()), (first, pids), (first + 2, pids)):
        harness.scrape(_workers(value, *told))
        if reopened:
            harness.reopen()
    assert harness.total() == counted


@pytest.mark.parametrize(("second", "counted"), [("replica", 1), ("restart", 31), ("line that was lost", 1)])
def test_what_was_made_in_the_second_of_the_first_answer_counts_where_it_cannot_have_been_before(
    harness: LedgerHarness, second: str, counted: float
) -> None:
    # Real proxies behind nginx, used while the integration was set up: a Date has whole seconds.
    looked = harness.now.timestamp() + 60
    first = family(COST, {series(model="opus"): 4}, {series(model="opus"): OLDER + 1})
    harness.scrape(body(first, start=OLDER), complete=second != "line that was lost")
    start = {"replica": OLDER - 7, "restart": looked + 0.25}.get(second, OLDER)
    for spent in (30, 31):
        made = {series(model="opus"): 4, series(model="gpt-4o"): spent}
        created = dict.fromkeys(made, looked + 0.5) | ({series(model="opus"): OLDER + 1} if start == OLDER else {})
        if start != OLDER:
            del made[series(model="opus")]
        harness.scrape(body(family(COST, made, created), start=start))
    assert harness.total() == counted


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 1, 0, 2, 3, 2), (3, 3, 1, 2, 0, 1)], ids=str)
def test_workers_that_began_in_the_same_moment_are_counted_each_against_itself(
    harness: LedgerHarness, order: Sequence[int]
) -> None:
    spent = [100.0, 40.0, 260.0, 7.5]
    labels = series(model="gpt-4o")
    for number in (*order, *order, *order):
        answer = family(COST, {labels: spent[number]}, {labels: OLDER + 40 + number / 100})
        harness.scrape(body(answer, start=OLDER))
        spent[number] += 0.01
    # Of each worker's first answer nothing counts.
    assert harness.total() == pytest.approx(0.01 * (3 * len(order) - len(set(order))), abs=1e-9)


@pytest.mark.parametrize("born", [None, OLDER + 60], ids=["without _created", "with _created"])
def test_a_gateway_that_answers_with_an_older_body_counts_nothing_twice(
    harness: LedgerHarness, born: float | None
) -> None:
    labels = series(model="gpt-4o")
    for value in (100, 110, 100, 110, 105, 100, 111):
        told = family(COST, {labels: value}, {labels: born} if born else None)
        harness.scrape(body(told, start=OLDER))
    assert harness.total() == 11


@pytest.mark.parametrize("born", [None, OLDER + 60], ids=["without _created", "with _created"])
@pytest.mark.parametrize("away", [1, 5])
def test_a_series_that_a_collector_drops_for_a_while_counts_what_it_has_grown(
    harness: LedgerHarness, born: float | None, away: int
) -> None:
    idle = series(model="opus")
    rounds: list[dict[str, Value]] = [{idle: 5.0}, *[{}] * away, {idle: 5.25}]
    for minute, spend in enumerate(rounds):
        spend[series(model="gpt-4o")] = 100.0 + minute
        harness.scrape(body(family(COST, spend, dict.fromkeys(spend, born) if born else None), start=OLDER))
    assert harness.total() == away + 1 + 0.25


@pytest.mark.parametrize("lost", ["gpt-4o", "llama", "opus"], ids=["first", "middle", "last"])
@pytest.mark.parametrize("damage", ["missing", "missing twice", "unreadable", "unreadable twice", "with another line"])
def test_a_series_made_anew_whose_time_of_creation_is_lost_at_first_counts_once(
    harness: LedgerHarness, lost: str, damage: str
) -> None:
    models = {name: series(model=name) for name in ("gpt-4o", "llama", "opus")}
    spend: dict[str, Value] = dict.fromkeys(models.values(), 1.0)
    created = dict.fromkeys(spend, OLDER)

    def answer() -> bytes:
        return body(family(COST, spend, created), start=OLDER)

    harness.scrape(answer())
    del spend[models[lost]]
    harness.scrape(answer())
    spend[models[lost]], created[models[lost]] = 50.0, harness.now.timestamp()
    told = f"litellm_spend_metric_created{models[lost]}".encode()
    for _ in range(1 + damage.endswith("twice")):
        lines = answer().split(b"\n")
        at = next(index for index, line in enumerate(lines) if line.startswith(told))
        if damage.startswith("missing"):
            del lines[at]
        elif damage.startswith("unreadable"):
            lines[at] = told + b" today"
        else:
            del lines[at]
            other = next(one for name, one in models.items() if name != lost)
            lines = [line for line in lines if not line.startswith(f"{COST}{other}".encode())]
        harness.scrape(b"\n".join(lines))
    spend[models[lost]] = 51.0
    harness.scrape(answer())
    # The old incarnation and the new one cannot be told apart while that is not said: the smaller increase.
    assert 50.0 <= harness.total() <= 51.0


def test_of_joined_replicas_the_one_that_restarts_counts_from_zero_and_the_others_go_on(
    harness: LedgerHarness,
) -> None:
    harness.scrape(_joined(a=(OLDER, 900), b=(OLDER - 7, 4)))
    harness.scrape(_joined(a=(OLDER, 901), b=(OLDER - 7, 4.5)))
    born = harness.now.timestamp()
    harness.scrape(_joined(a=(OLDER, 901.5), b=(born, 1.5)))
    assert harness.total() == 1.5 + 0.5 + 1.5


def test_a_joined_replica_that_is_missing_once_counts_what_it_has_grown(harness: LedgerHarness) -> None:
    harness.scrape(_joined(a=(OLDER, 900), b=(OLDER - 7, 50)))
    harness.scrape(_joined(b=(OLDER - 7, 51)))
    harness.scrape(_joined(a=(OLDER, 903), b=(OLDER - 7, 52)))
    assert harness.total() == 5
    harness.scrape(_joined(a=(OLDER, 903)))
    harness.scrape(_joined(a=(OLDER, 904), b=(OLDER - 7, 53)))
    assert harness.total() == 7


def test_of_joined_replicas_whose_starts_are_lost_while_one_restarts_the_others_do_not_count_again(
    harness: LedgerHarness,
) -> None:
    harness.scrape(_joined(a=(OLDER, 900), b=(OLDER - 7, 4)))
    born = harness.now.timestamp() + 10
    answer = _joined(a=(OLDER, 901), b=(born, 1))
    with pytest.raises(MissingIdentityError):
        harness.scrape(b"".join(line for line in answer.splitlines(keepends=True) if b"process_start" not in line))
    harness.scrape(_joined(a=(OLDER, 902), b=(born, 2)))
    assert harness.total() == 2 + 2


def test_a_part_that_is_cut_behind_another_family_is_not_believed(harness: LedgerHarness) -> None:
    labels = series(model="gpt-4o")
    tokens, spend = family(TOKENS, {labels: 1010}), family(COST, {labels: 5})
    harness.scrape(body(family(TOKENS, {labels: 1000}), spend, start=OLDER))
    cut = read(harness.ledger.parser(), body(spend, start=OLDER))
    with pytest.raises(SurprisingPartError):
        harness.ledger.scrape(cut, now=harness.now, answered_at=harness.now, part=True, complete=False)
    harness.scrape(body(tokens, spend, start=OLDER))
    assert harness.total("tokens") == 10


@pytest.mark.parametrize("pids", [(), (36, 37)], ids=["without pids", "with pids"])
def test_a_line_of_several_workers_that_is_missing_once_is_no_restart(
    harness: LedgerHarness, pids: tuple[int, ...]
) -> None:
    other = family(DEPLOYMENT, {series(litellm_model_name="gpt-4o"): 1})
    harness.scrape(_workers(50, *pids, more=family(TOKENS, {series(model="gpt-4o"): 100}) + other))
    harness.scrape(_workers(50, *pids, more=other))
    harness.scrape(_workers(50, *pids, more=family(TOKENS, {series(model="gpt-4o"): 150}) + other))
    assert (harness.total(), harness.total("tokens")) == (0, 50)


def test_real_workers_that_restart_and_are_used_more_than_before_count_from_zero(harness: LedgerHarness) -> None:
    before, after = (
        (FIXTURES / f"litellm-1.106.2-two-workers-{when}-restart.prom").read_bytes() for when in ("before", "after")
    )
    harness.scrape(_workers(0, 1046, 1047, model="none"))
    harness.scrape(before)
    assert harness.total() == pytest.approx(0.045, abs=1e-9)
    for _ in range(ANSWERS_UNTIL_RESTARTED):
        harness.scrape(after)
        assert harness.total() <= 0.225 + 1e-9
    harness.scrape(after)
    assert harness.total() == pytest.approx(0.225, abs=1e-9)


@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize("returned", [False, True])
def test_workers_that_restart_again_before_it_is_known_that_they_did_count_each_time_from_zero(
    harness: LedgerHarness, *, returned: bool, reopened: bool
) -> None:
    harness.scrape(_workers(100, 10, 11))
    for runs, value in ((1, 7), (2, 3), (3, 5)):
        for used in (0, 1):
            harness.scrape(_workers(value + used, 10 + 10 * runs, 11 + 10 * runs))
            if reopened:
                harness.reopen()
    assert harness.total() == 3 * 1
    if returned:
        # Those of the first scrape are there: the others are replicas, and that was their baseline.
        harness.scrape(_workers(102, 10, 11))
    for _ in range(ANSWERS_UNTIL_RESTARTED):
        harness.scrape(_workers(6, 40, 41))
        if reopened:
            harness.reopen()
    assert harness.total() == (3 * 1 + 2 if returned else 8 + 4 + 6)


@pytest.mark.parametrize("pids", [(10, 11), (20, 21), ()], ids=str)
@pytest.mark.parametrize("other", [{"gpt-4o": 40}, {"gpt-4o": 900}, {"opus": 900}], ids=str)
def test_what_several_workers_have_at_another_address_counts_from_then_on(
    harness: LedgerHarness, other: dict[str, float], pids: tuple[int, ...]
) -> None:
    # The models of which the one is used elsewhere, too.
    here = family(TOKENS, {series(model="here"): 5})
    harness.open(address="one:4000")
    harness.scrape(_workers(100, 10, 11, more=here))
    harness.scrape(_workers(101, 10, 11, more=here))
    harness.reopen(address="two:4000")
    ((model, value),) = other.items()
    for _ in range(ANSWERS_UNTIL_RESTARTED + 2):
        value += 1
        harness.scrape(_workers(value, *pids, model=model))
        harness.reopen(address="two:4000")
    assert harness.total() == 1 + ANSWERS_UNTIL_RESTARTED + 1
    # A restart there is one as elsewhere.
    harness.scrape(_workers(0.5, *pids, model=model))
    assert harness.total() == 1 + ANSWERS_UNTIL_RESTARTED + 1 + 0.5


@pytest.mark.parametrize("pids", [(10, 11), ()], ids=str)
def test_the_same_workers_at_another_address_go_on(harness: LedgerHarness, pids: tuple[int, ...]) -> None:
    harness.open(address="192.0.2.7:4000")
    harness.scrape(_workers(100, *pids))
    harness.reopen(address="litellm.example:443")
    harness.scrape(_workers(130, *pids), seconds=86400)
    assert harness.total() == 30


def test_a_worker_with_a_metrics_port_of_its_own_that_restarts_counts_from_zero(harness: LedgerHarness) -> None:
    def scrape(value: float, pid: str) -> Snapshot:
        harness.now += timedelta(minutes=1)
        answer = read(harness.ledger.parser(), _workers(value))
        return harness.ledger.scrape(answer, now=harness.now, answered_at=harness.now, pid=pid)

    scrape(0, "71")
    scrape(0.0225, "71")
    for _ in range(ANSWERS_UNTIL_RESTARTED + 1):
        scrape(0.054, "204")
    assert harness.total() == pytest.approx(0.0765, abs=1e-9)
    scrape(0.055, "204")
    assert harness.total() == pytest.approx(0.0775, abs=1e-9)


@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize("named_first", [True, False])
def test_workers_whose_gauges_are_lost_for_long_beside_the_header_count_nothing_again(
    harness: LedgerHarness, *, named_first: bool, reopened: bool
) -> None:
    value = 100.0
    for names in (named_first, not named_first, named_first):
        for _ in range(ANSWERS_UNTIL_RESTARTED + 2):
            value += 1
            harness.scrape(_workers(value, *((10, 11) if names else ())), pid="1")
            if reopened:
                harness.reopen()
            assert harness.total() == value - 101
    for _ in range(ANSWERS_UNTIL_RESTARTED + 1):
        harness.scrape(_workers(500.0, 20, 21), pid="1")
    # Where those before named none at last, it may be they.
    assert harness.total() == (value - 101 + 500 if named_first else 500 - 101)


@pytest.mark.parametrize("reopened", [False, True])
def test_workers_that_restart_while_their_gauges_are_lost_count_once(harness: LedgerHarness, *, reopened: bool) -> None:
    harness.scrape(_workers(100.0, 10, 11), pid="1")
    # Nothing is lower: what is new counts, and what is gone may be back.
    for value, names in ((5.0, ()), (5.5, (20, 21)), *[(6.0, (20, 21))] * (ANSWERS_UNTIL_RESTARTED + 1)):
        harness.scrape(_workers(value, *names, model="opus"), pid="1")
        assert harness.total() == value
        if reopened:
            harness.reopen()


def test_replicas_whose_header_names_the_same_worker_are_told_apart_by_their_gauges(harness: LedgerHarness) -> None:
    spent = {10: 100.0, 20: 40.0}
    for answer in range(3 * ANSWERS_UNTIL_RESTARTED):
        pid = 10 + answer % 2 * 10
        harness.scrape(_workers(spent[pid], pid, pid + 1), pid="1")
        spent[pid] += 0.25
    assert harness.total() == 0.25 * (answer - 1)


def test_spend_by_public_name_is_known_below_the_release_that_publishes_it(harness: LedgerHarness) -> None:
    harness.scrape(body(family(COST, {}), start=OLDER))
    deployments = {
        series(litellm_model_name="gpt-4o", requested_model="chat", model_id="id-1"): 3,
        series(litellm_model_name="opus", requested_model="think", model_id="id-2"): 2,
    }
    spend = {series(model="gpt-4o", model_id="id-1"): 0.0135, series(model="opus", model_id="id-2"): 0.5}
    harness.scrape(body(family(DEPLOYMENT, deployments), family(COST, spend), start=OLDER))
    public = {name: harness.total(member=(Dimension.PUBLIC_MODEL, name)) for name in ("chat", "think")}
    assert public == {"chat": 0.0135, "think": 0.5}


def test_replicas_of_several_workers_behind_one_address_are_counted_each_against_itself(
    harness: LedgerHarness,
) -> None:
    one, other = (36, 37), (91, 92)
    for turn in range(4):
        harness.scrape(_workers(1 + turn / 8, *one))
        harness.scrape(_workers(40 + turn / 4, *other))
    assert harness.total() == 3 / 8 + 3 / 4
    for turn in range(4, 20):
        # One of them is left alone: it goes on at once.
        harness.scrape(_workers(1 + turn / 8, *one))
        assert harness.total() == turn / 8 + 3 / 4


@pytest.mark.parametrize(
    ("sound", "broken"),
    [
        pytest.param(b'model="gpt-4o"} 5.0', b'model="gpt-4o} 5.0', id="an unclosed quote"),
        pytest.param(b'model="gpt-4o"} 5.0', b'model="gpt-4o"} 5.0 # {trace_id="1"} 0.5', id="an exemplar"),
        pytest.param(b"# HELP process_start", b"\xef\xbb\xbf# HELP process_start", id="a byte order mark"),
        pytest.param(b'model="gpt-4o"} 5.0', b'model="gpt-4o"} 5.0 1795600000000', id="a timestamp"),
        pytest.param(b'model="gpt-4o"} 5.0', b'model="gpt-4o"}', id="no value"),
    ],
)
def test_a_line_that_is_odd_once_makes_no_counter_new(harness: LedgerHarness, sound: bytes, broken: bytes) -> None:
    answer = cost(5, start=OLDER)
    assert sound in answer
    for text in (answer, answer.replace(sound, broken), answer, answer.replace(sound, broken)):
        harness.scrape(text)
    harness.scrape(cost(5.5, start=OLDER))
    assert harness.total() == 0.5


def test_our_clock_ten_years_ahead_for_one_scrape_moves_no_window_and_deletes_nothing(harness: LedgerHarness) -> None:
    for value in (1, 2, 3):
        harness.scrape(cost(value, start=OLDER))
    right = harness.now
    harness.scrape(cost(4, start=OLDER), seconds=timedelta(days=3652).total_seconds(), date=right)
    harness.now = right
    harness.scrape(cost(5, start=OLDER))
    harness.reopen()
    assert harness.per_window() == dict.fromkeys(harness.per_window(), 4)
    assert len(sql.history(harness.path, 9, (), ())) == 5
    harness.scrape(cost(6, start=OLDER), seconds=86400)
    assert harness.total(window=Window.DAY) == 1


def test_a_proxys_clock_ahead_at_the_first_answer_ever_loses_no_restart(harness: LedgerHarness) -> None:
    harness.scrape(cost(5, start=OLDER), date=harness.now + timedelta(days=2))
    harness.scrape(cost(11, start=OLDER))
    harness.scrape(cost(5, start=harness.now.timestamp() + 30))
    assert harness.total() == 11


def test_of_a_renamed_teams_budget_the_copy_that_is_alive_counts(harness: LedgerHarness) -> None:
    harness.scrape(body(family(COST, {}), _budget(Old=(2, 100)), start=OLDER))
    for left in (45, 45, 44):
        harness.scrape(body(family(COST, {}), _budget(Old=(2, 100), New=(left, 50)), start=OLDER))
        assert _remaining(harness) == (left, 50)
        assert harness.snapshot.members[TEAM].name == "New"


def test_a_budget_that_is_reset_under_two_workers_is_what_the_live_one_says(harness: LedgerHarness) -> None:
    for first, second in ((0.2, 3.0), (0.0, 3.0), (0.0, 9.7), (0.0, 9.7)):
        harness.scrape(_workers(1, 36, 37, more=_budget(p36=(first, 10), p37=(second, 10))))
    assert _remaining(harness) == (9.7, 10)
    harness.reopen()
    harness.scrape(_workers(1, 36, 37, more=_budget(p36=(0.0, 10), p37=(9.7, 10))))
    assert _remaining(harness) == (9.7, 10)


def test_an_older_answer_tells_nothing_of_budgets_nor_of_the_last_hour(harness: LedgerHarness) -> None:
    sent = series(litellm_model_name="gpt-4o")
    older, newer, newest = (
        body(family(COST, {series(model="m"): spend}), family(DEPLOYMENT, {sent: 990 + spend}), left, start=OLDER)
        for spend, left in ((10, _budget(A=(60, 100))), (25, _budget(A=(45, 100))), (26, _budget(A=(44, 100))))
    )
    harness.open(performance=["hourly_requests"])
    for answer, left, requests in ((older, 60, 0), (newer, 45, 15), (older, 45, 15), (newest, 44, 16)):
        harness.scrape(answer)
        assert _remaining(harness) == (left, 100)
        figures = harness.snapshot.performance.get((Dimension.MODEL, "gpt-4o"), {})
        assert (figures["hourly_requests"].value if figures else 0) == requests
    assert harness.total() == 16


def test_a_budget_is_what_the_copy_says_that_moves_and_not_that_of_a_replica_seen_later(harness: LedgerHarness) -> None:
    for start, left, told in ((OLDER, 45, 45), (OLDER - 9, 60, 45), (OLDER, 45, 45), (OLDER - 9, 59, 59)):
        harness.scrape(body(family(COST, {}), _budget(A=(left, 100)), start=start))
        assert _remaining(harness) == (told, 100)
    harness.scrape(body(family(COST, {}), _budget(A=(58, 100)), start=harness.now.timestamp() + 30))
    assert _remaining(harness) == (58, 100)


@pytest.mark.parametrize("reopened", [False, True])
def test_a_budget_that_a_restarted_proxy_tells_later_is_told_now(harness: LedgerHarness, *, reopened: bool) -> None:
    harness.scrape(body(family(COST, {}), _budget(A=(60, 100)), start=OLDER))
    born = harness.now.timestamp() + 30
    harness.scrape(body(family(COST, {}), start=born))
    if reopened:
        harness.reopen()
    # The first request of the team since.
    harness.scrape(body(family(COST, {}), _budget(A=(55, 100)), start=born))
    assert _remaining(harness) == (55, 100)


def test_a_part_without_the_families_of_budgets_takes_none_away(harness: LedgerHarness) -> None:
    whole = body(family(COST, {series(model="m"): 1}), _budget(A=(45, 100)), start=OLDER)
    harness.scrape(whole)
    harness.now += timedelta(minutes=1)
    part = read(harness.ledger.parser(), cost(3, start=OLDER, model="m"))
    harness.ledger.scrape(part, now=harness.now, answered_at=harness.now, part=True)
    assert (harness.total(), _remaining(harness)) == (2, (45, 100))


def test_names_that_only_refused_requests_carry_are_no_models(harness: LedgerHarness) -> None:
    used = {series(model=model, requested_model=name): 1 for model, name in (("gpt-4o", "chat"), ("opus", "think"))}
    mistyped = {series(requested_model=f"gpt-4o-mimi-{at}", exception_status="400"): 1 for at in range(210)}
    collapsed = {series(requested_model="other", exception_status="400"): 4}
    harness.scrape(body(family(COST, {}), family(FAILED, {}), start=OLDER))
    harness.scrape(body(family(COST, used), family(FAILED, mistyped | collapsed), start=OLDER))
    assert _members(harness, Dimension.MODEL) == {"gpt-4o", "opus"}
    assert _members(harness, Dimension.PUBLIC_MODEL) == {"chat", "think"}
    assert harness.total("failed_requests") == 214


def test_after_a_lost_file_usage_of_the_months_before_is_told_as_unknown(harness: LedgerHarness) -> None:
    harness.scrape(cost(1, start=OLDER))
    harness.scrape(cost(10, start=OLDER))
    spare_copy = harness.spare_copy()
    harness.crash()
    harness.path.unlink()
    harness.now += timedelta(days=40)
    harness.open(spare_copy)
    harness.scrape(cost(12, start=OLDER))
    assert harness.total() == 11
    year = UsageQuery(
        start=datetime(2026, 1, 1, tzinfo=UTC),
        end=datetime(2027, 1, 1, tzinfo=UTC),
        period=Period.MONTH,
        zone=harness.zone,
    )
    assert [(row.start.month, row.usage[COUNTER_INDEX["cost"]]) for row in sql.usage(harness.path, year)] == [(12, 2)]
    since = sql.usage_since(harness.path, year)
    assert since is not None
    assert since.isoformat() == "2026-12-01T00:00:00+00:00"
