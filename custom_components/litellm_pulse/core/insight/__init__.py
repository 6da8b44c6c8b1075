"""What usage means: budgets, the forecast of the month, unusual spend, rate limits, models without a price."""

from .budgets import Budgets, deployment_health, live_gauges
from .forecast import Forecaster
from .logging_failures import LoggingFailures
from .performance import PerformanceReader
from .rate_limits import rate_limited
from .unpriced import unpriced

__all__ = [
    "Budgets",
    "Forecaster",
    "LoggingFailures",
    "PerformanceReader",
    "deployment_health",
    "live_gauges",
    "rate_limited",
    "unpriced",
]
