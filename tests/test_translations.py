"""Whatever the code names, the translations have; whatever they have, the code names."""

import json
from pathlib import Path
from typing import Any

import pytest

import custom_components.litellm_pulse as integration
from custom_components.litellm_pulse import reasons, sensor
from custom_components.litellm_pulse.client import ScrapeError
from custom_components.litellm_pulse.core.errors import AnswerError

ROOT = Path(integration.__file__).parent
TEXTS: dict[str, Any] = json.loads((ROOT / "translations" / "en.json").read_text())
ICONS: dict[str, Any] = json.loads((ROOT / "icons.json").read_text())

SENSORS = {one.translation_key for descriptions in sensor.DESCRIPTIONS.values() for one in descriptions}
FAILURES = set(reasons._KEYS.values())


def test_every_sensor_has_a_name_and_an_icon() -> None:
    assert set(TEXTS["entity"]["sensor"]) == SENSORS
    assert set(ICONS["entity"]["sensor"]) == SENSORS


def test_every_failure_has_a_text_in_the_flow_and_in_the_log() -> None:
    assert set(TEXTS["config"]["error"]) == FAILURES | {"invalid_url", "unknown"}
    assert set(TEXTS["exceptions"]) == FAILURES | {"newer_schema", "store_failed"}


def test_every_failure_has_a_name() -> None:
    kinds = {*ScrapeError.__subclasses__(), *AnswerError.__subclasses__()}
    assert kinds <= set(reasons._KEYS)


@pytest.mark.parametrize("flow", ["config", "options"])
def test_every_field_is_explained(flow: str) -> None:
    for step in TEXTS[flow]["step"].values():
        assert set(step["data"]) == set(step["data_description"])


def test_figures_without_a_unit_of_their_own_have_a_translated_one() -> None:
    descriptions = [one for row in sensor.DESCRIPTIONS.values() for one in row if one.state_class]
    for one in descriptions:
        translated = "unit_of_measurement" in TEXTS["entity"]["sensor"][one.translation_key]
        assert translated is (one.native_unit_of_measurement is None)
