"""What most tests of the core need: a ledger on a real file, and a clock that the test moves."""

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.ledger import Ledger
from custom_components.litellm_pulse.core.models import TOTAL, MemberKey, Snapshot, Window
from custom_components.litellm_pulse.core.store import SpareCopy

from .bodies import COST, REQUESTS, START, body, family, read, series

MODELS = ("gpt-4o", "opus", "llama")


class Proxy:
    """A proxy that knows how much was ever spent through it, per model."""

    def __init__(self) -> None:
        """Start it with some spend that was there before anybody looked."""
        self.start = START.timestamp() - 5000
        self.spent = dict.fromkeys(MODELS, 0.0)
        self._counters = {model: 100.0 + index for index, model in enumerate(MODELS)}

    def spend(self, amount: float = 1.5, model: str = "gpt-4o") -> bytes:
        """Spend; return what it would answer now."""
        self.spent[model] += amount
        self._counters[model] += amount
        return self.answer()

    def restart(self, now: datetime) -> None:
        """Begin with zeros."""
        self.start = now.timestamp() + 1
        self._counters = dict.fromkeys(MODELS, 0.0)

    def answer(self) -> bytes:
        """Return the whole answer."""
        spend = {series(model=model, team=f"team of {model}"): value for model, value in self._counters.items()}
        requests = {series(requested_model=model, route="/x"): 2 * value for model, value in self._counters.items()}
        return body(family(COST, spend), family(REQUESTS, requests), start=self.start)


class LedgerHarness:
    """A ledger, its file, and the clock of the world around it."""

    def __init__(self, path: Path, *, now: datetime = START, zone: str = "UTC") -> None:
        """Take a place for the file; `open` opens it."""
        self.path = path
        self.now = now
        self.zone = ZoneInfo(zone)
        self._ledger: Ledger | None = None

    @property
    def ledger(self) -> Ledger:
        """The ledger that is open; it is opened at the first use."""
        return self._ledger or self.open()

    @property
    def snapshot(self) -> Snapshot:
        """What is known."""
        return self.ledger.snapshot

    def open(
        self,
        spare_copy: SpareCopy | None = None,
        overrides: Mapping[str, str] | None = None,
        performance: Collection[str] = (),
        address: str = "",
    ) -> Ledger:
        """Open the file."""
        assert self._ledger is None, "it is open"
        self._ledger = Ledger.open(
            self.path,
            now=self.now,
            zone=self.zone,
            spare_copy=spare_copy,
            overrides=overrides,
            performance=performance,
            address=address,
        )
        return self._ledger

    def close(self) -> None:
        """Close it as Home Assistant does when it stops."""
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def crash(self) -> None:
        """Let go of it with nothing written that is not written yet."""
        if self._ledger is not None:
            self._ledger._writer.store.close()
            self._ledger = None

    def reopen(
        self, spare_copy: SpareCopy | None = None, overrides: Mapping[str, str] | None = None, address: str = ""
    ) -> Ledger:
        """Restart Home Assistant."""
        self.close()
        return self.open(spare_copy, overrides, address=address)

    def spare_copy(self) -> SpareCopy:
        """Return the spare copy as it comes back from Home Assistant's Store."""
        loaded: SpareCopy = json.loads(json.dumps(self.ledger.spare_copy()))
        return loaded

    def scrape(
        self, body: bytes, *, seconds: float = 60, date: datetime | None = None, pid: str = "", complete: bool = True
    ) -> Snapshot:
        """Let time pass and count an answer.

        `date` is the proxy's clock where it differs from ours, `pid` the worker that a header names, `complete`
        whether its end is proven.
        """
        self.now += timedelta(seconds=seconds)
        answer = read(self.ledger.parser(), body)
        return self.ledger.scrape(answer, now=self.now, answered_at=date or self.now, pid=pid, complete=complete)

    def roll(self, **passed: float) -> Snapshot:
        """Let time pass with no answer."""
        self.now += timedelta(**passed)
        return self.ledger.roll(now=self.now)

    def total(self, metric: str = "cost", window: Window = Window.LIFETIME, member: MemberKey = TOTAL) -> float:
        """Return a figure of the snapshot."""
        return self.snapshot.value(member, window, metric)

    def per_window(self, metric: str = "cost", member: MemberKey = TOTAL) -> Mapping[str, float]:
        """Return a figure in every window."""
        return {str(window): self.total(metric, window, member) for window in Window}

    @property
    def files(self) -> list[Path]:
        """The files of the ledger that are there, the main one first."""
        return sorted(self.path.parent.glob(f"{self.path.name}*"))

    def live(self, proxy: Proxy, scrapes: int = 40) -> None:
        """Let some days pass, with a scrape every three hours."""
        self.scrape(proxy.answer())
        for index in range(scrapes):
            self.scrape(proxy.spend(index / 8, MODELS[index % 3]), seconds=3 * 3600)
        self.agree(proxy)

    def agree(self, proxy: Proxy) -> None:
        """Compare every model's lifetime totals with what the proxy knows."""
        for model, spent in proxy.spent.items():
            assert self.total(member=(Dimension.MODEL, model)) == pytest.approx(spent, rel=1e-9, abs=1e-9), model
            assert self.total(member=(Dimension.TEAM, f"team of {model}")) == pytest.approx(spent, rel=1e-9, abs=1e-9)
        assert self.total() == pytest.approx(sum(proxy.spent.values()), rel=1e-9)
        assert self.total("requests") == pytest.approx(2 * sum(proxy.spent.values()), rel=1e-9)


@pytest.fixture
def proxy() -> Proxy:
    """A proxy that has been running for a while."""
    return Proxy()


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[LedgerHarness]:
    """A ledger that is not opened yet."""
    harness = LedgerHarness(tmp_path / "ledger.db")
    yield harness
    harness.crash()
