"""Find the browser that drives Home Assistant's pages; where root may, install Debian's."""

import os
import shutil
import subprocess
from pathlib import Path

import debian
import environments
from progress import StepError, run
from toolchain import ROOT

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def binary() -> Path:
    """Return a Chromium; raises StepError where there is none and none can be installed."""
    if not (found := _find()) and os.geteuid() == 0 and debian.available():
        run("Reading Debian's list of packages", ["apt-get", "-q", "update"])
        run("Installing Chromium", ["apt-get", "-q", "install", "-y", "--no-install-recommends", "chromium"])
        found = _find()
    if not found:
        raise StepError("there is no chromium; on Debian: apt-get install chromium")
    return found


def browse(script: str, *arguments: object, seconds: float = 300) -> str:
    """Run a script of this folder in the browser's environment and return what it printed."""
    command = [environments.prepare("browser"), ROOT / "scripts" / script, binary(), *arguments]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode:
        raise StepError(f"{script} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def _find() -> Path | None:
    """Return the first Chromium on PATH."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    return Path(found) if found else None
