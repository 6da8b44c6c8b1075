"""Whoever types an address is told what is wrong with it, and nothing else stays behind."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port
from homeassistant.config_entries import SOURCE_USER, ConfigFlowResult
from homeassistant.const import CONF_API_KEY, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse import client, config_flow
from custom_components.litellm_pulse.const import CONF_SCAN_INTERVAL, DOMAIN

from .conftest import add_entry, set_up
from .proxy import Handler, Proxy, recording


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
    monkeypatch.setattr(config_flow, "ExpositionParser", lambda _: 1 / 0)
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
    assert _suggested(form) == {CONF_URL: proxy.url, CONF_VERIFY_SSL: True}
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
    result = await hass.config_entries.options.async_configure(form["flow_id"], {CONF_SCAN_INTERVAL: 300})
    await hass.async_block_till_done()
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options[CONF_SCAN_INTERVAL] == 300
    assert entry.runtime_data.coordinator.update_interval.total_seconds() == 300


@pytest.mark.parametrize("seconds", [9, 3601])
async def test_an_interval_out_of_bounds_is_refused(hass: HomeAssistant, entry: MockConfigEntry, seconds: int) -> None:
    assert await set_up(hass, entry)
    form = await hass.config_entries.options.async_init(entry.entry_id)
    with pytest.raises(Exception, match=CONF_SCAN_INTERVAL):
        await hass.config_entries.options.async_configure(form["flow_id"], {CONF_SCAN_INTERVAL: seconds})
