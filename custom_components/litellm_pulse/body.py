"""A body as it comes in: unpacked, within its limit, handed on in pieces between which the event loop has its turns."""

import asyncio
import re
import zlib
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Final

from aiohttp import ClientResponse, hdrs
from multidict import CIMultiDictProxy

type Feed = Callable[[bytes], object]
"""Takes the next piece of a body, in microseconds; what it raises ends the transfer."""

_PIECE: Final = 16 * 1024
"""Bytes handed on at a time: the worst of bodies takes milliseconds a piece, a usual one microseconds."""
_TURN_SECONDS: Final = 0.002
"""After so long the event loop gets its turn."""
_ENCODINGS: Final = {"": False, "identity": False, "gzip": True, "x-gzip": True, "deflate": True}
"""How a body may be written, and whether it has to be unpacked."""
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_GZIP: Final = 16 + zlib.MAX_WBITS
_MAGIC: Final = b"\x1f"
"""How a gzip member begins, of which there may be several in a row (RFC 1952)."""
_NO_TEXT: Final = re.compile(rb".{,15}[\x00-\x08\x0e-\x1f]", re.DOTALL)
"""How what is packed begins: gzip always, the others nearly always."""


class OversizedBodyError(Exception):
    """The body is larger than its limit."""


class DamagedBodyError(Exception):
    """What was packed ends before its end."""


class UnreadableBodyError(DamagedBodyError):
    """The body is packed as nobody has asked for, or not as its header says."""


def is_packed(headers: CIMultiDictProxy[str]) -> bool:
    """Whether a body has to be unpacked; raises UnreadableBodyError where nobody here can."""
    encoding = ", ".join(headers.getall(hdrs.CONTENT_ENCODING, ())).strip().lower()
    if encoding not in _ENCODINGS:
        raise UnreadableBodyError(f"Unknown Content-Encoding {encoding}")
    return _ENCODINGS[encoding]


async def read(response: ClientResponse, feed: Feed, limit: int) -> None:
    """Hand the body of an answer on that aiohttp has left as it came; what was compressed counts with its real size.

    Raises OversizedBodyError, DamagedBodyError and what the feed raises.
    """
    reader = BodyReader(feed, limit=limit, packed=is_packed(response.headers))
    if (response.content_length or 0) > limit:
        raise OversizedBodyError
    async for chunk in response.content.iter_any():
        await reader.take(chunk)
    reader.finish()


class BodyReader:
    """Hands a body on; a bomb never takes more memory than a piece."""

    def __init__(self, feed: Feed, *, limit: int, packed: bool) -> None:
        """Take where the pieces go, how many bytes of them there may be, and whether they come as gzip or deflate."""
        self._feed = feed
        self._left = limit
        self._unpacker = zlib.decompressobj(wbits=_GZIP_OR_ZLIB) if packed else None
        # A server may send byte by byte: nobody should have to look at a line as often.
        self._waiting = bytearray()
        self._begun = False
        self._turn_began = monotonic()

    async def take(self, chunk: bytes) -> None:
        """Take what has come; raises OversizedBodyError, DamagedBodyError and what the feed raises."""
        for piece in self._unpacked(chunk):
            self._left -= len(piece)
            if self._left < 0:
                raise OversizedBodyError
            self._waiting += piece
            while len(self._waiting) >= _PIECE:
                self._hand_on(bytes(self._waiting[:_PIECE]))
                del self._waiting[:_PIECE]
                await self._give_turn()
            # There may be thousands of members that hold nothing.
            await self._give_turn()

    def finish(self) -> None:
        """Hand on what waits, once everything has come; raises DamagedBodyError and what the feed raises."""
        if self._unpacker and not self._unpacker.eof:
            raise DamagedBodyError("The compressed body ends before its end")
        if self._waiting:
            self._hand_on(bytes(self._waiting))

    def _hand_on(self, piece: bytes) -> None:
        """Hand a piece on; raises UnreadableBodyError where it begins a body that is still packed."""
        if not self._begun and _NO_TEXT.match(piece):
            raise UnreadableBodyError("The body is no text")
        self._begun = True
        self._feed(piece)

    def _unpacked(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a chunk holds, a piece at a time."""
        if self._unpacker is None:
            yield chunk
            return
        # In pieces, for what is left is copied at the end of each member.
        for begin in range(0, len(chunk), _PIECE):
            packed, piece = chunk[begin : begin + _PIECE], b""
            while packed or piece:
                if packed and self._unpacker.eof:
                    if not packed.startswith(_MAGIC):
                        raise UnreadableBodyError("More comes after the end of the compressed body")
                    self._unpacker = zlib.decompressobj(wbits=_GZIP)
                try:
                    piece = self._unpacker.decompress(packed, _PIECE)
                except zlib.error as err:
                    raise UnreadableBodyError(str(err)) from err
                yield piece
                packed = self._unpacker.unused_data or self._unpacker.unconsumed_tail

    async def _give_turn(self) -> None:
        """Let the event loop do something else, if it has waited long enough for it."""
        if monotonic() - self._turn_began > _TURN_SECONDS:
            await asyncio.sleep(0)
            self._turn_began = monotonic()
