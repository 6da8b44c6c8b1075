"""Names and ids say whose an entity is and of what kind, and hold nothing that is nobody's business."""

# ruff: noqa: PLR0913, PLR0917 - a fixture is an argument

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.const import DOMAIN

from .conftest import NOW, entity_id, pass_time, set_up, state
from .proxy import Proxy
from .test_options import choose

pytestmark = pytest.mark.freeze_time(NOW)

SPEND = "litellm_spend_metric_total"
HASH = "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"


def _use(proxy: Proxy, **labels: str) -> None:
    proxy.traffic.add(SPEND, 1, model="gpt-4o", requested_model="gpt-4o", **labels)


def _devices(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, str]:
    """Return the devices' names, and their kinds."""
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    return {str(one.name): str(one.model) for one in devices}


async def test_a_user_a_key_and_a_team_of_one_name_can_be_told_apart(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["user", "key", "team"]})
    _use(
        proxy, user="u1", user_alias="alice", hashed_api_key="k1", api_key_alias="alice", team="t1", team_alias="alice"
    )
    assert await set_up(hass, entry)
    assert _devices(hass, entry).items() >= {
        ("LiteLLM", "Proxy"),
        ("LiteLLM model gpt-4o", "Model"),
        ("LiteLLM user alice", "User"),
        ("LiteLLM key alice", "Key"),
        ("LiteLLM team alice", "Team"),
    }
    for kind, member in (("user", "u1"), ("key", "k1"), ("team", "t1")):
        assert entity_id(hass, entry, "spend_day", f"{kind}:{member}") == f"sensor.litellm_{kind}_alice_spend_today"
    assert min(_devices(hass, entry)) == "LiteLLM"


async def test_two_proxies_never_give_the_same_name(
    hass: HomeAssistant, entry: MockConfigEntry, other_entry: MockConfigEntry
) -> None:
    assert await set_up(hass, entry, other_entry)
    names = [*_devices(hass, entry), *_devices(hass, other_entry)]
    assert len(set(names)) == len(names) == 6


