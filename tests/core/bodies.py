"""Answers of a LiteLLM proxy, written down as LiteLLM writes them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

START = datetime(2026, 11, 18, 12, tzinfo=UTC)
"""When the first answer of a test comes: a Wednesday, in the middle of a day, a month and a quarter-hour."""

REQUESTS = "litellm_proxy_total_requests_metric_total"
FAILED = "litellm_proxy_failed_requests_metric_total"
TOKENS = "litellm_total_tokens_metric_total"
OLD_TOKENS = "litellm_total_tokens_total"
COST = "litellm_spend_metric_total"
DEPLOYMENT = "litellm_deployment_total_requests_total"

PIECE = 1000
"""Bytes that come at once: most bodies here take several pieces."""

type Value = float | str
"""A number, or the text that stands in its place."""


def series(**labels: str) -> str:
    """Return the labels of a series as they stand in a body."""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def family(name: str, samples: Mapping[str, Value], created: Mapping[str, float] | None = None) -> str:
    """Return a counter's family, and its `_created` twin where the process has one."""
    text = f"# HELP {name} What it counts\n# TYPE {name} counter\n"
    text += "".join(f"{name}{labels} {_number(value)}\n" for labels, value in samples.items())
    if created is None:
        return text
    twin = name.removesuffix("_total") + "_created"
    text += f"# HELP {twin} What it counts\n# TYPE {twin} gauge\n"
    return text + "".join(f"{twin}{labels} {_number(created[labels])}\n" for labels in samples if labels in created)


def body(*families: str, start: float | None = None) -> bytes:
    """Return an answer; `start` is when its process began, None in multi-process mode."""
    name = "process_start_time_seconds"
    identity = f"# HELP {name} Start time\n# TYPE {name} gauge\n{name} {start!r}\n" if start is not None else ""
    return (identity + "".join(families)).encode()


def cost(value: Value, *, start: float | None = None, **labels: str) -> bytes:
    """Return the answer of a proxy that has one series, its spend."""
    return body(family(COST, {series(**{"model": "gpt-4o", **labels}): value}), start=start)


class ExpositionParser[Read](Protocol):
    """What takes in a body; the subprocesses of some tests import it from elsewhere."""

    def feed(self, piece: bytes) -> None:
        """Take the next piece."""

    def finish(self) -> Read:
        """Return the whole body."""


def read[Read](reader: ExpositionParser[Read], answer: bytes) -> Read:
    """Have a reader read a body as it comes over the network."""
    for start in range(0, len(answer), PIECE):
        reader.feed(answer[start : start + PIECE])
    return reader.finish()


def _number(value: Value) -> str:
    """Return a number as the exposition format has it."""
    return value if isinstance(value, str) else repr(float(value))


def _escaped(value: str) -> str:
    """Return a label value as it stands between quotes."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
