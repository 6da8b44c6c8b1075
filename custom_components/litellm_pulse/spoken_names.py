"""Names as people say them: "gpt four o" is gpt-4o, "claude" is every Claude."""

import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Final

_ENGLISH: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_GERMAN: Final = ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn")
_MARKS: Final = ("point", "dot", "dash", "slash", "punkt", "minus", "bindestrich")
_WORDS: Final = {
    **{word: str(number) for words in (_ENGLISH, _GERMAN) for number, word in enumerate(words)},
    **dict.fromkeys(_MARKS, ""),
    "oh": "o",
}
"""What stands for a character, or for a mark that is left out."""
_FILLERS: Final = frozenset(
    {
        *("the", "my", "our", "a", "an", "model", "team", "key", "user", "provider", "tag"),
        *("der", "die", "das", "den", "dem", "des", "vom", "von", "mein", "meine", "meinem", "unser", "unsere"),
        *("modell", "schlüssel", "nutzer", "benutzer", "anbieter"),
    }
)
"""Words around a name that are not part of it."""
_POSSESSIVE: Final = re.compile(r"['\N{RIGHT SINGLE QUOTATION MARK}]s?\b")
_PARTS: Final = re.compile(r"[^\W\d_]+|\d")
_LONGEST: Final = 200
"""Characters; nobody says a longer name, and to compare it with all that there are would take minutes."""
_ALIKE: Final = 0.8
"""From here on two spellings are taken for one name: "gemni flash" is one letter off."""


def find(spoken: str, names: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the ids whose names are what was said: those that match exactly, else those that hold it, else alike.

    `names` are the names that each id is known by.
    """
    if len(spoken) > _LONGEST:
        return []
    said = _POSSESSIVE.sub("", spoken.lower())
    wanted = _spelled(" ".join(word for word in said.split() if word not in _FILLERS)) or _spelled(said)
    if not wanted:
        return []
    spelled = {id_: {_spelled(name) for name in known} for id_, known in names.items()}
    for matches in (_is_same, _holds, _is_alike):
        if found := [id_ for id_, known in spelled.items() if any(matches(wanted, name) for name in known)]:
            return found
    return []


def _spelled(text: str) -> str:
    """Return a name without anything but letters and digits, numbers as digits."""
    return "".join(_WORDS.get(part, part) for part in _PARTS.findall(text.lower()))


def _is_same(wanted: str, name: str) -> bool:
    """Whether two spellings are the same; a possessive s may have been left."""
    return name in {wanted, wanted.removesuffix("s")}


def _holds(wanted: str, name: str) -> bool:
    """Whether a name holds what was said."""
    return wanted in name or (wanted.endswith("s") and wanted[:-1] in name)


def _is_alike(wanted: str, name: str) -> bool:
    """Whether two spellings differ by a slip only."""
    matcher = SequenceMatcher(None, wanted, name)
    return matcher.real_quick_ratio() >= _ALIKE and matcher.quick_ratio() >= _ALIKE and matcher.ratio() >= _ALIKE
