"""An answer is read as the exposition format says, and one that cannot be counted from changes nothing."""

import re
from collections.abc import Collection
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from custom_components.litellm_pulse.core.catalog import COUNTERS, Dimension
from custom_components.litellm_pulse.core.counters import Counting
from custom_components.litellm_pulse.core.errors import (
    AnswerError,
    EmptyAnswerError,
    EnterpriseOnlyError,
    NoLiteLLMMetricsError,
    NotPrometheusError,
    TooManySeriesError,
    TruncatedAnswerError,
)
from custom_components.litellm_pulse.core.exposition import (
    Exposition,
    ExpositionParser,
    parser,
    series_and_value,
    split_sample,
)
from custom_components.litellm_pulse.core.models import TOTAL, Snapshot, Window

from ..bodies import COST, START, TOKENS, body, cost, family, series
from ..conftest import LedgerHarness

FIXTURES = Path(__file__).parents[2] / "fixtures"
BORN = START.timestamp() + 1
"""When a process began that is younger than the ledger."""
ONE, TWO, THREE = series(model="gpt-4o"), series(model="opus"), series(model="llama")
TRUNCATED = cost(9, start=BORN)[:-1]


def _known(harness: LedgerHarness) -> Snapshot:
    """Scrape twice, so that there is something to change."""
    harness.scrape(cost(1, start=1.0))
    return harness.scrape(cost(3, start=1.0))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(b"", EmptyAnswerError, id="empty"),
        pytest.param(b" \n\n", EmptyAnswerError, id="nothing but white space"),
        pytest.param(b"<html>\n", NotPrometheusError, id="HTML"),
        pytest.param(b'{"detail": "no"}\n', NotPrometheusError, id="JSON"),
        pytest.param(b'"no"\n', NotPrometheusError, id="a JSON string"),
        pytest.param(cost(9, start=1.0)[:-1], TruncatedAnswerError, id="cut off at the end of its last line"),
        pytest.param(cost(9, start=1.0)[:-3], TruncatedAnswerError, id="cut off inside a value"),
        pytest.param(cost(9, start=1.0)[:-15], TruncatedAnswerError, id="cut off inside labels"),
        pytest.param(b"# TYPE up gauge\nup 1\n", NoLiteLLMMetricsError, id="of something else"),
        pytest.param(b"hello\n", NoLiteLLMMetricsError, id="of a text"),
        pytest.param((FIXTURES / "litellm-1.63-enterprise-only.prom").read_bytes(), EnterpriseOnlyError, id="1.63"),
    ],
)
def test_an_answer_that_cannot_be_counted_from_is_an_error_and_changes_nothing(
    harness: LedgerHarness, answer: bytes, error: type[AnswerError]
) -> None:
    before, head = _known(harness), harness.spare_copy()
    with pytest.raises(error):
        harness.scrape(answer)
    assert harness.snapshot is before
    assert harness.spare_copy() == head
    assert harness.scrape(cost(4, start=1.0)).report is not None
    assert harness.total() == 3


def test_an_answer_in_openmetrics_is_read_as_the_same_answer_in_text() -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    Gauge("litellm_in_flight_requests", "Now", registry=registry).set(2)
    for name in ("litellm_spend_metric", "litellm_total_tokens_metric", "litellm_made_up"):
        counter = Counter(name, 'A # in it, a {brace} and a "quote"', ["model"], registry=registry)
        counter.labels("gpt-4o").inc(1.25, exemplar={"trace_id": "a # {b"})
        counter.labels('a " # {b="c"} 5').inc(3)
        counter.labels("x # {").inc(2, exemplar={})
    answers = []
    for written in (generate_latest(registry), openmetrics.generate_latest(registry)):  # type: ignore[no-untyped-call]
        parser = Counting().parser()
        parser.feed(written)
        answers.append(parser.finish())
    assert answers[0] == answers[1]
    assert len(answers[1]["litellm_spend_metric_total"]) == len(answers[1]["litellm_spend_metric_created"]) == 3
    assert parser.ended


@pytest.mark.parametrize("pieces", [[b"\xef", b"\xbb\xbf"], [b"\xef\xbb", b"\xbf"], [b"\xef\xbb\xbf"]])
def test_a_mark_at_the_beginning_may_come_in_pieces_and_the_end_without_a_line_end(pieces: list[bytes]) -> None:
    parser = Counting().parser()
    for piece in (*pieces, cost(9, start=1.0), b"# EOF"):
        parser.feed(piece)
    assert parser.finish()[COST]
    assert parser.ended


