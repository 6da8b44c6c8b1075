"""What a LiteLLM proxy spends, exactly."""

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_API_KEY, CONF_URL, CONF_VERIFY_SSL, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.typing import ConfigType
from yarl import URL

from .bookkeeper import Bookkeeper, async_forget
from .client import MetricsClient
from .const import DOMAIN
from .coordinator import LiteLLMPulseConfigEntry, RuntimeData, ScrapeCoordinator
from .devices import member_of
from .issues import async_forget_issues
from .roster import OTHER
from .views import async_register_views
from .wishes import Wishes

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)
PLATFORMS = [Platform.BINARY_SENSOR, Platform.EVENT, Platform.NUMBER, Platform.SENSOR]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:  # noqa: ARG001
    """Register what all entries share."""
    async_register_views(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> bool:
    """Open the ledger, make the first scrape, show the entities."""
    books = await Bookkeeper.async_open(hass, entry)
    client = MetricsClient(
        async_get_clientsession(hass, entry.data[CONF_VERIFY_SSL]),
        URL(entry.data[CONF_URL]),
        entry.data.get(CONF_API_KEY),
    )
    wishes = await Wishes.async_load(hass, entry.entry_id)
    scrapes = ScrapeCoordinator(hass, entry, client=client, books=books, wishes=wishes)
    await scrapes.async_start()
    entry.runtime_data = RuntimeData(books=books, scrapes=scrapes)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> bool:
    """Take the entities away; what was opened closes itself after that."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> None:
    """Delete the ledger and its head, what was wished for, and what was complained about."""
    await async_forget(hass, entry.entry_id)
    await Wishes(hass, entry.entry_id).async_forget()
    async_forget_issues(hass, entry.entry_id)


async def async_remove_config_entry_device(
    hass: HomeAssistant,
    entry: LiteLLMPulseConfigEntry,
    device: dr.AnyDeviceEntry,
) -> bool:
    """Let any member's device be deleted; it comes back when the member is used again."""
    member = member_of(device)
    if member[1] == OTHER:
        return False
    if entry.state is ConfigEntryState.LOADED:
        scrapes = entry.runtime_data.scrapes
        await scrapes.roster.async_dismiss(member, scrapes.data)
    else:
        wishes = await Wishes.async_load(hass, entry.entry_id)
        await wishes.async_delete(member)
    return True
