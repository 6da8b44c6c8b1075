"""The proxy's address: what a user may type, and what it means."""

from typing import Final

from yarl import URL

_METRICS: Final = "/metrics"
_KNOWN: Final = (_METRICS, "/v1", "/ui")
"""What people copy along with the address: for Prometheus, for an application, from the browser."""


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


def identity(base: URL) -> str:
    """Return what tells two proxies apart: host, port and path, whatever the scheme."""
    return f"{base.host_subcomponent}:{base.port}{base.path.rstrip('/')}"


def title(base: URL) -> str:
    """Return the address as a person would say it: host, port where it is not the usual one, path."""
    return f"{base.host_port_subcomponent}{base.path.rstrip('/')}"
