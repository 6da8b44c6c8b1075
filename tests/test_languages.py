"""What the server itself says is in Home Assistant's language, its numbers as that language writes them."""

# ruff: noqa: PLR0913, PLR0917 - a fixture is an argument

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.localize import dollars, number

from .conftest import NOW, entity_id, pass_time, set_up
from .proxy import Proxy
from .test_limits import limit

pytestmark = pytest.mark.freeze_time(NOW)

SPACE, NARROW = "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("language", "device", "sentence"),
    [
        ("en", ("LiteLLM model gpt-4o", "Model"), "Daily limit of $1,234.50 reached: LiteLLM"),
        ("de", ("LiteLLM Modell gpt-4o", "Modell"), f"Tageslimit von 1.234,50{SPACE}$ erreicht: LiteLLM"),
        (
            "fr",
            ("LiteLLM modèle gpt-4o", "Modèle"),
            f"Limite quotidienne de 1{NARROW}234,50{SPACE}$US atteinte : LiteLLM",
        ),
        ("es", ("LiteLLM modelo gpt-4o", "Modelo"), f"Límite diario de 1234,50{SPACE}US$ alcanzado: LiteLLM"),
        ("nl", ("LiteLLM model gpt-4o", "Model"), f"Daglimiet van US${SPACE}1.234,50 bereikt: LiteLLM"),
        ("tlh", ("LiteLLM model gpt-4o", "Model"), "Daily limit of $1,234.50 reached: LiteLLM"),
    ],
)
async def test_devices_and_sentences_are_in_home_assistants_language(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    language: str,
    device: tuple[str, str],
    sentence: str,
) -> None:
    hass.config.language = language
    assert await set_up(hass, entry)
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert device in {(one.name, one.model) for one in devices}
    await limit(hass, entry, "day", 1234.5)
    said: list[str] = []
    hass.bus.async_listen("litellm_pulse_event", callback(lambda event: said.append(event.data["message"])))
    proxy.traffic.spend["gpt-4o"] += 2000
    await pass_time(hass, freezer)
    assert said == [sentence]


async def test_a_reload_right_after_a_change_of_language_names_devices_in_the_new_one(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert await set_up(hass, entry)
    await hass.config.async_update(language="de")
    assert await hass.config_entries.async_reload(entry.entry_id)
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert ("LiteLLM Modell gpt-4o", "Modell") in {(one.name, one.model) for one in devices}


async def test_ids_are_in_home_assistants_language_as_it_makes_them(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.config.language = "de"
    assert await set_up(hass, entry)
    assert entity_id(hass, entry, "spend_day", "model:gpt-4o") == "sensor.litellm_modell_gpt_4o_ausgaben_heute"


@pytest.mark.parametrize(
    ("language", "amount", "figure"), [("en", "$0.0012", "12.3"), ("de", f"0,0012{SPACE}$", "12,3")]
)
async def test_small_amounts_and_figures_have_the_languages_decimal_point(
    hass: HomeAssistant, language: str, amount: str, figure: str
) -> None:
    hass.config.language = language
    assert (dollars(hass, 0.0012), number(hass, 12.34)) == (amount, figure)


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (0, "$0.00"),
        (1e-7, "$0.00"),
        (0.003, "$0.003"),
        (0.01, "$0.01"),
        (99_999.9, "$99,999.90"),
        (1e8, "$100,000,000"),
    ],
)
async def test_an_amount_has_as_many_decimals_as_tell_something(
    hass: HomeAssistant, amount: float, written: str
) -> None:
    assert dollars(hass, amount) == written
