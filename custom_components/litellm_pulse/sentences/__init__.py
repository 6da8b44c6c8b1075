"""What the built-in conversation agent understands and answers, per language, as data."""

from collections.abc import Mapping
from typing import Final

from .english import ENGLISH
from .german import GERMAN
from .language import Language

LANGUAGES: Final[Mapping[str, Language]] = {"en": ENGLISH, "de": GERMAN}
