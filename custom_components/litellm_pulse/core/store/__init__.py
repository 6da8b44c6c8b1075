"""The ledger's SQLite file: its schema, one transaction a scrape, loading, and the spare copy of the totals."""

from . import folding, history_rows, loading
from .connection import Store
from .database import companions, connect, reading, set_aside
from .pending_writes import PendingWrites
from .rezone import rezone
from .spare_copy import SpareCopy, State, dump, load
from .writer import RECENT_SCRAPES, LedgerWriter, stamp

__all__ = [
    "RECENT_SCRAPES",
    "LedgerWriter",
    "PendingWrites",
    "SpareCopy",
    "State",
    "Store",
    "companions",
    "connect",
    "dump",
    "folding",
    "history_rows",
    "load",
    "loading",
    "reading",
    "rezone",
    "set_aside",
    "stamp",
]
