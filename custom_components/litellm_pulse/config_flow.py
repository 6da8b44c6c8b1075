"""Setting up, signing in again, reconfiguring: one step, and a question before two proxies are mixed."""

from collections.abc import Mapping
from typing import Any, Final, override

import voluptuous as vol
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
)
from homeassistant.const import CONF_API_KEY, CONF_NAME, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import callback
from homeassistant.data_entry_flow import AbortFlow, section
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from yarl import URL

from . import access_fields, address
from .client import ScrapeError
from .connection import create_client
from .const import DOMAIN, LOGGER
from .core.errors import AnswerError
from .core.exposition import ExpositionParser
from .core.query.recognition import FAMILIES
from .error_messages import translation_key, translation_placeholders
from .ledger_worker import async_recognizes
from .options_flow import LiteLLMPulseOptionsFlow
from .stored_settings import usable_data, usable_options

ACCESS: Final = "access"
REMOVE_KEY: Final = "remove_key"
PROXY: Final = "proxy"
ANOTHER: Final = "another"

# voluptuous is another package's name for probatio in newer releases: its types do not match.
_KEY: Final[dict[Any, Any]] = {
    vol.Optional(CONF_API_KEY): TextSelector(
        TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"),
    ),
}
_URL: Final[dict[Any, Any]] = {
    vol.Required(CONF_URL): TextSelector(TextSelectorConfig(type=TextSelectorType.URL, autocomplete="url")),
}
_VERIFY: Final[dict[Any, Any]] = {vol.Required(CONF_VERIFY_SSL, default=True): BooleanSelector()}
_NAME: Final[dict[Any, Any]] = {vol.Optional(CONF_NAME): TextSelector()}
_ACCESS_SCHEMA: Final[Any] = vol.Schema(access_fields.FIELDS)
_ACCESS: Final[dict[Any, Any]] = {vol.Optional(ACCESS): section(_ACCESS_SCHEMA, {"collapsed": True})}
_REMOVE: Final[dict[Any, Any]] = {vol.Optional(REMOVE_KEY, default=False): BooleanSelector()}

_EXAMPLE: Final = {"example_url": "http://litellm:4000"}


