"""The house has no circle: a file is understood with those below it, types included."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from custom_components import litellm_pulse

HOUSE = Path(litellm_pulse.__file__).parent


def test_no_file_needs_one_that_needs_it_in_turn() -> None:
    files = {file: set(_imported(file)) for file in HOUSE.rglob("*.py")}
    assert HOUSE / "coordinator.py" in files[HOUSE / "entity.py"]
    TopologicalSorter(files).prepare()


def _imported(file: Path) -> Iterator[Path]:
    """Yield the files of the integration that a file imports, also for its types only."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            place = file.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for name in node.names:
                candidates = place / f"{name.name}.py", place / name.name / "__init__.py"
                inside = [one for one in candidates if one.is_file()]
                yield from inside or [one for one in (place.with_suffix(".py"), place / "__init__.py") if one.is_file()]
