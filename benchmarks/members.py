"""How the cost of a scrape grows with the entities that show it, inside a Home Assistant."""

import asyncio
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from .home import add_entry, enable_all, home_assistant, served, set_up
from .homelab import Homelab

MODELS = ((6, False), (3, True), (12, True), (120, True))
"""How many models, and whether every entity is enabled or only those that are by default."""
RUNS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a proxy with so many entities costs."""

    entities: int
    idle_ms: float
    """Processor time of a scrape in which nothing changed."""
    busy_ms: float
    """Processor time of a scrape in which one model was used."""
    setup_ms: float
    """Of an entry whose entities are registered, by the clock."""


def measured(folder: Path) -> list[Shown]:
    """Return the costs of each size."""
    found = []
    for models, every in MODELS:
        own = folder / f"{models}-models"
        own.mkdir()
        found.append(asyncio.run(_measure(own, models, every=every)))
    return found


async def _measure(folder: Path, models: int, *, every: bool) -> Shown:
    homelab = Homelab(models=models, keys=2, teams=1)
    file = folder / "now.prom"
    file.write_bytes(homelab.body())
    with served([file]) as url:
        async with home_assistant(folder) as hass:
            entry = add_entry(hass, url)
            await set_up(hass, entry)
            if every:
                enable_all(hass, entry)
            assert await hass.config_entries.async_unload(entry.entry_id)
            await hass.async_block_till_done()
            begun = time.perf_counter()
            coordinator = await set_up(hass, entry)
            setup = (time.perf_counter() - begun) * 1e3
            idle: list[float] = []
            busy: list[float] = []
            for run in range(2 * RUNS):
                if run % 2:
                    homelab.request(0, 0)
                file.write_bytes(homelab.body())
                before = time.process_time()
                await coordinator.async_refresh()
                await hass.async_block_till_done()
                (busy if run % 2 else idle).append((time.process_time() - before) * 1e3)
            return Shown(
                entities=len(hass.states.async_entity_ids()),
                idle_ms=statistics.median(idle),
                busy_ms=statistics.median(busy),
                setup_ms=setup,
            )
