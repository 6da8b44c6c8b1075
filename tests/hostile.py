"""Names that break what takes them for anything but text."""

from typing import Final

NAMES: Final = {
    "ten kilobytes": "x" * 10_000,
    "thirty kilobytes": "漢" * 10_000,
    "HTML": '<img src=x onerror="alert(1)">',
    "a template": "{{ states('sensor.secret') }}",
    "right to left": "\u202egpt-4o\u202c",
    "a line end": "gpt\n4o",
    "emoji": "\U0001f600",
    "only what slugging drops": "!!!",
    "one of two that slug the same": "gpt.4o",
    "the other of the two": "gpt-4o?",
    "quotes and backslashes": 'a"b\\c',
    "a path": "../../etc/passwd",
    "a null": "a\x00b",
    "blanks": "   ",
}


def written(name: str) -> str:
    """Return a name as it stands in a body."""
    return name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
