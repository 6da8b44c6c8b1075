"""A question is understood as it was meant, or refused with what is wrong about it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.errors import QueryError
from custom_components.litellm_pulse.core.query import Period, parameters

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 18, 12, 7, tzinfo=UTC)


def _span(**given: str) -> tuple[str, str]:
    """Return from when to when usage is asked for."""
    query = parameters.usage({name.strip("_"): value for name, value in given.items()}, now=NOW, zone=BERLIN)
    return query.start.isoformat(), query.end.isoformat()


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (None, 168),
        ("0", 0),
        ("-1", 0),
        ("+7", 7),
        ("007", 7),
        ("168", 168),
        ("1000000000", 2016),
        ("9" * 4000, 2016),
    ],
)
def test_a_limit_is_clamped_as_litellm_pulse_does(text: str | None, limit: int) -> None:
    assert parameters.history_limit(text) == limit


@pytest.mark.parametrize("text", ["", "abc", "1.5", "1_000", " 5", "5 ", "٣", "0x10", "--1", "9" * 9000])
def test_a_limit_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="not_a_whole_number"):
        parameters.history_limit(text)


def test_dimensions_are_a_list_with_commas() -> None:
    assert parameters.dimensions("model, team") == (Dimension.MODEL, Dimension.TEAM)
    assert parameters.dimensions("") == ()


def test_without_a_list_no_dimension_is_personal() -> None:
    assert parameters.dimensions(None) == (
        Dimension.MODEL,
        Dimension.PUBLIC_MODEL,
        Dimension.PROVIDER,
        Dimension.TEAM,
        Dimension.ORGANIZATION,
        Dimension.TAG,
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [("nope", "unknown_dimension"), ("total", "unknown_dimension"), ("team,team", "repeated_dimension")],
)
def test_a_list_that_cannot_be_answered_is_refused(text: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        parameters.dimensions(text)


@pytest.mark.parametrize(
    ("period", "span"),
    [
        ("hour", ("2026-11-17T14:00:00+01:00", "2026-11-19T00:00:00+01:00")),
        ("day", ("2026-10-20T00:00:00+02:00", "2026-11-19T00:00:00+01:00")),
        ("month", ("2025-12-01T00:00:00+01:00", "2026-11-19T00:00:00+01:00")),
    ],
)
def test_by_default_the_last_24_hours_30_days_or_12_months_are_asked_for(period: str, span: tuple[str, str]) -> None:
    assert _span(period=period) == span


@pytest.mark.parametrize(
    ("period", "start"),
    [
        ("hour", "2026-03-29T00:00:00+01:00"),
        ("day", "2026-03-01T00:00:00+01:00"),
        ("month", "2025-04-01T00:00:00+02:00"),
    ],
)
def test_the_default_counts_back_from_the_end_that_is_given(period: str, start: str) -> None:
    assert _span(period=period, to="2026-03-29T23:00:00Z") == (start, "2026-03-30T01:00:00+02:00")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        pytest.param("2026-11-01", "2026-11-01T00:00:00+01:00", "2026-11-02T00:00:00+01:00", id="a whole day"),
        pytest.param("2026-10-25", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00", id="of 25 hours"),
        pytest.param("2026-11-01T10:00", "2026-11-01T10:00:00+01:00", "2026-11-01T10:00:00+01:00", id="of the zone"),
        pytest.param("2026-11-01T10:00Z", "2026-11-01T11:00:00+01:00", "2026-11-01T11:00:00+01:00", id="of UTC"),
        pytest.param("2026-11-01 10:07", "2026-11-01T10:00:00+01:00", "2026-11-01T10:15:00+01:00", id="with a space"),
        pytest.param(
            "2026-11-01T10:00:00+05:45", "2026-11-01T05:15:00+01:00", "2026-11-01T05:15:00+01:00", id="of an offset"
        ),
        pytest.param(
            "2026-11-01T10:00:00 05:45", "2026-11-01T05:15:00+01:00", "2026-11-01T05:15:00+01:00", id="unescaped"
        ),
    ],
)
def test_from_and_to_are_dates_or_times(text: str, start: str, end: str) -> None:
    assert _span(from_=text, to="2027-01-01")[0] == start
    assert _span(from_="2026-01-01", to=text)[1] == end


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"from": "yesterday"}, "not_a_time"),
        ({"to": ""}, "not_a_time"),
        ({"to": "2026-02-30"}, "not_a_time"),
        ({"from": "0001-01-01"}, "not_a_time|time_out_of_range"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "not_a_time|time_out_of_range"),
        ({"to": "9999-12-31"}, "not_a_time|time_out_of_range"),
        ({"to": "9999-12-31T23:59:59-14:00"}, "not_a_time|time_out_of_range"),
        ({"to": "3000-01-01"}, "time_out_of_range"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "empty_range"),
        ({"from": "2026-11-01T10:00", "to": "2026-11-01T10:00"}, "empty_range"),
        ({"from": "2027-01-01"}, "empty_range"),
        ({"period": "week"}, "unknown_period"),
        ({"group_by": "nope"}, "unknown_dimension"),
        ({"groupby": "model"}, "unknown_parameter"),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused_with_the_reason(given: dict[str, str], reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        parameters.usage(given, now=NOW, zone=BERLIN)


def test_a_refusal_says_what_there_is() -> None:
    with pytest.raises(QueryError) as refusal:
        parameters.usage({"period": "week"}, now=NOW, zone=BERLIN)
    assert refusal.value.available == list(Period)
    with pytest.raises(QueryError) as refusal:
        parameters.form({"format": "xml"})
    assert refusal.value.available == ["json", "csv"]


def test_usage_is_asked_for_by_day_and_in_total_as_json() -> None:
    query = parameters.usage({}, now=NOW, zone=BERLIN)
    assert (query.period, query.dimensions, query.zone) == (Period.DAY, (), BERLIN)
    assert parameters.form({}) == "json"
