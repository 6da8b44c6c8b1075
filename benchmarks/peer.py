"""litellm-pulse 0.3.0, asked in turn with our own runs: a worker in the environment of its own."""

import json
import subprocess
from pathlib import Path
from typing import Any, Self

NAME = "litellm-pulse 0.3.0"


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
