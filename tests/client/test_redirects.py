"""Redirects are followed within the origin; the key stays there."""

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from custom_components.litellm_pulse.client import MetricsClient, RedirectError

from ..proxy import Proxy
from .conftest import body_of, ignore


async def test_a_redirect_on_the_same_host_is_followed_with_the_key(client: MetricsClient, proxy: Proxy) -> None:
    async def move(request: web.Request) -> web.Response:
        if request.path == "/metrics/":
            raise web.HTTPTemporaryRedirect("/new/metrics/?name=a")
        return web.Response(body=b"a 1\n")

    proxy.handler = move
    assert await body_of(client) == b"a 1\n"
    assert proxy.requests[1].path_qs == "/new/metrics/?name=a"
    assert proxy.requests[1].headers["Authorization"] == "Bearer sk-1234"


async def test_the_key_never_goes_to_another_host(client: MetricsClient, proxy: Proxy) -> None:
    proxy.answer(status=302, Location=f"http://localhost:{proxy.server.port}/metrics/")
    with pytest.raises(RedirectError):
        await client.fetch(ignore)
    assert [request.path for request in proxy.requests] == ["/metrics/", "/metrics"]


async def test_a_location_without_tls_does_not_take_the_key_out_of_tls(
    trusting_session: ClientSession, proxy: Proxy, tls_proxy: Proxy
) -> None:
    async def forget_tls(request: web.Request) -> web.Response:
        if request.path == "/metrics/":
            raise web.HTTPTemporaryRedirect(f"{proxy.url}/elsewhere/")
        return web.Response(body=b"a 1\n")

    tls_proxy.handler = forget_tls
    assert await body_of(MetricsClient(trusting_session, URL(tls_proxy.url), "sk-1234")) == b"a 1\n"
    assert [request.path for request in tls_proxy.requests] == ["/metrics/", "/elsewhere/"]
    assert not proxy.requests


async def test_redirects_in_circles_end(client: MetricsClient, proxy: Proxy) -> None:
    proxy.answer(status=307, Location="/metrics/")
    with pytest.raises(RedirectError):
        await client.fetch(ignore)
    assert len(proxy.requests) == 5


@pytest.mark.parametrize("headers", [{}, {"Location": "http://[broken"}, {"Location": "ftp://127.0.0.1/"}])
async def test_a_redirect_to_nowhere_is_an_error(client: MetricsClient, proxy: Proxy, headers: dict[str, str]) -> None:
    proxy.answer(status=307, **headers)
    with pytest.raises(RedirectError):
        await client.fetch(ignore)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_key_never_goes_to_another_port_of_the_same_host(
    client: MetricsClient, proxy: Proxy, other_proxy: Proxy, status: int
) -> None:
    proxy.answer(status=status, Location=f"{other_proxy.url}/metrics/")
    with pytest.raises(RedirectError):
        await client.fetch(ignore)
    assert not other_proxy.requests


async def test_the_key_never_goes_to_another_port_behind_tls(
    trusting_session: ClientSession, proxy: Proxy, tls_proxy: Proxy
) -> None:
    proxy.answer(status=301, Location=f"{tls_proxy.url}/metrics/")
    with pytest.raises(RedirectError):
        await MetricsClient(trusting_session, URL(proxy.url), "sk-1234").fetch(ignore)
    assert not tls_proxy.requests


async def test_a_redirect_with_user_and_password_in_it_is_refused(client: MetricsClient, proxy: Proxy) -> None:
    proxy.answer(status=307, Location=f"http://admin:secret@127.0.0.1:{proxy.server.port}/metrics/")
    with pytest.raises(RedirectError) as caught:
        await client.fetch(ignore)
    assert "secret" not in str(caught.value)
