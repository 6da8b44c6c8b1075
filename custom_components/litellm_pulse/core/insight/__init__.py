"""What usage means: LiteLLM's budgets, the forecast of the month, unusual spend, requests that are rate-limited."""

from .budgets import Budgets, deployment_health, live_gauges, logging_failures
from .forecast import Forecaster
from .rate_limits import rate_limited

__all__ = ["Budgets", "Forecaster", "deployment_health", "live_gauges", "logging_failures", "rate_limited"]
