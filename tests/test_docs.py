"""The documents: whatever they point to is there."""

import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import entity_table
import made_table
import pytest
from repository import Repository
from toolchain import ROOT

from benchmarks import comparison, lifecycles, reliability, report
from benchmarks.measure import AtMost, Section, figure
from custom_components.litellm_pulse.const import DOMAIN

PAGES = [page for folder in (".", "docs") for page in sorted((ROOT / folder).glob("*.md"))]
DOCUMENTS = [*PAGES, ROOT / "benchmarks" / "results.md"]
ITALIC = re.compile(r"(?<![*\w])\*([A-Z][^*\n]+)\*(?![*\w])")
OTHERS_NAMES = {
    *("⋮", "⚙", "Settings", "System", "Logs", "Repairs", "Dashboards", "Add dashboard", "Devices & services"),
    *("Configure", "Reconfigure", "Delete", "Remove", "Update entity", "Edit in YAML", "Enable debug logging"),
    *("Developer tools", "Statistics", "LiteLLM Pulse", "Report a vulnerability", "Breaking"),
    # Examples.
    *("LiteLLM attic", "LiteLLM model gpt-4o spend", "LiteLLM team Home Daily limit used: 90 %"),
}
"""What pages write in italics and is not ours to name: the words of Home Assistant, HACS and GitHub."""
RELEASE = re.compile(r"litellm\[proxy\]==(.*)")
ROOM = re.compile(r"`(?:\./)?((?:[\w.-]+/)*[\w-]+\.(?:py|js|yaml|yml|json|md|toml)|(?:[\w-]+/)+|scripts/\w+)[ `]")
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)\s#]*)(?:#([^)\s]+))?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for name, anchor in LINK.findall(document.read_text()):
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), name
        if anchor:
            assert anchor in set(_anchors(target)), f"{name}#{anchor}"


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/adding.md", "docs/architecture.md"])
def test_every_room_that_a_page_names_is_there(name: str) -> None:
    command = ["git", "ls-files"]
    files = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()  # noqa: S603
    rooms = {f"/{path}" for file in files for path in (file, *map(str, Path(file).parents))}
    named = set(ROOM.findall((ROOT / name).read_text()))
    assert named
    assert [one for one in named if not any(room.endswith(f"/{one.strip('/')}") for room in rooms)] == []


def test_every_page_of_docs_is_reached_from_readme() -> None:
    reached, open_ = set[Path](), [ROOT / "README.md"]
    while open_:
        page = open_.pop()
        reached.add(page)
        leads = {(page.parent / name).resolve() for name, _ in LINK.findall(page.read_text()) if name.endswith(".md")}
        open_ += leads - reached
    assert set((ROOT / "docs").glob("*")) - reached == {
        ROOT / "docs" / name for name in ("brand", "images", "check.py", "openapi.yaml")
    }


def test_every_address_of_a_file_of_the_repository_leads_to_it() -> None:
    # In My links, in what the integration says, in blueprints.
    prefix = f"{Repository.of(ROOT).url}/blob/main/"
    command = ["git", "grep", "-hI", "blob"]
    texts = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603
    named = re.findall(rf"{re.escape(prefix)}([\w./-]+)(?:#([\w-]+))?", unquote(texts))
    assert len(named) > len(list((ROOT / "blueprints").rglob("*.yaml")))
    for name, anchor in named:
        assert (ROOT / name).is_file(), name
        assert not anchor or anchor in set(_anchors(ROOT / name)), f"{name}#{anchor}"


def test_the_page_of_promises_holds_the_figures_of_the_last_run() -> None:
    assert reliability.PAGE.read_text() == reliability.page(reliability.kept())
    rows = [row for run in reliability.kept().values() for row in run["rows"]]
    assert all(row["held"] for row in rows)
    readme = reliability.README.read_text()
    assert readme == reliability.first(readme, reliability.kept())
    assert set(reliability.FIRST) <= {row["promise"] for row in rows}


def test_a_benchmark_that_is_run_again_renews_its_own_figures_and_no_others() -> None:
    def section(title: str, millis: float) -> Section:
        return Section(title=title, note="How.", figures=[figure("a scrape", "ms", [millis], budget=AtMost(5, "ms"))])

    page = report.renewed("", [section("Parsing", 1.0), section("Storing", 2.0)])
    page = report.renewed(page, [section("Parsing", 3.0), section("Asking", 9.0)])
    assert re.findall(r"^## (.*)|a scrape \| ([0-9.]+) ms.* (yes|NO) ", page, re.MULTILINE) == [
        ("Parsing", "", ""),
        ("", "3.00", "yes"),
        ("Storing", "", ""),
        ("", "2.00", "yes"),
        ("Asking", "", ""),
        ("", "9.00", "NO"),
    ]
    recorded = (ROOT / "benchmarks" / "results.md").read_text()
    assert report.renewed(recorded, []).partition("## ")[2] == recorded.partition("## ")[2]


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.name)
def test_what_a_page_calls_by_name_is_called_so(document: Path) -> None:
    texts = (ROOT / "custom_components" / DOMAIN / "translations" / "en.json").read_text().lower()
    names = {name for phrase in ITALIC.findall(document.read_text()) for name in phrase.split(" → ")} - OTHERS_NAMES
    assert [name for name in names if name.lower() not in texts] == []


def test_readme_compares_what_the_last_run_has_counted() -> None:
    # scripts/bench comparison writes it anew.
    page, found = comparison.PAGE.read_text(), comparison.kept()
    assert page.count(comparison.BEGIN) == 1
    assert comparison.render(page, found) == page
    assert [row["lifecycle"] for row in found["rows"]] == [one.name for one in lifecycles.LIFECYCLES]


@pytest.mark.parametrize("lifecycle", lifecycles.LIFECYCLES, ids=lambda one: one.name)
def test_of_what_readme_compares_the_truth_is_counted(lifecycle: lifecycles.Lifecycle, tmp_path: Path) -> None:
    assert comparison.ours(lifecycle, tmp_path / "ledger.db") == pytest.approx(lifecycle.truth, abs=comparison.SAME)


@pytest.mark.parametrize(("name", "render"), entity_table.PAGES.items(), ids=entity_table.PAGES)
def test_the_tables_of_entities_are_those_of_the_descriptions(name: str, render: Callable[[str, Path], str]) -> None:
    # scripts/entities writes them anew.
    page = (ROOT / name).read_text()
    table = page.partition(entity_table.BEGIN)[2].partition(made_table.END)[0]
    assert table.count(" | ") > len(entity_table.PAGES)
    assert render(page, ROOT) == page


def test_the_releases_of_litellm_that_are_run_are_named() -> None:
    # Those of pyproject.toml are what the demo, the tests and scripts/nightly run.
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    run = {found[1] for group in groups.values() for one in group if (found := RELEASE.match(str(one)))}
    assert len(run) > 1
    page = (ROOT / "docs" / "litellm.md").read_text()
    assert set(re.findall(r"^\| (1\.\d+\.\d+)\b", page, re.MULTILINE)) == run
    assert set(re.findall(r"1\.\d+\.\d+", (ROOT / "README.md").read_text())) == run


def _anchors(document: Path) -> Iterator[str]:
    """Yield the anchors of a page's headings, as GitHub makes them."""
    for heading in re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE):
        text = re.sub(r"<!--.*?-->", "", heading).strip().lower()
        yield re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
