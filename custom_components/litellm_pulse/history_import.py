"""The import of history of one entry: when a source is asked, how far it is, and who is told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from homeassistant.components import persistent_notification
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .const import CONF_HISTORY_SOURCE, DOMAIN, HISTORY_OFF, LOGGER
from .core.errors import StoreError
from .core.history import Gap
from .core.windows import LUMP_AFTER
from .data import PulseData
from .history_destination import LedgerDestination
from .history_sources import Source, async_create
from .history_status import HistoryState, HistoryStatus
from .ledger_worker import LedgerWorker
from .localize import localize
from .spend_logs.errors import SourceError
from .spend_logs.models import Scope, Span
from .spend_logs.progress import Progress

CYCLE: Final = timedelta(hours=1)
"""How often a source is asked again: what LiteLLM writes late, it writes within hours."""
RETRY: Final = timedelta(minutes=5)
"""After a failure."""
TELL: Final = timedelta(seconds=5)
"""How often progress is told while an import runs."""

type Changed = Callable[[], Awaitable[None]]


class HistoryImport:
    """Asks the source that the options name, in the background, as long as the entry is loaded."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        ledger: LedgerWorker,
        *,
        on_status: Changed,
        on_history: Changed,
    ) -> None:
        """Ask nothing yet; `on_status` is awaited after each step, `on_history` when usage has come in."""
        self._hass = hass
        self._entry = entry
        self._ledger = ledger
        self._on_status = on_status
        self._on_history = on_history
        self._source: Source | None = None
        self._running: asyncio.Task[None] | None = None
        self._due = False
        """It is to be asked again as soon as the cycle that runs is over."""
        self._next: CALLBACK_TYPE | None = None
        """Takes back when it is asked next."""
        self._told_at = datetime.min.replace(tzinfo=UTC)
        self._written = False
        """Something was written since `on_history` was called last."""
        self._untold_rows = 0
        """Written since it was last told how far it is."""

    @callback
    def async_start(self) -> None:
        """Begin, where a source is chosen."""
        self._entry.async_on_unload(self._async_end)
        if self.source == HISTORY_OFF:
            name = f"{self._entry.title} - retention of history"
            self._running = self._entry.async_create_background_task(self._hass, self._async_purge(), name)
        self._async_begin()

    @callback
    def async_update(self, before: PulseData, after: PulseData) -> None:
        """Ask at once where nobody had looked for a while: what was told in one lump is to be told by its hours."""
        last, now = before.snapshot.last_scrape, after.snapshot.last_scrape
        if last and now and now - last > LUMP_AFTER:
            self._async_begin()

    async def async_import(self) -> HistoryStatus:
        """Start an import, or go on with the one that runs; returns how far it is when it ends or has begun."""
        self._async_begin()
        if self._running is not None:
            await asyncio.wait([self._running], timeout=TELL.total_seconds())
        return self._status

    @property
    def source(self) -> str:
        """The source that the options name."""
        return str(self._entry.options.get(CONF_HISTORY_SOURCE, HISTORY_OFF))

    @property
    def _status(self) -> HistoryStatus:
        """How far it is, as everybody sees it."""
        return self._ledger.history_status

    @callback
    def _async_begin(self, _now: datetime | None = None) -> None:
        """Have a source asked, after what is being asked now."""
        if self.source == HISTORY_OFF:
            return
        self._due = True
        self._async_stop()
        if self._running is None or self._running.done():
            name = f"{self._entry.title} - history"
            self._running = self._entry.async_create_background_task(self._hass, self._async_work(), name)

    @callback
    def _async_end(self) -> None:
        """Ask no more, before the ledger is closed; what was written stays, and the rest is asked for again."""
        self._async_stop()
        if self._running:
            self._running.cancel()

    @callback
    def _async_stop(self) -> None:
        """Take back what is due later."""
        if self._next:
            self._next()
            self._next = None

    async def _async_work(self) -> None:
        """Ask as long as that is due, and say when it is due again."""
        succeeded = True
        while self._due:
            self._due = False
            succeeded = await self._async_cycle()
        self._next = async_call_later(self._hass, CYCLE if succeeded else RETRY, self._async_begin)

    async def _async_cycle(self) -> bool:
        """Ask once, and tell what became of it; return whether it succeeded."""
        try:
            await self._async_ask()
        except SourceError as err:
            # The authority's certificate may have been renewed.
            self._source = None
            await self._async_fail(err.code, err)
        except StoreError as err:
            await self._async_fail("store_failed", err)
        except Exception as err:  # noqa: BLE001  # whatever it was, it is told, and tried again
            await self._async_fail("unknown", err)
        else:
            return True
        return False

    async def _async_ask(self) -> None:
        """Make one cycle; raises SourceError and StoreError."""
        if self._source is None:
            self._source = await async_create(
                self._hass, self._entry.entry_id, {**self._entry.data, **self._entry.options}
            )
        seam = await self._ledger.async_history(lambda history: history.first_scrape())
        source = self._source
        if source is None or seam is None:
            return
        destination = LedgerDestination(self._ledger, source.name, self._async_written, by_day=source.by_day)
        self._untold_rows = 0
        known = await destination.progress()
        was_complete = source.complete(known)
        if self._status.error is None:
            # After a failure that is not over before something was written.
            await self._async_tell(await self._async_status(source, known))
        gaps = await self._ledger.async_history(lambda history: history.gaps())
        progress = await source.cycle(destination, seam, [_span(gap) for gap in gaps])
        for gap in gaps:
            if progress.gaps.get(_span(gap).start) != known.gaps.get(_span(gap).start):
                await destination.settle(gap)
                self._written = True
        complete = source.complete(progress)
        await self._async_purge(complete=complete)
        await self._async_tell(await self._async_status(source, progress))
        await self._async_recall()
        if complete and not was_complete:
            self._notify(self._status)

    async def _async_purge(self, *, complete: bool = False) -> None:
        """Let go of quarter-hours that are older than the retention; a file that cannot be written keeps them."""
        zone = self._ledger.zone
        with suppress(StoreError):
            await self._ledger.async_history(lambda history: history.purge(dt_util.utcnow(), zone, complete=complete))

    async def _async_status(self, source: Source, progress: Progress) -> HistoryStatus:
        """Return how far a source has come."""
        complete = source.complete(progress)
        rows = await self._ledger.async_history(lambda history: history.rows())
        return HistoryStatus(
            state=HistoryState.COMPLETE if complete else HistoryState.IMPORTING,
            source=source.name,
            oldest=_oldest(progress),
            rows=rows,
            percent=100 if complete else None if source.by_day else int(progress.share(dt_util.utcnow()) * 100),
            through=progress.through,
            restored_at=progress.restored_at,
        )

    @callback
    def _async_written(self, scope: Scope, rows: int, progress: Progress) -> None:
        """Take in what was written; what it adds up to is told every few seconds."""
        self._written |= scope is Scope.BEFORE and rows > 0
        self._untold_rows += rows
        if dt_util.utcnow() - self._told_at < TELL or self._source is None:
            return
        source = self._source
        status = replace(
            self._status,
            state=HistoryState.IMPORTING if self._status.error else self._status.state,
            error=None,
            oldest=_oldest(progress),
            rows=self._status.rows + self._untold_rows,
            percent=None if source.by_day else int(progress.share(dt_util.utcnow()) * 100),
        )
        self._told_at, self._untold_rows = dt_util.utcnow(), 0
        self._entry.async_create_background_task(
            self._hass, self._async_step(status), f"{self._entry.title} - history's progress"
        )

    async def _async_step(self, status: HistoryStatus) -> None:
        """Tell how far it is, and show what is known so far."""
        with suppress(StoreError):
            await self._ledger.async_recall()
        await self._async_tell(status)

    async def _async_tell(self, status: HistoryStatus) -> None:
        """Tell where that is news."""
        self._told_at = dt_util.utcnow()
        if status != self._status:
            self._ledger.history_status = status
            await self._on_status()

    async def _async_recall(self) -> None:
        """Show what has come in, and have statistics follow."""
        if self._written:
            self._written = False
            await self._ledger.async_recall()
            await self._on_status()
            await self._on_history()

    async def _async_fail(self, code: str, err: Exception) -> None:
        """Tell why it does not go on; once in the log as long as the reason stays the same."""
        if self._status.error != code:
            LOGGER.warning(
                "%s: the import of history waits: %s", self._entry.title, localize(self._hass, f"history_{code}")
            )
            LOGGER.log(
                logging.ERROR if code == "unknown" else logging.DEBUG, "The import of history failed", exc_info=err
            )
        await self._async_tell(replace(self._status, state=HistoryState.FAILED, source=self.source, error=code))

    @callback
    def _notify(self, status: HistoryStatus) -> None:
        """Say that all is there."""
        names = {"title": self._entry.title, "since": status.oldest or "-", "rows": status.rows}
        persistent_notification.async_create(
            self._hass,
            localize(self._hass, "history_complete", names),
            localize(self._hass, "history_complete_title", names),
            f"{DOMAIN}_history_{self._entry.entry_id}",
        )


def _span(gap: Gap) -> Span:
    """Return a gap as sources are asked for it."""
    return Span(datetime.fromtimestamp(gap.start, UTC), datetime.fromtimestamp(gap.end, UTC))


def _oldest(progress: Progress) -> str | None:
    """Return the oldest UTC day that is known, as a date."""
    if progress.reached is None:
        return None
    oldest = max(progress.reached, progress.oldest) if progress.oldest else progress.reached
    return oldest.date().isoformat()
