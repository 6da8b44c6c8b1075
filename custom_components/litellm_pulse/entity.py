"""The base of every entity, and the devices of the proxy and of all members in one place."""

from typing import override

from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription

from .const import DOMAIN
from .coordinator import LiteLLMPulseConfigEntry, ScrapeCoordinator
from .core.models import TOTAL, Member, Snapshot
from .roster import device_identifier


class PulseEntity(Entity):
    """Shows one figure of one member, and writes its state only when what it shows has changed."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, scrapes: ScrapeCoordinator, member: Member, description: EntityDescription) -> None:
        """Name the entity by entry, dimension and id: a renamed member stays the same entity."""
        entry_id = scrapes.config_entry.entry_id
        self.entity_description = description
        self.member = member.key
        self.scrapes = scrapes
        self._attr_unique_id = f"{entry_id}:{member.dimension}:{member.id}:{description.key}"
        self._attr_device_info = _device_info(scrapes.hass, entry_id, member)
        self._written: tuple[object, ...] = ()

    @property
    def snapshot(self) -> Snapshot:
        """What is known."""
        return self.scrapes.data

    def shown(self) -> tuple[object, ...]:
        """Return everything in the state that can change."""
        raise NotImplementedError

    @override
    async def async_added_to_hass(self) -> None:
        """Begin to follow the member; Home Assistant writes the first state itself."""
        self._written = self.shown()
        self.async_on_remove(self.scrapes.fanout.watch(self.member, self._async_wake))

    async def async_update(self) -> None:
        """Scrape now, because somebody called `homeassistant.update_entity`."""
        await self.scrapes.async_request_refresh()

    @callback
    def _async_wake(self) -> None:
        """Write the state if it is another one."""
        shown = self.shown()
        if shown != self._written:
            self._written = shown
            self.async_write_ha_state()


@callback
def async_register_proxy(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> None:
    """Register the proxy's device, which those of the members are below."""
    alone = len(hass.config_entries.async_entries(DOMAIN)) == 1
    dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={device_identifier(entry.entry_id, TOTAL)},
        entry_type=DeviceEntryType.SERVICE,
        # Entity ids begin with this: short for the one proxy that most homes have.
        name="LiteLLM" if alone else f"LiteLLM {entry.title}",
        manufacturer="BerriAI",
        model="Proxy",
        configuration_url=f"{entry.data[CONF_URL].rstrip('/')}/ui",
    )


def _device_info(hass: HomeAssistant, entry_id: str, member: Member) -> DeviceInfo:
    """Return the device of a member; the proxy's is registered already."""
    identifiers = {device_identifier(entry_id, member.key)}
    if member.key == TOTAL:
        return DeviceInfo(identifiers=identifiers)
    proxy = dr.async_get(hass).async_get_device_by_identifier(device_identifier(entry_id, TOTAL), entry_id)
    assert proxy is not None, "registered before the platforms"  # noqa: S101
    return DeviceInfo(
        identifiers=identifiers,
        entry_type=DeviceEntryType.SERVICE,
        name=member.name,
        model=member.dimension.capitalize(),
        via_device_id=proxy.id,
    )
