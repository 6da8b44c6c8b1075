"""The spend dashboard in a real browser, beside the same page made of Home Assistant's own statistics cards by hand."""

import asyncio
import json
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import aiohttp
import chromium
from home_assistant import DOMAIN, PASSWORD, USER, HomeAssistant
from proxy import MASTER_KEY, Proxy

from tests.e2e import past

from .measure import AtMost, Costs, Section, Setting, Table, figure, scratch_folder

ROUNDS = 11
DIMENSIONS: Final = ("model", "provider", "team", "key")
METRICS: Final = ("spend", "requests", "failed_requests", "input_tokens", "output_tokens", "input_cached_tokens")
PATIENCE: Final = 120
"""Seconds until the statistics of ninety days are written."""

OURS: Final = "/bench-ours"
BY_HAND: Final = "/bench-hand/view"
USABLE: Final = {
    OURS: """
        all("litellm-pulse-table, litellm-pulse-summary").length === 6 &&
        all("litellm-pulse-table, litellm-pulse-summary").every((one) => one.dataset.start) &&
        all("statistics-chart").length === 3 &&
        all("statistics-chart").every((one) => one.shadowRoot && all("canvas", one.shadowRoot).length)
    """,
    BY_HAND: """
        all("hui-statistic-card").length > 40 &&
        all("hui-statistic-card").every((one) => /\\d/.test(one.shadowRoot?.querySelector(".value")?.textContent)) &&
        all("statistics-chart").length === 3 &&
        all("statistics-chart").every((one) => one.shadowRoot && all("canvas", one.shadowRoot).length)
    """,
}
"""Path -> the script that tells that every number and graph is on the page."""


def run(setting: Setting) -> Section:
    """Measure both pages, in turn, on a ledger with ninety days of twenty models."""
    with (
        scratch_folder(setting) as folder,
        Proxy(folder / "proxy") as proxy,
        HomeAssistant(folder / "home-assistant") as home,
    ):
        cards = _prepare(home, proxy.url)
        visit = {"url": home.url, "user": USER, "password": PASSWORD, "rounds": ROUNDS, "pages": USABLE}
        rounds = json.loads(chromium.browse("page_load.py", json.dumps(visit), seconds=1200))
    ours, by_hand = ([one[path] for one in rounds] for path in (OURS, BY_HAND))
    return Section(
        title="The dashboard in a browser",
        note=(
            "Headless Chromium on this machine, a real Home Assistant with a ledger of 90 days and 20 models; caches "
            f"warm, both pages in turn. *By hand*: the same first view of {cards} cards that Home Assistant has (date "
            "picker, tiles, statistics graphs, a statistic card for each row of a table). *After load*: from the "
            "browser's load event until every number and graph is there."
        ),
        figures=[
            figure("usable after load", "ms", _after_load(ours), budget=AtMost(2000, "ms")),
            figure(
                "usable after the navigation",
                "ms",
                [one["usable"] for one in ours],
                against=("by hand", [one["usable"] for one in by_hand]),
                budget=Costs(1.05),
            ),
        ],
        tables=[_asked(ours[-1]["asked"], by_hand[-1]["asked"])],
    )


def _after_load(loads: Sequence[Mapping[str, float]]) -> list[float]:
    """Return the milliseconds between the load event and the usable page."""
    return [one["usable"] - one["loaded"] for one in loads]


def _asked(ours: Sequence[str], by_hand: Sequence[str]) -> Table:
    """Return what the pages ask the server for, about statistics and usage."""
    counts = Counter(ours), Counter(by_hand)
    kinds = sorted(kind for kind in {*ours, *by_hand} if kind.startswith((DOMAIN, "recorder/")))
    return Table(
        title="What one load asks for",
        head=("command", "ours", "by hand"),
        rows=[(f"`{kind}`", *(str(count[kind]) for count in counts)) for kind in kinds],
    )


