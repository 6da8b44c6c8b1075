"""German: what is asked and answered."""

from typing import Final

from ..core.catalog import Dimension
from ..core.models import Window
from ..spoken_times import When
from .language import MODELS, Answers, Language

_MONATE: Final = {
    When.JANUARY: "Januar",
    When.FEBRUARY: "Februar",
    When.MARCH: "März",
    When.APRIL: "April",
    When.MAY: "Mai",
    When.JUNE: "Juni",
    When.JULY: "Juli",
    When.AUGUST: "August",
    When.SEPTEMBER: "September",
    When.OCTOBER: "Oktober",
    When.NOVEMBER: "November",
    When.DECEMBER: "Dezember",
}
_ZEITEN: Final = (
    "([bisher|bislang] (heute|[in] (dieser|diese) Woche|(in diesem|diesen|im) Monat|(in diesem|dieses) Jahr)"
    "|gestern|[in der] (letzte|letzten) Woche|[im] letzten Monat|[im] (letzten|letztes) Jahr"
    f"|([im] letzten|im|für [den]) ({'|'.join(_MONATE.values())})|insgesamt|bisher|bislang)"
)
_KI: Final = "[die] (KI|K I|AI|künstliche Intelligenz|Sprachmodelle|LiteLLM)"
_ART: Final = "(Modell|Anbieter|Team|Schlüssel|Nutzer|Benutzer|Tag|Organisation|Kunde)"
_WELCHES: Final = f"(welches|welcher|welche) {_ART}"
_WIE_VIEL: Final = "(wie viel|wieviel|was) [Geld]"
_SAG_MIR: Final = "(sag mir|weißt du|kannst du mir sagen)"
_ICH_HABE: Final = f"{_WIE_VIEL} (habe ich|hab ich|haben wir)"
_GEZAEHLTES: Final = f"[{_KI}] (Tokens|Token|Anfragen|Requests)"
_WIE_VIELE: Final = f"(wie viele|wieviele) {_GEZAEHLTES}"
_VERBRAUCHT: Final = (
    "(verbraucht|gebraucht|benutzt|genutzt|verwendet|gemacht|gestellt|gesendet|geschickt|abgeschickt|bekommen|gehabt)"
)
_AM_MEISTEN: Final = f"(am meisten [Geld]|das meiste [Geld]|die meisten {_GEZAEHLTES})"
_TEUERSTE: Final = "(das|der|die|mein|meine|unser|unsere) (teuerste|teuerstes|teuerster)"
_BUDGET: Final = "(Budget|Limit|Tageslimit|Wochenlimit|Monatslimit)"

