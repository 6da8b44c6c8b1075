"""Whatever the code names, the translations have; whatever they have, the code names."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from homeassistant.util.yaml import load_yaml_dict

import custom_components.litellm_pulse as integration
from custom_components.litellm_pulse import (
    binary_sensor,
    condition,
    descriptions,
    error_messages,
    event,
    number,
    trigger,
)
from custom_components.litellm_pulse.automation_targets import PERIODS
from custom_components.litellm_pulse.client import ScrapeError
from custom_components.litellm_pulse.const import HISTORY_SOURCES, MEMBER_FIGURES, PERFORMANCE_FIGURES, WEEK_STARTS
from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.errors import AnswerError
from custom_components.litellm_pulse.device_manager import MODELS, OPTIONAL
from custom_components.litellm_pulse.events import EventType
from custom_components.litellm_pulse.features import LIMITS
from custom_components.litellm_pulse.issues import ISSUES
from custom_components.litellm_pulse.spend_logs.dsn import TlsMode
from custom_components.litellm_pulse.statistic_ids import METRICS

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
SERVICES: dict[str, Any] = load_yaml_dict(str(ROOT / "services.yaml"))
SETUP_ERRORS = {"unusable_setting"}
LEDGER_ERRORS = {"newer_schema", "store_failed", "waits_for_backup", "backup_is_made"}
ACTION_ERRORS = {"limit_not_saved", *re.findall(r'translation_key="(\w+)"', (ROOT / "services.py").read_text())}
RAISED = re.compile(r'(?:Query|NotFound|NotAvailable|Forbidden)Error\(\s*"(\w+)"')
QUERY_ERRORS = {key for file in ROOT.rglob("*.py") for key in RAISED.findall(file.read_text())}


@pytest.mark.parametrize("platform", ENTITIES)
def test_every_entity_has_a_name_and_an_icon(platform: str) -> None:
    keys = {one.translation_key for one in ENTITIES[platform]}
    assert set(TEXTS["entity"][platform]) == keys
    assert set(ICONS["entity"][platform]) == keys


def test_what_the_automation_editor_offers_fits_a_phone(translated: Mapping[str, str]) -> None:
    # 390 pixels; Home Assistant cuts the rest off.
    names = [text for key, text in translated.items() if re.fullmatch(r"(triggers|conditions)\.\w+\.name", key)]
    assert names
    assert not [name for name in names if len(name) > 36]


def test_what_the_options_add_has_a_name_that_fits_a_phone_beside_millions_of_tokens(
    translated: Mapping[str, str],
) -> None:
    # 390 pixels; Home Assistant cuts the rest off. Of what counts requests, fewer digits stand beside the name.
    keys = [
        one.translation_key
        for one in descriptions.DESCRIPTIONS
        if one.figure and one.entity_registry_enabled_default and "tokens" in one.key
    ]
    assert len(keys) >= 7
    for texts in (ENGLISH, translated):
        names = [texts[f"entity.sensor.{key}.name"] for key in keys]
        assert not [name for name in names if len(name) > 24]


def test_the_figures_that_the_options_offer_fit_a_phone_once_they_are_chosen(translated: Mapping[str, str]) -> None:
    # 390 pixels; what was chosen stands in a chip, and Home Assistant cuts the rest off.
    for texts in (ENGLISH, translated):
        chips = [text for key, text in texts.items() if re.match(r"selector\.(member_figures|performance)\.", key)]
        assert len(chips) == len(MEMBER_FIGURES) + len(PERFORMANCE_FIGURES)
        assert not [chip for chip in chips if len(chip) > 42]


def test_the_head_of_a_repair_is_one_line_on_a_phone(translated: Mapping[str, str]) -> None:
    # 390 pixels; a second line lies over what Home Assistant writes below, and a proxy's name has any length.
    for texts in (ENGLISH, translated):
        heads = [text for key, text in texts.items() if re.fullmatch(r"issues\.\w+\.fix_flow\.step\.\w+\.title", key)]
        assert len(heads) == sum(one.fixable for one in ISSUES)
        assert not [head for head in heads if len(head) > 28 or "{" in head]


def test_no_device_has_two_entities_of_a_name() -> None:
    for platform, described in ENTITIES.items():
        for dimension in Dimension:
            keys = [one.key for one in described if dimension in one.dimensions]
            names = [TEXTS["entity"][platform][key]["name"] for key in keys]
            assert len(set(names)) == len(names)


def test_everything_that_happens_has_a_name() -> None:
    texts = TEXTS["entity"]["event"]["events"]["state_attributes"]["event_type"]["state"]
    assert set(texts) == set(EventType)


def test_everything_that_happens_can_be_told_in_a_sentence() -> None:
    told = {key for key in TEXTS["common"] if key.startswith("event_")}
    assert told == {f"event_{one}" for one in EventType if one is not EventType.LIMIT_REACHED} | {
        "event_budget_used_up_unknown",
        *(f"event_limit_reached_{window}" for window in LIMITS),
    }


def test_every_kind_of_device_has_a_name_and_a_word() -> None:
    kinds = [one for one in Dimension if one is not Dimension.TOTAL]
    assert set(TEXTS["device"]) == {*map(str, kinds), *(f"other_{kind}" for kind in kinds)}
    assert set(map(str, Dimension)) <= set(TEXTS["common"])


@pytest.mark.parametrize(("kind", "offered"), [("triggers", trigger.TRIGGERS), ("conditions", condition.CONDITIONS)])
def test_every_trigger_and_condition_and_each_of_its_fields_has_words_and_an_icon(
    kind: str, offered: Mapping[str, object]
) -> None:
    described = yaml.safe_load((ROOT / f"{kind}.yaml").read_text())
    fields = {key: set(one.get("fields", ())) for key, one in described.items() if not key.startswith(".")}
    assert set(fields) == set(offered) == set(ICONS[kind])
    assert {key: set(one.get("fields", ())) for key, one in TEXTS[kind].items()} == fields


def test_every_issue_has_a_text_and_a_flow_where_there_is_something_to_do() -> None:
    assert set(TEXTS["issues"]) == {one.key for one in ISSUES}
    for one in ISSUES:
        assert ("fix_flow" in TEXTS["issues"][one.key]) is one.fixable


def test_every_choice_has_a_name() -> None:
    fields = [field for one in SERVICES.values() for field in one["fields"].values()]
    selects = [one["selector"]["select"] for one in fields if "select" in one["selector"]]
    choices = {
        "dimensions": OPTIONAL,
        "group_models_by": MODELS,
        "member_figures": MEMBER_FIGURES,
        "performance": PERFORMANCE_FIGURES,
        "week_start": WEEK_STARTS,
        "proxy": ("another",),
        "history_source": HISTORY_SOURCES,
        "history_tls": TlsMode,
        "period": PERIODS,
        **{one["translation_key"]: one["options"] for one in selects},
    }
    assert {name: set(one["options"]) for name, one in TEXTS["selector"].items()} == {
        name: set(choice) for name, choice in choices.items()
    }


def test_every_failure_has_a_text_in_the_flow_and_in_the_log() -> None:
    fields = {"invalid_url", "invalid_header", "invalid_ca_file"}
    assert set(TEXTS["config"]["error"]) == FAILURES | fields | {"unknown"}
    assert set(TEXTS["exceptions"]) == FAILURES | SETUP_ERRORS | LEDGER_ERRORS | QUERY_ERRORS | ACTION_ERRORS
    assert all(list(one) == ["message"] for one in TEXTS["exceptions"].values())


def test_every_failure_has_a_name() -> None:
    kinds = {*ScrapeError.__subclasses__(), *AnswerError.__subclasses__()}
    assert kinds <= set(error_messages._KEYS)
    assert set(TEXTS["entity"]["sensor"]["status"]["state"]) == FAILURES | {"ok"}


@pytest.mark.parametrize("flow", ["config", "options"])
def test_every_field_is_explained(flow: str) -> None:
    for step in TEXTS[flow]["step"].values():
        for fields in (step, *step.get("sections", {}).values()):
            assert set(fields.get("data", ())) == set(fields.get("data_description", ()))


def test_every_action_and_field_is_explained_and_has_an_icon() -> None:
    assert {name: set(one["fields"]) for name, one in SERVICES.items()} == {
        name: set(one["fields"]) for name, one in TEXTS["services"].items()
    }
    assert set(ICONS["services"]) == set(SERVICES)
    for one in TEXTS["services"].values():
        for text in (one, *one["fields"].values()):
            assert text["name"]
            assert text["description"].endswith(".")


def test_no_text_names_what_it_is_not_given() -> None:
    for key, text in TEXTS["config"]["error"].items():
        assert set(re.findall(r"{(\w+)}", text)) <= ({"status"} if key == "unexpected_status" else set())


def test_figures_without_a_unit_of_their_own_have_a_translated_one() -> None:
    described = [one for one in descriptions.DESCRIPTIONS if one.state_class]
    for one in described:
        translated = "unit_of_measurement" in TEXTS["entity"]["sensor"][one.key]
        assert translated is (one.native_unit_of_measurement is None)


LANGUAGES = sorted(file.stem for file in (ROOT / "translations").glob("*.json") if file.stem != "en")
SAME = {
    *("Budget", "Client", "Format", "Name", "Options", "Organisation", "Organization", "Proxy", "Service", "Status"),
    *("Error", "Source"),
    *("Metadata", "Model", "Tag", "Tags", "Team", "Teams", "{name} tokens", "Tokens", "tokens", "cooldowns", "Period"),
    *("CSV", "JSON Lines", "OK", "{reason}", "{proxy} model {member}", "{proxy} tag {member}", "{proxy} team {member}"),
    "{proxy} metadata {member}",
}
"""Texts that another language may have in the same words."""


def _flat(texts: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """Return path -> text."""
    flat: dict[str, str] = {}
    for key, value in texts.items():
        flat |= _flat(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}": value}
    return flat


ENGLISH = _flat(TEXTS)


@pytest.fixture(params=LANGUAGES)
def translated(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the texts of a language, by path."""
    return _flat(json.loads((ROOT / "translations" / f"{request.param}.json").read_text()))


