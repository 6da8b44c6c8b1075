"""Never both: two sources of one truth add up to it once, whatever happens to either."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.spend_logs import merge
from custom_components.litellm_pulse.spend_logs.merge import _fits, believed, spread
from custom_components.litellm_pulse.spend_logs.models import (
    HOUR,
    METRICS,
    QUARTER,
    Members,
    Span,
    UsageRow,
    Vector,
    floor,
    merged,
    requests_by_slot,
    sums_of,
)

START = datetime(2026, 11, 20, tzinfo=UTC)
MODELS = ("gpt-4o", "opus")


@dataclass(frozen=True)
class Request:
    """One request of the truth: when it ended, when its row was written, of which model; it costs one."""

    ended: int
    written: int
    model: int

    @property
    def at(self) -> datetime:
        """When it ended."""
        return START + timedelta(minutes=self.ended)

    @property
    def row(self) -> UsageRow:
        """Its row, in its quarter-hour."""
        return UsageRow(floor(self.at, QUARTER), members(self.model), vector(1))


def members(model: int) -> Members:
    return ((Dimension.MODEL, MODELS[model]),)


def vector(count: float) -> Vector:
    return tuple([count if metric in {"requests", "cost"} else None for metric in METRICS])


requests = st.builds(
    lambda ended, late, model: Request(ended, ended + late, model),
    st.integers(0, 1439),
    st.integers(0, 300),
    st.integers(0, 1),
)


@dataclass
class Ledger:
    """What the ledger does with both sources, in a few lines: the rule under test decides."""

    seam: int
    known: dict[datetime, list[UsageRow]] = field(default_factory=dict)
    """What the database told, per hour."""
    counted: dict[tuple[datetime, Members], float] = field(default_factory=dict)
    lumps: list[tuple[Span, dict[Members, Vector]]] = field(default_factory=list)

    def read(self, rows: Iterable[UsageRow]) -> None:
        """Take in what the database tells of the time before the first scrape, now."""
        found = merged(rows)
        known = {hour: sum(row.values[0] or 0.0 for row in rows) for hour, rows in self.known.items()}
        for hour in believed(known, requests_by_slot(sums_of(found), HOUR)):
            self.known[hour] = [row for row in found if floor(row.start, HOUR) == hour]

    def scrape(self, before: int, now: int, truth: Iterable[Request]) -> None:
        """Take in what /metrics tells: all that ended since the scrape before."""
        at = START + timedelta(minutes=now)
        lump: dict[Members, float] = {}
        for request in truth:
            if before < request.ended <= now and request.ended > self.seam:
                lump[members(request.model)] = lump.get(members(request.model), 0.0) + 1
        for who, amount in lump.items():
            key = floor(at, QUARTER), who
            self.counted[key] = self.counted.get(key, 0.0) + amount
        if now - before > 30 and lump:
            gap = Span(START + timedelta(minutes=before), at)
            self.lumps.append((gap, {who: vector(amount) for who, amount in lump.items()}))

    def shown(self, told: Mapping[Span, list[UsageRow]]) -> dict[datetime, float]:
        """Return requests by quarter-hour: history before, /metrics after, its lumps spread."""
        shown: dict[datetime, float] = {}
        for row in (row for rows in self.known.values() for row in rows):
            shown[row.start] = shown.get(row.start, 0.0) + (row.values[0] or 0.0)
        for (start, _), amount in self.counted.items():
            shown[start] = shown.get(start, 0.0) + amount
        for gap, lump in self.lumps:
            at = floor(gap.end, QUARTER)
            shown[at] -= sum(value[0] or 0.0 for value in lump.values())
            for (start, _), values in spread(lump, told.get(gap, []), at).items():
                shown[start] = shown.get(start, 0.0) + (values[0] or 0.0)
        return {start: round(amount, 9) for start, amount in shown.items() if round(amount, 9)}


@settings(deadline=None, max_examples=300)
@given(
    truth=st.lists(requests, max_size=60),
    seam=st.integers(0, 1439),
    scrapes=st.lists(st.integers(0, 1600), max_size=12),
    reads=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 1439)), max_size=5),
    switched_on=st.booleans(),
)
def test_two_sources_of_one_truth_add_up_to_it_once(
    truth: list[Request],
    seam: int,
    scrapes: list[int],
    reads: list[tuple[int, int]],
    switched_on: bool,  # noqa: FBT001
) -> None:
    ledger = Ledger(seam)
    # Each read sees what is written by then and not deleted yet; the last ones come when all is written.
    for now, kept_since in [*reads, *([(3000, 0)] if switched_on else [])]:
        ledger.read(row.row for row in truth if row.written <= now and row.ended >= kept_since and row.ended <= seam)
    before = seam
    for now in [*sorted({minute for minute in scrapes if minute > seam}), 1700]:
        ledger.scrape(before, now, truth)
        before = now
    told: dict[Span, list[UsageRow]] = {
        gap: merged(row.row for row in truth if gap.start < row.at <= gap.end) for gap, _ in ledger.lumps
    }
    since = sum(row.ended > seam for row in truth)
    shown = ledger.shown(told)
    history = sum(row.values[0] or 0.0 for rows in ledger.known.values() for row in rows)
    assert sum(shown.values()) == pytest.approx(history + since), "a lump is spread, never more and never less"
    assert history <= len(truth) - since
    if switched_on and not reads:
        assert sum(shown.values()) == len(truth)
        in_gaps = [
            row for row in truth if row.ended <= seam or any(gap.start < row.at <= gap.end for gap, _ in ledger.lumps)
        ]
        for row in in_gaps:
            assert shown.get(floor(row.at, QUARTER), 0) >= 1, "at its true quarter-hour after downtime"
    nothing = ledger.shown({})
    assert sum(nothing.values()) == pytest.approx(sum(shown.values())), "a source that is off changes no sum"


def test_an_hour_with_fewer_requests_than_known_stays_as_it_is() -> None:
    hours = [START + HOUR * number for number in range(4)]
    known = dict(zip(hours, (5.0, 5.0, 5.0), strict=False))
    told = {hours[0]: 5.0, hours[1]: 4.0, hours[3]: 1.0}
    assert believed(known, told) == {hours[0], hours[3]}


def test_a_lump_goes_by_its_own_members_then_by_all() -> None:
    at = START + 4 * QUARTER
    told = [UsageRow(START, members(0), vector(3)), UsageRow(START + QUARTER, members(1), vector(1))]
    found = spread({members(0): vector(3), members(1): vector(1)}, told, at)
    assert {key: values[0] for key, values in found.items() if values[0]} == {
        (START, members(0)): 3.0,
        (START + QUARTER, members(1)): 1.0,
    }
    team = ((Dimension.TEAM, "t"),)
    both = spread({(*members(0), *team): vector(2), members(0): vector(1)}, told, at)
    assert both[START, (*members(0), *team)][0] == pytest.approx(2)
    assert both[START, members(0)][0] == pytest.approx(1)


def test_a_lump_is_never_more_than_metrics_told() -> None:
    at = START + 4 * QUARTER
    told = [UsageRow(START, members(0), vector(30)), UsageRow(START + QUARTER, members(0), vector(10))]
    found = spread({members(0): vector(4)}, told, at)
    assert {start: values[0] for (start, _), values in found.items()} == {START: 3.0, START + QUARTER: 1.0, at: 0.0}


@pytest.mark.parametrize("named", ["both", "model", "nobody"])
def test_what_a_gap_of_thousands_costs_grows_with_them_and_not_with_their_product(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """2,000 keys and the 8,000 requests of a night, each with a tag of its own, took the ledger's thread 9 s."""
    asked = []

    def fits(told: Members, counted: Members) -> bool:
        asked.append(told)
        return _fits(told, counted)

    monkeypatch.setattr(merge, "_fits", fits)
    at, many = START + 40 * QUARTER, 400

    def told(number: int) -> Members:
        model, key = (Dimension.MODEL, f"m-{number % 4}"), (Dimension.KEY, f"k-{number % many}")
        whose = {"both": [model, key], "model": [model], "nobody": [(Dimension.MODEL, "x")]}[named]
        return (*whose, (Dimension.TAG, f"t-{number}"))

    rows = [UsageRow(START + number % 32 * QUARTER, told(number), vector(1)) for number in range(4 * many)]
    lump: dict[Members, Vector] = {
        ((Dimension.MODEL, f"m-{number % 4}"), (Dimension.KEY, f"k-{number}")): vector(4) for number in range(many)
    }
    found = spread(lump, rows, at)
    assert len(asked) <= 4 * many
    for members in lump:
        assert sum(values[0] or 0.0 for (_, whose), values in found.items() if whose == members) == pytest.approx(4)
    assert sum(values[0] or 0.0 for (start, _), values in found.items() if start == at) == pytest.approx(0)


