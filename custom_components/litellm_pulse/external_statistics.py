"""Hourly statistics of the proxy and of each member that is shown: the ledger's mirror in the recorder.

They are written when an hour is over, and after a start. Which hours differ from those that were
written last is seen in the ledger; from the first of them on, rows are made like it, with every
later sum. Without a recorder nothing happens.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import batched
from typing import Final
from zoneinfo import ZoneInfo

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.event import async_track_utc_time_change
from homeassistant.helpers.recorder import DATA_INSTANCE
from homeassistant.helpers.start import async_at_started
from homeassistant.util import dt as dt_util

from .const import LOGGER, QUARTERS
from .core.errors import StoreError
from .core.models import MemberKey
from .core.query import hours
from .core.query.hours import KnownHours
from .core.query.parameters import PERSONAL
from .data import PulseData
from .device_manager import DeviceManager
from .ledger_worker import LedgerWorker
from .statistic_ids import statistic_prefix
from .statistics_build import Shown, build, fresh, part_of, shown
from .statistics_task import ClearStatisticsTask, Outcome, Range, Update, WriteStatisticsTask

BATCH: Final = 5
"""Members that are built and written at once: to give back 90 days of them takes milliseconds that hold all threads."""


@dataclass(frozen=True, slots=True)
class _Written:
    """What the recorder was given last."""

    known: KnownHours
    shown: Shown


class StatisticsWriter:
    """Keeps the statistics of an entry like its ledger."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        ledger: LedgerWorker,
        device_manager: DeviceManager,
    ) -> None:
        """Write nothing yet."""
        self._hass = hass
        self._entry = entry
        self._ledger = ledger
        self._device_manager = device_manager
        self._written: _Written | None = None
        """None where the recorder has to be compared with all that is known."""
        self._hour = 0
        """The hour that was running at the last look; none is over before Home Assistant has started."""
        self._due: bool | None = None
        """Whether days are to be compared, too; None where nothing is due."""
        self._running: asyncio.Task[None] | None = None

    @callback
    def async_start(self) -> None:
        """Write what is missing once Home Assistant has started, and whenever an hour is over.

        Every user may read what statistics are called: those of persons go when their kind is not shown any more.
        """
        prefix, hidden = statistic_prefix(self._entry.entry_id), PERSONAL - self._device_manager.dimensions
        _remove(self._hass, *(f"{prefix}{dimension}_" for dimension in hidden))
        on_unload = self._entry.async_on_unload
        on_unload(async_at_started(self._hass, self._async_started))
        on_unload(async_track_utc_time_change(self._hass, self._async_check, minute=QUARTERS, second=0))

    @callback
    def async_update(self, _before: PulseData, _after: PulseData) -> None:
        """Write when an hour is over; what is new or renamed since can wait until then."""
        self._async_check(dt_util.utcnow())

    async def async_write(self) -> None:
        """Write what differs from what was written last; returns when that is done."""
        self._async_run()
        await self._async_wait()

    async def async_rebuild(self) -> None:
        """Compare all that is known, and write what differs; returns when that is done."""
        self._written = None
        self._async_run(from_days=True)
        await self._async_wait()

    async def _async_wait(self) -> None:
        """Wait until nothing is being written."""
        while self._running and not self._running.done():
            await asyncio.wait([self._running])

    @callback
    def _async_started(self, _: HomeAssistant) -> None:
        """Compare everything: nobody knows what became of the recorder's database meanwhile."""
        self._async_run()

    @callback
    def _async_check(self, now: datetime) -> None:
        """Write when an hour is over."""
        if self._hour and self._hour != hours.start_of_hour(int(now.timestamp()), self._ledger.zone):
            self._async_run()

    @callback
    def _async_run(self, *, from_days: bool = False) -> None:
        """Have what differs written, after what is being written now."""
        self._hour = hours.start_of_hour(int(dt_util.utcnow().timestamp()), self._ledger.zone)
        if DATA_INSTANCE not in self._hass.data:
            return
        self._due = from_days or bool(self._due)
        if self._running is None or self._running.done():
            self._running = self._entry.async_create_background_task(
                self._hass, self._async_work(), f"{self._entry.title} - statistics"
            )

    async def _async_work(self) -> None:
        """Write as long as anything is due."""
        while self._due is not None:
            from_days, self._due = self._due, None
            try:
                await self._async_write(from_days=from_days)
            except StoreError as err:
                # Then the next hour makes up for it.
                LOGGER.warning("%s: statistics wait for the ledger: %s", self._entry.title, err)

    async def _async_write(self, *, from_days: bool) -> None:
        """Write what differs; where the recorder lacks what comes before, everything is due."""
        snapshot, zone = self._ledger.snapshot, self._ledger.zone
        if snapshot.last_scrape is None or snapshot.store_error is not None or not snapshot.published:
            return
        last, now = self._written, dt_util.utcnow()
        look = partial(hours.known_hours, self._ledger.path, now=now, zone=zone, last_scrape=snapshot.last_scrape)
        parts = partial(_parts, look, last.known if last else None, zone, from_days=from_days)
        known, whole, changed = await self._hass.async_add_executor_job(parts)
        wanted = shown(self._hass, self._entry, self._device_manager, snapshot.published)
        new = fresh(last.shown if last else None, wanted)
        outcomes = {
            await self._async_write_part(whole, wanted, new),
            await self._async_write_part(changed, wanted, wanted.names.keys() - new),
        }
        self._written = _Written(known, wanted) if outcomes == {Outcome.WRITTEN} else None
        if Outcome.LACKING in outcomes:
            self._due = bool(self._due)

    async def _async_write_part(self, part: Range, wanted: Shown, members: Collection[MemberKey]) -> Outcome:
        """Write a part of the statistics of some members; stops where something is amiss."""
        for batch in batched(sorted(members), BATCH, strict=False):
            outcome = await self._async_queue(part, partial(build, self._ledger.path, wanted, part, batch))
            if outcome is not Outcome.WRITTEN:
                return outcome
        return Outcome.WRITTEN

    async def _async_queue(self, part: Range, work: Callable[[], list[Update]]) -> Outcome:
        """Have the recorder write what the executor builds, and return what became of it."""
        loop = self._hass.loop
        done: asyncio.Future[Outcome] = loop.create_future()

        @callback
        def tell(outcome: Outcome) -> None:
            if not done.done():
                done.set_result(outcome)

        def task() -> WriteStatisticsTask:
            return WriteStatisticsTask(part, work(), lambda outcome: loop.call_soon_threadsafe(tell, outcome))

        # Only the task holds what is built, and gives it back on the recorder's thread.
        self._hass.data[DATA_INSTANCE].queue_task(await self._hass.async_add_executor_job(task))
        return await done


def _parts(
    look: Callable[[], KnownHours], before: KnownHours | None, zone: ZoneInfo, *, from_days: bool
) -> tuple[KnownHours, Range, Range]:
    """Return the hours that are known, all of them as a part, and what of them has changed; blocking."""
    known = look()
    whole = part_of(known, None, zone, from_days=from_days)
    return known, whole, part_of(known, before, zone) if before else whole


@callback
def async_remove_statistics(hass: HomeAssistant, entry_id: str) -> None:
    """Remove the statistics of an entry that is gone, behind those that wait to be written."""
    _remove(hass, statistic_prefix(entry_id))


def _remove(hass: HomeAssistant, *prefixes: str) -> None:
    """Remove the statistics whose ids begin with one of these."""
    if DATA_INSTANCE in hass.data:
        hass.data[DATA_INSTANCE].queue_task(ClearStatisticsTask(prefixes))
