"""The endpoints, and how a client asks them."""

from pathlib import Path
from typing import Any

from aiohttp import ClientResponse
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.litellm_pulse.core.query import contract

from ..conftest import pass_time
from ..proxy import Proxy

BASE = "/api/litellm_pulse"
METRICS, HISTORY, MODELS = f"{BASE}/api/v1/metrics", f"{BASE}/api/v1/history", f"{BASE}/api/v1/models"
USAGE, BUDGETS = f"{BASE}/api/v1/usage", f"{BASE}/api/v1/budgets"
RAW, HEALTH, AGGREGATE, EXPORTER = f"{BASE}/raw", f"{BASE}/health", f"{BASE}/aggregate", f"{BASE}/metrics"
DOCS = Path(__file__).parents[2] / "docs"
TABLES = [f"{BASE}/api/v1/{name}" for name in contract.TABLES]
ENDPOINTS = [METRICS, f"{METRICS}/cost", HISTORY, *TABLES, USAGE, BUDGETS, RAW, HEALTH, AGGREGATE, EXPORTER]


async def ask(hass_client: ClientSessionGenerator, path: str, status: int = 200) -> ClientResponse:
    """Return an answer with this status."""
    response: ClientResponse = await (await hass_client()).get(path)
    assert response.status == status, await response.text()
    assert response.headers["Cache-Control"] == "no-store"
    return response


async def get(hass_client: ClientSessionGenerator, path: str, status: int = 200) -> dict[str, Any]:
    """Return the JSON of an answer with this status."""
    response = await ask(hass_client, path, status)
    assert response.content_type == "application/json"
    body: dict[str, Any] = await response.json()
    return body


async def spend(hass: HomeAssistant, proxy: Proxy, freezer: FrozenDateTimeFactory, *amounts: float) -> None:
    """Spend these amounts, one between any two scrapes."""
    for amount in amounts:
        proxy.traffic.spend["gpt-4o"] += amount
        await pass_time(hass, freezer)
