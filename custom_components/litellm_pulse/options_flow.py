"""The options, in sections: what is counted and how, what is shown, what deserves attention, who has access, history.

They are stored flat. None of them changes a total.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal
from zoneinfo import available_timezones

import voluptuous as vol
from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult, OptionsFlowWithReload
from homeassistant.const import UnitOfTime
from homeassistant.data_entry_flow import section
from homeassistant.generated.currencies import ACTIVE_CURRENCIES
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)

from . import access_fields, history_fields
from .api import answers
from .client import ScrapeError
from .const import (
    CONF_CA_FILE,
    CONF_CURRENCY,
    CONF_DIMENSIONS,
    CONF_EXCHANGE_RATE,
    CONF_EXCHANGE_RATE_ENTITY,
    CONF_EXTRA_HEADERS,
    CONF_GROUP_MODELS_BY,
    CONF_MAX_MEMBERS,
    CONF_MEMBER_FIGURES,
    CONF_METRIC_NAMES,
    CONF_PERFORMANCE,
    CONF_RETENTION_DAYS,
    CONF_SCAN_INTERVAL,
    CONF_SHOW_PERSONS,
    CONF_TIME_ZONE,
    CONF_UNUSUAL_THRESHOLD,
    CONF_WEEK_START,
    MAPPED_METRICS,
    MAX_MEMBERS_DEFAULT,
    MAX_MEMBERS_MAX,
    MEMBER_FIGURES,
    PERFORMANCE_FIGURES,
    RETENTION_DAYS_DEFAULT,
    RETENTION_DAYS_MAX,
    RETENTION_DAYS_MIN,
    SCAN_INTERVAL_DEFAULT,
    SCAN_INTERVAL_MAX,
    SCAN_INTERVAL_MIN,
    UNUSUAL_THRESHOLD_DEFAULT,
    UNUSUAL_THRESHOLD_MAX,
    UNUSUAL_THRESHOLD_MIN,
    WEEK_STARTS,
)
from .core.catalog import COUNTERS, GAUGES
from .core.errors import AnswerError
from .device_manager import MODELS, OPTIONAL, async_leaving
from .devices import name_of
from .issues import NAMES_SHOWN
from .localize import code
from .stored_settings import usable_options

COUNTING: Final = "counting"
METRICS: Final = "metrics"
SHOWN: Final = "shown"
ATTENTION: Final = "attention"
ACCESS: Final = "access"
HISTORY: Final = "history"

_SOURCES: Final = {metric.name: metric.sources for metric in (*COUNTERS, *GAUGES) if metric.name in MAPPED_METRICS}


def _number(low: float, high: float, step: float | Literal["any"], unit: str | None = None) -> NumberSelector:
    """Return a field for a number."""
    config = NumberSelectorConfig(min=low, max=high, step=step, mode=NumberSelectorMode.BOX)
    if unit:
        config["unit_of_measurement"] = unit
    return NumberSelector(config)


def _whole(low: int, high: int, unit: str | None = None) -> Any:  # noqa: ANN401 - voluptuous has no type for it
    """Return a field for a whole number."""
    return vol.All(_number(low, high, 1, unit), vol.Coerce(int))


def _section(fields: dict[Any, Any], *, collapsed: bool = False) -> section:
    """Return fields as a section."""
    schema: Any = vol.Schema(fields)
    return section(schema, {"collapsed": collapsed})


def _choice(
    name: str, options: Collection[str], *, multiple: bool = False, mode: SelectSelectorMode = SelectSelectorMode.LIST
) -> SelectSelector:
    """Return a field to choose in; what is offered has its names in the translations."""
    return SelectSelector(
        SelectSelectorConfig(options=list(options), multiple=multiple, mode=mode, translation_key=name)
    )


def _names(options: Collection[str], *, custom: bool = False) -> SelectSelector:
    """Return a field to choose in names that are the same in every language."""
    return SelectSelector(
        SelectSelectorConfig(options=sorted(options), custom_value=custom, mode=SelectSelectorMode.DROPDOWN, sort=True)
    )


# voluptuous is another package's name for probatio in newer releases: its types do not match.
MAX_MEMBERS: Final[dict[Any, Any]] = {
    vol.Required(CONF_MAX_MEMBERS, default=MAX_MEMBERS_DEFAULT): _whole(1, MAX_MEMBERS_MAX),
}
SCAN_INTERVAL: Final[dict[Any, Any]] = {
    vol.Required(CONF_SCAN_INTERVAL, default=SCAN_INTERVAL_DEFAULT): _whole(
        SCAN_INTERVAL_MIN, SCAN_INTERVAL_MAX, UnitOfTime.SECONDS
    ),
}
_SHOWN: Final[dict[Any, Any]] = {
    vol.Required(CONF_DIMENSIONS, default=list): _choice(CONF_DIMENSIONS, list(map(str, OPTIONAL)), multiple=True),
    vol.Required(CONF_GROUP_MODELS_BY, default=str(MODELS[0])): _choice(CONF_GROUP_MODELS_BY, list(map(str, MODELS))),
    **MAX_MEMBERS,
    vol.Required(CONF_MEMBER_FIGURES, default=list): _choice(
        CONF_MEMBER_FIGURES, MEMBER_FIGURES, multiple=True, mode=SelectSelectorMode.DROPDOWN
    ),
    vol.Required(CONF_PERFORMANCE, default=list): _choice(
        CONF_PERFORMANCE, PERFORMANCE_FIGURES, multiple=True, mode=SelectSelectorMode.DROPDOWN
    ),
    vol.Optional(CONF_CURRENCY): _names(ACTIVE_CURRENCIES - {"USD"}),
    vol.Optional(CONF_EXCHANGE_RATE): _number(0, 1e9, "any"),
    vol.Optional(CONF_EXCHANGE_RATE_ENTITY): EntitySelector(
        EntitySelectorConfig(domain=["sensor", "number", "input_number"])
    ),
}
_ATTENTION: Final[dict[Any, Any]] = {
    vol.Required(CONF_UNUSUAL_THRESHOLD, default=UNUSUAL_THRESHOLD_DEFAULT): _number(
        UNUSUAL_THRESHOLD_MIN, UNUSUAL_THRESHOLD_MAX, 0.5
    ),
}
_ACCESS: Final[dict[Any, Any]] = {
    vol.Required(CONF_SHOW_PERSONS, default=False): BooleanSelector(),
    **access_fields.FIELDS,
}


def _counting() -> dict[Any, Any]:
    """Return the fields of how it is counted; blocking, for the names of the zones are read from the disk."""
    return {
        **SCAN_INTERVAL,
        vol.Optional(CONF_TIME_ZONE): _names(available_timezones()),
        vol.Required(CONF_WEEK_START, default=WEEK_STARTS[0]): _choice(
            CONF_WEEK_START, WEEK_STARTS, mode=SelectSelectorMode.DROPDOWN
        ),
        vol.Required(CONF_RETENTION_DAYS, default=RETENTION_DAYS_DEFAULT): _whole(
            RETENTION_DAYS_MIN, RETENTION_DAYS_MAX, UnitOfTime.DAYS
        ),
    }


def _metrics(families: Collection[str]) -> dict[Any, Any]:
    """Return the fields of what is counted; these families are offered for each metric."""
    return {vol.Optional(name): _names({*families, *_SOURCES[name]}, custom=True) for name in MAPPED_METRICS}


class LiteLLMPulseOptionsFlow(OptionsFlowWithReload):
    """One form with its sections; a section that is not sent stays as it is."""

    _families: Collection[str] | None = None
    """What the proxy publishes; None where it does not answer."""
    _options: Mapping[str, Any] = MappingProxyType({})
    """What was chosen."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the options, or keep them."""
        if user_input is None:
            self._families = await self._async_families()
            return await self._async_form(_nested(usable_options(self.config_entry)))
        options = {**usable_options(self.config_entry), **self._flat(user_input)}
        if wrong := self._find_wrong(user_input, options):
            return await self._async_form(_without_secrets(user_input), *wrong)
        for name, parse in ((ACCESS, self._async_access), (HISTORY, self._async_history)):
            try:
                options |= await parse(user_input[name]) if name in user_input else {}
            except access_fields.InvalidFieldError as err:
                return await self._async_form(_without_secrets(user_input), {name: err.translation_key})
        self._options = options
        if leaving := self._leaving():
            return self.async_show_form(
                step_id="devices_go", description_placeholders={"devices": leaving}, last_step=True
            )
        return self.async_create_entry(data=options)

    def _find_wrong(
        self, user_input: Mapping[str, Any], options: Mapping[str, Any]
    ) -> tuple[dict[str, str], dict[str, str]] | None:
        """Return section -> error and the error's placeholders, None where all is well.

        The frontend shows no errors at the fields of a section, only at the section.
        """
        if METRICS in user_input and (wrong := self._unknown_family(options[CONF_METRIC_NAMES])):
            return {METRICS: "family_not_checked" if self._families is None else "unknown_family"}, {"family": wrong}
        has_rate = options.get(CONF_EXCHANGE_RATE) or options.get(CONF_EXCHANGE_RATE_ENTITY)
        if SHOWN in user_input and options[CONF_CURRENCY] and not has_rate:
            return {SHOWN: "exchange_rate_missing"}, {}
        return None

    async def _async_access(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the options of the section, checked; raises InvalidFieldError."""
        known = usable_options(self.config_entry).get(CONF_EXTRA_HEADERS) or {}
        return await access_fields.async_parse(self.hass, fields, known)

    async def _async_history(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the options of the section, tried at its source; raises InvalidFieldError."""
        return await history_fields.async_parse(self.hass, self.config_entry, fields)

    async def async_step_devices_go(self, _: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Keep the options, for the user has read which devices go."""
        return self.async_create_entry(data=self._options)

    def _leaving(self) -> str:
        """Return the names of the devices that the new options take away, the first of them where there are many."""
        if self.config_entry.state is not ConfigEntryState.LOADED:
            return ""
        snapshot = self.config_entry.runtime_data.coordinator.data.snapshot
        devices = async_leaving(self.hass, self.config_entry, self._options, snapshot)
        # The text is Markdown: a name is shown as it is.
        names = list(map(code, sorted(map(name_of, devices), key=str.casefold)))
        more = f" (+{len(names) - NAMES_SHOWN})" if len(names) > NAMES_SHOWN else ""
        return ", ".join(names[:NAMES_SHOWN]) + more

    async def _async_families(self) -> Collection[str] | None:
        """Return the families that the proxy publishes now, or None."""
        runtime = getattr(self.config_entry, "runtime_data", None)
        if runtime is None:
            return None
        try:
            return await answers.async_families(self.hass, runtime)
        except ScrapeError, AnswerError:
            return None

    def _unknown_family(self, metrics: Mapping[str, str]) -> str | None:
        """Return the first family that a metric is to be read from and that the proxy does not publish.

        What was chosen before is left alone: a family without a sample may come back.
        """
        before = usable_options(self.config_entry).get(CONF_METRIC_NAMES, {})
        unknown = (
            family
            for name, family in metrics.items()
            if family not in (self._families or ()) and before.get(name) != family
        )
        return next(unknown, None)

    def _flat(self, user_input: Mapping[str, Any]) -> dict[str, Any]:
        """Return what was typed as it is stored; the fields of the connection are not in it yet."""
        flat: dict[str, Any] = {}
        for name, fields in user_input.items():
            if name == HISTORY:
                continue
            flat |= {key: value for key, value in fields.items() if key not in {CONF_EXTRA_HEADERS, CONF_CA_FILE}}
        if COUNTING in user_input:
            flat.setdefault(CONF_TIME_ZONE, None)
        if SHOWN in user_input:
            flat = dict.fromkeys((CONF_CURRENCY, CONF_EXCHANGE_RATE, CONF_EXCHANGE_RATE_ENTITY)) | flat
        mapped = {name: flat.pop(name, None) for name in MAPPED_METRICS}
        if METRICS in user_input:
            flat[CONF_METRIC_NAMES] = {
                name: family for name, family in mapped.items() if family and family not in _SOURCES[name]
            }
        return flat

    async def _async_form(
        self,
        suggested: Mapping[str, Any],
        errors: dict[str, str] | None = None,
        hints: dict[str, str] | None = None,
    ) -> ConfigFlowResult:
        """Show the form; `hints` are what the text of an error may name."""
        counting = await self.hass.async_add_executor_job(_counting)
        # A section with something wrong in it is open.
        wrong = errors or {}
        schema: Any = vol.Schema(
            {
                vol.Optional(COUNTING): _section(counting),
                vol.Optional(SHOWN): _section(_SHOWN),
                vol.Optional(ATTENTION): _section(_ATTENTION),
                vol.Optional(ACCESS): _section(_ACCESS, collapsed=ACCESS not in wrong),
                vol.Optional(HISTORY): _section(history_fields.FIELDS, collapsed=HISTORY not in wrong),
                vol.Optional(METRICS): _section(_metrics(self._families or ()), collapsed=METRICS not in wrong),
            }
        )
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(schema, suggested),
            errors=errors,
            description_placeholders=hints,
        )


def _nested(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return stored options as the form has them; a metric that is read as usual shows nothing."""
    shown = {**options, **options.get(CONF_METRIC_NAMES, {}), **access_fields.shown(options)}
    shown = {key: value for key, value in shown.items() if value is not None and key not in history_fields.SECRETS}
    return dict.fromkeys((COUNTING, SHOWN, ATTENTION, ACCESS, HISTORY, METRICS), shown)


def _without_secrets(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was typed, less keys, addresses with passwords and the values of headers."""
    return {
        name: {key: value for key, value in access_fields.typed(fields).items() if key not in history_fields.SECRETS}
        for name, fields in user_input.items()
    }
