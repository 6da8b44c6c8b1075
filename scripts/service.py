"""Servers of the demo: child processes on loopback that always end with their parent."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from abc import ABC, abstractmethod
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from types import FrameType
from typing import Any, Self

from progress import StepError, step

HOST = "127.0.0.1"
STOP_SECONDS = 20
"""What a server gets to end by itself: Home Assistant writes its state meanwhile."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whatever its status."""

    url: str
    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - whatever the server says
        """Return the decoded body of a success; any other answer is an error."""
        if self.status >= 400:  # noqa: PLR2004
            raise StepError(f"{self.url} answered {self.status}: {self.body[:500].decode(errors='replace')}")
        return json.loads(self.body)


class Service(ABC):
    """A server in a process group of its own, with a log file in its state folder."""

    title: str
    usual_port: int
    start_seconds = 180

    def __init__(self, state: Path) -> None:
        """Keep everything that the server writes below `state`."""
        self.state = state
        self.port = 0
        self._claim: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def _command(self) -> list[str | Path]:
        """Write what the server needs and return the command that starts it."""

    @abstractmethod
    def _ready(self) -> bool:
        """Tell whether the server does its work."""

    def _environment(self) -> dict[str, str]:
        """Return variables for the server, on top of this process's own."""
        return {}

    @property
    def pid(self) -> int | None:
        """The process of the server, None while there is none."""
        return self._process.pid if self._process else None

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"http://{HOST}:{self.port}"

    @property
    def log_file(self) -> Path:
        """Where the server's output of all starts goes."""
        return self.state / "output.log"

    def log(self) -> str:
        """Return what the server has written."""
        return self.log_file.read_text(errors="replace")

    def start(self) -> Self:
        """Start the server and wait until it is ready."""
        self.state.mkdir(parents=True, exist_ok=True)
        if self._claim is None:
            self.port, self._claim = claim_port(self.usual_port)
        command = [str(word) for word in self._command()]
        with step(f"Starting {self.title} on {self.url}") as current, self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.state,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self._environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            while not self._answers():
                self.check_alive()
                if current.seconds > self.start_seconds:
                    raise StepError(f"{self.title} is not ready after {self.start_seconds} s: see {self.log_file}")
                time.sleep(0.3)
            self.check_alive()
        return self

    def _answers(self) -> bool:
        try:
            return self._ready()
        except (OSError, StepError):
            return False

    def check_alive(self) -> None:
        """Raise StepError where the server has ended without being told to."""
        if self._process is None or self._process.poll() is not None:
            last = "\n  ".join(self.log().splitlines()[-15:])
            raise StepError(f"{self.title} ended by itself; the end of {self.log_file}:\n  {last}")

    def stop(self) -> None:
        """End the server and everything it started."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(STOP_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def restart(self) -> None:
        """Stop and start the server on the same address."""
        self.stop()
        self.start()

    def request(
        self,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        form: bool = False,
    ) -> Answer:
        """Send a GET, or with a body a POST, as JSON or as a form."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data = None
        if isinstance(body, dict) and form:
            data = urllib.parse.urlencode(body).encode()
        elif body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with _direct.open(request, timeout=30) as answer:
                return Answer(answer.url, answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as err:
            with err:
                return Answer(request.full_url, err.code, err.headers, err.read())

    def __enter__(self) -> Self:
        """Start the server."""
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        """End the server, whatever happened, and give its port back."""
        self.stop()
        if self._claim:
            self._claim.close()
            self._claim = None


_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Loopback is reached directly, also where a web proxy is set."""


def claim_port(usual: int) -> tuple[int, socket.socket]:
    """Return the usual port, or where it is taken one that is free, and what to close when done with it.

    A server binds its port long after it was chosen, and LiteLLM quietly takes another one
    where somebody was faster. The claim keeps a second demo or test away meanwhile: a name
    that exists once in a network namespace, and ends with the process.
    """
    for wanted in (usual, *[0] * 9):
        claim = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, wanted))
            port = int(probe.getsockname()[1])
            if sys.platform == "linux":
                claim.bind(f"\0litellm-pulse-{port}")
            return port, claim
        claim.close()
    raise StepError("no port is free on loopback")


def end_orderly_on_signals() -> None:
    """Let signals unwind this process as Ctrl-C does, also where a shell started it with Ctrl-C off."""

    def leave(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
