"""A release as a user gets it: HACS unpacks the zip into Home Assistant's folder, and it runs."""

from collections.abc import Iterator
from pathlib import Path

import package
import pytest
import pytest_socket
from home_assistant import Installed, plus
from proxy import MASTER_KEY, Proxy, traffic
from toolchain import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

SPEND = "Spend today"
BRAND = ("icon.png", "dark_icon@2x.png", "logo.png", "dark_logo@2x.png")


@pytest.fixture
def zip_home(tmp_path: Path) -> Iterator[Installed]:
    """Return a running Home Assistant with the zip unpacked, nothing set up."""
    pytest_socket.enable_socket()
    with Installed(tmp_path) as home:
        yield home


def test_the_zip_of_a_release_counts(proxy: Proxy, zip_home: Installed) -> None:
    zip_home.set_up(proxy.url, MASTER_KEY)
    before = zip_home.spend(SPEND)
    sent = proxy.send(traffic(10, seed=31))
    proxy.wait_until_counted()
    expected = plus(before, sent)
    shown = zip_home.wait_for_spend(expected, SPEND)
    assert {model: shown[model] for model in expected} == pytest.approx(expected, abs=1e-9)
    for name in BRAND:
        picture = zip_home.ask(f"brands/integration/litellm_pulse/{name}")
        assert picture.body == (ROOT / package.FOLDER / "brand" / name).read_bytes()
