"""The regular scrape: typed entry and runtime data, one error ladder, windows that end on time."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import override

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry
from homeassistant.const import EVENT_CORE_CONFIG_UPDATE
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .answers import Answers
from .bookkeeper import Bookkeeper
from .client import InvalidAuthError, MetricsClient, RateLimitedError, ScrapeError
from .const import (
    CONF_SCAN_INTERVAL,
    CONF_UNUSUAL_THRESHOLD,
    DOMAIN,
    LOGGER,
    RETRY_AFTER_MAX,
    SCAN_INTERVAL_DEFAULT,
    UNUSUAL_THRESHOLD_DEFAULT,
)
from .core.errors import AnswerError
from .core.models import MemberKey, Snapshot, Usage, Window
from .core.refusals import refused
from .core.windows import next_boundary, next_hour
from .fanout import Fanout
from .happenings import Herald, between
from .issues import Troubles
from .picture import Picture
from .raw import RawScrapes
from .reasons import placeholders, reason
from .roster import OTHER, Roster
from .scraper import Scraper
from .wishes import Wishes

type LiteLLMPulseConfigEntry = ConfigEntry[RuntimeData]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeData:
    """What an entry holds while it is loaded."""

    books: Bookkeeper
    scrapes: ScrapeCoordinator
    answers: Answers = field(default_factory=Answers)
    raw: RawScrapes = field(default_factory=RawScrapes)


class ScrapeCoordinator(DataUpdateCoordinator[Snapshot]):
    """Scrapes the proxy, and tells entities what changed."""

    config_entry: LiteLLMPulseConfigEntry

    scrape_duration: float | None = None
    """Seconds that the last complete answer took."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: LiteLLMPulseConfigEntry,
        *,
        client: MetricsClient,
        books: Bookkeeper,
        wishes: Wishes,
    ) -> None:
        """Begin with what the ledger knows from before."""
        interval = entry.options.get(CONF_SCAN_INTERVAL, SCAN_INTERVAL_DEFAULT)
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=f"{DOMAIN} {entry.title}",
            update_interval=timedelta(seconds=interval),
            always_update=False,
        )
        self.data = books.snapshot
        self.client = client
        self.books = books
        self._scraper = Scraper(client, books)
        self.wishes = wishes
        self.roster = Roster(hass, entry, books.snapshot, wishes)
        self.fanout = Fanout(hass, entry)
        self.herald = Herald()
        self._troubles = Troubles(hass, entry)
        self._others: dict[MemberKey, Usage] = {}
        self.picture = Picture(snapshot=self.data)
        self.picture = self._paint()
        self._cancel_roll: CALLBACK_TYPE | None = None

    @property
    def error(self) -> str | None:
        """Why the last scrape failed, or could not be written, in words; None when all is well."""
        return self.data.store_error if self.last_update_success else str(self.last_exception)

    async def async_start(self) -> None:
        """Make the first scrape and keep going.

        Set-up waits for a proxy that has never answered. One that has may be down: after a power
        cut both start at once, and what was spent before is known all the same.
        """
        if self.data.last_scrape is None:
            await self.async_config_entry_first_refresh()
        else:
            await self.async_refresh()
        # The only listener: entities are woken through it. It also keeps the scrapes going when
        # every entity is disabled, since the ledger, the statistics and the API need them.
        self.config_entry.async_on_unload(self.async_add_listener(self._async_distribute))
        self.config_entry.async_on_unload(
            self.hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, self._async_config_changed),
        )
        self.config_entry.async_on_unload(self._async_disarm)
        self.config_entry.async_on_unload(self._troubles.close)
        await self._async_cast()
        self.roster.tidy(self.data)
        self._async_distribute()
        self._async_arm()

    @override
    async def _async_update_data(self) -> Snapshot:
        """Make one scrape: the one place where its failures are told apart."""
        try:
            answer = await self._scraper.async_scrape()
        except InvalidAuthError as err:
            raise ConfigEntryAuthFailed(translation_domain=DOMAIN, translation_key=reason(err)) from err
        except (ScrapeError, AnswerError) as err:
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key=reason(err),
                translation_placeholders=placeholders(err),
                retry_after=self._patience(err),
            ) from err
        self.scrape_duration = answer.duration
        await self._async_cast()
        # Not what this scrape returned: a window may have rolled over meanwhile.
        return self.books.snapshot

    @callback
    @override
    def _async_refresh_finished(self) -> None:
        """Keep asking with a key that was refused, and take the question back once it works.

        A proxy that has lost its database refuses every key. Were it not asked again, what is used
        until its next restart would be missing from the totals.
        """
        if self.last_update_success:
            for flow in list(self.config_entry.async_get_active_flows(self.hass, {SOURCE_REAUTH})):
                self.hass.config_entries.flow.async_abort(flow["flow_id"])
        elif isinstance(self.last_exception, ConfigEntryAuthFailed):
            self._schedule_refresh()

    def _patience(self, err: ScrapeError | AnswerError) -> float | None:
        """Return how many seconds the proxy asks us to wait; never less than the interval."""
        if not isinstance(err, RateLimitedError) or err.retry_after is None or self.update_interval is None:
            return None
        return max(self.update_interval.total_seconds(), min(err.retry_after, RETRY_AFTER_MAX))

    async def async_limit(self, member: MemberKey, window: Window, amount: float) -> None:
        """Limit a member's spend in a window; 0 takes the limit away."""
        await self.wishes.async_limit(member, window, amount)
        self._async_distribute()

    async def _async_cast(self) -> None:
        """Decide who has a device, and gather the rest."""
        self.roster.cast(self.books.snapshot)
        hidden = self.roster.hidden
        others = await self.books.async_gather(hidden) if hidden else {}
        self._others = {(dimension, OTHER): usage for dimension, usage in others.items()}

    @callback
    def _async_distribute(self) -> None:
        """Welcome new members, wake the entities of those that changed, tell what happened."""
        before, after = self.picture, self._paint()
        # Newcomers begin with what they had before, nothing: the recorder counts from the first state on.
        self.roster.update(self.data)
        self.picture = after
        self.fanout.publish(before, after)
        for happening in between(before, after, self.roster, self.roster.models):
            self.herald.tell(happening)
        self._troubles.update(after, self.roster)

    def _paint(self) -> Picture:
        """Return what there is to show now."""
        before = self.picture
        return Picture(
            snapshot=self.data,
            connected=self.last_update_success,
            scrape_duration=self.scrape_duration,
            others=self._others,
            limits=self.wishes.limits,
            refusing=refused(before.snapshot, self.data, before.refusing),
            unusual_threshold=self.config_entry.options.get(CONF_UNUSUAL_THRESHOLD, UNUSUAL_THRESHOLD_DEFAULT),
        )

    @callback
    def _async_arm(self) -> None:
        """Set the clock for the next hour or window; daily sensors must not wait for the next scrape."""
        self._async_disarm()
        now = dt_util.utcnow()
        boundary = min(next_hour(now, self.books.zone), next_boundary(now, self.books.zone))
        self._cancel_roll = async_track_point_in_utc_time(self.hass, self._async_window_ends, boundary)

    @callback
    def _async_disarm(self) -> None:
        """Stop the clock."""
        if self._cancel_roll:
            self._cancel_roll()
            self._cancel_roll = None

    @callback
    def _async_window_ends(self, _now: datetime) -> None:
        """Begin the next hour or windows."""
        self._cancel_roll = None
        self.config_entry.async_create_background_task(self.hass, self._async_roll(), f"{self.name} - roll")

    @callback
    def _async_config_changed(self, _event: Event) -> None:
        """Follow Home Assistant's time zone."""
        self.config_entry.async_create_background_task(self.hass, self._async_rezone(), f"{self.name} - zone")

    async def _async_roll(self) -> None:
        """Roll the windows over, whether the proxy answers or not."""
        await self.books.async_roll()
        await self._async_publish()

    async def _async_rezone(self) -> None:
        """Cut the windows anew if the zone is another one."""
        if await self.books.async_adopt_zone():
            await self._async_publish()

    async def _async_publish(self) -> None:
        """Show what the ledger knows now; the next scrape comes when it would have come anyway."""
        await self._async_cast()
        self.data = self.books.snapshot
        self.async_update_listeners()
        self._async_arm()
