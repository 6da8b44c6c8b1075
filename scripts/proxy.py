"""A real LiteLLM proxy: mock models at real prices, teams and keys, no provider, no database."""

import json
import math
import random
import re
import shutil
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import environments
from progress import StepError, step
from service import HOST, Service

MASTER_KEY = "sk-demo-master"
MODELS = {
    "gpt-4o": "openai/gpt-4o",
    "gpt-4o-mini": "openai/gpt-4o-mini",
    "claude-sonnet": "anthropic/claude-sonnet-4-5",
    "gemini-flash": "gemini/gemini-2.5-flash",
    "local-llama": "ollama/llama3.2",
}
"""Public name and upstream model; LiteLLM knows the prices, the last is free."""
BROKEN_MODEL = "overloaded"
TAGS = ("kitchen", "office", "experiment")


@dataclass(frozen=True)
class Key:
    """Who owns an API key; the fields are LiteLLM's own. No budgets: without a database they would stand still."""

    key_alias: str
    user_id: str
    user_email: str
    team_id: str
    team_alias: str


KEYS = {
    "sk-demo-alice": Key("alice-laptop", "alice", "alice@example.com", "team-research", "Research"),
    "sk-demo-bob": Key("bob-editor", "bob", "bob@example.com", "team-research", "Research"),
    "sk-demo-home": Key("voice-assistant", "home", "home@example.com", "team-home", "Home"),
}


@dataclass(frozen=True)
class Request:
    """One chat completion, and the usage that the mock provider reports for it."""

    model: str
    key: str = "sk-demo-alice"
    tag: str = "office"
    prompt_tokens: int = 1000
    completion_tokens: int = 200
    cached_tokens: int = 0

    def body(self) -> dict[str, object]:
        """Return the request as the chat completions API takes it."""
        usage = {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens},
        }
        message = {"role": "assistant", "content": "A mock answer."}
        body: dict[str, object] = {
            "model": self.model,
            "messages": [{"role": "user", "content": "A question."}],
            "metadata": {"tags": [self.tag]},
        }
        if self.model != BROKEN_MODEL:
            body["mock_response"] = {"choices": [{"message": message}], "usage": usage}
        return body


