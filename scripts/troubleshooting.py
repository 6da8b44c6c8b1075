"""The page of symptoms: its headings are what the integration says, so that whoever sees it finds it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

PAGE = "docs/troubleshooting.md"
_HEADING = re.compile(r"^### .* <!-- (?P<key>[\w.]+) -->$", re.MULTILINE)


def texts(root: Path) -> dict[str, str]:
    """Return key -> what a user is told of what is wrong: errors of set-up and history, titles of repair issues."""
    english = json.loads((root / "custom_components/litellm_pulse/translations/en.json").read_text())
    errors = {f"config.error.{key}": text for key, text in english["config"]["error"].items()}
    errors |= {
        f"options.error.{key}": text for key, text in english["options"]["error"].items() if key.startswith("history_")
    }
    issues = {f"issues.{key}": issue["title"].removeprefix("{title}: ") for key, issue in english["issues"].items()}
    return errors | issues


def keys(page: str) -> set[str]:
    """Return the keys of the texts that a page explains."""
    return {found["key"] for found in _HEADING.finditer(page)}


def render(page: str, said: Mapping[str, str]) -> str:
    """Return the page with each heading as the integration says it; headings of unknown keys stay."""

    def heading(found: re.Match[str]) -> str:
        key = found["key"]
        return f"### {said[key]} <!-- {key} -->" if key in said else found[0]

    return _HEADING.sub(heading, page)
