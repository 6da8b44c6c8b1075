"""GET /metrics: bytes in, typed errors out; no parsing."""

import asyncio
import json
import re
from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from ssl import SSLContext, SSLError
from time import monotonic
from typing import Final

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    hdrs,
)
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from . import address
from .authority import trusting
from .body import DamagedBodyError, Feed, OversizedBodyError, UnreadableBodyError, is_packed, read
from .const import BODY_LIMIT, CONNECT_TIMEOUT, REDIRECT_LIMIT, TIMEOUT
from .core.errors import WebPageError
from .credentials import InvalidKeyError, request_headers
from .http_headers import moment, retry_after

_PID: Final = "x-litellm-metrics-pid"
_WORKER: Final = re.compile(r"[!-~]{1,64}")
"""What the header may say: it is written down, and of bytes beyond ASCII aiohttp makes text that no file can hold."""
_READINESS: Final = ("readiness/details", "readiness")
"""Where LiteLLM tells its version: newer releases only in the first, and only to who has a key."""
_READINESS_BYTES: Final = 64 * 1024
"""Far more than it has ever been."""
_VERSION: Final = re.compile(r"v?[0-9]+(\.[0-9A-Za-z]{1,12}){1,4}([-+][0-9A-Za-z.]{1,24})?")
"""Whatever else a server calls its version is shown to nobody."""
_WRONG_PATH: Final = frozenset({400, 405, 406, 410, 501})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class ScrapeError(Exception):
    """The proxy gave no body to count from."""


class CannotConnectError(ScrapeError):
    """Nothing answers at the address, or the connection broke."""


class NotHTTPError(ScrapeError):
    """Something answers that is not HTTP: another service's port, or a damaged answer."""


class ScrapeTimeoutError(ScrapeError):
    """The answer did not come in time."""


class TLSError(ScrapeError):
    """No trusted TLS connection: a certificate that is not valid, no TLS at all, or none that both speak."""


class CAFileError(ScrapeError):
    """The file of the certificate authority cannot be read, or holds no certificate."""


class InvalidAuthError(ScrapeError):
    """The proxy refuses the key, or asks for one (401, 403)."""


class ForbiddenError(InvalidAuthError):
    """The proxy, or a gateway before it, lets nobody in there (403)."""


class NotFoundError(ScrapeError):
    """The proxy has no /metrics: its prometheus callback is not switched on (404)."""


class RedirectError(ScrapeError):
    """The address leads to another host or port, which must not see the key, or in circles."""


class ForeignRedirectError(RedirectError):
    """The address leads to another host or port."""


class TruncatedTransferError(ScrapeError):
    """The connection ended before the body did."""


class EncodingError(ScrapeError):
    """The body is packed as nobody has asked for, or not as its header says."""


class TooLargeError(ScrapeError):
    """The body is larger than the limit."""


class UnexpectedStatusError(ScrapeError):
    """The proxy answered with a status that is none of the others."""

    def __init__(self, status: int) -> None:
        """Keep the status."""
        super().__init__(f"HTTP {status}")
        self.status = status


class WrongPathError(UnexpectedStatusError):
    """The proxy does not answer to a question for metrics there (405, 406, 410 ...)."""


class RateLimitedError(UnexpectedStatusError):
    """The proxy asks for patience (429)."""

    def __init__(self, retry_after: float | None) -> None:
        """Keep how many seconds it asks for; None where it does not say."""
        super().__init__(HTTPStatus.TOO_MANY_REQUESTS)
        self.retry_after = retry_after


