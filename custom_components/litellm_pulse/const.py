"""Names and numbers of the integration, each number with its reason."""

import logging
from datetime import timedelta
from typing import Final

DOMAIN: Final = "litellm_pulse"
EVENT_TOLD: Final = f"{DOMAIN}_event"
"""Type of the event on Home Assistant's bus, which the logbook describes."""
LOGGER: Final = logging.getLogger(__package__)

CONF_SCAN_INTERVAL: Final = "scan_interval"
CONF_DIMENSIONS: Final = "dimensions"
CONF_GROUP_MODELS_BY: Final = "group_models_by"
CONF_MAX_MEMBERS: Final = "max_members"
CONF_UNUSUAL_THRESHOLD: Final = "unusual_threshold"
CONF_TIME_ZONE: Final = "time_zone"
CONF_WEEK_START: Final = "week_start"
CONF_RETENTION_DAYS: Final = "retention_days"
CONF_METRIC_NAMES: Final = "metrics"
CONF_MEMBER_FIGURES: Final = "member_figures"
CONF_PERFORMANCE: Final = "performance"
CONF_SHOW_PERSONS: Final = "show_persons"
CONF_EXTRA_HEADERS: Final = "extra_headers"
CONF_CA_FILE: Final = "ca_file"
CONF_CURRENCY: Final = "currency"
CONF_EXCHANGE_RATE: Final = "exchange_rate"
CONF_EXCHANGE_RATE_ENTITY: Final = "exchange_rate_entity"
CONF_FREE_MODELS: Final = "free_models"

CONF_HISTORY_SOURCE: Final = "history_source"
CONF_HISTORY_KEY: Final = "history_key"
CONF_HISTORY_KEEP_KEY: Final = "history_keep_key"
CONF_HISTORY_DSN: Final = "history_dsn"
CONF_HISTORY_TLS: Final = "history_tls"
CONF_HISTORY_IDENTITY: Final = "history_identity"
"""What tells the source that was found from others: history belongs to one entry only."""

HISTORY_OFF: Final = "off"
HISTORY_API: Final = "api"
HISTORY_DATABASE: Final = "database"
HISTORY_SOURCES: Final = (HISTORY_OFF, HISTORY_API, HISTORY_DATABASE)

SCAN_INTERVAL_DEFAULT: Final = 60
"""Seconds; Prometheus' own default, and what LiteLLM's dashboards assume."""
SCAN_INTERVAL_MIN: Final = 10
"""Seconds; rendering /metrics holds LiteLLM's event loop, which also serves the model calls."""
SCAN_INTERVAL_MAX: Final = 3600
"""Seconds; usage is kept in the window of its scrape, longer gaps would blur the days."""

WEEK_STARTS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""What a week may begin with, in the order of Python's weekdays."""

RETENTION_DAYS_DEFAULT: Final = 90
"""Days; what LiteLLM Pulse keeps. Whole days and months are kept for good."""
RETENTION_DAYS_MIN: Final = 8
"""Days; forecast and unusual spend look back a week."""
RETENTION_DAYS_MAX: Final = 3650

MAPPED_METRICS: Final = (
    *("requests", "failed_requests", "tokens", "input_tokens", "output_tokens", "reasoning_tokens", "cost"),
    *("in_flight_requests", "cache_hits", "cache_misses", "cached_tokens", "input_cached_tokens"),
    "input_cache_creation_tokens",
)
"""The metrics that LiteLLM Pulse reads, each of which may be read from another family."""

MEMBER_FIGURES: Final = (
    *("requests", "failed_requests", "refused_requests"),
    *("input_tokens", "output_tokens", "reasoning_tokens"),
    *("cache_hits", "cache_misses", "cached_tokens", "input_cached_tokens", "input_cache_creation_tokens"),
)
"""Figures that members have besides spend and tokens, where the options say so."""

PERFORMANCE_FIGURES: Final = (
    "response_time",
    "time_to_first_token",
    "hourly_requests",
    "error_rate",
    "remaining_requests",
    "remaining_tokens",
)
"""How models and their deployments do, where the options say so: it needs more of the answer."""

TIMEOUT: Final = 30
"""Seconds for a whole scrape: a busy proxy needs several to render tens of megabytes."""
CONNECT_TIMEOUT: Final = 10
"""Seconds to reach the proxy at all: what is switched off should not hold up the start."""

BODY_LIMIT: Final = 256 * 1024 * 1024
"""Bytes after decompression; five times the largest body that was measured (50 keys, 20 models)."""

REDIRECT_LIMIT: Final = 4
"""LiteLLM itself sends one (to the slash); a TLS proxy in front may add one or two."""

RETRY_AFTER_MAX: Final = 3600
"""Seconds; a longer Retry-After is a mistake, and would look like a dead integration."""

SPARE_COPY_SAVE_DELAY: Final = timedelta(hours=1)
"""The spare_copy is a spare copy: SQLite has every scrape, so SD cards are spared here."""

MAX_MEMBERS_DEFAULT: Final = 200
"""Members of a dimension that have a device: some hundred are still found in a list."""
MAX_MEMBERS_MAX: Final = 1000
"""Each has nine entities or more in the registry, which Home Assistant loads at every start."""

UNUSUAL_THRESHOLD_DEFAULT: Final = 6.0
"""Robust deviations; 3.5 is the textbook's, and would be crossed by chance in many a month of 730 hours."""
UNUSUAL_THRESHOLD_MIN: Final = 2.0
UNUSUAL_THRESHOLD_MAX: Final = 50.0

QUARTERS: Final = [0, 15, 30, 45]
"""Minutes of UTC at which an hour or a day may begin: zones differ from it by quarters of an hour."""

USD: Final = "USD"
USD_PER_HOUR: Final = "USD/h"
