"""What the built-in conversation agent understands and answers, per language, as data.

Sentences are templates of hassil: `[optional]`, `(one|of|these)`, `{name}` for any words. They ask for
money that was spent, so that no other question is taken for one of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .assist import When
from .core.catalog import Dimension
from .core.models import Window

_TIMES: Final = "(today|yesterday|this week|last week|this month|last month|this year|so far|in total|altogether|ever)"
_AI: Final = "(AI|A I|[the] LLM|[the] LLMs|language models|LiteLLM|artificial intelligence)"
_KINDS: Final = "(model|provider|team|key|user|tag|organization|customer)"
_I_SPENT: Final = "how much [money] (did|have) (I|we) [already] (spend|spent)"

_ZEITEN: Final = (
    "(heute|gestern|diese Woche|letzte Woche|in dieser Woche|diesen Monat|in diesem Monat|letzten Monat|dieses Jahr"
    "|in diesem Jahr|insgesamt|bisher|bislang)"
)
_KI: Final = "(KI|K I|AI|künstliche Intelligenz|Sprachmodelle|LiteLLM)"
_WELCHES: Final = "(welches|welcher|welche) (Modell|Anbieter|Team|Schlüssel|Nutzer|Benutzer|Tag|Organisation|Kunde)"
_AUSGEGEBEN: Final = "(ausgegeben|gekostet|verbraucht)"
_ICH_HABE: Final = "(wie viel|wieviel) [Geld] (habe ich|haben wir)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One language: what is asked, the words in it, and the answers."""

    spend: tuple[str, ...]
    ranking: tuple[str, ...]
    left: tuple[str, ...]
    times: Mapping[str, When]
    """Longer ones before those that they hold."""
    topics: tuple[str, ...]
    """Words for AI, which are nobody's name."""
    kinds: Mapping[str, Dimension]
    when: Mapping[When, str]
    windows: Mapping[Window | None, str]
    money: str
    decimal_point: str
    small: str
    conjunction: str
    total: str
    cost: str
    most: str
    nothing: str
    has_left: str
    has_left_of: str
    is_over: str
    unknown: str
    no_limit: str
    not_for_everyone: str


ENGLISH: Final = Language(
    spend=(
        f"{_I_SPENT} [{_TIMES}] [on {_AI}] [{_TIMES}]",
        f"{_I_SPENT} [on {_AI}] [{_TIMES}] (with|using) {{name}}",
        f"how much (did|does|has) {_AI} cost [(me|us)] [{_TIMES}]",
        f"what (did|does|has) {_AI} cost [(me|us)] [{_TIMES}]",
        f"[and] {_TIMES} (with|using) {{name}}",
    ),
    ranking=(
        f"(which|what) {_KINDS} (spent|cost|used) [the] most [money] [on {_AI}] [{_TIMES}]",
        f"(which|what) {_KINDS} (is|was) [the] most expensive [{_TIMES}]",
    ),
    left=(
        "(how much|what) is [still] left (of|in) {name} (budget|limit)",
        f"(how much|what) is [still] left (of|in) (my|our|the) [{_AI}] (budget|limit)",
        "how much of {name} (budget|limit) is [still] left",
        f"how much [{_AI}] budget (does|do) {{name}} [still] have left",
        f"how much [{_AI}] budget is [still] left",
    ),
    times={
        "today": When.TODAY,
        "yesterday": When.YESTERDAY,
        "this week": When.WEEK,
        "last week": When.LAST_WEEK,
        "this month": When.MONTH,
        "last month": When.LAST_MONTH,
        "this year": When.YEAR,
        "so far": When.EVER,
        "in total": When.EVER,
        "altogether": When.EVER,
        "ever": When.EVER,
    },
    topics=("artificial intelligence", "language models", "litellm", "llms", "llm", "a i", "ai"),
    kinds={
        "model": Dimension.MODEL,
        "provider": Dimension.PROVIDER,
        "team": Dimension.TEAM,
        "key": Dimension.KEY,
        "user": Dimension.USER,
        "tag": Dimension.TAG,
        "organization": Dimension.ORGANIZATION,
        "customer": Dimension.CUSTOMER,
    },
    when={
        When.TODAY: "today",
        When.YESTERDAY: "yesterday",
        When.WEEK: "this week",
        When.LAST_WEEK: "last week",
        When.MONTH: "this month",
        When.LAST_MONTH: "last month",
        When.YEAR: "this year",
        When.EVER: "so far",
    },
    windows={
        None: "",
        Window.DAY: " for today",
        Window.WEEK: " for this week",
        Window.MONTH: " for this month",
    },
    money="${}",
    decimal_point=".",
    small="less than a cent",
    conjunction=" and ",
    total="You spent {amount} on AI {when}.",
    cost="{names} cost {amount} {when}.",
    most="{name} cost the most {when}: {amount}.",
    nothing="Nothing was spent {when}.",
    has_left="{name} has {remaining} left{window}.",
    has_left_of="{name} has {remaining} of {maximum} left{window}.",
    is_over="{name} has used up its {maximum}{window}, by {over} too much.",
    unknown="I know no model, team or key called {name}.",
    no_limit="No budget or limit is set.",
    not_for_everyone="Only administrators may ask about keys, users and customers.",
)

