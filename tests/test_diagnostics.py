"""Diagnostics help a stranger to find a fault and name nobody."""

import json
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.json import JSONEncoder
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.core.errors import StoreError
from custom_components.litellm_pulse.core.store import Store
from custom_components.litellm_pulse.diagnostics import async_get_config_entry_diagnostics

from .conftest import pass_time, set_up
from .proxy import Proxy, recording

SECRETS: dict[str, Any] = {
    "api_key": "sk-planted-key",
    "extra_headers": {"X-Planted-Header": "planted-header-value"},
    "ca_file": "planted-certificate.pem",
    "title": "planted-title",
    "free_models": ["planted-free-model"],
    "model": "planted-model",
    "requested_model": "planted-public-model",
    "model_id": "planted-deployment",
    "hashed_api_key": "5f3aplantedhash",
    "api_key_alias": "planted-key-alias",
    "team": "planted-team",
    "team_alias": "planted-team-alias",
    "user": "planted-user",
    "user_alias": "planted-user-alias",
    "user_email": "planted@example.com",
    "end_user": "planted-customer",
    "org_id": "planted-organization",
    "org_alias": "planted-organization-alias",
    "client_ip": "203.0.113.77",
    "user_agent": "planted-agent",
    "tag_planted_tag": "true",
    "metadata_planted_room": "planted-metadata",
}


async def _text(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    """Return the diagnostics as they are downloaded."""
    return json.dumps(await async_get_config_entry_diagnostics(hass, entry), cls=JSONEncoder)


def _plant(hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy) -> None:
    """Put a secret into everything that comes in."""
    labels = {key: value for key, value in SECRETS.items() if isinstance(value, str)}
    for key in ("api_key", "ca_file", "title"):
        del labels[key]
    for family in ("litellm_spend_metric_total", "litellm_total_tokens_metric_total"):
        proxy.traffic.add(family, 1, **labels)
    for gauge in ("litellm_remaining_team_budget_metric", "litellm_team_max_budget_metric"):
        proxy.traffic.add(gauge, 1, team=SECRETS["team"], team_alias=SECRETS["team_alias"])
    proxy.traffic.add("litellm_spend_metric_total", 1, broken="planted", _='"')
    # A server may say anything of what it was asked with, anywhere.
    proxy.traffic.add(f"litellm_{SECRETS['api_key']}", 1)
    proxy.json["/health/readiness"] = {"litellm_version": SECRETS["api_key"]}
    hass.config_entries.async_update_entry(
        entry,
        title=SECRETS["title"],
        data={**entry.data, "api_key": SECRETS["api_key"]},
        options={
            "extra_headers": SECRETS["extra_headers"],
            "ca_file": None,
            "free_models": SECRETS["free_models"],
            "dimensions": ["team", "key", "user", "organization", "customer", "tag", "metadata"],
            "max_members": 1,
        },
    )


async def test_no_secret_that_comes_in_anywhere_comes_out(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    _plant(hass, entry, proxy)
    assert await set_up(hass, entry)
    proxy.traffic.add("litellm_spend_metric_total", 1, model=SECRETS["model"])
    await pass_time(hass, freezer)
    text = await _text(hass, entry)
    assert "planted" not in text.lower()
    assert {one for one in ("203.0.113.77", "127.0.0.1", str(proxy.server.port), "@") if one in text} == set()
    proxy.answer(status=401)
    await pass_time(hass, freezer)
    assert "planted" not in (await _text(hass, entry)).lower()


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("planted4key", "planted4key"),
        ("sk-planted", "sk-planted"),
        ("Bearer planted_key", "planted_key"),
        ('"sk-planted"', "sk-planted"),
        ("LITELLM_API_KEY=sk-planted", "sk-planted"),
        ("\u2018Bearer sk-planted\u2019", "sk-planted"),
    ],
)
async def test_no_word_of_a_key_comes_out_where_a_server_repeats_it(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, key: str, word: str
) -> None:
    name = word.replace("-", "_")
    proxy.traffic.add(f"litellm_{name}_total", 1)
    proxy.traffic.add("litellm_spend_metric_total", 1, model="gpt-4o", **{name: "x"})
    proxy.json["/health/readiness"] = {"litellm_version": f"1.{word}"}
    data = {**entry.data, "api_key": key}
    hass.config_entries.async_update_entry(entry, data=data, options={"extra_headers": {"X": "Basic planted-too"}})
    assert await set_up(hass, entry)
    text = await _text(hass, entry)
    assert "planted" not in text
    assert "litellm_spend_metric_total" in text


async def test_no_name_of_a_real_proxy_leaks(hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy) -> None:
    proxy.answer(recording("litellm-1.106-teams-keys-tags"))
    assert await set_up(hass, entry)
    text = await _text(hass, entry)
    secrets = {"sk-1234", "127.0.0.1", str(proxy.server.port), "gpt-4o", "team-", "@", "env_prod", "099295a3"}
    assert {secret for secret in secrets if secret in text} == set()


@pytest.mark.freeze_time("2026-11-22 12:00:00+00:00")
async def test_a_fault_can_be_read_from_it(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.json["/health/readiness"] = {"litellm_version": "1.106.2"}
    proxy.answer(recording("litellm-1.106-teams-keys-tags"))
    assert await set_up(hass, entry)
    diagnostics = await async_get_config_entry_diagnostics(hass, entry)
    assert diagnostics["litellm"]["version"] == "1.106.2"
    assert "litellm_spend_metric_total" in diagnostics["litellm"]["families"]
    assert "team" in diagnostics["litellm"]["labels"]
    proxy.answer(status=500)
    await pass_time(hass, freezer)
    diagnostics = await async_get_config_entry_diagnostics(hass, entry)
    assert diagnostics["scrape"]["success"] is False
    assert diagnostics["scrape"]["reason"] == "unexpected_status"
    assert diagnostics["scrape"]["interval"] == 60
    assert diagnostics["ledger"]["members"]["model"] == 3
    assert "cost" in diagnostics["ledger"]["published"]
    assert diagnostics["ledger"]["report"]["skipped"] == 0
    assert diagnostics["store"]["files"][".db"] > 0


async def test_skipped_lines_and_restarts_are_told_at_every_scrape(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    proxy.restart(spend={"gpt-4o": 1.0})
    proxy.traffic.series["litellm_spend_metric_total"] = {'model="a': 1}
    for _ in range(2):
        await pass_time(hass, freezer)
    diagnostics = await async_get_config_entry_diagnostics(hass, entry)
    assert [report["restarted"] for report in diagnostics["reports"]] == [False, True, False]
    assert diagnostics["reports"][1]["skipped"] == 1
    assert diagnostics["ledger"]["restarts"] == 1


async def test_why_nothing_can_be_written_is_told_without_the_path(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise StoreError(f"No space left on device: {hass.config.path('litellm_pulse')}")

    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 1
    monkeypatch.setattr(Store, "write", full)
    await pass_time(hass, freezer)
    diagnostics = await async_get_config_entry_diagnostics(hass, entry)
    assert diagnostics["store"]["error"] == "No space left on device: **REDACTED**/litellm_pulse"
    monkeypatch.undo()
