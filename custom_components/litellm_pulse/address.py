"""The proxy's address: what a user may type, and what it means."""

from typing import Final

from yarl import URL

_METRICS: Final = "/metrics"
_KNOWN: Final = (_METRICS, "/v1", "/ui")
"""What people copy along with the address: for Prometheus, for an application, from the browser."""
_PAGES: Final = "/ui/"
"""LiteLLM's own pages are below, and say in the query which one it is."""
_UPGRADE: Final = ("http", 80), ("https", 443)


class InvalidAddressError(ValueError):
    """The text is not an address of a proxy."""


def parse(text: str) -> URL:
    """Return the base address of a proxy: without /metrics, /v1 or /ui, without a closing slash.

    `host:4000` means http; a base path is kept. Raises InvalidAddressError, also for user
    information (it would end up in logs and titles) and for a query.
    """
    text = text.strip()
    try:
        url = URL(text if "://" in text else f"http://{text}")
        base, pages, _ = url.path.partition(_PAGES)
        url = url.with_path(base) if pages else url
        usable = url.scheme in {"http", "https"} and url.host and url.port and not any(map(str.isspace, text))
    except ValueError as err:
        raise InvalidAddressError from err
    if not usable or url.user is not None or url.password is not None or url.query_string or url.fragment:
        raise InvalidAddressError
    path = url.path.rstrip("/")
    for known in _KNOWN:
        path = path.removesuffix(known)
    return url.with_path(path.rstrip("/"))


def metrics(base: URL) -> URL:
    """Return where the metrics are; LiteLLM redirects to the slash, so it is asked for at once."""
    return base.with_path(f"{base.path.rstrip('/')}{_METRICS}/")


def other_form(url: URL) -> URL:
    """Return the address without the slash at its end, or with it; some servers know only one of the two."""
    return url.with_path(url.path.rstrip("/") if url.path.endswith("/") else f"{url.path}/")


def redirected(url: URL, location: str) -> URL:
    """Return where a redirect leads; raises InvalidAddressError where it may not be followed with the key.

    It may within its origin: scheme, host and port. From http it may go up to https where both ports
    are the usual ones. LiteLLM behind a TLS proxy does not know that it is, and says http: then the
    path is asked for where it was asked before, for the key never travels in the clear.
    """
    try:
        target = url.join(URL(location)).with_fragment(None)
    except ValueError as err:
        raise InvalidAddressError from err
    if target.host != url.host or target.user is not None or target.password is not None:
        raise InvalidAddressError
    if (url.scheme, target.scheme) == ("https", "http"):
        return url.with_path(target.raw_path, encoded=True).with_query(target.query)
    origins = (url.scheme, url.port), (target.scheme, target.port)
    if origins[0] != origins[1] and origins != _UPGRADE:
        raise InvalidAddressError
    return target


def identity(base: URL) -> str:
    """Return what tells two proxies apart: host, port and path, whatever the scheme."""
    return f"{base.host_subcomponent}:{base.port}{base.path.rstrip('/')}"


def title(base: URL) -> str:
    """Return the address as a person would say it: host, port where it is not the usual one, path."""
    return f"{base.host_port_subcomponent}{base.path.rstrip('/')}"
