"""While a backup is made the file is left alone: its copy is whole, and nothing is lost."""

import shutil
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse.core.ledger import Ledger
from custom_components.litellm_pulse.core.models import Window
from custom_components.litellm_pulse.core.query import sql
from custom_components.litellm_pulse.core.store import Store
from custom_components.litellm_pulse.core.store.writer import BACKUP_TIME

from ..conftest import LedgerHarness, Proxy


@pytest.fixture
def paused(harness: LedgerHarness, proxy: Proxy) -> LedgerHarness:
    """A ledger that was let go of, and has counted since."""
    harness.live(proxy)
    harness.ledger.pause(now=harness.now)
    for _ in range(3):
        harness.scrape(proxy.spend(2))
    return harness


def _ledger_of(copy: Path, harness: LedgerHarness) -> Ledger:
    """Open a copy at another place."""
    return Ledger.open(copy, now=harness.now, zone=harness.zone)


def test_a_copy_of_the_file_alone_is_whole(harness: LedgerHarness, proxy: Proxy, tmp_path: Path) -> None:
    harness.live(proxy)
    harness.ledger.pause(now=harness.now)
    before = harness.snapshot.usage
    copied = []
    # Whatever is scraped while it is copied piece by piece.
    with harness.path.open("rb") as file:
        while piece := file.read(1000):
            copied.append(piece)
            if len(copied) % 5 == 0:
                harness.scrape(proxy.spend())
    assert harness.files == [harness.path]
    assert len(copied) > 20
    copy = tmp_path / "copy.db"
    copy.write_bytes(b"".join(copied))
    ledger = _ledger_of(copy, harness)
    assert ledger.snapshot.recovery is None
    assert ledger.snapshot.usage.keys() == before.keys()
    for member, usage in ledger.snapshot.usage.items():
        assert usage.lifetime == pytest.approx(before[member].lifetime)
    ledger.close()


def test_what_was_scraped_meanwhile_is_known_at_once_and_written_afterwards(
    paused: LedgerHarness, proxy: Proxy
) -> None:
    before = paused.path.read_bytes()
    paused.agree(proxy)
    assert paused.snapshot.store_error is None
    assert [row.increase for row in paused.snapshot.runs] == [row.increase for row in paused.snapshot.recent][-3:]
    assert paused.path.read_bytes() == before
    paused.ledger.resume()
    paused.scrape(proxy.answer())
    history = sql.history(paused.path, 10, (), ())
    assert sum(row.scrapes for row in history) == 10
    paused.crash()
    paused.open()
    assert paused.snapshot.recovery is None
    paused.agree(proxy)


def test_a_crash_in_the_middle_of_it_loses_nothing(paused: LedgerHarness, proxy: Proxy) -> None:
    paused.crash()
    paused.open()
    paused.scrape(proxy.spend())
    paused.agree(proxy)


def test_a_stop_in_the_middle_of_it_writes_all(paused: LedgerHarness, proxy: Proxy) -> None:
    paused.reopen()
    paused.agree(proxy)


def test_a_backup_that_never_ends_stops_nothing_for_good(paused: LedgerHarness, proxy: Proxy) -> None:
    paused.scrape(proxy.spend(), seconds=BACKUP_TIME.total_seconds())
    paused.crash()
    paused.open()
    paused.agree(proxy)


def test_another_zone_waits_until_the_backup_is_made(paused: LedgerHarness, proxy: Proxy) -> None:
    before = paused.path.read_bytes()
    paused.zone = ZoneInfo("Pacific/Kiritimati")
    paused.ledger.set_zone(paused.zone, now=paused.now)
    assert paused.path.read_bytes() == before
    paused.ledger.resume()
    paused.scrape(proxy.answer())
    midnight = paused.snapshot.window_starts[Window.DAY]
    assert midnight is not None
    assert midnight.utcoffset() == timedelta(hours=14)
    paused.reopen()
    paused.agree(proxy)


def test_a_day_that_begins_meanwhile_writes_nothing(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.live(proxy)
    harness.scrape(proxy.spend(), seconds=(timedelta(days=1) - _time_of_day(harness)).total_seconds() - 300)
    harness.ledger.pause(now=harness.now)
    before = harness.path.read_bytes()
    harness.scrape(proxy.spend(), seconds=600)
    assert harness.files == [harness.path]
    assert harness.path.read_bytes() == before
    assert harness.total(window=Window.DAY) == 1.5
    harness.ledger.resume()
    harness.scrape(proxy.answer())
    harness.reopen()
    harness.agree(proxy)


def _time_of_day(harness: LedgerHarness) -> timedelta:
    """Return how much of the day has passed."""
    now = harness.now
    return now - now.replace(hour=0, minute=0, second=0, microsecond=0)


def test_a_file_that_a_restore_puts_in_its_place_meanwhile_is_set_aside(
    paused: LedgerHarness, proxy: Proxy, tmp_path: Path
) -> None:
    other = tmp_path / "other.db"
    shutil.copy(paused.path, other)
    other.replace(paused.path)
    paused.ledger.resume()
    paused.scrape(proxy.spend())
    assert paused.snapshot.recovery is not None
    paused.agree(proxy)


def test_the_file_is_opened_again_once(paused: LedgerHarness, proxy: Proxy) -> None:
    paused.ledger.resume()
    with patch.object(Store, "__init__", autospec=True, side_effect=Store.__init__) as opened:
        for _ in range(5):
            paused.scrape(proxy.answer())
        for _ in range(5):
            paused.scrape(proxy.spend())
        assert opened.call_count == 1
        paused.reopen()
        for _ in range(5):
            paused.scrape(proxy.answer(), seconds=1200)
        assert opened.call_count == 2