def test_a_request_of_several_tags_is_of_whoever_has_all_of_them() -> None:
    at, (a, b, c) = START + 4 * QUARTER, [(Dimension.TAG, name) for name in "abc"]
    rows = [UsageRow(START, (a, b), vector(1)), UsageRow(START + QUARTER, (c,), vector(1))]
    found = spread({(a, b): vector(1), (b, c): vector(1), (a,): vector(1)}, rows, at)
    assert {key for key, values in found.items() if values[0] == 1.0} == {(START, (a, b)), (START + QUARTER, (b, c))}


def test_what_the_database_does_not_tell_stays_where_metrics_told_it() -> None:
    at = START + 4 * QUARTER
    assert spread({members(0): vector(4)}, [], at) == {(at, members(0)): vector(4)}
    told = [UsageRow(START, members(0), vector(1))]
    found = spread({members(0): vector(4)}, told, at)
    assert found[START, members(0)][0] == 1.0
    assert found[at, members(0)][0] == 3.0


def test_a_gap_that_begins_in_the_quarter_hour_in_which_another_ended_takes_nothing_from_it() -> None:
    at = START + timedelta(hours=2)
    told = [
        UsageRow(START, members(0), vector(3)),
        # Of this one and of the next gap.
        UsageRow(at, members(0), vector(12)),
        UsageRow(at, members(1), vector(1)),
    ]
    found = spread({members(0): vector(4), members(1): vector(1)}, told, at)
    assert {key: values[METRICS.index("cost")] for key, values in found.items()} == {
        (START, members(0)): 3.0,
        (at, members(0)): 1.0,
        (at, members(1)): 1.0,
    }


def test_what_may_be_of_the_gap_before_is_not_spread_like_the_usage_of_others() -> None:
    at = START + timedelta(hours=4)
    told = [UsageRow(START + QUARTER, members(1), vector(1)), UsageRow(START + HOUR, members(1), vector(2))]
    met = [UsageRow(START, members(0), vector(3))]
    found = spread({members(0): vector(3), members(1): vector(3)}, told, at, unsure=met)
    assert {key: values[METRICS.index("cost")] for key, values in found.items()} == {
        (at, members(0)): 3.0,
        (START + QUARTER, members(1)): 1.0,
        (START + HOUR, members(1)): 2.0,
        (at, members(1)): 0.0,
    }
