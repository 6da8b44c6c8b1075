"""Whoever types an address is told what is wrong with it, and nothing else stays behind."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port
from homeassistant.config_entries import SOURCE_USER, ConfigEntryState, ConfigFlowResult
from homeassistant.const import CONF_API_KEY, CONF_NAME, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
from pytest_homeassistant_custom_component.common import MockConfigEntry
from yarl import URL

from custom_components.litellm_pulse import address, client, config_flow
from custom_components.litellm_pulse.const import CONF_SCAN_INTERVAL, DOMAIN

from .conftest import add_entry, set_up, state
from .proxy import Handler, Proxy, Traffic, recording


async def _type(hass: HomeAssistant, **typed: Any) -> ConfigFlowResult:  # noqa: ANN401
    """Open the form and fill it in."""
    form = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert form["type"] is FlowResultType.FORM
    return await _fill(hass, form, **typed)


async def _fill(hass: HomeAssistant, form: ConfigFlowResult, **typed: Any) -> ConfigFlowResult:  # noqa: ANN401
    """Fill a form in that is open."""
    result = await hass.config_entries.flow.async_configure(form["flow_id"], typed)
    await hass.async_block_till_done(wait_background_tasks=True)
    return result


def _suggested(form: ConfigFlowResult) -> dict[str, Any]:
    """Return what a form shows in its fields."""
    assert form["data_schema"] is not None
    return {
        str(field): field.description["suggested_value"]
        for field in form["data_schema"].schema
        if field.description and "suggested_value" in field.description
    }


async def test_a_proxy_is_set_up_from_its_address_and_key(hass: HomeAssistant, proxy: Proxy) -> None:
    result = await _type(hass, url=f"{proxy.url}/metrics", api_key="sk-1234", verify_ssl=True)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == f"127.0.0.1:{proxy.server.port}"
    assert result["data"] == {CONF_URL: proxy.url, CONF_API_KEY: "sk-1234", CONF_VERIFY_SSL: True}
    assert proxy.requests[0].headers["Authorization"] == "Bearer sk-1234"


async def test_a_proxy_without_a_key_needs_none(hass: HomeAssistant, proxy: Proxy) -> None:
    result = await _type(hass, url=f"127.0.0.1:{proxy.server.port}", verify_ssl=True)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert CONF_API_KEY not in result["data"]


async def test_tls_is_verified_unless_one_says_otherwise(hass: HomeAssistant) -> None:
    form = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert form["data_schema"] is not None
    assert form["data_schema"]({CONF_URL: "litellm"})[CONF_VERIFY_SSL] is True


def _answering(body: bytes = b"", status: int = 200, **headers: str) -> Handler:
    """Return what answers always the same."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers=headers)

    return handler


async def _hang(_: web.Request) -> web.Response:
    """Answer too late."""
    await asyncio.sleep(0.5)
    return web.Response()


