"""`/raw` sums what LiteLLM Pulse sums, and what it cannot read besides."""

import json
from math import inf, isfinite
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from custom_components.litellm_pulse.core.errors import TooManySeriesError
from custom_components.litellm_pulse.core.exposition import GaugeReader, label_names, labels_of, sums
from custom_components.litellm_pulse.core.exposition.samples import NAMES_LIMIT

FIXTURES = Path(__file__).parents[2] / "fixtures"


def test_a_gauge_that_cannot_be_read_is_left_out() -> None:
    lines = [b'g{a="b"} 1', b'g{a="b} 1', b"g{a=b} 1", b"{} 1", b"g one"]
    assert [one.value for one in GaugeReader().read({"g": lines})["g"]] == [1.0]


def test_a_gauge_that_stays_is_the_same_sample_while_its_neighbour_changes() -> None:
    reader = GaugeReader()
    before = reader.read({"g": [b'g{a="1"} 1', b"junk", b'g{a="2"} 1']})["g"]
    after = reader.read({"g": [b'g{a="1"} 2', b"junk", b'g{a="2"} 1']})["g"]
    assert [one.value for one in after] == [2.0, 1.0]
    assert after[1] is before[1]
    assert reader.read({"g": [b'g{a="1"} 2', b"junk", b'g{a="2"} 1']})["g"] is after


def test_more_names_than_any_body_has_are_not_summed() -> None:
    body = b"".join(b"a%d 1\na%d 2\n" % (number, number) for number in range(NAMES_LIMIT))
    assert len(sums(body)) == NAMES_LIMIT
    with pytest.raises(TooManySeriesError):
        sums(body + b"b 1\n")


@pytest.mark.parametrize("text", [b"", b"{", b'{a="b"}', b'x{a="b"', b"x{a=b}"])
def test_labels_that_are_not_well_formed_are_none(text: bytes) -> None:
    assert labels_of(text) is None


def test_every_sum_of_the_peer_is_ours_to_the_last_digit() -> None:
    theirs = json.loads((FIXTURES / "litellm-pulse-0.3.0-answers.json").read_text())["/raw"]["json"]
    ours = sums((FIXTURES / "second-scrape.prom").read_bytes())
    assert list(ours.items()) == list(theirs.items())


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("litellm-1*.prom")), ids=lambda path: path.stem)
def test_every_sum_is_that_of_prometheus_own_parser(path: Path) -> None:
    expected: dict[str, float] = {}
    for family in text_string_to_metric_families(path.read_text()):
        for sample in family.samples:
            expected[sample.name] = expected.get(sample.name, 0.0) + sample.value
    assert sums(path.read_bytes()) == {name: value for name, value in expected.items() if isfinite(value)}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        pytest.param("a 1", 1.0, id="without labels"),
        pytest.param('a{b="c"} 1e3', 1000.0, id="with labels"),
        pytest.param('a{b="}"} 2', 2.0, id="a brace in a value"),
        pytest.param('a{b="x } 5"} 2', 2.0, id="a sample in a value"),
        pytest.param('a{b="\\""} -2.5', -2.5, id="negative"),
        pytest.param('a{b="c"} 3 1795308371000', 3.0, id="with a timestamp"),
        pytest.param("a 3 1795308371000", 3.0, id="with a timestamp, without labels"),
        pytest.param(" a\t4 ", 4.0, id="with white space"),
        pytest.param("a NaN", None, id="NaN"),
        pytest.param("a +Inf", None, id="infinity"),
        pytest.param("a 1_000", None, id="Python's number"),
        pytest.param('a{b="c} 1', None, id="a label without an end"),
        pytest.param("# a 1", None, id="a comment"),
        pytest.param("a{} 5", 5.0, id="with empty labels"),
        pytest.param("a", None, id="no value"),
        pytest.param("", None, id="nothing"),
    ],
)
@pytest.mark.parametrize("known", [True, False], ids=["after another", "first"])
def test_a_line_counts_as_the_exposition_format_says(line: str, value: float | None, known: bool) -> None:  # noqa: FBT001
    before = "a 10\n" if known else ""
    expected = (10.0 if known else 0.0) + (value or 0.0)
    assert sums(f"{before}{line}\n".encode()) == ({"a": expected} if known or value is not None else {})


def test_a_sum_beyond_all_numbers_is_left_out() -> None:
    assert sums(b"a 1e308\na 1e308\nb 1\n") == {"b": 1.0}


def test_a_body_of_lines_without_a_blank_is_walked_once() -> None:
    # One look at the rest of the body for each of them would take hours.
    assert sums(b"\n" * 1_000_000 + b"a\t2\n" + b"b{}\n" * 100_000) == {"a": 2.0}


def test_a_line_that_is_too_long_is_in_no_sum() -> None:
    assert sums(b"a %s 1\na 2\n" % (b" " * 70_000)) == {"a": 2.0}


def test_the_labels_that_counters_have_are_known_whatever_their_lines_look_like() -> None:
    found = {
        "a_total": [b'a_total{team="red"} 1'],
        "b_total": [b'b_total{user="me"} 1 1795000000000'],
        "c_total": [b"c_total 1"],
        "d_total": [b"no sample"],
        "e_total": [],
        "gauge": [b'gauge{key="k"} 1'],
    }
    assert label_names(found) == {"team", "user"}


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("2", 2.0),
        ("-2.5", -2.5),
        ("9e17", 9e17),
        ("9223372036854775807", inf),
        ("1e301", inf),
        ("-1e301", -inf),
        ("1e309", inf),
        ("-Inf", -inf),
        ("1_000", None),
        ("0x1p3", None),
        ("\u0661", None),
    ],
)
def test_a_gauge_is_a_number_within_bounds_or_without_end(said: str, value: float | None) -> None:
    samples = GaugeReader().read({"a": [f"a {said}".encode()]})["a"]
    assert [one.value for one in samples] == ([] if value is None else [value])
