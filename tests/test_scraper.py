"""No more is asked for than is needed, and no figure depends on how much was asked for."""

from datetime import UTC, datetime
from itertools import cycle
from traceback import walk_tb

import pytest
from aiohttp import web
from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.core.errors import SurprisingPartError
from custom_components.litellm_pulse.scraper import TELLING_ANSWERS, TELLING_SECONDS, WHOLE_ANSWERS, WHOLE_SCRAPES

from .conftest import NOW, pass_time, set_up, state
from .core.bodies import cost
from .proxy import Proxy, Traffic

pytestmark = pytest.mark.freeze_time(NOW)

LATER = datetime(2026, 11, 18, 12, 1, 30, tzinfo=UTC)


def asked(proxy: Proxy) -> list[bool]:
    """Return of each request since the last call whether it asked for a part."""
    parts = ["name[]" in request.query for request in proxy.requests]
    proxy.requests.clear()
    return parts


async def test_a_process_is_asked_in_part_once_it_has_answered_in_whole(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    await set_up(hass, entry)
    assert asked(proxy) == [False]
    proxy.traffic.spend["gpt-4o"] += 0.5
    await pass_time(hass, freezer)
    await pass_time(hass, freezer)
    assert asked(proxy) == [True, True]
    assert state(hass, entry, "spend_day") == "0.5"


async def test_a_family_without_series_is_published_in_a_part_too(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.series["litellm_cache_hits_metric_total"] = {}
    proxy.traffic.spend.clear()
    await set_up(hass, entry)
    await pass_time(hass, freezer)
    assert asked(proxy) == [False, True]
    assert state(hass, entry, "spend_day") == "0.0"
    proxy.traffic.spend["gpt-4o"] = 0.25
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day") == "0.25"


async def test_a_restarted_proxy_is_asked_in_whole_at_once_and_nothing_is_lost(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    await set_up(hass, entry)
    await pass_time(hass, freezer)
    asked(proxy)
    freezer.move_to(LATER)
    proxy.restart({"gpt-4o": 4.0})
    await pass_time(hass, freezer)
    await pass_time(hass, freezer)
    assert asked(proxy) == [True, False, True]
    assert state(hass, entry, "spend_day") == "4.0"


async def test_several_workers_are_always_asked_in_whole(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.workers = 2
    await set_up(hass, entry)
    assert asked(proxy) == [False] * TELLING_ANSWERS
    proxy.traffic.spend["gpt-4o"] += 1.5
    await pass_time(hass, freezer)
    assert asked(proxy) == [False]
    assert state(hass, entry, "spend_day") == "1.5"


async def test_a_start_without_times_of_creation_may_be_that_of_several(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    """Workers that start at once share it: who takes turns is found in the first scrape, before it looks like usage."""
    started, have = LATER.timestamp() - 5000, {"a": 5.0, "b": 40.0}
    turns = cycle(have)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=cost(have[next(turns)], start=started), content_type="text/plain")

    proxy.handler = answer
    await set_up(hass, entry)
    assert asked(proxy) == [False] * TELLING_ANSWERS
    for _ in range(5):
        await pass_time(hass, freezer)
        assert state(hass, entry, "spend_day") == "0.0"


async def test_slow_workers_are_not_asked_again_and_again_at_the_start(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.workers = 2

    async def answer(_: web.Request) -> web.Response:
        freezer.tick(TELLING_SECONDS - 1)
        return web.Response(body=proxy.traffic.body(), content_type="text/plain")

    proxy.handler = answer
    await set_up(hass, entry)
    assert asked(proxy) == [False] * 3
    assert state(hass, entry, "spend_day") == "0.0"


async def test_a_proxy_that_changes_between_one_worker_and_several_is_counted_exactly(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    await set_up(hass, entry)
    await pass_time(hass, freezer)
    proxy.traffic = Traffic(workers=2, spend={"gpt-4o": 3.0})
    asked(proxy)
    await pass_time(hass, freezer)
    assert asked(proxy) == [True] + [False] * TELLING_ANSWERS
    assert state(hass, entry, "spend_day") == "3.0"
    await pass_time(hass, freezer)
    freezer.move_to(datetime(2026, 11, 18, 12, 10, tzinfo=UTC))
    proxy.restart({"gpt-4o": 0.5})
    asked(proxy)
    await pass_time(hass, freezer)
    await pass_time(hass, freezer)
    assert asked(proxy) == [False, True]
    assert state(hass, entry, "spend_day") == "3.5"


async def test_a_gateway_that_refuses_a_long_query_is_asked_in_whole_from_then_on(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    await set_up(hass, entry)
    proxy.refuse_parts = 414
    proxy.traffic.spend["gpt-4o"] += 0.5
    asked(proxy)
    await pass_time(hass, freezer)
    await pass_time(hass, freezer)
    assert asked(proxy) == [True, False, False]
    assert state(hass, entry, "spend_day") == "0.5"


@pytest.mark.parametrize("accident", ["an answer without families", "a gateway's refusal"])
async def test_a_part_that_failed_once_is_asked_for_again_after_a_while(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, accident: str
) -> None:
    await set_up(hass, entry)
    if accident == "a gateway's refusal":
        proxy.refuse_parts = 414
    else:

        async def empty_part(request: web.Request) -> web.Response:
            body = b"" if "name[]" in request.query else proxy.traffic.body()
            return web.Response(body=body, content_type="text/plain")

        proxy.handler = empty_part
    await pass_time(hass, freezer)
    proxy.refuse_parts = None
    proxy.recover()
    await pass_time(hass, freezer)
    asked(proxy)
    for _ in range(10):
        await pass_time(hass, freezer, 361)
    assert asked(proxy) == [False] * 9 + [True]
    proxy.traffic.spend["gpt-4o"] += 0.5
    await pass_time(hass, freezer)
    assert asked(proxy) == [True]
    assert state(hass, entry, "spend_day") == "0.5"


async def test_customers_whose_series_litellm_evicts_are_counted_by_when_they_were_created(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    labels = 'model="gpt-4o",end_user="visitor"'
    proxy.traffic.series = {
        "litellm_spend_metric_total": {labels: 1.0},
        "litellm_spend_metric_created": {labels: 100.0},
    }
    await set_up(hass, entry)
    await pass_time(hass, freezer)
    proxy.traffic.series = {
        "litellm_spend_metric_total": {labels: 1.25},
        "litellm_spend_metric_created": {labels: 200.0},
    }
    await pass_time(hass, freezer)
    assert asked(proxy) == [False, True, True]
    assert state(hass, entry, "spend_day") == "1.25"


def answer_in_turn(proxy: Proxy, replicas: list[Traffic]) -> None:
    """Have a balancer before the replicas that alternates per request."""
    turns = cycle(replicas)

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=next(turns).body(request.query.getall("name[]", ())), content_type="text/plain")

    proxy.handler = answer


async def test_behind_a_balancer_that_alternates_the_process_that_gave_a_part_is_asked_for_the_whole(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    replicas = [proxy.traffic, Traffic(started=datetime(2026, 11, 2, tzinfo=UTC), spend={"gpt-4o": 40.0})]
    answer_in_turn(proxy, replicas)
    await set_up(hass, entry)
    for _ in range(6):
        for replica in replicas:
            replica.spend["gpt-4o"] += 0.25
        await pass_time(hass, freezer)
    await pass_time(hass, freezer)
    # The second replica's first answer is a baseline, and shows one quarter more than it began with.
    assert state(hass, entry, "spend_day") == str(6 * 0.25 + 5 * 0.25)


async def test_each_of_many_replicas_is_met_whole_behind_a_balancer_that_takes_turns(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    """Parts of the restarted one and wholes of the next ones, each time anew: nothing of it counted."""
    replicas = [Traffic(started=datetime(2026, 11, 1, 0, 0, one, tzinfo=UTC), spend={"m": 9.0}) for one in range(12)]
    answer_in_turn(proxy, replicas)
    await set_up(hass, entry)
    for _ in range(3 * len(replicas)):
        await pass_time(hass, freezer)
    replicas[5].started, replicas[5].spend = freezer().replace(tzinfo=UTC), {"m": 4.0}
    for _ in range(2 * len(replicas)):
        await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day") == "4.0"
    asked(proxy)
    for _ in range(len(replicas)):
        await pass_time(hass, freezer)
    assert asked(proxy) == [True] * len(replicas)


async def test_whole_answers_are_not_asked_for_good_where_the_one_that_gave_a_part_is_gone(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    other = Traffic(started=datetime(2026, 11, 2, tzinfo=UTC), spend={"m": 9.0})
    answer_in_turn(proxy, [proxy.traffic])
    await set_up(hass, entry)
    answer_in_turn(proxy, [other, *[proxy.traffic] * (WHOLE_SCRAPES + 10)])
    asked(proxy)
    for _ in range(WHOLE_SCRAPES + 2):
        await pass_time(hass, freezer)
    assert asked(proxy) == [True] + [False] * (WHOLE_ANSWERS + WHOLE_SCRAPES) + [True]


@pytest.mark.parametrize("more", [(), (0,), (1,), (0, 1)], ids=lambda more: f"{len(more)} with another family {more}")
async def test_behind_a_balancer_that_alternates_processes_that_share_a_start_are_counted_each_against_itself(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, more: tuple[int, ...]
) -> None:
    labels = 'model="gpt-4o",requested_model="gpt-4o"'
    replicas = [Traffic(spend={"gpt-4o": 1.0}), Traffic(spend={"gpt-4o": 40.0})]
    for number, replica in enumerate(replicas):
        born = replica.started.timestamp() + 40 + number
        replica.series["litellm_spend_metric_created"] = {labels: born}
        if number in more:
            # The times at which its series were created are what a part asks for.
            replica.series["litellm_cached_tokens_metric_total"] = {labels: 5}
            replica.series["litellm_cached_tokens_metric_created"] = {labels: born}
    answer_in_turn(proxy, replicas)
    await set_up(hass, entry)
    for _ in range(3):
        await pass_time(hass, freezer)
    for _ in range(6):
        for replica in replicas:
            replica.spend["gpt-4o"] += 0.25
        await pass_time(hass, freezer)
        await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day") == "3.0"


@pytest.mark.parametrize("pids", ["10 20", "20 30", "10 10"])
async def test_replicas_of_several_workers_at_another_address_are_met_before_any_counts(  # noqa: PLR0913, PLR0917  # fixtures
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    other_proxy: Proxy,
    freezer: FrozenDateTimeFactory,
    pids: str,
) -> None:
    def replica(spend: float, pid: str) -> Traffic:
        workers = {"litellm_total_users": {f'pid="{pid}"': 0.0}}
        return Traffic(workers=2, spend={"gpt-4o": spend}, series=workers)

    proxy.traffic = replica(950.0, "10")
    await set_up(hass, entry)
    replicas = [replica(spend, pid) for spend, pid in zip((900.0, 40.0), pids.split(), strict=True)]
    # Then the balancer has no more of the first.
    answer_in_turn(other_proxy, replicas * (TELLING_ANSWERS // 2) + replicas[1:] * 20)
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_URL: other_proxy.url})
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    for _ in range(20):
        replicas[1].spend["gpt-4o"] += 0.25
        await pass_time(hass, freezer)
    used, counted = 20 * 0.25, float(state(hass, entry, "spend_lifetime"))
    # Where they look alike nothing counts until it is settled.
    assert counted == used or (pids == "10 10" and counted < used)


@pytest.mark.parametrize(
    "order", ["a ab", "a abbb", "a ac", "a acab", "ab ab", "ab abbbbb", "ac ac", "ab cab", "abc abc"]
)
async def test_replicas_that_nothing_tells_apart_are_not_taken_for_a_restart_behind_a_balancer(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory, order: str
) -> None:
    first, order = order.split()
    replicas = {
        "a": Traffic(workers=2, spend={"gpt-4o": 900.0}, tokens={"gpt-4o": 50.0}),
        "b": Traffic(workers=2, spend={"gpt-4o": 40.0}, tokens={"gpt-4o": 5.0}),
        "c": Traffic(workers=2, spend={"gpt-4o": 70.0}, tokens={"gpt-4o": 100.0}),
    }
    answer_in_turn(proxy, [replicas[one] for one in first])
    await set_up(hass, entry)
    answer_in_turn(proxy, [replicas[one] for one in order])
    for _ in range(12):
        for replica in replicas.values():
            replica.spend["gpt-4o"] += 0.25
        await pass_time(hass, freezer)
    assert float(state(hass, entry, "spend_day")) <= 12 * 0.25 * len(set(order))


async def test_replicas_that_nothing_tells_apart_are_not_taken_for_a_restart_where_connections_are_balanced(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    replicas = cycle([Traffic(workers=2, spend={"gpt-4o": 900.0}), Traffic(workers=2, spend={"gpt-4o": 40.0})])
    chosen: dict[object, Traffic] = {}

    async def answer(request: web.Request) -> web.Response:
        if request.transport not in chosen:
            chosen[request.transport] = next(replicas)
        response = web.Response(body=chosen[request.transport].body(), content_type="text/plain")
        if len(chosen) == 1:
            response.force_close()
        return response

    proxy.handler = answer
    await set_up(hass, entry)
    await pass_time(hass, freezer)
    assert len(chosen) > 2
    assert state(hass, entry, "spend_day") == "0.0"


async def test_several_workers_that_restart_count_in_the_scrape_that_shows_it(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.workers = 2
    await set_up(hass, entry)
    proxy.traffic = Traffic(workers=2, spend={"gpt-4o": 0.75})
    asked(proxy)
    await pass_time(hass, freezer)
    assert asked(proxy) == [False] * TELLING_ANSWERS
    assert state(hass, entry, "spend_day") == "0.75"
    proxy.traffic.spend["gpt-4o"] += 0.5
    await pass_time(hass, freezer)
    assert asked(proxy) == [False]
    assert state(hass, entry, "spend_day") == "1.25"


async def test_several_workers_that_restart_count_where_the_proxy_may_be_asked_once_a_minute_only(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    proxy.traffic.workers = 2
    await set_up(hass, entry)
    proxy.traffic = Traffic(workers=2, spend={"gpt-4o": 0.75})
    last = 0.0

    async def answer(_: web.Request) -> web.Response:
        nonlocal last
        if freezer().timestamp() - last < 60:
            return web.Response(status=429)
        last = freezer().timestamp()
        return web.Response(body=proxy.traffic.body(), content_type="text/plain")

    proxy.handler = answer
    for _ in range(TELLING_ANSWERS):
        await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day") == "0.75"


async def test_an_answer_whose_end_is_not_proven_proves_no_absence(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, freezer: FrozenDateTimeFactory
) -> None:
    await set_up(hass, entry)
    proxy.traffic.spend["claude-sonnet"] += 0.5
    body = proxy.traffic.body()
    cut = body[: body.index(b"# TYPE litellm_in_flight_requests")]
    proxy.answer(cut)
    await pass_time(hass, freezer)
    proxy.recover()
    proxy.traffic.spend["claude-sonnet"] += 0.5
    await pass_time(hass, freezer)
    assert state(hass, entry, "spend_day") == "1.0"


async def test_the_event_loop_is_not_left_with_what_a_refused_answer_held(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy
) -> None:
    await set_up(hass, entry)
    ledger = entry.runtime_data.ledger
    proxy.traffic.spend.clear()
    proxy.traffic.spend["another"] = 1.0
    body = ledger.parser()
    answer = await entry.runtime_data.scraper.client.fetch(body.feed, ledger.families)
    with pytest.raises(SurprisingPartError) as raised:
        await ledger.async_scrape(body, answer, part=True)
    held = [name for frame, _ in walk_tb(raised.value.__traceback__) for name in frame.f_locals]
    assert "body" in held
    assert not {"exposition", "diffs", "step"}.intersection(held)
