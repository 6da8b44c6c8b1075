"""Hostile names in a real browser: text on every page, nothing runs, nothing bursts, on a phone too."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, override

import pytest
from home_assistant import DASHBOARD, HomeAssistant
from service import HOST

from ..hostile import NAMES
from .past import EVIL, Past
from .spender import Spender, require_chromium, rewrite_past
from .websocket import ask

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

HOSTILE = [*NAMES.values(), EVIL]
WORST = [EVIL, NAMES["ten kilobytes"], NAMES["right to left"], NAMES["a line end"]]


def _proxy() -> Past:
    """Return a proxy all of whose models, and some of whose teams, keys and users, have hostile names."""
    models = dict.fromkeys(HOSTILE, ("openai", 1.0, 2.0, 40))
    keys = [(f"key-{number}", name, name, name, f"team-{number}", name, 5) for number, name in enumerate(WORST)]
    return Past(models=models, keys=keys)


@contextmanager
def _served(proxy: Past) -> Iterator[str]:
    """Yield the address at which what the proxy says is served."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = proxy.body()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def spender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spender]:
    """Return a Home Assistant that shows what was spent under hostile names, and has the dashboard."""
    require_chromium()
    proxy = _proxy()
    with _served(proxy) as url, HomeAssistant(tmp_path_factory.mktemp("hostile")) as home:
        entry_id = home.set_up(url, "sk-nobody", name=EVIL)
        home.flow("options/flow", entry_id, {"shown": {"dimensions": ["team", "key", "user"]}})
        rewrite_past(home, entry_id, days=2, proxy=proxy)
        spender = Spender(home, f"/{DASHBOARD}")
        made = {"url_path": DASHBOARD, "title": EVIL, "require_admin": False, "show_in_sidebar": True}
        strategy = {"strategy": {"type": "custom:litellm-pulse"}}
        ask(
            spender.home,
            {"type": "lovelace/dashboards/create", **made},
            {"type": "lovelace/config/save", "url_path": DASHBOARD, "config": strategy},
        )
        yield spender


def test_hostile_names_are_text_on_every_page_of_a_phone_and_burst_none(spender: Spender) -> None:
    (proxy,) = spender.proxies()
    (devices,) = ask(spender.home, {"type": "config/device_registry/list"})
    names = {device["id"]: device["name"].strip() for device in devices}
    members = [member for one in proxy["dimensions"] for member in one["members"] if member["name"] in WORST]
    views = [spender.view(proxy).replace("_total", f"_{one['dimension']}") for one in proxy["dimensions"]]
    pages = {
        **dict.fromkeys((spender.view(proxy), f"{spender.path}/health"), EVIL),
        # Which of them are the ten that cost most is chance.
        **dict.fromkeys(views, "Total"),
        **{spender.view(member): member["name"] for member in members[: len(WORST)]},
        **{f"/config/devices/device/{one['device_id']}": names[one["device_id"]] for one in members[: len(WORST)]},
        "/config/integrations/integration/litellm_pulse": EVIL,
        "/logbook": EVIL,
    }
    seen = spender.visit(width=390, periods=["Last 7 days"], pages=pages)
    assert {row[0] for row in seen["periods"]["Last 7 days"]["tables"]["Model"]} >= set(HOSTILE)
    _hold(seen, pages)


def test_hostile_names_are_text_in_the_tooltips_of_graphs_and_in_tables(spender: Spender) -> None:
    (proxy,) = spender.proxies()
    view = spender.view(proxy).replace("_total", "_model")
    long = next(one for one in proxy["dimensions"][0]["members"] if len(one["name"]) > 1000)
    pages = {view: EVIL, spender.view(long): long["name"]}
    seen = spender.visit(periods=["Last 7 days"], pages=pages)
    _hold(seen, pages)
    assert any(EVIL in tooltip for tooltip in seen["pages"][view]["tooltips"])


def _hold(seen: dict[str, Any], pages: dict[str, str]) -> None:
    """Check that nothing has run, and that every page shows its text within its bounds."""
    assert seen["console"] == []
    assert seen["overflow"] == 0
    for path, page in seen["pages"].items():
        assert page["burst"] == [], path
        assert "x" not in page["images"], path
        assert any(pages[path] in text for text in page["texts"]), (path, page["texts"])
