"""Means of the last hour and what is left per minute follow from the proxy's words alone."""

from datetime import UTC, datetime, timedelta

import pytest

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.exposition import GaugeSample
from custom_components.litellm_pulse.core.insight.performance import MOST_PROCESSES, Gauges, PerformanceReader

BEGIN = datetime(2026, 11, 18, tzinfo=UTC)
STEM = "litellm_request_total_latency_metric"
GPT = Dimension.MODEL, "gpt-4o"


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
