"""LiteLLM's REST API as a source: daily activity and lists of members, asked for page by page."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import date, timedelta
from typing import Any

import aiohttp

from ..credentials import InvalidKeyError, request_headers
from . import directory
from .daily import Activity, Page, gathered, page
from .errors import (
    AuthenticationError,
    NoDatabaseError,
    NotOfferedError,
    PermissionDeniedError,
    SourceError,
    SourceTimeoutError,
    TlsError,
    UnexpectedAnswerError,
    UnreachableError,
)

ROWS_PER_PAGE = 1_000
"""The most that LiteLLM gives; a page counts rows of its daily tables, not days."""
KEYS_PER_PAGE = 100
TIMEOUT = aiohttp.ClientTimeout(total=60)
"""A month of a busy proxy takes LiteLLM seconds."""

_WITHOUT_DATABASE = (
    "db not connected",
    "database not connected",
    "no connected db",
    "no_db_connection",
    "prisma client",
)
"""What a proxy says that has no database, whatever the status: some say 401."""


class Rest:
    """One proxy's API, asked with one key."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        key: str,
        *,
        headers: Mapping[str, str] | None = None,
        context: ssl.SSLContext | bool = True,
    ) -> None:
        """Ask nothing yet; `url` is the proxy's own address, `headers` are for a gateway before it.

        Raises AuthenticationError for a key that no header can hold.
        """
        self._session = session
        self._url = url.rstrip("/")
        try:
            self._headers = request_headers(key, headers)
        except InvalidKeyError as err:
            raise AuthenticationError("No header can hold this key") from err
        self._context = context

    async def look(self, today: date) -> None:
        """Ask for one day, to see whether it answers with this key; raises SourceError."""
        await self._page(Activity.USER, today, today, 1)

    async def days(self, activity: Activity, first: date, last: date) -> AsyncIterator[tuple[date, date, Page]]:
        """Yield the UTC days from `first` to `last` in parts, newest first; each part is whole.

        Pages of older releases are cut anew at each question and in no certain order within a day,
        so what does not fit on one page is asked for in halves, down to a day. Raises SourceError.
        """
        answer = await self._page(activity, first, last, 1)
        if answer.pages <= 1:
            yield first, last, answer
        elif first == last:
            rest = [await self._page(activity, first, last, number) for number in range(2, answer.pages + 1)]
            yield first, last, gathered([answer, *rest])
        else:
            middle = first + (last - first) // 2
            for part in ((middle + timedelta(days=1), last), (first, middle)):
                async for found in self.days(activity, *part):
                    yield found

    async def members(self) -> list[directory.Entry]:
        """Return the members that the key may list: keys, teams, tags; what it may not is left out."""
        found: list[directory.Entry] = []
        for read in (self._keys, self._teams, self._tags):
            try:
                found += await read()
            except AuthenticationError, PermissionDeniedError, NotOfferedError:
                continue
        return found

    async def _keys(self) -> list[directory.Entry]:
        entries: list[directory.Entry] = []
        pages = number = 1
        while number <= pages:
            query = {"return_full_object": "true", "page": str(number), "size": str(KEYS_PER_PAGE)}
            answer = await self._get("/key/list", query)
            entries += directory.keys(answer)
            pages = int(answer.get("total_pages") or 1)
            number += 1
        return entries

    async def _teams(self) -> list[directory.Entry]:
        return directory.teams(await self._get("/team/list"))

    async def _tags(self) -> list[directory.Entry]:
        return directory.tags(await self._get("/tag/list"))

    async def _page(self, activity: Activity, first: date, last: date, number: int) -> Page:
        query = {
            "start_date": first.isoformat(),
            "end_date": last.isoformat(),
            "page": str(number),
            "page_size": str(ROWS_PER_PAGE),
        }
        answer = await self._get(activity.path, query)
        return await asyncio.to_thread(page, activity, answer)

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401  # JSON
        """Return the decoded answer to a GET; raises SourceError."""
        try:
            async with self._session.get(
                self._url + path,
                params=query,
                headers=self._headers,
                timeout=TIMEOUT,
                allow_redirects=False,
                ssl=self._context,
            ) as response:
                body = await response.text()
                if response.status == 200:  # noqa: PLR2004
                    # A month of many keys is megabytes.
                    return await asyncio.to_thread(json.loads, body)
                raise refusal(response.status, body)(f"{path}: {response.status}")
        except TimeoutError as err:
            raise SourceTimeoutError(path) from err
        except aiohttp.ClientSSLError as err:
            raise TlsError(str(err)) from err
        except aiohttp.ClientError as err:
            raise UnreachableError(f"{path}: {err}") from err
        except ValueError as err:
            raise UnexpectedAnswerError(f"{path}: not JSON") from err


def refusal(status: int, body: str) -> Callable[[str], SourceError]:
    """Return which error an answer stands for that is no success.

    A proxy without a database says so with 400, 401 or 500: then no key would do.
    """
    if any(words in body.lower() for words in _WITHOUT_DATABASE):
        return NoDatabaseError
    known: Mapping[int, Callable[[str], SourceError]] = {
        401: AuthenticationError,
        403: PermissionDeniedError,
        404: NotOfferedError,
        405: NotOfferedError,
        408: SourceTimeoutError,
        504: SourceTimeoutError,
    }
    if status == 400 and "not allowed" in body.lower():  # noqa: PLR2004
        return PermissionDeniedError
    return known.get(status, UnreachableError if status >= 500 else UnexpectedAnswerError)  # noqa: PLR2004
