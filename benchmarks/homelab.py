"""A small proxy whose counters really count: 13 metrics for every pair of a model and a key.

For what takes many thousands of scrapes. Labels are those of the recording; families that a real
body has but the integration leaves alone are left out, so that a simulated year takes minutes.
"""

import hashlib
import random
import re
from dataclasses import dataclass, field

from .bodies import RECORDING

_SECONDS_CREATED = 1.5
"""What `_created` says is a little later than the process' own start."""

_OWN = 2
"""The part of the body that counts the scrapes themselves."""

_BORROWED = {
    "litellm_proxy_failed_requests_metric_total": "litellm_proxy_total_requests_metric_total",
    "litellm_output_reasoning_tokens_metric_total": "litellm_total_tokens_metric_total",
    "litellm_input_cached_tokens_metric_total": "litellm_total_tokens_metric_total",
    "litellm_input_cache_creation_tokens_metric_total": "litellm_total_tokens_metric_total",
    "litellm_cache_misses_metric_total": "litellm_cache_hits_metric_total",
    "litellm_deployment_failure_responses_total": "litellm_deployment_total_requests_total",
}
"""Families that the recording has no sample of -> the family whose labels they share."""

FAMILIES = (
    "litellm_proxy_total_requests_metric_total",
    "litellm_proxy_failed_requests_metric_total",
    "litellm_total_tokens_metric_total",
    "litellm_input_tokens_metric_total",
    "litellm_output_tokens_metric_total",
    "litellm_output_reasoning_tokens_metric_total",
    "litellm_spend_metric_total",
    "litellm_cache_hits_metric_total",
    "litellm_cache_misses_metric_total",
    "litellm_cached_tokens_metric_total",
    "litellm_input_cached_tokens_metric_total",
    "litellm_input_cache_creation_tokens_metric_total",
    "litellm_deployment_total_requests_total",
    "litellm_deployment_success_responses_total",
    "litellm_deployment_failure_responses_total",
)
"""The twelve counters of litellm-pulse, whose thirteenth metric is a gauge, and the deployments'."""


@dataclass(slots=True)
class _Series:
    """A line of the body."""

    head: str
    place: int
    """Which part of the body it is."""
    value: float = 0.0


@dataclass(slots=True)
class Homelab:
    """A proxy with some models and keys; every second key is of the second team."""

    models: int = 6
    keys: int = 3
    teams: int = 2
    started: float = 1.0e9
    _series: dict[tuple[str, int, int], _Series] = field(default_factory=dict)
    """By family, model and key."""
    _parts: list[bytes] = field(default_factory=list)
    _scrapes: int = 0
    _changed: set[tuple[str, int, int]] = field(default_factory=set)
    _chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311  # traffic

    def __post_init__(self) -> None:
        """Lay the body out."""
        self.restart(self.started)

    def restart(self, started: float) -> None:
        """Begin anew, with all counters at zero: every pair of a model and a key has its series."""
        self.started, self._scrapes = started, 0
        self._series.clear()
        self._parts = [
            f"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {started!r}\n".encode(),
            b"# TYPE litellm_in_flight_requests gauge\nlitellm_in_flight_requests 1.0\n",
            b"",
        ]
        recording = RECORDING.read_text()
        for family in FAMILIES:
            self._lay_out(family, _template(recording, family))
        self._changed = set(self._series)

    def request(self, model: int, key: int) -> None:
        """Count one request of some size, as LiteLLM counts it; one in a hundred fails."""
        chance = self._chance
        self._add("litellm_proxy_total_requests_metric_total", model, key, 1)
        self._add("litellm_deployment_total_requests_total", model, key, 1)
        if chance.random() < 0.01:
            self._add("litellm_proxy_failed_requests_metric_total", model, key, 1)
            self._add("litellm_deployment_failure_responses_total", model, key, 1)
            return
        read, written = chance.randrange(50, 20_000), chance.randrange(1, 2_000)
        reasoning, cached = chance.randrange(written), chance.randrange(read)
        self._add("litellm_deployment_success_responses_total", model, key, 1)
        self._add("litellm_total_tokens_metric_total", model, key, read + written)
        self._add("litellm_input_tokens_metric_total", model, key, read)
        self._add("litellm_output_tokens_metric_total", model, key, written)
        self._add("litellm_output_reasoning_tokens_metric_total", model, key, reasoning)
        self._add("litellm_spend_metric_total", model, key, read * 2.5e-6 + written * 1.0e-5)
        self._add("litellm_input_cached_tokens_metric_total", model, key, cached)
        self._add("litellm_input_cache_creation_tokens_metric_total", model, key, read - cached)
        hit = chance.random() < 0.2
        self._add(f"litellm_cache_{'hits' if hit else 'misses'}_metric_total", model, key, 1)
        if hit:
            self._add("litellm_cached_tokens_metric_total", model, key, read)

    def body(self) -> bytes:
        """Return what /metrics answers now; LiteLLM counts the scrape itself, too."""
        self._scrapes += 1
        self._parts[_OWN] = (
            f"# TYPE {FAMILIES[0]} counter\n"
            f'{FAMILIES[0]}{{requested_model="",route="/metrics/",status_code="200"}} {self._scrapes}.0\n'
        ).encode()
        for key in self._changed:
            one = self._series[key]
            self._parts[one.place] = f"{one.head} {one.value!r}\n".encode()
        self._changed.clear()
        return b"".join(self._parts)

    def _add(self, family: str, model: int, key: int, by: float) -> None:
        self._series[family, model, key].value += by
        self._changed.add((family, model, key))

    def _lay_out(self, family: str, template: str) -> None:
        """Add a counter and its `_created` twin, as LiteLLM with one worker has it."""
        if family != FAMILIES[0]:
            self._parts.append(f"# TYPE {family} counter\n".encode())
        twin = family.removesuffix("_total") + "_created"
        created = [f"# TYPE {twin} gauge\n"]
        for model in range(self.models):
            for key in range(self.keys):
                labels = _labels(template, model, key, key % self.teams)
                self._series[family, model, key] = _Series(family + labels, len(self._parts))
                self._parts.append(b"")
                created.append(f"{twin}{labels} {self.started + _SECONDS_CREATED!r}\n")
        self._parts.append("".join(created).encode())


def _template(recording: str, family: str) -> str:
    """Return the labels of a family's sample in the recording."""
    found = re.search(rf"^{_BORROWED.get(family, family)}(\{{.*\}}) \S+$", recording, re.MULTILINE)
    assert found is not None
    labels = found[1]
    if "failed" in family or "failure" in family:
        labels = labels.replace("{", '{exception_class="RateLimitError",exception_status="429",', 1)
    return labels


def _labels(template: str, model: int, key: int, team: int) -> str:
    """Return the labels of another model, key and team."""
    people = {
        "hashed_api_key": hashlib.sha256(f"key-{key}".encode()).hexdigest(),
        "api_key_alias": f"key-{key}",
        "user": f"user-{key}",
        "user_email": f"user-{key}@example.com",
        "team": f"id-team-{team}",
        "team_alias": f"team-{team}",
        "model": f"model-{model}",
        "requested_model": f"model-{model}",
        "model_group": f"model-{model}",
        "litellm_model_name": f"model-{model}",
        "model_id": hashlib.sha256(f"model-{model}".encode()).hexdigest(),
    }
    return re.sub(
        r'([a-z_]+)="([^"]*)"',
        lambda found: f'{found[1]}="{people.get(found[1], found[2])}"',
        template,
    )
