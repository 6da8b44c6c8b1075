"""Those who read the API: Home Assistant's own rest integration, Prometheus, and whatever OpenAPI describes."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, override

import environments
import pytest
import pytest_socket
import yaml
from home_assistant import HomeAssistant
from progress import step
from prometheus import Prometheus
from proxy import MASTER_KEY, Proxy, traffic
from toolchain import ROOT

from .websocket import ask

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

BASE = "/api/litellm_pulse"
SCHEMATHESIS_SECONDS = 45

REST = """
rest:
  - resource: {url}/api/v1/metrics
    headers:
      Authorization: !secret litellm_pulse
    scan_interval: 60
    timeout: 10
    verify_ssl: true
    sensor:
      - name: LiteLLM Requests
        unique_id: litellm_requests
        value_template: "{{{{ value_json.requests }}}}"
        unit_of_measurement: "req"
        state_class: total_increasing
      - name: LiteLLM Tokens
        unique_id: litellm_tokens
        value_template: "{{{{ value_json.tokens }}}}"
        unit_of_measurement: "tokens"
        state_class: total_increasing
      - name: LiteLLM Spend
        unique_id: litellm_spend
        value_template: "{{{{ value_json.cost }}}}"
        unit_of_measurement: "USD"
        state_class: total_increasing
      - name: LiteLLM Spend This Month
        unique_id: litellm_spend_this_month
        value_template: "{{{{ value_json.cost_monthly }}}}"
        unit_of_measurement: "USD"
        state_class: measurement
        force_update: true
      - name: LiteLLM Tokens Today
        unique_id: litellm_tokens_today
        value_template: "{{{{ value_json.tokens_daily }}}}"
        unit_of_measurement: "tokens"
        state_class: measurement
        force_update: true
      - name: LiteLLM Cache Hits Today
        unique_id: litellm_cache_hits_today
        value_template: "{{{{ value_json.cache_hits_daily }}}}"
        unit_of_measurement: "hits"
        state_class: measurement
        force_update: true
      - name: LiteLLM Cached Tokens Today
        unique_id: litellm_cached_tokens_today
        value_template: "{{{{ value_json.cached_tokens_daily }}}}"
        unit_of_measurement: "tokens"
        state_class: measurement
        force_update: true

sensor:
  - platform: rest
    resource: {url}/api/v1/metrics/cost_daily
    headers:
      Authorization: !secret litellm_pulse
    name: LiteLLM Spend Today
    unique_id: litellm_spend_today
    value_template: "{{{{ value_json.value }}}}"
    unit_of_measurement: "USD"
    state_class: measurement
    force_update: true
"""
"""What the README of LiteLLM Pulse shows, with the token, and without a device class that its unit does not have."""

FIELDS = {
    "LiteLLM Requests": "requests",
    "LiteLLM Tokens": "tokens",
    "LiteLLM Spend": "cost",
    "LiteLLM Spend This Month": "cost_monthly",
    "LiteLLM Tokens Today": "tokens_daily",
    "LiteLLM Cache Hits Today": "cache_hits_daily",
    "LiteLLM Cached Tokens Today": "cached_tokens_daily",
    "LiteLLM Spend Today": "cost_daily",
}


class ReadingHome(HomeAssistant):
    """A Home Assistant whose own rest integration reads the API, once it has a token."""

    token = ""

    @override
    def _command(self) -> list[str | Path]:
        command = super()._command()
        if self.token:
            (self.state / "secrets.yaml").write_text(f"litellm_pulse: Bearer {self.token}\n")
            with (self.state / "configuration.yaml").open("a") as configuration:
                configuration.write(REST.format(url=self.url + BASE))
        return command

    def take_token(self) -> None:
        """Have Home Assistant make a long-lived token, as the user's profile page does."""
        wanted = {"type": "auth/long_lived_access_token", "client_name": "API", "lifespan": 365}
        self.token = str(ask(self, wanted)[0])


