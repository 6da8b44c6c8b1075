"""A worker inside the environment of litellm-pulse 0.3.0: one JSON request a line, one answer a line.

It measures the peer's own functions, called as its scraper calls them.
"""

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from litellm_pulse.config import Settings
from litellm_pulse.db import open_db, store_model_snapshots, store_snapshot
from litellm_pulse.parser import parse_prometheus_text, parse_prometheus_text_with_labels
from litellm_pulse.scraper import Scraper


def parse(path: str, times: int) -> list[float]:
    """Return the processor milliseconds of each parse of a body: `Scraper.scrape` reads it twice."""
    text = Path(path).read_text()
    found = []
    for _ in range(times):
        gc.collect()
        begun = time.process_time()
        parse_prometheus_text(text)
        parse_prometheus_text_with_labels(text)
        found.append((time.process_time() - begun) * 1e3)
    return found


def keep(database: str, body: str, scrapes: int, *, safe: bool) -> dict[str, float]:
    """Write scrapes of a body at 60 s into its database, as `Scraper.scrape` does, the last one now.

    Returns the bytes by the kernel's count and the database's size. Not `safe`, it does not wait
    for the disk, which changes how long it takes and nothing else.
    """
    connection = open_db(database)
    if not safe:
        connection.execute("PRAGMA synchronous = OFF")
    text = Path(body).read_text()
    settings = Settings()
    families = parse_prometheus_text(text)
    raw = {name: families.get(family, 0.0) for name, family in settings.metric_map.items()}
    models = Scraper(settings)._map_model_metrics(parse_prometheus_text_with_labels(text))
    before = _io()
    begin = int(time.time()) - 60 * scrapes
    for scrape in range(1, scrapes + 1):
        stamp = begin + 60 * scrape
        store_snapshot(connection, stamp, raw, raw, is_reset=False)
        store_model_snapshots(connection, stamp, models, models, is_reset=False)
    after = _io()
    connection.close()
    return {
        "written": after["wchar"] - before["wchar"],
        "to_disk": after["write_bytes"] - before["write_bytes"],
        "size": Path(database).stat().st_size,
    }


def answer(database: str) -> dict[str, list[float]]:
    """Return the milliseconds that its API's answers take on a database; models, which take long, once."""
    scraper = Scraper(Settings(db_path=database))
    scraper.open_db()
    works = {
        "/api/v1/metrics": scraper.summary,
        "/api/v1/models": scraper.model_summary,
        "/api/v1/metrics/cost_daily": lambda: scraper.metric("cost_daily"),
        "/api/v1/history?limit=168": lambda: scraper.history_snapshots(168),
    }
    times = {"/api/v1/models": 1}
    return {path: [_wall_ms(work) for _ in range(times.get(path, 7))] for path, work in works.items()}


def _wall_ms(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


def _io() -> dict[str, int]:
    """Return what the kernel counts of this process' reads and writes."""
    rows = (line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return {name: int(value) for name, value in rows}


WORK: dict[str, Callable[..., Any]] = {"parse": parse, "keep": keep, "answer": answer}


def main() -> None:
    """Answer until the other side closes."""
    for line in sys.stdin:
        name, arguments = json.loads(line)
        print(json.dumps(WORK[name](**arguments)), flush=True)


if __name__ == "__main__":
    main()