async def test_a_proxy_that_the_user_has_named_gives_its_name_to_its_members(
    hass: HomeAssistant, entry: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    assert await set_up(hass, entry)
    device = device_registry.async_get_device_by_identifier((DOMAIN, entry.entry_id), entry.entry_id)
    assert device is not None
    device_registry.async_update_device(device.id, name_by_user="Attic")
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert "Attic model gpt-4o" in _devices(hass, entry)


@pytest.mark.parametrize(
    ("labels", "name", "id_part"),
    [
        ({"user": "u1", "user_email": "alice@acme.com"}, "user alice@acme.com", "user_u1"),
        ({"user": "alice@acme.com"}, "user alice@acme.com", "user_"),
        ({"user": "u1", "user_alias": "alice", "user_email": "alice@acme.com"}, "user alice", "user_alice"),
        ({"hashed_api_key": HASH}, "key 88dc28d0", "key_88dc28d0"),
        ({"team": "0b9ef4f3-8d1c-4a5e-9f7a-1c2d3e4f5a6b"}, "team 0b9ef4f3", "team_0b9ef4f3"),
    ],
)
async def test_no_id_holds_an_email_address_and_no_name_a_whole_hash(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, labels: dict[str, str], name: str, id_part: str
) -> None:
    hass.config_entries.async_update_entry(entry, options={"dimensions": ["user", "key", "team"]})
    _use(proxy, **labels)
    assert await set_up(hass, entry)
    assert f"LiteLLM {name}" in _devices(hass, entry)
    ids = hass.states.async_entity_ids("sensor")
    assert not [one for one in ids if "acme" in one]
    assert [one for one in ids if one.startswith(f"sensor.litellm_{id_part}") and one.endswith("_spend_today")]


async def test_upstream_and_public_models_of_one_name_keep_their_entities_apart_and_come_back_as_they_were(
    hass: HomeAssistant, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    assert await set_up(hass, entry)
    upstream = entity_id(hass, entry, "spend_day", "model:gpt-4o")
    entity_registry.async_update_entity(upstream, new_entity_id="sensor.mine", name="Mine")
    await choose(hass, entry, group_models_by="public_model")
    public = entity_id(hass, entry, "spend_day", "public_model:gpt-4o")
    assert public == "sensor.litellm_public_model_gpt_4o_spend_today"
    assert hass.states.get("sensor.mine") is None
    await choose(hass, entry, group_models_by="model")
    assert entity_id(hass, entry, "spend_day", "model:gpt-4o") == "sensor.mine"
    back = entity_registry.async_get("sensor.mine")
    assert back is not None
    assert back.name == "Mine"


@pytest.mark.parametrize(
    ("spend", "decimals"), [(0.000_02, 6), (0.0042, 4), (0.5, 2), (12.5, 2), (99_999, 2), (100_000, 0)]
)
async def test_money_below_a_cent_is_not_shown_as_nothing_and_a_large_amount_has_no_cents(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    entity_registry: er.EntityRegistry,
    spend: float,
    decimals: int,
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += spend
    await pass_time(hass, freezer)
    for member in ("total:", "model:gpt-4o"):
        shown = entity_registry.async_get(entity_id(hass, entry, "spend_day", member))
        assert shown is not None
        assert shown.options["sensor"]["suggested_display_precision"] == decimals


async def test_the_day_after_a_large_amount_has_cents_again(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    entity_registry: er.EntityRegistry,
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 250_000
    await pass_time(hass, freezer)
    for seconds, decimals in ((0, 0), (24 * 3600, 2)):
        await pass_time(hass, freezer, seconds)
        shown = entity_registry.async_get(entity_id(hass, entry, "spend_day"))
        assert shown is not None
        assert shown.options["sensor"]["suggested_display_precision"] == decimals


async def test_yesterday_last_month_and_the_rate_are_told(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    await hass.config.async_set_time_zone("UTC")
    freezer.move_to("2026-11-30 12:00:00+00:00")
    hass.config_entries.async_update_entry(entry, options={"scan_interval": 300})
    assert await set_up(hass, entry)
    for _ in range(4):
        proxy.traffic.spend["gpt-4o"] += 0.5
        await pass_time(hass, freezer, 301)
    # Three of the four are within the last quarter of an hour.
    assert float(state(hass, entry, "spend_rate")) == pytest.approx(1.5 / (3 * 301) * 3600, rel=1e-6)
    for _ in range(3):
        await pass_time(hass, freezer, 301)
    assert state(hass, entry, "spend_rate") == "0.0"
    await pass_time(hass, freezer, 12 * 3600)
    assert state(hass, entry, "spend_yesterday") == "2.0"
    assert state(hass, entry, "spend_last_month") == "2.0"
    await pass_time(hass, freezer, 24 * 3600)
    assert state(hass, entry, "spend_yesterday") == "0.0"
    assert state(hass, entry, "spend_last_month") == "2.0"


async def test_an_outage_says_since_when_and_why(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    assert state(hass, entry, "status") == "ok"
    for status, reason in ((500, "unexpected_status"), (404, "not_found")):
        proxy.answer(status=status)
        await pass_time(hass, freezer)
        shown = hass.states.get(entity_id(hass, entry, "status"))
        assert shown is not None
        assert shown.state == reason
        assert str(shown.attributes["since"]) == "2026-11-18 12:00:00+00:00"
    event = hass.states.get(entity_id(hass, entry, "events", platform="event"))
    assert event is not None
    assert event.attributes["message"] == "LiteLLM cannot be read: HTTP error"
    proxy.recover()
    await pass_time(hass, freezer)
    assert state(hass, entry, "status") == "ok"
    event = hass.states.get(entity_id(hass, entry, "events", platform="event"))
    assert event is not None
    assert event.attributes["message"] == "LiteLLM answers again after 3 min"
