"""How much of /metrics to ask for: a part where the proxy gives one, all of it otherwise."""

from contextlib import suppress
from http import HTTPStatus
from typing import Final

from .client import Answer, MetricsClient, RateLimitedError, ScrapeError, UnexpectedStatusError
from .core.errors import AnswerError, SurprisingPartError
from .ledger_worker import LedgerWorker
from .part_refusal import PartRefusal

WHOLE_ANSWERS: Final = 4
"""Whole answers that one part may lead to: a balancer may ask others than the one that gave it."""


class Scraper:
    """Makes scrapes; remembers for a while that a process of the proxy gives no part of its body."""

    def __init__(self, client: MetricsClient, ledger: LedgerWorker) -> None:
        """Begin with nothing known: the first answer is a whole one."""
        self.client = client
        self._ledger = ledger
        self._refusal = PartRefusal()
        self._begin_whole = False
        """The process that gave a part has not given the whole that was asked of it."""

    async def async_scrape(self) -> Answer:
        """Have one answer counted, or more where a part is not enough; return the last.

        Raises ScrapeError or AnswerError. A process is asked in part once it has an identity, which
        several workers lack: they answer a part with an empty body.
        """
        process = self._ledger.snapshot.process_start
        if process is None or self._refusal.stands(process) or self._begin_whole:
            self._begin_whole = False
            return await self._async_ask(part=False)
        try:
            return await self._async_ask(part=True)
        except SurprisingPartError:
            return await self._async_ask_in_whole()
        except AnswerError:
            self._refusal.note(process)
        except UnexpectedStatusError as err:
            # A long query is refused by gateways, with 400 or 414; all else is wrong with whole bodies too.
            if isinstance(err, RateLimitedError) or err.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            self._refusal.note(process)
        return await self._async_ask(part=False)

    async def _async_ask_in_whole(self) -> Answer:
        """Ask for whole answers until the process that gave a part has given one; each of them counts."""
        answer = await self._async_ask(part=False)
        with suppress(ScrapeError, AnswerError):
            # What an answer lacks that is asked for again, the next scrape tells.
            for _ in range(WHOLE_ANSWERS - 1):
                if not self._ledger.has_open_part:
                    break
                answer = await self._async_ask(part=False)
        self._begin_whole = self._ledger.has_open_part
        return answer

    async def _async_ask(self, *, part: bool) -> Answer:
        """Ask once, and count the answer."""
        body = self._ledger.parser()
        answer = await self.client.fetch(body.feed, self._ledger.families if part else ())
        await self._ledger.async_scrape(body, answer, part=part)
        return answer
