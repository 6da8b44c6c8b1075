"""What can be asked of the ledger, and the answers: parameters, SQL, JSON, CSV and the Prometheus exposition."""

from . import contract, parameters, prometheus, sql, usage
from .recognition import recognizes
from .sql import Period, UsageQuery, UsageRow

__all__ = ["Period", "UsageQuery", "UsageRow", "contract", "parameters", "prometheus", "recognizes", "sql", "usage"]
