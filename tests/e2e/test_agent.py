"""A conversation agent that is a language model answers what AI costs: Home Assistant's own, through a real LiteLLM."""

import importlib.util
import math
import time
from collections.abc import Iterator

import pytest
import pytest_socket
from home_assistant import DOMAIN
from proxy import Proxy, traffic

from .agent import TOKENS, UPSTREAM, Model, SpokenHome
from .websocket import add_guest, ask

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not importlib.util.find_spec("openai"), reason="Home Assistant's agent for LiteLLM needs it"),
]

TOOLS = {f"{DOMAIN}__get_usage", f"{DOMAIN}__get_usage_ranking", f"{DOMAIN}__get_budget_left"}
REFUSED = {"error": "Only administrators may ask about keys, users and customers."}
GUEST = "guest"
LIMIT = 5


@pytest.fixture(scope="module")
def home(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpokenHome]:
    """Return a home with the agent, whose proxy the integration offers to count, a limit and some spend."""
    pytest_socket.enable_socket()
    with SpokenHome(tmp_path_factory.mktemp("home-assistant")) as running:
        running.add_agent(proxy.url)
        running.flow("flow", DOMAIN, {"proxy": proxy.url})
        sent = proxy.send(traffic(20))
        proxy.wait_until_counted()
        running.wait_for_spend(sent, "Spend today")
        limit = {"entity_id": "number.litellm_daily_limit", "value": LIMIT}
        running.api("services/number/set_value", limit)
        yield running


@pytest.fixture(scope="module")
def guest(home: SpokenHome) -> str:
    """Return the access token of somebody who is no administrator."""
    pytest_socket.enable_socket()
    add_guest(home, GUEST)
    return home.log_in(GUEST, GUEST)


def test_the_tools_are_offered_whatever_is_exposed(home: SpokenHome, model: Model) -> None:
    entities = ask(home, {"type": "config/entity_registry/list"})[0]
    ours = [one["entity_id"] for one in entities if one["platform"] == DOMAIN]
    home.talk("get_usage {}")
    assert model.offered.keys() >= TOOLS
    assert not [one for one in ours if one in model.prompt]
    exposed = {"type": "homeassistant/expose_entity", "assistants": ["conversation"], "should_expose": True}
    ask(home, {**exposed, "entity_ids": ours})
    home.talk("get_usage {}")
    assert model.offered.keys() >= TOOLS
    assert "Spend today" in model.prompt


def test_the_model_is_told_what_it_may_ask(home: SpokenHome, model: Model) -> None:
    home.talk("get_usage {}")
    for name in TOOLS:
        tool = model.offered[name]
        assert "AI" in tool["description"]
        assert tool["parameters"]["type"] == "object"
    ranking = model.offered[f"{DOMAIN}__get_usage_ranking"]["parameters"]
    assert "last_month" in ranking["properties"]["when"]["enum"]
    assert {"model", "team", "key"} <= set(ranking["properties"]["kind"]["enum"])


def test_every_tool_answers_in_the_conversation(home: SpokenHome, proxy: Proxy) -> None:
    proxy.wait_until_counted()
    home.refresh()
    shown = home.spend()
    total = home.talk("get_usage {}")
    assert total == {"when": "today", "spend_usd": pytest.approx(shown[""], abs=1e-6), "of": "all"}
    # As models give what they leave out.
    assert home.talk('get_usage {"name": null, "when": ""}') == total
    one = home.talk('get_usage {"when": "this_month", "name": "claude sonnet four five"}')
    assert one["of"] == ["claude-sonnet-4-5"]
    assert one["spend_usd"] == pytest.approx(shown["claude-sonnet-4-5"], abs=1e-6)
    ranking = home.talk('get_usage_ranking {"kind": "team", "when": "this_week"}')["ranking"]
    assert {row["name"] for row in ranking} == {"Research", "Home"}
    tokens = home.talk('get_usage {"metric": "tokens", "name": "claude"}')["tokens"]
    assert tokens == _tokens(home, "claude-sonnet-4-5")
    (left,) = home.talk("get_budget_left {}")["left"]
    assert left["remaining_usd"] == pytest.approx(LIMIT - home.spend()[""], abs=0.1)


def test_the_built_in_agent_says_the_same(home: SpokenHome) -> None:
    tokens = home.talk('get_usage {"metric": "tokens", "name": "claude"}')["tokens"]
    assert home.say("How many tokens did Claude use today?", "en") == f"claude-sonnet-4-5 used {tokens:,} tokens today."
    assert home.say("Wie viele Token hat Claude heute verbraucht?", "de") == (
        f"claude-sonnet-4-5: heute {tokens:,} Token.".replace(",", ".")
    )


def test_the_conversation_itself_is_counted(home: SpokenHome, model: Model) -> None:
    home.talk("get_usage {}")
    deadline = time.monotonic() + 60
    while (counted := _tokens(home, UPSTREAM)) != model.requests * TOKENS and time.monotonic() < deadline:
        home.refresh()
        time.sleep(1)
    assert counted == model.requests * TOKENS


def _tokens(home: SpokenHome, model: str) -> float:
    """Return the tokens of a model today, by the JSON API."""
    models = home.api(f"{DOMAIN}/api/v1/models")["models"]
    return math.fsum(one["tokens_daily"] for one in models if one["model"] == model)


def test_persons_are_told_to_administrators_only(home: SpokenHome, guest: str) -> None:
    question = 'get_usage_ranking {"kind": "key"}'
    assert "ranking" in home.talk(question)
    assert home.talk(question, guest) == REFUSED
    assert home.speak(question) == REFUSED
    assert home.speak("get_usage {}").keys() == {"when", "spend_usd", "of"}
    # Whether there is anybody of a name is told by no answer.
    for name in ("alice laptop", "nobody at all"):
        nobody = {"error": f"Nobody is called {name}. {REFUSED['error']}"}
        assert home.talk(f'get_usage {{"name": "{name}"}}', guest) == nobody


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        ('get_usage {"when": "tomorrow"}', "last_month"),
        ('get_usage {"when": 7}', "last_month"),
        ('get_usage {"name": ["a", "b"]}', "str"),
        ('get_usage {"whom": "me"}', "whom"),
        ("get_usage_ranking {}", "kind"),
        ('get_usage_ranking {"kind": "animal"}', "provider"),
        ('get_usage {"metric": "words"}', "tokens"),
        ('get_budget_left {"name": 7}', "str"),
        ("get_budget_left []", "mapping"),
        ("get_usage null", "mapping"),
    ],
)
def test_a_model_that_asks_wrongly_is_told_what_is_wrong(home: SpokenHome, call: str, complaint: str) -> None:
    answer = home.talk(call)
    assert answer["error"] != ""
    assert complaint in answer["error_text"]


def test_home_assistant_logs_no_complaint(home: SpokenHome) -> None:
    lines = [line for line in home.log().splitlines() if "litellm" in line or "conversation" in line]
    assert [line for line in lines if "We found a custom integration" not in line] == []
