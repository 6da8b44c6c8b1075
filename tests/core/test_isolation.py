"""The inner ring is the standard library only: it imports and counts alone, without Home Assistant."""

import subprocess
import sys
from pathlib import Path

from custom_components.litellm_pulse import core

from .bodies import cost

CORE = Path(core.__file__).parent

ALONE = """
import os, pkgutil, sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.insert(0, sys.argv[1])
import core

for module in pkgutil.iter_modules(core.__path__):
    import_module(f"core.{module.name}")
library = os.path.dirname(os.__file__)
files = {getattr(module, "__file__", None) or library for module in sys.modules.values()}
strangers = [file for file in files if not file.startswith((library, sys.argv[1]))]
assert not strangers, strangers
assert "asyncio" not in sys.modules

from core.ledger import Ledger
from core.models import TOTAL, Window

now = datetime(2026, 11, 18, tzinfo=UTC)
ledger = Ledger.open(Path(sys.argv[2]), now=now, zone=ZoneInfo("Asia/Kathmandu"))
for body in sys.argv[3:]:
    reader = ledger.parser()
    reader.feed(body.encode())
    ledger.scrape(reader.finish(), now=now, answered_at=now)
print(ledger.snapshot.value(TOTAL, Window.DAY, "cost"))
ledger.close()
"""


def test_the_core_imports_and_counts_alone(tmp_path: Path) -> None:
    answers = [cost(value, start=1.0).decode() for value in (1, 3)]
    command = [sys.executable, "-I", "-S", "-c", ALONE, str(CORE.parent), str(tmp_path / "ledger.db"), *answers]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert ran.stderr == ""
    assert ran.stdout == "2.0\n"
