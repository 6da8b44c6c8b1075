"""The tables that are known, and the aggregation of each as SQL; no connection, no clock.

Sources: the migrations of litellm-proxy-extras 0.4.6 (LiteLLM 1.80.5) to 0.4.114 (1.110.2), and
the schema of litellm-aggregator.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core.catalog import Dimension
from .errors import NoKnownTableError, PermissionDeniedError
from .models import METRICS, QUARTER, Span

LONGEST_REQUEST = timedelta(days=1)
"""How long before its end a request may have begun: what bounds the index on "startTime"."""
CLOCK_STEP = timedelta(hours=1)
"""How long after its end a request may seem to have begun, where a clock was set back."""

SPEND_LOGS = "LiteLLM_SpendLogs"
COST_LOGS = "cost_logs"
NEEDED: Mapping[str, frozenset[str]] = {
    SPEND_LOGS: frozenset({"startTime", "endTime", "model", "spend"}),
    COST_LOGS: frozenset({"provider", "model", "cost_usd", "created_at"}),
}
"""The tables that are known, LiteLLM's own first, and what they cannot do without; other columns are optional."""

_SPEND_MEMBERS = (
    (Dimension.MODEL, "model"),
    (Dimension.PUBLIC_MODEL, "model_group"),
    (Dimension.PROVIDER, "custom_llm_provider"),
    (Dimension.TEAM, "team_id"),
    (Dimension.KEY, "api_key"),
    (Dimension.USER, "user"),
    (Dimension.ORGANIZATION, "organization_id"),
    (Dimension.CUSTOMER, "end_user"),
)
_COST_MEMBERS = ((Dimension.MODEL, "model"), (Dimension.PROVIDER, "provider"))

_SPEND_SUMS = {
    "failed_requests": ("status", "count(*) FILTER (WHERE \"status\" = 'failure')"),
    "tokens": ("total_tokens", 'sum("total_tokens")'),
    "input_tokens": ("prompt_tokens", 'sum("prompt_tokens")'),
    "output_tokens": ("completion_tokens", 'sum("completion_tokens")'),
    "cost": ("spend", 'sum("spend")'),
    "cache_hits": ("cache_hit", "count(*) FILTER (WHERE \"cache_hit\" = 'True')"),
    "cache_misses": ("cache_hit", "count(*) FILTER (WHERE \"cache_hit\" = 'False')"),
}
"""Metric -> the column that it needs, and its sum. metadata, messages and response are never read."""
_COST_SUMS = {"cost": ("cost_usd", 'sum("cost_usd")')}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTable:
    """A table of requests, as this database has it."""

    schema: str
    name: str
    columns: frozenset[str]
    """Those that the user may read."""
    aware: bool
    """Whether its times have a zone; without one they are UTC."""
    indexed: bool
    """Whether there is an index that begins with `clock`."""
    ordered_ids: bool = False
    """Whether the integer id, which is indexed, grows with time."""

    @property
    def spend_logs(self) -> bool:
        """Whether it is LiteLLM's own."""
        return self.name == SPEND_LOGS

    @property
    def clock(self) -> str:
        """The column that an index may help with: when a request began, or its row was made."""
        return "startTime" if self.spend_logs else "created_at"

    @property
    def ended(self) -> str:
        """The column that tells when a request ended, which is when /metrics counts it."""
        return "endTime" if self.spend_logs else "created_at"

    @property
    def qualified(self) -> str:
        """The name as SQL."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def members(self) -> tuple[tuple[Dimension, str], ...]:
        """The dimensions that it tells, with their columns."""
        known = _SPEND_MEMBERS if self.spend_logs else _COST_MEMBERS
        return tuple([(dimension, column) for dimension, column in known if column in self.columns])

    @property
    def sums(self) -> Mapping[str, str]:
        """The metrics that it tells, with their aggregates."""
        known = _SPEND_SUMS if self.spend_logs else _COST_SUMS
        found = {metric: sql for metric, (column, sql) in known.items() if column in self.columns}
        return {metric: sql for metric in METRICS if (sql := {"requests": "count(*)", **found}.get(metric))}

    @property
    def tagged(self) -> bool:
        """Whether requests have tags."""
        return self.spend_logs and "request_tags" in self.columns


def quoted(name: str) -> str:
    """Return an identifier as SQL."""
    return '"' + name.replace('"', '""') + '"'


_TIMES = frozenset({"startTime", "endTime", "created_at"})
_AMOUNTS = frozenset({"spend", "cost_usd", "total_tokens", "prompt_tokens", "completion_tokens"})
_NUMBERS = frozenset({"double precision", "real", "numeric", "bigint", "integer", "smallint"})


def fits(column: str, kind: str) -> bool:
    """Whether a column's type, as PostgreSQL writes it, is one that can be read here."""
    if column in _TIMES:
        return kind.startswith("timestamp")
    if column in _AMOUNTS:
        return kind in _NUMBERS
    # json, unlike jsonb, cannot be grouped by.
    return column != "request_tags" or kind == "jsonb"


type Columns = Mapping[tuple[str, str], Collection[str]]
"""Schema and name of a table -> its columns."""


def known_table(existing: Columns, readable: Columns) -> tuple[str, str]:
    """Return schema and name of the table to read: LiteLLM's own before cost_logs, in the order given.

    Raises PermissionDeniedError where it is there and may not be read, NoKnownTableError where it is not.
    """
    refused = []
    for name, needed in NEEDED.items():
        for key in [key for key, columns in existing.items() if key[1] == name and needed <= set(columns)]:
            if needed <= set(readable.get(key, ())):
                return key
            refused.append(".".join(key))
    if refused:
        raise PermissionDeniedError(f"the user may not read {refused[0]}")
    raise NoKnownTableError(f"there is no {' and no '.join(NEEDED)}")


def aggregation(table: LogTable, *, bins: bool) -> str:
    """Return the query over one span: parameters are those of `limits`, its lines what `rows.Reader` reads.

    Grouped by bare columns only, so that a distributed engine can push it down; cleaning what they
    hold, and taking sets of tags apart, is the reader's. `bins` says that the server has date_bin.
    """
    keys = [quoted(column) for _, column in table.members] + ["request_tags"] * table.tagged
    groups = ", ".join(map(str, range(1, 2 + len(keys))))
    sums = ", ".join(f"{sql} AS {metric}" for metric, sql in table.sums.items())
    told = (
        f"SELECT {_quarter(table, bins=bins)} AS quarter, {', '.join(keys)}, {sums} "  # noqa: S608  # quoted
        f"FROM {table.qualified} WHERE {_where(table)} GROUP BY {groups}"
    )
    return f"SELECT {_epoch(bins=bins)}, {', '.join([*keys, *table.sums])} FROM ({told}) AS told ORDER BY 1 DESC"  # noqa: S608


def limits(table: LogTable, span: Span) -> list[datetime]:
    """Return the parameters of `aggregation` for a span, with or without a zone as the table has it."""
    times = [span.start, span.end]
    if table.spend_logs:
        times += [span.start - LONGEST_REQUEST, span.end + CLOCK_STEP]
    return [at if table.aware else at.replace(tzinfo=None) for at in times]


def _where(table: LogTable) -> str:
    """Return the condition of a span: when requests ended, and within what the index is asked for."""
    within = [f'"{table.ended}" >= $1', f'"{table.ended}" < $2']
    if table.spend_logs:
        within += [f'"{table.clock}" >= $3', f'"{table.clock}" < $4']
    if table.ordered_ids and not table.indexed:
        within.append("id >= $3")
    return " AND ".join(within)


def _quarter(table: LogTable, *, bins: bool) -> str:
    """Return the quarter-hour of a row; date_bin is immutable for either type, so it can be pushed down."""
    column = quoted(table.ended)
    if not bins:
        return f"floor(date_part('epoch', {column}) / {QUARTER.total_seconds():g})"
    origin = "timestamptz '1970-01-01 00:00:00+00'" if table.aware else "timestamp '1970-01-01 00:00:00'"
    return f"date_bin(interval '15 minutes', {column}, {origin})"


def _epoch(*, bins: bool) -> str:
    """Return the seconds since 1970 at which a quarter-hour begins."""
    if not bins:
        return f"quarter * {QUARTER.total_seconds():g} AS start"
    return "date_part('epoch', quarter)::bigint AS start"
