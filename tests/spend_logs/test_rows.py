"""What the database's lines mean, and what is never asked for."""

import gc
import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from custom_components.litellm_pulse.core.catalog import COUNTER_INDEX, Dimension
from custom_components.litellm_pulse.spend_logs import rows
from custom_components.litellm_pulse.spend_logs.database import Database, Found
from custom_components.litellm_pulse.spend_logs.dsn import parse
from custom_components.litellm_pulse.spend_logs.errors import (
    NoKnownTableError,
    PermissionDeniedError,
    UnexpectedAnswerError,
    UnreachableError,
)
from custom_components.litellm_pulse.spend_logs.models import METRICS, Span, rows_of
from custom_components.litellm_pulse.spend_logs.rows import KNOWN_KEYS, Block, Reader, stripped, tags_of, text
from custom_components.litellm_pulse.spend_logs.tables import (
    COST_LOGS,
    NEEDED,
    SPEND_LOGS,
    LogTable,
    aggregation,
    known_table,
)

ALL = frozenset(
    {
        "request_id",
        "spend",
        "total_tokens",
        "prompt_tokens",
        "completion_tokens",
        "startTime",
        "endTime",
        "model",
        "model_group",
        "custom_llm_provider",
        "user",
        "team_id",
        "api_key",
        "organization_id",
        "end_user",
        "request_tags",
        "status",
        "cache_hit",
        "metadata",
        "messages",
        "response",
        "proxy_server_request",
    }
)
SPAN = Span(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC))


def table(name: str = SPEND_LOGS, columns: frozenset[str] = ALL) -> LogTable:
    return LogTable(schema="public", name=name, columns=columns, aware=False, indexed=True)


COST = table(COST_LOGS, NEEDED[COST_LOGS])
TAGGED = table(columns=frozenset({"startTime", "endTime", "model", "spend", "request_tags"}))


def blocks(reader: Reader, *pieces: bytes) -> list[Block]:
    return [*[block for piece in pieces for block in reader.feed(piece)], *reader.finish()]


def line(start: datetime, *fields: object) -> bytes:
    return "\t".join(map(str, (int(start.timestamp()), *fields))).encode() + b"\n"


def test_every_metric_is_one_of_the_catalog() -> None:
    assert set(METRICS) <= set(COUNTER_INDEX)


@pytest.mark.parametrize("bins", [True, False])
def test_what_holds_conversations_is_never_read_and_times_are_never_cast(bins: bool) -> None:  # noqa: FBT001
    query = aggregation(table(), bins=bins)
    assert not [
        word
        for word in ("metadata", "messages", "response", "proxy_server_request", "*)::", "SELECT *")
        if word in query
    ]
    assert '"startTime"::' not in query
    assert '"endTime"::' not in query
    assert 'CAST("startTime"' not in query


def test_columns_that_a_release_lacks_are_left_out() -> None:
    query = aggregation(table(columns=NEEDED[SPEND_LOGS]), bins=True)
    assert "organization_id" not in query
    assert "status" not in query
    assert table(columns=NEEDED[SPEND_LOGS]).sums.keys() == {"requests", "cost"}


def test_litellms_own_table_comes_before_cost_logs() -> None:
    both = {("public", COST_LOGS): NEEDED[COST_LOGS], ("public", SPEND_LOGS): ALL}
    assert known_table(both, both) == ("public", SPEND_LOGS)
    assert known_table({key: both[key] for key in list(both)[:1]}, both) == ("public", COST_LOGS)


def test_no_table_and_no_permission_are_told_apart() -> None:
    with pytest.raises(PermissionDeniedError):
        known_table({("public", SPEND_LOGS): ALL}, {})
    with pytest.raises(NoKnownTableError):
        known_table({}, {})
    with pytest.raises(NoKnownTableError, match=COST_LOGS):
        known_table({("public", COST_LOGS): {"id", "price"}}, {("public", COST_LOGS): {"id", "price"}})


@pytest.mark.parametrize(
    ("model", "provider", "named"),
    [
        ("openai/gpt-4o", "openai", "gpt-4o"),
        ("gpt-4o", "openai", "gpt-4o"),
        ("openrouter/anthropic/claude", "openrouter", "anthropic/claude"),
        ("anthropic/claude", "openrouter", "anthropic/claude"),
        ("openai/gpt-4o", None, "openai/gpt-4o"),
        (None, "openai", None),
    ],
)
def test_a_model_is_named_as_metrics_names_it(model: str | None, provider: str | None, named: str | None) -> None:
    assert stripped(model, provider) == named