async def _break_off(request: web.Request) -> web.StreamResponse:
    """Answer half."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    assert request.transport is not None
    request.transport.close()
    return response


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        pytest.param(_hang, "timeout", id="hangs"),
        pytest.param(_answering(b'"no key"', 401), "invalid_auth", id="401"),
        pytest.param(_answering(b'"no right"', 403), "invalid_auth", id="403"),
        pytest.param(_answering(b'{"detail":"Not Found"}', 404), "not_found", id="404"),
        pytest.param(_answering(b"slow down", 429), "rate_limited", id="429"),
        pytest.param(_answering(b"oops", 500), "unexpected_status", id="500"),
        pytest.param(_answering(b"", 302, Location="http://localhost/login"), "redirect", id="another host"),
        pytest.param(_answering(b"<!doctype html><html></html>"), "not_prometheus", id="a web page"),
        pytest.param(_answering(b'{"status":"ok"}'), "not_prometheus", id="json"),
        pytest.param(_answering(b""), "no_litellm_metrics", id="empty"),
        pytest.param(_answering(b"# TYPE up gauge\nup 1\n"), "no_litellm_metrics", id="another exporter"),
        pytest.param(_answering(recording("litellm-1.63-enterprise-only")), "enterprise_only", id="before 1.80"),
        pytest.param(_answering(b"# TYPE litellm_a counter\nlitellm_a 1"), "truncated", id="cut"),
        pytest.param(_answering(b"x" * 100_000), "too_large", id="too large"),
        pytest.param(_break_off, "truncated", id="breaks off"),
        pytest.param(_answering(b"\x8b\x01\x80a 1\n\x03", Content_Encoding="br"), "encoding", id="brotli"),
    ],
)
async def test_what_is_wrong_is_said_and_can_be_mended(
    hass: HomeAssistant, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, handler: Handler, error: str
) -> None:
    monkeypatch.setattr(client, "TIMEOUT", 0.2)
    monkeypatch.setattr(client, "BODY_LIMIT", 50_000)
    proxy.handler = handler
    form = await _type(hass, url=proxy.url, verify_ssl=True)
    assert form["type"] is FlowResultType.FORM
    assert form["errors"] == {"base": error}
    assert _suggested(form)[CONF_URL] == proxy.url
    proxy.recover()
    monkeypatch.setattr(client, "TIMEOUT", 30)
    assert (await _fill(hass, form, url=proxy.url, verify_ssl=True))["type"] is FlowResultType.CREATE_ENTRY


async def test_nobody_there_is_said(hass: HomeAssistant, socket_enabled: None) -> None:  # noqa: ARG001
    form = await _type(hass, url=f"http://127.0.0.1:{unused_port()}", verify_ssl=True)
    assert form["errors"] == {"base": "cannot_connect"}


async def test_tls_where_there_is_none_is_said(hass: HomeAssistant, proxy: Proxy) -> None:
    form = await _type(hass, url=proxy.url.replace("http:", "https:"), verify_ssl=True)
    assert form["errors"] == {"base": "tls_error"}


async def test_what_is_no_address_is_said_at_its_field(hass: HomeAssistant, proxy: Proxy) -> None:
    form = await _type(hass, url="http://user:pw@litellm", verify_ssl=True)
    assert form["errors"] == {CONF_URL: "invalid_url"}
    assert (await _fill(hass, form, url=proxy.url, verify_ssl=True))["type"] is FlowResultType.CREATE_ENTRY


async def test_what_nobody_foresaw_is_said_and_logged(
    hass: HomeAssistant, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(config_flow, "create_client", lambda *_: 1 / 0)
    form = await _type(hass, url=proxy.url, verify_ssl=True)
    assert form["errors"] == {"base": "unknown"}
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("body", ["litellm-1.80.5", "litellm-1.106-master-key", "litellm-1.106-multiworker"])
async def test_every_useful_release_is_accepted(hass: HomeAssistant, proxy: Proxy, body: str) -> None:
    proxy.answer(recording(body))
    result = await _type(hass, url=proxy.url, verify_ssl=True)
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("suffix", ["", "/", "/metrics"])
async def test_a_proxy_is_set_up_once(hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, suffix: str) -> None:
    assert await set_up(hass, entry)
    result = await _type(hass, url=f"{proxy.url}{suffix}", verify_ssl=True)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"


async def test_a_key_that_is_refused_is_asked_for_again(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    assert await set_up(hass, entry)
    form = await entry.start_reauth_flow(hass)
    assert form["step_id"] == "reauth_confirm"
    proxy.answer(status=401)
    form = await _fill(hass, form, api_key="sk-wrong")
    assert form["errors"] == {"base": "invalid_auth"}
    proxy.recover()
    result = await _fill(hass, form, api_key="sk-right")
    assert result["reason"] == "reauth_successful"
    assert entry.data[CONF_API_KEY] == "sk-right"
    assert proxy.requests[-1].headers["Authorization"] == "Bearer sk-right"


async def test_a_key_that_works_again_need_not_be_typed(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await set_up(hass, entry)
    result = await _fill(hass, await entry.start_reauth_flow(hass))
    assert result["reason"] == "reauth_successful"
    assert entry.data[CONF_API_KEY] == "sk-1234"


async def test_reconfiguring_never_shows_the_key_and_keeps_it(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    assert await set_up(hass, entry)
    form = await entry.start_reconfigure_flow(hass)
    assert _suggested(form) == {CONF_URL: proxy.url, CONF_VERIFY_SSL: True, CONF_NAME: entry.title}
    result = await _fill(hass, form, url=f"{proxy.url}/metrics/", verify_ssl=False)
    assert result["reason"] == "reconfigure_successful"
    assert entry.data == {CONF_URL: proxy.url, CONF_API_KEY: "sk-1234", CONF_VERIFY_SSL: False}


async def test_a_proxy_that_moved_keeps_its_entry(
    hass: HomeAssistant, entry: MockConfigEntry, other_proxy: Proxy
) -> None:
    assert await set_up(hass, entry)
    form = await entry.start_reconfigure_flow(hass)
    result = await _fill(hass, form, url=other_proxy.url, verify_ssl=True)
    assert result["reason"] == "reconfigure_successful"
    assert entry.title == f"127.0.0.1:{other_proxy.server.port}"
    assert len(other_proxy.requests) == 2


async def test_a_title_that_the_user_chose_stays(
    hass: HomeAssistant, entry: MockConfigEntry, other_proxy: Proxy
) -> None:
    assert await set_up(hass, entry)
    hass.config_entries.async_update_entry(entry, title="AI at home")
    await _fill(hass, await entry.start_reconfigure_flow(hass), url=other_proxy.url, verify_ssl=True)
    assert entry.title == "AI at home"


async def test_an_entry_cannot_be_pointed_at_the_proxy_of_another(
    hass: HomeAssistant, entry: MockConfigEntry, other_proxy: Proxy
) -> None:
    assert await set_up(hass, entry)
    add_entry(hass, other_proxy)
    result = await _fill(hass, await entry.start_reconfigure_flow(hass), url=other_proxy.url, verify_ssl=True)
    assert result["reason"] == "already_configured"


async def test_the_interval_is_an_option(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await set_up(hass, entry)
    assert entry.runtime_data.coordinator.update_interval.total_seconds() == 60
    form = await hass.config_entries.options.async_init(entry.entry_id)
    result = await hass.config_entries.options.async_configure(form["flow_id"], {"counting": {CONF_SCAN_INTERVAL: 300}})
    await hass.async_block_till_done()
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options[CONF_SCAN_INTERVAL] == 300
    assert entry.runtime_data.coordinator.update_interval.total_seconds() == 300


@pytest.mark.parametrize("seconds", [9, 3601])
async def test_an_interval_out_of_bounds_is_refused(hass: HomeAssistant, entry: MockConfigEntry, seconds: int) -> None:
    assert await set_up(hass, entry)
    form = await hass.config_entries.options.async_init(entry.entry_id)
    with pytest.raises(Exception, match=CONF_SCAN_INTERVAL):
        await hass.config_entries.options.async_configure(form["flow_id"], {"counting": {CONF_SCAN_INTERVAL: seconds}})


async def _start(hass: HomeAssistant) -> ConfigFlowResult:
    """Begin to set a proxy up."""
    return await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})


def _litellm(hass: HomeAssistant, url: str, api_key: str | None) -> None:
    """Add an entry of Home Assistant's own LiteLLM integration."""
    key = {CONF_API_KEY: api_key} if api_key else {}
    MockConfigEntry(domain="litellm", data={CONF_URL: f"{url}/v1", **key}).add_to_hass(hass)


