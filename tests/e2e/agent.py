"""A home whose conversation agent is Home Assistant's own for LiteLLM, and a language model that a test scripts.

The model is asked as it is at home: the agent asks the LiteLLM proxy, and that the model's server.
"""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self, override

from home_assistant import DOMAIN, HomeAssistant
from progress import step
from proxy import MASTER_KEY

from .websocket import ask

MODEL = "scripted"
AGENT = f"conversation.{MODEL}"
UPSTREAM = "gpt-4.1-mini"
"""What LiteLLM takes the model for, and its prices from; none of the other traffic's."""
TOKENS = 1200
USAGE = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": TOKENS}
AUTOMATIONS = """
automation spoken:
  - alias: Whoever speaks to a satellite is nobody's user
    triggers: {trigger: event, event_type: spoken}
    actions:
      - action: conversation.process
        data: {text: "{{ trigger.event.data.text }}", agent_id: "{{ trigger.event.data.agent }}"}
        response_variable: answer
      - action: persistent_notification.create
        data: {notification_id: spoken, message: "{{ answer.response.speech.plain.speech }}"}
"""


@dataclass
class Model:
    """A language model that calls the tool that it is told to and repeats the result: `get_usage {"when": "today"}`."""

    url: str
    requests: int = 0
    offered: dict[str, Any] = field(default_factory=dict)
    """The tools of the last request: name -> what the model is told of it."""
    prompt: str = ""
    """What the last request told the model of the home."""

    def message(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the model's message, as the chat completions API has it."""
        self.requests += 1
        self.offered = {tool["function"]["name"]: tool["function"] for tool in request.get("tools", [])}
        first, *_, last = request["messages"]
        self.prompt = str(first["content"])
        if last["role"] == "tool":
            return {"role": "assistant", "content": last["content"]}
        tool, _, arguments = last["content"].partition(" ")
        call = {"name": f"{DOMAIN}__{tool}", "arguments": arguments}
        calls = [{"id": f"call-{len(request['messages'])}", "type": "function", "function": call}]
        return {"role": "assistant", "content": None, "tool_calls": calls}

    @classmethod
    @contextmanager
    def serve(cls) -> Iterator[Self]:
        """Yield a model that answers on loopback."""

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                message = model.message(request)
                finish = "tool_calls" if "tool_calls" in message else "stop"
                answer = {"id": "1", "object": "chat.completion", "created": 1, "model": UPSTREAM, "usage": USAGE}
                body = json.dumps(answer | {"choices": [{"index": 0, "message": message, "finish_reason": finish}]})
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body.encode())

            @override
            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            model = cls(f"http://127.0.0.1:{server.server_port}/v1")
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield model
            finally:
                server.shutdown()

    def parameters(self) -> dict[str, str]:
        """Return what LiteLLM's configuration says of it."""
        return {"model": f"openai/{UPSTREAM}", "api_base": self.url, "api_key": "none"}


class SpokenHome(HomeAssistant):
    """A Home Assistant that is spoken to."""

    @override
    def configure(self) -> None:
        """Add what a satellite does."""
        super().configure()
        with (self.state / "configuration.yaml").open("a") as configuration:
            configuration.write(AUTOMATIONS)

    def add_agent(self, proxy_url: str) -> None:
        """Set Home Assistant's own integration of LiteLLM up, with a conversation agent."""
        entry = self.flow("flow", "litellm", {"url": proxy_url, "api_key": MASTER_KEY})["result"]["entry_id"]
        path = "config/config_entries/subentries/flow"
        form = self.api(path, {"handler": [entry, "conversation"]})
        self.api(f"{path}/{form['flow_id']}", {"model": MODEL, "llm_hass_api": ["assist"]})
        with step("Waiting for the agent"):
            while self.ask(f"states/{AGENT}").status != 200:
                time.sleep(0.2)

    def talk(self, text: str, token: str = "") -> Any:  # noqa: ANN401 - whatever the tool says
        """Return the answer of the agent to a user, by default the administrator: the result of the tool."""
        return _result(self._converse(token or self._token, {"text": text, "agent_id": AGENT, "language": "en"}))

    def say(self, text: str, language: str) -> str:
        """Return what the built-in agent, which has no language model, answers to the administrator."""
        asked = {"text": text, "agent_id": "conversation.home_assistant", "language": language}
        return self._converse(self._token, asked)

    def _converse(self, token: str, asked: dict[str, str]) -> str:
        """Return what an agent answers."""
        answer = self.request("/api/conversation/process", asked, token=token).json()["response"]
        assert answer["response_type"] == "action_done", answer
        return str(answer["speech"]["plain"]["speech"])

    def speak(self, text: str) -> Any:  # noqa: ANN401 - likewise
        """Return the answer of the agent to somebody whom Home Assistant does not know."""
        self.api("services/persistent_notification/dismiss_all", {})
        self.api("events/spoken", {"text": text, "agent": AGENT})
        with step("Waiting for the answer"):
            while not (found := ask(self, {"type": "persistent_notification/get"})[0]):
                time.sleep(0.2)
        return _result(found[0]["message"])


def _result(speech: str) -> Any:  # noqa: ANN401 - likewise
    """Return the result of a tool, as the agent gives it to the model."""
    return json.loads(speech)["data"]
