"""Members that are counted together after a long time take nothing away from those who come later."""

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.const import CONF_DIMENSIONS, CONF_RETENTION_DAYS
from custom_components.litellm_pulse.core.catalog import Dimension

from .conftest import NOW, pass_time, set_up, state
from .proxy import Proxy
from .test_events import hear

pytestmark = pytest.mark.freeze_time(NOW)

DAY = 86400
RETENTION = 8
LONG = RETENTION + 10
"""Days after which a series is forgotten, and whoever it named was not used for longer than the retention."""


def _visit(proxy: Proxy, spend: float, *names: str) -> None:
    """Let customers have spent as much as this, and nobody else be there."""
    labels = {f'model="gpt-4o",requested_model="gpt-4o",end_user="{name}"': spend for name in names}
    proxy.traffic.series["litellm_spend_metric_total"] = labels
    proxy.traffic.series["litellm_spend_metric_created"] = dict.fromkeys(labels, proxy.traffic.started.timestamp())


@pytest.mark.parametrize("shown", [[], ["customer"]], ids=["customers are not shown", "customers are shown"])
async def test_new_members_have_a_device_after_others_were_counted_together(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, shown: list[str]
) -> None:
    options = {CONF_RETENTION_DAYS: RETENTION, CONF_DIMENSIONS: shown}
    hass.config_entries.async_update_entry(entry, options=options)
    _visit(proxy, 1, "one", "two", "three")
    await set_up(hass, entry)
    _visit(proxy, 1.25, "one", "two", "three")
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_lifetime") == "0.75"
    _visit(proxy, 0)
    told = hear(hass, entry)
    for day in range(LONG):
        # Whoever comes on the day on which others go is not overlooked.
        proxy.traffic.spend[f"model-{day}"] = 0.5
        await pass_time(hass, freezer, DAY)
    customers = {key for of, key in entry.runtime_data.ledger.snapshot.members if of is Dimension.CUSTOMER}
    assert customers == ({"one", "two", "three"} if shown else {""})
    assert [event["id"] for event in told if event["event_type"] == "new_model"] == [
        f"model-{day}" for day in range(LONG)
    ]
    for day in range(LONG):
        assert state(hass, entry, "spend_lifetime", f"model:model-{day}") == "0.5"
    assert state(hass, entry, "spend_lifetime") == str(0.75 + 0.5 * LONG)
