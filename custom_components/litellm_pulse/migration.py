"""Brings an entry's devices and entities of an earlier release up to date, without losing their history.

Home Assistant's recorder follows an entity whose id is changed in the registry, statistics included.
"""

import re
from collections.abc import Iterable
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.util import slugify

from .const import CONF_MEMBER_FIGURES, MEMBER_FIGURES
from .core.models import TOTAL, Member
from .devices import async_register, private_name
from .identifiers import known_devices, known_entities

_WINDOW = re.compile(r"_(day|week|month|year|lifetime)$")
_OF_LIMITS = re.compile(r"limit_(used|reached)_")


@callback
def async_rename(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Name devices after their proxy and kind, and entities after their device; the user's names and ids stay.

    To minor version 3: up to then a device was called as its member alone.
    """
    registry = er.async_get(hass)
    devices = [*known_devices(dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id))]
    proxy = next((one for one, key in devices if key == TOTAL), None)
    for device, key in devices:
        if proxy is None or key == TOTAL:
            continue
        member = Member(*key, device.name or key[1])
        renamed = async_register(hass, entry, member, proxy)
        name = private_name(renamed, member) or renamed.name or ""
        for entity in er.async_entries_for_device(registry, device.id, include_disabled_entities=True):
            own = entity.object_id_base or entity.original_name or ""
            # Where another entity had the id, Home Assistant has put a number behind it.
            old = rf"{re.escape(slugify(f'{device.name} {own}'))}(_\d+)?"
            domain, _, object_id = entity.entity_id.partition(".")
            if re.fullmatch(old, object_id):
                new = registry.async_get_available_entity_id(domain, f"{name} {own}")
                registry.async_update_entity(entity.entity_id, new_entity_id=new)


@callback
def async_keep_used(hass: HomeAssistant, entry: ConfigEntry) -> dict[str, Any]:
    """Return the options that keep the figures of members of which the user has enabled an entity.

    To minor version 3: up to then each member had every figure in every window, most of them
    disabled. What is not provided any more goes when the platforms are set up.
    """
    registry = er.async_get(hass)
    entities = er.async_entries_for_config_entry(registry, entry.entry_id)
    used = _used_figures(entities)
    for entity, _, key in known_entities(entities):
        if _OF_LIMITS.match(key):
            _enable(registry, entity)
    return {**entry.options, CONF_MEMBER_FIGURES: used} if used else {**entry.options}


def _used_figures(entities: Iterable[er.RegistryEntry]) -> list[str]:
    """Return the optional figures of which the user has enabled an entity of a member."""
    used = {
        _WINDOW.sub("", key)
        for entity, member, key in known_entities(entities)
        if not entity.disabled and member != TOTAL
    }
    return [figure for figure in MEMBER_FIGURES if figure in used]


def _enable(registry: er.EntityRegistry, entity: er.RegistryEntry) -> None:
    """Enable what was disabled because nobody might have set a limit: now it is there only where one is set."""
    if entity.disabled_by is er.RegistryEntryDisabler.INTEGRATION:
        registry.async_update_entity(entity.entity_id, disabled_by=None)
