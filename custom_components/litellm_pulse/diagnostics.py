"""What helps to find a fault, without a name or an id of anyone: counts only."""

from collections import Counter
from typing import Any, Final

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_API_KEY, CONF_URL
from homeassistant.core import HomeAssistant

from .coordinator import LiteLLMPulseConfigEntry
from .core.models import Snapshot

_REDACTED: Final = {CONF_API_KEY, CONF_URL, "title", "unique_id"}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant,  # noqa: ARG001
    entry: LiteLLMPulseConfigEntry,
) -> dict[str, Any]:
    """Return the diagnostics of one proxy."""
    coordinator = entry.runtime_data.coordinator
    return {
        "entry": async_redact_data(entry.as_dict(), _REDACTED),
        "scrape": {
            "success": coordinator.last_update_success,
            "exception": type(coordinator.last_exception).__name__ if coordinator.last_exception else None,
            "reason": getattr(coordinator.last_exception, "translation_key", None),
            "duration": coordinator.data.scrape_duration,
        },
        "ledger": _ledger(coordinator.data.snapshot),
    }


def _ledger(snapshot: Snapshot) -> dict[str, Any]:
    """Return what the ledger knows, in counts."""
    report = snapshot.report
    return {
        "last_scrape": snapshot.last_scrape,
        "process_start": snapshot.process_start,
        "window_starts": dict(snapshot.window_starts),
        "published": sorted(snapshot.published),
        "members": dict(Counter(str(dimension) for dimension, _ in snapshot.members)),
        "ambiguous_answers": snapshot.ambiguous_answers,
        "lasting_ambiguity": snapshot.lasting_ambiguity,
        "store_error": snapshot.store_error is not None,
        "report": report
        and {
            "samples": report.samples,
            "skipped": report.skipped,
            "changed": report.changed,
            "restarted": report.restarted,
            "indistinguishable": report.indistinguishable,
            "ambiguous": report.ambiguous,
        },
    }
