"""The tables, as the migrations of released packages leave them."""

_TYPES = {
    "request_id": "text PRIMARY KEY",
    **dict.fromkeys(("call_type", "api_key"), "text NOT NULL DEFAULT ''"),
    "spend": "double precision NOT NULL DEFAULT 0",
    **dict.fromkeys(("total_tokens", "prompt_tokens", "completion_tokens"), "integer NOT NULL DEFAULT 0"),
    **dict.fromkeys(("startTime", "endTime"), "timestamp(3) NOT NULL"),
    "completionStartTime": "timestamp(3)",
    "model": "text NOT NULL DEFAULT ''",
    **dict.fromkeys(
        ("model_id", "model_group", "custom_llm_provider", "api_base", "user", "cache_hit", "cache_key"),
        "text DEFAULT ''",
    ),
    **dict.fromkeys(("metadata", "messages", "response", "proxy_server_request"), "jsonb DEFAULT '{}'"),
    "request_tags": "jsonb DEFAULT '[]'",
    **dict.fromkeys(("team_id", "end_user", "requester_ip_address", "session_id", "status"), "text"),
    "mcp_namespaced_tool_name": "text",
}
"""The columns of 1.80.5 (litellm-proxy-extras 0.4.6)."""

_LATER = {
    "1.80.5": {},
    "1.92.0": {"organization_id": "text", "agent_id": "text", "request_duration_ms": "integer"},
    "1.106.2": {
        **dict.fromkeys(("created_at", "updated_at"), "timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP"),
        "litellm_call_id": "text",
        "billing_agent_id": "text",
    },
    "1.110.2": {},
}
"""What each release since then has added."""

RELEASES = tuple(_LATER)


def spend_logs(release: str = "1.110.2", *, partition_by: str = "") -> str:
    """Return SQL that makes LiteLLM's table as a release has it."""
    types = dict(_TYPES)
    for name, added in _LATER.items():
        types |= added
        if name == release:
            break
    if partition_by:
        types["request_id"] = "text NOT NULL"
    columns = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
    made = f'CREATE TABLE "LiteLLM_SpendLogs" ({columns}) {partition_by};'
    return made if partition_by else f'{made} CREATE INDEX ON "LiteLLM_SpendLogs" ("startTime");'


COST_LOGS = """
    CREATE TABLE cost_logs (id bigserial PRIMARY KEY, provider text NOT NULL, model text NOT NULL,
        cost_usd double precision NOT NULL, created_at timestamp DEFAULT now());
"""
