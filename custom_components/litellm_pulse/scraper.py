"""How much of /metrics to ask for: a part where the proxy gives one, all of it otherwise."""

from datetime import datetime
from http import HTTPStatus

from .client import Answer, MetricsClient, RateLimitedError, UnexpectedStatusError
from .core.errors import AnswerError, UnfamiliarProcessError
from .ledger_worker import LedgerWorker


class Scraper:
    """Makes scrapes; remembers which process of the proxy gives no part of its body."""

    def __init__(self, client: MetricsClient, ledger: LedgerWorker) -> None:
        """Begin with nothing known: the first answer is a whole one."""
        self.client = client
        self._ledger = ledger
        self._refused_by: datetime | None = None

    async def async_scrape(self) -> Answer:
        """Have one answer counted and return it; raises ScrapeError or AnswerError.

        A process is asked in part once it has an identity, which several workers lack: they
        answer a part with an empty body.
        """
        process = self._ledger.snapshot.process_start
        if process is not None and process != self._refused_by:
            try:
                return await self._async_ask(part=True)
            except UnfamiliarProcessError:
                pass
            except AnswerError:
                self._refused_by = process
            except UnexpectedStatusError as err:
                # A long query is refused by gateways, with 400 or 414; all else is wrong with whole bodies too.
                if isinstance(err, RateLimitedError) or err.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
                self._refused_by = process
        return await self._async_ask(part=False)

    async def _async_ask(self, *, part: bool) -> Answer:
        """Ask once, and count the answer."""
        body = self._ledger.parser()
        answer = await self.client.fetch(body.feed, self._ledger.families if part else ())
        await self._ledger.async_scrape(body, answered_at=answer.answered_at, part=part)
        return answer
