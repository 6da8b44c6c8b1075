"""All ledgers that are open, and whether a backup is being made of them; outlives the entries."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .core.store.writer import BACKUP_TIME


class OpenLedger(Protocol):
    """A ledger whose file can be left alone for a while."""

    @property
    def path(self) -> Path:
        """Where it lies."""

    async def async_pause(self) -> None:
        """Write what waits and let go of the file."""

    async def async_resume(self) -> None:
        """Go on writing."""

    async def async_end(self) -> None:
        """Close it at once."""

    async def async_discard(self) -> None:
        """Close it without writing anything."""


class OpenLedgers:
    """Pauses and resumes all ledgers together; those that are closed meanwhile wait to write their last."""

    def __init__(self) -> None:
        """Begin without any."""
        self._workers: set[OpenLedger] = set()
        self._closing: set[OpenLedger] = set()
        self._paused_at: datetime | None = None

    @property
    def paused(self) -> bool:
        """Whether a backup is being made; one that was never said to have ended is not for ever."""
        return self._paused_at is not None and dt_util.utcnow() - self._paused_at < BACKUP_TIME

    async def async_pause(self) -> None:
        """Have every ledger write what waits and let go of its file."""
        self._paused_at = dt_util.utcnow()
        await asyncio.gather(*(one.async_pause() for one in self._workers))

    async def async_resume(self) -> None:
        """Have every ledger write again, after those have ended that were closed meanwhile."""
        try:
            # Until then none of them may be opened again: it would not know what they have not written.
            while self._closing:
                await asyncio.gather(*(one.async_end() for one in self._closing))
        finally:
            self._paused_at = None
        await asyncio.gather(*(one.async_resume() for one in self._workers))

    async def async_add(self, worker: OpenLedger) -> None:
        """Take a ledger in that has been opened; one that was opened when a backup began is paused too."""
        self._workers.add(worker)
        if self.paused:
            await worker.async_pause()

    @callback
    def async_remove(self, worker: OpenLedger) -> bool:
        """Take a ledger out that is to be closed; return whether it may be, or has to wait for the backup's end."""
        self._workers.discard(worker)
        if self.paused:
            self._closing.add(worker)
            return False
        return True

    @callback
    def async_forget(self, worker: OpenLedger) -> None:
        """Wait for a ledger no more: it is closed without a word, or its file is deleted."""
        self._workers.discard(worker)
        self._closing.discard(worker)

    def closing(self, entry_id: str) -> OpenLedger | None:
        """Return the ledger of an entry that waits to be closed."""
        return next((one for one in self._closing if one.path.stem == entry_id), None)


_KEY: Final = HassKey[OpenLedgers](f"{DOMAIN}_open_ledgers")


@callback
def async_get_open_ledgers(hass: HomeAssistant) -> OpenLedgers:
    """Return the one that there is."""
    return hass.data.setdefault(_KEY, OpenLedgers())