@pytest.fixture(scope="module")
def reader(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadingHome]:
    """Return a Home Assistant that reads its own API, and has counted some traffic."""
    pytest_socket.enable_socket()
    with ReadingHome(tmp_path_factory.mktemp("reader")) as home:
        home.set_up(proxy.url, MASTER_KEY)
        home.take_token()
        home.stop()
        proxy.send(traffic(20, seed=11))
        proxy.wait_until_counted()
        home.start()
        yield home


def _shown(home: HomeAssistant) -> dict[str, tuple[str, str]]:
    """Return entity id and state of the rest integration's sensors; our own spell their names otherwise."""
    named = {one["attributes"].get("friendly_name"): one for one in home.api("states")}
    return {name: (named[name]["entity_id"], named[name]["state"]) for name in FIELDS if name in named}


def test_home_assistants_own_rest_sensors_read_the_api(reader: ReadingHome) -> None:
    with step("Waiting for the rest integration") as current:
        while len(shown := _shown(reader)) < len(FIELDS):
            assert current.seconds < 90, shown
            time.sleep(2)
    reader.api("services/homeassistant/update_entity", {"entity_id": [entity for entity, _ in shown.values()]})
    answer = reader.api("litellm_pulse/api/v1/metrics")
    states = {name: float(state) for name, (_, state) in _shown(reader).items()}
    assert states == pytest.approx({name: answer[field] for name, field in FIELDS.items()}, abs=1e-9)
    assert answer["cost_daily"] > 0


@pytest.mark.usefixtures("_prometheus")
def test_prometheus_scrapes_the_ledger(reader: ReadingHome, tmp_path_factory: pytest.TempPathFactory) -> None:
    target = reader.url.removeprefix("http://")
    with Prometheus(tmp_path_factory.mktemp("prometheus"), f"{BASE}/metrics", reader.token, target) as prometheus:
        assert [value for _, value in prometheus.wait_for("up == 1")] == [1.0]
        ((_, spend),) = prometheus.query("litellm_pulse_cost_usd_total")
        per_model = {labels["model"]: value for labels, value in prometheus.query("litellm_pulse_model_cost_usd_total")}
        ((_, total),) = prometheus.query("sum(litellm_pulse_model_cost_usd_total)")
        ((_, samples),) = prometheus.query("scrape_samples_scraped")
    answer = reader.api("litellm_pulse/api/v1/metrics")
    models = reader.api("litellm_pulse/api/v1/models")["models"]
    assert spend == answer["cost_lifetime"] > 0
    assert per_model == {row["model"]: row["cost_lifetime"] for row in models}
    assert total == pytest.approx(spend)
    assert samples > 20


@pytest.mark.usefixtures("_prometheus")
def test_prometheus_is_refused_without_a_token(reader: ReadingHome, tmp_path_factory: pytest.TempPathFactory) -> None:
    target = reader.url.removeprefix("http://")
    with Prometheus(tmp_path_factory.mktemp("prometheus"), f"{BASE}/metrics", "wrong", target) as prometheus:
        assert [value for _, value in prometheus.wait_for("up")] == [0.0]


def test_every_answer_is_as_openapi_describes_it(reader: ReadingHome, tmp_path: Path) -> None:
    description: dict[str, Any] = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
    (entry,) = reader.entries()
    # Which proxies there are is known here only.
    description["components"]["parameters"]["instance"]["schema"] = {"enum": [entry["entry_id"], entry["title"]]}
    (tmp_path / "openapi.json").write_text(json.dumps(description))
    # That `from` is before `to` cannot be described.
    (tmp_path / "schemathesis.toml").write_text(
        '[[operations]]\ninclude-path = "/api/v1/usage"\n'
        '[operations.checks]\npositive_data_acceptance.expected-statuses = ["2xx", 400]\n'
    )
    program = environments.prepare("openapi").with_name("st")
    run = subprocess.run(
        [
            *(program, "run", "openapi.json", "--url", reader.url + BASE, "--checks", "all", "--seed", "1"),
            *("--header", f"Authorization: Bearer {reader.token}", "--continue-on-failure", "--no-color"),
            *("--max-time", str(SCHEMATHESIS_SECONDS), "--max-examples", "20"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=4 * SCHEMATHESIS_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
