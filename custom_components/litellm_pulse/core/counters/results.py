"""What the counting room hands out: frozen values only, in the shape in which the file keeps them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from ..catalog import Dimension
from ..exposition import Exposition, GaugeSample
from ..models import Member, MemberKey, Vector

type MemberKeys = tuple[MemberKey, ...]
"""TOTAL, then the others in the order of the dimensions."""

type Baseline = tuple[float, float | None, float, float | None, float, float | None]
"""Last value of a counter, its `_created`, what was counted since that was told last, by our clock since when it is
missing and since when it is known, and the `_created` of the incarnation before it."""

type BaselineKey = tuple[int, int]
"""Process and series, by number."""

type Models = Mapping[tuple[Traced, str, str], str]
"""(what is looked for, label, its value) -> what it stands for; empty where that is more than one thing."""


class Traced(StrEnum):
    """What is found through other labels where a family does not name it."""

    MODEL = "model"
    PUBLIC_MODEL = "public_model"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of the proxy, as it is counted."""

    exposition: Exposition
    answered_at: float
    """The proxy's clock, in Unix seconds."""
    now: float
    """Our clock, in Unix seconds."""
    part: bool = False
    """Only some families were asked for."""
    complete: bool = True
    """Its end is proven, so that what is missing was not lost on the way."""
    pid: str = ""
    """The worker that answered, by a header; empty where there is none."""
    doubts: bool = False
    """Whoever asked can ask again, should it look like a restart."""
    first: bool = False
    """Of the first scrape, which may ask several times to see who answers: nothing of it counts."""
    moved: bool = False
    """The first from another address than those before."""


class SeriesRow(NamedTuple):
    """A metric and its labels, whichever process counts it."""

    id: int
    family: str
    text: bytes
    """`family{labels}`, as the proxy writes it."""
    metrics: tuple[int, ...]
    """The counters of the catalog that it belongs to; none where it does not count."""
    attribution: int
    """Whose usage it is."""


class ProcessRow(NamedTuple):
    """A process of the proxy; see `process.Process`."""

    id: int
    start: float | None
    last_answer: float
    restarted: bool
    forgotten: bool
    seen: float
    number: int
    pids: str
    joined: bool
    waiting: str
    partial: str = ""
    """The families that no answer has shown whole."""
    ports: str = ""
    is_unnamed: bool = False
    starts: str = ""
    apart: str = ""
    let_go: float = 0.0


class Origin(NamedTuple):
    """Since when a metric is tracked."""

    sources: str
    """Its families."""
    since: float
    """The proxy's clock at the first answer."""
    ours: float | None
    """Our clock then; None where an earlier release did not note it."""
    number: int
    """The number of that answer."""


class Ambiguity(StrEnum):
    """Why the smaller increase was counted."""

    OLDER = "older"
    """The answer is older than the one before: a cache, or a second address."""
    SHARED = "shared"
    """Processes that cannot be told apart answer at one address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What has to be written down after an answer."""

    baselines: Mapping[BaselineKey, Baseline | None] = field(default_factory=dict)
    """None where the counter is forgotten."""
    can_wait: bool = False
    """The counters of these have only gone missing, or come back as they were."""
    processes: Mapping[int, ProcessRow] = field(default_factory=dict)
    met: bool = False
    """A process has answered whose counters were not known, so its row cannot wait."""
    dropped: Sequence[int] = ()
    """Processes that will never answer again, with their baselines."""
    members: Mapping[MemberKey, Member] = field(default_factory=dict)
    attributions: Mapping[int, MemberKeys] = field(default_factory=dict)
    series: Sequence[SeriesRow] = ()
    dead_series: Sequence[int] = ()
    """Series that no process has any more."""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    meta: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What one answer added, and what was noticed in it."""

    process: int
    process_start: float | None
    tells_process: bool
    """The answer tells when the process was started, and of its series, when these were created."""
    increases: Mapping[int, Vector]
    """Attribution -> what it adds."""
    raw: Mapping[int, Vector]
    """Attribution -> the sum of its counters in the process that answered; the same object where nothing changed."""
    published: frozenset[str]
    """Friendly names of the metrics whose family the answer has."""
    unknown: Mapping[Dimension, frozenset[str]]
    """Per dimension, the metrics that the answer has and does not split by it."""
    gauges: Mapping[str, Sequence[GaugeSample]]
    """Each gauge that is read, and its samples."""
    samples: int
    skipped: int
    changed: int
    restarted: bool
    indistinguishable: bool
    older: bool
    """All of the answer is older than the one before."""
    ambiguity: Ambiguity | None
    changes: Changes


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingState:
    """All that the counting room knows, for a file or a spare copy."""

    keys: Sequence[MemberKeys] = ()
    """Attribution -> its members."""
    members: Mapping[MemberKey, Member] = field(default_factory=dict)
    models: Models = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    processes: Sequence[ProcessRow] = ()
    series: Sequence[SeriesRow] = ()
    baselines: Iterable[tuple[int, int, float, float | None, float, float | None, float, float | None]] = ()
    """Process, series, and what `Baseline` has."""
    sums: Mapping[int, Mapping[int, Vector]] = field(default_factory=dict)
    """Process -> the sums of its counters per attribution, where the counters themselves are not there."""
    lacking: Mapping[int, Mapping[int, Vector]] = field(default_factory=dict)
    """Process -> what it has counted beyond those sums, and may tell again."""
    eldest: Mapping[int, Collection[float]] = field(default_factory=dict)
    """Process -> when the oldest of its counters were created."""
    meta: Mapping[str, str | float] = field(default_factory=dict)
