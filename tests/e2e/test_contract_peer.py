"""litellm-pulse 0.3.0 and Home Assistant scrape the same proxy: what they share by contract agrees."""

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest
import pytest_socket
from home_assistant import HomeAssistant
from progress import StepError, step
from proxy import BROKEN_MODEL, MASTER_KEY, MODELS, Proxy, Request, traffic
from pulse import LiteLLMPulse

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

type Answer = Mapping[str, Any]

SENT: Final = 30
FAILED: Final = 3
IN_FLIGHT: Final = "litellm_in_flight_requests"
WINDOWS: Final = ("_daily", "_weekly", "_monthly")


@dataclass(frozen=True)
class Pair:
    """The two that scrape."""

    pulse: LiteLLMPulse
    home: HomeAssistant

    def theirs(self, path: str, status: int = 200) -> Answer:
        """Return what litellm-pulse answers, with this status."""
        answer = self.pulse.request(path)
        assert answer.status == status
        found: Answer = json.loads(answer.body)
        return found

    def ours(self, path: str, status: int = 200) -> Answer:
        """Return what Home Assistant answers, with this status."""
        answer = self.home.ask(f"litellm_pulse{path}")
        assert answer.status == status
        found: Answer = json.loads(answer.body)
        return found

    def both(self, path: str, status: int = 200) -> tuple[Answer, Answer]:
        """Return what litellm-pulse answers, and what Home Assistant does."""
        return self.theirs(path, status), self.ours(path, status)

    def wait_for(self, counted: tuple[float, float]) -> None:
        """Wait until both have counted so many tokens and failures."""
        with step("Waiting for both to count the traffic") as current:
            while (found := set(map(_counted, self.both("/api/v1/metrics")))) != {counted}:
                if current.seconds > 60:
                    raise StepError(f"{found}, not {counted}")
                self.home.refresh()
                time.sleep(1)


