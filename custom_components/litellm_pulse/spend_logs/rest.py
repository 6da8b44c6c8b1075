"""LiteLLM's REST API as a source: daily activity and lists of members, asked for page by page."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from http import HTTPStatus
from itertools import batched
from types import MappingProxyType
from typing import Any

import aiohttp

from ..body import DamagedBodyError, OversizedBodyError
from ..body import read as read_body
from ..core.catalog import Dimension, tag_label
from ..core.garbage_collector import gc_paused
from ..credentials import InvalidKeyError, request_headers
from ..http_headers import retry_after
from . import directory
from .daily import Activity, Page, alike, gathered, page
from .errors import (
    AuthenticationError,
    BusyError,
    NoDatabaseError,
    NotOfferedError,
    PermissionDeniedError,
    SourceError,
    SourceTimeoutError,
    TlsError,
    UnexpectedAnswerError,
    UnreachableError,
)
from .json_body import JsonBody
from .models import COST

ROWS_PER_PAGE = 1_000
"""The most that LiteLLM gives; a page counts rows of its daily tables, not days."""
ROWS_PER_PAGE_OF_A_DAY = (ROWS_PER_PAGE, 900) * 3
"""A day on several pages is cut elsewhere each time that it is asked for, until it is told alike twice."""
KEYS_PER_PAGE = 100
MOST_PAGES = 50
"""Pages of a list that are asked for: 5,000 keys."""
MOST_PAGES_OF_A_DAY = 1_000
MOST_ROWS_OF_A_DAY = MOST_PAGES_OF_A_DAY * ROWS_PER_PAGE
"""A million of LiteLLM's rows; of what a lying proxy tells on its pages, no more is held either."""
MOST_BYTES = 1 << 24
"""Of one answer, after decompression: a list of teams holds the keys of each, 2 kB a key. A page of days has 2 MB."""
REASON_BYTES = 1 << 16
"""Of an answer that is no success: what it begins with says why."""
NOTHING: Mapping[str, str] = MappingProxyType({})
TIMEOUT = aiohttp.ClientTimeout(total=60)
"""A month of a busy proxy takes LiteLLM seconds."""