def test_a_counter_whose_suffix_was_taken_away_is_read(harness: LedgerHarness) -> None:
    for value in (1, 5):
        answer = f'# TYPE litellm_spend_metric counter\nlitellm_spend_metric{{model="gpt-4o"}} {value}\n'
        harness.scrape(answer.encode())
    assert harness.total() == 4


@pytest.mark.parametrize("name", ["litellm-1.106-teams-keys-tags", "litellm-1.80.5"])
def test_wherever_a_body_is_cut_on_its_way_it_reads_the_same(name: str) -> None:
    whole = (FIXTURES / f"{name}.prom").read_bytes()
    wanted = Counting().wanted
    expected = _read(whole, wanted)
    for size in (*range(1, 9), 61, 1021, len(whole) - 1):
        assert _read(whole, wanted, size) == expected, size
    assert expected[COST]
    # As the format has it, line by line.
    for published, lines in expected.items():
        named = re.compile(re.escape(published.encode()) + rb"[{ ].*")
        assert lines == list(filter(named.fullmatch, whole.splitlines())), published


def _read(whole: bytes, wanted: Collection[str], size: int = 1 << 30) -> Exposition:
    """Read a body that comes in pieces of a size."""
    reader = ExpositionParser(wanted)
    for start in range(0, len(whole), size):
        reader.feed(whole[start : start + size])
    return reader.finish()


def test_a_line_without_an_end_is_no_exposition() -> None:
    with pytest.raises(NotPrometheusError):
        _read(b"a" * 10**7, (), 10**5)


@pytest.mark.parametrize(
    "overlong",
    [
        f'{COST}{{model="{"x" * 70_000}"}} 7',
        f'{COST}{{model="{"x" * 5_000_000}"}} 7',
        f"{COST}{ONE} 1{'0' * 70_000}",
        f"{COST}{ONE} 1{' ' * 70_000}7",
        f'{COST}{{model="{"\\" * 140_000}"}} 7',
        f"# HELP {COST} {'x' * 70_000}",
    ],
)
def test_one_line_that_is_too_long_is_skipped_and_the_others_are_read(overlong: str) -> None:
    whole = body(family(COST, {ONE: 1, TWO: 2}), start=1.0).decode()
    lines = whole.replace(f"{COST}{TWO}", f"{overlong}\n{COST}{TWO}").encode()
    for size in (1000, 16384, 65536):
        found = _read(lines, Counting().wanted, size)[COST]
        read = [sample for line in found if (sample := series_and_value(line))]
        assert read == [(f"{COST}{ONE}".encode(), 1), (f"{COST}{TWO}".encode(), 2)], size
        assert [split_sample(line)[1] for line in found if line[:100] == overlong[:100].encode()] in ([], [None])


def test_comments_and_other_families_between_samples_belong_to_no_family() -> None:
    answer = body(
        f"# TYPE {COST} counter\n# a comment with a # in it\n{COST}{ONE} 1\n# HELP {COST} Its help\n{COST}{TWO} 2\n",
        f"# HELP up Something else\n{COST}{THREE} 3\n",
    )
    assert _read(answer, {COST})[COST] == [f"{COST}{ONE} 1".encode(), f"{COST}{TWO} 2".encode()]


def test_an_empty_200_between_two_scrapes_costs_nothing(harness: LedgerHarness) -> None:
    harness.scrape(cost(1, start=1.0))
    with pytest.raises(EmptyAnswerError):
        harness.scrape(b"")
    harness.scrape(cost(2, start=1.0))
    assert harness.total() == 1


def test_an_answer_that_lacks_a_family_of_its_process_is_an_error_and_changes_nothing(harness: LedgerHarness) -> None:
    spend, tokens = family(COST, {ONE: 1, TWO: 1}), family(TOKENS, {ONE: 1})
    before = harness.scrape(body(spend, tokens, start=1.0))
    for answer in (body(family(COST, {ONE: 2}), start=1.0), body(family(TOKENS, {ONE: 2}), start=1.0)):
        with pytest.raises(TruncatedAnswerError):
            harness.scrape(answer)
        assert harness.snapshot is before
    harness.scrape(body(family(COST, {ONE: 4, TWO: 1}), family(TOKENS, {ONE: 7}), start=1.0))
    assert harness.total("cost") == 3
    assert harness.total("tokens") == 6