GERMAN: Final = Language(
    usage=(
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
        f"(und|was ist mit) [(mit|für)] [(dem|das|die|der)] {MODELS} [{{name}}] [{_ZEITEN}]",
        f"{_WIE_VIELE} (habe ich|hab ich|haben wir) [{_ZEITEN}] [schon] [für {_KI}] [{_ZEITEN}] {_VERBRAUCHT}",
        f"{_WIE_VIELE} (habe ich|hab ich|haben wir) [{_ZEITEN}] [schon] (mit|für|bei|an|von) {{name}} {_VERBRAUCHT}",
        f"{_WIE_VIELE} (hat|haben) {{name}} {_VERBRAUCHT}",
        f"{_WIE_VIELE} (wurden|sind|waren|waren es|gab es) [{_ZEITEN}] [{_VERBRAUCHT}] [worden]",
        f"{_WIE_VIELE} (wurden|sind|gingen) [{_ZEITEN}] (mit|für|bei|an|von) {{name}} [{_VERBRAUCHT}] [worden]",
        f"{_WIE_VIELE} {_ZEITEN}",
    ),
    ranking=(
        f"{_WELCHES} hat [{_ZEITEN}] {_AM_MEISTEN} [für {_KI}] [{_ZEITEN}] (ausgegeben|gekostet|{_VERBRAUCHT})",
        f"{_WELCHES} (kostet|kostete) [{_ZEITEN}] {_AM_MEISTEN} [{_ZEITEN}]",
        f"{_WELCHES} (ist|war) [{_ZEITEN}] (am teuersten|das teuerste|der teuerste|die teuerste) [{_ZEITEN}]",
        f"(was|wer|welches|welcher|welche) (ist|war) [{_ZEITEN}] {_TEUERSTE} {_ART} [{_ZEITEN}]",
        f"wofür (habe ich|haben wir) [{_ZEITEN}] {_AM_MEISTEN} [für {_KI}] ausgegeben",
        f"wer hat [{_ZEITEN}] {_AM_MEISTEN} [für {_KI}] [{_ZEITEN}] (ausgegeben|{_VERBRAUCHT})",
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
        "(?:im )?letzten jahr": When.LAST_YEAR,
        "letztes jahr": When.LAST_YEAR,
        **{f"(?:im letzten|letzten|im|für den|für) {month}": when for when, month in _MONATE.items()},
        "insgesamt": When.EVER,
        "bisher": When.EVER,
        "bislang": When.EVER,
    },
    metrics={"tokens?": "tokens", "anfragen": "requests", "requests": "requests"},
    topics=(
        *("künstliche intelligenz", "sprachmodelle", "litellm", "k i", "ki", "ai"),
        *("gekostet", "kosten", "mich", "uns", "mein", "meine", "meinem", "unser", "unsere", "unserem", "ich", "wir"),
        *("für", "im", "in", "bitte", "noch", "übrig"),
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
    follows="und|was ist mit",
    when={
        When.TODAY: "heute",
        When.YESTERDAY: "gestern",
        When.WEEK: "diese Woche",
        When.LAST_WEEK: "letzte Woche",
        When.MONTH: "diesen Monat",
        When.LAST_MONTH: "letzten Monat",
        When.YEAR: "dieses Jahr",
        When.LAST_YEAR: "letztes Jahr",
        When.EVER: "bisher",
        **{when: f"im {month}" for when, month in _MONATE.items()},
    },
    windows={None: "", Window.DAY: " heute", Window.WEEK: " diese Woche", Window.MONTH: " diesen Monat"},
    answers={
        "cost": Answers(
            one="{} Dollar",
            many="{} Dollar",
            total="Du hast {when} {amount} für KI ausgegeben.",
            named="{names}: {when} {amount}.",
            most="Am meisten hat {when} {name} gekostet: {amount}.",
            nothing="{when_} wurde nichts ausgegeben.",
        ),
        "tokens": Answers(
            one="{} Token",
            many="{} Token",
            total="Du hast {when} {amount} verbraucht.",
            named="{names}: {when} {amount}.",
            most="Die meisten Token hat {when} {name} verbraucht: {amount}.",
            nothing="{when_} wurden keine Token verbraucht.",
        ),
        "requests": Answers(
            one="{} Anfrage",
            many="{} Anfragen",
            total="Du hast {when} {amount} gestellt.",
            named="{names}: {when} {amount}.",
            most="Die meisten Anfragen hatte {when} {name}: {amount}.",
            nothing="{when_} wurden keine Anfragen gestellt.",
        ),
    },
    small="weniger als einen Cent",
    decimal_point=",",
    thousands=".",
    conjunction=" und ",
    has_left="{name} hat{window} noch {remaining}.",
    has_left_of="{name} hat{window} noch {remaining} von {maximum}.",
    is_over="{name} hat{window} {maximum} aufgebraucht und liegt {over} darüber.",
    unknown="Ich kenne kein Modell, kein Team und keinen Schlüssel namens {name}.",
    no_limit="Es ist kein Budget oder Limit gesetzt.",
    not_told="Das sagen die Metriken von LiteLLM nicht.",
    not_for_everyone="Nach Schlüsseln, Nutzern und Kunden dürfen nur Administratoren fragen.",
)
