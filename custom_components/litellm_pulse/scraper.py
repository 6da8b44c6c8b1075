"""How much of /metrics to ask for: a part where the proxy gives one, all of it otherwise."""

from contextlib import suppress
from http import HTTPStatus
from time import monotonic
from typing import Final

from .client import Answer, MetricsClient, RateLimitedError, ScrapeError, UnexpectedStatusError
from .core.errors import AnswerError, DoubtfulRestartError, SurprisingPartError
from .ledger_worker import LedgerWorker
from .part_refusal import PartRefusal

WHOLE_ANSWERS: Final = 4
"""Whole answers that one part may lead to: a balancer may ask others than the one that gave it."""

WHOLE_SCRAPES: Final = 60
"""Scrapes, one after the other, that ask for whole answers until the process that gave such a part is met: behind a
balancer that asks one replica after the other parts would be met by the same ones, and the wholes by others.
"""

TELLING_ANSWERS: Final = 8
"""Answers, one after the other, that show who is behind an address where they do not say who gives them: a balancer
that picks one of two at random has asked both by then, but for once in 128.
"""

TELLING_SECONDS: Final = 5.0
"""In which the first of them come: Home Assistant waits for them at its start."""


class Scraper:
    """Makes scrapes; remembers for a while that a process of the proxy gives no part of its body."""

    def __init__(self, client: MetricsClient, ledger: LedgerWorker) -> None:
        """Begin with nothing known: the first answer is a whole one."""
        self.client = client
        self._ledger = ledger
        self._refusal = PartRefusal()
        self._whole_left = 0
        """Scrapes that may still ask for whole answers, until the process that gave a part has given one."""
        self._doubted = 0
        """Answers since the last that counted."""

    async def async_scrape(self) -> Answer:
        """Have one answer counted, or more where a part is not enough; return the last.

        Raises ScrapeError or AnswerError. A process is asked in part once it has an identity, which
        several workers lack: they answer a part with an empty body.
        """
        if self._ledger.is_new:
            return await self._async_ask_first()
        process = self._ledger.snapshot.process_start
        if process is None or self._refusal.stands(process) or (self._whole_left and self._ledger.has_open_part):
            self._whole_left = max(0, self._whole_left - 1)
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

    async def _async_ask_first(self) -> Answer:
        """Ask for a first answer, and for more until whoever else may answer is met, unless it tells who gives it.

        At another address the very first may go on with what counted before.
        """
        answer = await self._async_ask(part=False, first=self._ledger.snapshot.last_scrape is None)
        if not self._ledger.snapshot.tells_process:
            begun = monotonic()
            # What an answer lacks that is asked for again, the next scrape tells.
            with suppress(ScrapeError, AnswerError):
                for _ in range(TELLING_ANSWERS - 1):
                    if monotonic() - begun >= TELLING_SECONDS:
                        break
                    answer = await self._async_ask(part=False, first=True)
        return answer

    async def _async_ask_in_whole(self) -> Answer:
        """Ask for whole answers until the process that gave a part has given one; each of them counts."""
        answer = await self._async_ask(part=False)
        with suppress(ScrapeError, AnswerError):
            # What an answer lacks that is asked for again, the next scrape tells.
            for _ in range(WHOLE_ANSWERS - 1):
                if not self._ledger.has_open_part:
                    break
                answer = await self._async_ask(part=False)
        self._whole_left = WHOLE_SCRAPES
        return answer

    async def _async_ask(self, *, part: bool, first: bool = False) -> Answer:
        """Have an answer counted; ask again at once where it looks like a restart, and may be another's."""
        while True:
            body = self._ledger.parser()
            families = self._ledger.families if part else ()
            answer = await self.client.fetch(body.feed, families)
            doubts = not first and self._doubted < TELLING_ANSWERS - 1
            try:
                await self._ledger.async_scrape(body, answer, part=part, doubts=doubts, first=first)
            except DoubtfulRestartError:
                # Kept over a failure to ask: one who may ask once a minute only is believed in the end.
                self._doubted += 1
            else:
                self._doubted = 0
                return answer
