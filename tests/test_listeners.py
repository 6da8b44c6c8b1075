"""One listener that fails is logged, and the others hear all the same."""

from unittest.mock import patch

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant, callback
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.ignore_uncaught_exceptions import IGNORE_UNCAUGHT_EXCEPTIONS

from custom_components.litellm_pulse.data import PulseData
from custom_components.litellm_pulse.issues import IssueManager
from custom_components.litellm_pulse.ledger_worker import LedgerWorker
from custom_components.litellm_pulse.sensor import PulseSensor

from .conftest import NOW, pass_time, set_up, state
from .proxy import Proxy

pytestmark = pytest.mark.freeze_time(NOW)


async def _spend(hass: HomeAssistant, proxy: Proxy, freezer: FrozenDateTimeFactory, amount: float) -> None:
    proxy.traffic.spend["gpt-4o"] += amount
    await pass_time(hass, freezer)


async def test_before_and_after_are_published_once_a_scrape(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    assert await set_up(hass, entry)
    coordinator = entry.runtime_data.coordinator
    heard: list[tuple[PulseData, PulseData]] = []

    @callback
    def listen(before: PulseData, after: PulseData) -> None:
        heard.append((before, after))

    coordinator.async_subscribe(listen)
    first = coordinator.data
    await _spend(hass, proxy, freezer, 1)
    second = coordinator.data
    await _spend(hass, proxy, freezer, 1)
    assert [one for pair in heard for one in pair] == [first, second, second, coordinator.data]


async def test_an_entity_that_raises_freezes_no_other(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await set_up(hass, entry)
    shown = PulseSensor.shown

    def fail_for_tokens(self: PulseSensor) -> tuple[object, ...]:
        if self.entity_description.key == "tokens_day":
            raise ValueError("broken")
        return shown(self)

    with patch.object(PulseSensor, "shown", fail_for_tokens):
        await _spend(hass, proxy, freezer, 1.5)
    assert state(hass, entry, "spend_day") == "1.5"
    assert state(hass, entry, "spend_day", "model:gpt-4o") == "1.5"
    assert "failed to write its state" in caplog.text
    await _spend(hass, proxy, freezer, 1.5)
    assert state(hass, entry, "spend_day") == "3.0"


async def test_a_listener_that_raises_silences_no_other(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[PulseData] = []

    @callback
    def fail(*_: object) -> None:
        raise ValueError("broken")

    @callback
    def listen(_: PulseData, after: PulseData) -> None:
        heard.append(after)

    with patch.object(IssueManager, "async_update", fail):
        assert await set_up(hass, entry)
        entry.runtime_data.coordinator.async_subscribe(listen)
        await _spend(hass, proxy, freezer, 1.5)
    assert state(hass, entry, "spend_day") == "1.5"
    assert heard == [entry.runtime_data.coordinator.data]
    assert "broken" in caplog.text


async def test_an_hour_that_fails_stops_no_later_one(
    request: pytest.FixtureRequest,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
) -> None:
    IGNORE_UNCAUGHT_EXCEPTIONS.append((request.module.__name__, request.function.__name__))
    assert await set_up(hass, entry)
    await _spend(hass, proxy, freezer, 1.5)
    proxy.answer(b"", status=503)
    freezer.move_to("2026-11-18 22:59:59+00:00")
    with patch.object(LedgerWorker, "async_roll", side_effect=OSError("broken")):
        await pass_time(hass, freezer, 2)
    assert "broken" in request.getfixturevalue("caplog").text
    # Midnight, in Home Assistant's zone of the tests, is eight hours behind.
    freezer.move_to("2026-11-19 07:59:59+00:00")
    await pass_time(hass, freezer, 2)
    assert state(hass, entry, "spend_day") == "0.0"
