"""Bodies of any size, scaled from a real recording: the first key and model of it, times keys and models."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

RECORDING = Path(__file__).parent.parent / "tests" / "fixtures" / "litellm-1.106-teams-keys-tags.prom"

_KEY = re.compile(r'api_key_alias="([^"]*)"')
_REQUESTED = re.compile(r'requested_model="([^"]*)"|(?<![a-z_])model="([^"]*)"')
_VALUE = re.compile(r" (\S+)$")


class Traffic:
    """A proxy with `keys` keys and `models` models whose counters grow as told.

    `body(step, every)` renders the whole exposition after `step` steps, in each of which one
    series in `every` has grown; `every=1` changes all of them. Sizes: 50 keys x 20 models
    give 46 MB and 94,000 samples, 3 keys x 6 models give 1.0 MB.
    """

    def __init__(self, keys: int, models: int) -> None:
        """Read the recording once and lay the body out."""
        self._parts: list[tuple[str, float | None]] = []
        for block in _families(RECORDING.read_text()):
            self._lay_out(block, keys, models)

    def body(self, step: int = 0, every: int = 20) -> bytes:
        """Return the exposition after `step` steps."""
        out: list[str] = []
        for index, (text, value) in enumerate(self._parts):
            if value is None:
                out.append(text)
            else:
                grown = (step + index % every) // every if every > 1 else step
                out.append(f"{text} {value * (1 + grown)!r}\n")
        return "".join(out).encode()

    def _lay_out(self, block: list[str], keys: int, models: int) -> None:
        """Add one family: its header, then its first key's and first model's samples, multiplied."""
        self._parts += [(line + "\n", None) for line in block if line.startswith("#")]
        samples = [line for line in block if not line.startswith("#")]
        template = [line for line in samples if _of_first(line)]
        if not template or "{" not in template[0]:
            self._parts += [(line + "\n", None) for line in samples]
            return
        by_key = _KEY.search(template[0]) is not None
        by_model = _REQUESTED.search(template[0]) is not None
        for key in range(keys if by_key else 1):
            for model in range(models if by_model else 1):
                for line in template:
                    self._add(line, key, model)

    def _add(self, line: str, key: int, model: int) -> None:
        """Add one sample of the template for another key and model."""
        value = _VALUE.search(line)
        assert value is not None
        text = _renamed(line[: value.start()], key, model)
        grows = "_total{" in line and not text.startswith("python_")
        self._parts.append((text, float(value[1]) or 1.0) if grows else (f"{text} {value[1]}\n", None))


def _families(text: str) -> Iterator[list[str]]:
    """Yield the lines of each family, headers first."""
    block: list[str] = []
    for line in text.splitlines():
        if line.startswith("# HELP") and block:
            yield block
            block = []
        block.append(line)
    yield block


def _of_first(line: str) -> bool:
    """Whether a sample is of the recording's first key and first model, or of none."""
    key, model = _KEY.search(line), _REQUESTED.search(line)
    return (key is None or key[1] == "alice-key") and (model is None or (model[1] or model[2]) == "gpt-4o")


def _renamed(text: str, key: int, model: int) -> str:
    """Return the labels of another key, team and model."""
    digest = hashlib.sha256(f"key-{key}".encode()).hexdigest()
    text = re.sub(r'hashed_api_key="[^"]*"', f'hashed_api_key="{digest}"', text)
    text = text.replace("alice", f"user{key:03}").replace("frontend-team", f"team{key % 20:02}")
    return text.replace('"gpt-4o"', f'"model-{model:03}"').replace(
        "da7bf3dbc7f282702bb246a6a5b2c89a74b7516d610e2811168b314e1088185c",
        hashlib.sha256(f"model-{model}".encode()).hexdigest(),
    )
