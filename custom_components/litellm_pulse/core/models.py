"""The values that flow from the ledger outwards: immutable, and without arithmetic of their own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .catalog import COUNTER_INDEX, COUNTERS, Dimension

type Vector = tuple[float, ...]
"""One number per counter, in the order of `catalog.COUNTERS`."""

type MemberKey = tuple[Dimension, str]
"""A dimension and the id of one of its members."""

ZERO: Vector = (0.0,) * len(COUNTERS)
TOTAL: MemberKey = (Dimension.TOTAL, "")
DUST = 1e-9
"""Dollars, which are none: of a smaller maximum the share that is used would be without end."""
OTHER = ""
"""The id under which members without a device of their own are shown together; no label has it."""


class Window(StrEnum):
    """A span of local time that usage is summed over."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    LIFETIME = "lifetime"


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage of one member, or of one attribution, in each of the current windows."""

    day: Vector = ZERO
    week: Vector = ZERO
    month: Vector = ZERO
    year: Vector = ZERO
    lifetime: Vector = ZERO

    def get(self, window: Window, metric: str) -> float:
        """Return one figure; KeyError for a metric that the catalog does not have."""
        vector: Vector = getattr(self, window)
        return vector[COUNTER_INDEX[metric]]

    def share(self, window: Window, part: str, whole: Iterable[str]) -> float | None:
        """Return how many percent one figure is of the sum of others; None where that is zero."""
        total = sum(self.get(window, metric) for metric in whole)
        return self.get(window, part) / total * 100 if total else None


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a dimension: a model, a team, a key … Its id is its identity, its name is not."""

    dimension: Dimension
    id: str
    name: str

    @property
    def key(self) -> MemberKey:
        """The identity."""
        return self.dimension, self.id


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget that LiteLLM itself enforces, in US dollars."""

    remaining: float
    """Negative where more was spent than allowed."""
    maximum: float | None = None
    """None where it is not published, as for providers."""
    resets_at: datetime | None = None
    hours: float | None = field(default=None, compare=False)
    """Until it is reset, as LiteLLM told it last."""
    copies: str = field(default="", compare=False, repr=False)
    """The copies of its gauge that were told last, as `insight.budgets` writes them down."""

    @property
    def used_up(self) -> bool:
        """Whether nothing is left of it."""
        return self.remaining <= 0

    @property
    def spent(self) -> float | None:
        """How many dollars of it are used up; None where the maximum is unknown."""
        return None if self.maximum is None else self.maximum - self.remaining

    @property
    def used_percent(self) -> float | None:
        """How much of it is used up; None where the maximum is unknown, or as good as zero."""
        if self.maximum is None or self.maximum < DUST:
            return None
        return (self.maximum - self.remaining) / self.maximum * 100


@dataclass(frozen=True, slots=True)
class ListedMember:
    """A member as LiteLLM's API lists it."""

    member: Member
    """Its name is its id where it has no alias."""
    budget: Budget | None = None
    """None where it has none, or where the API does not tell enough of it."""
    blocked: bool = False
    """Whether LiteLLM refuses all its requests."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that was set in Home Assistant for the spend in one window, in US dollars."""

    amount: float
    spent: float

    @property
    def used_percent(self) -> float:
        """How much of it is used up."""
        return self.spent / self.amount * 100

    @property
    def reached(self) -> bool:
        """Whether all of it is used up."""
        # Sums of floats err by less than a token costs.
        return round(self.spent, 9) >= self.amount


@dataclass(frozen=True, slots=True)
class Insight:
    """What the past makes of the present, in US dollars; the rules are those of `insight`."""

    forecast: float | None = None
    """Spend of this month when it ends; None before a whole day was seen."""
    hour_spend: float = 0.0
    """Spend of the current hour, so far."""
    usual_hour: float | None = None
    """The median of the same hours; None before enough of them were seen."""
    deviation: float | None = None
    """How many times their spread the current hour is above the median."""
    forecast_from: datetime | None = None
    """From when on there is a forecast; None once there is one."""
    unusual_from: datetime | None = None
    """From when on unusual spend is told; None once it is."""
    yesterday: float | None = None
    """Spend of the local day before; None where nothing was seen before today."""
    last_month: float | None = None
    """Spend of the local month before; None where nothing was seen before this month."""
    rate: float | None = None
    """Spend per hour over the last quarter of an hour; None before two scrapes."""


class Health(StrEnum):
    """How a model's deployments are."""

    HEALTHY = "healthy"
    PARTIAL_OUTAGE = "partial_outage"
    COMPLETE_OUTAGE = "complete_outage"


@dataclass(frozen=True, slots=True)
class Performance:
    """One figure of how fast, or how close to its limit, a member is."""

    value: float
    parts: Mapping[str, float] = field(default_factory=dict)
    """By deployment, or of a key by model, where there are several."""


@dataclass(frozen=True, slots=True)
class Report:
    """What happened in one scrape."""

    at: datetime
    samples: int
    """Samples of counters that were read."""
    skipped: int
    """Lines that could not be read, or whose value is no counter's."""
    changed: int
    """Series whose value changed."""
    restarted: bool
    """The proxy was restarted since the last answer; its counters counted from zero."""
    indistinguishable: bool
    """Several processes answer in turn and cannot be told apart: nothing is counted."""
    increase: Vector
    """What this scrape added to the totals."""
    ambiguous: bool = False
    """The answer left it open what to count, and the smaller increase was counted."""