def test_five_languages_are_spoken() -> None:
    assert LANGUAGES == ["de", "es", "fr", "nl"]


def test_every_text_is_in_every_language_and_none_is_left_over(translated: Mapping[str, str]) -> None:
    assert list(translated) == list(ENGLISH)


def test_a_translation_names_what_the_english_text_names(translated: Mapping[str, str]) -> None:
    for what in (r"{\w+}", r"`[^`]+`", r"/metrics", r"https?://"):
        for key, text in ENGLISH.items():
            assert sorted(re.findall(what, translated[key])) == sorted(re.findall(what, text)), key


def test_no_text_was_left_in_english(translated: Mapping[str, str]) -> None:
    same = {text for key, text in ENGLISH.items() if translated[key] == text}
    assert same <= SAME


def test_no_device_has_two_entities_of_a_name_in_any_language(translated: Mapping[str, str]) -> None:
    for platform, described in ENTITIES.items():
        for dimension in Dimension:
            keys = [one.key for one in described if dimension in one.dimensions]
            names = [translated[f"entity.{platform}.{key}.name"] for key in keys]
            assert len(set(names)) == len(names)


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_the_dashboard_and_the_entities_have_one_word_for_one_thing(language: str) -> None:
    texts = json.loads((ROOT / f"translations/{language}.json").read_text())["entity"]["sensor"]
    script = (ROOT / f"frontend/{language}.js").read_text()
    said = {key: text.casefold() for key, text in re.findall(r'^  (\w+): "([^"]+)",$', script, re.MULTILINE)}
    states = texts["deployment_health"]["state"]
    assert {key: said[key] for key in states} == {key: text.casefold() for key, text in states.items()}
    assert texts["spend_forecast"]["name"].casefold().startswith(said["forecast"])
    assert texts["tokens_day"]["name"].casefold() == said["tokens_day"]


def test_whatever_is_said_by_name_is_there() -> None:
    said = set(re.findall(r'localize\(\s*\w+(?:\.\w+)*, "(\w+)"', "".join(map(Path.read_text, ROOT.rglob("*.py")))))
    assert said <= set(TEXTS["common"])
    kinds = {*map(str, Dimension)}
    # Of events and of the history, each has its own: for every type, error and reason; of statistics, every metric.
    assert {f"statistic_{metric}" for metric in METRICS} <= set(TEXTS["common"])
    others = {key for key in TEXTS["common"] if not key.startswith(("event_", "history_", "statistic_"))}
    assert others == {one for one in kinds | said if not one.startswith("history_")}
