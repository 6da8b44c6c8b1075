"""The tables of entities, made of their descriptions: all of them in docs/entities.md, the first ones in README.md."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from homeassistant.util import slugify
from made_table import replaced

from custom_components.litellm_pulse import binary_sensor, descriptions, event, number
from custom_components.litellm_pulse.core.catalog import COUNTERS, GAUGES, HOURLY, RATE_LIMITS, Dimension
from custom_components.litellm_pulse.entity import ON_MEMBERS, ON_MODELS, ON_PROXY, PulseDescription
from custom_components.litellm_pulse.features import Feature

BEGIN: Final = "<!-- made by scripts/entities -->"

_PLATFORMS: Final = {
    "sensor": descriptions.DESCRIPTIONS,
    "binary_sensor": binary_sensor.DESCRIPTIONS,
    "number": number.DESCRIPTIONS,
    "event": event.DESCRIPTIONS,
}
_FAMILIES: Final = {
    **{metric.name: metric.sources[0] for metric in (*COUNTERS, *GAUGES)},
    **{figure: (row.amount or row.requests).removesuffix("_sum") for figure, row in HOURLY.items()},
    **{figure: next(iter(families.values()))[0] for figure, families in RATE_LIMITS.items()},
}
_WHERE: Final = {
    ON_PROXY: "the proxy",
    ON_MODELS: "models",
    ON_MEMBERS: "members",
    ON_MEMBERS - {Dimension.PROVIDER}: "members, not providers",
    ON_MODELS | {Dimension.KEY}: "models, keys",
    frozenset(Dimension): "everything",
}
_WHEN: Final = {
    Feature.USAGE: "",
    Feature.BUDGET: "LiteLLM tells a budget",
    Feature.HEALTH: "LiteLLM tells its health",
    Feature.LIMIT_DAY: "the limit is set",
    Feature.LIMIT_WEEK: "the limit is set",
    Feature.LIMIT_MONTH: "the limit is set",
    Feature.YESTERDAY: "the day was seen",
    Feature.LAST_MONTH: "the month was seen",
    Feature.FORECAST: "a whole day was seen",
    Feature.FORECAST_LATER: "there is no forecast yet",
    Feature.UNUSUAL: "seven days were seen",
    Feature.UNUSUAL_LATER: "there are no seven days yet",
}
_CURRENCY: Final = "EUR"
"""Stands for that of the options."""
_HEAD: Final = """\
| entity | id ends in | unit | on | enabled | there when | read from |
| --- | --- | --- | --- | --- | --- | --- |
"""
_README_HEAD: Final = """\
| on | enabled from the start |
| --- | --- |
"""


def all_entities(page: str, root: Path) -> str:
    """Return the page of all entities with its table as the descriptions are now; the rest stays."""
    return replaced(page, BEGIN, _HEAD + "".join(_rows(_texts(root))))


def first_entities(page: str, root: Path) -> str:
    """Return README with its table of what is enabled from the start, by where it is; the rest stays."""
    texts, names = _texts(root), defaultdict[str, list[str]](list)
    for platform, one in _described():
        if one.entity_registry_enabled_default and one.figure is None:
            names[_WHERE[one.dimensions]].append(texts[platform][one.translation_key]["name"])
    rows = (f"| {where} | {', '.join(found)} |\n" for where, found in names.items())
    return replaced(page, BEGIN, _README_HEAD + "".join(rows))


def _texts(root: Path) -> Mapping[str, Any]:
    """Return the English names of entities, by platform."""
    texts = json.loads((root / "custom_components/litellm_pulse/translations/en.json").read_text())
    return dict(texts["entity"])


def _described() -> list[tuple[str, PulseDescription]]:
    """Return every description and its platform."""
    return [(platform, one) for platform, described in _PLATFORMS.items() for one in described]


def _rows(texts: Mapping[str, Any]) -> Iterator[str]:
    """Yield a row per description: what is enabled comes first, what the options have to ask for last."""
    described = _described()
    described.sort(key=lambda row: (row[1].figure is not None, not row[1].entity_registry_enabled_default))
    for platform, one in described:
        yield _row(platform, one, texts[platform][one.translation_key])


def _row(platform: str, one: PulseDescription, text: Mapping[str, Any]) -> str:
    """Return the row of a description."""
    unit = getattr(one, "native_unit_of_measurement", None) or text.get("unit_of_measurement", "")
    enabled = "yes" if one.entity_registry_enabled_default else "no"
    cells = (
        text["name"].format(currency=_CURRENCY),
        f"`{platform}.…_{slugify(text['name'].format(currency=_CURRENCY))}`",
        unit,
        _WHERE[one.dimensions],
        enabled,
        "the options ask for it" if one.figure else _WHEN[one.feature],
        f"`{_FAMILIES[one.metric]}`" if one.metric else "",
    )
    return f"| {' | '.join(cells)} |\n".replace("|  |", "| |").replace("|  |", "| |")


PAGES: Final[Mapping[str, Callable[[str, Path], str]]] = {"docs/entities.md": all_entities, "README.md": first_entities}
"""A page, and what renews its table; it takes the page and the repository's folder."""
