"""The one thread that owns the ledger, and the spare copy of its spare copy in Home Assistant's Store."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from traceback import clear_frames
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_URL, EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady, UnsupportedStorageVersionError
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from yarl import URL

from . import address
from .client import Answer
from .const import (
    CONF_METRIC_NAMES,
    CONF_PERFORMANCE,
    CONF_RETENTION_DAYS,
    CONF_TIME_ZONE,
    CONF_WEEK_START,
    DOMAIN,
    LOGGER,
    MAPPED_METRICS,
    RETENTION_DAYS_DEFAULT,
    SPARE_COPY_SAVE_DELAY,
    WEEK_STARTS,
)
from .core.catalog import Dimension
from .core.errors import ClosedStoreError, NewerSchemaError, PulseError, StoreError
from .core.exposition import ExpositionParser, label_names
from .core.history import History
from .core.insight import Forecaster
from .core.ledger import Ledger
from .core.models import ListedMember, MemberKey, Report, Snapshot
from .core.query import recognizes
from .core.store import SpareCopy
from .history_status import HistoryStatus
from .open_ledgers import async_get_open_ledgers

_SPARE_COPY_VERSION: Final = 1
_REPORTS: Final = 30
"""Scrapes of which is kept what happened: half an hour, for diagnostics."""
_PAST: Final = 4
"""Snapshots and spare copies: more than the coordinator, its listeners and the Store hold at any time."""
_PRIVATE_FOLDER: Final = 0o700
_PRIVATE_FILE: Final = 0o600


class LedgerWorker:
    """Keeps one ledger: every blocking call runs on its own thread, one after the other."""

    _ledger: Ledger
    """Only what does not block may be asked of it directly."""

    snapshot: Snapshot
    """What is known; replaced on the ledger's thread."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, zone: ZoneInfo) -> None:
        """Start the thread; the ledger is opened by `async_open`."""
        entry_id = entry.entry_id
        self.zone = zone
        self.labels: frozenset[str] = frozenset()
        """Names of the labels that the counters of the last answer have."""
        self.reports: deque[Report] = deque(maxlen=_REPORTS)
        """What happened in the last scrapes, newest last."""
        self.shown: Callable[[], Collection[MemberKey]] = tuple
        """Returns the members that have a device; called on the event loop."""
        self.history_status = HistoryStatus()
        """How far the import of history has come; replaced by whoever imports."""
        self._hass = hass
        self._options = entry.options
        self._address = address.identity(URL(entry.data[CONF_URL]))
        self._path = _path(hass, entry_id)
        self._ledgers = async_get_open_ledgers(hass)
        self._forecaster = Forecaster(self._path)
        self._store = _spare_copy_store(hass, entry_id)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=DOMAIN)
        self._spare_copy_is_due = False
        self._past: deque[Snapshot | SpareCopy] = deque(maxlen=_PAST)
        """What was handed out last, let go of on a thread: with thousands of members that is work."""
        self._closed = False

    @classmethod
    async def async_open(cls, hass: HomeAssistant, entry: ConfigEntry) -> Self:
        """Open an entry's ledger until the entry is unloaded or Home Assistant stops.

        Raises ConfigEntryError for a file of a newer release, ConfigEntryNotReady for one that
        cannot be read or written now, or that is being copied for a backup.
        """
        ledgers = async_get_open_ledgers(hass)
        if ledgers.paused:
            raise ConfigEntryNotReady(translation_domain=DOMAIN, translation_key="waits_for_backup")
        if earlier := ledgers.closing(entry.entry_id):
            # A backup that never ended: what waits has to be in the file before it is read.
            await earlier.async_end()
        worker = cls(hass, entry, await _configured_zone(hass, entry.options))
        try:
            # In a list, so that the thread can take it over: letting go of thousands of members is work.
            loaded = [await worker._store.async_load()]
            worker._ledger = await worker.async_run(partial(worker._open, loaded))
        except (StoreError, UnsupportedStorageVersionError) as err:
            await hass.async_add_executor_job(worker._thread.shutdown)
            raise _setup_error(err) from err
        await ledgers.async_add(worker)
        entry.async_on_unload(worker.async_close)
        # After the final write of the spare copy; an idle thread would hold up the end of the process. Not once:
        # a set-up that is cancelled by that end takes the listener away after it.
        entry.async_on_unload(hass.bus.async_listen(EVENT_HOMEASSISTANT_CLOSE, worker.async_close))
        return worker

    @property
    def path(self) -> Path:
        """Where the ledger lies; never to be opened on the event loop."""
        return self._path

    @property
    def paused(self) -> bool:
        """Whether a backup is being made, and what was counted since it began is not in the file."""
        return self._ledgers.paused

    @property
    def families(self) -> list[str]:
        """The families that are needed: what to ask for where the proxy gives a part of its body."""
        return self._ledger.families

    @property
    def is_new(self) -> bool:
        """Whether nobody is known who may answer: nothing has answered yet, or not at this address."""
        return self.snapshot.last_scrape is None or self._ledger.is_moved

    @property
    def has_open_part(self) -> bool:
        """Whether a part was not believed, and the process that gave it has not given the whole since."""
        return self._ledger.has_open_part

    def parser(self) -> ExpositionParser:
        """Return what takes in the body of the next answer."""
        return self._ledger.parser()

    async def async_scrape(
        self, body: ExpositionParser, answer: Answer, *, part: bool = False, doubts: bool = False, first: bool = False
    ) -> None:
        """Count an answer whose body has been read, or a part of one; raises what `Ledger.scrape` does."""
        self._ledger.shown = frozenset(self.shown())
        await self.async_run(partial(self._scrape, body, answer, part=part, doubts=doubts, first=first))
        snapshot = self.snapshot
        if snapshot.report and (snapshot.report.changed or snapshot.report.restarted):
            self._async_save_spare_copy_late()

    async def async_roll(self) -> None:
        """Begin the windows and the hour whose time has come."""
        await self.async_run(lambda: self._show(self._ledger.roll(now=dt_util.utcnow())))

    async def async_adopt_zone(self) -> bool:
        """Cut the windows in the zone that is configured now; return whether that is another one."""
        zone = await _configured_zone(self._hass, self._options)
        if zone == self.zone:
            return False
        self.zone = zone
        await self.async_run(lambda: self._show(self._ledger.set_zone(zone, now=dt_util.utcnow())))
        return True

    async def async_run[T](self, work: Callable[[], T]) -> T:
        """Run blocking work on the ledger's thread, after what was asked of it before.

        Raises ClosedStoreError once the ledger is closed: it would open its file again.
        """
        if self._closed:
            raise ClosedStoreError("the ledger is closed")
        return await self._async_run(work)

    async def _async_run[T](self, work: Callable[[], T]) -> T:
        """Run work on the ledger's thread."""
        return await self._hass.loop.run_in_executor(self._thread, work)

    async def async_history[T](self, work: Callable[[History], T]) -> T:
        """Return what some work on the history comes to, done on the ledger's thread; raises StoreError."""
        return await self.async_run(lambda: work(self._ledger.history))

    async def async_recall(self) -> None:
        """Show what the history knows now of the time before the first scrape; raises StoreError."""
        await self.async_run(lambda: self._show(self._ledger.recall()))

    async def async_complete(self, listed: Mapping[Dimension, Iterable[ListedMember]]) -> None:
        """Take in what LiteLLM's API lists of its members."""
        await self.async_run(lambda: self._show(self._ledger.complete(listed)))

    async def async_pause(self) -> None:
        """Let go of the file until `async_resume`, so that a backup copies it whole; scrapes go on."""
        if not self._closed:
            await self.async_run(lambda: self._ledger.pause(now=dt_util.utcnow()))

    async def async_resume(self) -> None:
        """Go on writing."""
        if not self._closed:
            await self.async_run(self._ledger.resume)

    async def async_close(self, event: Event | None = None) -> None:
        """Close the ledger; while a backup is made, when that has ended, unless Home Assistant itself ends."""
        if self._closed:
            return
        if not self._ledgers.async_remove(self) and event is None:
            self._hass.bus.async_listen_once(EVENT_HOMEASSISTANT_CLOSE, self.async_close)
            return
        await self.async_end()

    async def async_end(self) -> None:
        """Close the ledger at once, save its spare copy, end the thread; a second time does nothing."""
        self._ledgers.async_forget(self)
        if self._closed:
            return
        self._closed = True
        try:
            await self._store.async_save(await self._async_run(self._close))
            await self._async_run(self._past.clear)
        finally:
            await self._hass.async_add_executor_job(self._thread.shutdown)

    async def async_discard(self) -> None:
        """End the thread without writing anything: the file is to be deleted."""
        self._ledgers.async_forget(self)
        self._closed = True
        await self._hass.async_add_executor_job(self._thread.shutdown)

    def _open(self, loaded: list[SpareCopy | None]) -> Ledger:
        """Open the ledger with the spare copy, which is taken out of the list; on its own thread."""
        try:
            self._path.parent.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
        except OSError as err:
            raise StoreError(str(err)) from err
        _make_private(self._path)
        options = self._options
        ledger = Ledger.open(
            self._path,
            now=dt_util.utcnow(),
            zone=self.zone,
            spare_copy=loaded.pop(),
            overrides=_overrides(options),
            week_start=WEEK_STARTS.index(options.get(CONF_WEEK_START, WEEK_STARTS[0])),
            retention_days=options.get(CONF_RETENTION_DAYS, RETENTION_DAYS_DEFAULT),
            performance=options.get(CONF_PERFORMANCE, ()),
            address=self._address,
        )
        # A file that cannot be written now is no reason to wait: the next import recalls it.
        with suppress(StoreError):
            ledger.recall()
        self._show(ledger.snapshot)
        return ledger

    def _scrape(self, body: ExpositionParser, answer: Answer, *, part: bool, **asked: bool) -> None:
        """Count an answer; on the ledger's own thread."""
        try:
            self._count(body, answer, part=part, **asked)
        except PulseError as err:
            # Whoever catches it is on the event loop, which would be held while all that was read is let go of.
            clear_frames(err.__traceback__)
            raise

    def _count(self, body: ExpositionParser, answer: Answer, *, part: bool, **asked: bool) -> None:
        """Count an answer, and note what is told of it."""
        exposition = body.finish()
        self._show(
            self._ledger.scrape(
                exposition,
                now=dt_util.utcnow(),
                answered_at=answer.answered_at,
                part=part,
                complete=answer.complete or body.ended,
                pid=answer.pid,
                **asked,
            )
        )
        report = self.snapshot.report
        if report:
            self.reports.append(report)
        if not part or report is None or report.changed:
            # A part may leave families out that have no series.
            self.labels = label_names(exposition) | (self.labels if part else frozenset())

    def _show(self, snapshot: Snapshot) -> None:
        """Show what the ledger knows, and what its past makes of it; on the ledger's own thread."""
        self.snapshot = replace(snapshot, insight=self._forecaster.insight(snapshot, dt_util.utcnow(), self.zone))
        self._past.append(self.snapshot)

    def _close(self) -> SpareCopy:
        """Close the ledger and return its spare copy; on its own thread."""
        spare_copy = self._take_spare_copy()
        self._ledger.close()
        return spare_copy

    def _async_save_spare_copy_late(self) -> None:
        """Save the spare copy an hour from now; a saving that is due already is not put off."""
        if not self._spare_copy_is_due:
            self._spare_copy_is_due = True
            self._store.async_delay_save(self._take_spare_copy, SPARE_COPY_SAVE_DELAY.total_seconds())

    def _take_spare_copy(self) -> SpareCopy:
        """Return the spare copy to be written; from here on, another saving is due. Never on the event loop."""
        self._spare_copy_is_due = False
        spare_copy = self._ledger.spare_copy()
        self._past.append(spare_copy)
        return spare_copy


def _setup_error(err: StoreError | UnsupportedStorageVersionError) -> ConfigEntryError | ConfigEntryNotReady:
    """Return what set-up fails with: for good, or until the next attempt."""
    if isinstance(err, NewerSchemaError | UnsupportedStorageVersionError):
        return ConfigEntryError(translation_domain=DOMAIN, translation_key="newer_schema")
    return ConfigEntryNotReady(
        translation_domain=DOMAIN,
        translation_key="store_failed",
        translation_placeholders={"error": str(err)},
    )


async def async_delete_ledger(hass: HomeAssistant, entry_id: str) -> None:
    """Delete everything that was kept for an entry."""
    if worker := async_get_open_ledgers(hass).closing(entry_id):
        await worker.async_discard()
    await hass.async_add_executor_job(_delete, _path(hass, entry_id))
    await _spare_copy_store(hass, entry_id).async_remove()


def _path(hass: HomeAssistant, entry_id: str) -> Path:
    """Return where an entry's ledger lies."""
    return Path(hass.config.path(DOMAIN, f"{entry_id}.db"))


def _spare_copy_store(hass: HomeAssistant, entry_id: str) -> Store[SpareCopy]:
    """Return where an entry's spare_copy lies; private, since members are named after people."""
    return Store(
        hass,
        _SPARE_COPY_VERSION,
        f"{DOMAIN}.{entry_id}",
        private=True,
        # The usual way, a large one that does not fit leaves its first half behind, an hour later the next.
        atomic_writes=True,
        serialize_in_event_loop=False,
    )