_ELSEWHERE: Final = (NotFoundError, ForbiddenError, ForeignRedirectError, WrongPathError, WebPageError)
"""What a server answers that knows only the other form of the address."""


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

    def __init__(
        self,
        session: ClientSession,
        base: URL,
        api_key: str | None,
        *,
        extra_headers: Mapping[str, str] | None = None,
        ca_file: str | None = None,
    ) -> None:
        """Take the shared session, the proxy's base address and a key that may read its metrics.

        `extra_headers` are for whatever guards the proxy; of `ca_file` is the certificate authority
        that is trusted instead of those of the session.
        """
        self.url = address.metrics(base)
        self.liveness = base.with_path(f"{base.path.rstrip('/')}/health/liveliness")
        """Where LiteLLM tells, without a key, that it is alive."""
        self._session = session
        self._headers = CIMultiDict({hdrs.ACCEPT: "text/plain, */*;q=0.1", hdrs.ACCEPT_ENCODING: "gzip"})
        self._ca_file = ca_file
        self._tls: SSLContext | None = None
        self._refused_key = False
        try:
            self._headers.update(request_headers(api_key, extra_headers))
        except InvalidKeyError:
            self._refused_key = True

    async def fetch(self, feed: Feed, families: Collection[str] = ()) -> Answer:
        """Ask for one body, or the part of it that holds these families; raises a ScrapeError.

        `feed` gets the body in pieces, on the event loop as they come in, so that a large one is
        never held as a whole; only if this returns, it has had all of them. LiteLLM gives a part
        on one worker; on several, an empty body.
        """
        if self._refused_key:
            raise InvalidAuthError("No header can hold this key")
        begun = monotonic()
        try:
            # One limit over all redirects and the body together.
            async with asyncio.timeout(TIMEOUT):
                await self._load_authority()
                headers = await self._ask(feed, [("name[]", one) for one in families])
        except TimeoutError as err:
            raise ScrapeTimeoutError(str(err)) from err
        except (ClientSSLError, SSLError) as err:
            # The authority's certificate may have been renewed.
            self._tls = None
            raise TLSError(str(err)) from err
        except ClientConnectorError as err:
            raise (TLSError if _broke_off(err) else CannotConnectError)(str(err)) from err
        except ClientPayloadError as err:
            raise TruncatedTransferError(str(err)) from err
        except ClientResponseError as err:
            raise NotHTTPError(err.message) from err
        # ValueError: a name that is none to the resolver, a header that is none to aiohttp.
        except (ClientError, OSError, ValueError) as err:
            raise CannotConnectError(str(err)) from err
        # As the last of several, it says where the body ends; in another word it does not.
        chunked = headers.get(hdrs.TRANSFER_ENCODING, "").lower().rpartition(",")[2].strip() == "chunked"
        proven = is_packed(headers) or hdrs.CONTENT_LENGTH in headers or chunked
        pid = headers.get(_PID, "")
        worker = pid if _WORKER.fullmatch(pid) else ""
        return Answer(moment(headers.get(hdrs.DATE, "")), monotonic() - begun, proven, worker)

    async def version(self) -> str | None:
        """Return LiteLLM's version, or None where it does not tell."""
        for path in _READINESS:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    answer = await self._json(self.liveness.parent / path)
            # RecursionError: JSON of brackets only.
            except ScrapeError, TimeoutError, ClientError, OSError, ValueError, RecursionError:
                continue
            version = answer.get("litellm_version") if isinstance(answer, dict) else None
            if isinstance(version, str) and _VERSION.fullmatch(version):
                return version
        return None

    async def _json(self, url: URL) -> object:
        """Return the JSON of an answer, None where there is none; raises what `fetch` is made of."""
        await self._load_authority()
        async with self._get(url) as response:
            if response.status != HTTPStatus.OK:
                return None
            body = bytearray()
            await _read(response, body.extend, _READINESS_BYTES)
            return json.loads(body)

    async def _load_authority(self) -> None:
        """Read the file of the certificate authority, where there is one; raises CAFileError."""
        if self._ca_file is None or self._tls is not None:
            return
        try:
            self._tls = await asyncio.to_thread(trusting, self._ca_file)
        except (OSError, ValueError) as err:
            raise CAFileError(str(err)) from err

    async def _ask(self, feed: Feed, query: list[tuple[str, str]]) -> CIMultiDictProxy[str]:
        """Ask with the slash at the end or without it, whichever the server knows, and remember that."""
        try:
            return await self._follow(self.url.with_query(query), feed)
        except _ELSEWHERE as err:
            other = address.other_form(self.url)
            try:
                headers = await self._follow(other.with_query(query), feed)
            except NotFoundError:
                raise err from None
            self.url = other
            return headers

    async def _follow(self, url: URL, feed: Feed) -> CIMultiDictProxy[str]:
        """Hand the body of the first answer on that is not a redirect; return its headers.

        Redirects are followed by hand, since aiohttp would not take the key along within an origin,
        and would follow out of it.
        """
        for _ in range(REDIRECT_LIMIT + 1):
            async with self._get(url) as response:
                if response.status not in _REDIRECTS:
                    _check(response)
                    await _read(response, feed, BODY_LIMIT)
                    return response.headers
                url = _next(url, response)
        raise RedirectError("Too many redirects")

    def _get(self, url: URL) -> AbstractAsyncContextManager[ClientResponse]:
        """Ask for an address, and only there."""
        return self._session.get(
            url,
            headers=self._headers,
            allow_redirects=False,
            # Unpacked by BodyReader: the end of what was packed proves the end of the body.
            auto_decompress=False,
            ssl=True if self._tls is None else self._tls,
            timeout=ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
        )


def _broke_off(err: ClientConnectorError) -> bool:
    """Whether a server ended a connection that stood before TLS did; one that refuses any is not there."""
    return isinstance(err.os_error, ConnectionResetError | ConnectionAbortedError)


def _next(url: URL, response: ClientResponse) -> URL:
    """Return where a redirect leads; raises RedirectError where the key may not go there."""
    try:
        return address.redirected(url, response.headers[hdrs.LOCATION])
    except KeyError as err:
        raise RedirectError("A redirect without a Location") from err
    except address.InvalidAddressError as err:
        raise ForeignRedirectError("A redirect to another host or port") from err


def _check(response: ClientResponse) -> None:
    """Raise for every status but 200."""
    match response.status:
        case HTTPStatus.OK:
            return
        case HTTPStatus.UNAUTHORIZED:
            raise InvalidAuthError
        case HTTPStatus.FORBIDDEN:
            raise ForbiddenError
        case HTTPStatus.NOT_FOUND:
            raise NotFoundError
        case HTTPStatus.TOO_MANY_REQUESTS:
            raise RateLimitedError(retry_after(response.headers.get(hdrs.RETRY_AFTER, "")))
        case status if status in _WRONG_PATH:
            raise WrongPathError(status)
        case status:
            raise UnexpectedStatusError(status)


async def _read(response: ClientResponse, feed: Feed, limit: int) -> None:
    """Hand the body on in pieces; raises TooLargeError, EncodingError, TruncatedTransferError, what the feed raises."""
    try:
        await read(response, feed, limit)
    except OversizedBodyError as err:
        raise TooLargeError from err
    except UnreadableBodyError as err:
        raise EncodingError(str(err)) from err
    except DamagedBodyError as err:
        raise TruncatedTransferError(str(err)) from err
