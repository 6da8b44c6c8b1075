"""The JSON API, in Home Assistant's own web server: check the query, ask, answer."""

from http import HTTPStatus
from typing import Final, override

from aiohttp import hdrs, web
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView

from .const import DOMAIN
from .coordinator import LiteLLMPulseConfigEntry, RuntimeData
from .core import contract

_BASE: Final = f"/api/{DOMAIN}"
_HEADERS: Final = {hdrs.CACHE_CONTROL: "no-store"}


class RefusalError(Exception):
    """A request that cannot be answered, with what is said instead."""

    def __init__(self, status: HTTPStatus, error: str, **more: object) -> None:
        """Keep status and body."""
        super().__init__(error)
        self.status = status
        self.body: dict[str, object] = {"error": error, **more}


class PulseView(HomeAssistantView):
    """One endpoint; a new one names its address and shapes its answer."""

    requires_auth = True

    def shape(self, runtime: RuntimeData) -> dict[str, object]:
        """Return the answer's body."""
        raise NotImplementedError

    async def get(self, request: web.Request) -> web.Response:
        """Answer for the proxy that the request means."""
        try:
            return self.json(self.shape(_runtime(request)), headers=_HEADERS)
        except RefusalError as refusal:
            return self.json(refusal.body, refusal.status, headers=_HEADERS)

    async def head(self, request: web.Request) -> web.Response:
        """Answer without the body."""
        return await self.get(request)


class MetricsView(PulseView):
    """Every metric in every window."""

    url = f"{_BASE}/api/v1/metrics"
    name = f"api:{DOMAIN}:metrics"

    @override
    def shape(self, runtime: RuntimeData) -> dict[str, object]:
        """Return the totals."""
        scrapes = runtime.scrapes
        return contract.summary(
            scrapes.data,
            zone=runtime.books.zone,
            source=str(scrapes.client.url),
            error=scrapes.error,
        )


class HealthView(PulseView):
    """Whether there is anything to answer with."""

    url = f"{_BASE}/health"
    name = f"api:{DOMAIN}:health"

    @override
    def shape(self, runtime: RuntimeData) -> dict[str, object]:
        """Return the status."""
        return contract.health(runtime.scrapes.data, error=runtime.scrapes.error)


@callback
def async_register_views(hass: HomeAssistant) -> None:
    """Register every endpoint, once for all entries."""
    for view in (MetricsView, HealthView):
        hass.http.register_view(view)


def _runtime(request: web.Request) -> RuntimeData:
    """Return what the entry holds that a request is for; raises RefusalError.

    An entry is not loaded before its first scrape, nor while its ledger cannot be opened.
    """
    entry = _entry(request.app[KEY_HASS], request.query.get("instance"))
    if entry.state is not ConfigEntryState.LOADED:
        raise RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, entry.reason or f"{entry.title} is not loaded")
    return entry.runtime_data


def _entry(hass: HomeAssistant, instance: str | None) -> LiteLLMPulseConfigEntry:
    """Return the entry with this id or title, or the only one; raises RefusalError."""
    entries: list[LiteLLMPulseConfigEntry] = hass.config_entries.async_entries(
        DOMAIN, include_ignore=False, include_disabled=False
    )
    if not entries:
        raise RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "No proxy is set up")
    meant = [entry for entry in entries if instance in {None, entry.entry_id, entry.title}]
    if len(meant) == 1:
        return meant[0]
    raise RefusalError(
        HTTPStatus.BAD_REQUEST,
        "Name one proxy with ?instance=" if instance is None else f"Not one proxy, but {len(meant)}: {instance}",
        available=[{"id": entry.entry_id, "title": entry.title} for entry in entries],
    )
