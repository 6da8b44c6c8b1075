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

from litellm_pulse.parser import parse_prometheus_text, parse_prometheus_text_with_labels


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


WORK: dict[str, Callable[..., Any]] = {"parse": parse}


def main() -> None:
    """Answer until the other side closes."""
    for line in sys.stdin:
        name, arguments = json.loads(line)
        print(json.dumps(WORK[name](**arguments)), flush=True)


if __name__ == "__main__":
    main()
