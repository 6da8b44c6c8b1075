"""Whatever bytes come, the totals are those of an independent reference."""
