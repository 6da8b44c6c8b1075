"""litellm-pulse 0.3.0, asked in turn with our own runs: a worker in the environment of its own."""

import json
import subprocess
from pathlib import Path
from typing import Any, Self

from .homelab import Homelab
from .measure import Setting

NAME = "litellm-pulse 0.3.0"
DAYS = 90


class Peer:
    """The worker, while it lives."""

    def __init__(self, python: Path) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [python, Path(__file__).with_name("inside_peer.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, work: str, **arguments: object) -> Any:  # noqa: ANN401  # whatever the work returns
        """Return what a piece of work returns."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([work, arguments]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            message = f"litellm-pulse's worker ended with {self._process.wait()}"
            raise RuntimeError(message)
        return json.loads(answer)

    def __enter__(self) -> Self:
        """Return the worker."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.communicate()


def ninety_days(setting: Setting, peer: Peer) -> tuple[Path, dict[str, float]]:
    """Return its database of 90 days at 60 s and what that weighs; made once, and kept between runs."""
    database = setting.cache / "litellm-pulse-90-days.db"
    whole = database.with_suffix(".json")
    if not whole.exists():
        database.unlink(missing_ok=True)
        body = homelab_body(setting.cache / "homelab.prom")
        found = peer.ask("keep", database=str(database), body=str(body), scrapes=DAYS * 1440, safe=False)
        whole.write_text(json.dumps(found))
    return database, json.loads(whole.read_text())


def homelab_body(file: Path) -> Path:
    """Write the answer of a proxy whose every model was used once, and return the file."""
    homelab = Homelab()
    for model in range(homelab.models):
        homelab.request(model, 0)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(homelab.body())
    return file