@pytest.mark.parametrize(
    ("line", "adds"),
    [
        pytest.param('{model="a}b"} 5', 5, id="a closing brace in a label value"),
        pytest.param('{model="a{b} 3"} 5', 5, id="braces and a blank in a label value"),
        pytest.param('{model="a # b"} 5', 5, id="a hash in a label value"),
        pytest.param(r'{model="a\\\"}b"} 5', 5, id="escapes"),
        pytest.param('{model="a",} 5', 5, id="a comma at the end"),
        pytest.param('{ model = "a" , team = "b" } 5', 5, id="white space everywhere"),
        pytest.param('{model="a"} 5 1795308371450', 5, id="a timestamp"),
        pytest.param('{model="a"} 5 1795308371.450', 5, id="a timestamp of OpenMetrics"),
        pytest.param('{model="a"} 5 1.79530837145e+09', 5, id="a timestamp with an exponent"),
        pytest.param('{model="a"} 5 -1795308371450\r', 5, id="a timestamp and a carriage return"),
        pytest.param('{model="a"}\t5\t', 5, id="tabs"),
        pytest.param('{model="a"} 5 ', 5, id="a blank at the end"),
        pytest.param('{model="a"} 5.0e+00', 5, id="an exponent"),
        pytest.param("{} 5", 5, id="no labels in braces"),
        pytest.param(" 5", 5, id="no labels"),
        pytest.param('{model="a"} 5\r', 5, id="a carriage return"),
        pytest.param('{model="a"} five', 0, id="no number"),
        pytest.param('{model="a"} 1_0', 0, id="a number of Python, not of the format"),
        pytest.param('{model="a"}', 0, id="no value"),
        pytest.param('{model="a} 5', 0, id="a quote that is not closed"),
        pytest.param('{model="a" 5', 0, id="a brace that is not closed"),
        pytest.param("{model=a} 5", 0, id="no quotes"),
        pytest.param('{model="a"} NaN', 0, id="NaN"),
        pytest.param('{model="a"} +Inf', 0, id="infinity"),
        pytest.param('{model="a"} -5', 0, id="a negative counter"),
        pytest.param('{model="a"} 5e307', 0, id="beyond all bounds"),
        pytest.param('{model="a"} 5 6 7', 0, id="more than a value and a time"),
        pytest.param('junk{model="a"} 5', 0, id="a series of another family"),
    ],
)
def test_a_line_counts_if_it_is_exposition_format_and_is_skipped_if_not(
    harness: LedgerHarness, line: str, adds: float
) -> None:
    known = f"{COST}{ONE} 1\n"
    text = f"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1\n# TYPE {COST} counter\n"
    harness.scrape(f"{text}{known}".encode())
    snapshot = harness.scrape(f"{text}{COST}{line}\n{known}".encode())
    assert harness.total() == adds
    assert snapshot.report is not None
    assert snapshot.report.skipped == (not adds)
    harness.scrape(f"{text}{COST}{line}\n{known}".encode())
    assert harness.total() == adds
    harness.scrape(f"{text}{COST}{line.replace('5', '75')}\n{known}".encode())
    assert harness.total() == (75 if adds else 0)


def test_a_label_value_that_holds_a_closing_brace_is_counted(harness: LedgerHarness) -> None:
    for value in (1, 2):
        harness.scrape(cost(value, start=1.0, model="a}b"))
    assert harness.total() == 1
    assert harness.total(member=(Dimension.MODEL, "a}b")) == 1


def test_junk_between_the_lines_is_skipped_and_the_rest_stands(harness: LedgerHarness) -> None:
    def answer(one: float, junk: str) -> bytes:
        text = body(family(COST, {ONE: one, TWO: one}), start=1.0).decode()
        return text.replace(f"{COST}{TWO}", f"{junk}\n{COST}{TWO}").encode()

    harness.scrape(body(family(COST, {ONE: 1, TWO: 1}), start=1.0))
    for index, junk in enumerate(
        ("}} 5", "} 7", "junk 7", "junk} 7", "{} 7", "\x00\xff", 'other_total{a="b"} 9', "  ")
    ):
        harness.scrape(answer(index + 2, junk))
        assert harness.total() == 2 * (index + 1), junk


