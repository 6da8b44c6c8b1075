"""A Home Assistant whose proxy has a past, as a user of the spend dashboard and the JSON API see it."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import chromium
import pytest
import pytest_socket
from home_assistant import DOMAIN, PASSWORD, USER, HomeAssistant
from progress import StepError

from custom_components.litellm_pulse.const import MEMBER_FIGURES, PERFORMANCE_FIGURES

from . import past
from .past import Past
from .websocket import ask

LANGUAGES = ["nl", "es", "fr", "de", "en"]
"""All there are texts in; English, which stays, comes last."""


@dataclass(frozen=True)
class Spender:
    """A Home Assistant whose proxy has been used for ninety days, and how a browser gets to it."""

    home: HomeAssistant
    path: str = ""

    def visit(self, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - a visit's own
        """Return what a user sees of the dashboard; see scripts/dashboard.py."""
        visit = {"url": self.home.url, "user": USER, "password": PASSWORD, "path": self.path, **fields}
        seen: dict[str, Any] = json.loads(chromium.browse("dashboard.py", json.dumps(visit)))
        return seen

    def labels(self, limits: list[tuple[float, dict[str, str]]]) -> dict[str, list[dict[str, Any]]]:
        """Return, by language, each look at a page with the labels that are cut off; see scripts/labels.py."""
        entry = self.home.entries()[0]["entry_id"]
        who = {"url": self.home.url, "user": USER, "password": PASSWORD, "path": self.path, "entry": entry}
        asked = {**who, "languages": LANGUAGES, "limits": limits}
        seen: dict[str, list[dict[str, Any]]] = json.loads(chromium.browse("labels.py", json.dumps(asked), seconds=550))
        return seen

    def proxies(self) -> list[dict[str, Any]]:
        """Return what the dashboard is told of the proxies."""
        (answer,) = ask(self.home, {"type": f"{DOMAIN}/dashboard"})
        return list(answer["proxies"])

    def show_every_figure(self, dimensions: list[str]) -> None:
        """Show all that the options offer of the proxy and these dimensions, amounts in euros too."""
        figures = {"member_figures": list(MEMBER_FIGURES), "performance": list(PERFORMANCE_FIGURES)}
        shown = {"dimensions": dimensions, **figures, "currency": "EUR", "exchange_rate": 0.92}
        self.home.flow("options/flow", self.home.entries()[0]["entry_id"], {"shown": shown})

    def clear_statistics(self) -> None:
        """Take away all that the recorder has of the proxies, as if their first hour were not over."""
        (known,) = ask(self.home, {"type": "recorder/list_statistic_ids"})
        ids = [one["statistic_id"] for one in known if one["source"] == DOMAIN]
        ask(self.home, {"type": "recorder/clear_statistics", "statistic_ids": ids})

    def view(self, subject: Mapping[str, Any]) -> str:
        """Return the path of the view of a proxy or member."""
        return f"{self.path}/{subject['statistics'].partition(':')[2]}"

    def usage(self, period: Mapping[str, Any], group_by: str = "") -> list[dict[str, Any]]:
        """Return the usage of a period, by the JSON API."""
        query = f"from={period['start']}&to={period['end']}&period=month&group_by={group_by}"
        return list(self.home.api(f"{DOMAIN}/api/v1/usage?{query}")["usage"])


def require_chromium() -> None:
    """Skip where there is no Chromium; a fixture of a module comes before sockets are allowed."""
    pytest_socket.enable_socket()
    try:
        chromium.binary()
    except StepError as err:
        pytest.skip(str(err))


def rewrite_past(home: HomeAssistant, entry_id: str, days: int = 90, proxy: Past | None = None) -> None:
    """Put a ledger of some days in the place of the one that was begun; Home Assistant starts anew."""
    home.stop()
    shutil.rmtree(home.state / DOMAIN)
    (home.state / ".storage" / f"{DOMAIN}.{entry_id}").unlink(missing_ok=True)
    ledger = home.state / DOMAIN / f"{entry_id}.db"
    past.write(ledger, now=datetime.now(UTC), zone=ZoneInfo("UTC"), days=days, past=proxy)
    home.start()
