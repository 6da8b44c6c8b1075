"""The check for people who report faults: it passes where all is right, and says so where something is not."""

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from home_assistant import HomeAssistant
from proxy import MASTER_KEY, Proxy, traffic
from toolchain import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]

CHECK = ROOT / "docs/check.py"
MOST_LINES = 60
INFLATED = 2


def run(home: HomeAssistant, proxy_url: str, *instance: str) -> subprocess.CompletedProcess[str]:
    """Run the check as a stranger does, with nothing but the standard library."""
    command: list[str | Path] = [sys.executable, "-I", "-S", CHECK, home.url, home._token, proxy_url, MASTER_KEY]
    return subprocess.run([*command, *instance], capture_output=True, text=True, timeout=400, check=False)


def outcomes(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return each check and how it ended."""
    return {line[5:].partition(":")[0]: line[:4].strip() for line in done.stdout.splitlines()}


@pytest.fixture
def lying(proxy: Proxy) -> Iterator[str]:
    """Return the address of a proxy that says twice the spend."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            lines = proxy.metrics().splitlines()
            spends = [line for line in lines if line.startswith("litellm_spend_metric_total")]
            body = "\n".join([*lines, *spends * (INFLATED - 1)]).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_check_is_short_enough_to_be_read() -> None:
    assert len(CHECK.read_text().splitlines()) <= MOST_LINES


def test_the_check_passes_where_all_is_right(proxy: Proxy, home: HomeAssistant) -> None:
    home.api("config")
    proxy.send(traffic(20, seed=21))
    proxy.wait_until_counted()
    done = run(home, proxy.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(outcomes(done).values()) == {"ok"}
    assert len(outcomes(done)) == 12


def test_the_check_names_what_does_not_agree(home: HomeAssistant, lying: str) -> None:
    home.api("config")
    done = run(home, lying)
    failed = [promise for promise, outcome in outcomes(done).items() if outcome == "FAIL"]
    assert failed == ["cost as the proxy counts"], done.stdout + done.stderr
    assert done.returncode == 1


def test_the_check_says_what_the_server_says_where_it_cannot_be_made(proxy: Proxy, home: HomeAssistant) -> None:
    done = run(home, proxy.url, "No such proxy")
    assert (done.returncode, done.stdout) == (1, "")
    assert "0 proxies are called No such proxy" in done.stderr
    assert "Traceback" not in done.stderr
