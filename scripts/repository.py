"""Where the project lives: read from pyproject.toml, and written wherever it is named."""

import json
import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

from progress import StepError

HOST = "https://github.com"
MANIFEST = "custom_components/litellm_pulse/manifest.json"


@dataclass(frozen=True)
class Repository:
    """Owner and name of a repository."""

    owner: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "Repository":
        """Return the repository that OWNER/NAME or an address names; any other text is a StepError."""
        found = re.fullmatch(rf"(?:{HOST}/)?([A-Za-z0-9][A-Za-z0-9-]*)/([\w.-]+?)(?:\.git)?/?", text)
        if found is None:
            raise StepError(f"{text} is neither OWNER/NAME nor {HOST}/OWNER/NAME")
        return cls(*found.groups())

    @classmethod
    def of(cls, root: Path) -> "Repository":
        """Return the repository that the pyproject.toml of a work tree names."""
        project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
        return cls.parse(project["urls"]["Repository"])

    @property
    def url(self) -> str:
        """The address of its page."""
        return f"{HOST}/{self.owner}/{self.name}"

    def spellings(self) -> tuple[str, ...]:
        """Return every way in which files name it: in an address, in a My link (twice), its owner."""
        return (
            f"{self.owner}/{self.name}",
            f"owner={self.owner}&repository={self.name}",
            f"{self.owner}%2F{self.name}",
            f"@{self.owner}",
        )


def disagreements(root: Path) -> list[str]:
    """Return what does not say the address that pyproject.toml says, a line each."""
    repository = Repository.of(root)
    manifest = json.loads((root / MANIFEST).read_text())
    said = {
        "manifest.json: documentation": (manifest["documentation"], repository.url),
        "manifest.json: issue_tracker": (manifest["issue_tracker"], f"{repository.url}/issues"),
        "manifest.json: codeowners": (manifest["codeowners"], [f"@{repository.owner}"]),
        ".github/CODEOWNERS": ((root / ".github/CODEOWNERS").read_text().split()[-1], f"@{repository.owner}"),
    }
    found = [f"{where}: {one}, not {other}" for where, (one, other) in said.items() if one != other]
    links = re.findall(r"owner=[\w-]+&repository=[\w.-]+", (root / "README.md").read_text())
    link = repository.spellings()[1]
    return found + [f"README.md: {one}, not {link}" for one in links if one != link]


def move(root: Path, new: Repository) -> list[str]:
    """Write another address wherever a tracked file names the old one; return the files that changed.

    The old one is what the manifest names, too: pyproject.toml may have been edited by hand already.
    """
    manifest = json.loads((root / MANIFEST).read_text())
    known = (Repository.of(root), Repository.parse(manifest["documentation"]))
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    pairs = [pair for old in known for pair in zip(old.spellings(), new.spellings(), strict=True)]
    changed = []
    for name in filter(None, listing.split("\0")):
        try:
            before = (root / name).read_text()
        except UnicodeDecodeError:
            continue
        after = before
        for old, other in pairs:
            after = re.sub(rf"(?:(?<![\w.-])|(?<=%2F)){re.escape(old)}(?![\w-])", other, after)
        if after != before:
            (root / name).write_text(after)
            changed.append(name)
    return changed
