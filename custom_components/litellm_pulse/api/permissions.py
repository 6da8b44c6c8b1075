"""Who may know what: usage is for every user of Home Assistant, persons are for administrators.

HTTP views, websocket commands and actions ask these functions. Usage by model, provider, team, tag and
organization is for everybody; keys, users, customers, metadata and whatever the proxy publishes besides
are for administrators, unless the entry's option `show_persons` opens them.
"""

from collections.abc import Iterable

from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import UnknownUser

from ..const import CONF_SHOW_PERSONS
from ..core.catalog import Dimension
from ..core.errors import QueryError
from ..core.query.parameters import PERSONAL


class ForbiddenError(QueryError):
    """What was asked for is for administrators."""


def may_see_persons(entry: ConfigEntry, user: User | None) -> bool:
    """Whether a user may see the keys, users, customers and metadata of a proxy, and its raw metrics.

    No user is Home Assistant itself: an automation, which an administrator has made.
    """
    return user is None or user.is_admin or bool(entry.options.get(CONF_SHOW_PERSONS, False))


def require_dimensions(entry: ConfigEntry, user: User | None, dimensions: Iterable[Dimension]) -> None:
    """Raise ForbiddenError where a user may not see the members of one of these dimensions."""
    personal = [one for one in dimensions if one in PERSONAL]
    if personal and not may_see_persons(entry, user):
        raise ForbiddenError("persons_are_for_administrators", dimension=personal[0])


def require_raw(entry: ConfigEntry, user: User | None) -> None:
    """Raise ForbiddenError where a user may not see all that the proxy publishes."""
    if not may_see_persons(entry, user):
        raise ForbiddenError("raw_is_for_administrators")


async def async_get_user(hass: HomeAssistant, context: Context) -> User | None:
    """Return who called an action, None for Home Assistant itself; raises UnknownUser for a user who is gone."""
    if context.user_id is None:
        return None
    if (user := await hass.auth.async_get_user(context.user_id)) is None:
        raise UnknownUser(context=context)
    return user