PAUSES = 3
"""How often a question is asked again that was one too many (429)."""
PAUSE_SECONDS = 2.0
"""How long to wait before, where the answer does not say so."""
LONGEST_PAUSE = 30.0

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
            self._headers = {"Accept-Encoding": "gzip", **request_headers(key, headers)}
        except InvalidKeyError as err:
            raise AuthenticationError("No header can hold this key") from err
        self._context = context
        self.refused = False
        """Whether a list of members was refused."""

    async def look(self, today: date) -> None:
        """Ask for one day, to see whether it answers with this key; raises SourceError."""
        await self._page(Activity.USER, today, today, 1)

    async def days(
        self, activity: Activity, first: date, last: date, only: Mapping[str, str] = NOTHING
    ) -> AsyncIterator[tuple[date, date, Page]]:
        """Yield the UTC days from `first` to `last` in parts, newest first; each part is whole.

        Pages are cut anew at each question, so what does not fit on one is asked for in halves, down
        to a day. `only` are parameters of LiteLLM's that choose. Raises SourceError.
        """
        answer = await self._page(activity, first, last, 1, only)
        if answer.pages <= 1:
            yield first, last, answer
        elif first == last:
            yield first, last, await self._day(activity, first, only)
        else:
            middle = first + (last - first) // 2
            for part in ((middle + timedelta(days=1), last), (first, middle)):
                async for found in self.days(activity, *part, only):
                    yield found

    async def _day(self, activity: Activity, day: date, only: Mapping[str, str]) -> Page:
        """Return a UTC day that is on several pages; raises SourceError.

        A row that comes or goes meanwhile moves another one to a page that was read, or is not read any more.
        Before 1.99 each page may be of another order, too.
        """
        before: Page | None = None
        for size in ROWS_PER_PAGE_OF_A_DAY:
            cut = {**only, "page_size": str(size)}
            answer = await self._page(activity, day, day, 1, cut)
            if answer.pages > MOST_PAGES_OF_A_DAY:
                raise UnexpectedAnswerError(f"{activity.path}: {day} has {answer.pages} pages")
            found, rows = [answer], answer.size
            for number in range(2, answer.pages + 1):
                found.append(await self._page(activity, day, day, number, cut))
                rows += found[-1].size
                if rows > MOST_ROWS_OF_A_DAY:
                    raise UnexpectedAnswerError(f"{activity.path}: {day} has more than {MOST_ROWS_OF_A_DAY} rows")
            told = await _apart(gathered, found)
            if before is not None and await _apart(alike, before, told):
                return told
            before = told
        raise UnexpectedAnswerError(f"{activity.path}: {day} is not told alike twice")

    async def members(self, today: date) -> dict[Dimension, list[directory.Entry]]:
        """Return the keys, teams and tags that the key may list; a list that does not answer now is left out.

        After the first that it may not see, or that the proxy cannot tell, nothing is asked any more: LiteLLM
        counts and logs each refusal.
        """
        found: dict[Dimension, list[directory.Entry]] = {}
        for dimension, read in (
            (Dimension.KEY, self._keys),
            (Dimension.TEAM, self._teams),
            (Dimension.TAG, self._tags),
        ):
            if self.refused:
                break
            try:
                found[dimension] = await read(today)
            except AuthenticationError, PermissionDeniedError, NotOfferedError, NoDatabaseError:
                self.refused = True
            except SourceError:
                continue
        return found

    async def _keys(self, _: date) -> list[directory.Entry]:
        entries: list[directory.Entry] = []
        pages = number = 1
        while number <= min(pages, MOST_PAGES) and len(entries) < MOST_PAGES * KEYS_PER_PAGE:
            query = {"return_full_object": "true", "page": str(number), "size": str(KEYS_PER_PAGE)}
            found, pages = await self._get(
                "/key/list", lambda answer: (directory.keys(answer), directory.pages(answer)), query
            )
            entries += found
            number += 1
        return entries

    async def _teams(self, _: date) -> list[directory.Entry]:
        return await self._get("/team/list", directory.teams)

    async def _tags(self, today: date) -> list[directory.Entry]:
        """Return the tags; what was spent of a budget is told by the UTC day, and asked for apart."""
        entries = await self._get("/tag/list", directory.tags)
        # Several are asked for with commas between them.
        untold = [one for one in entries if one.max_budget is not None and one.spend is None and "," not in one.id]
        spent: dict[str, float] = {}
        for since in sorted({one.since for one in untold if one.since}, reverse=True)[:MOST_PAGES]:
            names = [one.id for one in untold if one.since == since]
            for batch in batched(names, KEYS_PER_PAGE, strict=False):
                spent |= await self._spent(batch, min(since, today), today)
        return [replace(one, spend=spent.get(one.id, one.spend)) for one in entries]

    async def _spent(self, tags: Sequence[str], first: date, last: date) -> dict[str, float]:
        """Return what was spent under each of some tags from one UTC day to another."""
        sums: dict[str, float] = {}
        async for _, _, found in self.days(Activity.TAG, first, last, {"tags": ",".join(tags)}):
            for row in found.rows:
                ((_, tag),) = row.members
                sums[tag] = sums.get(tag, 0.0) + (row.values[COST] or 0.0)
        return {tag: sums.get(tag_label(tag), 0.0) for tag in tags}

    async def _page(
        self, activity: Activity, first: date, last: date, number: int, only: Mapping[str, str] = NOTHING
    ) -> Page:
        query = {
            "start_date": first.isoformat(),
            "end_date": last.isoformat(),
            "page": str(number),
            "page_size": str(ROWS_PER_PAGE),
            **only,
        }
        answer = await self._get(activity.path, partial(page, activity), query)
        if not all(first <= one.start.date() <= last for one in answer.told):
            raise UnexpectedAnswerError(f"{activity.path}: days that were not asked for")
        return answer

    async def _get[T](self, path: str, read: Callable[[Any], T], query: Mapping[str, str] | None = None) -> T:
        """Return what `read` makes of the answer to a GET, after a pause where too much was asked.

        Raises SourceError.
        """
        for _ in range(PAUSES):
            try:
                return await self._ask(path, read, query)
            except BusyError as err:
                if err.seconds > LONGEST_PAUSE:
                    raise
                await asyncio.sleep(err.seconds)
        return await self._ask(path, read, query)

    async def _ask[T](self, path: str, read: Callable[[Any], T], query: Mapping[str, str] | None) -> T:
        """Return what `read` makes of the answer to one GET; raises SourceError."""
        try:
            async with self._session.get(
                self._url + path,
                params=query,
                headers=self._headers,
                timeout=TIMEOUT,
                allow_redirects=False,
                auto_decompress=False,
                ssl=self._context,
            ) as response:
                if response.status == HTTPStatus.OK:
                    answer = JsonBody()
                    await read_body(response, answer.feed, MOST_BYTES)
                    # A month of many keys is megabytes: made, read and let go of elsewhere.
                    return await _apart(lambda: read(answer.loads()))
                if response.status == HTTPStatus.TOO_MANY_REQUESTS:
                    told = retry_after(response.headers.get("Retry-After", ""))
                    raise BusyError(path, PAUSE_SECONDS if told is None else told)
                raise refusal(response.status, await _reason(response))(f"{path}: {response.status}")
        except TimeoutError as err:
            raise SourceTimeoutError(path) from err
        except aiohttp.ClientSSLError as err:
            raise TlsError(str(err)) from err
        except aiohttp.ClientError as err:
            raise UnreachableError(f"{path}: {err}") from err
        except OversizedBodyError as err:
            raise UnexpectedAnswerError(f"{path}: more than {MOST_BYTES} bytes") from err
        except DamagedBodyError as err:
            raise UnexpectedAnswerError(f"{path}: {err}") from err
        except ValueError as err:
            raise UnexpectedAnswerError(f"{path}: not JSON") from err


async def _apart[**P, T](work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what some work comes to, done on a thread; what it makes on the way is gone before it is collected."""

    def alone() -> T:
        with gc_paused():
            return work(*args, **kwargs)

    return await asyncio.to_thread(alone)


async def _reason(response: aiohttp.ClientResponse) -> str:
    """Return what an answer that is no success says, as far as that can be read: its status stands without it."""
    body = bytearray()
    with suppress(OversizedBodyError, DamagedBodyError):
        await read_body(response, body.extend, REASON_BYTES)
    return body.decode(errors="replace")


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
