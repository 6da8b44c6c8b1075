"""How much a turn of the event loop takes from a socket."""

from asyncio import BaseTransport
from typing import Any, Final

READ_AT_ONCE: Final = 1 << 16
"""Bytes, also packed or encrypted ones; asyncio itself takes four times as many.

Of the worst (chunks, records or messages of a byte each) these take milliseconds.
"""


def read_less_at_once(transport: BaseTransport | None) -> None:
    """Have a turn take no more than READ_AT_ONCE, with TLS twice as many, where the transport is one of asyncio's."""
    found: Any = transport
    if hasattr(found, "max_size"):
        found.max_size = READ_AT_ONCE
    elif tls := getattr(found, "_ssl_protocol", None):
        # Into that it is read, and no further.
        tls._ssl_buffer_view = tls._ssl_buffer_view[:READ_AT_ONCE]  # noqa: SLF001 - asyncio has no other way
        # While nobody takes any; a record that is not all there yet has to be below.
        found.set_read_buffer_limits(READ_AT_ONCE, READ_AT_ONCE // 2)
