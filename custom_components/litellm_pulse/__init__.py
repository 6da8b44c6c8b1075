"""What a LiteLLM proxy spends, exactly."""

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import translation
from homeassistant.helpers.importlib import async_import_module
from homeassistant.helpers.typing import ConfigType

from . import frontend
from .api import RawScraper, ResponseCache, async_register_views
from .connection import create_client
from .const import DOMAIN
from .coordinator import LiteLLMPulseConfigEntry, LiteLLMPulseCoordinator, RuntimeData
from .core.models import OTHER
from .data import DataBuilder
from .device_manager import DeviceManager
from .entity_dispatcher import EntityDispatcher
from .events import EventDetector
from .external_statistics import StatisticsWriter, async_remove_statistics
from .history_import import HistoryImport
from .identifiers import async_registered, member_of_device
from .issues import IssueManager, async_delete_issues
from .ledger_worker import LedgerWorker, async_delete_ledger
from .member_lists import MemberLists
from .migration import async_keep_used, async_rename
from .scraper import Scraper
from .services import async_register_services
from .stored_settings import unusable
from .user_settings import UserSettings
from .websocket_api import async_register_commands

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)
PLATFORMS = [Platform.BINARY_SENSOR, Platform.EVENT, Platform.NUMBER, Platform.SENSOR]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:  # noqa: ARG001
    """Register what all entries share."""
    async_register_views(hass)
    async_register_services(hass)
    if "conversation" in hass.config.components:
        # What it imports is installed with that integration only.
        sentence_triggers = await async_import_module(hass, f"{__package__}.sentence_triggers")
        sentence_triggers.async_register_sentences(hass)
    async_register_commands(hass)
    # Its pages also say why an entry is not set up.
    await frontend.async_register(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> bool:
    """Open the ledger, make the first scrape, add the entities, and name everybody who listens."""
    _check_stored(entry)
    # With the last entry the dashboard had gone.
    await frontend.async_register(hass)
    # After a change of language Home Assistant may not have come to it yet, and devices are named now.
    await translation.async_load_integrations(hass, {DOMAIN})
    registered = await async_registered(hass, entry)
    user_settings = await UserSettings.async_load(hass, entry.entry_id)
    ledger = await LedgerWorker.async_open(hass, entry)
    device_manager = DeviceManager(hass, entry, ledger.snapshot, user_settings, registered)
    ledger.shown = lambda: device_manager.members
    builder = DataBuilder(hass, entry, ledger, device_manager, user_settings)
    scraper = Scraper(create_client(hass, {**entry.data, **entry.options}), ledger)
    coordinator = LiteLLMPulseCoordinator(hass, entry, scraper=scraper, ledger=ledger, builder=builder)
    dispatcher = EntityDispatcher(hass, entry)
    statistics = StatisticsWriter(hass, entry, ledger, device_manager)
    history = HistoryImport(
        hass, entry, ledger, on_status=coordinator.async_rebuild, on_history=statistics.async_rebuild
    )
    entry.runtime_data = RuntimeData(
        coordinator=coordinator,
        ledger=ledger,
        scraper=scraper,
        device_manager=device_manager,
        dispatcher=dispatcher,
        user_settings=user_settings,
        response_cache=ResponseCache(),
        raw_scraper=RawScraper(),
        statistics=statistics,
        history=history,
    )
    await coordinator.async_first_scrape()
    device_manager.async_remove_stale(ledger.snapshot)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)

    issues = IssueManager(hass, entry)
    entry.async_on_unload(issues.async_close)
    coordinator.async_subscribe(entry.runtime_data.response_cache.async_clear)
    coordinator.async_subscribe(dispatcher.async_dispatch)
    coordinator.async_subscribe(EventDetector(hass, entry, device_manager).async_detect)
    coordinator.async_subscribe(issues.async_update)
    coordinator.async_subscribe(statistics.async_update)
    coordinator.async_subscribe(history.async_update)
    statistics.async_start()
    coordinator.async_start()
    history.async_start()
    MemberLists(hass, entry, ledger, on_change=coordinator.async_rebuild).async_start()
    return True


def _check_stored(entry: LiteLLMPulseConfigEntry) -> None:
    """Raise ConfigEntryError for what is stored and cannot be used; the ledger stays as it is."""
    if wrong := unusable(entry):
        raise ConfigEntryError(
            translation_domain=DOMAIN,
            translation_key="unusable_setting",
            translation_placeholders={"setting": ", ".join(wrong)},
        )


async def async_migrate_entry(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> bool:
    """Bring an entry of an earlier release up to date; False for one of a later major version."""
    if entry.version > 1:
        return False
    if entry.minor_version < 2:  # noqa: PLR2004
        # It was the proxy's address, which may change.
        hass.config_entries.async_update_entry(entry, unique_id=None, minor_version=2)
    if entry.minor_version < 3:  # noqa: PLR2004
        async_rename(hass, entry)
        hass.config_entries.async_update_entry(entry, options=async_keep_used(hass, entry), minor_version=3)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> bool:
    """Take the entities away; what was opened closes itself after that."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> None:
    """Delete the ledger, its spare copy, settings, repair issues, statistics; with the last entry, the dashboard."""
    await async_delete_ledger(hass, entry.entry_id)
    await UserSettings(hass, entry.entry_id).async_remove()
    async_delete_issues(hass, entry.entry_id)
    async_remove_statistics(hass, entry.entry_id)
    if not hass.config_entries.async_entries(DOMAIN):
        frontend.async_unregister(hass)


async def async_remove_config_entry_device(
    hass: HomeAssistant,
    entry: LiteLLMPulseConfigEntry,
    device: dr.AnyDeviceEntry,
) -> bool:
    """Let any member's device be deleted; it comes back when the member is used again."""
    try:
        member = member_of_device(device)
    except ValueError:
        # Of a newer release.
        return True
    if member[1] == OTHER:
        return False
    if entry.state is ConfigEntryState.LOADED:
        await entry.runtime_data.device_manager.async_dismiss(member, entry.runtime_data.ledger.snapshot)
    else:
        user_settings = await UserSettings.async_load(hass, entry.entry_id)
        await user_settings.async_dismiss(member)
    return True
