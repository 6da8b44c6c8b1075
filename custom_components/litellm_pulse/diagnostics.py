"""What helps to find a fault, without a name or an id of anyone: counts, families and timing only."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, cast

from homeassistant.components.diagnostics import REDACTED, async_redact_data
from homeassistant.const import CONF_API_KEY, CONF_URL
from homeassistant.core import HomeAssistant

from .api import answers
from .client import ScrapeError
from .const import (
    CONF_CA_FILE,
    CONF_EXTRA_HEADERS,
    CONF_FREE_MODELS,
    CONF_HISTORY_DSN,
    CONF_HISTORY_IDENTITY,
    CONF_HISTORY_KEY,
)
from .coordinator import LiteLLMPulseConfigEntry, LiteLLMPulseCoordinator
from .core.errors import AnswerError, StoreError
from .core.models import Report, Snapshot
from .credentials import InvalidKeyError, clean_key

_REDACTED: Final = {
    *(CONF_API_KEY, CONF_URL, CONF_CA_FILE, "title", "unique_id"),
    *(CONF_HISTORY_DSN, CONF_HISTORY_KEY, CONF_HISTORY_IDENTITY),
}
_COUNTED: Final = {CONF_EXTRA_HEADERS, CONF_FREE_MODELS}
"""Options of which only the number is told."""
_SECRET_LENGTH: Final = 6
"""Characters from which on a word is a secret wherever it stands."""
_NO_NAME: Final = re.compile(r"[^0-9A-Za-z_]")
"""What no metric and no label can be called."""


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> dict[str, Any]:
    """Return the diagnostics of one proxy."""
    runtime = entry.runtime_data
    coordinator, ledger = runtime.coordinator, runtime.ledger
    told = {
        "entry": async_redact_data(entry.as_dict(), _REDACTED) | {"options": _options(entry.options)},
        "litellm": {
            "version": await runtime.scraper.client.version(),
            "families": await _families(hass, entry),
            "labels": sorted(one for one in ledger.labels if not one.startswith(("tag_", "metadata_"))),
        },
        "scrape": _scrape(coordinator),
        "ledger": _ledger(coordinator.data.snapshot),
        "history": await _history(hass, entry),
        "reports": [_report(report) for report in ledger.reports],
        "store": await hass.async_add_executor_job(_store, ledger.path)
        | {"error": _error(coordinator.data.snapshot, hass.config.config_dir)},
    }
    return cast(dict[str, Any], _without(_secrets(entry), told))


def _secrets(entry: LiteLLMPulseConfigEntry) -> list[str]:
    """Return what is sent along with a scrape, as it is and as the name of a metric or a label would hold it."""
    headers: Mapping[str, str] = entry.options.get(CONF_EXTRA_HEADERS) or {}
    keys = [key for key in (entry.data.get(CONF_API_KEY), entry.options.get(CONF_HISTORY_KEY)) if key]
    texts = (*keys, *map(_cleaned, keys), *headers.values())
    sent = {word for text in texts for word in text.split() if len(word) >= _SECRET_LENGTH}
    return [*sent, *(_NO_NAME.sub("_", one) for one in sent)]


def _cleaned(key: str) -> str:
    """Return a key as it is sent, without what was pasted around it; nothing where it cannot be sent."""
    try:
        return clean_key(key) or ""
    except InvalidKeyError:
        return ""


def _without(secrets: Collection[str], told: object) -> object:
    """Return what is told without the texts that hold a secret: a server may repeat anywhere what it was sent."""
    match told:
        case str():
            return REDACTED if any(one in told for one in secrets) else told
        case dict():
            return {key: _without(secrets, value) for key, value in told.items()}
        case list() | tuple():
            return [_without(secrets, one) for one in told]
        case _:
            return told


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options, of what may be secret only how many."""
    counted = {key: len(value or ()) if key in _COUNTED else value for key, value in options.items()}
    return async_redact_data(counted, _REDACTED)


async def _families(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> list[str] | str:
    """Return the families of LiteLLM that have samples, or why that is not known."""
    try:
        return await answers.async_families(hass, entry.runtime_data)
    except (ScrapeError, AnswerError) as err:
        return type(err).__name__


async def _history(hass: HomeAssistant, entry: LiteLLMPulseConfigEntry) -> dict[str, Any]:
    """Return how the import goes, and by how much /metrics and the database differ, without amounts."""
    try:
        answer: dict[str, Any] = dict(await answers.async_comparison(hass, entry.runtime_data))
    except StoreError as err:
        return {"error": type(err).__name__}
    days = [{key: day[key] for key in ("day", "difference_percent", "reasons")} for day in answer["days"]]
    return {"import": answer["import"], "days": days}


def _scrape(coordinator: LiteLLMPulseCoordinator) -> dict[str, Any]:
    """Return how the scrapes go."""
    interval = coordinator.update_interval
    return {
        "success": coordinator.last_update_success,
        "exception": type(coordinator.last_exception).__name__ if coordinator.last_exception else None,
        "reason": getattr(coordinator.last_exception, "translation_key", None),
        "duration": coordinator.data.scrape_duration,
        "interval": interval.total_seconds() if interval else None,
    }


def _ledger(snapshot: Snapshot) -> dict[str, Any]:
    """Return what the ledger knows, in counts."""
    return {
        "last_scrape": snapshot.last_scrape,
        "process_start": snapshot.process_start,
        "window_starts": dict(snapshot.window_starts),
        "published": sorted(snapshot.published),
        "members": dict(Counter(str(dimension) for dimension, _ in snapshot.members)),
        "ambiguous_answers": snapshot.ambiguous_answers,
        "lasting_ambiguity": snapshot.lasting_ambiguity,
        "budgets": dict(Counter(str(dimension) for dimension, _ in snapshot.budgets)),
        "attributions": len(snapshot.groups),
        "restarts": sum(row.restarted for row in snapshot.recent),
        "scrapes": sum(row.scrapes for row in snapshot.recent),
        "report": _report(snapshot.report) if snapshot.report else None,
    }


def _report(report: Report) -> dict[str, Any]:
    """Return what happened in a scrape, less what was used."""
    return {key: value for key, value in asdict(report).items() if key != "increase"}


def _error(snapshot: Snapshot, config_dir: str) -> str | None:
    """Return why usage could not be written, without the path of the configuration."""
    return snapshot.store_error.replace(config_dir, REDACTED) if snapshot.store_error else None


def _store(path: Path) -> dict[str, Any]:
    """Return the sizes of the ledger's files in bytes; blocking."""
    files = sorted(path.parent.glob(f"{path.stem}.*"))
    return {"files": {file.name.removeprefix(path.stem): file.stat().st_size for file in files if file.exists()}}
