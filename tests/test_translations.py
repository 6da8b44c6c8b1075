"""Whatever the code names, the translations have; whatever they have, the code names."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import custom_components.litellm_pulse as integration
from custom_components.litellm_pulse import binary_sensor, descriptions, error_messages, event, number
from custom_components.litellm_pulse.client import ScrapeError
from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.errors import AnswerError
from custom_components.litellm_pulse.device_manager import MODELS, OPTIONAL
from custom_components.litellm_pulse.events import EventType
from custom_components.litellm_pulse.issues import ISSUES

ROOT = Path(integration.__file__).parent
TEXTS: dict[str, Any] = json.loads((ROOT / "translations" / "en.json").read_text())
ICONS: dict[str, Any] = json.loads((ROOT / "icons.json").read_text())

ENTITIES = {
    "binary_sensor": binary_sensor.DESCRIPTIONS,
    "event": event.DESCRIPTIONS,
    "number": number.DESCRIPTIONS,
    "sensor": descriptions.DESCRIPTIONS,
}
FAILURES = set(error_messages._KEYS.values())
RAISED = re.compile(r'(?:Query|NotFound|NotAvailable|Forbidden)Error\(\s*"(\w+)"')
BACKUP = {"backup_is_made", "waits_for_backup"}
QUERY_ERRORS = {key for file in ROOT.rglob("*.py") for key in RAISED.findall(file.read_text())}


@pytest.mark.parametrize("platform", ENTITIES)
def test_every_entity_has_a_name_and_an_icon(platform: str) -> None:
    keys = {one.translation_key for one in ENTITIES[platform]}
    assert set(TEXTS["entity"][platform]) == keys
    assert set(ICONS["entity"][platform]) == keys


def test_no_device_has_two_entities_of_a_name() -> None:
    for platform, described in ENTITIES.items():
        for dimension in Dimension:
            keys = [one.key for one in described if dimension in one.dimensions]
            names = [TEXTS["entity"][platform][key]["name"] for key in keys]
            assert len(set(names)) == len(names)


def test_everything_that_happens_has_a_name() -> None:
    texts = TEXTS["entity"]["event"]["events"]["state_attributes"]["event_type"]["state"]
    assert set(texts) == set(EventType)


def test_every_issue_has_a_text_and_a_flow_where_there_is_something_to_do() -> None:
    assert set(TEXTS["issues"]) == {one.key for one in ISSUES}
    for one in ISSUES:
        assert ("fix_flow" in TEXTS["issues"][one.key]) is one.fixable


def test_every_choice_has_a_name() -> None:
    choices = {"dimensions": OPTIONAL, "group_models_by": MODELS}
    assert {name: set(one["options"]) for name, one in TEXTS["selector"].items()} == {
        name: set(choice) for name, choice in choices.items()
    }


def test_every_failure_has_a_text_in_the_flow_and_in_the_log() -> None:
    assert set(TEXTS["config"]["error"]) == FAILURES | {"invalid_url", "unknown"}
    assert set(TEXTS["exceptions"]) == FAILURES | {"newer_schema", "store_failed"} | BACKUP | QUERY_ERRORS


def test_every_failure_has_a_name() -> None:
    kinds = {*ScrapeError.__subclasses__(), *AnswerError.__subclasses__()}
    assert kinds <= set(error_messages._KEYS)


@pytest.mark.parametrize("flow", ["config", "options"])
def test_every_field_is_explained(flow: str) -> None:
    for step in TEXTS[flow]["step"].values():
        assert set(step["data"]) == set(step["data_description"])


def test_figures_without_a_unit_of_their_own_have_a_translated_one() -> None:
    described = [one for one in descriptions.DESCRIPTIONS if one.state_class]
    for one in described:
        translated = "unit_of_measurement" in TEXTS["entity"]["sensor"][one.key]
        assert translated is (one.native_unit_of_measurement is None)
