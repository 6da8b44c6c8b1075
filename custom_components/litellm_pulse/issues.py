"""Repair issues: raised when something needs the user's eye, cleared when it does not any more."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .picture import Picture
from .roster import Roster

type Placeholders = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A kind of issue; `found` returns what its text names, or None where all is well."""

    key: str
    found: Callable[[Picture, Roster], Placeholders | None]
    severity: ir.IssueSeverity = ir.IssueSeverity.WARNING
    fixable: bool = False
    lasting: bool = False
    """Stays until the user has confirmed it, also over restarts."""


def _unsettled(picture: Picture, _: Roster) -> Placeholders | None:
    report = picture.snapshot.report
    return {} if report and report.unsettled else None


def _store_error(picture: Picture, _: Roster) -> Placeholders | None:
    error = picture.snapshot.store_error
    return {"error": error} if error else None


def _recovery(picture: Picture, _: Roster) -> Placeholders | None:
    recovery = picture.snapshot.recovery
    return {"reason": recovery.reason, "file": recovery.set_aside or "-"} if recovery else None


def _too_many_members(_: Picture, roster: Roster) -> Placeholders | None:
    if not roster.hidden:
        return None
    hidden = ", ".join(f"{dimension} ({len(keys)})" for dimension, keys in sorted(roster.hidden.items()))
    return {"hidden": hidden, "max_members": str(roster.most)}


TROUBLES: Final = (
    Trouble(key="unsettled", found=_unsettled, severity=ir.IssueSeverity.ERROR),
    Trouble(key="store_error", found=_store_error, severity=ir.IssueSeverity.ERROR),
    Trouble(key="recovery", found=_recovery, fixable=True, lasting=True),
    Trouble(key="too_many_members", found=_too_many_members, fixable=True),
)


def issue_id(key: str, entry_id: str) -> str:
    """Return the id of an entry's issue of a kind."""
    return f"{key}_{entry_id}"


class Troubles:
    """The issues of one entry."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Begin with none."""
        self._hass = hass
        self._entry = entry
        self._raised: dict[str, Placeholders] = {}

    @callback
    def update(self, picture: Picture, roster: Roster) -> None:
        """Raise what has come up or changed, clear what is over."""
        for trouble in TROUBLES:
            found = trouble.found(picture, roster)
            if found == self._raised.get(trouble.key):
                continue
            if found is not None:
                self._raised[trouble.key] = found
                self._raise(trouble, found)
            elif not trouble.lasting:
                del self._raised[trouble.key]
                self._clear(trouble)

    @callback
    def close(self) -> None:
        """Clear what is true of a loaded entry only."""
        for trouble in TROUBLES:
            if not trouble.lasting:
                self._clear(trouble)

    def _raise(self, trouble: Trouble, found: Placeholders) -> None:
        """Show an issue."""
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id(trouble.key, self._entry.entry_id),
            data={"entry_id": self._entry.entry_id, "kind": trouble.key},
            is_fixable=trouble.fixable,
            is_persistent=trouble.lasting,
            severity=trouble.severity,
            translation_key=trouble.key,
            translation_placeholders={"title": self._entry.title, **found},
        )

    def _clear(self, trouble: Trouble) -> None:
        """Take an issue away."""
        ir.async_delete_issue(self._hass, DOMAIN, issue_id(trouble.key, self._entry.entry_id))


@callback
def async_forget_issues(hass: HomeAssistant, entry_id: str) -> None:
    """Take all issues of an entry away that is removed."""
    for trouble in TROUBLES:
        ir.async_delete_issue(hass, DOMAIN, issue_id(trouble.key, entry_id))