def test_rows_of_two_releases_are_one_model_and_nobody_is_nobody() -> None:
    quarter = datetime(2026, 11, 2, 10, 15, tzinfo=UTC)
    (block,) = blocks(
        Reader(COST, SPAN),
        line(quarter, "openai/gpt-4o", "openai", 3, 0.5),
        line(quarter, "gpt-4o", "openai", 1, "\\N"),
    )
    (row,) = rows_of(block.told)
    assert row.members == ((Dimension.MODEL, "gpt-4o"), (Dimension.PROVIDER, "openai"))
    assert dict(zip(METRICS, row.values, strict=True)) == dict.fromkeys(METRICS) | {"requests": 4.0, "cost": 0.5}
    (block,) = blocks(Reader(COST, SPAN), line(quarter, "", "\\N", 1, 0))
    (row,) = rows_of(block.told)
    assert row.members == ()


def test_a_tag_counts_once_and_the_client_is_none() -> None:
    assert tags_of('["kitchen", "User-Agent: x", "kitchen", 7]') == ["kitchen"]
    assert tags_of(None) == tags_of("{}") == tags_of("null") == []


@pytest.mark.parametrize("size", [1, 700, 100_000])
@pytest.mark.parametrize("tags", [1, 100_000])
def test_a_line_that_is_far_too_long_counts_without_tags(size: int, tags: int) -> None:
    hour, reader = datetime(2026, 11, 2, 10, tzinfo=UTC), Reader(TAGGED, SPAN)
    long = line(hour, "gpt", json.dumps(["tag" * (200_000 // tags)] * tags), 2, 0.5)
    whole = line(hour, "gpt", '["a"]', 1, 0.25) + long + line(hour, "gpt", '["b"]', 1, 0.25)
    assert len(whole) > 2 * rows.LONGEST_LINE
    (block,) = blocks(reader, *[whole[at : at + size] for at in range(0, len(whole), size)])
    found = {row.members[1:]: row.values[0] for row in rows_of(block.told)}
    assert found == {((Dimension.TAG, "a"),): 1.0, (): 2.0, ((Dimension.TAG, "b"),): 1.0}


@pytest.mark.parametrize("keys", ["gpt", "gpt\tx\t[]"])
def test_a_line_of_other_columns_is_nobodys(keys: str) -> None:
    (block,) = blocks(Reader(TAGGED, SPAN), line(datetime(2026, 11, 2, 10, tzinfo=UTC), keys, 2, 0.5))
    assert [(row.members, row.values[0]) for row in rows_of(block.told)] == [((), 2.0)]


@pytest.mark.parametrize("value", ["NaN", "nan", "Infinity", "-inf", "1e999", "-1e300", "\\N"])
def test_what_is_no_amount_spoils_no_sum(value: str) -> None:
    hour = datetime(2026, 11, 2, 10, tzinfo=UTC)
    (block,) = blocks(Reader(TAGGED, SPAN), line(hour, "gpt", "[]", 2, value), line(hour, "gpt", "[]", 1, 0.5))
    (row,) = rows_of(block.told)
    assert (row.values[METRICS.index("requests")], row.values[METRICS.index("cost")]) == (3.0, 0.5)


def test_half_a_character_spoils_nothing() -> None:
    told = line(datetime(2026, 11, 2, 10, tzinfo=UTC), "gpt", "[]", 2, 0.5).replace(b"gpt", b"g\xff")
    (block,) = blocks(Reader(TAGGED, SPAN), told)
    assert [row.members for row in rows_of(block.told)] == [((Dimension.MODEL, "g\ufffd"),)]


def test_all_tags_of_a_request_are_in_one_row_so_that_it_counts_once() -> None:
    quarter = datetime(2026, 11, 2, 10, 15, tzinfo=UTC)
    (block,) = blocks(Reader(TAGGED, SPAN), line(quarter, "gpt", '["a", "b"]', 2, 0.5))
    assert [(row.members, row.apart, row.values[0]) for row in rows_of(block.told)] == [
        (((Dimension.MODEL, "gpt"), (Dimension.TAG, "a"), (Dimension.TAG, "b")), False, 2.0),
    ]


def test_fields_of_copy_are_unescaped() -> None:
    assert text("\\N") is None
    assert text("a\\tb\\\\c\\nd") == "a\tb\\c\nd"


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_blocks_cover_the_span_once_newest_first_wherever_the_bytes_are_cut(size: int) -> None:
    hours = [datetime(2026, 11, day, hour, tzinfo=UTC) for day in (2, 1) for hour in (20, 9, 3)]
    data = b"".join(line(hour, "gpt", "openai", 1, 0.25) for hour in hours)
    found = blocks(Reader(COST, SPAN), *[data[at : at + size] for at in range(0, len(data), size)])
    assert (found[0].span.end, found[-1].span.start) == (SPAN.end, SPAN.start)
    assert all(newer.span.start == older.span.end for newer, older in pairwise(found))
    assert [row.start for block in found for row in rows_of(block.told)] == hours
    assert all(block.span.start <= row.start < block.span.end for block in found for row in rows_of(block.told))


def test_what_waits_to_be_written_is_nothing_that_the_garbage_collector_looks_at() -> None:
    hour = datetime(2026, 11, 2, 10, tzinfo=UTC)
    (block,) = blocks(Reader(COST, SPAN), *[line(hour, f"model-{number}", "openai", 1, 0.5) for number in range(2000)])
    gc.collect(0)
    assert sum(one.size for one in block.told) == 2000
    assert len(block.told) < 20
    assert not [one for sums in block.told for one in gc.get_referents(sums) if isinstance(one, dict | list | tuple)]
    assert len([*rows_of(block.told)]) == 2000


def test_more_combinations_than_are_remembered_are_told_apart_all_the_same() -> None:
    quarters = [datetime(2026, 11, 2, 10, minute, tzinfo=UTC) for minute in (15, 0)]
    reader = Reader(COST, SPAN)
    (block,) = blocks(reader, *[line(at, f"m-{n}", "openai", 1, 0.5) for at in quarters for n in range(KNOWN_KEYS + 7)])
    assert len({(row.start, row.members) for row in rows_of(block.told)}) == 2 * (KNOWN_KEYS + 7)


def test_combinations_are_told_apart_and_not_remembered_where_they_are_long() -> None:
    hour, columns = datetime(2026, 11, 2, 10, tzinfo=UTC), NEEDED[SPEND_LOGS] | {"request_tags"}
    reader = Reader(table(columns=columns), SPAN)
    tags = json.dumps(["t" * 900 + str(number) for number in range(10)])
    (block,) = blocks(reader, *[line(hour, f"m-{number}", tags, 1, 0.5) for number in range(20)])
    assert [len(row.members) for row in rows_of(block.told)] == [11] * 20
    assert not reader._known


def test_past_the_limit_of_what_is_held_first_tags_are_lost_then_names_and_never_an_amount(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows, "CHUNK_BYTES", 1 << 10)
    monkeypatch.setattr(rows, "MOST_BYTES", 10_000)
    hour, reader = (
        datetime(2026, 11, 2, 10, tzinfo=UTC),
        Reader(table(columns=NEEDED[SPEND_LOGS] | {"request_tags"}), SPAN),
    )
    (block,) = blocks(reader, *[line(hour, f"m-{n}", f'["t-{n}"]', 1, 0.5) for n in range(1000)])
    found = [*rows_of(block.told)]
    kinds = [frozenset(dimension for dimension, _ in row.members) for row in found]
    assert [*dict.fromkeys(kinds)] == [{Dimension.MODEL, Dimension.TAG}, {Dimension.MODEL}, frozenset()]
    assert kinds.count(frozenset()) < 20
    assert sum(len(one.packed) for one in block.told) < 2 * 10_000 + 5_000
    assert [sum(row.values[METRICS.index(name)] or 0.0 for row in found) for name in ("requests", "cost")] == [
        1000,
        500,
    ]


@pytest.mark.parametrize("what", ["a line", "rows of a quarter-hour", "quarter-hours in turn"])
def test_of_what_a_database_sends_without_end_no_more_is_held(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """A line of 16 MB took 7 s of the event loop, one of 64 MB minutes."""
    monkeypatch.setattr(rows, "MOST_ROWS", 500)
    monkeypatch.setattr(rows, "MOST_BYTES", 200_000)
    reader, hours = Reader(COST, SPAN), [datetime(2026, 11, 2, 10, minute, tzinfo=UTC) for minute in (15, 0)]
    pieces = {
        "a line": (b"x" * 1_000 for _ in range(1_000)),
        "rows of a quarter-hour": (line(hours[0], f"m-{number}", "openai", 1, 0.5) for number in range(1_000)),
        "quarter-hours in turn": (line(hours[number % 2], "gpt", "openai", 1, 0.5) for number in range(1_000)),
    }[what]
    with pytest.raises(UnexpectedAnswerError):
        blocks(reader, *pieces)


@pytest.mark.parametrize(
    "piece", [b"abc\tdef\n", b"1e300\tm\to\t1\t1\n", b"\n", b"1796000000\tm\to\t1\tx\n", b"\xff\tm\to\t1\t1\n"]
)
async def test_lines_that_are_none_are_told_by_their_name(monkeypatch: pytest.MonkeyPatch, piece: bytes) -> None:
    async def copy(_: Database, *__: object, buffer: Any, **___: object) -> None:  # noqa: ANN401
        await buffer.put(piece)
        buffer.end()

    monkeypatch.setattr(Database, "_copy", copy)
    found = Found(identity="", table=COST, bins=True, now=SPAN.end, oldest=SPAN.start, newest=SPAN.end)

    async def take(_: Block) -> None:
        """Take none."""

    with pytest.raises(UnreachableError):
        await Database(parse("postgresql://u@h/d")).read(found, SPAN, take)
