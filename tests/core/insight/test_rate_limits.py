"""When LiteLLM is said to refuse a member's requests."""

import pytest

from custom_components.litellm_pulse.core.catalog import COUNTER_INDEX, Dimension
from custom_components.litellm_pulse.core.insight import rate_limited
from custom_components.litellm_pulse.core.models import ZERO, MemberKey, Snapshot, Usage, Vector, Window

RED: MemberKey = (Dimension.TEAM, "red")
BLUE: MemberKey = (Dimension.TEAM, "blue")


def _vector(**figures: float) -> Vector:
    values = list(ZERO)
    for metric, value in figures.items():
        values[COUNTER_INDEX[metric]] = value
    return tuple(values)


def _snapshot(red: Usage, blue: Usage) -> Snapshot:
    return Snapshot(usage={RED: red, BLUE: blue})


@pytest.mark.parametrize(
    ("known", "growth", "then"),
    [
        (set(), {}, False),
        (set(), {"requests": 1, "tokens": 5}, False),
        (set(), {"requests": 1, "failed_requests": 1}, False),
        (set(), {"requests": 1, "failed_requests": 1, "refused_requests": 1}, True),
        (set(), {"requests": 2, "failed_requests": 1, "refused_requests": 1}, True),
        ({RED}, {}, True),
        ({RED}, {"requests": 1, "failed_requests": 1}, True),
        ({RED}, {"requests": 1}, False),
        ({RED}, {"tokens": 5}, False),
        ({RED}, {"requests": 2, "failed_requests": 1, "refused_requests": 1}, True),
    ],
)
def test_it_begins_with_a_429_and_ends_with_a_scrape_without_one_in_which_requests_succeed(
    known: set[MemberKey], growth: dict[str, float], *, then: bool
) -> None:
    blue = Usage()
    before = _snapshot(Usage(lifetime=_vector(requests=9, failed_requests=3, refused_requests=2, tokens=70)), blue)
    grown = {name: before.value(RED, Window.LIFETIME, name) + growth.get(name, 0) for name in COUNTER_INDEX}
    after = _snapshot(Usage(lifetime=_vector(**grown)), blue)
    found = rate_limited(before, after, frozenset(known))
    assert (RED in found) is then
    assert BLUE not in found


def test_a_member_that_begins_with_a_refusal_is_refused() -> None:
    after = _snapshot(Usage(lifetime=_vector(requests=1, failed_requests=1, refused_requests=1)), Usage())
    assert rate_limited(Snapshot(), after, frozenset()) == {RED}


def test_what_does_not_change_keeps_its_object() -> None:
    known = frozenset({RED})
    same = _snapshot(Usage(), Usage())
    assert rate_limited(same, same, known) is known
