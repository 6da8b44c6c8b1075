"""Prepare the project's virtual environments below the cache folder.

Each installs one dependency group of pyproject.toml and carries a stamp of it, so that
a second run starts at once and a changed pin is installed anew. Where packages ask for what
cannot be had together, `tool.environments.overrides` has the last word.
"""

import fcntl
import hashlib
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import toolchain
from progress import StepError, run, step
from toolchain import CACHE, HOME_ASSISTANT, LITELLM, ROOT, Python

PYTHONS = {
    "newest": HOME_ASSISTANT,
    "oldest": HOME_ASSISTANT,
    "litellm": LITELLM,
    "brand": LITELLM,
    "browser": LITELLM,
    "node": LITELLM,
    "openapi": HOME_ASSISTANT,
    "peer": HOME_ASSISTANT,
    "security": HOME_ASSISTANT,
}
"""Environment, also the name of its dependency group, and the Python it runs on: what a developer needs."""

_LITELLM_RELEASE = "litellm-"
"""Before the number of a release: the name of its environment."""


def prepare(name: str) -> Path:
    """Return the Python of the environment `name`, made or renewed where needed."""
    kinds = PYTHONS | {"dev": HOME_ASSISTANT} | {litellm(release): LITELLM for release in litellm_releases()}
    try:
        kind = kinds[name]
    except KeyError:
        raise StepError(f"no environment {name!r}: there is {', '.join(kinds)}") from None
    wanted = requirements(name)
    overrides = _pyproject()["tool"]["environments"]["overrides"].get(name, [])
    folder = CACHE / name
    stamp = hashlib.sha256("\n".join([str(folder), kind.request, *wanted, *overrides]).encode()).hexdigest()
    python = folder / "bin/python"
    with _lock(name):
        if not (python.exists() and _read(folder / "stamp") == stamp):
            _make(folder, kind, wanted, overrides)
            (folder / "stamp").write_text(stamp)
    return python


def litellm(release: str | None = None) -> str:
    """Return the name of the environment of a LiteLLM release, by default of the newest."""
    return f"{_LITELLM_RELEASE}{release}" if release else "litellm"


def litellm_releases() -> list[str]:
    """Return the LiteLLM releases beside the newest that have an environment, oldest first."""
    groups = _pyproject()["dependency-groups"]
    return [name.removeprefix(_LITELLM_RELEASE) for name in groups if name.startswith(_LITELLM_RELEASE)]


def requirements(group: str) -> list[str]:
    """Return the requirements of a dependency group, those of included groups too."""
    found: list[str] = []
    for item in _pyproject()["dependency-groups"][group]:
        found += [item] if isinstance(item, str) else requirements(item["include-group"])
    return found


def _pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def _make(folder: Path, kind: Python, wanted: list[str], overrides: list[str]) -> None:
    """Make the environment from scratch: what is cached already is not downloaded again."""
    uv, env = toolchain.uv(), toolchain.uv_environment()
    interpreter = toolchain.interpreter(kind)
    shutil.rmtree(folder, ignore_errors=True)
    venv = [uv, "venv", "--no-project", "--python", interpreter, folder]
    run(f"Making the environment {folder.name}", venv, env=env)
    (folder / "overrides.txt").write_text("\n".join(overrides))
    install = [uv, "pip", "install", "--python", folder / "bin/python", "--override", folder / "overrides.txt", *wanted]
    run(f"Installing the environment {folder.name}", install, env=env)


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
