"""Debian's packages: unpacked beside the system, which stays as it is, or installed where this is root's Debian."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from progress import StepError, run, step

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def available() -> bool:
    """Tell whether this machine has apt and knows Debian's signing keys."""
    return KEYRING.exists() and all(map(shutil.which, ("apt-get", "dpkg")))


def _mirrors() -> list[str]:
    """Return the archives that this machine's own apt is set up for, Debian's main one first."""
    # The only listing that also answers before the machine's first `apt-get update`.
    command = ["apt-get", "-q", "update", "--print-uris"]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^'([^']+?)/dists/[^']+/InRelease'", listing, re.MULTILINE)
    return sorted(dict.fromkeys(found), key=lambda uri: not uri.endswith("/debian"))


def _apt(work: Path, source: str) -> list[object]:
    """Return an apt-get command that knows `source` alone and keeps its files in `work`."""
    for folder in ("lists/partial", "archives/partial"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    (work / "sources.list").write_text(source)
    options = {
        # A frozen mirror will do: what it says is signed all the same.
        "Acquire::Check-Valid-Until": "false",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "true",
        "Dir::Cache::archives": work / "archives",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Dir::Etc::Parts": "-",
        "Dir::Etc::PreferencesParts": "-",
        "Dir::Etc::SourceList": work / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": work / "lists",
        "Dir::State::status": "/dev/null",
    }
    pairs = (("-o", f"{name}={value}") for name, value in options.items())
    return ["apt-get", "-q", *(word for pair in pairs for word in pair)]


def install(package: str) -> None:
    """Install a package where this is root and there is apt; nothing happens elsewhere, or where it cannot be had."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "-qq", "--no-install-recommends", package], check=False)


def unpack(suite: str, packages: list[str], prefix: Path) -> None:
    """Unpack packages of a Debian release, and all that they depend on, below `prefix`."""
    refusals = []
    for mirror in _mirrors():
        with tempfile.TemporaryDirectory() as folder:
            apt = _apt(Path(folder), f"deb [signed-by={KEYRING}] {mirror} {suite} main\n")
            names = " ".join(packages)
            try:
                run(f"Reading Debian's list of packages ({suite})", [*apt, "update"])
                run(f"Fetching {names}", [*apt, "install", "-y", "--download-only", *packages])
            except StepError as err:
                refusals.append(str(err))
                continue
            prefix.mkdir(parents=True, exist_ok=True)
            with step(f"Unpacking {names}"):
                for deb in Path(folder, "archives").glob("*.deb"):
                    subprocess.run(["dpkg", "-x", deb, prefix], check=True)
            return
    raise StepError("\n".join(refusals) or "apt knows no Debian archive")