class LiteLLMPulseConfigFlow(ConfigFlow, domain=DOMAIN):
    """Makes a real scrape before it believes an address."""

    VERSION = 1
    MINOR_VERSION = 3

    _checked: tuple[URL, dict[str, Any]]
    """Address and data that a scrape succeeded with, while it is asked whether they are meant."""

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Set up a proxy; the ones that Home Assistant talks to are offered first."""
        found = {} if user_input else self._proxies_of_home_assistant()
        return await self.async_step_found() if found else await self._async_step("user", user_input)

    async def async_step_found(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Offer the proxies of Home Assistant's own LiteLLM integration, with their keys."""
        found = self._proxies_of_home_assistant()
        chosen = found.get(user_input[PROXY]) if user_input else None
        if chosen:
            return await self._async_step("user", {**chosen, CONF_VERIFY_SSL: True})
        if user_input:
            return await self._async_step("user", None)
        options = [SelectOptionDict(value=url, label=url) for url in found]
        config = SelectSelectorConfig(
            options=[*options, SelectOptionDict(value=ANOTHER, label=ANOTHER)],
            mode=SelectSelectorMode.LIST,
            translation_key=PROXY,
        )
        schema: Any = vol.Schema({vol.Required(PROXY, default=next(iter(found))): SelectSelector(config)})
        return self.async_show_form(step_id="found", data_schema=schema)

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:  # noqa: ARG002 - the form asks for all it needs
        """Ask for another key after the proxy has refused the one it had."""
        return await self._async_step("reauth_confirm", None)

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Try the other key."""
        return await self._async_step("reauth_confirm", user_input)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Change address, key or TLS verification; the ledger stays."""
        return await self._async_step("reconfigure", user_input)

    async def async_step_another_proxy(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask before the usage of another proxy is added to a ledger."""
        base, data = self._checked
        if user_input is None:
            return self.async_show_form(
                step_id="another_proxy",
                description_placeholders={"url": str(base), "title": self._get_reconfigure_entry().title},
            )
        return self._async_finish(base, data)

    async def _async_step(self, step_id: str, user_input: dict[str, Any] | None) -> ConfigFlowResult:
        """Show the form, or try what was typed and finish; the same for all three."""
        if user_input is None:
            return self._async_form(step_id, {**self._known, **self._suggested_name})
        try:
            data = await self._async_data(user_input)
            base = address.parse(data[CONF_URL])
        except address.InvalidAddressError:
            return self._async_form(step_id, user_input, {CONF_URL: "invalid_url"})
        except access_fields.InvalidFieldError as err:
            return self._async_form(step_id, user_input, {ACCESS: err.translation_key})
        self._async_abort_duplicate(base)
        body = ExpositionParser(FAMILIES)
        error, hints = await self._async_try(base, data, body)
        if error is not None:
            return self._async_form(step_id, user_input, {"base": error}, hints)
        data[CONF_URL] = str(base)
        if self.source == SOURCE_RECONFIGURE and not await self._async_is_same(base, body):
            self._checked = base, data
            return await self.async_step_another_proxy()
        return self._async_finish(base, data)

    async def _async_data(self, user_input: Mapping[str, Any]) -> dict[str, Any]:
        """Return all that is known and typed, the fields of the section included; raises InvalidFieldError.

        What is left empty is kept: the stored key is never shown, so it cannot be typed again.
        """
        typed = {key: value for key, value in user_input.items() if value != ""}
        data = {**self._known, **typed}
        if typed.pop(REMOVE_KEY, False) and CONF_API_KEY not in typed:
            data.pop(CONF_API_KEY, None)
        data.pop(REMOVE_KEY, None)
        if ACCESS in user_input:
            data[ACCESS] = await access_fields.async_parse(self.hass, user_input[ACCESS], {})
        return data

    @property
    def _known(self) -> Mapping[str, Any]:
        """What the entry at hand holds already."""
        if self.source == SOURCE_REAUTH:
            return usable_data(self._get_reauth_entry())
        if self.source == SOURCE_RECONFIGURE:
            return usable_data(self._get_reconfigure_entry())
        return {}

    @property
    def _options(self) -> Mapping[str, Any]:
        """What the entry at hand has for options, which say how a gateway before the proxy is passed."""
        if self.source == SOURCE_REAUTH:
            return usable_options(self._get_reauth_entry())
        return usable_options(self._get_reconfigure_entry()) if self.source == SOURCE_RECONFIGURE else {}

    @property
    def _suggested_name(self) -> dict[str, str]:
        """What the entry at hand is called, as the form shows it."""
        return {CONF_NAME: self._get_reconfigure_entry().title} if self.source == SOURCE_RECONFIGURE else {}

    @callback
    def _proxies_of_home_assistant(self) -> dict[str, dict[str, Any]]:
        """Return address -> address and key, of what the litellm integration has and this one has not."""
        taken = set(map(_identity, self._async_current_entries()))
        found: dict[str, dict[str, Any]] = {}
        for entry in self.hass.config_entries.async_entries("litellm", include_ignore=False):
            try:
                base = address.parse(str(entry.data.get(CONF_URL, "")))
            except address.InvalidAddressError:
                continue
            if address.identity(base) not in taken:
                key = {CONF_API_KEY: entry.data[CONF_API_KEY]} if entry.data.get(CONF_API_KEY) else {}
                found[str(base)] = {CONF_URL: str(base), **key}
        return found

    @callback
    def _async_abort_duplicate(self, base: URL) -> None:
        """Abort where another entry has this address: its usage would be counted twice."""
        for entry in self._async_current_entries():
            same = _identity(entry) == address.identity(base)
            if same and entry.entry_id != self.context.get("entry_id"):
                raise AbortFlow("already_configured")

    async def _async_try(
        self, base: URL, data: Mapping[str, Any], body: ExpositionParser
    ) -> tuple[str | None, dict[str, str]]:
        """Make a real scrape; return the error's key, or None, and what its text may name."""
        try:
            client = create_client(self.hass, {**self._options, **data, **data.get(ACCESS, {}), CONF_URL: str(base)})
            await client.fetch(body.feed)
            body.finish()
        except (ScrapeError, AnswerError) as err:
            return translation_key(err), translation_placeholders(err)
        except Exception:  # noqa: BLE001 - what the flow calls unknown
            LOGGER.exception("Unexpected error while trying an address")
            return "unknown", {}
        return None, {}

    async def _async_is_same(self, base: URL, body: ExpositionParser) -> bool:
        """Whether the proxy at an address is the one whose usage the entry at hand holds."""
        entry = self._get_reconfigure_entry()
        if _identity(entry) == address.identity(base):
            return True
        return await async_recognizes(self.hass, entry, body)

    @callback
    def _async_finish(self, base: URL, data: dict[str, Any]) -> ConfigFlowResult:
        """Create the entry, or update the one at hand."""
        name, options = str(data.pop(CONF_NAME, "")).strip(), data.pop(ACCESS, {})
        if self.source == SOURCE_REAUTH:
            return self.async_update_reload_and_abort(self._get_reauth_entry(), data=data)
        if self.source == SOURCE_RECONFIGURE:
            entry = self._get_reconfigure_entry()
            url, name = usable_data(entry).get(CONF_URL), name or entry.title
            title = address.title(base) if url and name == address.title(URL(url)) else name
            return self.async_update_reload_and_abort(entry, title=title, data=data)
        return self.async_create_entry(title=name or address.title(base), data=data, options=options)

    @callback
    def _async_form(
        self,
        step_id: str,
        suggested: Mapping[str, Any],
        errors: dict[str, str] | None = None,
        hints: dict[str, str] | None = None,
    ) -> ConfigFlowResult:
        """Show the form, without what is secret; `hints` are what the text of an error may name."""
        shown = {key: value for key, value in suggested.items() if key != CONF_API_KEY}
        if ACCESS in shown:
            shown[ACCESS] = access_fields.typed(shown[ACCESS])
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(self._schema, shown),
            errors=errors,
            description_placeholders=_EXAMPLE | (hints or {}),
        )

    @property
    def _schema(self) -> Any:  # noqa: ANN401 - voluptuous' or probatio's
        """The fields of the form at hand."""
        if self.source == SOURCE_REAUTH:
            return vol.Schema(_KEY)
        if self.source == SOURCE_USER:
            return vol.Schema(_URL | _KEY | _VERIFY | _NAME | _ACCESS)
        return vol.Schema(_URL | _KEY | (_REMOVE if CONF_API_KEY in self._known else {}) | _VERIFY | _NAME)

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> LiteLLMPulseOptionsFlow:
        """Return the options."""
        return LiteLLMPulseOptionsFlow()


def _identity(entry: ConfigEntry) -> str | None:
    """Return what tells the proxy of an entry from others, None where its address cannot be used."""
    url = usable_data(entry).get(CONF_URL)
    return address.identity(URL(url)) if url else None
