"""Names and numbers of the integration, each number with its reason."""

import logging
from datetime import timedelta
from typing import Final

DOMAIN: Final = "litellm_pulse"
LOGGER: Final = logging.getLogger(__package__)

CONF_SCAN_INTERVAL: Final = "scan_interval"
CONF_DIMENSIONS: Final = "dimensions"
CONF_GROUP_MODELS_BY: Final = "group_models_by"
CONF_MAX_MEMBERS: Final = "max_members"
CONF_UNUSUAL_THRESHOLD: Final = "unusual_threshold"

SCAN_INTERVAL_DEFAULT: Final = 60
"""Seconds; Prometheus' own default, and what LiteLLM's dashboards assume."""
SCAN_INTERVAL_MIN: Final = 10
"""Seconds; rendering /metrics holds LiteLLM's event loop, which also serves the model calls."""
SCAN_INTERVAL_MAX: Final = 3600
"""Seconds; usage is kept in the window of its scrape, longer gaps would blur the days."""

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
"""Each has some seventy entities in the registry, which Home Assistant loads at every start."""

UNUSUAL_THRESHOLD_DEFAULT: Final = 6.0
"""Robust deviations; 3.5 is the textbook's, and would be crossed by chance in many a month of 730 hours."""
UNUSUAL_THRESHOLD_MIN: Final = 2.0
UNUSUAL_THRESHOLD_MAX: Final = 50.0
