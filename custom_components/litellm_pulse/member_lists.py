"""What LiteLLM's API lists of keys, teams and tags: names, budgets, blocks; asked once an hour, where the key may."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_API_KEY
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .const import CONF_HISTORY_KEY
from .core.catalog import Dimension
from .history_sources import async_rest
from .ledger_worker import LedgerWorker
from .spend_logs.directory import Entry
from .spend_logs.errors import AuthenticationError, TlsError

EVERY: Final = timedelta(hours=1)
RETRY: Final = timedelta(minutes=5)
"""After a question that nobody answered."""
_NONE: Final[Mapping[Dimension, Sequence[Entry]]] = dict.fromkeys((Dimension.KEY, Dimension.TEAM, Dimension.TAG), ())


class MemberLists:
    """Asks for the lists in the background, as long as the entry is loaded and LiteLLM does not refuse."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        ledger: LedgerWorker,
        *,
        on_change: Callable[[], Awaitable[None]],
    ) -> None:
        """Ask nothing yet; `on_change` is awaited when something else is known."""
        self._hass = hass
        self._entry = entry
        self._ledger = ledger
        self._on_change = on_change
        self._running: asyncio.Task[None] | None = None
        self._next: CALLBACK_TYPE | None = None

    @callback
    def async_start(self) -> None:
        """Begin."""
        self._entry.async_on_unload(self._async_end)
        self._async_begin()

    @property
    def _key(self) -> str | None:
        """The key that may most: that for history, else the one of /metrics."""
        return self._entry.options.get(CONF_HISTORY_KEY) or self._entry.data.get(CONF_API_KEY)

    @callback
    def _async_begin(self, _now: datetime | None = None) -> None:
        """Have the lists asked for."""
        self._next = None
        name = f"{self._entry.title} - lists of members"
        self._running = self._entry.async_create_background_task(self._hass, self._async_work(), name)

    @callback
    def _async_end(self) -> None:
        """Ask no more, before the ledger is closed."""
        if self._next:
            self._next()
        if self._running:
            self._running.cancel()

    async def _async_work(self) -> None:
        """Ask once, and say when it is due again: never where it was refused, or there is no key to ask with."""
        if not self._key:
            await self._async_take_in(_NONE)
            return
        try:
            # Anew, for the authority's certificate may have been renewed.
            rest = await async_rest(self._hass, {**self._entry.data, **self._entry.options}, self._key)
            found = await rest.members(dt_util.utcnow().date())
        except AuthenticationError:
            return
        except TlsError:
            # The scrape says so, too.
            self._async_begin_later(RETRY)
            return
        if rest.refused:
            # Who is blocked now is not told any more.
            await self._async_take_in({**_NONE, **found})
            return
        await self._async_take_in(found)
        self._async_begin_later(EVERY if found else RETRY)

    @callback
    def _async_begin_later(self, pause: timedelta) -> None:
        """Have the lists asked for after a while."""
        self._next = async_call_later(self._hass, pause, self._async_begin)

    async def _async_take_in(self, found: Mapping[Dimension, Sequence[Entry]]) -> None:
        """Have the ledger take in what lists say, and show it where it is news."""
        before = self._ledger.snapshot
        # Made on the ledger's thread: there may be thousands.
        await self._ledger.async_complete({of: (one.listed for one in entries) for of, entries in found.items()})
        after = self._ledger.snapshot
        known = before.members is after.members and before.budgets is after.budgets
        if not known or before.blocked != after.blocked:
            await self._on_change()
