"""Repair issues: raised when something needs the user's eye, cleared when it does not any more."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from heapq import nsmallest
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from .const import (
    CONF_DIMENSIONS,
    CONF_FREE_MODELS,
    CONF_GROUP_MODELS_BY,
    CONF_SCAN_INTERVAL,
    DOMAIN,
    SCAN_INTERVAL_DEFAULT,
)
from .core.catalog import DIMENSIONS, Dimension
from .data import PulseData
from .localize import code, dollars, localize

type Placeholders = dict[str, str]

_LABELS: Final = {row.dimension: row.labels for row in DIMENSIONS}
NAMES_SHOWN: Final = 10
"""More names than these nobody reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueDescription:
    """A kind of issue; `placeholders_fn` returns what its text names, or None where all is well."""

    key: str
    placeholders_fn: Callable[[HomeAssistant, PulseData], Placeholders | None]
    severity: ir.IssueSeverity = ir.IssueSeverity.WARNING
    fixable: bool = False
    persistent: bool = False
    """Stays until the user has confirmed it, also over restarts."""
    patience: int = 1
    """In how many scrapes running it has to be found before it is raised."""


def _unsettled(_: HomeAssistant, data: PulseData) -> Placeholders | None:
    report = data.snapshot.report
    return {} if report and report.indistinguishable else None


def _store_error(_: HomeAssistant, data: PulseData) -> Placeholders | None:
    error = data.snapshot.store_error
    return {"error": error} if error else None


def _recovery(_: HomeAssistant, data: PulseData, *, kept_totals: bool) -> Placeholders | None:
    recovery = data.snapshot.recovery
    if recovery is None or recovery.kept_totals is not kept_totals:
        return None
    reason = "; ".join(filter(None, (recovery.reason, recovery.spare_copy_error)))
    known = data.snapshot.known_since
    since = _local(known.quarters) if known.quarters else "-"
    file = f"`{recovery.set_aside}`" if recovery.set_aside else "-"
    return {"reason": reason, "file": file, "since": since}


def _local(time: datetime) -> str:
    """Return a time in the user's zone, to the minute."""
    return f"{dt_util.as_local(time):%Y-%m-%d %H:%M}"


def _older_answers(_: HomeAssistant, data: PulseData) -> Placeholders | None:
    snapshot = data.snapshot
    return {"answers": str(snapshot.ambiguous_answers)} if snapshot.lasting_ambiguity == "older" else None


def _clock_jump(hass: HomeAssistant, data: PulseData) -> Placeholders | None:
    jump = data.snapshot.clock_jump
    if jump is None:
        return None
    return {"wrong": _local(jump.wrong), "right": _local(jump.right), "amount": dollars(hass, jump.dollars)}


def _logging_failures(_: HomeAssistant, data: PulseData) -> Placeholders | None:
    failures = data.snapshot.logging_failures
    return {"failures": f"{failures:.0f}"} if failures else None


def _too_many_members(hass: HomeAssistant, data: PulseData) -> Placeholders | None:
    if not data.overflow:
        return None
    counts = {localize(hass, dimension): len(keys) for dimension, keys in data.overflow.items()}
    hidden = ", ".join(f"{kind} ({count})" for kind, count in sorted(counts.items()))
    return {"hidden": hidden, "max_members": str(data.max_members)}


def _failed(key: str) -> Callable[[HomeAssistant, PulseData], Placeholders | None]:
    """Return a function that finds a scrape that failed for one reason."""
    return lambda _, data: {} if data.failure == key else None


def _slow_scrape(_: HomeAssistant, data: PulseData) -> Placeholders | None:
    interval = data.options.get(CONF_SCAN_INTERVAL, SCAN_INTERVAL_DEFAULT)
    duration = data.scrape_duration
    if duration is None or duration <= interval / 2:
        return None
    return {"duration": f"{duration:.0f}", "interval": f"{interval:.0f}"}


def unpriced_models(data: PulseData) -> Collection[str]:
    """Return the models that were used this month and cost nothing, though nobody said that they are free."""
    return data.unpriced.difference(data.options.get(CONF_FREE_MODELS, ()))


