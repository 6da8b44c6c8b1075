"""What a user relies on, seen from outside: Home Assistant shows what LiteLLM spent."""

import math
import time

import pytest
from home_assistant import DOMAIN, HomeAssistant, plus
from proxy import BROKEN_MODEL, Proxy, Request, traffic

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

LIFETIME = "Spend lifetime"
API = "litellm_pulse/api/v1/metrics"


def assert_shown(home: HomeAssistant, expected: dict[str, float]) -> None:
    """Assert that the sensors of the models and of the proxy show this spend."""
    shown = home.wait_for_spend(expected, LIFETIME)
    # A model whose requests all failed is shown too, with nothing spent.
    spent = {model: spend for model, spend in shown.items() if spend or model in expected}
    assert spent == pytest.approx({**expected, "": math.fsum(expected.values())}, abs=1e-9)


def test_sensors_show_what_was_spent(proxy: Proxy, home: HomeAssistant) -> None:
    before = home.spend(LIFETIME)
    sent = proxy.send([*traffic(20), Request(BROKEN_MODEL)])
    proxy.wait_until_counted()
    assert_shown(home, plus(before, sent))


def test_traffic_while_home_assistant_is_down_is_counted(proxy: Proxy, home: HomeAssistant) -> None:
    before = home.spend(LIFETIME)
    home.stop()
    sent = proxy.send(traffic(20, seed=1))
    proxy.wait_until_counted()
    home.start()
    assert_shown(home, plus(before, sent))


def test_restart_of_litellm_changes_no_total(proxy: Proxy, home: HomeAssistant) -> None:
    before = home.spend(LIFETIME)
    proxy.restart()
    sent = proxy.send(traffic(20, seed=2))
    proxy.wait_until_counted()
    assert_shown(home, plus(before, sent))


def test_restart_of_both_changes_no_total(proxy: Proxy, home: HomeAssistant) -> None:
    before = home.spend(LIFETIME)
    home.stop()
    proxy.restart()
    sent = proxy.send(traffic(20, seed=3))
    proxy.wait_until_counted()
    home.start()
    assert_shown(home, plus(before, sent))


def test_json_api_tells_what_the_sensors_show(home: HomeAssistant) -> None:
    assert home.api(API)["cost_lifetime"] == pytest.approx(home.spend(LIFETIME)[""], abs=1e-9)


def test_an_automation_that_the_editor_saves_is_there_at_once(home: HomeAssistant) -> None:
    spend = {"period": "day", "threshold": {"type": "above", "value": {"number": 5, "unit_of_measurement": "USD"}}}
    trigger = {
        "trigger": f"{DOMAIN}.spend_crossed_threshold",
        "target": {"entity_id": "sensor.spend"},
        "options": spend,
    }
    home.api("config/automation/config/1", {"alias": "Dear", "triggers": [trigger], "actions": []})
    while (state := home.ask("states/automation.dear")).status != 200:
        time.sleep(0.1)
    assert state.json()["state"] == "on"


@pytest.mark.parametrize("path", [API, "litellm_pulse/health"])
def test_nothing_answers_without_a_token(home: HomeAssistant, path: str) -> None:
    assert home.request(f"/api/{path}").status == 401
    assert home.ask(path).status == 200


def test_home_assistant_logs_no_complaint_of_ours(home: HomeAssistant) -> None:
    lines = home.log().splitlines()
    complaints = [line for line in lines if f"custom_components.{DOMAIN}" in line or f"/{DOMAIN}/" in line]
    # That the proxy was away is said, once, while these tests restart it.
    assert [line for line in complaints if "Nothing answers at this address" not in line] == []
