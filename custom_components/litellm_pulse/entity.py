"""The base of every entity: what it shows, of whom, and when it writes its state."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import override

from homeassistant.core import callback
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import LiteLLMPulseConfigEntry, ScrapeCoordinator
from .core.catalog import Dimension
from .picture import Picture
from .roster import Appearance, Facet

ON_PROXY = frozenset({Dimension.TOTAL})
ON_MEMBERS = frozenset(Dimension) - ON_PROXY
ON_MODELS = frozenset({Dimension.MODEL, Dimension.PUBLIC_MODEL})


@dataclass(frozen=True, kw_only=True)
class PulseDescription(EntityDescription):
    """What an entity shows, on whose device, and what its value rests on."""

    dimensions: frozenset[Dimension]
    """Whose members have it."""
    facet: Facet = Facet.USAGE
    metric: str | None = None
    """Friendly name: unavailable while the proxy does not publish it."""
    live: bool = False
    """True of the moment of the scrape only: unavailable when the last scrape failed.

    All else is the ledger's, and stays true while the proxy is down.
    """


class PulseEntity(Entity):
    """Shows one figure of one member, and writes its state only when what it shows has changed."""

    entity_description: PulseDescription

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, scrapes: ScrapeCoordinator, whose: Appearance, description: PulseDescription) -> None:
        """Name the entity by entry, dimension and id: a renamed member stays the same entity."""
        self.entity_description = description
        self.member = whose.member
        self.scrapes = scrapes
        # Registered once for all entities of a member: one by one it takes half of the set-up.
        self.device_entry = whose.device
        dimension, member = whose.member
        self._attr_unique_id = f"{scrapes.config_entry.entry_id}:{dimension}:{member}:{description.key}"
        self._written: tuple[object, ...] = ()

    @property
    def picture(self) -> Picture:
        """What is known."""
        return self.scrapes.picture

    @property
    @override
    def available(self) -> bool:
        """Whether what it shows is known."""
        description, picture = self.entity_description, self.picture
        published = description.metric is None or description.metric in picture.snapshot.published
        return published and (picture.connected or not description.live)

    def shown(self) -> tuple[object, ...]:
        """Return everything in the state that can change."""
        raise NotImplementedError

    @override
    async def async_added_to_hass(self) -> None:
        """Begin to follow the member; Home Assistant writes the first state itself."""
        await super().async_added_to_hass()
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
def async_follow[D: PulseDescription](
    entry: LiteLLMPulseConfigEntry,
    add: AddConfigEntryEntitiesCallback,
    entity: Callable[[ScrapeCoordinator, Appearance, D], Entity],
    descriptions: Iterable[D],
) -> None:
    """Add a platform's entities for everyone on the roster, and for those that come later."""
    scrapes = entry.runtime_data.scrapes

    @callback
    def welcome(appearances: Collection[Appearance]) -> None:
        add(
            [
                entity(scrapes, one, description)
                for one in appearances
                for description in descriptions
                if description.facet is one.facet and one.member[0] in description.dimensions
            ],
        )

    entry.async_on_unload(scrapes.roster.attach(welcome))
