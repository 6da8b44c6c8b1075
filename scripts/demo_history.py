"""Write a ledger with 60 days of invented usage, as if the demo's proxy had been scraped all that time.

Arguments: the file, and when the invented time ends (Unix seconds). It runs in the environment of
Home Assistant: every quarter of an hour a made-up answer goes through the real ledger.
"""

import hashlib
import random
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from proxy import KEYS, MODELS, TAGS

DAYS = 60
STEP = timedelta(minutes=15)

PRICES = {
    "gpt-4o": (2.5e-6, 1e-5),
    "gpt-4o-mini": (1.5e-7, 6e-7),
    "claude-sonnet": (3e-6, 1.5e-5),
    "gemini-flash": (3e-7, 2.5e-6),
    "local-llama": (0.0, 0.0),
}
"""US dollars per token read and written, as LiteLLM's price list has them."""

HABITS = {
    "sk-demo-alice": (range(8, 19), 5, {"claude-sonnet": 6, "gpt-4o": 3, "gpt-4o-mini": 2}),
    "sk-demo-bob": (range(10, 24), 7, {"claude-sonnet": 3, "gemini-flash": 4, "local-llama": 3}),
    "sk-demo-home": (range(6, 23), 7, {"gpt-4o-mini": 5, "gemini-flash": 3, "local-llama": 1}),
}
"""Key -> the hours and the number of weekdays that it is used, and how often it asks each model."""

SPEND = "litellm_spend_metric_total"
TOTAL = "litellm_total_tokens_metric_total"
INPUT = "litellm_input_tokens_metric_total"
OUTPUT = "litellm_output_tokens_metric_total"
CACHED = "litellm_input_cached_tokens_metric_total"
REQUESTS = "litellm_proxy_total_requests_metric_total"
FAILED = "litellm_proxy_failed_requests_metric_total"


@dataclass(slots=True)
class InventedProxy:
    """A proxy whose counters grow by habit and chance."""

    started: float
    chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - invented traffic
    counters: dict[str, dict[str, float]] = field(default_factory=dict)
    """Family -> labels -> value."""

    def pass_time(self, begin: datetime, growth: float) -> None:
        """Let the people of the demo work for a quarter of an hour; `growth` says how eagerly."""
        for number, (secret, (hours, weekdays, models)) in enumerate(HABITS.items()):
            works = begin.hour in hours and begin.weekday() < weekdays
            for _ in range(self.chance.randrange(round(5 * growth) + 1) if works else 0):
                model = self.chance.choices(list(models), list(models.values()))[0]
                self._request(secret, model, TAGS[number])

    def _request(self, secret: str, model: str, tag: str) -> None:
        """Count one request; one in fifty fails."""
        labels = _labels(secret, model, tag)
        if self.chance.random() < 1 / 50:
            self._add(REQUESTS, f'{labels},status_code="500"', 1)
            self._add(FAILED, f'{labels},exception_status="500"', 1)
            return
        read, written = self.chance.randrange(500, 30_000), self.chance.randrange(50, 3_000)
        price_read, price_written = PRICES[model]
        self._add(REQUESTS, f'{labels},status_code="200"', 1)
        named = f'{labels},model="{MODELS[model].partition("/")[2]}"'
        self._add(SPEND, named, read * price_read + written * price_written)
        self._add(TOTAL, named, read + written)
        self._add(INPUT, named, read)
        self._add(OUTPUT, named, written)
        self._add(CACHED, named, self.chance.choice((0, 0, read // 2)))

    def _add(self, family: str, labels: str, by: float) -> None:
        series = self.counters.setdefault(family, {})
        series[labels] = series.get(labels, 0.0) + by

    def body(self) -> bytes:
        """Return what /metrics answers."""
        lines = ["# TYPE process_start_time_seconds gauge", f"process_start_time_seconds {self.started!r}"]
        for family, series in self.counters.items():
            lines.append(f"# TYPE {family} counter")
            lines += [f"{family}{{{labels}}} {value!r}" for labels, value in series.items()]
        return "".join(f"{line}\n" for line in lines).encode()


def _labels(secret: str, model: str, tag: str) -> str:
    """Return the labels that LiteLLM gives the usage of a key."""
    key = KEYS[secret]
    provider = MODELS[model].partition("/")[0]
    labels = {
        "api_key_alias": key.key_alias,
        "api_provider": provider,
        "hashed_api_key": hashlib.sha256(secret.encode()).hexdigest(),
        "model_id": hashlib.sha256(model.encode()).hexdigest(),
        "requested_model": model,
        "route": "/v1/chat/completions",
        f"tag_{tag}": "true",
        "team": key.team_id,
        "team_alias": key.team_alias,
        "user": key.user_id,
        "user_email": key.user_email,
    }
    return ",".join(f'{name}="{value}"' for name, value in labels.items())


def main(arguments: list[str]) -> None:
    """Write the ledger."""
    # On the path only where this runs: the scripts themselves have no need of it.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from custom_components.litellm_pulse.core.ledger import Ledger  # noqa: PLC0415

    path, end = Path(arguments[0]), datetime.fromtimestamp(float(arguments[1]), UTC)
    now = end - timedelta(days=DAYS)
    proxy = InventedProxy(now.timestamp() - 60)
    path.parent.mkdir(parents=True, exist_ok=True)
    ledger = Ledger.open(path, now=now, zone=ZoneInfo("UTC"))
    while now < end:
        parser = ledger.parser()
        parser.feed(proxy.body() + b"# TYPE litellm_in_flight_requests gauge\nlitellm_in_flight_requests 0.0\n")
        ledger.scrape(parser.finish(), now=now, answered_at=now)
        proxy.pass_time(now, 0.6 + 0.8 * (now - (end - timedelta(days=DAYS))) / timedelta(days=DAYS))
        now += STEP
    ledger.close()


if __name__ == "__main__":
    main(sys.argv[1:])
