"""The JSON API: what can be asked of a proxy's ledger, over HTTP or by any other way."""

from .views import async_register_views

__all__ = ["async_register_views"]
