"""The rules of hassfest and of HACS, as far as they can be checked offline.

Both run on GitHub at every push; neither is part of a package. They are written down here anew.
"""

import ast
import json
import re
import string
import struct
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from awesomeversion import AwesomeVersion, AwesomeVersionStrategy
from homeassistant.components.brands.const import ALLOWED_IMAGES
from homeassistant.const import Platform
from homeassistant.loader import Manifest
from homeassistant.util.yaml import load_yaml_dict

import custom_components.litellm_pulse as integration

FOLDER = Path(integration.__file__).parent
ROOT = FOLDER.parent.parent
MANIFEST: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text())
HACS: dict[str, Any] = json.loads((ROOT / "hacs.json").read_text())
ICONS: dict[str, Any] = json.loads((FOLDER / "icons.json").read_text())
LANGUAGES = sorted((FOLDER / "translations").glob("*.json"))
ENGLISH: dict[str, Any] = json.loads((FOLDER / "translations/en.json").read_text())
SERVICES = load_yaml_dict(FOLDER / "services.yaml") if (FOLDER / "services.yaml").exists() else {}

REQUIRED = {"codeowners", "documentation", "domain", "iot_class", "issue_tracker", "name", "version"}
HACS_KEYS: dict[str, type | tuple[type, ...]] = {
    "content_in_root": bool,
    "country": (str, list),
    "filename": str,
    "hacs": str,
    "hide_default_branch": bool,
    "homeassistant": str,
    "name": str,
    "persistent_directory": str,
    "render_readme": bool,
    "zip_release": bool,
}
RULES = {
    "bronze": "action-setup appropriate-polling brands common-modules config-flow config-flow-test-coverage"
    " dependency-transparency docs-actions docs-conditions docs-high-level-description"
    " docs-installation-instructions docs-removal-instructions docs-triggers entity-event-setup entity-unique-id"
    " has-entity-name runtime-data test-before-configure test-before-setup unique-config-entry",
    "silver": "action-exceptions config-entry-unloading docs-configuration-parameters docs-installation-parameters"
    " entity-unavailable integration-owner log-when-unavailable parallel-updates reauthentication-flow test-coverage",
    "gold": "devices diagnostics discovery discovery-update-info docs-data-update docs-examples"
    " docs-known-limitations docs-supported-devices docs-supported-functions docs-troubleshooting docs-use-cases"
    " dynamic-devices entity-category entity-device-class entity-disabled-by-default entity-translations"
    " exception-translations icon-translations reconfiguration-flow repair-issues stale-devices",
    "platinum": "async-dependency inject-websession strict-typing",
}
TOP_LEVEL = {
    *("common", "config", "config_subentries", "device", "device_automation", "entity", "entity_component"),
    *("exceptions", "issues", "options", "selector", "services", "system_health", "title", "triggers", "conditions"),
}
EVERYBODY_MAY_USE = {
    *Platform,
    *("automation", "conversation", "frontend", "homeassistant", "persistent_notification", "system_health"),
    "websocket_api",
}
"""Integrations that are always there, or load nothing of their own."""

SLUG = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
HTML = re.compile(r"<[a-zA-Z/][^>]*>")
URL = re.compile(r"(?:\w+://|www\.)(?:[a-z0-9]+[-.])+[a-z]{2,5}\b", re.IGNORECASE)
PNG_HEADER = struct.Struct(">8s4s4sII")


def test_the_manifest_is_ordered_and_complete() -> None:
    keys = list(MANIFEST)
    assert keys == ["domain", "name", *sorted(set(keys) - {"domain", "name"})]
    assert set(keys) >= REQUIRED
    assert set(keys) <= set(Manifest.__annotations__)
    assert MANIFEST["domain"] == FOLDER.name


def test_the_manifest_says_what_home_assistant_understands() -> None:
    strategies = [AwesomeVersionStrategy.SEMVER]
    assert AwesomeVersion(MANIFEST["version"], ensure_strategy=strategies).valid
    assert MANIFEST["iot_class"] == "local_polling"
    assert MANIFEST["integration_type"] == "service"
    assert all(owner.startswith("@") for owner in MANIFEST["codeowners"])
    assert MANIFEST["codeowners"]
    assert not MANIFEST["documentation"].startswith("https://www.home-assistant.io")
    assert MANIFEST["documentation"].startswith("https://")


def test_requirements_are_pinned_as_they_are_tested() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    assert all("==" in one for one in MANIFEST.get("requirements", []))
    assert set(MANIFEST.get("requirements", [])) <= set(groups["integration"])


def test_whatever_is_imported_of_home_assistant_is_a_dependency() -> None:
    allowed = EVERYBODY_MAY_USE | set(MANIFEST.get("dependencies", [])) | set(MANIFEST.get("after_dependencies", []))
    # A platform of another integration, such as diagnostics.py, is loaded by that one only.
    wanted = {one for one in _imported() if not (FOLDER / f"{one}.py").exists() and not (FOLDER / one).is_dir()}
    assert wanted <= allowed


def test_nothing_is_waited_for_that_is_not_imported() -> None:
    """Where Home Assistant starts on a full disk, whoever waits for what needs the recorder is not set up either."""
    assert set(MANIFEST["after_dependencies"]) <= set(_imported())


def _imported() -> Iterator[str]:
    """Yield the integrations that the code imports, those only named in annotations left out."""
    for file in FOLDER.rglob("*.py"):
        tree = ast.parse(file.read_text())
        typing = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and id(node) not in typing and not node.level:
                prefix, _, rest = str(node.module).partition("homeassistant.components")
                if not prefix and rest:
                    yield rest.split(".")[1]
                elif not prefix and node.module == "homeassistant.components":
                    yield from (name.name for name in node.names)


