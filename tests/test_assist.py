"""Assist answers what AI costs, with and without a language model, and no entity is exposed for it."""

from typing import Any

import pytest
import voluptuous as vol
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import llm
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.litellm_pulse.assist import METRICS
from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.models import TOTAL, Window
from custom_components.litellm_pulse.sentences import LANGUAGES
from custom_components.litellm_pulse.spoken_names import find
from custom_components.litellm_pulse.spoken_times import When

from .conftest import NOW, pass_time, set_up
from .proxy import Proxy

pytest.importorskip("hassil", reason="Home Assistant installs it with its conversation integration only")
from homeassistant.components.conversation import async_converse

pytestmark = pytest.mark.freeze_time(NOW)

SPEND = "litellm_spend_metric_total"
TOKENS = "litellm_total_tokens_metric_total"
REQUESTS = "litellm_proxy_total_requests_metric_total"
REMAINING, MAXIMUM = "litellm_remaining_team_budget_metric", "litellm_team_max_budget_metric"
USED = (
    ("gpt-4o", "t1", "Kitchen", "k1", "alice-laptop", 1.25),
    ("gpt-4o-mini", "t1", "Kitchen", "k1", "alice-laptop", 0.25),
    ("claude-sonnet-4-5", "t2", "Office", "k2", "bob-editor", 2.0),
)


