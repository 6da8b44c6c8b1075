"""How a ledger's state gets out of its file, and whole into a new one."""

from collections import defaultdict
from itertools import count

from .. import windows
from ..catalog import COUNTERS, Dimension, counted, metrics_of
from ..counters import Attributions, Counter, PendingWrites, Process, Series, Tracker, in_order
from ..exposition import LabelReader
from ..models import ZERO, Member, MemberKey, Usage, Vector, Window
from ..totals import Totals, plus
from ..windows import Resolution, UsageKey
from .connection import Store


def load_tracker(store: Store, tracker: Tracker, pending: PendingWrites) -> None:
    """Fill an empty tracker with the identities and baselines of a file.

    What a new mapping of metrics leaves nothing to count of goes into `pending` to be deleted.
    """
    load_attributions(store, tracker.attributions)
    tracker.origins = {row[0]: (row[1], row[2]) for row in store.rows("SELECT * FROM origins")}
    for row in store.rows("SELECT id, start, last_answer, restarted, forgotten FROM processes"):
        process = Process(row[0], row[1], row[2], bool(row[3]), forgotten=bool(row[4]))
        tracker.processes[process.id] = process
    by_id = _load_series(store, tracker, pending)
    for process_id, series, value, created in store.rows("SELECT * FROM baselines"):
        if by_id[series].metrics:
            tracker.processes[process_id].add(Counter(by_id[series], value, created))
        else:
            pending.baselines[process_id, series] = None


def load_attributions(store: Store, attributions: Attributions) -> None:
    """Take the attributions of a file in, and the names of their members."""
    for dimension, key, name in store.rows("SELECT * FROM members"):
        attributions.name(Member(Dimension(dimension), key, name))
    keys: defaultdict[int, list[MemberKey]] = defaultdict(list)
    for number, dimension, key in store.rows("SELECT * FROM attributions"):
        keys[number].append((Dimension(dimension), key))
    # A transaction has them all or none, so there is no gap in their numbers.
    for number in range(len(keys)):
        attributions.number(sorted(keys[number], key=in_order)[1:])


def load_totals(store: Store, attributions: Attributions, day: int) -> Totals:
    """Return the totals of the windows that contain a local day."""
    first = windows.first_days(day)
    month = windows.month_of(day)
    sums = {
        "day": store.sums(Resolution.DAY, day),
        "week": store.sums(Resolution.DAY, first[Window.WEEK]),
        "month": store.sums(Resolution.MONTH, month),
        "year": store.sums(Resolution.MONTH, windows.month_of(first[Window.YEAR])),
        "lifetime": store.sums(Resolution.MONTH, 0),
    }
    numbers = set().union(*sums.values())
    totals = Totals(
        day,
        {number: Usage(**{window: one.get(number, ZERO) for window, one in sums.items()}) for number in numbers},
    )
    totals.regroup(attributions.groups)
    return totals


def everything(tracker: Tracker, totals: Totals) -> PendingWrites:
    """Return the pending that write the whole state into an empty file.

    The rows of usage are the fewest from which the same windows come out again; the quarter-hours,
    and the days that have ended, are lost with the old file.
    """
    pending = PendingWrites(
        members=dict(tracker.attributions.members),
        attributions=dict(enumerate(tracker.attributions.keys)),
        series=[series for series in tracker.series.values() if series.metrics],
        processes={process.id: process for process in tracker.processes.values() if process.last_answer},
        origins=dict(tracker.origins),
    )
    for process in tracker.processes.values():
        for family in process.counters.values():
            for counter in family.values():
                if counter.series.metrics:
                    pending.baselines[process.id, counter.series.id] = counter
    for number, usage in totals.attributions.items():
        for key, vector in _usage_rows(number, usage, totals.day):
            pending.posted[key] = plus(pending.posted.get(key, ZERO), vector)
    return pending


def _usage_rows(number: int, usage: Usage, day: int) -> list[tuple[UsageKey, Vector]]:
    """Return the rows from which an attribution's windows come out again."""
    first = windows.first_days(day)
    month, january = windows.month_of(day), windows.month_of(first[Window.YEAR])
    return [
        ((Resolution.DAY, day, number), usage.day),
        ((Resolution.DAY, first[Window.WEEK], number), _minus(usage.week, usage.day)),
        ((Resolution.MONTH, month, number), usage.month),
        ((Resolution.MONTH, january, number), _minus(usage.year, usage.month)),
        ((Resolution.MONTH, january - 1, number), _minus(usage.lifetime, usage.year)),
    ]


def _load_series(store: Store, tracker: Tracker, pending: PendingWrites) -> dict[int, Series]:
    """Take the series of a file in; where the mapping of metrics has changed, read it off the labels."""
    remapped = any(tracker.origins.get(one.name, ("",))[0] != " ".join(one.sources) for one in tracker.metrics)
    by_id: dict[int, Series] = {}
    reader = LabelReader()
    for number, family, series_text, text, attribution in store.rows("SELECT * FROM series"):
        labels = reader.read(family, series_text) if remapped or family == _SPEND else None
        written = tuple(map(int, text.split()))
        metrics = counted(metrics_of(tracker.metrics, family), labels.get) if remapped and labels else written
        one = by_id[number] = Series(number, family, series_text, metrics, attribution)
        if not metrics:
            pending.dead_series.append(number)
            continue
        tracker.series[series_text] = one
        if metrics != written:
            pending.series.append(one)
        if labels:
            tracker.attributions.learn(labels)
    tracker.ids = count(max(by_id, default=0) + 1)
    return by_id


_SPEND = next(metric.sources[0] for metric in COUNTERS if metric.name == "cost")
"""Its series name the model and everything that leads to it."""


def _minus(left: Vector, right: Vector) -> Vector:
    """Return the difference of two vectors."""
    return tuple(a - b for a, b in zip(left, right, strict=True))
