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

MODELS: Final = (
    "(Claude|Sonnet|Opus|Haiku|Anthropic|GPT|G P T|ChatGPT|OpenAI|Gemini|Gemma|Llama|Mistral|DeepSeek|Qwen|Grok|Kimi)"
)
"""What models are called. Who only asks what something costs may mean electricity."""

_PERIODS: Final = "(today|this week|this month|this year)"
_TIMES: Final = (
    f"([so far] {_PERIODS} [so far]|yesterday|[in the] last (week|month)|so far|in total|altogether|all in all|ever)"
)
_AI: Final = "(AI|A I|[the] LLM|[the] LLMs|language models|LiteLLM|artificial intelligence)"
_KINDS: Final = "(model|provider|team|key|user|tag|organization|customer)"
_I_SPENT: Final = "(how much [money]|what) (did|have) (I|we) [already] (spend|spent)"
_MOST: Final = "[the] most [money]"
_IS: Final = "(is|was|are|were)"
_WHAT_IS: Final = f"(what {_IS}|what's|how (much|high) {_IS})"
_SPENDING: Final = "(spend|spending|spendings|cost|costs|bill|expenses)"
_LEFT: Final = "(left|remaining|available)"

_ZEITEN: Final = (
    "([bisher|bislang] (heute|[in] (dieser|diese) Woche|(in diesem|diesen|im) Monat|(in diesem|dieses) Jahr)"
    "|gestern|[in der] (letzte|letzten) Woche|[im] letzten Monat|insgesamt|bisher|bislang)"
)
_KI: Final = "[die] (KI|K I|AI|künstliche Intelligenz|Sprachmodelle|LiteLLM)"
_ART: Final = "(Modell|Anbieter|Team|Schlüssel|Nutzer|Benutzer|Tag|Organisation|Kunde)"
_WELCHES: Final = f"(welches|welcher|welche) {_ART}"
_WIE_VIEL: Final = "(wie viel|wieviel|was) [Geld]"
_SAG_MIR: Final = "(sag mir|weißt du|kannst du mir sagen)"
_ICH_HABE: Final = f"{_WIE_VIEL} (habe ich|hab ich|haben wir)"
_AM_MEISTEN: Final = "(am meisten|das meiste) [Geld]"
_TEUERSTE: Final = "(das|der|die|mein|meine|unser|unsere) (teuerste|teuerstes|teuerster)"
_BUDGET: Final = "(Budget|Limit)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One language: what is asked, the words in it, and the answers."""

    spend: tuple[str, ...]
    ranking: tuple[str, ...]
    left: tuple[str, ...]
    times: Mapping[str, When]
    """Longer ones before those that they hold."""
    topics: tuple[str, ...]
    """Words for AI, and those around a name, which are nobody's name."""
    kinds: Mapping[str, Dimension]
    who: str
    """What asks for a person, a key or a team, whichever there is."""
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
        f"{_I_SPENT} [on {_AI}] [{_TIMES}] (with|using|on|for) {{name}}",
        f"(tell me|do you know) how much [money] (I|we) [have] spent [{_TIMES}] [on {_AI}] [{_TIMES}]",
        f"how much [money] (was|has been|is) spent [{_TIMES}] [on {_AI}] [{_TIMES}]",
        f"how much [money] (was|has been|is) spent [on {_AI}] [{_TIMES}] (with|using|on|for|by) {{name}}",
        f"how much [money] (did|has|does) {{name}} (spend|spent) [on {_AI}] [{_TIMES}]",
        f"(how much|what) (did|does|has|is) {_AI} (cost|costing) [(me|us)] [{_TIMES}]",
        f"(how much|what) (did|does|has|is) [the] {MODELS} [{{name}}] (cost|costing) [(me|us)] [{_TIMES}]",
        f"how expensive {_IS} {_AI} [{_TIMES}]",
        f"{_WHAT_IS} (my|our|the|today's|this week's|this month's) {_AI} {_SPENDING} [{_TIMES}]",
        f"[what about] [my|our|today's] {_AI} {_SPENDING} {_TIMES}",
        f"[and] {_TIMES} (with|using) {{name}}",
        f"(what|how) about [the] {MODELS} [{{name}}] {_TIMES}",
    ),
    ranking=(
        f"(which|what) {_KINDS} [has] (spent|spends|cost|costs|used|uses) {_MOST} [on {_AI}] [{_TIMES}]",
        f"(which|what) [{_KINDS}] (did|have) (I|we) (spend|spent) {_MOST} (on|with) [{_TIMES}]",
        f"(which|what) {_KINDS} {_IS} [(the|my|our)] most expensive [{_TIMES}]",
        f"(what {_IS}|what's) (the|my|our) most expensive {_KINDS} [{_TIMES}]",
        f"who [has] (spent|spends) {_MOST} [on {_AI}] [{_TIMES}]",
    ),
    left=(
        f"(how much|what) [money] is [still] {_LEFT} (of|in|from) {{name}} (budget|limit)",
        f"what's [still] {_LEFT} (of|in|from) {{name}} (budget|limit)",
        f"(how much|what) is [still] {_LEFT} (of|in|from) (my|our|the) [{_AI}] (budget|limit)",
        f"how much of {{name}} (budget|limit) is [still] {_LEFT}",
        f"how much [{_AI}] budget (does|do|has|have) {{name}} [still] [(have|got)] {_LEFT}",
        f"how much [{_AI}] budget is [still] {_LEFT} [for {{name}}]",
        f"(what is|what's) {{name}} [{_AI}] [remaining] (budget|limit)",
        f"(do|have) (I|we) [still] [(have|got)] any [{_AI}] budget {_LEFT}",
    ),
    times={
        "today": When.TODAY,
        "yesterday": When.YESTERDAY,
        "this week": When.WEEK,
        "last week": When.LAST_WEEK,
        "this month": When.MONTH,
        "last month": When.LAST_MONTH,
        "this year": When.YEAR,
        "all in all": When.EVER,
        "so far": When.EVER,
        "in total": When.EVER,
        "altogether": When.EVER,
        "ever": When.EVER,
    },
    topics=(
        *("artificial intelligence", "language models", "litellm", "llms", "llm", "a i", "ai"),
        *("costing", "costs", "cost", "me", "us", "my", "our", "the", "i", "we", "in", "please"),
    ),
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
    who="who",
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
        f"{_ICH_HABE} [{_ZEITEN}] [schon] [für {_KI}] (mit|für) {{name}} ausgegeben",
        f"{_SAG_MIR} wie viel [Geld] (ich|wir) [{_ZEITEN}] [für {_KI}] [{_ZEITEN}] ausgegeben (habe|haben)",
        f"{_WIE_VIEL} (wurde|ist) [{_ZEITEN}] [für {_KI}] [{_ZEITEN}] ausgegeben [worden]",
        f"{_WIE_VIEL} (wurde|ist) [{_ZEITEN}] (mit|für|von) {{name}} ausgegeben [worden]",
        f"{_WIE_VIEL} (hat|haben) {{name}} ausgegeben",
        f"{_WIE_VIEL} (hat|haben) [(mich|uns)] {_KI} [(mich|uns)] [{_ZEITEN}] gekostet",
        f"{_WIE_VIEL} (kostet|kosten) [(mich|uns)] {_KI} [(mich|uns)] [{_ZEITEN}]",
        f"{_WIE_VIEL} (hat|haben) [(mich|uns)] {MODELS} [{{name}}] gekostet",
        f"{_WIE_VIEL} kostet [(mich|uns)] {MODELS} [{{name}}] {_ZEITEN}",
        f"wie teuer (ist|sind|war|waren) [{_ZEITEN}] {_KI} [{_ZEITEN}]",
        f"wie hoch (ist|sind|war|waren) [{_ZEITEN}] [(meine|unsere)] {_KI} (Kosten|Ausgaben|Rechnung) [{_ZEITEN}]",
        f"{_KI} (Kosten|Ausgaben) {_ZEITEN}",
        f"[und] {_ZEITEN} mit {{name}}",
    ),
    ranking=(
        f"{_WELCHES} hat [{_ZEITEN}] {_AM_MEISTEN} [für {_KI}] [{_ZEITEN}] (ausgegeben|gekostet|verbraucht)",
        f"{_WELCHES} (kostet|kostete) [{_ZEITEN}] {_AM_MEISTEN} [{_ZEITEN}]",
        f"{_WELCHES} (ist|war) [{_ZEITEN}] (am teuersten|das teuerste|der teuerste|die teuerste) [{_ZEITEN}]",
        f"(was|wer|welches|welcher|welche) (ist|war) [{_ZEITEN}] {_TEUERSTE} {_ART} [{_ZEITEN}]",
        f"wofür (habe ich|haben wir) [{_ZEITEN}] {_AM_MEISTEN} [für {_KI}] ausgegeben",
        f"wer hat [{_ZEITEN}] {_AM_MEISTEN} [für {_KI}] ausgegeben",
    ),
    left=(
        f"{_WIE_VIEL} (ist|bleibt) [noch] (vom|im) {_BUDGET} {{name}} [noch] [übrig]",
        f"{_WIE_VIEL} (ist|bleibt) [noch] (vom|von|im) {{name}} {_BUDGET} [noch] [übrig]",
        f"{_WIE_VIEL} (ist|bleibt) [noch] (vom|von meinem|von unserem) [{_KI}] {_BUDGET} [noch] [übrig]",
        f"(wie viel|wieviel) (vom|von) [{_KI}] {_BUDGET} [{{name}}] ist [noch] übrig",
        f"(wie viel|wieviel) [{_KI}] {_BUDGET} (hat|haben|habe) {{name}} [noch] [übrig]",
        f"(wie viel|wieviel) [{_KI}] {_BUDGET} ist [noch] [übrig]",
    ),
    times={
        "heute": When.TODAY,
        "gestern": When.YESTERDAY,
        "in dieser woche": When.WEEK,
        "dieser woche": When.WEEK,
        "diese woche": When.WEEK,
        "letzten woche": When.LAST_WEEK,
        "letzte woche": When.LAST_WEEK,
        "in diesem monat": When.MONTH,
        "diesen monat": When.MONTH,
        "letzten monat": When.LAST_MONTH,
        "im monat": When.MONTH,
        "in diesem jahr": When.YEAR,
        "dieses jahr": When.YEAR,
        "insgesamt": When.EVER,
        "bisher": When.EVER,
        "bislang": When.EVER,
    },
    topics=(
        *("künstliche intelligenz", "sprachmodelle", "litellm", "k i", "ki", "ai"),
        *("gekostet", "kosten", "mich", "uns", "mein", "meine", "meinem", "unser", "unsere", "unserem", "ich", "wir"),
        *("für", "im", "in", "bitte"),
    ),
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
    who="wer",
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
    unknown="Ich kenne kein Modell, kein Team und keinen Schlüssel namens {name}.",
    no_limit="Es ist kein Budget oder Limit gesetzt.",
    not_for_everyone="Nach Schlüsseln, Nutzern und Kunden dürfen nur Administratoren fragen.",
)

LANGUAGES: Final[Mapping[str, Language]] = {"en": ENGLISH, "de": GERMAN}