def test_nothing_is_called_gone_beside_a_line_that_may_be_any_series(harness: LedgerHarness) -> None:
    def answer(text: str, *values: float) -> bytes:
        samples = zip((ONE, TWO, THREE), values, strict=True)
        return body(family(COST, {labels: value for labels, value in samples if value}), start=1.0) + text.encode()

    torn = f'{COST}{{model="opus 5\n'
    harness.scrape(answer("", 1, 5, 1))
    harness.scrape(answer(torn, 2, 0, 1))
    harness.scrape(answer(torn, 0, 0, 1))
    harness.scrape(answer(torn, 3, 0, 2))
    assert harness.total() == 3
    harness.scrape(answer("", 3, 6, 2))
    assert harness.total() == 4


def test_what_was_there_before_an_unreadable_line_counts_its_difference_once_it_can_be_read(
    harness: LedgerHarness,
) -> None:
    harness.scrape(body(family(COST, {ONE: 5}), start=1.0))
    harness.scrape(body(family(COST, {}), start=1.0) + f'{COST}{{model="op 5\n'.encode())
    harness.scrape(body(family(COST, {TWO: 1}), start=1.0))
    harness.scrape(body(family(COST, {TWO: 1, ONE: 5.5}), start=1.0))
    assert harness.total() == 1 + 0.5


def test_a_comment_inside_a_family_does_not_end_it(harness: LedgerHarness) -> None:
    def answer(one: float, two: float) -> bytes:
        text = body(family(COST, {ONE: one, TWO: two}), start=1.0).decode()
        return text.replace(f"{COST}{TWO}", f"# a comment\n{COST}{TWO}").encode()

    harness.scrape(answer(1, 1))
    harness.scrape(answer(2, 3))
    assert harness.total() == 3


def test_the_help_of_a_family_may_follow_its_type(harness: LedgerHarness) -> None:
    for value in (1, 4):
        lines = cost(value, start=1.0).decode().splitlines(keepends=True)
        lines[3:5] = lines[4], lines[3]
        harness.scrape("".join(lines).encode())
    assert harness.total() == 3


def test_a_series_that_comes_twice_is_counted_once(harness: LedgerHarness) -> None:
    def answer(first: float, second: float) -> bytes:
        return cost(first, start=1.0) + f"{COST}{ONE} {second}\n".encode()

    for values in ((5, 3), (6, 4), (7, 4), (7, 5), (9, 5)):
        harness.scrape(answer(*values))
    assert harness.total() == 4
    harness.reopen()
    harness.scrape(answer(10, 6))
    assert harness.total() == 5


@pytest.mark.parametrize("name", ["master-key", "multiworker", "teams-keys-tags"])
def test_recorded_answers_are_read_to_the_last_line(harness: LedgerHarness, name: str) -> None:
    body = (FIXTURES / f"litellm-1.106-{name}.prom").read_bytes()
    sources = {source for metric in COUNTERS for source in metric.sources}
    samples = [line for line in body.decode().splitlines() if line.partition("{")[0] in sources]
    snapshot = harness.scrape(body)
    assert snapshot.report is not None
    assert snapshot.report.samples == len(samples) > 10
    assert snapshot.report.skipped == 0


@pytest.mark.parametrize("value", ["1e300", "-1e300", "NaN", "+Inf", "five"])
def test_a_gauge_beyond_all_bounds_stops_nothing(harness: LedgerHarness, value: str) -> None:
    names = (
        "litellm_remaining_team_budget_metric",
        "litellm_team_max_budget_metric",
        "litellm_team_budget_remaining_hours_metric",
        "litellm_in_flight_requests",
        "litellm_deployment_state",
    )
    labels = series(team="t-1", team_alias="Kitchen", litellm_model_name="gpt-4o")
    for spend in (1, 3):
        gauges = [
            f"# TYPE {name} gauge\n{name}{labels} {value if 'hours' in name or spend > 1 else 1}\n" for name in names
        ]
        harness.scrape(cost(spend, start=1.0) + "".join(gauges).encode())
    assert harness.total() == 2


def test_more_series_than_memory_is_given_to_are_refused_while_they_come_in(
    harness: LedgerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = _known(harness)
    monkeypatch.setattr(parser, "SERIES_LIMIT", 50)
    fits = {series(model=str(number)): 1 for number in range(45)}
    crowd = {series(model=str(number)): 1 for number in range(60)}
    reader = harness.ledger.parser()
    with pytest.raises(TooManySeriesError):
        reader.feed(body(family(COST, crowd), start=1.0) + b"and there would be more")
    assert harness.snapshot is known
    assert harness.scrape(body(family(COST, {**fits, ONE: 4}), start=1.0)).value(TOTAL, Window.LIFETIME, "cost") == 48
