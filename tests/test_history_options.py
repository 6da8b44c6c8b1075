"""History in the options: tried before it is saved, each failure told by its own words, secrets never shown."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import postgres
import pytest
from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components import litellm_pulse
from custom_components.litellm_pulse.spend_logs import errors

from .conftest import set_up
from .history import Make, ago, day, past, serve_days, usage
from .proxy import Proxy
from .spend_logs.schema import spend_logs
from .spend_logs.world import insert, request

TEXTS: dict[str, Any] = json.loads((Path(litellm_pulse.__file__).parent / "translations" / "en.json").read_text())


async def choose(hass: HomeAssistant, entry: MockConfigEntry, **fields: object) -> ConfigFlowResult:
    """Fill in the section as a user does, and send it."""
    form = await hass.config_entries.options.async_init(entry.entry_id)
    typed = {f"history_{name}": value for name, value in fields.items()}
    result = await hass.config_entries.options.async_configure(form["flow_id"], {"history": typed})
    await hass.async_block_till_done(wait_background_tasks=True)
    return result


def kinds(kind: type[errors.SourceError] = errors.SourceError) -> Iterator[type[errors.SourceError]]:
    """Yield every error that a source can have."""
    yield kind
    for one in kind.__subclasses__():
        yield from kinds(one)


@pytest.mark.parametrize("code", sorted({one.code for one in kinds()}))
def test_everything_that_can_be_wrong_has_a_sentence_of_its_own(code: str) -> None:
    told = TEXTS["options"]["error"]
    assert [one for one in told if told[one] == told[f"history_{code}"]] == [f"history_{code}"]
    assert TEXTS["common"][f"history_{code}"]


async def test_a_database_is_chosen_and_its_history_is_there(
    hass: HomeAssistant, entry: MockConfigEntry, server: postgres.Postgres, make: Make
) -> None:
    await set_up(hass, entry)
    result = await choose(hass, entry, source="database", dsn=server.dsn(make(spend_logs() + insert(past()))))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert sum(row["cost"] for row in await usage(hass, entry)) == 15.0


async def test_what_is_wrong_with_a_database_is_told_and_nothing_is_saved(
    hass: HomeAssistant, entry: MockConfigEntry, server: postgres.Postgres, make: Make
) -> None:
    await set_up(hass, entry)
    name = make(spend_logs() + "CREATE ROLE stranger LOGIN;")
    for address, tls, code in (
        ("", None, "no_dsn"),
        ("mysql://a@b/c", None, "invalid_dsn"),
        ("postgresql://me:secret@127.0.0.1:1/litellm", None, "cannot_connect"),
        (server.dsn("nowhere"), None, "no_such_database"),
        (server.dsn("postgres"), None, "no_known_table"),
        (server.dsn(name, "stranger"), None, "no_permission"),
        (server.dsn(name), "require", "tls_failed"),
        (server.dsn(name), None, "spend_logs_off"),
    ):
        result = await choose(
            hass, entry, source="database", **({"dsn": address} if address else {}), **({"tls": tls} if tls else {})
        )
        assert result["errors"] == {"history": f"history_{code}"}
        assert "postgresql://" not in str(result["data_schema"])
    assert "history_dsn" not in entry.options


async def test_a_proxy_without_a_database_is_not_told_to_have_a_wrong_key(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    await set_up(hass, entry)
    for status, body, code in (
        (401, '{"error": {"message": "No connected db."}}', "no_database"),
        (500, '{"detail": {"error": "Database not connected. Connect a database"}}', "no_database"),
        (401, '{"error": {"message": "Authentication Error, Invalid proxy server token passed"}}', "invalid_auth"),
        (403, '{"detail": "admin only"}', "no_permission"),
        (404, '{"detail": "Not Found"}', "not_offered"),
        (200, "<html>a login page</html>", "unexpected_answer"),
    ):
        proxy.answer(body, status=status)
        assert (await choose(hass, entry, source="api"))["errors"] == {"history": f"history_{code}"}


async def test_a_key_for_the_import_is_stored_only_where_that_is_wanted(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    await set_up(hass, entry)
    serve_days(proxy, day("2026-11-03", {"gpt-4o": 2.0}, {"openai": 2.0}))
    assert (await choose(hass, entry, source="api", key="sk-admin"))["type"] is FlowResultType.CREATE_ENTRY
    asked = [one for one in proxy.requests if one.path == "/user/daily/activity"]
    assert {one.headers["Authorization"] for one in asked} == {"Bearer sk-admin"}
    assert "sk-admin" not in str(entry.as_dict())
    await choose(hass, entry, source="api", key="sk-admin", keep_key=True)
    assert entry.options["history_key"] == "sk-admin"
    form = await hass.config_entries.options.async_init(entry.entry_id)
    assert "sk-admin" not in str(form)


async def test_what_is_left_empty_is_kept_and_what_is_as_it_was_is_not_tried(
    hass: HomeAssistant, entry: MockConfigEntry, server: postgres.Postgres, make: Make
) -> None:
    await set_up(hass, entry)
    address = server.dsn(make(spend_logs() + insert(past())))
    await choose(hass, entry, source="database", dsn=address)
    assert (await choose(hass, entry, source="off"))["type"] is FlowResultType.CREATE_ENTRY
    assert (await choose(hass, entry, source="database"))["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options["history_dsn"] == address
    away = "postgresql://me@127.0.0.1:1/litellm"
    hass.config_entries.async_update_entry(entry, options={**entry.options, "history_dsn": away})
    assert (await choose(hass, entry, source="database"))["type"] is FlowResultType.CREATE_ENTRY


async def test_the_history_of_a_database_belongs_to_one_entry(
    hass: HomeAssistant, entry: MockConfigEntry, other_entry: MockConfigEntry, server: postgres.Postgres, make: Make
) -> None:
    await set_up(hass, entry, other_entry)
    address = server.dsn(make(spend_logs() + insert(past())))
    assert (await choose(hass, entry, source="database", dsn=address))["type"] is FlowResultType.CREATE_ENTRY
    second = await choose(hass, other_entry, source="database", dsn=address.replace("127.0.0.1", "localhost"))
    assert second["errors"] == {"history": "history_taken"}
    assert second["data_schema"] is not None
    assert not second["data_schema"].schema["history"].options["collapsed"], "what is wrong is not hidden"
    await choose(hass, entry, source="off")
    third = await choose(hass, other_entry, source="database", dsn=address)
    assert third["type"] is FlowResultType.CREATE_ENTRY


async def test_replicas_that_share_a_database_are_known_by_what_their_api_tells(
    hass: HomeAssistant, entry: MockConfigEntry, other_entry: MockConfigEntry, proxy: Proxy, other_proxy: Proxy
) -> None:
    await set_up(hass, entry, other_entry)
    date = f"{dt_util.utcnow() - timedelta(days=3):%Y-%m-%d}"
    for one in (proxy, other_proxy):
        serve_days(one, day(date, {"gpt-4o": 2.5}, {"openai": 2.5}))
    assert (await choose(hass, entry, source="api"))["type"] is FlowResultType.CREATE_ENTRY
    assert (await choose(hass, other_entry, source="api"))["errors"] == {"history": "history_taken"}
    serve_days(other_proxy, day(date, {"gpt-4o": 2.75}, {"openai": 2.75}))
    assert (await choose(hass, other_entry, source="api"))["type"] is FlowResultType.CREATE_ENTRY


async def test_a_database_and_the_api_of_one_litellm_are_known_as_one(  # noqa: PLR0913, PLR0917  # fixtures
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other_entry: MockConfigEntry,
    other_proxy: Proxy,
    server: postgres.Postgres,
    make: Make,
) -> None:
    await set_up(hass, entry, other_entry)
    told = ((5, "gpt-4o", 2.5), (4, "gpt-4o", 1.0), (3, "opus", 2.0))
    rows = [
        request(number, f"{ago(days=days)[:10]} 12:00", cost=cost, model=model)
        for number, (days, model, cost) in enumerate(told)
    ]
    # A day of which LiteLLM has deleted its spend logs in part.
    days = [
        day(ago(days=days)[:10], {model: cost}, {"openai": cost})
        for days, model, cost in (*told[1:], (5, "gpt-4o", 9.0))
    ]
    serve_days(other_proxy, *days)
    address = server.dsn(make(spend_logs() + insert(rows)))
    assert (await choose(hass, entry, source="database", dsn=address))["type"] is FlowResultType.CREATE_ENTRY
    assert (await choose(hass, other_entry, source="api"))["errors"] == {"history": "history_taken"}
    await choose(hass, entry, source="off")
    assert (await choose(hass, other_entry, source="api"))["type"] is FlowResultType.CREATE_ENTRY
    assert (await choose(hass, entry, source="database"))["errors"] == {"history": "history_taken"}


async def test_two_litellms_that_are_used_alike_with_other_keys_are_two(  # noqa: PLR0913, PLR0917  # fixtures
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other_entry: MockConfigEntry,
    other_proxy: Proxy,
    server: postgres.Postgres,
    make: Make,
) -> None:
    await set_up(hass, entry, other_entry)
    yesterday = ago(days=1)[:10]
    row = request(1, f"{yesterday} 12:00", cost=2.5, api_key="key-of-another")
    address = server.dsn(make(spend_logs() + insert([row])))
    serve_days(other_proxy, day(yesterday, {"gpt-4o": 2.5}, {"openai": 2.5}))
    assert (await choose(hass, entry, source="database", dsn=address))["type"] is FlowResultType.CREATE_ENTRY
    assert (await choose(hass, other_entry, source="api"))["type"] is FlowResultType.CREATE_ENTRY


async def test_one_database_is_known_also_by_users_who_may_not_read_its_number(
    hass: HomeAssistant, entry: MockConfigEntry, other_entry: MockConfigEntry, server: postgres.Postgres, make: Make
) -> None:
    await set_up(hass, entry, other_entry)
    name = make(spend_logs() + insert(past()))
    server.sql(
        """CREATE ROLE restricted LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO restricted;
        REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC""",
        name,
    )
    assert (await choose(hass, entry, source="database", dsn=server.dsn(name)))["type"] is FlowResultType.CREATE_ENTRY
    second = await choose(hass, other_entry, source="database", dsn=server.dsn(name, "restricted"))
    assert second["errors"] == {"history": "history_taken"}


async def test_proxies_that_have_not_been_used_are_not_taken_for_one(
    hass: HomeAssistant, entry: MockConfigEntry, other_entry: MockConfigEntry, proxy: Proxy, other_proxy: Proxy
) -> None:
    await set_up(hass, entry, other_entry)
    for one in (proxy, other_proxy):
        serve_days(one)
    assert (await choose(hass, entry, source="api"))["type"] is FlowResultType.CREATE_ENTRY
    assert (await choose(hass, other_entry, source="api"))["type"] is FlowResultType.CREATE_ENTRY
