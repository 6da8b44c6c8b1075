"""An address is understood however it was typed."""

import pytest
from yarl import URL

from custom_components.litellm_pulse import address


@pytest.mark.parametrize(
    ("typed", "base"),
    [
        ("http://litellm:4000", "http://litellm:4000/"),
        ("http://litellm:4000/", "http://litellm:4000/"),
        ("http://litellm:4000/metrics", "http://litellm:4000/"),
        ("http://litellm:4000/metrics/", "http://litellm:4000/"),
        ("  litellm:4000 ", "http://litellm:4000/"),
        ("litellm", "http://litellm/"),
        ("https://Example.ORG/ai/litellm/metrics", "https://example.org/ai/litellm"),
        ("https://example.org/metrics/proxy/", "https://example.org/metrics/proxy"),
        ("[::1]:4000", "http://[::1]:4000/"),
        ("http://litellm:4000/ui/?page=usage&login=success", "http://litellm:4000/"),
        ("https://example.org/litellm/ui/login#top", "https://example.org/litellm"),
    ],
)
def test_what_was_typed_becomes_the_base_address(typed: str, base: str) -> None:
    assert address.parse(typed) == URL(base)


@pytest.mark.parametrize("typed", ["", "http://", "ftp://litellm", "http://litellm:99999", "http://litellm:0", "a b"])
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(address.InvalidAddressError):
        address.parse(typed)


@pytest.mark.parametrize(
    "typed", ["http://user@litellm", "http://:pw@litellm/ui/", "litellm/?key=sk", "litellm#metrics"]
)
def test_secrets_do_not_belong_in_an_address(typed: str) -> None:
    with pytest.raises(address.InvalidAddressError):
        address.parse(typed)


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("litellm:4000", "http://litellm:4000/metrics/"),
        ("https://example.org/ai/", "https://example.org/ai/metrics/"),
    ],
)
def test_metrics_are_asked_for_with_the_closing_slash(typed: str, asked: str) -> None:
    assert str(address.metrics(address.parse(typed))) == asked


def test_a_proxy_is_the_same_whatever_the_scheme() -> None:
    typed = ("http://litellm:4000", "https://litellm:4000", "LiteLLM:4000/metrics")
    assert {address.identity(address.parse(one)) for one in typed} == {"litellm:4000"}


@pytest.mark.parametrize("typed", ["litellm:4001", "litellm:4000/other", "litellm"])
def test_another_port_or_path_is_another_proxy(typed: str) -> None:
    assert address.identity(address.parse(typed)) != "litellm:4000"


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("litellm:4000", "litellm:4000"),
        ("https://example.org", "example.org"),
        ("https://example.org/ai", "example.org/ai"),
    ],
)
def test_the_title_is_the_address_as_one_would_say_it(typed: str, title: str) -> None:
    assert address.title(address.parse(typed)) == title


PARTS = ("scheme", "host", "port", "path_qs")


@pytest.mark.parametrize(
    ("asked", "location", "target"),
    [
        ("http://litellm:4000/metrics", "/metrics/", "http://litellm:4000/metrics/"),
        ("http://litellm:4000/metrics", "http://litellm:4000/a?b=c#d", "http://litellm:4000/a?b=c"),
        ("http://litellm:80/metrics", "http://LiteLLM/metrics/", "http://litellm/metrics/"),
        ("http://litellm/metrics", "https://litellm/metrics/", "https://litellm/metrics/"),
        ("http://litellm/metrics", "https://litellm:443/metrics/", "https://litellm/metrics/"),
        ("https://litellm/metrics", "http://litellm/metrics/", "https://litellm/metrics/"),
        ("https://litellm:8443/metrics", "http://litellm:4000/metrics/", "https://litellm:8443/metrics/"),
    ],
)
def test_a_redirect_is_followed_within_its_origin(asked: str, location: str, target: str) -> None:
    found = address.redirected(URL(asked), location)
    assert [getattr(found, part) for part in PARTS] == [getattr(URL(target), part) for part in PARTS]


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ("http://litellm:4000/metrics", "http://litellm:4001/metrics/"),
        ("http://litellm:4000/metrics", "https://litellm/metrics/"),
        ("http://litellm:4000/metrics", "https://litellm:4000/metrics/"),
        ("http://litellm/metrics", "https://litellm:8443/metrics/"),
        ("https://litellm/metrics", "https://litellm:8443/metrics/"),
        ("http://litellm/metrics", "http://litellm.example/metrics/"),
        ("http://litellm/metrics", "//evil/metrics/"),
        ("http://litellm/metrics", "http://litellm@evil/"),
        ("http://litellm/metrics", "http://user:pw@litellm/metrics/"),
        ("http://litellm/metrics", "http://:pw@litellm/metrics/"),
        ("http://litellm/metrics", "ftp://litellm/metrics/"),
        ("http://litellm/metrics", "javascript:alert(1)"),
        ("http://litellm/metrics", "file:///etc/passwd"),
        ("http://litellm/metrics", "http://[broken"),
        ("http://litellm/metrics", "http://litellm:99999/"),
    ],
)
def test_a_redirect_out_of_its_origin_is_refused(asked: str, location: str) -> None:
    with pytest.raises(address.InvalidAddressError):
        address.redirected(URL(asked), location)
