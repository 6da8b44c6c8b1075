"""The dashboard's script: served under an address that changes with it, loaded while there is an entry."""

import gzip
from http import HTTPStatus
from typing import Any

import pytest
from homeassistant.components import frontend
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from .conftest import set_up


def _load_frontend(hass: HomeAssistant) -> list[tuple[str, str]]:
    """Have what the frontend integration keeps of modules; return what open pages are told."""
    told: list[tuple[str, str]] = []
    hass.data[frontend.DATA_EXTRA_MODULE_URL] = frontend.UrlManager(lambda change, url: told.append((change, url)), [])
    return told


def _urls(hass: HomeAssistant) -> list[str]:
    """Return the modules that a page loads."""
    return sorted(hass.data[frontend.DATA_EXTRA_MODULE_URL].urls)


async def test_the_script_is_served_compressed_to_anybody_for_good(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator
) -> None:
    _load_frontend(hass)
    assert await set_up(hass, entry)
    (url,) = _urls(hass)
    client = await hass_client_no_auth()
    response = await client.get(url, auto_decompress=False)
    assert response.status == HTTPStatus.OK
    assert response.content_type == "text/javascript"
    assert response.headers["Content-Encoding"] == "gzip"
    assert "immutable" in response.headers["Cache-Control"]
    assert b"ll-strategy-dashboard-litellm-pulse" in gzip.decompress(await response.read())
    base = url.rsplit("/", 1)[0]
    assert (await client.get(f"{base}/views.js")).status == HTTPStatus.OK
    assert (await client.get(f"{base}/__init__.py")).status == HTTPStatus.NOT_FOUND


async def test_every_module_that_another_imports_is_served(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator
) -> None:
    _load_frontend(hass)
    assert await set_up(hass, entry)
    (url,) = _urls(hass)
    base, main = url.rsplit("/", 1)
    client = await hass_client_no_auth()
    waiting, seen = [main], set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            response = await client.get(f"{base}/{name}")
            assert response.status == HTTPStatus.OK, name
            text = await response.text()
            waiting += [line.split('"./')[1].split('"')[0] for line in text.splitlines() if ' from "./' in line]
    assert len(seen) > 5


async def test_two_entries_load_the_script_once_and_the_last_takes_it_away(
    hass: HomeAssistant, entry: MockConfigEntry, other_entry: MockConfigEntry
) -> None:
    told = _load_frontend(hass)
    assert await set_up(hass, entry, other_entry)
    (url,) = _urls(hass)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.config_entries.async_remove(entry.entry_id)
    assert _urls(hass) == [url]
    await hass.config_entries.async_remove(other_entry.entry_id)
    assert _urls(hass) == []
    assert told[-1] == ("removed", url)


@pytest.mark.parametrize("stored", [{"options": {"scan_interval": "60s"}}, {"version": 2}], ids=str)
async def test_the_dashboard_tells_of_an_entry_that_cannot_be_set_up(
    hass: HomeAssistant, entry: MockConfigEntry, stored: dict[str, Any]
) -> None:
    _load_frontend(hass)
    hass.config_entries.async_update_entry(entry, **stored)
    assert not await set_up(hass, entry)
    assert len(_urls(hass)) == 1


async def test_an_entry_that_comes_back_brings_the_script_back(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    _load_frontend(hass)
    assert await set_up(hass, entry)
    (url,) = _urls(hass)
    await hass.config_entries.async_remove(entry.entry_id)
    again = MockConfigEntry(domain=entry.domain, title=entry.title, minor_version=2, data=dict(entry.data))
    again.add_to_hass(hass)
    assert await set_up(hass, again)
    assert _urls(hass) == [url]


async def test_without_the_frontend_an_entry_works_all_the_same(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await set_up(hass, entry)