def test_hacs_json_says_only_what_hacs_knows() -> None:
    assert set(HACS) <= set(HACS_KEYS)
    assert all(isinstance(value, HACS_KEYS[key]) for key, value in HACS.items())
    assert HACS["name"] == MANIFEST["name"]


def test_hacs_downloads_a_zip_of_a_release() -> None:
    assert HACS["zip_release"]
    assert HACS["filename"] == f"{FOLDER.name}.zip"


def test_the_repository_has_what_hacs_looks_for() -> None:
    assert (ROOT / "README.md").exists()
    assert (ROOT / "LICENSE").exists()
    assert [path.name for path in FOLDER.parent.iterdir() if (path / "manifest.json").exists()] == [FOLDER.name]


@pytest.mark.parametrize("name", sorted(ALLOWED_IMAGES))
def test_every_picture_of_the_brand_has_home_assistants_size(name: str) -> None:
    header = (FOLDER / "brand" / name).read_bytes()[: PNG_HEADER.size]
    signature, _, kind, width, height = PNG_HEADER.unpack(header)
    assert (signature, kind) == (b"\x89PNG\r\n\x1a\n", b"IHDR")
    assert height == (512 if "@2x" in name else 256)
    assert width == height if "icon" in name else width > height


def test_the_brand_has_no_picture_that_nobody_asks_for() -> None:
    assert {path.name for path in (FOLDER / "brand").iterdir()} == ALLOWED_IMAGES


def test_rules_of_requirements_are_exempt_only_where_there_are_none() -> None:
    answers = load_yaml_dict(FOLDER / "quality_scale.yaml")["rules"]
    for rule in ("dependency-transparency", "async-dependency"):
        exempt = isinstance(answers[rule], dict) and answers[rule]["status"] == "exempt"
        assert exempt == (not MANIFEST["requirements"]), rule


def test_every_rule_of_the_quality_scale_is_answered() -> None:
    answers = load_yaml_dict(FOLDER / "quality_scale.yaml")["rules"]
    assert set(answers) == {rule for rules in RULES.values() for rule in rules.split()}
    for rule, answer in answers.items():
        status = answer if isinstance(answer, str) else answer["status"]
        assert status in {"done", "exempt", "todo"}, rule
        if status == "exempt":
            assert answer["comment"], rule


@pytest.mark.parametrize("file", LANGUAGES, ids=lambda file: file.stem)
def test_translations_are_as_hassfest_wants_them(file: Path) -> None:
    texts = json.loads(file.read_text())
    assert set(texts) <= TOP_LEVEL
    for path, text in _texts(texts):
        assert text == text.strip(), path
        assert text, path
        assert "[%key:" not in text, path
        assert not HTML.search(text), path
        assert not URL.search(text), path
        assert not re.search(r"'{\w+}'", text), path
        assert all(name.isidentifier() for _, name, _, _ in string.Formatter().parse(text) if name), path
        assert all(part == "_" or SLUG.fullmatch(part) for part in path), path


@pytest.mark.parametrize("file", LANGUAGES, ids=lambda file: file.stem)
def test_only_fields_that_are_there_are_explained(file: Path) -> None:
    texts = json.loads(file.read_text())
    flows = [texts[flow] for flow in ("config", "options") if flow in texts]
    flows += [issue["fix_flow"] for issue in texts.get("issues", {}).values() if "fix_flow" in issue]
    for step in (step for flow in flows for step in flow["step"].values()):
        for part in (step, *step.get("sections", {}).values()):
            assert set(part.get("data_description", {})) <= set(part.get("data", {}))


def _texts(texts: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every text and the keys that lead to it."""
    for key, value in texts.items():
        if isinstance(value, dict):
            yield from _texts(value, (*path, key))
        else:
            yield (*path, key), value


def test_every_icon_is_one_of_home_assistants() -> None:
    assert set(ICONS) <= {"entity", "services", "triggers", "conditions"}
    for path, icon in _texts(ICONS):
        assert re.fullmatch(r"mdi:[a-z0-9-]+", icon), path


def test_every_action_is_described_named_and_has_an_icon() -> None:
    translated = ENGLISH.get("services", {})
    assert set(SERVICES) == set(translated) == set(ICONS.get("services", {}))
    for name, service in SERVICES.items():
        fields = [_fields(one, content) for one, content in (service or {}).get("fields", {}).items()]
        assert set(translated[name].get("fields", {})) == set().union(*fields), name


def _fields(name: str, content: dict[str, Any] | None) -> set[str]:
    """Return the names of the fields of a section, or of a field that is none."""
    return set(content["fields"]) if content and "fields" in content else {name}


def test_services_are_described_where_some_are_registered() -> None:
    code = "".join(file.read_text() for file in FOLDER.rglob("*.py"))
    if re.search(r"services\.async_register\(|async_register_(?:platform_)?entity_service|async_register_admin_", code):
        assert SERVICES


@pytest.mark.parametrize("file", sorted(ROOT.glob(".github/**/*.yml")), ids=lambda file: file.stem)
def test_every_file_of_github_is_yaml(file: Path) -> None:
    content = yaml.safe_load(file.read_text())
    assert isinstance(content, dict)
    if file.parent.name == "workflows":
        assert content["permissions"] == {}
        assert re.findall(r"uses: \S+@(?![0-9a-f]{40} # )", file.read_text()) == []


def test_a_fault_is_reported_with_diagnostics() -> None:
    form = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/fault.yml").read_text())
    fields = {one["id"]: one for one in form["body"] if "id" in one}
    assert fields["diagnostics"]["validations"]["required"]
