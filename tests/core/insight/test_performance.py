"""Means of the last hour and what is left per minute follow from the proxy's words alone."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from custom_components.litellm_pulse.core.catalog import HOURLY, RATE_LIMITS, Dimension
from custom_components.litellm_pulse.core.exposition import GaugeSample
from custom_components.litellm_pulse.core.insight import performance
from custom_components.litellm_pulse.core.insight.performance import MOST_PROCESSES, Figures, Gauges, PerformanceReader

BEGIN = datetime(2026, 11, 18, tzinfo=UTC)
STEM = "litellm_request_total_latency_metric"
GPT = Dimension.MODEL, "gpt-4o"


SENT, FAILED = "litellm_deployment_total_requests_total", "litellm_deployment_failure_responses_total"
STATE = "litellm_deployment_state"


def _told(seconds: float, requests: float, model: str = "gpt-4o") -> Gauges:
    """Return what a proxy tells that has served so many requests."""
    labels = {"model": model, "model_id": "m1"}
    return {f"{STEM}_sum": [GaugeSample(labels, seconds)], f"{STEM}_count": [GaugeSample(labels, requests)]}


def _means(reader: PerformanceReader, told: list[tuple[int, Gauges]], step: float = 60) -> list[float | None]:
    """Return the mean of a model after each answer; answers are the process and what it tells."""
    means = []
    for number, (process, gauges) in enumerate(told):
        found = reader.read(process, gauges, BEGIN + timedelta(seconds=number * step)).get(GPT, {})
        means.append(found["response_time"].value if found else None)
    return means


@pytest.mark.parametrize(
    ("told", "means"),
    [
        pytest.param([(1, _told(90, 9)), (1, _told(92, 10))], [None, 2.0], id="the first answer is a baseline"),
        pytest.param(
            [(1, _told(90, 9)), (1, _told(92, 10)), (1, _told(92, 10))], [None, 2.0, 2.0], id="nothing new, same mean"
        ),
        pytest.param([(1, _told(90, 9)), (1, _told(3, 1))], [None, 3.0], id="counters that fell began at zero"),
        pytest.param(
            [(1, _told(90, 9)), (2, _told(5, 1)), (1, _told(92, 10)), (2, _told(9, 2))],
            [None, None, 2.0, 3.0],
            id="replicas that answer in turn",
        ),
        pytest.param(
            [(1, _told(90, 9)), (1, _told(float("nan"), 10))], [None, 0.0], id="what is no number adds nothing"
        ),
        pytest.param([(1, _told(90, 9)), (1, _told(95, 9))], [None, None], id="seconds without a request"),
        pytest.param([(1, _told(0, 0)), (1, _told(9e17, 5e-324))], [None, None], id="a part of a request"),
        pytest.param([(1, _told(0, 0)), (1, _told(9, -3))], [None, None], id="requests below zero"),
        pytest.param([(1, _told(90, 9)), (1, {})], [None, None], id="a histogram that is gone"),
    ],
)
def test_the_mean_is_that_of_the_requests_since_the_first_answer(
    told: list[tuple[int, Gauges]], means: list[float | None]
) -> None:
    assert _means(PerformanceReader(["response_time"]), told) == means


def test_after_an_hour_without_requests_there_is_no_mean() -> None:
    told = [(1, _told(90, 9)), (1, _told(92, 10)), (1, _told(92, 10))]
    assert _means(PerformanceReader(["response_time"]), told, step=3601) == [None, 2.0, None]


def test_processes_that_are_gone_are_forgotten() -> None:
    told = [(process, _told(1, 1)) for process in range(MOST_PROCESSES + 1)]
    assert _means(PerformanceReader(["response_time"]), [*told, (0, _told(7, 2)), (0, _told(9, 3))])[-2:] == [None, 2.0]


def test_what_did_not_change_stays_the_same_object() -> None:
    reader = PerformanceReader(["response_time"])
    reader.read(1, _told(90, 9), BEGIN)
    found = reader.read(1, _told(92, 10), BEGIN)
    assert reader.read(1, _told(92, 10), BEGIN) is found
    assert PerformanceReader().read(1, _told(92, 10), BEGIN) == {}


def _sent(requests: dict[str, float], failed: dict[str, float] | None = None, **addresses: str) -> Gauges:
    """Return what a proxy tells of its deployments: what was sent to each, and what failed."""
    labels = {"litellm_model_name": "gpt-4o", "requested_model": "smart"}
    return {
        SENT: [GaugeSample({**labels, "model_id": one}, value) for one, value in requests.items()],
        FAILED: [
            GaugeSample({**labels, "model_id": one, "exception_status": "500"}, value)
            for one, value in (failed or {}).items()
        ],
        STATE: [GaugeSample({"model_id": one, "api_base": address}, 0) for one, address in addresses.items()],
    }


def _last(figure: str, *told: Gauges, step: float = 60) -> tuple[float, Mapping[str, float]] | None:
    """Return a figure of the public model after these answers, and what it is by deployment."""
    reader = PerformanceReader([figure])
    found: Figures = {}
    for number, gauges in enumerate(told):
        found = reader.read(1, gauges, BEGIN + timedelta(seconds=number * step))
    performance = found.get((Dimension.PUBLIC_MODEL, "smart"), {}).get(figure)
    return (performance.value, performance.parts) if performance else None


def test_requests_of_the_last_hour_are_split_by_deployment() -> None:
    told = _sent({"a": 5, "b": 5}), _sent({"a": 6, "b": 8}, a="https://eu.example", b="https://us.example")
    assert _last("hourly_requests", *told) == (4.0, {"https://eu.example": 1.0, "https://us.example": 3.0})
    assert _last("hourly_requests", *told, told[1], step=3601) == (0.0, {})
    assert _last("hourly_requests", told[0]) is None


def test_a_deployment_of_which_nothing_had_been_seen_counts_from_zero() -> None:
    assert _last("hourly_requests", _sent({"a": 5}), _sent({"a": 5, "b": 2})) == (2.0, {})


def test_the_error_rate_of_the_last_hour_is_told_by_deployment() -> None:
    told = _sent({"a": 5, "b": 5}, {"a": 5}), _sent({"a": 9, "b": 9}, {"a": 6, "b": 3})
    assert _last("error_rate", *told) == (50.0, {"a": 25.0, "b": 75.0})
    assert _last("error_rate", *told, told[1], step=3601) is None


def test_deployments_of_one_address_are_told_apart_by_their_ids() -> None:
    address = "https://api.example/v1"
    told = (
        _sent({"a": 0, "b": 0, "c": 0}),
        _sent({"a": 1, "b": 2, "c": 4}, a=address, b=address, c="https://eu.example"),
    )
    assert _last("hourly_requests", *told) == (
        7.0,
        {f"{address} a": 1.0, f"{address} b": 2.0, "https://eu.example": 4.0},
    )


def test_a_request_that_reached_no_deployment_is_one_and_names_none() -> None:
    told = _sent({"a": 3, "None": 1}, {"None": 1})
    assert _last("error_rate", _sent({"a": 0}), told) == (25.0, {})


def test_what_was_served_while_nobody_looked_is_not_of_the_last_hour_alone() -> None:
    reader = PerformanceReader(["hourly_requests"])
    labels = {"litellm_model_name": "gpt-4o", "model_id": "d1"}
    found = []
    for hours, sent in ((0, 10.0), (1, 12.0), (4, 900.0), (4.5, 901.0)):
        told = {SENT: [GaugeSample(labels, sent)]}
        figures = reader.read(1, told, BEGIN + timedelta(hours=hours)).get(GPT, {})
        found.append(figures["hourly_requests"].value if figures else None)
    assert found == [None, 2, 0, 1]


def test_what_is_remembered_does_not_grow_with_what_a_proxy_invents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performance, "MOST_GONE", 50)
    reader = PerformanceReader([*HOURLY, *RATE_LIMITS])
    told: dict[str, list[GaugeSample]] = {}
    for answer in range(40):
        of = {name: f"{name}-{answer}" for name in ("model_id", "api_base", "hashed_api_key", "litellm_model_name")}
        others = [GaugeSample({"model": f"m-{answer}-{one}", "model_group": f"{one}", **of}, 5.0) for one in range(20)]
        mine = GaugeSample({"model": "gpt-4o", "model_id": "i", "litellm_model_name": "gpt-4o"}, float(answer))
        told = {source: [mine, *others] for gauge in reader.gauges for source in gauge.sources}
        figures = reader.read(1, told, BEGIN + timedelta(minutes=answer))
        assert len(figures) <= 200
    sizes = [len(reader._processes[1].values), len(reader._observed), *map(len, reader._copies.values())]
    assert max(sizes) <= 50 + 2 * 21 * len(told)
    assert len(reader._addresses) <= 50 + 2 * 2 + 2
    # The one that is real is there all the same.
    assert figures[GPT]["response_time"].value == pytest.approx(1.0)
