"""GET /metrics: bytes in, typed errors out; no parsing."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from ssl import SSLError
from time import monotonic
from typing import Final

from aiohttp import (
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    hdrs,
)
from yarl import URL

from . import address
from .const import BODY_LIMIT, CONNECT_TIMEOUT, REDIRECT_LIMIT, TIMEOUT

type Feed = Callable[[bytes], object]
"""Takes the next piece of a body, in microseconds; what it raises ends the transfer."""

_PIECE: Final = 256 * 1024
_PID: Final = "x-litellm-metrics-pid"
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class ScrapeError(Exception):
    """The proxy gave no body to count from."""


class CannotConnectError(ScrapeError):
    """Nothing answers at the address, or the connection broke."""


class ScrapeTimeoutError(ScrapeError):
    """The answer did not come in time."""


class TLSError(ScrapeError):
    """No trusted TLS connection: a certificate that is not valid, or no TLS at all."""


class InvalidAuthError(ScrapeError):
    """The proxy refuses the key, or asks for one (401, 403)."""


class NotFoundError(ScrapeError):
    """The proxy has no /metrics: its prometheus callback is not switched on (404)."""


class RedirectError(ScrapeError):
    """The address leads to another host, which must not see the key, or in circles."""


class TruncatedTransferError(ScrapeError):
    """The connection ended before the body did."""


class TooLargeError(ScrapeError):
    """The body is larger than the limit."""


class UnexpectedStatusError(ScrapeError):
    """The proxy answered with a status that is none of the others."""

    def __init__(self, status: int) -> None:
        """Keep the status."""
        super().__init__(f"HTTP {status}")
        self.status = status


class RateLimitedError(UnexpectedStatusError):
    """The proxy asks for patience (429)."""

    def __init__(self, retry_after: float | None) -> None:
        """Keep how many seconds it asks for; None where it does not say."""
        super().__init__(HTTPStatus.TOO_MANY_REQUESTS)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a complete answer beside its body."""

    answered_at: datetime | None
    """UTC, by the proxy's own clock: its Date header."""
    duration: float
    """Seconds from the request to the last byte."""
    complete: bool = True
    """A length or chunks prove that the body has ended where it should."""
    pid: str = ""
    """The worker that answered: the separate metrics port of LiteLLM says which; empty elsewhere."""


class MetricsClient:
    """Asks one proxy for its metrics."""

    def __init__(self, session: ClientSession, base: URL, api_key: str | None) -> None:
        """Take the shared session, the proxy's base address and a key that may read its metrics."""
        self.url = address.metrics(base)
        self._session = session
        self._headers = {hdrs.ACCEPT: "text/plain"}
        if api_key:
            self._headers[hdrs.AUTHORIZATION] = f"Bearer {api_key}"

    async def fetch(self, feed: Feed, families: Collection[str] = ()) -> Answer:
        """Ask for one body, or the part of it that holds these families; raises a ScrapeError.

        `feed` gets the body in pieces, on the event loop as they come in, so that a large one is
        never held as a whole; only if this returns, it has had all of them. LiteLLM gives a part
        on one worker; on several, an empty body.
        """
        begun = monotonic()
        try:
            # One limit over all redirects and the body together.
            async with asyncio.timeout(TIMEOUT):
                url = self.url.with_query([("name[]", one) for one in families])
                headers = await self._follow(url, feed)
        except TimeoutError as err:
            raise ScrapeTimeoutError(str(err)) from err
        except (ClientSSLError, SSLError) as err:
            raise TLSError(str(err)) from err
        except ClientPayloadError as err:
            raise TruncatedTransferError(str(err)) from err
        except (ClientError, OSError) as err:
            raise CannotConnectError(str(err)) from err
        proven = hdrs.CONTENT_LENGTH in headers or "chunked" in headers.get(hdrs.TRANSFER_ENCODING, "").lower()
        return Answer(_date(headers), monotonic() - begun, proven, headers.get(_PID, ""))

    async def _follow(self, url: URL, feed: Feed) -> Mapping[str, str]:
        """Hand the body of the first answer on that is not a redirect; return its headers.

        Redirects are followed by hand, since aiohttp would take the key along to another port.
        """
        for _ in range(REDIRECT_LIMIT + 1):
            async with self._session.get(
                url,
                headers=self._headers,
                allow_redirects=False,
                timeout=ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
            ) as response:
                if response.status not in _REDIRECTS:
                    _check(response)
                    await _read(response, feed)
                    return response.headers
                url = _next(url, response)
        raise RedirectError("Too many redirects")


def _next(url: URL, response: ClientResponse) -> URL:
    """Return where a redirect leads, as long as that is the same host."""
    try:
        target = url.join(URL(response.headers[hdrs.LOCATION]))
    except (KeyError, ValueError) as err:
        raise RedirectError("A redirect without a usable Location") from err
    if target.host != url.host or target.scheme not in {"http", "https"}:
        raise RedirectError("A redirect to another host")
    if url.scheme == "https" and target.scheme == "http":
        # LiteLLM behind a TLS proxy does not know that it is; the key never travels in the clear.
        return url.with_path(target.path).with_query(target.query)
    return target


def _check(response: ClientResponse) -> None:
    """Raise for every status but 200."""
    match response.status:
        case HTTPStatus.OK:
            return
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            raise InvalidAuthError
        case HTTPStatus.NOT_FOUND:
            raise NotFoundError
        case HTTPStatus.TOO_MANY_REQUESTS:
            raise RateLimitedError(_retry_after(response))
        case status:
            raise UnexpectedStatusError(status)


async def _read(response: ClientResponse, feed: Feed) -> None:
    """Hand the body on in pieces; what was compressed counts with its real size."""
    if (response.content_length or 0) > BODY_LIMIT:
        raise TooLargeError
    size = 0
    async for piece in response.content.iter_chunked(_PIECE):
        size += len(piece)
        if size > BODY_LIMIT:
            raise TooLargeError
        feed(piece)


def _date(headers: Mapping[str, str]) -> datetime | None:
    """Return the Date header, or None where there is none that can be read."""
    return _moment(headers.get(hdrs.DATE, ""))


def _retry_after(response: ClientResponse) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date."""
    text = response.headers.get(hdrs.RETRY_AFTER, "")
    if text.isascii() and text.isdigit():
        return float(text)
    moment = _moment(text)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds()) if moment else None


def _moment(text: str) -> datetime | None:
    """Return an HTTP date in UTC, which it always means, whatever zone it names."""
    try:
        return parsedate_to_datetime(text).replace(tzinfo=UTC)
    except ValueError:
        return None
