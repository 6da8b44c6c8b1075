"""The changelog: its sections, and what conventional commits add to one."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from progress import StepError

UNRELEASED = "Unreleased"
HEADINGS = {"feat": "Added", "perf": "Changed", "fix": "Fixed", "revert": "Removed"}
"""Types of commit that users notice, and their heading; Keep a Changelog has the words."""
BREAKING = "Breaking"
OTHER = "Other"
"""Commits that follow no convention: they are shown rather than lost."""
_ORDER = (BREAKING, *HEADINGS.values(), OTHER)
_SUBJECT = re.compile(r"(?P<type>[a-z]+)(?:\((?P<scope>[^)]+)\))?(?P<breaking>!)?: (?P<text>.+)")
_SECTION = re.compile(r"^## \[(?P<version>[^\]]+)\].*$", re.MULTILINE)

Section = dict[str, list[str]]
"""Heading -> its entries, each as it stands in the file."""


@dataclass(frozen=True)
class Commit:
    """A commit's message."""

    subject: str
    body: str = ""


def from_commits(commits: Iterable[Commit]) -> Section:
    """Return what the commits say to users, oldest first; types that users do not notice are left out."""
    section: Section = {}
    for commit in commits:
        found = _SUBJECT.fullmatch(commit.subject)
        if found is None:
            section.setdefault(OTHER, []).append(f"- {commit.subject}")
            continue
        breaking = found["breaking"] or re.search(r"^BREAKING[ -]CHANGE: ", commit.body, re.MULTILINE)
        if heading := BREAKING if breaking else HEADINGS.get(found["type"]):
            scope = f"{found['scope']}: " if found["scope"] else ""
            section.setdefault(heading, []).append(f"- {scope}{found['text']}")
    return section


def read(changelog: str, version: str) -> str:
    """Return what stands under the heading of a version, "" where there is none."""
    starts = list(_SECTION.finditer(changelog))
    for found, following in zip(starts, [*starts[1:], None], strict=True):
        if found["version"] == version:
            return changelog[found.end() : following.start() if following else None].strip()
    return ""


def release(changelog: str, version: str, day: str, commits: Iterable[Commit]) -> str:
    """Return the changelog with what was unreleased, and what the commits add, under a version and a day.

    What its pre-releases brought is the release's too, and stands there alone. Raises a StepError where it is there.
    """
    if read(changelog, version):
        raise StepError(f"the changelog has {version} already")
    before = [found["version"] for found in _SECTION.finditer(changelog) if found["version"].startswith(f"{version}-")]
    section: Section = {}
    for one in (*reversed(before), UNRELEASED):
        _add(section, _parse(read(changelog, one)))
    _add(section, from_commits(commits))
    for one in (*before, UNRELEASED):
        changelog = _without(changelog, one)
    top = changelog.partition("## [")[0].strip()
    rest = changelog[len(top) :].strip()
    parts = (top, f"## [{UNRELEASED}]", f"## [{version}] - {day}", _write(section), rest)
    return "\n\n".join(part for part in parts if part) + "\n"


def notes(section: str, address: str) -> str:
    """Return a section for a release's page: there each line breaks, and links need the repository's address."""
    lines = re.sub(r"\n +", " ", section)
    return re.sub(r"\]\((?!\w+:)", f"]({address}/", lines)


def _add(section: Section, more: Section) -> None:
    """Let a section have the entries of another as well."""
    for heading, entries in more.items():
        section.setdefault(heading, []).extend(entries)


def _without(changelog: str, version: str) -> str:
    """Return the changelog without a version's heading and what stands under it."""
    starts = [found.start() for found in _SECTION.finditer(changelog)]
    begin = next(found.start() for found in _SECTION.finditer(changelog) if found["version"] == version)
    end = next((start for start in starts if start > begin), len(changelog))
    return changelog[:begin] + changelog[end:]


def _parse(text: str) -> Section:
    """Return a section as it was written by hand."""
    section: Section = {}
    for block in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        heading, _, entries = block.partition("\n")
        section[heading.strip()] = [entries.strip()]
    return section


def _write(section: Mapping[str, list[str]]) -> str:
    """Return a section as it stands in the file."""
    headings = sorted(section, key=lambda one: _ORDER.index(one) if one in _ORDER else len(_ORDER))
    return "\n\n".join(f"### {heading}\n\n" + "\n".join(section[heading]) for heading in headings)
