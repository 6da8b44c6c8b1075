"""A real Prometheus server: the one on PATH, else Debian's, unpacked beside the system."""

import json
import shutil
import time
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

import debian
from progress import StepError, step
from service import HOST, Service
from toolchain import CACHE


def binary() -> Path:
    """Return the server's program; raises StepError where it cannot be had."""
    if found := shutil.which("prometheus"):
        return Path(found)
    beside = CACHE / "debian-prometheus"
    server = beside / "usr/bin/prometheus"
    if not server.exists():
        if not debian.available():
            raise StepError("Prometheus is needed: install it, this machine has no Debian packages")
        debian.unpack("bookworm", ["prometheus"], beside)
    return server


class Prometheus(Service):
    """A server that scrapes its targets once a second."""

    title = "Prometheus"
    usual_port = 9090

    def __init__(
        self, state: Path, path: str, token: str, *targets: str, labels: Mapping[str, str] | None = None
    ) -> None:
        """Scrape `path` of the targets, `host:port`, with a token; what others federate has the labels besides."""
        super().__init__(state)
        self._labels = labels or {}
        self._job = {
            "job_name": "litellm_pulse",
            "metrics_path": path,
            "authorization": {"credentials": token},
            "static_configs": [{"targets": targets}],
        }

    def _command(self) -> list[str | Path]:
        general = {"scrape_interval": "1s", "external_labels": self._labels}
        configuration = {"global": general, "scrape_configs": [self._job]}
        # JSON is YAML too.
        (self.state / "prometheus.yml").write_text(json.dumps(configuration))
        return [
            binary(),
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address={HOST}:{self.port}",
            "--log.level=warn",
        ]

    def _ready(self) -> bool:
        return self.request("/-/ready").status == 200  # noqa: PLR2004

    def query(self, expression: str) -> list[tuple[Mapping[str, str], float]]:
        """Return labels and value of each series that an expression gives now."""
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        result = self.request(path).json()["data"]["result"]
        return [(one["metric"], float(one["value"][1])) for one in result]

    def wait_for(self, expression: str, seconds: float = 30) -> list[tuple[Mapping[str, str], float]]:
        """Return what an expression gives once it gives anything."""
        with step(f"Waiting for Prometheus to have {expression}") as current:
            while not (found := self.query(expression)):
                if current.seconds > seconds:
                    raise StepError(f"Prometheus has no {expression} after {seconds:.0f} s")
                time.sleep(0.5)
        return found
