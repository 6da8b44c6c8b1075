"""What the logbook says of what happened: the event's own sentence."""

import re
from collections.abc import Callable
from typing import Final

from homeassistant.components.logbook.const import (
    LOGBOOK_ENTRY_ICON,
    LOGBOOK_ENTRY_MESSAGE,
    LOGBOOK_ENTRY_NAME,
)
from homeassistant.core import Event, HomeAssistant, callback

from .const import DOMAIN, EVENT_TOLD
from .events import EventType

type Description = dict[str, str]

_ICONS: Final[dict[str, str]] = {
    EventType.NEW_MODEL: "mdi:creation",
    EventType.PROXY_RESTARTED: "mdi:restart",
    EventType.BUDGET_USED_UP: "mdi:gauge-full",
    EventType.LIMIT_REACHED: "mdi:gauge-full",
    EventType.UNUSUAL_SPEND: "mdi:chart-bell-curve-cumulative",
    EventType.CONNECTION_LOST: "mdi:lan-disconnect",
    EventType.CONNECTION_RESTORED: "mdi:lan-connect",
}
"""Those of the triggers; without one the activity shows an empty square."""


@callback
def async_describe_events(
    hass: HomeAssistant,  # noqa: ARG001
    async_describe_event: Callable[[str, str, Callable[[Event], Description]], None],
) -> None:
    """Register how the integration's events are described."""

    @callback
    def describe(event: Event) -> Description:
        data = event.data
        name = str(data.get("device_name"))
        return {
            LOGBOOK_ENTRY_NAME: name,
            LOGBOOK_ENTRY_MESSAGE: _without(name, str(data.get("message"))),
            LOGBOOK_ENTRY_ICON: _ICONS.get(str(data.get("type")), "mdi:bell-ring-outline"),
        }

    async_describe_event(DOMAIN, EVENT_TOLD, describe)


def _without(name: str, sentence: str) -> str:
    """Return a sentence without the name that it begins or ends with: the activity shows that before it."""
    return re.sub(rf"\s?:\s{re.escape(name)}$", "", sentence.removeprefix(f"{name} "))
