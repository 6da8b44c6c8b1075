"""A release: one version, a zip of the same bytes everywhere, a changelog of what users notice, one address."""

import hashlib
import json
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path

import changelog
import package
import pytest
import repository
from changelog import Commit
from progress import StepError
from repository import Repository
from toolchain import ROOT

FOLDER = ROOT / package.FOLDER

CHANGELOG = """\
# Changelog

## [Unreleased]

### Added

- By hand.

## [0.1.0] - 2026-11-01

### Fixed

- Old.
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a work tree of this repository's files, committed anew."""
    target = tmp_path_factory.mktemp("clone")
    for name in filter(None, git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")):
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    git(target, "init", "--quiet", "--initial-branch=main")
    commit(target, "chore: all")
    return target


def git(root: Path, *arguments: str) -> str:
    """Run git as somebody, and return what it printed."""
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    return run(root, "git", *identity, *arguments)


def commit(root: Path, message: str) -> None:
    """Commit what is there, also where that is nothing new."""
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", message)


def run(root: Path, *command: str, code: int = 0) -> str:
    """Run a command that is to end with this exit code, and return what it printed."""
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_the_version_stands_in_the_manifest_only() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" not in project
    assert project["dynamic"] == ["version"]
    assert json.loads((FOLDER / "manifest.json").read_text())["version"] == package.version(ROOT)


def test_the_changelog_knows_no_newer_version() -> None:
    released = changelog._SECTION.findall((ROOT / "CHANGELOG.md").read_text())
    assert released[0] == changelog.UNRELEASED
    assert released[1:2] in ([], [package.version(ROOT)])


def test_the_zip_has_the_same_bytes_every_time(tmp_path: Path) -> None:
    first, second = (package.build(ROOT, tmp_path / name / "a.zip") for name in ("one", "two"))
    assert first == second
    assert (tmp_path / "one/a.zip").read_bytes() == (tmp_path / "two/a.zip").read_bytes()


def test_the_zip_unpacks_to_the_integration_as_hacs_does_it(clone: Path, tmp_path: Path) -> None:
    (clone / package.FOLDER / "__pycache__").mkdir(exist_ok=True)
    (clone / package.FOLDER / "__pycache__/stray.pyc").touch()
    package.build(clone, tmp_path / "a.zip")
    target = tmp_path / "custom_components/litellm_pulse"
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(target)
    unpacked = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert {"manifest.json", "__init__.py", "translations/en.json", "brand/icon.png", "core/ledger.py"} <= unpacked
    assert not [name for name in unpacked if "__pycache__" in name]
    assert all((target / name).read_bytes() == (FOLDER / name).read_bytes() for name in unpacked)


def test_the_checksum_is_as_sha256sum_reads_it(tmp_path: Path) -> None:
    checksum = package.build(ROOT, tmp_path / "a.zip")
    assert checksum == hashlib.sha256((tmp_path / "a.zip").read_bytes()).hexdigest()
    assert (tmp_path / "a.zip.sha256").read_text() == f"{checksum}  a.zip\n"


def test_a_tag_of_another_version_publishes_nothing() -> None:
    package.check_tag(ROOT, f"v{package.version(ROOT)}")
    with pytest.raises(StepError):
        package.check_tag(ROOT, "v99.0.0")


@pytest.mark.parametrize(("number", "expected"), [("1.0.0", False), ("1.0.0-beta.1", True), ("0.2.0-rc.1", True)])
def test_a_version_with_a_hyphen_is_a_prerelease(number: str, expected: bool) -> None:  # noqa: FBT001
    assert package.is_prerelease(number) is expected


def test_commits_that_users_notice_are_in_the_changelog() -> None:
    section = changelog.from_commits(
        [
            Commit("feat(core): counts"),
            Commit("fix: a fault"),
            Commit("perf(query): fast"),
            Commit("refactor: rooms"),
            Commit("docs: words"),
            Commit("feat(api)!: other path"),
            Commit("fix: b", "why\n\nBREAKING CHANGE: it moved"),
            Commit("No convention"),
        ]
    )
    assert section == {
        "Added": ["- core: counts"],
        "Fixed": ["- a fault"],
        "Changed": ["- query: fast"],
        "Breaking": ["- api: other path", "- b"],
        "Other": ["- No convention"],
    }


def test_a_release_joins_what_was_written_by_hand_and_the_commits() -> None:
    after = changelog.release(CHANGELOG, "0.2.0", "2026-11-25", [Commit("feat: new"), Commit("fix!: moved")])
    assert changelog.read(after, "0.2.0") == "### Breaking\n\n- moved\n\n### Added\n\n- By hand.\n- new"
    assert changelog.read(after, "Unreleased") == ""
    assert changelog.read(after, "0.1.0") == "### Fixed\n\n- Old."
    assert after.startswith("# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-11-25\n")


def test_a_version_is_released_once() -> None:
    with pytest.raises(StepError, match=r"0\.1\.0"):
        changelog.release(CHANGELOG, "0.1.0", "2026-11-25", [])


def test_a_release_tells_what_its_prereleases_brought_too() -> None:
    after = CHANGELOG
    for version, text in (("0.2.0-beta.1", "feat: one"), ("0.2.0-rc.1", "fix: two"), ("0.2.0", "feat: three")):
        after = changelog.release(after, version, "2026-11-25", [Commit(text)])
    assert changelog.read(after, "0.2.0") == "### Added\n\n- By hand.\n- one\n- three\n\n### Fixed\n\n- two"
    assert changelog._SECTION.findall(after) == [changelog.UNRELEASED, "0.2.0", "0.1.0"]


def test_notes_of_a_release_lead_somewhere_and_do_not_break_in_the_middle_of_a_line() -> None:
    section = "### Added\n\n- A [page](docs/a.md),\n  and [another](https://example.com/).\n- More."
    assert changelog.notes(section, "https://example.com/blob/v1") == (
        "### Added\n\n- A [page](https://example.com/blob/v1/docs/a.md), and [another](https://example.com/).\n- More."
    )


def test_a_release_from_tag_to_notes(clone: Path) -> None:
    git(clone, "tag", "v0.1.0")
    commit(clone, "feat(demo): shown")
    commit(clone, "test: not shown")
    run(clone, "scripts/release", "prepare", "one", code=1)
    run(clone, "scripts/release", "prepare", "9.9.0-beta.1")
    assert package.version(clone) == "9.9.0-beta.1"
    run(clone, "scripts/release", "build", "--tag", "v0.1.0", code=1)
    built = run(clone, "scripts/release", "build", "--tag", "v9.9.0-beta.1")
    assert built.startswith("9.9.0-beta.1 pre-release\n")
    notes = (clone / "dist/notes.md").read_text()
    assert "- demo: shown" in notes
    assert "not shown" not in notes
    assert built.split()[2] in notes


def test_every_place_names_the_repository_of_pyproject() -> None:
    assert repository.disagreements(ROOT) == []


def test_a_fork_is_one_command(clone: Path) -> None:
    old = Repository.of(clone)
    run(clone, "scripts/address", "somebody/their-fork")
    assert Repository.of(clone).url == "https://github.com/somebody/their-fork"
    assert repository.disagreements(clone) == []
    for spelling in old.spellings():
        run(clone, "git", "grep", "-F", spelling, code=1)


def test_who_has_edited_pyproject_already_lets_the_rest_follow(clone: Path) -> None:
    old, page = Repository.of(clone), clone / "pyproject.toml"
    page.write_text(page.read_text().replace(old.url, "https://github.com/another/fork"))
    run(clone, "scripts/address", code=len(repository.disagreements(clone)))
    run(clone, "scripts/address", "another/fork")
    assert repository.disagreements(clone) == []
    for spelling in old.spellings():
        run(clone, "git", "grep", "-F", spelling, code=1)


def test_a_place_that_disagrees_is_named(clone: Path) -> None:
    owners = clone / ".github/CODEOWNERS"
    before = owners.read_text()
    owners.write_text("* @nobody\n")
    said = run(clone, "scripts/address", code=1)
    assert said == f".github/CODEOWNERS: @nobody, not @{Repository.of(clone).owner}\n"
    owners.write_text(before)


@pytest.mark.parametrize("text", ["", "name", "a/b/c", "http://example.com/a/b", "a b/c"])
def test_what_is_no_repository_is_refused(text: str) -> None:
    with pytest.raises(StepError):
        Repository.parse(text)