def _unpriced(_: HomeAssistant, data: PulseData) -> Placeholders | None:
    # Without the family of spend nothing has a price, and another issue says so.
    models = unpriced_models(data) if "cost" in data.snapshot.published else ()
    if not models:
        return None
    rest = len(models) - NAMES_SHOWN
    names = ", ".join(map(code, nsmallest(NAMES_SHOWN, models)))
    return {"models": f"{names} (+{rest})" if rest > 0 else names}


def _missing_label(_: HomeAssistant, data: PulseData) -> Placeholders | None:
    if not data.labels:
        return None
    shown = [*data.options.get(CONF_DIMENSIONS, ()), data.options.get(CONF_GROUP_MODELS_BY, Dimension.MODEL)]
    wanted = {label: None for one in shown for label in _LABELS.get(one, ()) if label not in data.labels}
    return {"labels": ", ".join(f"`{label}`" for label in wanted)} if wanted else None


ISSUES: Final = (
    IssueDescription(key="unsettled", placeholders_fn=_unsettled, severity=ir.IssueSeverity.ERROR),
    IssueDescription(key="store_error", placeholders_fn=_store_error, severity=ir.IssueSeverity.ERROR),
    IssueDescription(
        key="recovery", placeholders_fn=partial(_recovery, kept_totals=True), fixable=True, persistent=True
    ),
    IssueDescription(
        key="begun_anew", placeholders_fn=partial(_recovery, kept_totals=False), fixable=True, persistent=True
    ),
    IssueDescription(key="older_answers", placeholders_fn=_older_answers),
    IssueDescription(key="clock_jump", placeholders_fn=_clock_jump, fixable=True),
    IssueDescription(key="logging_failures", placeholders_fn=_logging_failures),
    IssueDescription(key="too_many_members", placeholders_fn=_too_many_members, fixable=True),
    IssueDescription(key="callback_off", placeholders_fn=_failed("not_found"), severity=ir.IssueSeverity.ERROR),
    IssueDescription(key="too_old", placeholders_fn=_failed("enterprise_only"), severity=ir.IssueSeverity.ERROR),
    IssueDescription(key="unpriced_models", placeholders_fn=_unpriced, fixable=True),
    IssueDescription(key="slow_scrape", placeholders_fn=_slow_scrape, fixable=True, patience=3),
    IssueDescription(key="missing_label", placeholders_fn=_missing_label),
)


def issue_id(key: str, entry_id: str) -> str:
    """Return the id of an entry's issue of a kind."""
    return f"{key}_{entry_id}"


class IssueManager:
    """The issues of one entry."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Begin with none."""
        self._hass = hass
        self._entry = entry
        self._raised: dict[str, Placeholders] = {}
        self._found: dict[str, int] = {}
        """In how many scrapes running an issue was found."""

    @callback
    def async_update(self, _: PulseData, after: PulseData) -> None:
        """Raise what has come up or changed, clear what is over."""
        for description in ISSUES:
            found = description.placeholders_fn(self._hass, after)
            count = self._found[description.key] = self._found.get(description.key, 0) + 1 if found is not None else 0
            if found == self._raised.get(description.key):
                continue
            if found is not None:
                if count >= description.patience:
                    self._raised[description.key] = found
                    self._raise(description, found)
            elif not description.persistent:
                del self._raised[description.key]
                self._clear(description)

    @callback
    def async_close(self) -> None:
        """Clear what is true of a loaded entry only."""
        for description in ISSUES:
            if not description.persistent:
                self._clear(description)

    def _raise(self, description: IssueDescription, found: Placeholders) -> None:
        """Show an issue."""
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id(description.key, self._entry.entry_id),
            data={"entry_id": self._entry.entry_id, "kind": description.key},
            is_fixable=description.fixable,
            is_persistent=description.persistent,
            severity=description.severity,
            translation_key=description.key,
            translation_placeholders={"title": self._entry.title, **found},
        )

    def _clear(self, description: IssueDescription) -> None:
        """Take an issue away."""
        ir.async_delete_issue(self._hass, DOMAIN, issue_id(description.key, self._entry.entry_id))


@callback
def async_delete_issues(hass: HomeAssistant, entry_id: str) -> None:
    """Take all issues of an entry away that is removed."""
    for description in ISSUES:
        ir.async_delete_issue(hass, DOMAIN, issue_id(description.key, entry_id))
