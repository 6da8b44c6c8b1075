"""The ledger as the place where usage rows of a source go: all of it written on the ledger's thread."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from typing import Final

from .core import windows
from .core.catalog import COUNTER_INDEX, COUNTERS, Dimension
from .core.garbage_collector import gc_paused
from .core.history import DAY_QUARTERS, Gap, History, SparseVector, Told, ToldRow
from .core.models import MemberKey
from .core.store.history_rows import Part
from .ledger_worker import LedgerWorker
from .spend_logs.merge import spread
from .spend_logs.models import DAY, METRICS, QUARTER, Members, Scope, Span, Sums, UsageRow, add, floor, rows_of
from .spend_logs.progress import Progress

type Written = Callable[[Scope, int, Progress], None]
"""Takes what was written: scope, how many rows, and how far it is now; called on the event loop."""

_INDICES: Final = tuple(COUNTER_INDEX[name] for name in METRICS)
_PARTS: Final = {Scope.BEFORE: Part.BEFORE, Scope.GAP: Part.GAP, Scope.SINCE: Part.SINCE}
_LENGTHS: Final = {Part.BEFORE: 4, Part.DAYS: DAY_QUARTERS, Part.GAP: 1, Part.SINCE: 4}
"""Quarter-hours of a slot, in which rows are replaced as a whole."""
_DUST: Final = 1e-9


class LedgerDestination:
    """Keeps what one source tells; see `spend_logs.destination.Destination`. Every method raises StoreError."""

    def __init__(self, ledger: LedgerWorker, source: str, on_written: Written, *, by_day: bool) -> None:
        """Take where to write, and whether the source knows UTC days only."""
        self._ledger = ledger
        self._source = source
        self._on_written = on_written
        self._by_day = by_day

    async def progress(self) -> Progress:
        """Return what was written last; a new one where nothing was."""
        text = await self._ledger.async_history(lambda history: history.progress(self._source))
        return Progress.from_json(json.loads(text)) if text else Progress()

    async def requests(self, scope: Scope, span: Span) -> Mapping[datetime, float]:
        """Return how many requests are known per slot that has any."""
        part = self._part(scope)
        first = floor(span.start, _LENGTHS[part] * QUARTER)
        found = await self._ledger.async_history(
            lambda history: history.requests(part, windows.quarter_of(first), -(-int(span.end.timestamp()) // 900))
        )
        return {windows.quarter_start(number): requests for number, requests in found.items()}

    async def replace(
        self, scope: Scope, slots: Mapping[datetime, float], told: list[Sums], progress: Progress
    ) -> None:
        """Write in one transaction: sums in place of all that these slots had in this scope, and progress."""

        def write(history: History) -> int:
            # Rows are made, written and gone before the garbage collector has seen them.
            with gc_paused():
                return self._write(history, self._part(scope), slots, told, progress)

        self._on_written(scope, await self._ledger.async_history(write), progress)

    def _write(
        self, history: History, part: Part, slots: Mapping[datetime, float], told: list[Sums], progress: Progress
    ) -> int:
        """Write sums on the ledger's thread, where they end, too; return how many rows that were."""
        chosen = _unknown_otherwise(history, part, slots, progress)
        requests = {windows.quarter_of(slot): count for slot, count in chosen.items()}
        kept = Told(part, requests, _LENGTHS[part], METRICS, _rows(part, told))
        written = history.replace(kept, self._ledger.zone, self._source, json.dumps(progress.to_json()))
        if part is Part.BEFORE and chosen and progress.reached:
            begin = max(progress.reached, _whole_from(progress) or progress.reached)
            history.forget_days(windows.quarter_of(begin), windows.quarter_of(max(chosen)) + DAY_QUARTERS)
        return written

    async def settle(self, gap: Gap) -> None:
        """Move what /metrics told in one lump after a gap to when it happened, as far as that has been told."""
        zone = self._ledger.zone

        def settle(history: History) -> None:
            with gc_paused():
                history.move(gap, _moved(history, gap), zone)

        await self._ledger.async_history(settle)

    def _part(self, scope: Scope) -> Part:
        """Return what rows of a scope are to the ledger."""
        return Part.DAYS if self._by_day and scope is Scope.BEFORE else _PARTS[scope]


