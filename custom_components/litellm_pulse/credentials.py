"""What is sent along with a scrape and shown to nobody: a key, and headers for whatever guards the proxy."""

import re
from collections.abc import Mapping
from typing import Final

_SCHEME: Final = re.compile(r"((authorization|x-litellm-api-key)\s*:\s*)?(bearer\s+)?", re.IGNORECASE)
_INVISIBLE: Final = "\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}\N{WORD JOINER}\ufeff"
"""What copying from a web page or a chat leaves around a key."""
_QUOTES: Final = frozenset(["''", '""', "``", "\u2018\u2019", "\u201c\u201d", "\u201e\u201c"])
"""What documents put around a key, opening and closing."""
_KEY: Final = re.compile(r"[!-~]+")
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t -~\x80-\xff]+")
_OURS: Final = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "range", "te"),
        *("trailer", "transfer-encoding", "upgrade"),
    }
)
"""Headers that say who is asked, and how the answer is to be written: with others it could not be read."""
_AUTHORIZATION: Final = "Authorization"
_LITELLM_KEY: Final = "x-litellm-api-key"
"""Where LiteLLM looks for its key first; on /metrics since 1.89."""


class InvalidKeyError(ValueError):
    """The text cannot be a key: no header can hold it."""


class InvalidHeaderError(ValueError):
    """A line is no header, or one that is not the user's to set."""


def clean_key(text: str | None) -> str | None:
    """Return a key as it was meant, without `Bearer`, quotes, blanks and line ends around it; None for none.

    Raises InvalidKeyError for what has blanks, control characters or letters beyond ASCII inside.
    """
    text = _unquoted(text or "")
    text = _unquoted(text[_prefix_length(text) :])
    if text and not _KEY.fullmatch(text):
        raise InvalidKeyError
    return text or None


def parse_header(line: str) -> tuple[str, str]:
    """Return name and value of a line of `Name: value`, without blanks around them; raises InvalidHeaderError."""
    name, _, value = (part.strip() for part in line.partition(":"))
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value) or name.lower() in _OURS:
        raise InvalidHeaderError
    return name, value


def request_headers(key: str | None, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what is sent along: the extra headers, and the key as the header that they leave to it.

    A gateway may want `Authorization` for itself. Raises InvalidKeyError.
    """
    headers = dict(extra or {})
    if cleaned := clean_key(key):
        taken = any(name.lower() == _AUTHORIZATION.lower() for name in headers)
        headers[_LITELLM_KEY if taken else _AUTHORIZATION] = f"Bearer {cleaned}"
    return headers


def _unquoted(text: str) -> str:
    """Return a text without quotes, and without what cannot be seen, around it."""
    text = _trimmed(text)
    return _trimmed(text[1:-1]) if len(text) > 1 and text[0] + text[-1] in _QUOTES else text


def _trimmed(text: str) -> str:
    """Return a text without what cannot be seen around it."""
    return text.strip().strip(_INVISIBLE).strip()


def _prefix_length(text: str) -> int:
    """Return how long the `Authorization: Bearer` is that a key was copied with."""
    match = _SCHEME.match(text)
    return match.end() if match else 0
