"""The one thread that owns the ledger, and the spare copy of its head in Home Assistant's Store."""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Self
from zoneinfo import ZoneInfo

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from .const import DOMAIN, HEAD_SAVE_DELAY
from .core.catalog import Dimension
from .core.errors import NewerSchemaError, StoreError
from .core.exposition import Reader
from .core.gathering import gathered
from .core.head import Head
from .core.ledger import Ledger
from .core.models import MemberKey, Snapshot, Usage
from .core.outlook import Almanac

_HEAD_VERSION: Final = 1


class Bookkeeper:
    """Keeps one ledger: every blocking call runs on its own thread, one after the other."""

    ledger: Ledger
    """Only what does not block may be asked of it directly."""

    snapshot: Snapshot
    """What is known; replaced on the ledger's thread."""

    def __init__(self, hass: HomeAssistant, entry_id: str, zone: ZoneInfo) -> None:
        """Start the thread; the ledger is opened by `async_open`."""
        self.zone = zone
        self._hass = hass
        self._path = _path(hass, entry_id)
        self._almanac = Almanac(self._path)
        self._store = _head_store(hass, entry_id)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=DOMAIN)
        self._head_is_due = False
        self._closed = False

    @classmethod
    async def async_open(cls, hass: HomeAssistant, entry: ConfigEntry) -> Self:
        """Open an entry's ledger until the entry is unloaded or Home Assistant stops.

        Raises ConfigEntryError for a file of a newer release, ConfigEntryNotReady for one that
        cannot be read or written now.
        """
        books = cls(hass, entry.entry_id, await _configured_zone(hass))
        head = await books._store.async_load()
        try:
            books.ledger = await books._async_run(partial(books._open, head))
        except StoreError as err:
            await hass.async_add_executor_job(books._thread.shutdown)
            raise _setup_error(err) from err
        entry.async_on_unload(books.async_close)
        # After the final write of the head; an idle thread would hold up the end of the process.
        entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_CLOSE, books.async_close))
        return books

    @property
    def path(self) -> Path:
        """Where the ledger lies; never to be opened on the event loop."""
        return self._path

    async def async_scrape(self, body: Reader, *, answered_at: datetime | None, part: bool = False) -> None:
        """Count an answer whose body has been read, or a part of one; raises AnswerError."""
        await self._async_run(partial(self._scrape, body, answered_at=answered_at, part=part))
        snapshot = self.snapshot
        if snapshot.report and (snapshot.report.changed or snapshot.report.restarted):
            self._async_save_head_late()

    async def async_roll(self) -> None:
        """Begin the windows and the hour whose time has come."""
        await self._async_run(lambda: self._show(self.ledger.roll(now=dt_util.utcnow())))

    async def async_adopt_zone(self) -> bool:
        """Cut the windows in Home Assistant's zone; return whether that is another one."""
        zone = await _configured_zone(self._hass)
        if zone == self.zone:
            return False
        self.zone = zone
        await self._async_run(lambda: self._show(self.ledger.set_zone(zone, now=dt_util.utcnow())))
        return True

    async def async_gather(self, members: Mapping[Dimension, Collection[MemberKey]]) -> dict[Dimension, Usage]:
        """Return the usage of members that are not shown one by one, per dimension."""
        snapshot = self.snapshot
        return await self._async_run(lambda: {one: gathered(snapshot, keys) for one, keys in members.items()})

    async def async_pause(self) -> None:
        """Let go of the file until `async_resume`, so that a backup copies it whole; scrapes go on."""
        if not self._closed:
            await self._async_run(lambda: self.ledger.pause(now=dt_util.utcnow()))

    async def async_resume(self) -> None:
        """Go on writing."""
        if not self._closed:
            await self._async_run(self.ledger.resume)

    async def async_close(self, _event: Event | None = None) -> None:
        """Close the ledger, save its head, end the thread; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._store.async_save(await self._async_run(self._close))
        finally:
            await self._hass.async_add_executor_job(self._thread.shutdown)

    def _open(self, head: Head | None) -> Ledger:
        """Open the ledger; on its own thread."""
        try:
            self._path.parent.mkdir(exist_ok=True)
        except OSError as err:
            raise StoreError(str(err)) from err
        ledger = Ledger.open(self._path, now=dt_util.utcnow(), zone=self.zone, head=head)
        self._show(ledger.snapshot)
        return ledger

    def _scrape(self, body: Reader, *, answered_at: datetime | None, part: bool) -> None:
        """Count an answer; on the ledger's own thread."""
        self._show(self.ledger.scrape(body.finish(), now=dt_util.utcnow(), answered_at=answered_at, part=part))

    def _show(self, snapshot: Snapshot) -> None:
        """Show what the ledger knows, and what its past makes of it; on the ledger's own thread."""
        self.snapshot = replace(snapshot, outlook=self._almanac.look(snapshot, dt_util.utcnow(), self.zone))

    def _close(self) -> Head:
        """Close the ledger and return its head; on its own thread."""
        head = self.ledger.head()
        self.ledger.close()
        return head

    async def _async_run[T](self, work: Callable[[], T]) -> T:
        """Run blocking work on the ledger's thread."""
        return await self._hass.loop.run_in_executor(self._thread, work)

    def _async_save_head_late(self) -> None:
        """Save the head an hour from now; a saving that is due already is not put off."""
        if not self._head_is_due:
            self._head_is_due = True
            self._store.async_delay_save(self._take_head, HEAD_SAVE_DELAY.total_seconds())

    def _take_head(self) -> Head:
        """Return the head to be written; from here on, another saving is due."""
        self._head_is_due = False
        return self.ledger.head()


def _setup_error(err: StoreError) -> ConfigEntryError | ConfigEntryNotReady:
    """Return what set-up fails with: for good, or until the next attempt."""
    if isinstance(err, NewerSchemaError):
        return ConfigEntryError(translation_domain=DOMAIN, translation_key="newer_schema")
    return ConfigEntryNotReady(
        translation_domain=DOMAIN,
        translation_key="store_failed",
        translation_placeholders={"error": str(err)},
    )


async def async_forget(hass: HomeAssistant, entry_id: str) -> None:
    """Delete everything that was kept for an entry."""
    await hass.async_add_executor_job(_delete, _path(hass, entry_id))
    await _head_store(hass, entry_id).async_remove()


def _path(hass: HomeAssistant, entry_id: str) -> Path:
    """Return where an entry's ledger lies."""
    return Path(hass.config.path(DOMAIN, f"{entry_id}.db"))


def _head_store(hass: HomeAssistant, entry_id: str) -> Store[Head]:
    """Return where an entry's head lies; private, since members are named after people."""
    return Store(hass, _HEAD_VERSION, f"{DOMAIN}.{entry_id}", private=True, serialize_in_event_loop=False)


async def _configured_zone(hass: HomeAssistant) -> ZoneInfo:
    """Return Home Assistant's time zone."""
    return await dt_util.async_get_time_zone(hass.config.time_zone) or ZoneInfo("UTC")


def _delete(path: Path) -> None:
    """Delete a ledger with its -wal, its -shm and what was set aside; blocking."""
    for file in path.parent.glob(f"{path.stem}.*"):
        file.unlink(missing_ok=True)
    if path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()
