"""The zip that HACS downloads: the integration's tracked files, the same bytes on every machine."""

import hashlib
import json
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from progress import StepError

FOLDER = Path("custom_components/litellm_pulse")


def filename(root: Path) -> str:
    """Return what HACS expects the zip to be called."""
    return str(json.loads((root / "hacs.json").read_text())["filename"])


def version(root: Path) -> str:
    """Return the version: the manifest is the one place where it stands."""
    return str(json.loads((root / FOLDER / "manifest.json").read_text())["version"])


def is_prerelease(number: str) -> bool:
    """Tell whether a version of Semantic Versioning comes before a release."""
    return "-" in number


def build(root: Path, target: Path) -> str:
    """Write the zip and, beside it, its checksum as sha256sum reads it; return the checksum.

    Home Assistant's folder for the integration is the top of the zip, as HACS unpacks it there.
    Files are stored, not compressed, since compressors differ from machine to machine.
    """
    moment = _git(root, "log", "-1", "--format=%ct", "--", str(FOLDER)).strip()
    date = datetime.fromtimestamp(int(moment), UTC).timetuple()[:6]
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in _tracked(root):
            entry = zipfile.ZipInfo(str(Path(name).relative_to(FOLDER)), date)
            entry.create_system = 3  # Unix, also where this runs on Windows
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, (root / name).read_bytes())
    checksum = hashlib.sha256(target.read_bytes()).hexdigest()
    target.with_name(f"{target.name}.sha256").write_text(f"{checksum}  {target.name}\n")
    return checksum


def check_tag(root: Path, tag: str) -> None:
    """Raise a StepError where a tag is not that of the version."""
    if tag != f"v{version(root)}":
        raise StepError(f"the tag {tag} is not that of version {version(root)}, v{version(root)}")


def _tracked(root: Path) -> list[str]:
    return sorted(filter(None, _git(root, "ls-files", "-z", "--", str(FOLDER)).split("\0")))


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout
