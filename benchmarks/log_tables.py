"""Tables of requests for the import's benchmark, made inside the database and kept for the next run."""

import postgres

COST_ROWS = 10_000_000
LOG_ROWS = 2_000_000
DAYS = 30
MONTHS = 6

_COST = """
CREATE TABLE cost_logs (id bigserial PRIMARY KEY, provider text NOT NULL, model text NOT NULL,
    cost_usd double precision NOT NULL, created_at timestamp DEFAULT now());
INSERT INTO cost_logs (provider, model, cost_usd, created_at)
SELECT 'provider-' || i % 5, 'model-' || i % 25, (hashint4(i) & 65535) / 1048576.0,
    date_trunc('minute', now() AT TIME ZONE 'UTC') - ({rows} - i) * interval '{days} days' / {rows}
FROM generate_series(1, {rows}) AS i;
CREATE INDEX ON cost_logs (created_at);
VACUUM ANALYZE cost_logs;
"""

_LOGS = """
CREATE TABLE "LiteLLM_SpendLogs" (
    request_id text PRIMARY KEY, call_type text NOT NULL, api_key text NOT NULL DEFAULT '',
    spend double precision NOT NULL DEFAULT 0, total_tokens integer NOT NULL DEFAULT 0,
    prompt_tokens integer NOT NULL DEFAULT 0, completion_tokens integer NOT NULL DEFAULT 0,
    "startTime" timestamp(3) NOT NULL, "endTime" timestamp(3) NOT NULL, model text NOT NULL DEFAULT '',
    model_group text DEFAULT '', custom_llm_provider text DEFAULT '', "user" text DEFAULT '',
    metadata jsonb DEFAULT '{{}}', cache_hit text DEFAULT '', request_tags jsonb DEFAULT '[]', team_id text,
    end_user text, messages jsonb DEFAULT '{{}}', status text, organization_id text);
-- Twelve keys of which few are busy, each with a model of its own and sometimes another one: 2 kB a row.
INSERT INTO "LiteLLM_SpendLogs"
SELECT 'chatcmpl-' || i, 'acompletion', md5('a' || k) || md5('b' || k), (hashint4(i) & 65535) / 16777216.0,
    1200 + i % 100, 1000, 200 + i % 100, at, at + i % 30 * interval '0.3 second',
    'provider-' || m % 5 || '/model-' || m, 'model-' || m, 'provider-' || m % 5, 'user-' || k,
    jsonb_build_object('user_api_key_alias', k, 'filler', repeat(md5(i::text), 36)),
    CASE i % 10 WHEN 0 THEN 'True' ELSE 'None' END,
    CASE k % 3 WHEN 0 THEN '["kitchen", "User-Agent: a", "User-Agent: a/1"]'::jsonb
               ELSE '["User-Agent: a", "User-Agent: a/1"]'::jsonb END,
    'team-' || k % 4, '', jsonb_build_object('text', repeat(md5((i + 1)::text), 14)),
    CASE i % 50 WHEN 0 THEN 'failure' ELSE 'success' END, ''
FROM (
    SELECT i, at, k, (k + (hashint4(i + 7) % 8 = 0)::int) % 10 AS m FROM (
        SELECT i, floor(12 * power((hashint4(i) & 65535) / 65536.0, 2.5))::int AS k,
            date_trunc('minute', now() AT TIME ZONE 'UTC') - ({rows} - i) * interval '{months} months' / {rows} AS at
        FROM generate_series(1, {rows}) AS i) AS key) AS made;
CREATE INDEX ON "LiteLLM_SpendLogs" ("startTime");
VACUUM ANALYZE "LiteLLM_SpendLogs";
"""


def cost_logs(server: postgres.Postgres, rows: int) -> str:
    """Return a database with so many rows of 5 providers and 25 models over 30 days."""
    return _database(server, f"cost_{rows}", _COST.format(rows=rows, days=DAYS))


def spend_logs(server: postgres.Postgres, rows: int) -> str:
    """Return a database with so many of LiteLLM's own rows over six months."""
    return _database(server, f"logs_{rows}", _LOGS.format(rows=rows, months=MONTHS))


def _database(server: postgres.Postgres, name: str, script: str) -> str:
    """Return a database that was made by a script, now or in an earlier run."""
    made = server.sql(f"SELECT count(*) FROM pg_database WHERE datname = '{name}'") == "1"  # noqa: S608  # of ours
    if not made:
        server.sql(f"DROP DATABASE IF EXISTS {name}_unfinished")
        server.sql(f"CREATE DATABASE {name}_unfinished")
        server.sql(script, f"{name}_unfinished")
        server.sql(f"ALTER DATABASE {name}_unfinished RENAME TO {name}")
    return name
