"""Ninety days of usage, counted by the real ledger from the bodies of a simulated proxy."""

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from custom_components.litellm_pulse.core.ledger import Ledger

from ..hostile import written

EVIL: Final = "<img src=x onerror=alert(1)>"
"""A name that is an attack where it is taken for HTML."""

type Model = tuple[str, float, float, int]
type Key = tuple[str, str, str, str, str, str, int]

MODELS: Final[Mapping[str, Model]] = {
    "claude-sonnet-4-5": ("anthropic", 3.0, 15.0, 10),
    "gpt-4o": ("openai", 2.5, 10.0, 7),
    "gemini-2.5-pro": ("gemini", 1.25, 10.0, 5),
    "claude-opus-4-1": ("anthropic", 15.0, 75.0, 1),
    "gpt-4o-mini": ("openai", 0.15, 0.6, 14),
    "gemini-2.5-flash": ("gemini", 0.3, 2.5, 9),
    "claude-haiku-4-5": ("anthropic", 1.0, 5.0, 8),
    "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0": ("bedrock", 3.0, 15.0, 2),
    "deepseek-chat": ("deepseek", 0.27, 1.1, 4),
    EVIL: ("openai", 1.0, 2.0, 1),
    "llama3.2": ("ollama", 0.0, 0.0, 12),
    **{f"model-{number}": ("openai", 0.1 * number, 0.4 * number, 1) for number in range(1, 10)},
}
"""Model -> provider, dollars per million tokens in and out, how often it is used."""
KEYS: Final[Sequence[Key]] = (
    ("key-alice", "alice-laptop", "alice", "alice@example.com", "team-research", "Research", 5),
    ("key-bob", "bob-editor", "bob", "bob@example.com", "team-research", "Research", 4),
    ("key-home", "voice-assistant", "home", "home@example.com", "team-home", "Home", 3),
    ("key-shop", "shop-bot", "carol", "carol@example.com", "team-shop", "Web shop", 2),
)
"""Id, alias, user, e-mail, team, its alias, how often it is used."""

_FAMILIES: Final = {
    "litellm_proxy_total_requests_metric_total": "requests",
    "litellm_proxy_failed_requests_metric_total": "failed_requests",
    "litellm_total_tokens_metric_total": "tokens",
    "litellm_input_tokens_metric_total": "input_tokens",
    "litellm_output_tokens_metric_total": "output_tokens",
    "litellm_input_cached_tokens_metric_total": "input_cached_tokens",
    "litellm_spend_metric_total": "cost",
}


@dataclass(slots=True)
class Past:
    """A simulated proxy: its counters grow by the hour, more by day and on working days."""

    models: Mapping[str, Model] = field(default_factory=lambda: MODELS)
    keys: Sequence[Key] = KEYS
    started: float = 0.0
    """When the proxy's process started, in UTC seconds."""
    chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - traffic
    counters: defaultdict[tuple[str, int, str], float] = field(default_factory=lambda: defaultdict(float))
    """Metric, key and model -> value."""
    spent: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Team -> spend, for the budgets."""

    def hour(self, now: datetime) -> None:
        """Let an hour's requests come in."""
        busy = (0.15 + max(0.0, math.sin((now.hour - 6) / 24 * 2 * math.pi))) * (1.0 if now.weekday() < 5 else 0.4)
        for number, (*_, weight) in enumerate(self.keys):
            for model, (_, _, _, popular) in self.models.items():
                requests = int(self.chance.expovariate(1) * busy * weight * popular / 8)
                if requests:
                    self._use(number, model, requests)

    def _use(self, number: int, model: str, requests: int) -> None:
        """Count some requests of one key and model."""
        _, price_in, price_out, _ = self.models[model]
        sent = requests * self.chance.randrange(500, 6000)
        got = requests * self.chance.randrange(80, 900)
        failed = sum(self.chance.random() < 0.02 for _ in range(requests))
        cost = (sent * price_in + got * price_out) / 1e6
        grown = {
            "requests": requests + failed,
            "failed_requests": failed,
            "tokens": sent + got,
            "input_tokens": sent,
            "output_tokens": got,
            "input_cached_tokens": int(sent * self.chance.random() * 0.6),
            "cost": cost,
        }
        for metric, value in grown.items():
            self.counters[metric, number, model] += value
        self.spent[self.keys[number][4]] += cost

    def body(self) -> bytes:
        """Return the answer of /metrics."""
        lines = ["# TYPE process_start_time_seconds gauge", f"process_start_time_seconds {self.started}"]
        for family, metric in _FAMILIES.items():
            lines.append(f"# TYPE {family} counter")
            lines += [
                f"{family}{{{self._labels(number, model)}}} {value!r}"
                for (name, number, model), value in self.counters.items()
                if name == metric
            ]
        lines += self._budgets()
        return ("\n".join(lines) + "\n").encode()

    def _budgets(self) -> Iterator[str]:
        """Yield the gauges of the teams' budgets and of the deployments' states."""
        for kind, value in (("team_max_budget", lambda _: 400.0), ("remaining_team_budget", self._remaining)):
            yield f"# TYPE litellm_{kind}_metric gauge"
            for team, alias in {key[4]: key[5] for key in self.keys}.items():
                labels = f'team="{written(team)}",team_alias="{written(alias)}"'
                yield f"litellm_{kind}_metric{{{labels}}} {value(team)!r}"
        yield "# TYPE litellm_deployment_state gauge"
        for index, (model, (provider, *_)) in enumerate(self.models.items()):
            labels = f'api_provider="{provider}",litellm_model_name="{written(model)}",model_id="{index}"'
            yield f"litellm_deployment_state{{{labels}}} {float(index == 7)}"

    def _remaining(self, team: str) -> float:
        """Return what is left of a team's budget, which is renewed whenever it is used up."""
        return 400.0 - self.spent[team] % 400.0

    def _labels(self, number: int, model: str) -> str:
        """Return the labels of a series."""
        key, alias, user, email, team, team_alias, _ = map(written, map(str, self.keys[number]))
        name = written(model)
        return (
            f'api_key_alias="{alias}",api_provider="{self.models[model][0]}",hashed_api_key="{key}",model="{name}",'
            f'requested_model="{name}",team="{team}",team_alias="{team_alias}",user="{user}",user_email="{email}"'
        )


def write(path: Path, *, now: datetime, zone: ZoneInfo, days: int = 90, past: Past | None = None) -> Past:
    """Write the ledger of a proxy that was scraped hourly until the last full hour; return the proxy."""
    past = past or Past()
    at = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=days)
    past.started = at.timestamp() - 3600
    path.parent.mkdir(parents=True, exist_ok=True)
    ledger = Ledger.open(path, now=at, zone=zone)
    while at < now:
        parser = ledger.parser()
        parser.feed(past.body())
        ledger.scrape(parser.finish(), now=at, answered_at=at)
        past.hour(at)
        at += timedelta(minutes=30) if at + timedelta(hours=1) > now else timedelta(hours=1)
    ledger.close()
    return past
