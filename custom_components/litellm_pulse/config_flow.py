"""Setting up, signing in again, reconfiguring: one step."""

from collections.abc import Mapping
from typing import Any, Final, override

import voluptuous as vol
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
)
from homeassistant.const import CONF_API_KEY, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.selector import (
    BooleanSelector,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from yarl import URL

from . import address
from .client import MetricsClient, ScrapeError
from .const import DOMAIN, LOGGER
from .core.errors import AnswerError
from .core.exposition import ExpositionParser
from .error_messages import translation_key, translation_placeholders
from .options_flow import LiteLLMPulseOptionsFlow

# voluptuous is another package's name for probatio in newer releases: its types do not match.
_KEY_FIELD: Final[dict[Any, Any]] = {
    vol.Optional(CONF_API_KEY): TextSelector(
        TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"),
    ),
}
_FIELDS: Final[dict[Any, Any]] = {
    vol.Required(CONF_URL): TextSelector(TextSelectorConfig(type=TextSelectorType.URL, autocomplete="url")),
    **_KEY_FIELD,
    vol.Required(CONF_VERIFY_SSL, default=True): BooleanSelector(),
}

_SCHEMA: Final[Any] = vol.Schema(_FIELDS)
_REAUTH_SCHEMA: Final[Any] = vol.Schema(_KEY_FIELD)
_EXAMPLE: Final = {"example_url": "http://litellm:4000"}


class LiteLLMPulseConfigFlow(ConfigFlow, domain=DOMAIN):
    """Makes a real scrape before it believes an address."""

    VERSION = 1
    MINOR_VERSION = 2

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Set up a proxy."""
        return await self._async_step("user", user_input)

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:  # noqa: ARG002 - the form asks for all it needs
        """Ask for another key after the proxy has refused the one it had."""
        return await self._async_step("reauth_confirm", None)

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Try the other key."""
        return await self._async_step("reauth_confirm", user_input)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Change address, key or TLS verification; the ledger stays."""
        return await self._async_step("reconfigure", user_input)

    async def _async_step(self, step_id: str, user_input: dict[str, Any] | None) -> ConfigFlowResult:
        """Show the form, or try what was typed and finish; the same for all three."""
        if user_input is None:
            return self._async_form(step_id, {key: self._known[key] for key in self._known if key != CONF_API_KEY})
        # What is left empty is kept: the stored key is never shown, so it cannot be typed again.
        data = {**self._known, **{key: value for key, value in user_input.items() if value != ""}}
        try:
            base = address.parse(data[CONF_URL])
        except address.InvalidAddressError:
            return self._async_form(step_id, user_input, {CONF_URL: "invalid_url"})
        self._async_abort_duplicate(base)
        error, hints = await self._async_try(base, data)
        if error is not None:
            return self._async_form(step_id, user_input, {"base": error}, hints)
        return self._async_finish(base, {**data, CONF_URL: str(base)})

    @property
    def _known(self) -> Mapping[str, Any]:
        """What the entry at hand holds already."""
        if self.source == SOURCE_REAUTH:
            return self._get_reauth_entry().data
        if self.source == SOURCE_RECONFIGURE:
            return self._get_reconfigure_entry().data
        return {}

    @callback
    def _async_abort_duplicate(self, base: URL) -> None:
        """Abort where another entry has this address: its usage would be counted twice."""
        for entry in self._async_current_entries():
            same = address.identity(URL(entry.data[CONF_URL])) == address.identity(base)
            if same and entry.entry_id != self.context.get("entry_id"):
                raise AbortFlow("already_configured")

    async def _async_try(self, base: URL, data: Mapping[str, Any]) -> tuple[str | None, dict[str, str]]:
        """Make a real scrape; return the error's key, or None, and what its text may name."""
        session = async_get_clientsession(self.hass, data[CONF_VERIFY_SSL])
        try:
            body = ExpositionParser(())
            await MetricsClient(session, base, data.get(CONF_API_KEY)).fetch(body.feed)
            body.finish()
        except (ScrapeError, AnswerError) as err:
            return translation_key(err), translation_placeholders(err)
        except Exception:  # noqa: BLE001 - what the flow calls unknown
            LOGGER.exception("Unexpected error while trying an address")
            return "unknown", {}
        return None, {}

    @callback
    def _async_finish(self, base: URL, data: dict[str, Any]) -> ConfigFlowResult:
        """Create the entry, or update the one at hand."""
        title = address.title(base)
        if self.source == SOURCE_REAUTH:
            return self.async_update_reload_and_abort(self._get_reauth_entry(), data=data)
        if self.source == SOURCE_RECONFIGURE:
            entry = self._get_reconfigure_entry()
            renamed = entry.title != address.title(URL(entry.data[CONF_URL]))
            return self.async_update_reload_and_abort(
                entry,
                title=entry.title if renamed else title,
                data=data,
            )
        return self.async_create_entry(title=title, data=data)

    @callback
    def _async_form(
        self,
        step_id: str,
        suggested: Mapping[str, Any],
        errors: dict[str, str] | None = None,
        hints: dict[str, str] | None = None,
    ) -> ConfigFlowResult:
        """Show the form; `hints` are what the text of an error may name."""
        schema = _REAUTH_SCHEMA if self.source == SOURCE_REAUTH else _SCHEMA
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, suggested),
            errors=errors,
            description_placeholders=_EXAMPLE | (hints or {}),
        )

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> LiteLLMPulseOptionsFlow:
        """Return the options."""
        return LiteLLMPulseOptionsFlow()
