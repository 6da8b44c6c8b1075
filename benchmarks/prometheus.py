"""A real Prometheus server that scrapes a static /metrics, and what it says of its own scrapes."""

import json
import re
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .endings import ending

_CONFIGURATION = """\
global: {{scrape_interval: {interval}s, scrape_timeout: {interval}s}}
scrape_configs: [{{job_name: litellm, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
"""


@contextmanager
def bodies(files: Sequence[Path]) -> Iterator[int]:
    """Serve bodies in turn from a process of their own; yields the port."""
    command: list[str | Path] = [sys.executable, Path(__file__).with_name("serve.py"), *files]
    with ending(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


def scrape_durations(binary: Path, folder: Path, port: int, scrapes: int, interval: int) -> tuple[list[float], float]:
    """Let a server scrape so many times.

    Returns its `scrape_duration_seconds` in milliseconds, the first scrape left out, and its
    peak memory in MB.
    """
    folder.mkdir(parents=True)
    (folder / "prometheus.yml").write_text(_CONFIGURATION.format(port=port, interval=interval))
    own = _free_port()
    command: list[str | Path] = [
        *(binary, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"),
        *(f"--web.listen-address=127.0.0.1:{own}", "--log.level=error"),
    ]
    with ending(subprocess.Popen(command, stderr=subprocess.DEVNULL)) as process:
        time.sleep(interval * (scrapes + 2))
        values = _query(own, f"scrape_duration_seconds[{interval * (scrapes + 9)}s]")
        peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
    assert peak is not None
    return [float(value) * 1e3 for _, value in values[1:]], int(peak[1]) / 1e3


def _query(port: int, query: str) -> list[tuple[float, str]]:
    """Return the samples of a range of one series."""
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as answer:
        found: Any = json.load(answer)
    return list(found["data"]["result"][0]["values"])


def _free_port() -> int:
    """Return a port of loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