def traffic(count: int, seed: int = 0) -> list[Request]:
    """Return requests of every model, key and tag in turn, their sizes varied."""
    chance = random.Random(seed)  # noqa: S311 - sizes of mock requests
    models, keys = list(MODELS), list(KEYS)
    requests = []
    for number in range(count):
        prompt = chance.randrange(50, 20_000)
        requests.append(
            Request(
                model=models[number % len(models)],
                key=keys[number % len(keys)],
                tag=chance.choice(TAGS),
                prompt_tokens=prompt,
                completion_tokens=chance.randrange(1, 2_000),
                cached_tokens=chance.choice((0, 0, prompt // 2)),
            )
        )
    return requests


class Proxy(Service):
    """The LiteLLM proxy of the demo and of the end-to-end tests."""

    title = "LiteLLM proxy"
    usual_port = 4000

    def __init__(
        self,
        state: Path,
        release: str | None = None,
        options: Sequence[str] = (),
        models: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Keep configuration and log below `state`; run a release that has an environment, by default the newest.

        `options` are more of LiteLLM's command line; `models` are more models, by name, with LiteLLM's parameters.
        """
        super().__init__(state)
        self._release = release
        self._options = options
        self._models = models or {}
        self._usage: dict[str, list[tuple[float, int]]] = defaultdict(list)

    def _command(self) -> list[str | Path]:
        self._usage.clear()
        shutil.copy(Path(__file__).with_name("proxy_auth.py"), self.state)
        self._write("keys.json", {MASTER_KEY: {"user_role": "proxy_admin"}, **_key_table()})
        self._write("config.yaml", _configuration(self._models))
        command = environments.prepare(environments.litellm(self._release)).with_name("litellm")
        return [command, "--config", "config.yaml", "--host", HOST, "--port", str(self.port), *self._options]

    def _write(self, name: str, content: object) -> None:
        (self.state / name).write_text(json.dumps(content, indent=2))

    def _environment(self) -> dict[str, str]:
        # Several workers share a folder below TMPDIR, which other proxies must not.
        return {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "HF_HUB_OFFLINE": "1",
            "NO_COLOR": "1",
            "TMPDIR": str(self.state.absolute()),
        }

    def _ready(self) -> bool:
        # With custom_auth, older releases ask for a key here too.
        return self.request("/health/readiness", token=MASTER_KEY).status == 200  # noqa: PLR2004

    def metrics(self) -> str:
        """Return the body of /metrics."""
        answer = self.request("/metrics/", token=MASTER_KEY)
        if answer.status != 200:  # noqa: PLR2004
            raise StepError(f"/metrics/ answered {answer.status}")
        return answer.body.decode()

    def send(self, requests: Iterable[Request]) -> dict[str, float]:
        """Send requests and return what they cost, per upstream model, by LiteLLM's own word."""
        spend: dict[str, list[float]] = defaultdict(list)
        for request in requests:
            answer = self.request("/v1/chat/completions", request.body(), token=request.key)
            if request.model == BROKEN_MODEL:
                continue
            tokens = answer.json()["usage"]["total_tokens"]
            # A request that costs nothing carries no such header.
            cost = float(answer.headers.get("x-litellm-response-cost") or 0)
            upstream = MODELS[request.model].partition("/")[2]
            spend[upstream].append(cost)
            self._usage[upstream].append((cost, tokens))
        return {model: math.fsum(costs) for model, costs in spend.items()}

    def wait_until_counted(self, seconds: float = 60) -> None:
        """Wait until /metrics shows all that was sent since the start: LiteLLM logs later than it answers."""
        with step("Waiting for LiteLLM to count the traffic") as current:
            while missing := self._missing():
                current.news = missing
                if current.seconds > seconds:
                    raise StepError(f"LiteLLM's own /metrics lacks traffic after {seconds:.0f} s: {missing}")
                time.sleep(0.5)

    def _missing(self) -> str:
        """Return the first model whose tokens or spend LiteLLM has not counted in full."""
        body = self.metrics()
        spend = _sums(body, "litellm_spend_metric_total")
        tokens = _sums(body, "litellm_total_tokens_metric_total")
        for model, usage in self._usage.items():
            sent = math.fsum(cost for cost, _ in usage), sum(count for _, count in usage)
            counted = spend.get(model, 0), tokens.get(model, 0)
            if counted[1] != sent[1] or not math.isclose(counted[0], sent[0], abs_tol=1e-9):
                return f"{model}: {counted[0]} USD, {counted[1]:.0f} tokens of {sent[0]} USD, {sent[1]} tokens"
        return ""


def _sums(body: str, family: str) -> Mapping[str, float]:
    """Return the sum of a counter per model."""
    values: dict[str, list[float]] = defaultdict(list)
    for model, value in re.findall(rf'^{family}{{.*\bmodel="([^"]*)".*}} (\S+)$', body, re.MULTILINE):
        values[model].append(float(value))
    return {model: math.fsum(parts) for model, parts in values.items()}


def _key_table() -> dict[str, object]:
    """Return what proxy_auth.py needs to know of each key."""
    # Without this flag LiteLLM ignores the mock usage that a request brings along.
    permission = {"metadata": {"allow_client_mock_response": True}}
    return {secret: {**asdict(key), **permission} for secret, key in KEYS.items()}


def _configuration(more: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    """Return LiteLLM's configuration, with more models; JSON is YAML too."""
    models: list[dict[str, object]] = [
        {"model_name": name, "litellm_params": {"model": model, "api_key": "none", "mock_response": "A mock answer."}}
        for name, model in MODELS.items()
    ]
    broken = {"model": "openai/gpt-4.1", "api_key": "none", "mock_response": "litellm.InternalServerError"}
    models.append({"model_name": BROKEN_MODEL, "litellm_params": broken})
    models += [{"model_name": name, "litellm_params": parameters} for name, parameters in more.items()]
    return {
        "model_list": models,
        "litellm_settings": {
            "callbacks": ["prometheus"],
            "custom_prometheus_tags": list(TAGS),
            "num_retries": 0,
            "require_auth_for_metrics_endpoint": True,
            "telemetry": False,
        },
        "general_settings": {"master_key": MASTER_KEY, "custom_auth": "proxy_auth.authenticate"},
    }