def _unknown_otherwise(
    history: History, part: Part, slots: Mapping[datetime, float], progress: Progress
) -> Mapping[datetime, float]:
    """Return the slots less those of days that another source tells better: a day is told by one of them only."""
    if not slots or part not in {Part.BEFORE, Part.DAYS}:
        return slots
    first, last = floor(min(slots), DAY), floor(max(slots), DAY) + DAY
    other = Part.BEFORE if part is Part.DAYS else Part.DAYS
    known = history.requests(other, windows.quarter_of(first), windows.quarter_of(last))
    taken = {number // DAY_QUARTERS for number in known}
    if part is Part.BEFORE:
        whole = _whole_from(progress)
        taken = {day for day in taken if whole and day < windows.quarter_of(whole) // DAY_QUARTERS}
    return {slot: told for slot, told in slots.items() if windows.quarter_of(slot) // DAY_QUARTERS not in taken}


def _whole_from(progress: Progress) -> datetime | None:
    """Return the UTC day from which on the database tells days whole: of its oldest LiteLLM has deleted a part."""
    return floor(progress.oldest, DAY) + DAY if progress.oldest else None


def _rows(part: Part, told: list[Sums]) -> Iterator[ToldRow]:
    """Yield rows as the ledger keeps them, oldest first; sums are emptied on the way, and no more of them is there."""
    # From its end, and those of one start in their order.
    told.sort(key=attrgetter("start"))
    told.reverse()
    while told:
        chunk = [told.pop()]
        start = chunk[0].start
        while part is Part.DAYS and told and told[-1].start == start:
            chunk.append(told.pop())
        number = start.toordinal() if part is Part.DAYS else windows.quarter_of(start)
        for row in _CHANGED.get(part, iter)(rows_of(chunk)):
            yield ToldRow(number, row.members, row.values, row.apart)


def _by_model(rows: Iterable[UsageRow]) -> list[UsageRow]:
    """Return rows summed up by model: what is only compared need not say whose it was."""
    sums: dict[tuple[datetime, Members], UsageRow] = {}
    for row in rows:
        if row.apart:
            continue
        members = tuple([key for key in row.members if key[0] is Dimension.MODEL])
        known = sums.get((row.start, members))
        values = add(known.values, row.values) if known else row.values
        sums[row.start, members] = UsageRow(row.start, members, values)
    return list(sums.values())


def _remainders(told: Iterable[UsageRow]) -> list[UsageRow]:
    """Return rows of which those apart tell only what the others do not tell of the same member.

    A source breaks a day down several times; model, key and team are crossed, others stand alone.
    """
    named: dict[tuple[datetime, MemberKey], tuple[float | None, ...]] = {}
    rows = list(told)
    for row in rows:
        if not row.apart:
            for key in row.members:
                known = named.get((row.start, key))
                named[row.start, key] = add(known, row.values) if known else row.values
    kept = []
    for row in rows:
        if row.apart and (known := named.get((row.start, row.members[0]))):
            rest = tuple(
                [None if one is None else one - (other or 0.0) for one, other in zip(row.values, known, strict=True)]
            )
            if any(value is not None and abs(value) > _DUST for value in rest):
                kept.append(UsageRow(row.start, row.members, rest, apart=True))
        else:
            kept.append(row)
    return kept


_CHANGED: Final[Mapping[Part, Callable[[Iterable[UsageRow]], Iterable[UsageRow]]]] = {
    Part.SINCE: _by_model,
    Part.DAYS: _remainders,
}


def _moved(history: History, gap: Gap) -> dict[tuple[int, int], SparseVector]:
    """Return (quarter-hour, attribution) -> by how much it differs from what was told at the end of a gap."""
    start, end = (windows.quarter_of(datetime.fromtimestamp(at, UTC)) for at in (gap.start, gap.end))
    lump, members = history.lump(gap)
    numbers = {keys[1:]: number for number, keys in members.items() if number in lump}
    # What another gap ended with, in the quarter-hour in which this one began, may not be this one's.
    begin = start + any(windows.quarter_of(datetime.fromtimestamp(one.end, UTC)) == start for one in history.gaps())
    unsure, told = (
        [
            UsageRow(
                windows.quarter_start(row.start), tuple(row.members), tuple([row.values[index] for index in _INDICES])
            )
            for row in history.told(Part.GAP, first, last)
        ]
        for first, last in ((start, begin), (begin, end + 1))
    )
    vectors = {keys: tuple([lump[number][index] for index in _INDICES]) for keys, number in numbers.items()}
    found: dict[tuple[int, int], list[float]] = {}
    for (at, keys), values in spread(vectors, told, windows.quarter_start(end), unsure=unsure).items():
        _put(found, (windows.quarter_of(at), numbers[keys]), values, 1)
    for keys, values in vectors.items():
        _put(found, (end, numbers[keys]), values, -1)
    return {key: values for key, values in found.items() if any(abs(value) > _DUST for value in values)}


def _put(
    found: dict[tuple[int, int], list[float]], key: tuple[int, int], values: Iterable[float | None], sign: int
) -> None:
    """Add the values of a source's metrics to a vector of the catalog."""
    vector = found.setdefault(key, [0.0] * len(COUNTERS))
    for index, value in zip(_INDICES, values, strict=True):
        vector[index] += sign * (value or 0.0)
