"""The regular scrape: typed entry and runtime data, one error ladder, one publication of what changed."""

from asyncio import Lock, Task, shield, sleep
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Final, override

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry
from homeassistant.const import EVENT_CORE_CONFIG_UPDATE
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers.dispatcher import async_dispatcher_connect, async_dispatcher_send
from homeassistant.helpers.event import async_track_utc_time_change
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util.signal_type import SignalType

from .client import InvalidAuthError, RateLimitedError, ScrapeError
from .const import CONF_SCAN_INTERVAL, DOMAIN, LOGGER, QUARTERS, RETRY_AFTER_MAX, SCAN_INTERVAL_DEFAULT
from .core.errors import AnswerError, ClosedStoreError
from .data import DataBuilder, PulseData
from .device_manager import DeviceManager
from .entity_dispatcher import EntityDispatcher
from .error_messages import translation_key, translation_placeholders
from .ledger_worker import LedgerWorker
from .scraper import Scraper
from .user_settings import UserSettings

if TYPE_CHECKING:
    from .api.raw import RawScraper
    from .api.response_cache import ResponseCache
    from .external_statistics import StatisticsWriter
    from .history_import import HistoryImport

PAUSE_SECONDS: Final = 1.0
"""Between two scrapes that are asked for by the action: everybody may, as often as he likes."""

type LiteLLMPulseConfigEntry = ConfigEntry[RuntimeData]

