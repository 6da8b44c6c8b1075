"""Every family that the proxy publishes, summed: one whole scrape on demand, which the ledger does not count."""

from asyncio import Task
from time import monotonic
from typing import Final

from homeassistant.core import HomeAssistant

from ..client import MetricsClient, TooLargeError
from ..const import DOMAIN
from ..core.exposition import ExpositionParser, sums
from .response_cache import async_shared

type Sums = dict[str, float]

PAUSE_SECONDS: Final = 10
"""Between two of these scrapes: a whole body may cost the proxy seconds to render."""


_BODY_LIMIT: Final = 64 * 1024 * 1024
"""Bytes; it is held as a whole, and the largest body that was measured has 46 MB."""


class RawScraper:
    """Makes at most one scrape in ten seconds; whoever asks in between gets what that one found."""

    def __init__(self) -> None:
        """Begin without one."""
        self._last: Task[Sums] | None = None
        self._ended = 0.0

    async def async_get(self, hass: HomeAssistant, client: MetricsClient) -> Sums:
        """Return name -> sum; raises ScrapeError or AnswerError, again until the pause is over."""
        if self._last is None or (self._last.done() and monotonic() - self._ended >= PAUSE_SECONDS):
            self._last = hass.async_create_task(self._async_scrape(hass, client), f"{DOMAIN} - raw")
        return await async_shared(self._last)

    async def _async_scrape(self, hass: HomeAssistant, client: MetricsClient) -> Sums:
        """Make one scrape."""
        try:
            form, body = ExpositionParser(()), bytearray()

            def feed(piece: bytes) -> None:
                form.feed(piece)
                body.extend(piece)
                if len(body) > _BODY_LIMIT:
                    raise TooLargeError

            await client.fetch(feed)
            form.finish()
            return await hass.async_add_executor_job(sums, body)
        finally:
            self._ended = monotonic()