def _prepare(home: HomeAssistant, url: str) -> int:
    """Give a Home Assistant ninety days and both dashboards; return how many cards are on the one made by hand."""
    entry_id = home.set_up(url, MASTER_KEY)
    home.flow("options/flow", entry_id, {"shown": {"dimensions": list(DIMENSIONS[1:])}})
    home.stop()
    shutil.rmtree(home.state / DOMAIN)
    (home.state / ".storage" / f"{DOMAIN}.{entry_id}").unlink(missing_ok=True)
    past.write(home.state / DOMAIN / f"{entry_id}.db", now=datetime.now(UTC), zone=ZoneInfo("UTC"))
    home.start()
    proxy = _with_statistics(home)
    ours: dict[str, Any] = {"strategy": {"type": "custom:litellm-pulse"}}
    by_hand = _by_hand(proxy)
    for path, config in ((OURS, ours), (BY_HAND, by_hand)):
        name = path.split("/")[1]
        made = {"url_path": name, "title": name, "require_admin": False, "show_in_sidebar": False}
        _ask(home, {"type": "lovelace/dashboards/create", **made})
        _ask(home, {"type": "lovelace/config/save", "url_path": name, "config": config})
    return sum(len(section["cards"]) for section in by_hand["views"][0]["sections"])


def _with_statistics(home: HomeAssistant) -> dict[str, Any]:
    """Return what the server tells of the proxy, once all of its statistics are written."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        (proxy,) = _ask(home, {"type": f"{DOMAIN}/dashboard"})["proxies"]
        members = [one for dimension in proxy["dimensions"] for one in dimension["members"]]
        written = {one["statistic_id"] for one in _ask(home, {"type": "recorder/list_statistic_ids"})}
        if members and all(f"{one['statistics']}_{metric}" in written for one in members for metric in METRICS):
            return dict(proxy)
        time.sleep(1)
    raise TimeoutError("the statistics of ninety days")


def _by_hand(proxy: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first view as a user would write it with Home Assistant's own cards."""
    picked = {"collection_key": "energy_bench"}
    total = proxy["statistics"]
    models = proxy["dimensions"][0]["members"]
    keys = ("spend_day", "spend_week", "spend_month", "spend_forecast")
    sections = [
        [{"type": "energy-date-selection", **picked}, {"type": "energy-compare", **picked}],
        [
            *({"type": "tile", "entity": proxy["entities"][key]} for key in keys if proxy["entities"].get(key)),
            _graph(picked, [f"{one['statistics']}_spend" for one in models], "bar-stack"),
        ],
        [_figure(picked, f"{total}_{metric}", metric) for metric in METRICS],
        *(
            # A card of who never cost anything shows a question mark.
            [_figure(picked, f"{one['statistics']}_spend", one["name"]) for one in dimension["members"] if one["spend"]]
            for dimension in proxy["dimensions"]
        ),
        [_graph(picked, [f"{total}_input_tokens", f"{total}_output_tokens"], "bar-stack")],
        [_graph(picked, [f"{total}_requests", f"{total}_failed_requests"], "bar")],
        [_figure(picked, f"{one['statistics']}_requests", one["name"]) for one in models],
    ]
    view = {"path": "view", "type": "sections", "sections": [{"type": "grid", "cards": cards} for cards in sections]}
    return {"views": [view]}


def _graph(picked: Mapping[str, str], entities: Sequence[str], kind: str) -> dict[str, Any]:
    """Return a graph of the picked period."""
    shown = {"energy_date_selection": True, "chart_type": kind, "stat_types": ["change"], "entities": list(entities)}
    return {"type": "statistics-graph", **picked, **shown}


def _figure(picked: Mapping[str, str], entity: str, name: str) -> dict[str, Any]:
    """Return one number of the picked period."""
    return {
        "type": "statistic",
        "entity": entity,
        "name": name,
        "stat_type": "change",
        "period": "energy_date_selection",
        **picked,
    }


def _ask(home: HomeAssistant, message: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever it answers
    """Return the result of a websocket command."""
    home.api("config")
    return asyncio.run(_send(home.url, home._token, message))


async def _send(url: str, token: str, message: Mapping[str, Any]) -> Any:  # noqa: ANN401 - likewise
    """Return the result of a websocket command, on a connection of its own."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}/api/websocket", max_msg_size=0) as socket,
    ):
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": token})
        await socket.receive_json()
        await socket.send_json({"id": 1, **message})
        answer = await socket.receive_json()
    if not answer["success"]:
        raise RuntimeError(answer["error"])
    return answer["result"]