async def async_recognizes(hass: HomeAssistant, entry: ConfigEntry, body: ExpositionParser) -> bool:
    """Return whether an answer comes from the proxy whose usage an entry's ledger holds; raises AnswerError.

    True also where nothing is known of that proxy yet; the ledger need not be open.
    """
    return await hass.async_add_executor_job(recognizes, _path(hass, entry.entry_id), body.finish())


async def _configured_zone(hass: HomeAssistant, options: Mapping[str, Any]) -> ZoneInfo:
    """Return the time zone of the options, Home Assistant's where they name none."""
    name = options.get(CONF_TIME_ZONE) or hass.config.time_zone
    return await dt_util.async_get_time_zone(name) or ZoneInfo("UTC")


def _overrides(options: Mapping[str, Any]) -> dict[str, str]:
    """Return what metrics are read from instead; a newer release may know more of them."""
    return {name: family for name, family in options.get(CONF_METRIC_NAMES, {}).items() if name in MAPPED_METRICS}


def _make_private(path: Path) -> None:
    """Let nobody else read a ledger, its folder and what was set aside: members are named after people; blocking."""
    # Not every file system knows of owners: what is on such a one is as private as it can be.
    with suppress(OSError):
        path.parent.chmod(_PRIVATE_FOLDER)
        for file in path.parent.glob(f"{path.stem}.*"):
            file.chmod(_PRIVATE_FILE)


def _delete(path: Path) -> None:
    """Delete a ledger with its -wal, its -shm and what was set aside; what cannot be is told in the log; blocking."""
    for file in path.parent.glob(f"{path.stem}.*"):
        try:
            file.unlink(missing_ok=True)
        except OSError as err:
            LOGGER.warning("%s could not be deleted: %s", file, err.strerror)
    # With others in it, or mounted, it stays.
    with suppress(OSError):
        path.parent.rmdir()
