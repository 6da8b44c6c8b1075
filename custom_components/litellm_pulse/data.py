"""`coordinator.data`: all that entities show at one moment, and how it is built from the ledger's snapshot."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from .const import CONF_UNUSUAL_THRESHOLD, UNUSUAL_THRESHOLD_DEFAULT
from .core.catalog import Dimension
from .core.insight import rate_limited, unpriced
from .core.models import OTHER, TOTAL, Limit, MemberKey, Performance, Snapshot, Usage, Window
from .core.totals import rest_of
from .device_manager import DeviceManager
from .exchange_rate import async_exchange_rate
from .history_status import HistoryStatus
from .ledger_worker import LedgerWorker
from .user_settings import Limits, UserSettings

_NO_USAGE = Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class PulseData:
    """Replaced as a whole, never changed; entities read it and do no arithmetic."""

    snapshot: Snapshot
    connected: bool = True
    """Whether the last scrape was complete."""
    scrape_duration: float | None = None
    """Seconds that the last complete answer took."""
    others: Mapping[MemberKey, Usage] = field(default_factory=dict)
    """Per dimension with more members than are shown, the usage of the rest."""
    overflow: Mapping[Dimension, Collection[MemberKey]] = field(default_factory=dict)
    """Members without a device of their own, per dimension that has too many."""
    max_members: int = 0
    """Members of a dimension that may have a device."""
    limits: Limits = field(default_factory=dict)
    history: HistoryStatus = field(default_factory=HistoryStatus)
    rate_limited: frozenset[MemberKey] = frozenset()
    """Members whose requests LiteLLM refuses."""
    unpriced: frozenset[str] = frozenset()
    """Upstream models that were used this month and cost nothing."""
    unusual_threshold: float = 0.0
    """Robust deviations from which on spend is unusual."""
    failure: str | None = None
    """Translation key of why the last scrape failed; None while all is well."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the user has chosen, as the entry has it."""
    exchange_rate: float | None = None
    """What a dollar is worth in the currency that is shown besides; None where there is none, or it is not known."""
    labels: frozenset[str] = frozenset()
    """Names of the labels that the counters of the last answer have."""

    @property
    def unusual(self) -> bool:
        """Whether the spend of the current hour is unusual."""
        deviation = self.snapshot.insight.deviation
        return deviation is not None and deviation > self.unusual_threshold

    def usage(self, member: MemberKey) -> Usage:
        """Return a member's usage, nothing where it has none."""
        return self.others.get(member) or self.snapshot.usage.get(member) or _NO_USAGE

    def figure(self, member: MemberKey, window: Window, metric: str) -> float | None:
        """Return one figure of a member; None where the proxy does not split the metric by its dimension."""
        if metric in self.snapshot.unknown.get(member[0], ()):
            return None
        return self.usage(member).get(window, metric)

    def performance(self, member: MemberKey, figure: str) -> Performance | None:
        """Return how fast a member is, or how close to its limit; None where that is not known."""
        return self.snapshot.performance.get(member, {}).get(figure)

    def limit(self, member: MemberKey, window: Window) -> Limit | None:
        """Return the limit of a member's spend in a window, or None."""
        amount = self.limits.get(member, {}).get(window)
        return Limit(amount, self.usage(member).get(window, "cost")) if amount else None

    def differs_everywhere(self, other: PulseData) -> bool:
        """Whether the two differ for all members: other windows, other metrics, another connection."""
        mine, its = self.snapshot, other.snapshot
        return (
            self.connected is not other.connected
            or mine.window_starts != its.window_starts
            or mine.published != its.published
            or mine.before is not its.before
            or self.exchange_rate != other.exchange_rate
        )

    def differs_for(self, member: MemberKey, other: PulseData) -> bool:
        """Whether a member differs. What did not change keeps its object; the proxy always differs."""
        mine, its = self.snapshot, other.snapshot
        return (
            member == TOTAL
            or self.usage(member) is not other.usage(member)
            or mine.budgets.get(member) != its.budgets.get(member)
            or mine.performance.get(member) is not its.performance.get(member)
            or mine.health.get(member[1]) is not its.health.get(member[1])
            or self.limits.get(member) is not other.limits.get(member)
            or (member in self.rate_limited) is not (member in other.rate_limited)
            or (member in mine.blocked) is not (member in its.blocked)
        )


@dataclass(frozen=True, slots=True)
class _Derived:
    """What follows from snapshot after snapshot."""

    snapshot: Snapshot = field(default_factory=Snapshot)
    """The last of them."""
    others: Mapping[MemberKey, Usage] = field(default_factory=dict)
    overflow: Mapping[Dimension, Collection[MemberKey]] = field(default_factory=dict)
    """Whom the others were added up of."""
    rate_limited: frozenset[MemberKey] = frozenset()
    unpriced: frozenset[str] = frozenset()


class DataBuilder:
    """Builds the data of an entry from its ledger, its devices and what its user has set."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        ledger: LedgerWorker,
        device_manager: DeviceManager,
        user_settings: UserSettings,
    ) -> None:
        """Keep where the parts come from."""
        self._hass = hass
        self._ledger = ledger
        self._device_manager = device_manager
        self._user_settings = user_settings
        self._unusual_threshold: float = entry.options.get(CONF_UNUSUAL_THRESHOLD, UNUSUAL_THRESHOLD_DEFAULT)
        self._options = entry.options
        self._derived = _Derived(ledger.snapshot)

    async def async_prepare(self) -> None:
        """Decide who has a device, and work out what follows from who was used.

        New entities are added here, while the coordinator still has the data from before: the
        recorder counts from an entity's first state on.
        """
        manager = self._device_manager
        async with manager.lock:
            snapshot, earlier = self._ledger.snapshot, self._derived.snapshot
            if snapshot.usage is not earlier.usage or snapshot.members is not earlier.members or manager.is_due:
                await self._ledger.async_run(lambda: self._derive(snapshot))
            await manager.async_update(snapshot)

    def _derive(self, snapshot: Snapshot) -> None:
        """Follow the ledger to another snapshot; on the ledger's own thread, for thousands may have changed."""
        before, manager = self._derived, self._device_manager
        manager.select(snapshot)
        earlier, overflow = before.snapshot, manager.overflow
        others: dict[MemberKey, Usage] = {}
        for dimension, members in overflow.items():
            other = dimension, OTHER
            same = members is before.overflow.get(dimension)
            if same and snapshot.dimensions.get(dimension) is earlier.dimensions.get(dimension):
                others[other] = before.others[other]
            else:
                others[other] = rest_of(snapshot, dimension, manager.shown(dimension))
        self._derived = _Derived(
            snapshot,
            others,
            overflow,
            rate_limited(earlier, snapshot, before.rate_limited),
            unpriced(earlier, snapshot, before.unpriced),
        )

    def build(self, *, connected: bool = True, scrape_duration: float | None = None) -> PulseData:
        """Return what there is to show now."""
        return PulseData(
            snapshot=self._ledger.snapshot,
            connected=connected,
            scrape_duration=scrape_duration,
            others=self._derived.others,
            overflow=self._derived.overflow,
            max_members=self._device_manager.max_members,
            limits=self._user_settings.limits,
            history=self._ledger.history_status,
            rate_limited=self._derived.rate_limited,
            unpriced=self._derived.unpriced,
            unusual_threshold=self._unusual_threshold,
            options=self._options,
            exchange_rate=async_exchange_rate(self._hass, self._options),
            labels=self._ledger.labels,
        )
