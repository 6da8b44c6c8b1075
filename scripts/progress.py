"""Tell on the terminal what takes time, and run commands that do."""

import collections
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

PLAIN_INTERVAL = 5
"""Seconds between lines where standard error is a file or a CI log."""


class StepError(SystemExit):
    """A step did not succeed; uncaught, it ends the command with this message for the user."""


class Step:
    """A running step: its title, and the latest news of it."""

    def __init__(self, title: str) -> None:
        """Start the clock and show it."""
        self.title = title
        self.news = ""
        self._started = time.monotonic()
        self._done = threading.Event()
        self._ticker = threading.Thread(target=self._show, daemon=True)
        self._ticker.start()

    def _show(self) -> None:
        terminal = sys.stderr.isatty()
        while not self._done.wait(0.2 if terminal else PLAIN_INTERVAL):
            line = f"{self.title} ({self.seconds:.0f} s) {self.news}".rstrip()
            if terminal:
                sys.stderr.write(f"\r\033[K{line[:78]}")
            else:
                sys.stderr.write(f"{line[:118]}\n")
            sys.stderr.flush()

    @property
    def seconds(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self._started

    def close(self, outcome: str) -> None:
        """Stop the clock and print the outcome."""
        self._done.set()
        self._ticker.join()
        clear = "\r\033[K" if sys.stderr.isatty() else ""
        print(f"{clear}{self.title}: {outcome} ({self.seconds:.1f} s)", file=sys.stderr, flush=True)


@contextmanager
def step(title: str, *, otherwise: str = "failed") -> Iterator[Step]:
    """Show `title` and the seconds that pass until the block ends, well or `otherwise`."""
    current = Step(title)
    try:
        yield current
    except BaseException:
        current.close(otherwise)
        raise
    current.close("done")


def run(
    title: str,
    command: Sequence[object],
    *,
    env: Mapping[str, str] | None = None,
    timeout: float = 1800,
    otherwise: str = "failed",
) -> None:
    """Run a command as a step; the last line of its output is the news, its last lines are in the StepError."""
    last: collections.deque[str] = collections.deque(maxlen=12)
    with (
        step(title, otherwise=otherwise) as current,
        subprocess.Popen(
            [str(word) for word in command],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        watchdog = threading.Timer(timeout, process.kill)
        watchdog.start()
        try:
            for line in process.stdout or ():
                last.append(line.rstrip())
                current.news = line.strip()
            code = process.wait()
        finally:
            watchdog.cancel()
            process.kill()
        if code:
            reason = "\n  ".join(last) or f"exit code {code}"
            raise StepError(f"{title} failed:\n  {reason}")
