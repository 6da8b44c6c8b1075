"""What a proxy may answer: a few scrapes of a world, and the ways in which the same answer may be written."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

from .reference import CREATED, SPEND

BEGIN = 1_795_000_000.0
"""The proxy's clock at the first scrape."""

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
"""Names as hostile as can be: quotes, line ends, braces, backslashes, anything that Unicode has."""

JUNK = st.sampled_from(
    [
        "",
        "# a comment",
        '# HELP litellm_spend_metric_total Money, with } and " in it',
        "# TYPE other_bucket histogram",
        'other_bucket{le="0.5",model="a}b"} 7',
        'other_total{model="a#b"} NaN',
        "other 1e3 1795000000000",
        "process_open_fds +Inf",
    ]
)


@dataclass(frozen=True)
class Writing:
    """How a proxy writes labels; each has its way."""

    order: tuple[int, ...] | None
    """Of the labels; None where each answer has another."""
    comma: bool
    """One more behind the last label."""
    empty: bool
    """With a label that is empty."""


ORDERS = st.permutations(range(3)).map(tuple)
WRITINGS = st.builds(Writing, st.none() | ORDERS, st.booleans(), st.booleans())


@dataclass
class World:
    """A proxy whose counters grow, are evicted and begin anew."""

    writing: Writing
    order: tuple[int, ...] = ()
    """Of the labels in the answer at hand."""
    counters: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    """Model and user -> value, when it was created."""


@st.composite
def answers(draw: st.DrawFn) -> list[tuple[float, str]]:
    """Return a few answers: the proxy's clock and the body."""
    members = draw(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=4, unique=True))
    world, clock, found = World(draw(WRITINGS)), BEGIN, []
    for _ in range(draw(st.integers(2, 6))):
        clock += draw(st.integers(1, 600))
        for member in members:
            _move(draw, world, member, clock)
        found.append((clock, _body(draw, world)))
    return found


def _move(draw: st.DrawFn, world: World, member: tuple[str, str], clock: float) -> None:
    """Let time pass for one series: nothing, usage, eviction, a new life within the last second."""
    value, created = world.counters.get(member, (0.0, clock - 0.5))
    match draw(st.sampled_from(["rest", "grow", "grow", "evict", "renew"])):
        case "grow":
            world.counters[member] = value + draw(st.integers(0, 1000)) / 8, created
        case "evict":
            world.counters.pop(member, None)
        case "renew":
            world.counters[member] = draw(st.integers(0, 1000)) / 8, clock - 0.5
        case _:
            pass


def _body(draw: st.DrawFn, world: World) -> str:
    """Write an answer in one of the ways in which it may be written; a series may be missing in it."""
    rows = [row for row in draw(st.permutations([*world.counters.items()])) if draw(st.integers(0, 7))]
    world.order = world.writing.order or draw(ORDERS)
    twice = rows[:1] if draw(st.booleans()) else []
    lines = [_comment(draw, SPEND, "counter")]
    lines += [_line(draw, world, SPEND, member, f"{value!r}") for member, (value, _) in rows]
    lines += [_line(draw, world, SPEND, member, "0.0") for member, _ in twice]
    lines += [draw(JUNK)]
    lines += [_comment(draw, SPEND, "counter")]
    lines += [_line(draw, world, SPEND, ("broken", "x"), draw(st.sampled_from(["NaN", "+Inf", "-1"])))]
    created = [_comment(draw, CREATED, "gauge")]
    created += [_line(draw, world, CREATED, member, repr(born)) for member, (_, born) in rows]
    created += [_line(draw, world, CREATED, ("broken", "x"), "1.0")]
    process = ["# TYPE process_start_time_seconds gauge", "process_start_time_seconds 1794000000.0"]
    blocks: Sequence[list[str]] = draw(st.permutations([process, lines, created, ["# TYPE x gauge", draw(JUNK)]]))
    return "".join(f"{line}\n" for block in blocks for line in block)


def _comment(draw: st.DrawFn, family: str, kind: str) -> str:
    """Write what a family begins with."""
    help_text = f"# HELP {family} {draw(st.sampled_from(['', 'Money.', 'a { b } c']))}\n" if draw(st.booleans()) else ""
    return f"{help_text}# TYPE {family} {kind}"


def _line(draw: st.DrawFn, world: World, family: str, member: tuple[str, str], value: str) -> str:
    """Write a sample, with or without a timestamp."""
    labels = [("model", member[0]), ("user", member[1]), ("route", "")]
    kept = [labels[index] for index in world.order if index < 2 or world.writing.empty]
    pairs = ",".join(f'{name}="{_escaped(text)}"' for name, text in kept)
    comma = "," if world.writing.comma else ""
    stamp = " 1795000000000" if draw(st.booleans()) else ""
    return f"{family}{{{pairs}{comma}}} {value}{stamp}"


def _escaped(text: str) -> str:
    """Write a label value as it stands between quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
