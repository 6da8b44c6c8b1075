"""Every endpoint keeps the rules of HTTP, and those of its description."""

from http import HTTPStatus
from itertools import product

import pytest
import yaml
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from ..conftest import NOW, set_up
from .conftest import BASE, DOCS, ENDPOINTS, ask

pytestmark = pytest.mark.freeze_time(NOW)


async def test_head_answers_as_get_does_without_the_body(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    client = await hass_client()
    for path, encoding in product(ENDPOINTS, ("identity", "gzip")):
        headers = {"Accept-Encoding": encoding}
        get, head = await client.get(path, headers=headers), await client.head(path, headers=headers)
        assert await get.read()
        assert (head.status, await head.read()) == (200, b"")
        for name in ("Content-Type", "Content-Length", "Content-Encoding", "Cache-Control"):
            assert head.headers.get(name) == get.headers.get(name)


async def test_an_answer_of_some_size_is_compressed_where_the_client_can_read_that(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    client = await hass_client()
    for path in ENDPOINTS:
        plain = await client.get(path, headers={"Accept-Encoding": "identity"})
        small = await client.get(path, headers={"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in plain.headers
        large = len(await plain.read()) >= 1024
        assert small.headers.get("Content-Encoding") == ("gzip" if large else None)
        assert await small.read() == await plain.read()


async def test_a_slash_at_the_end_changes_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    for path in ENDPOINTS:
        assert await (await ask(hass_client, f"{path}/")).read() == await (await ask(hass_client, path)).read()


async def test_nothing_can_be_changed(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    client = await hass_client()
    for path, method in product(ENDPOINTS, ("POST", "PUT", "PATCH", "DELETE")):
        assert (await client.request(method, path)).status == HTTPStatus.METHOD_NOT_ALLOWED


async def test_every_endpoint_is_described(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await set_up(hass, entry)
    canonical = {resource.canonical for resource in hass.http.app.router.resources()}
    registered = {path.removeprefix(BASE) for path in canonical if path.startswith(BASE) and not path.endswith("/")}
    description = yaml.safe_load((DOCS / "openapi.yaml").read_text())
    assert set(description["paths"]) == registered
    guide = (DOCS / "api.md").read_text()
    for path in registered:
        assert f"$PULSE{path.replace('{name}', 'cost_daily')}" in guide
