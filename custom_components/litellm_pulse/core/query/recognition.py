"""Whether an answer comes from the proxy that a ledger knows: by its process, else by its series."""

from pathlib import Path

from ..catalog import COUNTERS
from ..errors import StoreError
from ..exposition import PROCESS_START, Exposition, GaugeReader, series_and_value
from ..store import reading

FAMILIES = frozenset(source for metric in COUNTERS for source in metric.sources) | {PROCESS_START}
"""What has to be read of an answer to recognize it."""


def recognizes(path: Path, exposition: Exposition) -> bool:
    """Return whether a ledger's file knows the process that answered, or half of its series.

    True as well for a file that holds nothing yet or cannot be read: there is nothing to mix with.
    """
    if not path.exists():
        return True
    starts = {
        one.value for one in GaugeReader().read({PROCESS_START: exposition.get(PROCESS_START, ())})[PROCESS_START]
    }
    try:
        with reading(path) as connection:
            known_starts = {row[0] for row in connection.execute("SELECT start FROM processes")}
            known = {bytes(row[0]) for row in connection.execute("SELECT head FROM series")}
    except StoreError:
        return True
    if not known or starts & known_starts:
        return True
    found = [
        sample[0]
        for family, lines in exposition.items()
        if family in FAMILIES - {PROCESS_START}
        for line in lines
        if (sample := series_and_value(line))
    ]
    return bool(found) and 2 * sum(one in known for one in found) >= len(found)
