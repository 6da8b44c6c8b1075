"""The environments below .cache: made of dependency groups, with the last word where packages contradict each other."""

import subprocess
import tomllib

import environments
import pytest
from progress import StepError
from toolchain import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NAMES = [*environments.PYTHONS, "dev", *map(environments.litellm, environments.litellm_releases())]


@pytest.mark.parametrize("name", NAMES)
def test_every_environment_has_requirements_that_are_pinned(name: str) -> None:
    assert environments.requirements(name)
    assert all("==" in one for one in environments.requirements(name))


def test_an_override_is_of_an_environment() -> None:
    assert set(PYPROJECT["tool"]["environments"]["overrides"]) <= set(NAMES)


def test_an_environment_that_nobody_knows_is_refused() -> None:
    with pytest.raises(StepError, match="newest"):
        environments.prepare("nonsense")


def test_the_releases_of_litellm_begin_with_the_floor() -> None:
    releases = environments.litellm_releases()
    assert releases[0] == "1.80"
    assert releases == sorted(releases, key=lambda release: [int(part) for part in release.split(".")])
    for release in releases:
        (litellm,) = [one for one in environments.requirements(environments.litellm(release)) if "litellm" in one]
        assert litellm.startswith(f"litellm[proxy]=={release}.")


def test_every_release_is_run_at_night() -> None:
    done = subprocess.run([ROOT / "scripts/nightly", "nonsense"], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 1
    for release in environments.litellm_releases():
        assert f"litellm-{release}" in done.stderr
