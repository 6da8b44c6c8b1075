"""What the user decided about members: limits, and devices deleted by hand. Kept in Home Assistant's Store."""

from asyncio import Lock
from collections.abc import Mapping
from math import inf
from typing import Any, Final, Self, TypedDict

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryError, HomeAssistantError, UnsupportedStorageVersionError
from homeassistant.helpers.storage import Store

from .const import DOMAIN
from .core.catalog import Dimension
from .core.models import DUST, MemberKey, Window

_VERSION: Final = 1

type Limits = Mapping[MemberKey, Mapping[Window, float]]
"""Per member and window, US dollars; what has no limit is not in it."""


class _Stored(TypedDict):
    """The settings as JSON."""

    limits: list[list[Any]]
    """Dimension, id, window and US dollars."""
    deleted: list[list[str]]
    """Dimension and id."""


class UserSettings:
    """The settings of one entry; each is saved at once, so that no restart or reload forgets it."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Begin without any; use `async_load`."""
        self.limits: Limits = {}
        self.dismissed: frozenset[MemberKey] = frozenset()
        # Private, since members are named after people.
        key = f"{DOMAIN}.{entry_id}.wishes"
        self._store: Store[_Stored] = Store(hass, _VERSION, key, private=True, atomic_writes=True)
        self._saving = Lock()
        """One change after the other: an action may set many limits at once."""

    @classmethod
    async def async_load(cls, hass: HomeAssistant, entry_id: str) -> Self:
        """Return what was set so far; raises ConfigEntryError for settings of a newer release."""
        user_settings = cls(hass, entry_id)
        try:
            user_settings._take_in(await user_settings._store.async_load())
        # Also members or windows that this release does not know: it would write over them.
        except (UnsupportedStorageVersionError, LookupError, TypeError, ValueError) as err:
            raise ConfigEntryError(translation_domain=DOMAIN, translation_key="newer_schema") from err
        return user_settings

    def _take_in(self, stored: _Stored | None) -> None:
        """Take what is stored; raises LookupError, TypeError or ValueError for what is none of it."""
        if stored:
            for dimension, member, window, amount in stored["limits"]:
                self._set(Dimension(dimension), member, Window(window), float(amount))
            self.dismissed = frozenset((Dimension(dimension), member) for dimension, member in stored["deleted"])

    async def async_set_limit(self, member: MemberKey, window: Window, amount: float) -> None:
        """Limit a member's spend in a window; 0, or as good as that, takes the limit away.

        Raises HomeAssistantError where that cannot be saved; then the limit stays what it was.
        """
        async with self._saving:
            before = self.limits.get(member, {}).get(window, 0.0)
            self._set(*member, window, amount)
            if not await self._async_save():
                self._set(*member, window, before)
                raise HomeAssistantError(translation_domain=DOMAIN, translation_key="limit_not_saved")

    async def async_dismiss(self, member: MemberKey) -> None:
        """Remember that a member's device was deleted by hand."""
        async with self._saving:
            self.dismissed |= {member}
            await self._async_save()

    async def async_restore(self, members: frozenset[MemberKey]) -> None:
        """Forget that members' devices were deleted: they are used again."""
        async with self._saving:
            self.dismissed -= members
            await self._async_save()

    async def async_remove(self) -> None:
        """Delete the settings for good."""
        await self._store.async_remove()

    def _set(self, dimension: Dimension, member: str, window: Window, amount: float) -> None:
        """Replace one limit; the mappings themselves never change, since `PulseData` holds them."""
        key = dimension, member
        kept = {one: value for one, value in self.limits.get(key, {}).items() if one is not window}
        others = {one: value for one, value in self.limits.items() if one != key}
        wanted = kept | ({window: amount} if DUST <= amount < inf else {})
        self.limits = others | ({key: wanted} if wanted else {})

    async def _async_save(self) -> bool:
        """Write the settings; return whether they can be read again, for of a failure the Store only logs."""
        limits = [[*key, window, amount] for key, one in self.limits.items() for window, amount in one.items()]
        settings: _Stored = {"limits": limits, "deleted": [list(key) for key in sorted(self.dismissed)]}
        await self._store.async_save(settings)
        return await self._store.async_load() == settings
