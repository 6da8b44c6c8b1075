"""What a LiteLLM proxy spends, exactly."""

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_API_KEY, CONF_URL, CONF_VERIFY_SSL, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.typing import ConfigType
from yarl import URL

from .api import RawScraper, ResponseCache, async_register_views
from .client import MetricsClient
from .const import DOMAIN
from .coordinator import LiteLLMPulseConfigEntry, LiteLLMPulseCoordinator, RuntimeData
from .core.models import OTHER
from .data import DataBuilder
from .device_manager import DeviceManager
from .entity_dispatcher import EntityDispatcher
from .events import EventDetector
from .identifiers import member_of_device
from .issues import IssueManager, async_delete_issues
from .ledger_worker import LedgerWorker, async_delete_ledger
from .scraper import Scraper
from .user_settings import UserSettings

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)
PLATFORMS = [Platform.BINARY_SENSOR, Platform.EVENT, Platform.NUMBER, Platform.SENSOR]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:  # noqa: ARG001
    """Register what all entries share."""
    async_register_views(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> bool:
    """Open the ledger, make the first scrape, add the entities, and name everybody who listens."""
    user_settings = await UserSettings.async_load(hass, entry.entry_id)
    ledger = await LedgerWorker.async_open(hass, entry)
    device_manager = DeviceManager(hass, entry, ledger.snapshot, user_settings)
    builder = DataBuilder(entry, ledger, device_manager, user_settings)
    scraper = Scraper(_client(hass, entry), ledger)
    coordinator = LiteLLMPulseCoordinator(hass, entry, scraper=scraper, ledger=ledger, builder=builder)
    dispatcher = EntityDispatcher(hass, entry)
    entry.runtime_data = RuntimeData(
        coordinator=coordinator,
        ledger=ledger,
        scraper=scraper,
        device_manager=device_manager,
        dispatcher=dispatcher,
        user_settings=user_settings,
        response_cache=ResponseCache(),
        raw_scraper=RawScraper(),
    )
    await coordinator.async_first_scrape()
    device_manager.async_remove_stale(ledger.snapshot)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)

    issues = IssueManager(hass, entry)
    entry.async_on_unload(issues.async_close)
    coordinator.async_subscribe(dispatcher.async_dispatch)
    coordinator.async_subscribe(EventDetector(hass, entry, device_manager).async_detect)
    coordinator.async_subscribe(issues.async_update)
    coordinator.async_start()
    return True


async def async_migrate_entry(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> bool:
    """Bring an entry of an earlier release up to date; False for one of a later major version."""
    if entry.version > 1:
        return False
    if entry.minor_version < 2:  # noqa: PLR2004
        # It was the proxy's address, which may change.
        hass.config_entries.async_update_entry(entry, unique_id=None, minor_version=2)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> bool:
    """Take the entities away; what was opened closes itself after that."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> None:
    """Delete the ledger and its spare copy, the user's settings, and the repair issues."""
    await async_delete_ledger(hass, entry.entry_id)
    await UserSettings(hass, entry.entry_id).async_remove()
    async_delete_issues(hass, entry.entry_id)


async def async_remove_config_entry_device(
    hass: HomeAssistant,
    entry: LiteLLMPulseConfigEntry,
    device: dr.AnyDeviceEntry,
) -> bool:
    """Let any member's device be deleted; it comes back when the member is used again."""
    member = member_of_device(device)
    if member[1] == OTHER:
        return False
    if entry.state is ConfigEntryState.LOADED:
        await entry.runtime_data.device_manager.async_dismiss(member, entry.runtime_data.ledger.snapshot)
    else:
        user_settings = await UserSettings.async_load(hass, entry.entry_id)
        await user_settings.async_dismiss(member)
    return True


def _client(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> MetricsClient:
    """Return the client of the entry's proxy."""
    session = async_get_clientsession(hass, entry.data[CONF_VERIFY_SSL])
    return MetricsClient(session, URL(entry.data[CONF_URL]), entry.data.get(CONF_API_KEY))