async def test_the_proxy_that_home_assistant_talks_to_is_offered_with_its_key(
    hass: HomeAssistant, proxy: Proxy
) -> None:
    _litellm(hass, proxy.url, "sk-voice")
    form = await _start(hass)
    assert form["step_id"] == "found"
    result = await _fill(hass, form, proxy=proxy.url)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == {CONF_URL: proxy.url, CONF_API_KEY: "sk-voice", CONF_VERIFY_SSL: True}
    assert (await _start(hass))["step_id"] == "user"


async def test_a_key_that_may_not_read_metrics_is_asked_for_anew(hass: HomeAssistant, proxy: Proxy) -> None:
    _litellm(hass, proxy.url, None)
    proxy.answer(status=401)
    form = await _fill(hass, await _start(hass), proxy=proxy.url)
    assert form["step_id"] == "user"
    assert form["errors"] == {"base": "invalid_auth"}
    assert _suggested(form)[CONF_URL] == proxy.url
    proxy.recover()
    result = await _fill(hass, form, url=proxy.url, api_key="sk-master", verify_ssl=True)
    assert result["data"][CONF_API_KEY] == "sk-master"


async def test_another_proxy_than_the_offered_can_be_set_up(hass: HomeAssistant, proxy: Proxy) -> None:
    _litellm(hass, "http://elsewhere:4000", "sk-voice")
    form = await _fill(hass, await _start(hass), proxy="another")
    assert form["step_id"] == "user"
    assert _suggested(form) == {}
    result = await _fill(hass, form, url=proxy.url, verify_ssl=True)
    assert CONF_API_KEY not in result["data"]


