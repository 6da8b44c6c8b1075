"""What a language has to say so that the built-in conversation agent understands and answers it.

Sentences are templates of hassil: `[optional]`, `(one|of|these)`, `{name}` for any words. They ask for
what AI used, so that no other question is taken for one of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..core.catalog import Dimension
from ..core.models import Window
from ..spoken_times import When

MODELS: Final = (
    "(Claude|Sonnet|Opus|Haiku|Anthropic|GPT|G P T|ChatGPT|OpenAI|Gemini|Gemma|Llama|Mistral|DeepSeek|Qwen|Grok|Kimi)"
)
"""What models are called. Who only asks what something costs may mean electricity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What is said of one metric."""

    one: str
    many: str
    """An amount in words; of money it is the same."""
    total: str
    named: str
    most: str
    nothing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One language: what is asked, the words in it, and the answers.

    Words are regular expressions; longer ones come before those that they hold.
    """

    usage: tuple[str, ...]
    ranking: tuple[str, ...]
    left: tuple[str, ...]
    times: Mapping[str, When]
    metrics: Mapping[str, str]
    """Words for a metric of `assist.METRICS`; what names none asks for money."""
    topics: tuple[str, ...]
    """Words for AI, and those around a name, which are nobody's name."""
    kinds: Mapping[str, Dimension]
    who: str
    """What asks for a person, a key or a team, whichever there is."""
    follows: str
    """What begins a question that goes on from the one before it."""
    when: Mapping[When, str]
    windows: Mapping[Window | None, str]
    answers: Mapping[str, Answers]
    """By metric."""
    small: str
    decimal_point: str
    thousands: str
    conjunction: str
    has_left: str
    has_left_of: str
    is_over: str
    unknown: str
    no_limit: str
    not_told: str
    not_for_everyone: str