@pytest.fixture(scope="module")
def pair(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Let both begin before the same traffic, requests that fail among it, and see all of it."""
    pytest_socket.enable_socket()
    # litellm-pulse takes what it first sees of any model as having been there before.
    proxy.send(traffic(2 * len(MODELS)))
    proxy.wait_until_counted()
    with (
        HomeAssistant(tmp_path_factory.mktemp("home-assistant")) as home,
        LiteLLMPulse(tmp_path_factory.mktemp("litellm-pulse"), proxy.url, MASTER_KEY) as pulse,
    ):
        home.set_up(proxy.url, MASTER_KEY)
        pair = Pair(pulse, home)
        before = _tokens(proxy)
        proxy.send([*traffic(SENT, seed=7), *[Request(BROKEN_MODEL)] * FAILED])
        proxy.wait_until_counted()
        pair.wait_for((_tokens(proxy) - before, FAILED))
        yield pair


def _counted(answer: Answer) -> tuple[float, float]:
    """Return the tokens and failures of today."""
    return answer["tokens_daily"], answer["failed_requests_daily"]


def _tokens(proxy: Proxy) -> float:
    """Return the tokens that LiteLLM has counted."""
    lines = proxy.metrics().splitlines()
    return math.fsum(float(line.split()[-1]) for line in lines if line.startswith("litellm_total_tokens_metric_total{"))


def _typed(answer: Answer) -> dict[str, type]:
    """Return the JSON type of each field."""
    return {name: type(value) for name, value in answer.items()}


def test_every_field_has_the_type_of_theirs(pair: Pair) -> None:
    theirs, ours = pair.both("/api/v1/metrics")
    assert _typed(theirs).items() <= _typed(ours).items()
    assert [name for name in ours if name in theirs] == list(theirs)
    assert ours["source"] == theirs["source"]


def test_every_window_of_every_metric_agrees(pair: Pair) -> None:
    theirs, ours = pair.both("/api/v1/metrics")
    shared = [name for name in theirs if name.endswith(WINDOWS)]
    assert len(shared) == 3 * 13
    assert {name: ours[name] for name in shared} == pytest.approx({name: theirs[name] for name in shared}, abs=1e-12)
    assert ours["cost_daily"] > 0


def test_both_have_counted_what_was_sent(pair: Pair) -> None:
    for answer in pair.both("/api/v1/metrics"):
        assert answer["requests_daily"] == SENT + FAILED
        assert answer["failed_requests_daily"] == FAILED


def test_one_metric_agrees_with_the_whole(pair: Pair) -> None:
    for name in ("cost_daily", "tokens_weekly", "output_tokens_monthly", "cache_misses_daily"):
        theirs, ours = pair.both(f"/api/v1/metrics/{name}")
        assert list(ours) == list(theirs)
        assert ours["value"] == pytest.approx(theirs["value"], abs=1e-12)


def test_an_unknown_metric_is_the_same_404(pair: Pair) -> None:
    theirs, ours = pair.both("/api/v1/metrics/nope", 404)
    assert ours["error"] == theirs["error"]
    assert ours["available"][: len(theirs["available"])] == theirs["available"]


def test_raw_sums_agree_wherever_they_stand_still(pair: Pair) -> None:
    before = pair.theirs("/raw")
    ours = pair.ours("/raw")
    time.sleep(5)
    after = pair.theirs("/raw")
    # What is in flight, and by which connection, is of the moment: they may be asking while we do.
    of_the_moment = {IN_FLIGHT, "process_open_fds"}
    still = {name: value for name, value in before.items() if after[name] == value and name not in of_the_moment}
    assert len([name for name in still if name.startswith("litellm_")]) > 50
    assert {name: ours[name] for name in still} == still
    # What had no sample when they scraped may have one now.
    assert set(ours) >= set(before)


def test_a_counter_without_a_suffix_is_what_litellm_itself_says(pair: Pair) -> None:
    raw, ours = pair.theirs("/raw"), pair.ours("/api/v1/metrics")
    assert ours["cost"] == pytest.approx(raw["litellm_spend_metric_total"], abs=1e-12)
    assert ours["tokens"] == raw["litellm_total_tokens_metric_total"]
    assert ours["input_cached_tokens"] == raw["litellm_input_cached_tokens_metric_total"]


def test_every_window_of_every_model_agrees(pair: Pair) -> None:
    theirs, ours = ({row["model"]: row for row in answer["models"]} for answer in pair.both("/api/v1/models"))
    # "None" is what LiteLLM says where there is no model.
    assert set(theirs) - {"", "None"} <= set(ours)
    compared = 0
    for model in set(theirs) & set(ours):
        assert _typed(theirs[model]).items() <= _typed(ours[model]).items()
        shared = {name: value for name, value in theirs[model].items() if name.endswith(WINDOWS)}
        assert {name: ours[model][name] for name in shared} == pytest.approx(shared, abs=1e-12)
        compared += len(shared)
    # Other tests may have used more models of the same proxy.
    assert compared >= 3 * 6 * len(MODELS)


def test_requests_and_deployments_of_the_models_are_filled(pair: Pair) -> None:
    rows = pair.ours("/api/v1/models")["models"]
    # A model all of whose requests failed may be a name that somebody mistyped: they are in the total only.
    for name in ("requests_daily", "deployment_requests_daily", "deployment_success_daily"):
        assert sum(row[name] for row in rows) == SENT
    metrics = pair.ours("/api/v1/metrics")
    assert metrics["requests_daily"] == metrics["deployment_requests_daily"] == SENT + FAILED


def test_history_has_the_same_fields_and_adds_up_to_the_same(pair: Pair) -> None:
    theirs, ours = pair.both("/api/v1/history")
    assert list(ours) == list(theirs)
    assert ours["source"] == theirs["source"] == "sqlite"
    for their, our in zip(theirs["snapshots"], ours["snapshots"], strict=False):
        assert _typed(their).items() <= _typed(our).items()
        assert our["is_reset"] is their["is_reset"] is False
    newest = theirs["snapshots"][-1]
    metrics = {name.removesuffix("_delta") for name in newest if name.endswith("_delta")}
    assert len(metrics) == 12
    for name in metrics - {"in_flight_requests"}:
        assert ours["snapshots"][-1][name] == pytest.approx(newest[name], abs=1e-12)
        added = [math.fsum(row[f"{name}_delta"] for row in answer["snapshots"]) for answer in (ours, theirs)]
        assert added[0] == pytest.approx(added[1], abs=1e-12)
    for answer in (ours, theirs):
        assert [row["timestamp"] for row in answer["snapshots"]] == sorted(
            row["timestamp"] for row in answer["snapshots"]
        )


def test_a_limit_is_clamped_alike(pair: Pair) -> None:
    for limit, count in (("0", 0), ("-1", 0), ("2", 2)):
        for answer in pair.both(f"/api/v1/history?limit={limit}"):
            assert (answer["count"], len(answer["snapshots"])) == (count, count)
    for answer in pair.both("/api/v1/history?limit=1000000000"):
        assert answer["count"] == len(answer["snapshots"]) > 2
    pair.theirs("/api/v1/history?limit=abc", 422)
    assert "limit" in pair.ours("/api/v1/history?limit=abc", 400)["error"]


def test_health_is_the_same(pair: Pair) -> None:
    theirs, ours = pair.both("/health")
    assert ours == theirs
