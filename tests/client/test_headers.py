"""What guards a proxy gets what it asks for, and nobody else does."""

import base64

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from custom_components.litellm_pulse.client import InvalidAuthError, MetricsClient, RedirectError

from ..proxy import Proxy
from .conftest import body_of, ignore

ACCESS = {"CF-Access-Client-Id": "id.access", "CF-Access-Client-Secret": "s3cret"}


async def test_a_proxy_behind_cloudflare_access_is_reached_with_its_headers(
    session: ClientSession, proxy: Proxy
) -> None:
    async def guard(request: web.Request) -> web.Response:
        if any(request.headers.get(name) != value for name, value in ACCESS.items()):
            raise web.HTTPFound("https://team.cloudflareaccess.com/cdn-cgi/access/login")
        return web.Response(body=b"a 1\n")

    proxy.handler = guard
    with pytest.raises(RedirectError):
        await MetricsClient(session, URL(proxy.url), "sk-1234").fetch(ignore)
    assert await body_of(MetricsClient(session, URL(proxy.url), "sk-1234", extra_headers=ACCESS)) == b"a 1\n"


async def test_a_proxy_behind_basic_authentication_is_reached_with_its_header(
    session: ClientSession, proxy: Proxy
) -> None:
    basic = f"Basic {base64.b64encode(b'me:secret').decode()}"

    async def guard(request: web.Request) -> web.Response:
        if request.headers.getall("Authorization") != [basic]:
            raise web.HTTPUnauthorized
        return web.Response(body=b"a 1\n")

    proxy.handler = guard
    client = MetricsClient(session, URL(proxy.url), "sk-1234", extra_headers={"authorization": basic})
    assert await body_of(client) == b"a 1\n"
    # LiteLLM behind it finds its key where it looks first.
    assert proxy.requests[-1].headers["x-litellm-api-key"] == "Bearer sk-1234"


async def test_extra_headers_stay_with_the_origin(session: ClientSession, proxy: Proxy, other_proxy: Proxy) -> None:
    proxy.answer(status=307, Location=other_proxy.url)
    with pytest.raises(RedirectError):
        await MetricsClient(session, URL(proxy.url), None, extra_headers=ACCESS).fetch(ignore)
    assert not other_proxy.requests


@pytest.mark.parametrize("key", ["sk-1234\n", " sk-1234\r\n", "Bearer sk-1234", "Authorization: Bearer sk-1234"])
async def test_a_key_is_sent_as_it_was_meant(session: ClientSession, proxy: Proxy, key: str) -> None:
    await MetricsClient(session, URL(proxy.url), key).fetch(ignore)
    assert proxy.requests[0].headers["Authorization"] == "Bearer sk-1234"


@pytest.mark.parametrize("key", ["sk-12\n34", "sk 1234", "sk-\x00", "sk-ü", "sk-1\r\nHost: evil"])
async def test_a_key_that_no_header_can_hold_is_a_key_that_is_refused(
    session: ClientSession, proxy: Proxy, key: str
) -> None:
    with pytest.raises(InvalidAuthError):
        await MetricsClient(session, URL(proxy.url), key).fetch(ignore)
    assert not proxy.requests
