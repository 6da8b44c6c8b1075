"""Which hours have changed is found from what is known of them."""

from custom_components.litellm_pulse.core.query.hours import KnownHours


def test_where_no_hour_is_known_none_has_changed() -> None:
    nothing = KnownHours(digests={}, end=0, first_day=0)
    assert nothing.changed_since(nothing) is None
