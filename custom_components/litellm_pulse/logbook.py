"""What the logbook says of what happened: the event's own sentence."""

from collections.abc import Callable

from homeassistant.components.logbook.const import LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.core import Event, HomeAssistant, callback

from .const import DOMAIN, EVENT_TOLD

type Description = dict[str, str]


@callback
def async_describe_events(
    hass: HomeAssistant,  # noqa: ARG001
    async_describe_event: Callable[[str, str, Callable[[Event], Description]], None],
) -> None:
    """Register how the integration's events are described."""

    @callback
    def describe(event: Event) -> Description:
        data = event.data
        return {LOGBOOK_ENTRY_NAME: str(data.get("device_name")), LOGBOOK_ENTRY_MESSAGE: str(data.get("message"))}

    async_describe_event(DOMAIN, EVENT_TOLD, describe)
