"""The sources of history, as the options name them: what to ask, whether it answers, and one cycle of each."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from ssl import SSLContext
from typing import TYPE_CHECKING, Any, Final, Protocol

from homeassistant.const import CONF_API_KEY, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from yarl import URL

from . import address
from .authority import trusting
from .connection import async_session
from .const import (
    CONF_CA_FILE,
    CONF_EXTRA_HEADERS,
    CONF_HISTORY_DSN,
    CONF_HISTORY_KEY,
    CONF_HISTORY_SOURCE,
    CONF_HISTORY_TLS,
    DOMAIN,
    HISTORY_API,
    HISTORY_DATABASE,
    HISTORY_OFF,
)
from .spend_logs import dsn
from .spend_logs.daily import Activity
from .spend_logs.destination import Destination
from .spend_logs.errors import TlsError
from .spend_logs.models import DAY, HOUR, Span, floor
from .spend_logs.progress import Progress
from .spend_logs.rest import Rest
from .spend_logs.rest_importer import RestImporter, told_all
from .spend_logs.rows import Block
from .spend_logs.same_records import COMPARED, Days

if TYPE_CHECKING:
    from .spend_logs.database import Database
    from .spend_logs.importer import Importer

KEYS_FOR_ONCE: Final = HassKey[dict[str, str]](f"{DOMAIN}_history_keys")
"""Entry -> a key that is used for the import and stored nowhere."""


class Source(Protocol):
    """Where history comes from."""

    name: str
    by_day: bool
    """Whether it knows UTC days only."""

    async def identity(self) -> str:
        """Try it, and return what tells it from others; raises SourceError."""

    async def last_days(self) -> Days:
        """Return what was used in the last weeks, to be compared with another source's; raises SourceError."""

    async def cycle(self, destination: Destination, seam: datetime, gaps: Sequence[Span]) -> Progress:
        """Bring a destination up to date; raises SourceError."""

    def complete(self, progress: Progress) -> bool:
        """Whether all that there is from before the first scrape has been told."""


class DatabaseSource:
    """LiteLLM's PostgreSQL."""

    name = HISTORY_DATABASE
    by_day = False

    def __init__(self, database: Database, importer: type[Importer]) -> None:
        """Connect to nothing yet."""
        self._database = database
        self._importer = importer

    async def identity(self) -> str:
        """Look what is there."""
        return (await self._database.look()).required().identity

    async def last_days(self) -> Days:
        """Have the last weeks summed up, as an import has them."""
        days, found = Days(), await self._database.look()

        async def take(block: Block) -> None:
            await asyncio.to_thread(days.add, block.told)

        await self._database.read(found, Span(floor(found.now, DAY) - COMPARED, found.now), take)
        return days

    async def cycle(self, destination: Destination, seam: datetime, gaps: Sequence[Span]) -> Progress:
        """Read what is not known yet, and what may have changed."""
        return await self._importer(self._database, destination).cycle(seam=seam, gaps=gaps)

    def complete(self, progress: Progress) -> bool:
        """Whether the backfill has come down to the oldest row."""
        if progress.reached is None:
            return False
        return progress.oldest is None or progress.reached <= floor(progress.oldest, HOUR)


class ApiSource:
    """LiteLLM's own API."""

    name = HISTORY_API
    by_day = True

    def __init__(self, rest: Rest, url: URL) -> None:
        """Ask nothing yet."""
        self._rest = rest
        self._url = url

    async def identity(self) -> str:
        """Ask for today; of the database behind it nothing is told, so the address stands for it."""
        await self._rest.look(dt_util.utcnow().date())
        return str(address.identity(self._url))

    async def last_days(self) -> Days:
        """Ask for the last weeks by everything that one question tells."""
        days, today = Days(), dt_util.utcnow().date()
        async for _, _, found in self._rest.days(Activity.USER, today - COMPARED, today):
            await asyncio.to_thread(days.add, found.told)
        return days

    async def cycle(self, destination: Destination, seam: datetime, gaps: Sequence[Span]) -> Progress:  # noqa: ARG002  # it knows days only
        """Read the days before the first scrape that are not known yet."""
        return await RestImporter(self._rest, destination).run(now=dt_util.utcnow(), seam=seam)

    def complete(self, progress: Progress) -> bool:
        """Whether a year without usage was met."""
        return told_all(progress)


async def async_create(hass: HomeAssistant, entry_id: str, settings: Mapping[str, Any]) -> Source | None:
    """Return the source that an entry's data and options name, None for none; raises SourceError for a bad address."""
    chosen = settings.get(CONF_HISTORY_SOURCE, HISTORY_OFF)
    if chosen == HISTORY_DATABASE:
        found = dsn.parse(settings[CONF_HISTORY_DSN], tls=_tls(settings.get(CONF_HISTORY_TLS)))
        # Who has no history need not load the driver, and loading it reads files.
        database, importer = await hass.async_add_import_executor_job(_load)
        return DatabaseSource(database(found), importer)
    if chosen == HISTORY_API:
        once = hass.data.get(KEYS_FOR_ONCE, {}).get(entry_id)
        key = settings.get(CONF_HISTORY_KEY) or once or settings.get(CONF_API_KEY) or ""
        return ApiSource(await async_rest(hass, settings, key), URL(settings[CONF_URL]))
    return None


async def async_rest(hass: HomeAssistant, settings: Mapping[str, Any], key: str) -> Rest:
    """Return the API of the proxy that an entry's data and options name, asked with a key; raises TlsError."""
    session = async_session(hass, settings[CONF_VERIFY_SSL])
    headers = settings.get(CONF_EXTRA_HEADERS) or {}
    context = await _async_context(hass, settings)
    return Rest(session, str(URL(settings[CONF_URL])), key, headers=headers, context=context)


async def _async_context(hass: HomeAssistant, settings: Mapping[str, Any]) -> SSLContext | bool:
    """Return whom to trust: the authority of the options, or whom everybody does."""
    ca_file = settings.get(CONF_CA_FILE)
    if not ca_file or not settings[CONF_VERIFY_SSL]:
        return True
    return await hass.async_add_executor_job(_trusting, hass.config.path(ca_file))


def _trusting(path: str) -> SSLContext:
    """Return a context that trusts a file of certificates; blocking. Raises TlsError."""
    try:
        return trusting(path)
    except (OSError, ValueError) as err:
        raise TlsError(str(err)) from err


def _tls(mode: str | None) -> dsn.TlsMode | None:
    """Return the mode that was chosen, None for that of the address."""
    return dsn.TlsMode(mode) if mode else None


def _load() -> tuple[Callable[..., Database], type[Importer]]:
    """Load the driver."""
    from .spend_logs.database import Database  # noqa: PLC0415
    from .spend_logs.importer import Importer  # noqa: PLC0415

    return Database, Importer
