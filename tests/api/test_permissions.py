"""Who may know what: usage is for everybody, persons are for administrators."""

from itertools import product

import pytest
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from ..conftest import NOW, set_up
from ..proxy import Proxy, recording
from .conftest import BASE, BUDGETS, ENDPOINTS, EXPORTER, USAGE, ask

pytestmark = pytest.mark.freeze_time(NOW)


async def test_without_a_token_nothing_answers(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    client = await hass_client_no_auth()
    for path, method in product(ENDPOINTS, ("GET", "HEAD")):
        assert (await client.request(method, path)).status == 401
        assert (await client.request(method, path, headers={"Authorization": "Bearer wrong"})).status == 401


async def test_nobody_is_named_where_nobody_asked_for_people(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_client: ClientSessionGenerator
) -> None:
    proxy.answer(recording("litellm-1.106-teams-keys-tags"))
    assert await set_up(hass, entry)
    secret = ("alice", "bob", "099295a3784e", "36c76b48bb2e", "127.0.0.1", "curl/", "kitchen")
    people = {f"{BASE}/api/v1/{name}" for name in ("keys", "users", "customers", "metadata")}
    usage = f"{USAGE}?group_by=model,provider,team,organization,tag"
    for path in (*(set(ENDPOINTS) - people), usage):
        # The address of the proxy itself is what the user has typed.
        text = (await (await ask(hass_client, path)).text()).replace(proxy.url, "")
        assert not [one for one in secret if one in text], path


async def test_people_are_named_where_they_are_asked_for(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, hass_client: ClientSessionGenerator
) -> None:
    proxy.answer(recording("litellm-1.106-teams-keys-tags"))
    assert await set_up(hass, entry)
    for path in (f"{BASE}/api/v1/users", f"{BUDGETS}?dimensions=user", f"{EXPORTER}?dimensions=user"):
        assert "alice" in await (await ask(hass_client, path)).text()
    for path in (f"{BASE}/api/v1/keys", f"{BUDGETS}?dimensions=key", f"{EXPORTER}?dimensions=key"):
        assert "099295a3784e" in await (await ask(hass_client, path)).text()
