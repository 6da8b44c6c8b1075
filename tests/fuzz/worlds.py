"""What a proxy may answer: a life of many scrapes, and the ways in which the same answer may be written.

All is drawn from one random number generator: Hypothesis' own, which makes smaller what fails, or Python's, which is
fast.
"""

from dataclasses import dataclass, field, replace
from random import Random

from .reference import CREATED, SPEND

BEGIN = 1_795_000_000.0
"""The proxy's clock when it is asked first."""

HOSTILE = (
    *('"', "\\", "\n", "{", "}", ",", "=", "#", " ", "\t", "\r", "\0", "\x1c", "\x85", "\u2028", "\ufeff", "\u202e"),
    *("\xe9", "e\u0301", "\u017f", "\u0130", "\U0001f600", "a", "B", "0", "_", ".", "[]", "None", "other", "NaN"),
    *('"}', '",', "\\n", '\\"', "\\\\", "# EOF", "\n# TYPE ", "model=", SPEND, "} 1", "{}", "1e3", "%s", "'", "<b>"),
)
"""What names are made of: all that means something in an exposition, and what Unicode has in store."""

JUNK = (
    "",
    "# a comment",
    '# HELP litellm_spend_metric_total Money, with } and " in it',
    "# TYPE other_bucket histogram",
    'other_bucket{le="0.5",model="a}b"} 7',
    'other_total{model="a#b"} NaN',
    "other 1e3 1795000000000",
    "process_open_fds +Inf",
)
NO_VALUES = ("NaN", "+Inf", "-1", "-Inf")
"""Of a counter."""
PIECES = (b"\n", b"{", b'"', b"}", b"#", b" 1\n", b"\\", b",", b"=", b"model=", b" 9e307\n", b" NaN\n", b"\xff", b"\0")
"""Of bodies that nobody can read, or hardly."""

type Member = tuple[str, str]
"""A model and a user."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a proxy, and how it comes."""

    clock: float
    """The proxy's."""
    body: bytes
    cuts: tuple[int, ...] = ()
    """Where one piece ends and the next begins."""
    reopened: bool = False
    """The ledger is closed and opened again before it."""
    paused: bool = False
    """A backup begins before it: the ledger's file is left alone for an hour, or until it is opened again."""


@dataclass(slots=True)
class World:
    """A proxy whose counters grow, are evicted and begin anew."""

    chance: Random
    members: list[Member]
    orders: list[list[int]]
    """Of the labels: in each answer one of them."""
    comma: str
    """Behind the last label."""
    clock: float = BEGIN
    started: float = BEGIN - 1_000_000
    resumes: float = BEGIN
    """When the backup at hand has ended."""
    counters: dict[Member, tuple[float, float]] = field(default_factory=dict)
    """Value, when it was created."""

    @classmethod
    def of(cls, chance: Random) -> World:
        """Return a proxy with a few members and a way of its own to write labels."""
        labels = range(chance.randint(2, 3))
        orders = [chance.sample(labels, len(labels)) for _ in range(chance.choice((1, 1, 3)))]
        world = cls(chance, [], orders, chance.choice(("", ",")))
        for _ in range(chance.randint(1, 5)):
            world._meet()
        return world

    def answer(self) -> Answer:
        """Let time pass, and return what it answers then."""
        chance = self.chance
        # Past the second of the first look: what is created in that may have been there before.
        self.clock += chance.randint(2, chance.choice((10, 60, 60, 600)))
        if chance.random() < 0.01:
            self.counters.clear()
            self.started = self.clock - 0.75
        if chance.random() < 0.05:
            self._meet()
        for member in self.members:
            self._move(member)
        body = self._body().encode()
        cuts = [chance.randrange(len(body)) for _ in range(chance.choice((0, 0, 1, 2, 5)))]
        reopened = chance.random() < 0.01
        paused = (reopened or self.clock >= self.resumes) and chance.random() < 0.2
        if reopened or paused:
            self.resumes = self.clock + 3600 * paused
        return Answer(self.clock, body, tuple(cuts), reopened, paused)

    def _meet(self) -> None:
        """Have somebody new, in the place of somebody else where there are many."""
        names = [name for member in self.members for name in member]
        names += [_name(self.chance, names) for _ in range(2)]
        member = self.chance.choice(names), self.chance.choice(names)
        if member not in self.members:
            self.members = [*self.members[-4:], member]
            self.counters = {one: row for one, row in self.counters.items() if one in self.members}

    def _move(self, member: Member) -> None:
        """Let time pass for one series: nothing, usage, eviction, a new life within the last second."""
        value, created = self.counters.get(member, (0.0, self.clock - 0.5))
        match self.chance.randrange(10):
            case 0 | 1 | 2 | 3 | 4:
                self.counters[member] = value + self.chance.randint(0, 1000) / 8, created
            case 5:
                self.counters[member] = self.chance.randint(0, 1000) / 8, self.clock - 0.5
            case 6:
                self.counters.pop(member, None)
            case _:
                pass

    def _body(self) -> str:
        """Write an answer in one of the ways in which it may be written; a series may be missing in it."""
        chance, order = self.chance, self.chance.choice(self.orders)
        there = [(self._labels(order, member), *row) for member, row in self.counters.items() if chance.random() < 0.9]
        chance.shuffle(there)
        broken, stamp = self._labels(order, ("broken", "x")), chance.choice(("", "", " 1795000000000"))
        spend = [f"{SPEND}{labels} {_number(chance, value)}{stamp}" for labels, value, _ in there]
        if spend and chance.random() < 0.1:
            spend[0] = f"{SPEND}{there[0][0]} {chance.choice(NO_VALUES)}"
        elif spend and chance.random() < 0.5:
            # The first of two counts.
            spend += [f"{SPEND}{there[0][0]} {chance.choice(('0.0', '1e9'))}"]
        spend += [chance.choice(JUNK), _head(chance, SPEND, "counter")]
        spend += [f"{SPEND}{broken} {chance.choice(NO_VALUES)}"]
        born = [f"{CREATED}{labels} {created!r}" for labels, _, created in there]
        blocks = [
            ["# TYPE process_start_time_seconds gauge", f"process_start_time_seconds {self.started!r}"],
            [_head(chance, SPEND, "counter"), *spend],
            [_head(chance, CREATED, "gauge"), *born, f"{CREATED}{broken} 1.0"],
            ["# TYPE x gauge", chance.choice(JUNK)],
        ]
        chance.shuffle(blocks)
        return "\n".join(line for block in blocks for line in block) + "\n"

    def _labels(self, order: list[int], member: Member) -> str:
        """Write the labels of a series, with one that is empty where there are three."""
        pairs = (f'model="{_escaped(member[0])}"', f'user="{_escaped(member[1])}"', 'route=""')
        return f"{{{','.join([pairs[index] for index in order])}{self.comma}}}"


