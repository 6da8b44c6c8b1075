"""Lets the built-in conversation agent, which needs no language model, answer what AI costs and uses."""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Final

from hassil.recognize import RecognizeResult
from homeassistant.components.conversation import ConversationInput
from homeassistant.components.conversation.agent_manager import get_agent_manager
from homeassistant.components.conversation.chat_log import UserContent, current_chat_log
from homeassistant.core import HomeAssistant, callback

from . import assist
from .assist import Amount, Left, NotForEveryoneError, NotToldError
from .core.catalog import Dimension
from .sentences import LANGUAGES
from .sentences.english import ENGLISH
from .sentences.language import MODELS, Language
from .spoken_times import When

type Answer = Callable[[HomeAssistant, ConversationInput, Language, str | None], Awaitable[str | None]]

_CENT: Final = 0.01
_LONGEST: Final = 500
"""Characters; nobody says more, and to look for every word in all that somebody sends would hold the event loop."""
_NAMES: Final = 4
"""More names than these nobody listens to."""


@callback
def async_register_sentences(hass: HomeAssistant) -> None:
    """Teach the built-in agent the sentences of every language."""
    languages = LANGUAGES.values()
    manager = get_agent_manager(hass)
    for sentences, answer in (
        ([one for language in languages for one in language.usage], _usage),
        ([one for language in languages for one in language.ranking], _ranking),
        ([one for language in languages for one in language.left], _left),
    ):
        manager.register_trigger([f"{one} [(please|bitte)]" for one in sentences], _trigger(hass, answer))


def _trigger(
    hass: HomeAssistant, answer: Answer
) -> Callable[[ConversationInput, RecognizeResult], Awaitable[str | None]]:
    """Return what answers one kind of question in the language that it is asked in."""

    async def handle(asked: ConversationInput, result: RecognizeResult) -> str:
        asked = replace(asked, text=asked.text[:_LONGEST])
        language = LANGUAGES.get(asked.language.partition("-")[0], ENGLISH)
        found = result.entities.get("name")
        name = _name(asked.text, found.text[:_LONGEST] if found else "", language)
        try:
            if (text := await answer(hass, asked, language, name)) is not None:
                return text
            return await _other_answer(hass, asked) or await _unknown(hass, asked, language, name)
        except NotForEveryoneError:
            return language.not_for_everyone
        except NotToldError:
            return language.not_told

    return handle


async def _other_answer(hass: HomeAssistant, asked: ConversationInput) -> str | None:
    """Return what a sentence of the user's own says, whose "how much did I spend on groceries" this may be."""
    agent, log = get_agent_manager(hass).default_agent, current_chat_log.get()
    found = await agent.async_handle_intents(asked, log) if agent and log else None
    return str(found.speech["plain"]["speech"]) if found and "plain" in found.speech else None


async def _unknown(hass: HomeAssistant, asked: ConversationInput, language: Language, name: str | None) -> str:
    """Say that nobody is called so, and that there may be persons of whom who asks is not told."""
    hint = "" if await assist.async_sees_everybody(hass, asked.context) else f" {language.not_for_everyone}"
    return language.unknown.format(name=name) + hint


async def _usage(hass: HomeAssistant, asked: ConversationInput, language: Language, name: str | None) -> str | None:
    """Say how much was used; return None where nobody is called so."""
    metric, when = _asked_for(asked.text, language)
    amount = await assist.async_usage(hass, asked.context, metric, when, name)
    if amount is None:
        return None
    answers = language.answers[metric]
    text = answers.named if amount.names else answers.total
    used = _amount(amount.used, metric, language)
    return text.format(amount=used, when=language.when[when], names=_joined(amount, language))


async def _ranking(hass: HomeAssistant, asked: ConversationInput, language: Language, _: str | None) -> str:
    """Say who used most."""
    metric, when = _asked_for(asked.text, language)
    answers, spoken = language.answers[metric], language.when[when]
    for dimension in _kinds(asked.text, language):
        if ranking := await assist.async_ranking(hass, asked.context, metric, when, dimension):
            used = _amount(ranking[0].used, metric, language)
            return answers.most.format(name=ranking[0].names[0], amount=used, when=spoken)
    return answers.nothing.format(when=spoken, when_=spoken[0].upper() + spoken[1:])


async def _left(hass: HomeAssistant, asked: ConversationInput, language: Language, name: str | None) -> str | None:
    """Say what is left of budgets and limits; return None where nobody is called so."""
    found = await assist.async_left(hass, asked.context, name)
    if found is None and name is not None:
        return None
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


def _asked_for(text: str, language: Language) -> tuple[str, When]:
    """Return the metric and the time that a question names, or the one that it goes on from; else today's cost."""
    texts = list(_conversation(text, language))
    metrics = (metric for one in texts for words, metric in language.metrics.items() if _has(one, words))
    times = (when for one in texts for words, when in language.times.items() if _has(one, words))
    return next(metrics, "cost"), next(times, When.TODAY)


def _conversation(text: str, language: Language) -> Iterable[str]:
    """Yield a question, and while it is one like "and with Claude" what was asked before it, the latest first."""
    yield text
    log = current_chat_log.get()
    earlier = [one.content[:_LONGEST] for one in log.content[:-1] if isinstance(one, UserContent)] if log else []
    while earlier and re.match(rf"(?:{language.follows})\b", text, re.IGNORECASE):
        yield (text := earlier.pop())


def _kinds(text: str, language: Language) -> tuple[Dimension, ...]:
    """Return the dimension that a question names, several where it asks for whoever it was; models otherwise."""
    if _has(text, language.who):
        return Dimension.USER, Dimension.KEY, Dimension.TEAM
    return (next((kind for word, kind in language.kinds.items() if _has(text, word)), Dimension.MODEL),)


def _name(question: str, text: str, language: Language) -> str | None:
    """Return the name in `text`, which stands where a name may; in the question, from what models are called on.

    Times, words for AI and what stands around a name are none.
    """
    model = _MODEL.search(question)
    if model and model[1].lower() not in text.lower():
        text = model[0]
    for words in (*language.times, *language.topics):
        text = re.sub(rf"\b{words}\b", " ", text, flags=re.IGNORECASE)
    return " ".join(text.strip("?!.- ").split()) or None


_MODEL: Final = re.compile(rf"\b{MODELS}\b.*", re.IGNORECASE)


def _has(text: str, words: str) -> bool:
    """Whether a text holds words, as whole words."""
    return re.search(rf"\b{words}\b", text, re.IGNORECASE) is not None


def _joined(amount: Amount, language: Language) -> str:
    """Say the names of who is meant together."""
    names: Iterable[str] = amount.names[:_NAMES]
    *most, last = [*names, "…"] if len(amount.names) > _NAMES else names or ("",)
    return language.conjunction.join([*([", ".join(most)] if most else []), last])


def _amount(used: float, metric: str, language: Language) -> str:
    """Say how much of a metric."""
    answers = language.answers[metric]
    if metric == "cost":
        return _money(used, language)
    count = round(used)
    return (answers.one if count == 1 else answers.many).format(f"{count:,}".replace(",", language.thousands))


def _money(amount: float, language: Language) -> str:
    """Say an amount of money."""
    if 0 < amount < _CENT:
        return language.small
    return language.answers["cost"].many.format(f"{amount:.2f}".replace(".", language.decimal_point))
