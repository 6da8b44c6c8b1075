"""Who may know what: usage is for everybody, persons are for administrators."""

from functools import partial
from itertools import product

import pytest
from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import UnknownUser
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.litellm_pulse.api import permissions
from custom_components.litellm_pulse.const import CONF_SHOW_PERSONS

from ..conftest import NOW, set_up
from ..proxy import Proxy, recording
from .conftest import BASE, BUDGETS, ENDPOINTS, EXPORTER, RAW, USAGE, ask, get

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


PERSONS = [f"{BASE}/api/v1/{name}" for name in ("keys", "users", "customers", "metadata")] + [
    f"{path}{dimension}"
    for path in (f"{USAGE}?group_by=model,", f"{USAGE}?format=csv&group_by=", f"{EXPORTER}?dimensions=team,")
    for dimension in ("key", "user", "customer", "metadata")
]
PERSONS += [f"{BUDGETS}?dimensions={dimension}" for dimension in ("key", "user", "customer")]
EVERYBODYS = [
    *(path for path in ENDPOINTS if path != RAW and path not in PERSONS),
    f"{USAGE}?group_by=model,public_model,provider,team,tag,organization",
    f"{BUDGETS}?dimensions=team,organization,provider",
    f"{EXPORTER}?dimensions=model,public_model,provider,team,tag,organization",
]


@pytest.fixture
def reader(hass_client: ClientSessionGenerator, hass_read_only_access_token: str) -> ClientSessionGenerator:
    """Return the client of a user who is no administrator."""
    return partial(hass_client, hass_read_only_access_token)


async def test_usage_is_for_every_user(
    hass: HomeAssistant, entry: MockConfigEntry, reader: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    for path in EVERYBODYS:
        await ask(reader, path)


async def test_persons_and_raw_are_for_administrators_with_a_reason(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, reader: ClientSessionGenerator
) -> None:
    proxy.answer(recording("litellm-1.106-teams-keys-tags"))
    assert await set_up(hass, entry)
    scrapes = len(proxy.requests)
    for path in (*PERSONS, RAW):
        body = await get(reader, path, 403)
        assert list(body) == ["error"], path
        assert body["error"].startswith("Only administrators may ")
        assert (await (await reader()).head(path)).status == 403
    assert len(proxy.requests) == scrapes


async def test_an_administrator_may_know_them(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await set_up(hass, entry)
    for path in (*PERSONS, RAW):
        await ask(hass_client, path)


async def test_an_option_opens_them(
    hass: HomeAssistant, entry: MockConfigEntry, reader: ClientSessionGenerator
) -> None:
    hass.config_entries.async_update_entry(entry, options={CONF_SHOW_PERSONS: True})
    assert await set_up(hass, entry)
    for path in (*PERSONS, RAW):
        await ask(reader, path)


async def test_the_option_of_one_proxy_opens_no_other(
    hass: HomeAssistant, entry: MockConfigEntry, other_entry: MockConfigEntry, reader: ClientSessionGenerator
) -> None:
    hass.config_entries.async_update_entry(entry, options={CONF_SHOW_PERSONS: True})
    assert await set_up(hass, entry, other_entry)
    await ask(reader, f"{BASE}/api/v1/keys?instance={entry.entry_id}")
    await ask(reader, f"{BASE}/api/v1/keys?instance={other_entry.entry_id}", 403)


async def test_an_automation_may_know_what_an_administrator_may(
    hass: HomeAssistant, entry: MockConfigEntry, hass_read_only_user: User, hass_admin_user: User
) -> None:
    for user_id, allowed in ((None, True), (hass_admin_user.id, True), (hass_read_only_user.id, False)):
        user = await permissions.async_get_user(hass, Context(user_id=user_id))
        assert permissions.may_see_persons(entry, user) is allowed
    with pytest.raises(UnknownUser):
        await permissions.async_get_user(hass, Context(user_id="somebody who was deleted"))