def life(chance: Random, most: int) -> list[Answer]:
    """Return the answers of a proxy from the first on, as many as that at most."""
    world = World.of(chance)
    return [world.answer() for _ in range(chance.randint(2, most))]


def mutated(chance: Random, most: int) -> list[Answer]:
    """Return the answers of a proxy, nearly all of them changed on their way."""
    return [replace(one, body=_mutated(chance, one.body)) for one in life(chance, most)]


def noise(chance: Random, most: int) -> list[Answer]:
    """Return answers that nobody can read, or hardly."""
    return [Answer(BEGIN + 60 * number, _noise(chance)) for number in range(chance.randint(1, most))]


def _name(chance: Random, others: list[str]) -> str:
    """Return a name that is as hostile as can be, or nearly the same as another."""
    kind = chance.randrange(8)
    if kind < 2 and others:
        return _resembling(chance, chance.choice(others))
    if kind == 2:
        return "".join([chr(_character(chance)) for _ in range(chance.randint(1, 12))])
    return "".join([chance.choice(HOSTILE) for _ in range(chance.choice((1, 2, 3, 4, 8)))])


def _resembling(chance: Random, name: str) -> str:
    """Return another name that looks like one."""
    at = chance.randrange(len(name))
    return chance.choice(
        (
            name.swapcase(),
            name[::-1],
            name[:at] + chance.choice(HOSTILE) + name[at:],
            name[:at] + name[at + 1 :] or "a",
            f"{name} ",
            f"\\{name}",
        )
    )


def _character(chance: Random) -> int:
    """Return the number of any character but a surrogate, half of them in the first planes' beginning."""
    number = chance.randrange(chance.choice((0x80, 0x800, 0x10000, 0x110000)))
    return number if not 0xD800 <= number < 0xE000 else 0xFFFD


def _number(chance: Random, value: float) -> str:
    """Write a value in one of the ways in which the same may be written."""
    way = chance.randrange(8)
    return f"{value:.12e}" if not way else f"{value:+.3f}" if way == 1 else repr(value)


def _head(chance: Random, family: str, kind: str) -> str:
    """Write what a family begins with."""
    text = chance.choice(("", "", f"# HELP {family} \n", f"# HELP {family} Money.\n", f"# HELP {family} a {{ b }} c\n"))
    return f"{text}# TYPE {family} {kind}"


def _escaped(text: str) -> str:
    """Write a label value as it stands between quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _mutated(chance: Random, body: bytes) -> bytes:
    """Return a body in which something was put, taken out, doubled, or of which the end is missing."""
    for _ in range(chance.randint(0, 8)):
        at = chance.randrange(len(body) + 1)
        end = at + chance.choice((1, 1, 2, 5, 60))
        match chance.randrange(8):
            case 0 | 1:
                body = body[:at] + body[end:]
            case 2 | 3:
                body = body[:at] + chance.choice(PIECES) + body[at:]
            case 4 | 5:
                body = body[:at] + bytes([chance.randrange(256)]) + body[at + chance.randrange(2) :]
            case 6:
                to = chance.randrange(len(body) + 1)
                body = body[:to] + body[at:end] + body[to:]
            case _:
                body = body[:at] if not chance.randrange(4) else body
    return body


def _noise(chance: Random) -> bytes:
    """Return a body of what means something to a reader, with anything between."""
    anything = bytes([chance.randrange(256) for _ in range(chance.choice((0, 1, 3, 20)))])
    pieces = [chance.choice(PIECES) for _ in range(chance.randint(1, 30))]
    return b"# TYPE litellm_spend_metric_total counter\n" + anything.join(pieces) + b"\n"
