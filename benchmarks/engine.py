"""The core on its own, as the benchmarks import it: without Home Assistant around it."""

import sys
from pathlib import Path
from types import ModuleType

INTEGRATION = Path(__file__).resolve().parent.parent / "custom_components" / "litellm_pulse"

# Stands in for the integration's own `__init__`, which would import Home Assistant.
_package = ModuleType("custom_components.litellm_pulse")
_package.__path__ = [str(INTEGRATION)]
sys.modules.setdefault(_package.__name__, _package)

from custom_components.litellm_pulse.core.catalog import Dimension  # noqa: E402
from custom_components.litellm_pulse.core.counters import Answer, Counting  # noqa: E402
from custom_components.litellm_pulse.core.exposition import Exposition, ExpositionParser  # noqa: E402
from custom_components.litellm_pulse.core.ledger import Ledger  # noqa: E402
from custom_components.litellm_pulse.core.query import sql  # noqa: E402
from custom_components.litellm_pulse.core.store import PendingWrites  # noqa: E402

__all__ = [
    "INTEGRATION",
    "Answer",
    "Counting",
    "Dimension",
    "ExpositionParser",
    "Ledger",
    "PendingWrites",
    "read",
    "sql",
]


def read(parser: ExpositionParser, *pieces: bytes) -> Exposition:
    """Have a parser read a body."""
    for piece in pieces:
        parser.feed(piece)
    return parser.finish()
