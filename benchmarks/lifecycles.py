"""Short lives of a proxy, in which its counters are no plain sum: what it answers, and what was spent in truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

FIRST = datetime(2026, 11, 18, 12, tzinfo=UTC)
"""When the first answer comes."""
MINUTE = 60.0
"""Seconds between two answers."""
ANSWERS_UNTIL_RESTARTED = 10
"""In which the old workers have to stay away, before the new ones are taken for them."""
_RECORDINGS = Path(__file__).parent.parent / "tests" / "fixtures"
_OLD = FIRST.timestamp() - 5000
"""When a process began that is older than whoever looks."""
_FAMILIES = {
    "litellm_spend_metric": 1,
    "litellm_total_tokens_metric": 100_000,
    "litellm_proxy_total_requests_metric": 40,
}
"""Counter -> what it has per US dollar."""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """One life: the answers in their order, and the US dollars that were spent since the first of them."""

    name: str
    truth: float
    answers: Sequence[bytes]


def _answer(start: float | None = _OLD, /, *, created: Mapping[str, float] | None = None, **spent: float) -> bytes:
    """Return the answer of a process: model -> US dollars; `created` are its series, for all models by default."""
    lines = []
    if start is not None:
        lines += ["# TYPE process_start_time_seconds gauge", f"process_start_time_seconds {start!r}"]
    for family, per_dollar in _FAMILIES.items():
        lines.append(f"# TYPE {family}_total counter")
        lines += [f'{family}_total{{model="{model}"}} {value * per_dollar!r}' for model, value in spent.items()]
        lines.append(f"# TYPE {family}_created gauge")
        since = {model: (created or {}).get(model, (start or _OLD) + 10) for model in spent}
        lines += [f'{family}_created{{model="{model}"}} {at!r}' for model, at in since.items()]
    return "".join(f"{line}\n" for line in lines).encode()


def _at(answer: int) -> float:
    """Return when an answer comes, counted from zero, in Unix seconds."""
    return FIRST.timestamp() + answer * MINUTE


def _workers() -> Sequence[bytes]:
    """Return four workers that answer in turn, twice each; all began at once, each spends two cents in between."""
    spent = (100.0, 40.0, 260.0, 7.5)
    return [
        _answer(created={"gpt": _OLD + 10 + worker / 100}, gpt=before + 0.02 * turn)
        for turn in range(2)
        for worker, before in enumerate(spent)
    ]


def _recorded(name: str) -> bytes:
    """Return an answer of a real proxy."""
    return (_RECORDINGS / f"{name}.prom").read_bytes()


def _brace(value: float) -> bytes:
    """Return an answer whose label holds a brace."""
    return _answer(gpt=value).replace(b'model="gpt"', b'model="gpt",team_alias="R&D {lab}"')


LIFECYCLES = (
    Lifecycle(
        "The proxy restarts; at the next scrape its counters are at 60 % of the old",
        6.0,
        [_answer(gpt=10), _answer(_at(1) - 30, gpt=6)],
    ),
    Lifecycle(
        "The proxy restarts; at the next scrape its counters are past the old",
        12.0,
        [_answer(gpt=10), _answer(_at(1) - 30, gpt=12)],
    ),
    Lifecycle(
        "Two replicas answer in turn behind one address",
        2.2,
        [
            *(_answer(gpt=100), _answer(_OLD + 7, gpt=20), _answer(gpt=101), _answer(_OLD + 7, gpt=21)),
            _answer(gpt=101.2),
        ],
    ),
    Lifecycle("Four workers that began in the same moment answer in turn", 0.08, _workers()),
    Lifecycle(
        "Two workers restart and are used more than before (recorded)",
        0.18,
        [
            _recorded("litellm-1.106.2-two-workers-before-restart"),
            *[_recorded("litellm-1.106.2-two-workers-after-restart")] * (ANSWERS_UNTIL_RESTARTED + 1),
        ],
    ),
    Lifecycle("An answer in between is empty", 1.0, [_answer(gpt=5), b"", _answer(gpt=6)]),
    Lifecycle(
        "A gateway answers once with an older body",
        11.0,
        [_answer(gpt=100), _answer(gpt=110), _answer(gpt=40), _answer(gpt=111)],
    ),
    Lifecycle(
        "A collector drops an idle model for one answer",
        2.25,
        [_answer(gpt=100, opus=5), _answer(gpt=101), _answer(gpt=102, opus=5.25)],
    ),
    Lifecycle(
        "LiteLLM evicts an idle series, and creates it anew",
        7.0,
        [_answer(gpt=100, opus=5), _answer(gpt=101), _answer(created={"opus": _at(2) - 20}, gpt=101, opus=6)],
    ),
    Lifecycle("A team's name holds a brace", 1.0, [_brace(5), _brace(6)]),
    Lifecycle(
        "A proxy out of file descriptors does not say when it began",
        1.0,
        [_answer(gpt=5), _answer(None, gpt=5.5), _answer(gpt=6)],
    ),
)
"""Those that README compares."""
