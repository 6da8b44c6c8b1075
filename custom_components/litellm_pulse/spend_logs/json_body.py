"""JSON as it comes in: however it is made up, whoever makes values of it lets others have their turns."""

import json
from collections.abc import Callable
from json import scanner
from typing import Any, Final

import orjson

from .errors import UnexpectedAnswerError

MOST_VALUES = 500_000
"""Of one answer: seven times as many as a page of daily activity has, and those of 7,000 keys in a list of teams."""
MOST_ESCAPES = 250_000
"""Backslashes: a text is put together of what is between them, in one go."""
AT_ONCE = 40_000
"""Values that orjson makes in some milliseconds, in which nothing else in this process has a turn."""
BYTES_AT_ONCE = 1 << 22
"""Bytes of which the same is true."""
_LONGEST: Final = 1 << 18
"""Bytes without a quotation mark: LiteLLM's indices hold no more of a name, which a client may have made up."""

_MOST_FIELDS: Final = 20_000
"""Of one object; they are put together in one go."""
_DEEPEST: Final = 50
"""Lists and objects within each other; LiteLLM's are seven."""


class JsonBody:
    """Takes JSON piece by piece, and refuses what nobody would want to make values of."""

    def __init__(self) -> None:
        """Begin without any."""
        self._bytes = bytearray()
        self._values = 0
        self._escapes = 0
        self._unquoted = 0

    def feed(self, piece: bytes) -> None:
        """Take some kilobytes; raises UnexpectedAnswerError for more than MOST_VALUES or MOST_ESCAPES, or no names."""
        self._bytes += piece
        # Each begins, or follows a comma.
        self._values += sum(map(piece.count, b",[{"))
        if self._values > MOST_VALUES:
            raise UnexpectedAnswerError(f"more than {MOST_VALUES} values")
        self._escapes += piece.count(b"\\")
        if self._escapes > MOST_ESCAPES:
            raise UnexpectedAnswerError(f"more than {MOST_ESCAPES} escapes")
        quoted = piece.rfind(b'"')
        self._unquoted = len(piece) - quoted if quoted >= 0 else self._unquoted + len(piece)
        if self._unquoted > _LONGEST:
            raise UnexpectedAnswerError(f"more than {_LONGEST} bytes without a name")

    def loads(self) -> object:
        """Return what it says, off the event loop; raises ValueError for what is no JSON.

        orjson, unlike json, refuses half characters: a registry with one of them in a name is never written again.
        """
        if self._values <= AT_ONCE and len(self._bytes) <= BYTES_AT_ONCE:
            return orjson.loads(self._bytes)
        return _Patient().decode(self._bytes.decode())


class _Patient(json.JSONDecoder):
    """Python's decoder without its C: others have their turns as with any code in Python."""

    def __init__(self) -> None:
        """Be as strict as orjson."""
        super().__init__(parse_constant=_refuse, object_pairs_hook=_object)
        self.parse_string = _text
        self.parse_array = self._nested(self.parse_array)  # type: ignore[has-type]
        self.parse_object = self._nested(self.parse_object)  # type: ignore[has-type]
        self.scan_once: Callable[..., Any] = scanner.py_make_scanner(self)  # type: ignore[attr-defined]
        self._depth = 0

    def _nested[**P, T](self, parse: Callable[P, T]) -> Callable[P, T]:
        """Return the same for what may stand within others, but not without end; raises ValueError."""

        def parse_within(*args: P.args, **kwargs: P.kwargs) -> T:
            self._depth += 1
            if self._depth > _DEEPEST:
                raise ValueError("nested without end")
            found = parse(*args, **kwargs)
            self._depth -= 1
            return found

        return parse_within


def _object(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; raises ValueError for one of more fields than any has, and for half a character."""
    if len(fields) > _MOST_FIELDS:
        raise ValueError("an object without end")
    for name, _ in fields:
        name.encode()
    return dict(fields)


def _text(*where: Any) -> tuple[str, int]:  # noqa: ANN401 - as the scanner passes it on
    """Return the text that begins somewhere, and where it ends; raises ValueError for half a character."""
    text, end = json.decoder.py_scanstring(*where)  # type: ignore[attr-defined]
    text.encode()
    return text, end


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")