GERMAN: Final = Language(
    spend=(
        f"{_ICH_HABE} [{_ZEITEN}] [schon] [für {_KI}] [{_ZEITEN}] [schon] ausgegeben",
        f"{_ICH_HABE} [{_ZEITEN}] [schon] [für {_KI}] mit {{name}} ausgegeben",
        f"(was|wie viel|wieviel) hat [(mich|uns)] {_KI} [(mich|uns)] [{_ZEITEN}] gekostet",
        f"[und] {_ZEITEN} mit {{name}}",
    ),
    ranking=(
        f"{_WELCHES} hat [{_ZEITEN}] (am meisten|das meiste Geld) [für {_KI}] [{_ZEITEN}] {_AUSGEGEBEN}",
        f"{_WELCHES} (ist|war) [{_ZEITEN}] am teuersten [{_ZEITEN}]",
    ),
    left=(
        "(wie viel|wieviel) ist [noch] vom (Budget|Limit) {name} übrig",
        "(wie viel|wieviel) ist [noch] (vom|von) {name} (Budget|Limit) [noch] übrig",
        f"(wie viel|wieviel) ist [noch] (vom|von meinem|von unserem) [{_KI}] (Budget|Limit) [noch] übrig",
        f"(wie viel|wieviel) [{_KI}] Budget hat {{name}} [noch] übrig",
        f"(wie viel|wieviel) [{_KI}] Budget ist [noch] übrig",
    ),
    times={
        "heute": When.TODAY,
        "gestern": When.YESTERDAY,
        "in dieser woche": When.WEEK,
        "diese woche": When.WEEK,
        "letzte woche": When.LAST_WEEK,
        "in diesem monat": When.MONTH,
        "diesen monat": When.MONTH,
        "letzten monat": When.LAST_MONTH,
        "in diesem jahr": When.YEAR,
        "dieses jahr": When.YEAR,
        "insgesamt": When.EVER,
        "bisher": When.EVER,
        "bislang": When.EVER,
    },
    topics=("künstliche intelligenz", "sprachmodelle", "litellm", "k i", "ki", "ai"),
    kinds={
        "modell": Dimension.MODEL,
        "anbieter": Dimension.PROVIDER,
        "team": Dimension.TEAM,
        "schlüssel": Dimension.KEY,
        "benutzer": Dimension.USER,
        "nutzer": Dimension.USER,
        "tag": Dimension.TAG,
        "organisation": Dimension.ORGANIZATION,
        "kunde": Dimension.CUSTOMER,
    },
    when={
        When.TODAY: "heute",
        When.YESTERDAY: "gestern",
        When.WEEK: "diese Woche",
        When.LAST_WEEK: "letzte Woche",
        When.MONTH: "diesen Monat",
        When.LAST_MONTH: "letzten Monat",
        When.YEAR: "dieses Jahr",
        When.EVER: "bisher",
    },
    windows={None: "", Window.DAY: " heute", Window.WEEK: " diese Woche", Window.MONTH: " diesen Monat"},
    money="{} Dollar",
    decimal_point=",",
    small="weniger als einen Cent",
    conjunction=" und ",
    total="Du hast {when} {amount} für KI ausgegeben.",
    cost="{names}: {when} {amount}.",
    most="Am meisten hat {when} {name} gekostet: {amount}.",
    nothing="{when_} wurde nichts ausgegeben.",
    has_left="{name} hat{window} noch {remaining}.",
    has_left_of="{name} hat{window} noch {remaining} von {maximum}.",
    is_over="{name} hat{window} {maximum} aufgebraucht und liegt {over} darüber.",
    unknown="Ich kenne kein Modell, Team oder Schlüssel namens {name}.",
    no_limit="Es ist kein Budget oder Limit gesetzt.",
    not_for_everyone="Nach Schlüsseln, Nutzern und Kunden dürfen nur Administratoren fragen.",
)

LANGUAGES: Final[Mapping[str, Language]] = {"en": ENGLISH, "de": GERMAN}
