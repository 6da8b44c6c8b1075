"""A PostgreSQL server of its own on loopback, run by an ordinary user, for tests and benchmarks."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

import debian
from progress import StepError

HOST = "127.0.0.1"
USER = "postgres"
"""The superuser inside the server; as root also who runs it, since PostgreSQL refuses root."""
START_SECONDS = 60

_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 256MB
max_wal_size = 8GB
fsync = {fsync}
logging_collector = off
"""


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs, installed first where this is root's Debian; raises StepError."""
    if found := _installed():
        return found
    debian.install("postgresql")
    if found := _installed():
        return found
    raise StepError("PostgreSQL's programs are not installed (package postgresql), and this is not root on Debian")


def _installed() -> Path | None:
    """Return the folder of the newest release that is installed, if any."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if folders:
        return folders[-1].parent
    found = shutil.which("postgres")
    return Path(found).resolve().parent if found else None


class Postgres:
    """One server with its data in one folder."""

    def __init__(self, state: Path, *, durable: bool = True) -> None:
        """Create the server's files where there are none yet; `durable` is for those that are killed."""
        self._bin = binaries()
        state = state.resolve()
        self._data = state / "data"
        self.log_file = state / "output.log"
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        state.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(state, USER)
        if not (self._data / "PG_VERSION").exists():
            self._run(
                "initdb", f"--pgdata={self._data}", "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--no-sync"
            )
            with (self._data / "postgresql.conf").open("a") as settings:
                settings.write(_SETTINGS.format(fsync="on" if durable else "off"))

    @property
    def data(self) -> Path:
        """The folder of its files."""
        return self._data

    def start(self) -> Self:
        """Start it and wait until it answers; raises StepError where it does not."""
        self.port = self.port or _free_port()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*_as_user(), str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self.port)],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
            )
        ready = [str(self._bin / "pg_isready"), "-q", "-h", HOST, "-p", str(self.port)]
        until = time.monotonic() + START_SECONDS
        while subprocess.run(ready, check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > until:
                raise StepError(f"PostgreSQL did not start: see {self.log_file}")
            time.sleep(0.1)
        return self

    def stop(self, *, crash: bool = False) -> None:
        """End it: in order, without waiting for who is connected, or as a power cut does."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        # As root, setpriv has become the server itself: its process is ours to signal.
        os.kill(process.pid, signal.SIGQUIT if crash else signal.SIGINT)
        process.wait(START_SECONDS)

    def restart(self, *, crash: bool = False) -> None:
        """End it and start it on the same port."""
        self.stop(crash=crash)
        self.start()

    def dsn(self, database: str, user: str = USER, password: str = "") -> str:
        """Return the address of one of its databases."""
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@{HOST}:{self.port}/{database}"

    def sql(self, script: str, database: str = USER) -> str:
        """Return what a script prints, its columns divided by `|`; raises StepError with the server's words."""
        command = [str(self._bin / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", self.dsn(database)]
        done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StepError(f"psql: {done.stderr.strip()}")
        return done.stdout.strip()

    def __enter__(self) -> Self:
        """Start it."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """End it, without order where nothing is to be kept."""
        self.stop(crash=not self._durable)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*_as_user(), str(self._bin / program), *arguments], capture_output=True, text=True, check=False, cwd="/"
        )
        if done.returncode:
            raise StepError(f"{program}: {done.stderr.strip()}")


def _as_user() -> list[str]:
    """Return the words before a command that keep it from running as root."""
    if os.geteuid() != 0:
        return []
    entry = pwd.getpwnam(USER)
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
