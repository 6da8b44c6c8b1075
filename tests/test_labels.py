"""A name has its place beside what it names, in the narrowest row that Home Assistant has on a desktop.

That is the device's page beside the docked sidebar of a window of 1280 pixels. Home Assistant cuts a name that is too
long; here it is measured without a browser, for every sensor, amount and language. tests/e2e looks at it for real.
"""

import json
from typing import Any, Final

import pytest
from homeassistant.const import PERCENTAGE
from homeassistant.core import HomeAssistant

from custom_components.litellm_pulse.const import CONF_CURRENCY, USD
from custom_components.litellm_pulse.descriptions import DESCRIPTIONS, PulseSensorDescription
from custom_components.litellm_pulse.localize import WHOLE_FROM, dollars

from .test_translations import LANGUAGES, ROOT

ROW: Final = 230
"""Pixels for the name and the value together."""
HEAD: Final = 276
"""Pixels for the heading of a trigger or condition, on a phone of 390."""
SIZE: Final = 0.014
"""Pixels of a thousandth of the letter's size."""
HEAD_SIZE: Final = 0.0201
SPACING: Final = 0.135
"""Pixels between two letters."""
WIDTHS: Final = {
    "\N{NARROW NO-BREAK SPACE}": 124,
    "'": 174,
    ",": 196,
    "j:ilí \N{NO-BREAK SPACE}": 245,
    ".I-": 270,
    "tr": 333,
    "f": 347,
    "/": 412,
    "yvxzk": 490,
    "sceèéêë": 525,
    "LaàähuúünJF": 548,
    "bgp$0123456789€dEqÉoóö": 565,
    "SßTZYR": 605,
    "BKPVUÚCADG": 645,
    "OHN%w": 715,
    "MmW": 880,
}
"""Letters of Roboto, which Home Assistant writes in -> thousandths of their size, rounded."""
WIDTH: Final = {letter: width for letters, width in WIDTHS.items() for letter in letters}
LARGE: Final = (99_999.9, 123_456_789.0)
"""Dollars: the largest with cents, and the largest without."""
UNAVAILABLE: Final = {
    "en": "Unavailable",
    "de": "Nicht verfügbar",
    "fr": "Indisponible",
    "es": "No disponible",
    "nl": "Niet beschikbaar",
}
"""What Home Assistant shows of the moment while the proxy does not answer."""
COUNTS: Final = {"tokens": (12_345_678, 1_234_567, 123_456)}
OTHER_COUNTS: Final = (12_345, 1_234, 1_234)
"""What is counted in a day, where it is shown at once, where an option asks for it, and where the user enables it."""
LONGER: Final = {
    **dict.fromkeys(("tokens_month", "input_tokens_month", "output_tokens_month"), 87_548_703),
    "tokens_lifetime": 987_548_703,
    **dict.fromkeys(("requests_month", "requests_lifetime", "failed_requests_month"), 123_456),
}
"""What is counted in a longer time, of what most enable."""


def _pixels(text: str) -> float:
    return sum(WIDTH[letter] * SIZE + SPACING for letter in text)


def _shown_at_once(key: str) -> int:
    """Return 0 where the sensor is there at once, 1 where an option asks for it, 2 where the user has to enable it."""
    kinds = [one for one in DESCRIPTIONS if one.translation_key == key and one.entity_registry_enabled_default]
    return 2 if not kinds else int(all(one.figure for one in kinds))


def _value(hass: HomeAssistant, one: PulseSensorDescription, texts: dict[str, Any], english: dict[str, Any]) -> str:
    """Return the widest that a sensor may show."""
    key = str(one.translation_key)
    amount = max((dollars(hass, amount) for amount in LARGE), key=_pixels)
    if one.figure == CONF_CURRENCY:
        return amount.replace("US$", "€").replace("$US", "€").replace("$", "€")
    if one.native_unit_of_measurement == USD:
        return amount
    if unit := english.get("unit_of_measurement"):
        count = LONGER.get(key) or COUNTS.get(unit, OTHER_COUNTS)[_shown_at_once(key)]
        # A count is written as an amount is, less the sign and the cents.
        written = dollars(hass, count).strip("US$\N{NO-BREAK SPACE}")
        return f"{written if count >= WHOLE_FROM else written[:-3]} {texts.get('unit_of_measurement', unit)}"
    if one.native_unit_of_measurement == PERCENTAGE:
        return "1.234,5 %"
    return str(max(texts.get("state", {"": ""}).values(), key=_pixels))


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_every_name_has_its_place_beside_large_amounts(hass: HomeAssistant, language: str) -> None:
    hass.config.language = language
    english, spoken = (
        json.loads((ROOT / "translations" / f"{one}.json").read_text())["entity"]["sensor"] for one in ("en", language)
    )
    cut = {}
    for one in DESCRIPTIONS:
        key = str(one.translation_key)
        name = spoken[key]["name"].format(currency="EUR")
        values = {_value(hass, one, spoken[key], english[key])}
        if one.live and _shown_at_once(key) < 2:
            values.add(UNAVAILABLE[language])
        value = max(values, key=_pixels)
        if _pixels(name) + _pixels(value) > ROW:
            cut[key] = f"{name} | {value}"
    assert not cut


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
@pytest.mark.parametrize("kind", ["triggers", "conditions"])
def test_what_an_automation_has_of_ours_is_headed_whole_on_a_phone(language: str, kind: str) -> None:
    named = json.loads((ROOT / "translations" / f"{language}.json").read_text())[kind].values()
    assert named
    assert not [one["name"] for one in named if sum(WIDTH[letter] for letter in one["name"]) * HEAD_SIZE > HEAD]