async def test_wrong_fields_keep_what_was_typed_except_secrets(hass: HomeAssistant, proxy: Proxy) -> None:
    proxy.answer(status=401)
    typed = {CONF_URL: proxy.url, CONF_VERIFY_SSL: False, CONF_NAME: "Home AI"}
    form = await _type(hass, **typed, api_key="sk-wrong", access={"extra_headers": ["X-Secret: s3cret"]})
    assert form["errors"] == {"base": "invalid_auth"}
    assert _suggested(form) == typed
    assert form["data_schema"] is not None
    access = {str(one): one.description for one in form["data_schema"].schema["access"].schema.schema}
    assert access["extra_headers"] == {"suggested_value": ["X-Secret:"]}


async def test_a_title_and_headers_may_be_chosen(hass: HomeAssistant, proxy: Proxy) -> None:
    headers = ["CF-Access-Client-Id: abc", "CF-Access-Client-Secret:  def "]
    result = await _type(hass, url=proxy.url, verify_ssl=True, name="Home AI", access={"extra_headers": headers})
    assert result["title"] == "Home AI"
    assert result["options"] == {
        "extra_headers": {"CF-Access-Client-Id": "abc", "CF-Access-Client-Secret": "def"},
        "ca_file": None,
    }


@pytest.mark.parametrize("header", ["no colon", "Host: elsewhere", "X Y: z", ": z", "X-Id:", "X-Id: ********"])
async def test_a_header_that_is_none_is_said(hass: HomeAssistant, proxy: Proxy, header: str) -> None:
    form = await _type(hass, url=proxy.url, verify_ssl=True, access={"extra_headers": [header]})
    assert form["errors"] == {"access": "invalid_header"}
    assert not proxy.requests


@pytest.mark.parametrize("file", ["missing.pem", "configuration.yaml"])
async def test_a_certificate_that_is_none_is_said(hass: HomeAssistant, proxy: Proxy, file: str) -> None:
    form = await _type(hass, url=proxy.url, verify_ssl=True, access={"ca_file": file})
    assert form["errors"] == {"access": "invalid_ca_file"}


async def test_a_stored_key_can_be_taken_away(hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy) -> None:
    assert await set_up(hass, entry)
    form = await entry.start_reconfigure_flow(hass)
    result = await _fill(hass, form, url=proxy.url, verify_ssl=True, remove_key=True)
    assert result["reason"] == "reconfigure_successful"
    assert CONF_API_KEY not in entry.data
    assert "Authorization" not in proxy.requests[-1].headers
    form = await entry.start_reconfigure_flow(hass)
    assert form["data_schema"] is not None
    assert "remove_key" not in form["data_schema"].schema


