"""Lets the built-in conversation agent, which needs no language model, answer what AI costs."""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from hassil.recognize import RecognizeResult
from homeassistant.components.conversation import ConversationInput
from homeassistant.components.conversation.agent_manager import get_agent_manager
from homeassistant.core import HomeAssistant, callback

from . import assist
from .assist import Amount, Left, NotForEveryoneError, When
from .core.catalog import Dimension
from .sentences import ENGLISH, LANGUAGES, Language

type Answer = Callable[[HomeAssistant, ConversationInput, Language, str | None], Awaitable[str]]

_CENT: Final = 0.01
_NAMES: Final = 4
"""More names than these nobody listens to."""


@callback
def async_register_sentences(hass: HomeAssistant) -> None:
    """Teach the built-in agent the sentences of every language."""
    languages = LANGUAGES.values()
    manager = get_agent_manager(hass)
    manager.register_trigger([one for language in languages for one in language.spend], _trigger(hass, _spend))
    manager.register_trigger([one for language in languages for one in language.ranking], _trigger(hass, _ranking))
    manager.register_trigger([one for language in languages for one in language.left], _trigger(hass, _left))


def _trigger(
    hass: HomeAssistant, answer: Answer
) -> Callable[[ConversationInput, RecognizeResult], Awaitable[str | None]]:
    """Return what answers one kind of question in the language that it is asked in."""

    async def handle(asked: ConversationInput, result: RecognizeResult) -> str:
        language = LANGUAGES.get(asked.language.partition("-")[0], ENGLISH)
        found = result.entities.get("name")
        try:
            return await answer(hass, asked, language, _name(found.text, language) if found else None)
        except NotForEveryoneError:
            return language.not_for_everyone

    return handle


async def _spend(hass: HomeAssistant, asked: ConversationInput, language: Language, name: str | None) -> str:
    """Say how much was spent."""
    when = _when(asked.text, language)
    amount = await assist.async_spend(hass, asked.context, when, name)
    if amount is None:
        return language.unknown.format(name=name)
    text = language.cost if amount.names else language.total
    spend = _money(amount.spend, language)
    return text.format(amount=spend, when=language.when[when], names=_joined(amount, language))


async def _ranking(hass: HomeAssistant, asked: ConversationInput, language: Language, _: str | None) -> str:
    """Say who spent most."""
    when, dimension = _when(asked.text, language), _kind(asked.text, language)
    ranking = await assist.async_ranking(hass, asked.context, when, dimension)
    spoken = language.when[when]
    if not ranking:
        return language.nothing.format(when=spoken, when_=spoken.capitalize())
    first = ranking[0]
    return language.most.format(name=first.names[0], amount=_money(first.spend, language), when=spoken)


async def _left(hass: HomeAssistant, asked: ConversationInput, language: Language, name: str | None) -> str:
    """Say what is left of budgets and limits."""
    found = await assist.async_left(hass, asked.context, name)
    if found is None and name is not None:
        return language.unknown.format(name=name)
    return " ".join(_left_of(one, language) for one in found or ()) or language.no_limit


def _left_of(one: Left, language: Language) -> str:
    """Say what is left of one budget or limit."""
    text = language.has_left if one.maximum is None else language.has_left_of
    if one.remaining < 0 and one.maximum is not None:
        text = language.is_over
    return text.format(
        name=one.name,
        remaining=_money(one.remaining, language),
        over=_money(-one.remaining, language),
        maximum=_money(one.maximum or 0.0, language),
        window=language.windows.get(one.window, ""),
    )


def _when(text: str, language: Language) -> When:
    """Return the time that a question names, today where it names none."""
    return next((when for words, when in language.times.items() if _has(text, words)), When.TODAY)


def _kind(text: str, language: Language) -> Dimension:
    """Return the dimension that a question names."""
    return next(kind for word, kind in language.kinds.items() if _has(text, word))


def _name(text: str, language: Language) -> str | None:
    """Return the name in what stands where a name may: times and words for AI are none."""
    for words in (*language.times, *language.topics):
        text = re.sub(rf"\b{words}\b", " ", text, flags=re.IGNORECASE)
    words_left = [word for word in text.split() if word.lower() not in _POSSESSIVES]
    return " ".join(words_left) or None


_POSSESSIVES: Final = frozenset(["my", "our", "the", "mein", "meine", "meinem", "unser", "unsere", "unserem"])


def _has(text: str, words: str) -> bool:
    """Whether a text holds words, as whole words."""
    return re.search(rf"\b{words}\b", text, re.IGNORECASE) is not None


def _joined(amount: Amount, language: Language) -> str:
    """Say the names of who is meant together."""
    names: Iterable[str] = amount.names[:_NAMES]
    *most, last = [*names, "…"] if len(amount.names) > _NAMES else names or ("",)
    return language.conjunction.join([*([", ".join(most)] if most else []), last])


def _money(amount: float, language: Language) -> str:
    """Say an amount of money."""
    if 0 < amount < _CENT:
        return language.small
    return language.money.format(f"{amount:.2f}".replace(".", language.decimal_point))
