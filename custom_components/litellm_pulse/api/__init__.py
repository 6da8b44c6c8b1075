"""The JSON API: what can be asked of a proxy's ledger, over HTTP or by any other way."""

from .raw import RawScraper
from .response_cache import ResponseCache
from .views import async_register_views

__all__ = ["RawScraper", "ResponseCache", "async_register_views"]
