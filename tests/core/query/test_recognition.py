"""Another proxy is told from the one that a file holds, and a file that cannot be read holds none."""

from pathlib import Path

from custom_components.litellm_pulse.core.query import recognizes

from ..bodies import cost, read
from ..conftest import LedgerHarness, Proxy


def test_a_proxy_is_known_by_its_start_or_by_its_series(harness: LedgerHarness, proxy: Proxy, tmp_path: Path) -> None:
    answer = read(harness.ledger.parser(), proxy.answer())
    assert recognizes(tmp_path / "none.db", answer)
    harness.scrape(proxy.answer())
    parser = harness.ledger.parser
    proxy.restart(harness.now)
    restarted, other = read(parser(), proxy.answer()), read(parser(), cost(1, start=5.0))
    harness.close()
    assert recognizes(harness.path, answer)
    assert recognizes(harness.path, restarted)
    assert not recognizes(harness.path, other)


def test_a_file_that_cannot_be_read_has_no_proxy_to_mix_with(
    harness: LedgerHarness, proxy: Proxy, tmp_path: Path
) -> None:
    (tmp_path / "bad.db").write_bytes(b"\x07" * 4096)
    assert recognizes(tmp_path / "bad.db", read(harness.ledger.parser(), proxy.answer()))
