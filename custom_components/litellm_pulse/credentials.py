"""What is sent along with a scrape and shown to nobody: a key, and headers for whatever guards the proxy."""

import re
from collections.abc import Mapping
from typing import Final

_SCHEME: Final = re.compile(r"(authorization\s*:\s*)?(bearer\s+)?", re.IGNORECASE)
_INVISIBLE: Final = "\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}\N{WORD JOINER}\ufeff"
"""What copying from a web page or a chat leaves around a key."""
_KEY: Final = re.compile(r"[!-~]+")
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t -~\x80-\xff]*")
_OURS: Final = frozenset({"accept", "accept-encoding", "connection", "content-length", "transfer-encoding", "upgrade"})
"""Headers that say how the answer is to be written: with others it could not be read."""


class InvalidKeyError(ValueError):
    """The text cannot be a key: no header can hold it."""


class InvalidHeaderError(ValueError):
    """The name or the value cannot be those of a header, or the header is not the user's to set."""

    def __init__(self, name: str) -> None:
        """Keep which header; its value may be a secret."""
        super().__init__(name)
        self.name = name


def clean_key(text: str | None) -> str | None:
    """Return a key as it was meant, without `Bearer`, quotes, blanks and line ends around it; None for none.

    Raises InvalidKeyError for what has blanks, control characters or letters beyond ASCII inside.
    """
    text = _trimmed(text or "")
    text = _trimmed(text[_prefix_length(text) :])
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = _trimmed(text[1:-1])
    if text and not _KEY.fullmatch(text):
        raise InvalidKeyError
    return text or None


def clean_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers without blanks and line ends around names and values; raises InvalidHeaderError."""
    cleaned: dict[str, str] = {}
    for name, value in headers.items():
        key, text = name.strip().removesuffix(":").rstrip(), value.strip()
        if not _NAME.fullmatch(key) or not _VALUE.fullmatch(text) or key.lower() in _OURS:
            raise InvalidHeaderError(name)
        cleaned[key] = text
    return cleaned


def parse_headers(text: str) -> dict[str, str]:
    """Return the headers of lines of `Name: value`; raises InvalidHeaderError."""
    lines = [line for line in text.splitlines() if line.strip()]
    pairs = [line.partition(":") for line in lines]
    if wrong := next((name for name, colon, _ in pairs if not colon), None):
        raise InvalidHeaderError(wrong.strip())
    return clean_headers({name: value for name, _, value in pairs})


def _trimmed(text: str) -> str:
    """Return a text without what cannot be seen around it."""
    return text.strip().strip(_INVISIBLE).strip()


def _prefix_length(text: str) -> int:
    """Return how long the `Authorization: Bearer` is that a key was copied with."""
    match = _SCHEME.match(text)
    return match.end() if match else 0
