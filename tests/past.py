"""A past for an entry: a ledger that has counted a proxy's answers before the test begins."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from custom_components.litellm_pulse.const import DOMAIN
from custom_components.litellm_pulse.core.ledger import Ledger

from .core.bodies import COST, REQUESTS, TOKENS, body, family, read, series

type Use = Callable[[int], Mapping[tuple[str, str], float]]
"""Number of a step -> model and team -> what was used since the step before, in dollars."""

MODELS = (("gpt-4o", "red"), ("claude-sonnet", "blue"))


def usual(step: int) -> Mapping[tuple[str, str], float]:
    """Return a use that differs from step to step, at times none."""
    return {member: 0.25 * ((step * (index + 3)) % 7) for index, member in enumerate(MODELS)}


def steps(begin: datetime, end: datetime, every: timedelta) -> Iterable[datetime]:
    """Yield moments, evenly spaced."""
    while begin < end:
        yield begin
        begin += every


def write_past(hass: HomeAssistant, entry: ConfigEntry, moments: Iterable[datetime], use: Use = usual) -> Path:
    """Write the ledger of an entry that scraped at these moments; return its path. Blocking."""
    path = Path(hass.config.path(DOMAIN, f"{entry.entry_id}.db"))
    path.parent.mkdir(parents=True, exist_ok=True)
    ledger: Ledger | None = None
    counters: dict[tuple[str, str], float] = {}
    for number, at in enumerate(moments):
        ledger = ledger or Ledger.open(path, now=at, zone=ZoneInfo(hass.config.time_zone))
        for member, amount in use(number).items():
            counters[member] = counters.get(member, 0.0) + amount
        ledger.scrape(read(ledger.parser(), _answer(counters)), now=at, answered_at=at)
    assert ledger
    ledger.close()
    return path


def _answer(counters: Mapping[tuple[str, str], float]) -> bytes:
    """Return what the proxy answers: a hundred tokens and two requests for each dollar."""
    labels = {member: series(model=member[0], team=member[1], requested_model=member[0]) for member in counters}
    return body(
        family(COST, {labels[one]: value for one, value in counters.items()}),
        family(TOKENS, {labels[one]: value * 100 for one, value in counters.items()}),
        family(REQUESTS, {labels[one]: value * 2 for one, value in counters.items()}),
        # Long before any past begins.
        start=1.0,
    )