@pytest.fixture
async def home(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> MockConfigEntry:
    """Set a home up with conversation, in which three models were used today by two teams."""
    proxy.traffic.spend = proxy.traffic.tokens = {}
    for domain in ("homeassistant", "conversation", "llm"):
        assert await async_setup_component(hass, domain, {})
    hass.config_entries.async_update_entry(entry, title="LiteLLM")
    _use(proxy, 0)
    proxy.traffic.series[REMAINING] = {'team="t1",team_alias="Kitchen"': 6.5}
    proxy.traffic.series[MAXIMUM] = {'team="t1",team_alias="Kitchen"': 10}
    assert await set_up(hass, entry)
    _use(proxy, 1)
    await pass_time(hass, freezer)
    return entry


def _use(proxy: Proxy, share: float) -> None:
    """Let every model be used by its team."""
    for model, team, alias, key, key_alias, cost in USED:
        labels = {"model": model, "team": team, "team_alias": alias, "hashed_api_key": key, "api_key_alias": key_alias}
        proxy.traffic.add(SPEND, cost * share, **labels)
        proxy.traffic.add(TOKENS, cost * 1000 * share, **labels)
        proxy.traffic.add(REQUESTS, share, **labels, route="/v1/chat/completions")


async def ask(
    hass: HomeAssistant,
    text: str,
    language: str = "en",
    user: MockUser | None = None,
    conversation: str | None = None,
) -> str:
    """Ask the built-in agent and return what it says."""
    context = Context(user_id=user.id if user else None)
    result = await async_converse(hass, text, conversation, context, language)
    return str(result.response.speech["plain"]["speech"])


HINT = "Only administrators may ask about keys, users and customers."

ANSWERS = {
    "How much did I spend today?": "You spent $3.50 on AI today.",
    "how much did I spend on AI today": "You spent $3.50 on AI today.",
    "How much have we spent on language models this month?": "You spent $3.50 on AI this month.",
    "How much did I spend on AI yesterday": "You spent $0.00 on AI yesterday.",
    "how much did I spend this month with Claude": "claude-sonnet-4-5 cost $2.00 this month.",
    "this month with Claude": "claude-sonnet-4-5 cost $2.00 this month.",
    "How much did I spend on AI with GPT four o today": "gpt-4o cost $1.25 today.",
    "how much did I spend with gpt four o mini this week": "gpt-4o-mini cost $0.25 this week.",
    "how much did I spend with G P T": "gpt-4o and gpt-4o-mini cost $1.50 today.",
    "how much did I spend with Llama today": f"I know no model, team or key called Llama. {HINT}",
    "Which team spent most this week?": "Office cost the most this week: $2.00.",
    "which model cost the most money today": "claude-sonnet-4-5 cost the most today: $2.00.",
    "which team spent the most last month": "Nothing was spent last month.",
    "how much is left of the kitchen's budget": "Kitchen has $6.50 of $10.00 left.",
    "How much AI budget does the kitchen have left?": "Kitchen has $6.50 of $10.00 left.",
    "how much is left of the garage's budget": f"I know no model, team or key called garage's. {HINT}",
    "how much is left of my AI budget": "Kitchen has $6.50 of $10.00 left.",
}
ANTWORTEN = {
    "Wie viel habe ich heute ausgegeben?": "Du hast heute 3,50 Dollar für KI ausgegeben.",
    "wie viel habe ich diesen Monat für KI ausgegeben": "Du hast diesen Monat 3,50 Dollar für KI ausgegeben.",
    "wieviel haben wir diese Woche mit Claude ausgegeben": "claude-sonnet-4-5: diese Woche 2,00 Dollar.",
    "Wie viel habe ich mit GPT vier o heute ausgegeben": "gpt-4o: heute 1,25 Dollar.",
    "Was hat KI gestern gekostet?": "Du hast gestern 0,00 Dollar für KI ausgegeben.",
    "Welches Team hat diese Woche am meisten ausgegeben?": "Am meisten hat diese Woche Office gekostet: 2,00 Dollar.",
    "Welches Modell war heute am teuersten": "Am meisten hat heute claude-sonnet-4-5 gekostet: 2,00 Dollar.",
    "Wie viel ist noch vom Budget der Kitchen übrig?": "Kitchen hat noch 6,50 Dollar von 10,00 Dollar.",
    "Wie viel Budget hat Kitchen noch übrig?": "Kitchen hat noch 6,50 Dollar von 10,00 Dollar.",
}


@pytest.mark.parametrize(("language", "answers"), [("en", ANSWERS), ("de", ANTWORTEN)])
async def test_the_built_in_agent_answers_in_the_language_it_is_asked_in(
    hass: HomeAssistant,
    home: MockConfigEntry,  # noqa: ARG001
    language: str,
    answers: dict[str, str],
) -> None:
    assert {question: await ask(hass, question, language) for question in answers} == answers


CLAUDE_THIS_MONTH = "claude-sonnet-4-5 cost $2.00 this month."
KITCHEN_LEFT = "Kitchen has $6.50 of $10.00 left."
SPOKEN = {
    "You spent $3.50 on AI today.": (
        "What did I spend on AI today?",
        "how much have I already spent on artificial intelligence today please",
        "How much money was spent on AI today",
        "tell me how much I spent on AI today",
        "how much does AI cost me today",
        "what are my AI costs today",
        "what's today's AI spend",
        "AI costs today",
        "how expensive was AI today",
        "how much did I spend on AI so far today",
    ),
    CLAUDE_THIS_MONTH: (
        "how much did I spend on Claude this month",
        "How much did I spend this month for Claude?",
        "what did Claude cost this month",
        "how much has Claude Sonnet cost us this month",
        "what about Claude this month",
        "and this month with Claude",
    ),
    "claude-sonnet-4-5 cost the most this month: $2.00.": (
        "what is the most expensive model this month",
        "what model did we spend the most on this month",
    ),
    "gpt-4o cost $1.25 today.": (
        "how much did GPT four o cost",
        "what did I spend on gpt four o",
    ),
    "Kitchen cost $1.50 this week.": (
        "how much did the kitchen spend this week",
        "how much has team Kitchen spent on AI this week",
        "how much was spent by the kitchen this week",
    ),
    "Office cost the most this week: $2.00.": (
        "which team has spent the most this week",
        "what team is the most expensive this week",
    ),
    "You used 3,500 tokens today.": (
        "How many tokens did I use today?",
        "how many AI tokens have we used so far today",
        "how many tokens were used today",
        "how many tokens today",
    ),
    "claude-sonnet-4-5 used 2,000 tokens this month.": (
        "How many tokens did I use this month with Claude?",
        "how many tokens has Claude used this month",
        "how many tokens did I burn on Claude this month",
        "how many tokens were used this month by Claude",
    ),
    "You made 3 requests this week.": (
        "how many requests did I make this week",
        "how many LLM calls have we made this week",
        "how many requests were there this week",
    ),
    "claude-sonnet-4-5 had 1 request today.": (
        "how many requests went to Claude today",
        "how many requests did Claude get today",
    ),
    "Office used the most tokens this week: 2,000 tokens.": (
        "Which team used the most tokens this week?",
        "which team has used the most AI tokens this week",
    ),
    "Kitchen had the most requests today: 2 requests.": ("which team made the most requests today",),
    "Nothing was spent in October.": ("which team spent the most in October",),
    "No tokens were used last year.": ("which model used the most tokens last year",),
    "You spent $0.00 on AI in October.": (
        "how much did I spend on AI in October",
        "what was my AI bill for October",
        "AI costs last October",
    ),
    "claude-sonnet-4-5 cost $2.00 today.": ("and Claude", "and with Claude?", "what about Claude"),
    KITCHEN_LEFT: (
        "what's left of the kitchen's budget",
        "how much of the kitchen's budget is remaining",
        "how much budget is left for the kitchen",
        "what is the kitchen's remaining budget",
        "What's the kitchen's AI budget?",
        "how much money is left in the kitchen budget",
        "how much AI budget do I have left",
        "do I have any AI budget left",
    ),
}
GESPROCHEN = {
    "Du hast heute 3,50 Dollar für KI ausgegeben.": (
        "Was habe ich heute für KI ausgegeben?",
        "wie viel hab ich bisher heute für die KI ausgegeben bitte",
        "Wie viel Geld wurde heute für KI ausgegeben",
        "Sag mir, wie viel ich heute für KI ausgegeben habe",
        "Was hat mich die KI heute gekostet",
        "Was kostet mich KI heute",
        "Wie hoch sind meine KI-Kosten heute",
        "KI-Kosten heute",
        "Wie teuer war KI heute?",
    ),
    "claude-sonnet-4-5: diesen Monat 2,00 Dollar.": (
        "Was hat Claude diesen Monat gekostet",
        "Wie viel hat Claude Sonnet in diesem Monat gekostet?",
        "Wie viel habe ich diesen Monat für Claude ausgegeben",
        "Was haben wir für Claude diesen Monat ausgegeben",
        "und diesen Monat mit Claude",
    ),
    "gpt-4o: heute 1,25 Dollar.": ("Was hat GPT vier o gekostet", "Was kostet GPT vier o heute"),
    "Kitchen: diese Woche 1,50 Dollar.": (
        "Wie viel hat die Kitchen diese Woche ausgegeben",
        "Was hat das Team Kitchen in dieser Woche für KI ausgegeben",
    ),
    "Am meisten hat diesen Monat claude-sonnet-4-5 gekostet: 2,00 Dollar.": (
        "Was ist diesen Monat das teuerste Modell",
        "Welches Modell kostet diesen Monat am meisten",
        "Wofür habe ich diesen Monat am meisten ausgegeben",
    ),
    "Du hast heute 3.500 Token verbraucht.": (
        "Wie viele Tokens habe ich heute verbraucht?",
        "wie viele KI-Tokens haben wir bisher heute verbraucht",
        "wie viele Tokens wurden heute verbraucht",
        "wie viele Tokens heute",
    ),
    "claude-sonnet-4-5: diesen Monat 2.000 Token.": (
        "Wie viele Tokens habe ich diesen Monat mit Claude verbraucht",
        "wie viele Token hat Claude diesen Monat verbraucht",
    ),
    "Du hast diese Woche 3 Anfragen gestellt.": (
        "wie viele Anfragen habe ich diese Woche gestellt",
        "wie viele KI-Anfragen gab es diese Woche",
    ),
    "claude-sonnet-4-5: heute 1 Anfrage.": ("wie viele Anfragen gingen heute an Claude",),
    "Die meisten Token hat diese Woche Office verbraucht: 2.000 Token.": (
        "Welches Team hat diese Woche die meisten Tokens verbraucht?",
    ),
    "Die meisten Anfragen hatte heute Kitchen: 2 Anfragen.": ("Welches Team hat heute die meisten Anfragen gestellt",),
    "Letzte Woche wurde nichts ausgegeben.": ("welches Team hat letzte Woche am meisten ausgegeben",),
    "Im Oktober wurden keine Token verbraucht.": ("welches Modell hat im Oktober die meisten Tokens verbraucht",),
    "Du hast letztes Jahr 0,00 Dollar für KI ausgegeben.": (
        "was habe ich letztes Jahr für KI ausgegeben",
        "was hat KI im letzten Jahr gekostet",
    ),
    "claude-sonnet-4-5: heute 2,00 Dollar.": ("und Claude", "und mit Claude?", "was ist mit Claude"),
    "Kitchen hat noch 6,50 Dollar von 10,00 Dollar.": (
        "Wie viel vom Budget der Kitchen ist noch übrig",
        "Was ist vom Kitchen-Budget noch übrig",
        "Wie viel bleibt vom Budget der Kitchen",
        "Wie viel Budget hat die Kitchen noch?",
        "Wie viel Budget habe ich noch",
        "Wie viel Geld ist noch im Budget der Kitchen",
        "Was ist vom KI-Budget noch übrig",
    ),
}


@pytest.mark.parametrize(("language", "spoken"), [("en", SPOKEN), ("de", GESPROCHEN)])
async def test_a_question_is_understood_however_people_put_it(
    hass: HomeAssistant,
    home: MockConfigEntry,  # noqa: ARG001
    language: str,
    spoken: dict[str, tuple[str, ...]],
) -> None:
    assert sum(map(len, spoken.values())) > 25
    for answer, questions in spoken.items():
        for question in questions:
            assert await ask(hass, question, language) == answer, question


async def test_who_spent_most_is_the_first_kind_that_is_used(
    hass: HomeAssistant, home: MockConfigEntry, hass_admin_user: MockUser
) -> None:
    assert home.runtime_data.coordinator.last_update_success
    assert await ask(hass, "who spent the most today", user=hass_admin_user) == "bob-editor cost the most today: $2.00."
    answer = await ask(hass, "Wer hat heute am meisten ausgegeben", "de", hass_admin_user)
    assert answer == "Am meisten hat heute bob-editor gekostet: 2,00 Dollar."


async def test_a_sentence_of_the_users_own_is_not_taken_away(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    mine = {"GroceryCost": ["how much did I spend on groceries [today]"]}
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "conversation", {"conversation": {"intents": mine}})
    script = {"GroceryCost": {"speech": {"text": "Forty dollars"}}}
    assert await async_setup_component(hass, "intent_script", {"intent_script": script})
    assert await set_up(hass, entry)
    assert proxy.url
    assert await ask(hass, "how much did I spend on groceries today") == "Forty dollars"
    # A name that nobody has, in a sentence that nobody else has.
    assert await ask(hass, "how much did I spend on beer") == f"I know no model, team or key called beer. {HINT}"


async def test_what_litellm_does_not_split_is_not_called_none(
    hass: HomeAssistant, home: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.add(SPEND, 0, model="mistral-large", api_provider="groq")
    await pass_time(hass, freezer)
    proxy.traffic.add(SPEND, 1, model="mistral-large", api_provider="groq")
    await pass_time(hass, freezer)
    assert home.runtime_data.coordinator.last_update_success
    assert await ask(hass, "how much did I spend with groq today") == "groq cost $1.00 today."
    # Tokens and requests name no provider here.
    for question in ("how many tokens did groq use today", "which provider made the most requests"):
        assert await ask(hass, question) == "LiteLLM's metrics do not say that."
    assert await ask(hass, "Wie viele Token hat Groq verbraucht", "de") == ("Das sagen die Metriken von LiteLLM nicht.")
    assert "error" in await call(hass, "get_usage_ranking", kind="provider", metric="tokens")


async def test_yesterday_is_read_from_the_ledger(
    hass: HomeAssistant, home: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    assert home.runtime_data.coordinator.last_update_success
    await pass_time(hass, freezer, 86400)
    assert await ask(hass, "how much did I spend on AI yesterday") == "You spent $3.50 on AI yesterday."
    assert await ask(hass, "which team spent most yesterday") == "Office cost the most yesterday: $2.00."
    assert await ask(hass, "how much did I spend today") == "You spent $0.00 on AI today."
    await pass_time(hass, freezer, 7 * 86400)
    assert await ask(hass, "how much did I spend with claude last week") == "claude-sonnet-4-5 cost $2.00 last week."
    await pass_time(hass, freezer, 14 * 86400)
    assert await ask(hass, "how much did I spend on AI last month") == "You spent $3.50 on AI last month."


@pytest.mark.parametrize(
    ("asked_at", "times"),
    [
        ("2026-11-30 12:00", {"in November": 3500, "last month": 0, "in October": 0}),
        ("2026-12-01 12:00", {"in November": 3500, "last month": 3500, "this year": 3500, "last year": 0}),
        ("2027-01-15 12:00", {"in November": 3500, "last November": 3500, "in December": 0, "last year": 3500}),
        ("2027-10-31 23:00", {"in November": 3500, "in October": 0, "in January": 0, "this year": 0}),
        ("2027-11-01 12:00", {"in November": 0, "last year": 3500}),
        ("2028-02-29 12:00", {"in November": 0, "last year": 0, "in February": 0, "in total": 3500}),
    ],
)
async def test_a_month_is_the_last_of_its_name_that_has_begun(
    hass: HomeAssistant,
    home: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    asked_at: str,
    times: dict[str, int],
) -> None:
    freezer.move_to(asked_at)
    await pass_time(hass, freezer)
    assert home.runtime_data.coordinator.last_update_success
    for time, tokens in times.items():
        spoken = {"last November": "in November", "in total": "so far"}.get(time, time)
        assert await ask(hass, f"how many tokens did I use {time}") == f"You used {tokens:,} tokens {spoken}."
    (month, tokens), *_ = times.items()
    assert await call(hass, "get_usage", metric="tokens", when=month.split()[1].lower()) == {
        "when": month.split()[1].lower(),
        "tokens": tokens,
        "of": "all",
    }


@pytest.mark.parametrize(
    ("language", "first", "then"),
    [
        (
            "en",
            "how many tokens did I use this month",
            {"and Claude?": "claude-sonnet-4-5 used 2,000 tokens this month."},
        ),
        (
            "en",
            "how much did I spend this week",
            {
                "what about Claude": "claude-sonnet-4-5 cost $2.00 this week.",
                "and GPT": "gpt-4o and gpt-4o-mini cost $1.50 this week.",
                "and Claude today": "claude-sonnet-4-5 cost $2.00 today.",
                "how many tokens did I use": "You used 3,500 tokens today.",
            },
        ),
        (
            "de",
            "Wie viele Anfragen gab es diese Woche",
            {"und Claude": "claude-sonnet-4-5: diese Woche 1 Anfrage."},
        ),
    ],
)
async def test_a_question_that_goes_on_from_another_keeps_its_time_and_metric(
    hass: HomeAssistant, home: MockConfigEntry, language: str, first: str, then: dict[str, str]
) -> None:
    assert home.runtime_data.coordinator.last_update_success
    conversation = (await async_converse(hass, first, None, Context(), language)).conversation_id
    for question, answer in then.items():
        assert await ask(hass, question, language, conversation=conversation) == answer


async def test_a_limit_set_in_home_assistant_is_a_budget_too(hass: HomeAssistant, home: MockConfigEntry) -> None:
    runtime = home.runtime_data
    await runtime.user_settings.async_set_limit(TOTAL, Window.DAY, 5)
    await runtime.coordinator.async_rebuild()
    assert await ask(hass, "how much is left of my budget") == "LiteLLM has $1.50 of $5.00 left for today."
    await runtime.user_settings.async_set_limit(TOTAL, Window.DAY, 3)
    await runtime.coordinator.async_rebuild()
    answer = await ask(hass, "how much is left of our limit")
    assert answer == "LiteLLM has used up its $3.00 for today, by $0.50 too much."


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("en", "how much is left of the daily limit"),
        ("en", "how much of my daily budget is left"),
        ("en", "what's the daily limit"),
        ("de", "wie viel ist vom Budget übrig"),
        ("de", "wie viel ist vom Limit noch übrig"),
        ("de", "wie viel ist vom Tageslimit übrig"),
        ("de", "wie viel vom Tageslimit ist noch übrig"),
    ],
)
async def test_the_limit_of_a_window_is_nobodys_name(
    hass: HomeAssistant, home: MockConfigEntry, language: str, question: str
) -> None:
    runtime = home.runtime_data
    await runtime.user_settings.async_set_limit(TOTAL, Window.DAY, 5)
    await runtime.coordinator.async_rebuild()
    expected = {
        "en": "LiteLLM has $1.50 of $5.00 left for today.",
        "de": "LiteLLM hat heute noch 1,50 Dollar von 5,00 Dollar.",
    }
    assert await ask(hass, question, language) == expected[language]


async def test_persons_are_for_administrators_and_a_voice_is_none(
    hass: HomeAssistant, home: MockConfigEntry, hass_admin_user: MockUser, hass_read_only_user: MockUser
) -> None:
    question = "which key spent most today"
    assert await ask(hass, question) == await ask(hass, question, user=hass_read_only_user) == HINT
    assert await ask(hass, question, user=hass_admin_user) == "bob-editor cost the most today: $2.00."
    hass.config_entries.async_update_entry(home, options={"show_persons": True})
    assert await ask(hass, question) == "bob-editor cost the most today: $2.00."


async def test_what_is_left_leaves_out_the_budgets_of_persons_for_whoever_may_not_see_them(
    hass: HomeAssistant, home: MockConfigEntry, proxy: Proxy, hass_admin_user: MockUser, freezer: FrozenDateTimeFactory
) -> None:
    labels = 'hashed_api_key="k1",api_key_alias="alice-laptop"'
    proxy.traffic.series["litellm_remaining_api_key_budget_metric"] = {labels: 3}
    proxy.traffic.series["litellm_api_key_max_budget_metric"] = {labels: 4}
    await pass_time(hass, freezer)
    question = "how much AI budget is left"
    assert home.runtime_data.coordinator.last_update_success
    assert await ask(hass, question) == KITCHEN_LEFT
    answer = await ask(hass, question, user=hass_admin_user)
    assert KITCHEN_LEFT in answer
    assert "alice-laptop has $3.00 of $4.00 left." in answer


@pytest.mark.parametrize("name", ["a" * 20_000, "gpt " * 5_000, "today " * 3_000])
async def test_a_question_without_end_is_looked_into_as_far_as_anybody_speaks(
    hass: HomeAssistant, home: MockConfigEntry, name: str
) -> None:
    assert home.runtime_data.coordinator.last_update_success
    assert len(await ask(hass, f"how much did I spend on AI with {name}")) < 1_000


async def test_whether_there_is_a_person_of_a_name_is_told_to_nobody_who_may_not_see_persons(  # noqa: PLR0913, PLR0917  # fixtures
    hass: HomeAssistant,
    home: MockConfigEntry,
    proxy: Proxy,
    hass_admin_user: MockUser,
    hass_read_only_user: MockUser,
    freezer: FrozenDateTimeFactory,
) -> None:
    labels = 'hashed_api_key="k1",api_key_alias="alice-laptop"'
    proxy.traffic.series["litellm_remaining_api_key_budget_metric"] = {labels: 3}
    proxy.traffic.series["litellm_api_key_max_budget_metric"] = {labels: 4}
    await pass_time(hass, freezer)

    async def answers(name: str, user: MockUser | None) -> list[str]:
        spoken = ("how much did I spend on AI with {} today", "how much is left of {}'s budget")
        found = [await ask(hass, question.format(name), user=user) for question in spoken]
        found += [str(await call(hass, tool, user, name=name)) for tool in ("get_usage", "get_budget_left")]
        return [one.replace(name, "...") for one in found]

    for user in (None, hass_read_only_user):
        of_nobody = await answers("nobody", user)
        assert await answers("alice laptop", user) == of_nobody
        assert all(HINT in one for one in of_nobody)
    assert not any(HINT in one for one in await answers("nobody", hass_admin_user))
    assert all("alice-laptop" in one for one in await answers("alice laptop", hass_admin_user))
    hass.config_entries.async_update_entry(home, options={"show_persons": True})
    assert await answers("alice laptop", None) == await answers("alice laptop", hass_admin_user)
    assert await answers("nobody", None) == await answers("nobody", hass_admin_user)


async def call(hass: HomeAssistant, tool: str, user: MockUser | None = None, **arguments: object) -> Any:  # noqa: ANN401
    """Call a tool as a conversation agent with a language model does."""
    context = llm.LLMContext(
        platform="test",
        context=Context(user_id=user.id if user else None),
        language="en",
        assistant="conversation",
        device_id=None,
    )
    api = await llm.async_get_api(hass, llm.LLM_API_ASSIST, context)
    result = await api.async_call_tool(llm.ToolInput(tool_name=f"litellm_pulse__{tool}", tool_args=arguments))
    return getattr(result, "data", result)


async def test_a_language_model_has_tools_for_the_same_questions(
    hass: HomeAssistant, home: MockConfigEntry, hass_admin_user: MockUser
) -> None:
    assert await call(hass, "get_usage") == {"when": "today", "spend_usd": 3.5, "of": "all"}
    assert await call(hass, "get_usage", when="this_month", name="gpt four o") == {
        "when": "this_month",
        "spend_usd": 1.25,
        "of": ["gpt-4o"],
    }
    assert await call(hass, "get_usage", metric="tokens", name="claude") == {
        "when": "today",
        "tokens": 2000,
        "of": ["claude-sonnet-4-5"],
    }
    assert await call(hass, "get_usage", metric="requests") == {"when": "today", "requests": 3, "of": "all"}
    # As models write what they leave out.
    assert await call(hass, "get_usage", name="", when=None) == await call(hass, "get_usage")
    with pytest.raises(vol.Invalid, match="when"):
        await call(hass, "get_usage", when="tomorrow")
    assert await call(hass, "get_usage", name="nobody") == {"error": f"Nobody is called nobody. {HINT}"}
    ranking = await call(hass, "get_usage_ranking", kind="team", when="this_week")
    assert ranking["ranking"] == [{"name": "Office", "spend_usd": 2.0}, {"name": "Kitchen", "spend_usd": 1.5}]
    ranking = await call(hass, "get_usage_ranking", kind="team", metric="requests")
    assert ranking["ranking"] == [{"name": "Kitchen", "requests": 2}, {"name": "Office", "requests": 1}]
    assert "error" in await call(hass, "get_usage_ranking", kind="key")
    assert "ranking" in await call(hass, "get_usage_ranking", user=hass_admin_user, kind="key")
    left = await call(hass, "get_budget_left", name="the kitchen")
    assert left == {
        "left": [{"name": "Kitchen", "remaining_usd": 6.5, "maximum_usd": 10.0, "kind": "budget in LiteLLM"}]
    }
    assert "error" in await call(hass, "get_budget_left", name="garage")
    assert await hass.config_entries.async_unload(home.entry_id)
    context = llm.LLMContext(platform="test", context=None, language="en", assistant="conversation", device_id=None)
    api = await llm.async_get_api(hass, llm.LLM_API_ASSIST, context)
    assert not [one for one in api.tools if one.name.startswith("litellm_pulse")]


NAMES = {
    "gpt-4o": ["gpt-4o"],
    "gpt-4o-mini": ["gpt-4o-mini"],
    "gpt-4.1": ["gpt-4.1"],
    "claude-sonnet-4-5": ["claude-sonnet-4-5"],
    "claude-opus-4-1": ["claude-opus-4-1"],
    "gemini-2.5-flash": ["gemini-2.5-flash"],
    "o3": ["o3"],
    "t1": ["Kitchen voice"],
}


@pytest.mark.parametrize(
    ("spoken", "found"),
    [
        ("gpt four o", ["gpt-4o"]),
        ("G.P.T. 4 oh", ["gpt-4o"]),
        ("GPT-4o mini", ["gpt-4o-mini"]),
        ("gpt four point one", ["gpt-4.1"]),
        ("Claude", ["claude-sonnet-4-5", "claude-opus-4-1"]),
        ("claude sonnet four point five", ["claude-sonnet-4-5"]),
        ("Gemini zwei punkt fünf flash", ["gemini-2.5-flash"]),
        ("gemni 2.5 flash", ["gemini-2.5-flash"]),
        ("o three", ["o3"]),
        ("the kitchen's", ["t1"]),
        ("mistral", []),
        ("", []),
    ],
)
def test_a_name_is_found_as_people_say_it(spoken: str, found: list[str]) -> None:
    assert find(spoken, NAMES) == found


def test_every_kind_that_may_be_asked_for_has_a_word() -> None:
    for language in LANGUAGES.values():
        assert set(language.kinds.values()) == set(Dimension) - {
            Dimension.TOTAL,
            Dimension.PUBLIC_MODEL,
            Dimension.METADATA,
        }


def test_every_time_and_every_metric_can_be_asked_for_and_said() -> None:
    for language in LANGUAGES.values():
        assert set(language.times.values()) == set(language.when) == set(When)
        assert set(language.answers) == set(METRICS)
        assert {*language.metrics.values(), "cost"} == set(METRICS)


def test_nobody_is_called_by_a_text_without_end() -> None:
    names = {str(number): ["abc" * 3000] for number in range(50)}
    assert find("abc" * 3000, names) == []
    assert find("abcabcabd", names | {"one": ["abcabcabc"]}) == ["one"]