type DataListener = Callable[[PulseData, PulseData], None]
"""Takes the data from before and after a scrape, a roll-over or a setting; called on the event loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeData:
    """What an entry holds while it is loaded."""

    coordinator: LiteLLMPulseCoordinator
    ledger: LedgerWorker
    scraper: Scraper
    device_manager: DeviceManager
    dispatcher: EntityDispatcher
    user_settings: UserSettings
    response_cache: ResponseCache
    raw_scraper: RawScraper
    statistics: StatisticsWriter
    history: HistoryImport


class LiteLLMPulseCoordinator(DataUpdateCoordinator[PulseData]):
    """Scrapes the proxy on the interval, and publishes what was known before and what is known after."""

    config_entry: LiteLLMPulseConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: LiteLLMPulseConfigEntry,
        *,
        scraper: Scraper,
        ledger: LedgerWorker,
        builder: DataBuilder,
    ) -> None:
        """Begin with what the ledger knows from before."""
        interval = entry.options.get(CONF_SCAN_INTERVAL, SCAN_INTERVAL_DEFAULT)
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=f"{DOMAIN} {entry.title}",
            update_interval=timedelta(seconds=interval),
            always_update=True,
        )
        self._scraper = scraper
        self._ledger = ledger
        self._builder = builder
        self._signal: SignalType[PulseData, PulseData] = SignalType(f"{DOMAIN}_{entry.entry_id}_data")
        self._requested: Task[None] | None = None
        self._awaited: Task[None] | None = None
        """The next scrape that was asked for, until it begins."""
        self._turn = Lock()
        self._scraped_at = 0.0
        """When the last scrape that was asked for began."""
        self.data = self._published = builder.build()

    @property
    def error(self) -> str | None:
        """Why the last scrape failed, or could not be written, in words; None when all is well."""
        return self.data.snapshot.store_error if self.last_update_success else str(self.last_exception)

    @property
    def _failure(self) -> str | None:
        """The translation key of why the last scrape failed."""
        return None if self.last_update_success else getattr(self.last_exception, "translation_key", None)

    async def async_first_scrape(self) -> None:
        """Make the first scrape; raises ConfigEntryNotReady or ConfigEntryAuthFailed.

        Set-up waits for a proxy that has never answered. One that has may be down: after a power
        cut both start at once, and what was spent before is known all the same.
        """
        if self.data.snapshot.last_scrape is None:
            await self.async_config_entry_first_refresh()
            return
        await self.async_refresh()
        if not self.last_update_success:
            await self._builder.async_prepare()
            self.data = self._builder.build(connected=False)

    @callback
    def async_subscribe(self, listener: DataListener) -> None:
        """Have a listener called with (before, after) until the entry is unloaded; one that fails is logged."""
        self.config_entry.async_on_unload(async_dispatcher_connect(self.hass, self._signal, listener))

    @callback
    def async_start(self) -> None:
        """Publish what the first scrape brought, and go on: with scrapes, and with the clock."""
        on_unload = self.config_entry.async_on_unload
        # Keeps the scrapes going when every entity is disabled: the ledger and the API need them.
        on_unload(self.async_add_listener(self._async_publish))
        on_unload(self.hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, self._async_adopt_zone))
        on_unload(async_track_utc_time_change(self.hass, self._async_roll, minute=QUARTERS, second=0))
        self._async_publish()

    @override
    async def _async_update_data(self) -> PulseData:
        """Make one scrape: the one place where its failures are told apart."""
        try:
            answer = await self._scraper.async_scrape()
        except ClosedStoreError:
            # The entry was unloaded while the proxy answered; the next one counts from where this has ended.
            return self.data
        except InvalidAuthError as err:
            raise ConfigEntryAuthFailed(translation_domain=DOMAIN, translation_key=translation_key(err)) from err
        except (ScrapeError, AnswerError) as err:
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key=translation_key(err),
                translation_placeholders=translation_placeholders(err),
                retry_after=self._retry_delay(err),
            ) from err
        await self._builder.async_prepare()
        return self._builder.build(scrape_duration=answer.duration)

    @callback
    @override
    def _async_refresh_finished(self) -> None:
        """Keep asking with a key that was refused, and take the question back once it works.

        A proxy that has lost its database refuses every key. Were it not asked again, what is used
        until its next restart would be missing from the totals.
        """
        if not self.last_update_success and not self._published.connected and self._failure != self._published.failure:
            # Home Assistant tells listeners of the first failure only, and this is another one.
            self._async_publish()
        if self.last_update_success:
            for flow in list(self.config_entry.async_get_active_flows(self.hass, {SOURCE_REAUTH})):
                self.hass.config_entries.flow.async_abort(flow["flow_id"])
        elif isinstance(self.last_exception, ConfigEntryAuthFailed):
            self._schedule_refresh()

    def _retry_delay(self, err: ScrapeError | AnswerError) -> float | None:
        """Return how many seconds the proxy asks us to wait; never less than the interval."""
        if not isinstance(err, RateLimitedError) or err.retry_after is None or self.update_interval is None:
            return None
        return max(self.update_interval.total_seconds(), min(err.retry_after, RETRY_AFTER_MAX))

    @override
    async def async_request_refresh(self) -> None:
        """Make a scrape for all who ask while it is made: forty entities that are to be updated are one question."""
        if self._requested is None or self._requested.done():
            name = f"{self.name} - requested scrape"
            self._requested = self.hass.async_create_task(super().async_request_refresh(), name)
        await shield(self._requested)

    async def async_scrape(self) -> None:
        """Make a scrape that begins after this was called; all who ask while one is made share the next."""
        if self._awaited is None:
            name = f"{self.name} - scrape"
            # Not before it is known as the next one.
            self._awaited = self.hass.async_create_task(self._async_scrape_next(), name, eager_start=False)
        await shield(self._awaited)

    async def _async_scrape_next(self) -> None:
        """Make a scrape after the one that is being made."""
        async with self._turn:
            await sleep(self._scraped_at + PAUSE_SECONDS - monotonic())
            self._awaited, self._scraped_at = None, monotonic()
            await self.async_refresh()

    async def async_rebuild(self) -> None:
        """Show what the ledger and the settings say now; the next scrape comes when it would have come anyway."""
        await self._builder.async_prepare()
        self.data = self._builder.build(connected=self.data.connected, scrape_duration=self.data.scrape_duration)
        self.async_update_listeners()

    @callback
    def _async_publish(self) -> None:
        """Tell every listener what was published before, and what is known now."""
        before = self._published
        self.data = replace(self.data, connected=self.last_update_success, failure=self._failure)
        self._published = self.data
        async_dispatcher_send(self.hass, self._signal, before, self.data)

    async def _async_roll(self, now: datetime) -> None:
        """Begin the next hour or windows, whether the proxy answers or not."""
        if now.astimezone(self._ledger.zone).minute == 0:
            await self._ledger.async_roll()
            await self.async_rebuild()

    async def _async_adopt_zone(self, _event: Event) -> None:
        """Follow Home Assistant's time zone: cut the windows anew if it is another one."""
        if await self._ledger.async_adopt_zone():
            await self.async_rebuild()