async def test_a_name_can_be_changed(hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy) -> None:
    assert await set_up(hass, entry)
    await _fill(hass, await entry.start_reconfigure_flow(hass), url=proxy.url, verify_ssl=True, name="AI at home")
    assert entry.title == "AI at home"
    assert entry.state is ConfigEntryState.LOADED


async def test_a_second_proxy_does_not_rename_the_first(
    hass: HomeAssistant, entry: MockConfigEntry, other_proxy: Proxy, device_registry: dr.DeviceRegistry
) -> None:
    def names(of: MockConfigEntry) -> set[str | None]:
        return {one.name for one in dr.async_entries_for_config_entry(device_registry, of.entry_id)}

    assert await set_up(hass, entry)
    assert "LiteLLM" in names(entry)
    other = add_entry(hass, other_proxy)
    assert await set_up(hass, other)
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert "LiteLLM" in names(entry)
    assert f"LiteLLM {other.title}" in names(other)


async def test_the_same_proxy_at_another_address_keeps_its_ledger_unasked(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, other_proxy: Proxy
) -> None:
    assert await set_up(hass, entry)
    proxy.traffic.spend["gpt-4o"] += 1
    await entry.runtime_data.coordinator.async_refresh()
    other_proxy.traffic = proxy.traffic
    other_proxy.traffic.spend["gpt-4o"] += 1
    result = await _fill(hass, await entry.start_reconfigure_flow(hass), url=other_proxy.url, verify_ssl=True)
    assert result["reason"] == "reconfigure_successful"
    assert state(hass, entry, "spend_lifetime") == "2.0"


async def test_a_proxy_that_was_restarted_on_its_way_is_known_by_its_series(
    hass: HomeAssistant, entry: MockConfigEntry, other_proxy: Proxy
) -> None:
    assert await set_up(hass, entry)
    other_proxy.restart(spend={"gpt-4o": 0.1, "claude-sonnet": 0.1, "brand-new": 0.1})
    result = await _fill(hass, await entry.start_reconfigure_flow(hass), url=other_proxy.url, verify_ssl=True)
    assert result["reason"] == "reconfigure_successful"


async def test_several_workers_at_another_address_count_from_then_on(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, other_proxy: Proxy
) -> None:
    proxy.traffic.workers = 2
    assert await set_up(hass, entry)
    other_proxy.traffic = Traffic(workers=2, spend={"gpt-4o": 0.75, "claude-sonnet": 0.5})
    result = await _fill(hass, await entry.start_reconfigure_flow(hass), url=other_proxy.url, verify_ssl=True)
    assert result["reason"] == "reconfigure_successful"
    other_proxy.traffic.spend["gpt-4o"] += 2
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done()
    assert state(hass, entry, "spend_lifetime") == "2.0"


async def test_another_proxy_is_recognized_and_mixed_only_when_that_is_meant(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, other_proxy: Proxy
) -> None:
    assert await set_up(hass, entry)
    other_proxy.traffic = Traffic(
        started=datetime(2026, 11, 2, tzinfo=UTC), spend={"llama": 5.0, "qwen": 2.0}, tokens={"llama": 7}
    )
    form = await _fill(hass, await entry.start_reconfigure_flow(hass), url=other_proxy.url, verify_ssl=True)
    assert form["step_id"] == "another_proxy"
    assert form["description_placeholders"] == {"url": other_proxy.url, "title": entry.title}
    assert entry.data[CONF_URL] == proxy.url
    result = await _fill(hass, form)
    assert result["reason"] == "reconfigure_successful"
    assert address.identity(URL(entry.data[CONF_URL])) == address.identity(URL(other_proxy.url))


async def test_an_entry_that_never_counted_takes_any_proxy(
    hass: HomeAssistant, entry: MockConfigEntry, other_proxy: Proxy
) -> None:
    other_proxy.restart(spend={"llama": 1.0})
    result = await _fill(hass, await entry.start_reconfigure_flow(hass), url=other_proxy.url, verify_ssl=True)
    assert result["reason"] == "reconfigure_successful"
