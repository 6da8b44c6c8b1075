"""Identities in Home Assistant's registries: built and taken apart here only, never made of names."""

from homeassistant.helpers import device_registry as dr

from .const import DOMAIN
from .core.catalog import Dimension
from .core.models import TOTAL, MemberKey


def device_identifier(entry_id: str, member: MemberKey) -> tuple[str, str]:
    """Return the identifier of a member's device; the total's is the proxy itself."""
    return DOMAIN, entry_id if member == TOTAL else f"{entry_id}:{member[0]}:{member[1]}"


def member_of_device(device: dr.AnyDeviceEntry) -> MemberKey:
    """Return the member whose device it is."""
    ((_, identifier),) = device.identifiers
    if ":" not in identifier:
        return TOTAL
    _, dimension, member = identifier.split(":", 2)
    return Dimension(dimension), member


def entity_unique_id(entry_id: str, member: MemberKey, key: str) -> str:
    """Return the unique id of the entity with a description's key, of a member."""
    return f"{entry_id}:{member[0]}:{member[1]}:{key}"


def member_and_key(unique_id: str) -> tuple[MemberKey, str]:
    """Return the member and the description's key that an entity's unique id is made of."""
    _, dimension, rest = unique_id.split(":", 2)
    member, _, key = rest.rpartition(":")
    return (Dimension(dimension), member), key
