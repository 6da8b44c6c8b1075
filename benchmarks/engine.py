"""The core on its own, as the benchmarks import it: without Home Assistant around it."""

import sys
from pathlib import Path
from types import ModuleType

INTEGRATION = Path(__file__).resolve().parent.parent / "custom_components" / "litellm_pulse"

# Stands in for the integration's own `__init__`, which would import Home Assistant.
_package = ModuleType("custom_components.litellm_pulse")
_package.__path__ = [str(INTEGRATION)]
sys.modules.setdefault(_package.__name__, _package)

from custom_components.litellm_pulse.core import queries  # noqa: E402  # see above
from custom_components.litellm_pulse.core.catalog import Dimension  # noqa: E402
from custom_components.litellm_pulse.core.changes import Changes  # noqa: E402
from custom_components.litellm_pulse.core.exposition import Exposition, Reader  # noqa: E402
from custom_components.litellm_pulse.core.ledger import Ledger  # noqa: E402
from custom_components.litellm_pulse.core.tracker import Tracker  # noqa: E402

__all__ = ["INTEGRATION", "Changes", "Dimension", "Ledger", "Reader", "Tracker", "queries", "read"]


def read(reader: Reader, *pieces: bytes) -> Exposition:
    """Have a reader read a body."""
    for piece in pieces:
        reader.feed(piece)
    return reader.finish()
