"""Prepare the project's virtual environments below the cache folder.

Each installs one dependency group of pyproject.toml and carries a stamp of it, so that
a second run starts at once and a changed pin is installed anew.
"""

import fcntl
import hashlib
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import toolchain
from progress import StepError, run, step
from toolchain import CACHE, HOME_ASSISTANT, LITELLM, ROOT

PYTHONS = {
    "newest": HOME_ASSISTANT,
    "oldest": HOME_ASSISTANT,
    "litellm": LITELLM,
    "browser": LITELLM,
    "node": LITELLM,
    "openapi": HOME_ASSISTANT,
    "peer": HOME_ASSISTANT,
    "security": HOME_ASSISTANT,
}
"""Environment, also the name of its dependency group, and the Python it runs on."""


def prepare(name: str) -> Path:
    """Return the Python of the environment `name`, made or renewed where needed."""
    try:
        kind = PYTHONS[name]
    except KeyError:
        raise StepError(f"no environment {name!r}: there is {', '.join(PYTHONS)}") from None
    wanted = requirements(name)
    folder = CACHE / name
    stamp = hashlib.sha256("\n".join([str(folder), kind.request, *wanted]).encode()).hexdigest()
    python = folder / "bin/python"
    with _lock(name):
        if not (python.exists() and _read(folder / "stamp") == stamp):
            _make(name, folder, wanted)
            (folder / "stamp").write_text(stamp)
    return python


def requirements(group: str) -> list[str]:
    """Return the requirements of a dependency group, those of included groups too."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    found: list[str] = []
    for item in groups[group]:
        found += [item] if isinstance(item, str) else requirements(item["include-group"])
    return found


def _make(name: str, folder: Path, wanted: list[str]) -> None:
    """Make the environment from scratch: what is cached already is not downloaded again."""
    uv, env = toolchain.uv(), toolchain.uv_environment()
    interpreter = toolchain.interpreter(PYTHONS[name])
    shutil.rmtree(folder, ignore_errors=True)
    venv = [uv, "venv", "--no-project", "--python", interpreter, folder]
    run(f"Making the environment {name}", venv, env=env)
    install = [uv, "pip", "install", "--python", folder / "bin/python", *wanted]
    run(f"Installing the environment {name}", install, env=env)


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


@contextmanager
def _lock(name: str) -> Iterator[None]:
    """Let one process at a time make the environment."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step(f"Waiting for another process to make the environment {name}"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield
