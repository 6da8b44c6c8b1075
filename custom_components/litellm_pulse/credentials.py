"""What is sent along with a scrape and shown to nobody: a key, and headers for whatever guards the proxy."""

import re
from collections.abc import Mapping
from typing import Final

_CALLED: Final = re.compile(
    r"(export\s+)?(?P<quote>[\"'`]?)"
    r"((?i:authorization|(x-)?(litellm[-_])?(api|master)[-_]?key)|[A-Z][A-Z0-9_]*KEY)(?P=quote)\s*[:=]"
)
"""What a key is called where it was copied from: a header, an environment, YAML or JSON."""
_SCHEME: Final = re.compile(r"bearer\s+", re.IGNORECASE)
_INVISIBLE: Final = (
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
"""What copying from a web page, a document or a chat leaves around a key: no width, a hyphen, a direction."""
_QUOTES: Final = frozenset(
    {
        *("''", '""', "``", "\u2018\u2019", "\u201c\u201d", "\u201e\u201c", "\u201e\u201d"),
        *("\u2019\u2019", "\u201d\u201d", "\u00ab\u00bb", "\u00bb\u00ab", "\u2039\u203a", "\u203a\u2039"),
    }
)
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
    """Return a key as it was meant, without its name, `Bearer`, quotes, blanks and line ends; None for none.

    Raises InvalidKeyError for what has blanks, control characters or letters beyond ASCII inside.
    """
    # All of it may be quoted, or the name and the key each.
    text = _after(_CALLED, _trimmed(text or ""))
    text = _after(_CALLED, _unquoted(text))
    text = _unquoted(_after(_SCHEME, _unquoted(text)))
    if text and not _KEY.fullmatch(text):
        raise InvalidKeyError
    return text or None


def parse_header(line: str) -> tuple[str, str]:
    """Return name and value of a line of `Name: value`, without blanks and quotes around; raises InvalidHeaderError."""
    name, _, value = (part.strip() for part in _unquoted(line).partition(":"))
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
    """Return a text without quotes, what follows them in a list, and what cannot be seen, around it."""
    text = _trimmed(text)
    inner = text.rstrip(",;")
    return _trimmed(inner[1:-1]) if len(inner) > 1 and inner[0] + inner[-1] in _QUOTES else text


def _after(before: re.Pattern[str], text: str) -> str:
    """Return what comes after what a text begins with."""
    match = before.match(text)
    return text[match.end() :] if match else text


def _trimmed(text: str) -> str:
    """Return a text without what cannot be seen around it."""
    return text.strip().strip(_INVISIBLE).strip()