@dataclass(frozen=True, slots=True)
class ScrapeRow:
    """One scrape, or a run of `scrapes` scrapes in which nothing changed; times are UTC milliseconds."""

    at: int
    until: int
    scrapes: int
    restarted: bool
    in_flight_requests: float | None
    increase: Vector
    raw: Vector


@dataclass(frozen=True, slots=True)
class Recovery:
    """The database was lost and made anew."""

    reason: str
    set_aside: str | None
    """The name under which a damaged file was kept; None where there was no file any more."""
    kept_totals: bool = True
    """The totals came from a spare copy; False where there was none that could be read, and all begins anew."""
    spare_copy_error: str | None = None
    """Why the spare copy could not be used; None where it was, or where there was none."""


@dataclass(frozen=True, slots=True)
class Known:
    """From when on usage is known one by one; what came before is in the totals of longer windows only."""

    quarters: datetime | None = None
    days: datetime | None = None
    months: datetime | None = None
    years: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClockJump:
    """A time of ours was found to have been wrong."""

    wrong: datetime
    """What the clock said."""
    right: datetime
    """What it said when it was back."""
    dollars: float
    """Spend that was filed under times that had not come yet; it is filed under the right one now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that is known after a scrape or a roll-over; replaced as a whole, never changed."""

    last_scrape: datetime | None = None
    """UTC; never runs backwards."""
    process_start: datetime | None = None
    """When the process that answered last was started; None in multi-process mode."""
    tells_process: bool = False
    """The last answer told which process gave it: when that was started, and when its series were created."""
    window_starts: Mapping[Window, datetime | None] = field(default_factory=dict)
    """When each window began, in the configured zone; None for LIFETIME."""
    members: Mapping[MemberKey, Member] = field(default_factory=dict)
    """In the order in which they were met."""
    folded: int = 0
    """How many of them were taken away since the ledger was opened, as they are counted together with others now."""
    usage: Mapping[MemberKey, Usage] = field(default_factory=dict)
    """Per member, TOTAL included. A member that did not change keeps the same object."""
    before: Mapping[MemberKey, Vector] = field(default_factory=dict)
    """Per member, what it used before the first scrape, as far as LiteLLM's records told; in no window."""
    dimensions: Mapping[Dimension, Usage] = field(default_factory=dict)
    """Per dimension, the sum of its members."""
    revision: int = 0
    """How many snapshots came before."""
    changed: frozenset[MemberKey] | None = None
    """Members whose usage is another one than in the snapshot before; None where that may be all."""
    raw: Mapping[str, float] = field(default_factory=dict)
    """Per counter, the sum over the series of the last answer: since LiteLLM started."""
    gauges: Mapping[str, float] = field(default_factory=dict)
    budgets: Mapping[MemberKey, Budget] = field(default_factory=dict)
    """Members that have a budget in LiteLLM."""
    blocked: frozenset[MemberKey] = frozenset()
    """Members that are blocked in LiteLLM, by the word of its API."""
    performance: Mapping[MemberKey, Mapping[str, Performance]] = field(default_factory=dict)
    """Per member, the figures that were asked for and are known."""
    health: Mapping[str, Health] = field(default_factory=dict)
    """Per upstream model, the worst state of its deployments."""
    published: frozenset[str] = frozenset()
    """Friendly names of the metrics whose family the proxy publishes."""
    groups: Sequence[tuple[MemberKey, ...]] = ()
    """Per attribution, the members whose usage it is part of."""
    split: Mapping[int, Usage] = field(default_factory=dict)
    """Attribution -> its part of the usage."""
    split_raw: Mapping[int, Vector] = field(default_factory=dict)
    """Attribution -> its part of `raw`."""
    recent: tuple[ScrapeRow, ...] = ()
    """The last scrapes, newest last."""
    runs: tuple[ScrapeRow, ...] = ()
    """The rows of the history that the file does not have, or not yet as they are now, oldest first."""
    report: Report | None = None
    store_error: str | None = None
    """Why the last transaction could not be written, or None."""
    insight: Insight = Insight()
    recovery: Recovery | None = None
    """That the database was lost since the ledger was opened, or None."""
    known_since: Known = Known()
    """From when on usage is known, where a lost file took what was before."""
    clock_jump: ClockJump | None = None
    """The last time since the ledger was opened that a time was found to have been wrong."""
    ambiguous_answers: int = 0
    """How many answers, ever, left it open what to count."""
    lasting_ambiguity: str | None = None
    """Why that goes on: "older" for older answers, "shared" for processes that cannot be told apart; or None."""
    logging_failures: float = 0.0
    """How often LiteLLM itself failed to count, since it started."""
    unknown: Mapping[Dimension, frozenset[str]] = field(default_factory=dict)
    """Per dimension, the metrics that the proxy publishes and does not split by it."""

    def changed_since(self, earlier: Snapshot) -> Iterable[MemberKey]:
        """Return the members whose usage is another one than in an earlier snapshot; of the one before, at once."""
        if self.usage is earlier.usage:
            return ()
        if self.revision == earlier.revision + 1 and self.changed is not None:
            return self.changed
        return [key for key, usage in self.usage.items() if earlier.usage.get(key) is not usage]

    def ever(self, member: MemberKey, metric: str) -> float:
        """Return a member's usage since the beginning of LiteLLM's records, as far as they were read."""
        before = self.before.get(member)
        return self.value(member, Window.LIFETIME, metric) + (before[COUNTER_INDEX[metric]] if before else 0.0)

    def value(self, member: MemberKey, window: Window, metric: str) -> float:
        """Return a member's usage in a window; 0.0 where the member has none."""
        usage = self.usage.get(member)
        return usage.get(window, metric) if usage else 0.0
