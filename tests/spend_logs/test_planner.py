"""What is asked for next: newest first, with an overlap, everything once a week."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from custom_components.litellm_pulse.spend_logs.models import Scope, Span
from custom_components.litellm_pulse.spend_logs.planner import Ask, Bounds, Kind, halves, plan
from custom_components.litellm_pulse.spend_logs.progress import Progress

NOW = datetime(2026, 11, 25, 12, 20, tzinfo=UTC)
OLDEST = datetime(2026, 9, 14, 7, 31, tzinfo=UTC)
DONE = Progress(
    through=NOW, reached=OLDEST.replace(minute=0), oldest=OLDEST, newest=NOW, swept_at=NOW, looked_back_at=NOW
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def bounds(now: datetime = NOW, seam: datetime | None = None, **more: object) -> Bounds:
    return Bounds(**{"now": now, "oldest": OLDEST, "seam": seam, **more})  # type: ignore[arg-type]


def spans(asks: list[Ask]) -> list[tuple[str, str]]:
    return [(f"{ask.span.start:%m-%d %H:%M}", f"{ask.span.end:%m-%d %H:%M}") for ask in asks]


def test_the_first_import_goes_by_halves_of_months_newest_first() -> None:
    assert spans(plan(Progress(), bounds())) == [
        ("11-16 00:00", "11-25 12:20"),
        ("11-01 00:00", "11-16 00:00"),
        ("10-16 00:00", "11-01 00:00"),
        ("10-01 00:00", "10-16 00:00"),
        ("09-16 00:00", "10-01 00:00"),
        ("09-14 07:00", "09-16 00:00"),
    ]


def test_what_is_older_than_two_years_is_asked_for_by_years() -> None:
    asks = plan(Progress(), bounds(oldest=at("1970-01-01")))
    assert asks[-1].span == Span(at("1970-01-01"), at("1971-01-01"))
    assert all(newer.span.start == older.span.end for newer, older in pairwise(asks))
    turn = [f"{ask.span.start:%Y-%m}" for ask in asks[46:51]]
    assert turn == ["2024-12", "2024-12", "2024-11", "2024-01", "2023-01"]
    assert len(asks) < 110


def test_an_import_that_was_interrupted_goes_on_where_it_was() -> None:
    begun = Progress().backfilled(at("2026-10-12"), now=NOW)
    later = [ask for ask in plan(begun, bounds(NOW + timedelta(minutes=5))) if ask.kind is Kind.BACKFILL]
    assert spans(later) == [
        ("10-01 00:00", "10-12 00:00"),
        ("09-16 00:00", "10-01 00:00"),
        ("09-14 07:00", "09-16 00:00"),
    ]


def test_a_table_whose_times_have_no_index_is_read_once() -> None:
    assert spans(plan(Progress(), bounds(by_halves=False))) == [("09-14 07:00", "11-25 12:20")]


def test_an_empty_source_is_asked_for_nothing() -> None:
    assert plan(Progress(), bounds(oldest=None)) == []


def test_history_ends_at_the_first_scrape_to_the_second() -> None:
    seam = at("2026-11-20T10:07:33")
    asks = plan(Progress(), bounds(seam=seam))
    assert (asks[0].scope, asks[0].span) == (Scope.SINCE, Span(seam, NOW))
    assert (asks[1].scope, asks[1].span) == (Scope.BEFORE, Span(at("2026-11-16"), seam))
    assert {ask.scope for ask in asks[1:]} == {Scope.BEFORE}


def test_each_cycle_goes_six_whole_hours_back() -> None:
    assert spans(plan(DONE, bounds(NOW + timedelta(minutes=5)))) == [("11-25 06:00", "11-25 12:25")]


def test_once_a_day_48_hours_are_asked_for_again() -> None:
    assert spans(plan(DONE, bounds(NOW + timedelta(days=1, minutes=1)))) == [("11-23 12:00", "11-26 12:21")]


def test_once_a_week_everything_is_asked_for_again_and_can_be_interrupted() -> None:
    now = NOW + timedelta(days=7, minutes=1)
    sweep = [ask for ask in plan(DONE, bounds(now)) if ask.kind is Kind.SWEEP]
    assert (sweep[0].span.end, sweep[-1].span.start) == (now, OLDEST.replace(minute=0))
    half = DONE.swept(at("2026-10-20"), oldest=OLDEST, now=now)
    rest = [ask for ask in plan(half, bounds(now)) if ask.kind is Kind.SWEEP]
    assert (rest[0].span.end, rest[-1].span.start) == (at("2026-10-20"), OLDEST.replace(minute=0))
    over = half.swept(OLDEST.replace(minute=0), oldest=OLDEST.replace(minute=0), now=now)
    assert not [ask for ask in plan(over, bounds(now)) if ask.kind is Kind.SWEEP]


def test_a_source_that_was_off_for_weeks_tells_all_of_them_when_it_is_on_again() -> None:
    now = NOW + timedelta(days=40)
    follow = [ask for ask in plan(DONE, bounds(now)) if ask.kind is Kind.FOLLOW]
    assert follow[-1].span.start <= NOW - timedelta(hours=6)
    assert follow[0].span.end == now
    assert all(newer.span.start == older.span.end for newer, older in pairwise(follow))


def test_a_clock_that_went_back_leaves_no_hour_out() -> None:
    earlier = NOW - timedelta(days=3)
    follow = [ask for ask in plan(DONE, bounds(earlier)) if ask.kind is Kind.FOLLOW]
    assert follow[-1].span.start <= earlier - timedelta(hours=6)


def test_older_rows_that_turn_up_are_imported_too() -> None:
    older = at("2026-08-02T03:00")
    backfill = [ask for ask in plan(DONE, bounds(oldest=older)) if ask.kind is Kind.BACKFILL]
    assert (backfill[0].span.end, backfill[-1].span.start) == (OLDEST.replace(minute=0), older)


def test_a_gap_is_asked_for_until_its_late_rows_are_in() -> None:
    gap = Span(at("2026-11-24T01:10"), at("2026-11-24T05:40"))
    asked = [ask for ask in plan(DONE, bounds(gaps=[gap])) if ask.kind is Kind.GAP]
    assert asked == [Ask(Kind.GAP, Scope.GAP, gap)]
    soon, later = (DONE.told(gap, now=now) for now in (gap.end, gap.end + timedelta(hours=48)))
    assert [ask for ask in plan(soon, bounds(gaps=[gap])) if ask.kind is Kind.GAP]
    assert not [ask for ask in plan(later, bounds(gaps=[gap])) if ask.kind is Kind.GAP]


def test_progress_survives_as_json() -> None:
    told = DONE.told(Span(OLDEST, NOW), now=NOW).seen(identity="db", now=NOW, oldest=OLDEST, newest=OLDEST)
    assert Progress.from_json(told.to_json()) == told
    assert Progress.from_json(Progress().to_json()) == Progress()


def test_progress_tells_its_share() -> None:
    assert Progress().share(NOW) == 0.0
    assert DONE.share(NOW) == 1.0
    half = Progress(reached=OLDEST + (NOW - OLDEST) / 2, oldest=OLDEST)
    assert round(half.share(NOW), 3) == 0.5


def test_a_database_whose_newest_row_is_older_than_before_was_restored() -> None:
    assert DONE.seen(identity="db", now=NOW, oldest=OLDEST, newest=NOW).restored_at is None
    assert DONE.seen(identity="db", now=NOW, oldest=OLDEST, newest=NOW - timedelta(days=1)).restored_at == NOW
    assert DONE.seen(identity="db", now=NOW, oldest=None, newest=None).restored_at == NOW
    here = replace(DONE, identity="db")
    assert here.seen(identity="another", now=NOW, oldest=OLDEST, newest=NOW).restored_at == NOW


def test_a_span_that_takes_too_long_is_halved_down_to_a_day() -> None:
    newer, older = halves(Span(at("2026-10-01"), at("2026-11-01")))
    assert (older.start, newer.end, older.end) == (at("2026-10-01"), at("2026-11-01"), newer.start)
    day = Span(at("2026-10-01"), at("2026-10-02"))
    assert tuple(halves(day)) == (day,)
