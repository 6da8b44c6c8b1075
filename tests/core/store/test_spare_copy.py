"""The spare_copy carries the totals on when the file is lost, and what was used since is made up for."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.store import SpareCopy

from ..bodies import COST, DEPLOYMENT, REQUESTS, START, body, family, series
from ..conftest import MODELS, LedgerHarness, Proxy

MODEL, OTHER = series(model="gpt-4o"), series(model="opus")
OLDER = START.timestamp() - 1000


def _lose(harness: LedgerHarness, spare_copy: SpareCopy, *, overrides: dict[str, str] | None = None) -> None:
    """Lose the file, and open the ledger with the spare copy."""
    harness.close()
    harness.path.unlink()
    harness.open(spare_copy, overrides)


def _spare_copy_after_use(harness: LedgerHarness, proxy: Proxy) -> SpareCopy:
    """Have five dollars spent between two answers, and return the spare copy of that."""
    harness.scrape(proxy.answer())
    harness.scrape(proxy.spend(5))
    return harness.spare_copy()


def _spend(*values: float, start: float | None = OLDER) -> bytes:
    """Return the spend of two models."""
    return body(family(COST, dict(zip((MODEL, OTHER), values, strict=False))), start=start)


def test_what_was_used_between_the_head_and_the_loss_is_made_up_for(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.scrape(proxy.answer())
    for model in MODELS:
        harness.scrape(proxy.spend(3, model))
    spare_copy = harness.spare_copy()
    for model in MODELS:
        harness.scrape(proxy.spend(0.7, model))
    _lose(harness, spare_copy)
    harness.scrape(proxy.spend(0.1, "llama"))
    harness.agree(proxy)
    assert harness.total(member=(Dimension.TEAM, "team of llama")) == pytest.approx(3.8)


def test_a_restart_of_the_proxy_after_the_head_counts_from_zero(harness: LedgerHarness, proxy: Proxy) -> None:
    spare_copy = _spare_copy_after_use(harness, proxy)
    proxy.restart(harness.now)
    harness.scrape(proxy.spend(200))
    harness.scrape(proxy.spend(3))
    _lose(harness, spare_copy)
    harness.scrape(proxy.answer())
    harness.agree(proxy)
    harness.scrape(proxy.spend(2))
    harness.agree(proxy)


def test_a_restart_of_the_proxy_after_the_loss_counts_from_zero(harness: LedgerHarness, proxy: Proxy) -> None:
    spare_copy = _spare_copy_after_use(harness, proxy)
    _lose(harness, spare_copy)
    proxy.restart(harness.now)
    harness.scrape(proxy.spend(200))
    harness.agree(proxy)


def test_each_replica_is_made_up_for_when_it_answers(harness: LedgerHarness) -> None:
    replicas = OLDER, OLDER - 5, START.timestamp() + 90
    for start in replicas:
        harness.scrape(_spend(10, 20, start=start))
    spare_copy = harness.spare_copy()
    before = harness.total()
    for start in replicas:
        harness.scrape(_spend(11, 20, start=start))
    _lose(harness, spare_copy)
    for start in reversed(replicas):
        harness.scrape(_spend(13, 21, start=start))
    assert harness.total() == before + 3 * 4


def test_a_series_that_was_evicted_since_is_never_counted_twice(harness: LedgerHarness) -> None:
    samples = {series(model="m", route=f"/{index}"): 10.0 for index in range(5)}
    harness.scrape(body(family(COST, samples), start=OLDER))
    spare_copy = harness.spare_copy()
    del samples[series(model="m", route="/0")]
    _lose(harness, spare_copy)
    harness.scrape(body(family(COST, samples), start=OLDER))
    assert harness.total() == 0
    samples[series(model="m", route="/1")] = 12.0
    harness.scrape(body(family(COST, samples), start=OLDER))
    assert harness.total() == 2


def test_without_identity_what_goes_on_is_made_up_for(harness: LedgerHarness) -> None:
    harness.scrape(_spend(10, 20, start=None))
    spare_copy = harness.spare_copy()
    _lose(harness, spare_copy)
    harness.scrape(_spend(10, 23, start=None))
    assert harness.total() == 3


def test_without_identity_any_lower_sum_restarts_the_whole_answer(harness: LedgerHarness) -> None:
    harness.scrape(_spend(10, 20, start=None))
    harness.scrape(_spend(11, 20, start=None))
    spare_copy = harness.spare_copy()
    _lose(harness, spare_copy)
    harness.scrape(_spend(12, 4, start=None))
    assert harness.total() == 1 + 16


def test_without_identity_a_sum_that_has_gone_restarts_the_whole_answer(harness: LedgerHarness) -> None:
    harness.scrape(_spend(10, 20, start=None))
    spare_copy = harness.spare_copy()
    _lose(harness, spare_copy)
    harness.scrape(_spend(12, start=None))
    assert harness.total() == 12


def test_without_identity_sums_added_in_another_order_are_no_restart(harness: LedgerHarness) -> None:
    values = [0.1 * index for index in range(1, 40)]
    samples = {series(model="m", route=f"/{index}"): value for index, value in enumerate(values)}
    harness.scrape(body(family(COST, samples), start=None))
    spare_copy = harness.spare_copy()
    _lose(harness, spare_copy)
    harness.scrape(body(family(COST, dict(reversed(samples.items()))), start=None))
    assert harness.total() == pytest.approx(0, abs=1e-9)


def test_a_metric_that_is_mapped_anew_at_a_recovery_begins_with_a_baseline(harness: LedgerHarness) -> None:
    def answer(spend: float, deployments: float) -> bytes:
        return body(family(COST, {MODEL: spend}), family(DEPLOYMENT, {MODEL: deployments}), start=OLDER)

    harness.scrape(answer(1, 10))
    spare_copy = harness.spare_copy()
    _lose(harness, spare_copy, overrides={"cost": DEPLOYMENT})
    harness.scrape(answer(2, 500))
    assert (harness.total("cost"), harness.total("deployment_requests")) == (0, 490)
    harness.scrape(answer(3, 501))
    assert harness.total("cost") == 1


def test_without_identity_a_metric_that_is_mapped_anew_at_a_recovery_is_no_restart(harness: LedgerHarness) -> None:
    def answer(spend: float, deployments: float) -> bytes:
        return body(family(COST, {MODEL: spend}), family(DEPLOYMENT, {MODEL: deployments}))

    harness.scrape(answer(100, 10))
    spare_copy = harness.spare_copy()
    _lose(harness, spare_copy, overrides={"cost": DEPLOYMENT})
    harness.scrape(answer(100, 12))
    assert (harness.total("cost"), harness.total("deployment_requests")) == (0, 2)


def test_a_model_that_was_found_through_another_family_is_found_again(harness: LedgerHarness) -> None:
    spend = {series(model="openai/gpt-4o", model_id="id-1"): 1.0}
    requests = {series(model_id="id-1", route="/x"): 50.0}
    harness.scrape(body(family(COST, spend), family(REQUESTS, requests), start=OLDER))
    # The family that told what the id means is evicted.
    harness.scrape(body(family(COST, {}), family(REQUESTS, requests), start=OLDER))
    spare_copy = harness.spare_copy()
    _lose(harness, spare_copy)
    requests = {labels: value + 2 for labels, value in requests.items()}
    harness.scrape(body(family(COST, {}), family(REQUESTS, requests), start=OLDER))
    assert harness.total("requests") == 2
    assert harness.total("requests", member=(Dimension.MODEL, "openai/gpt-4o")) == 2


def test_a_process_that_was_forgotten_is_a_baseline_on_its_return(harness: LedgerHarness) -> None:
    gone = START.timestamp() + 90
    harness.scrape(_spend(1))
    harness.scrape(_spend(7, start=gone))
    for _ in range(9):
        harness.roll(hours=12)
        harness.scrape(_spend(1), seconds=12 * 3600)
    for again in range(3):
        spare_copy = harness.spare_copy()
        _lose(harness, spare_copy)
        harness.scrape(_spend(1))
        assert harness.total() == 7, again
    spare_copy = harness.spare_copy()
    _lose(harness, spare_copy)
    harness.scrape(_spend(70, start=gone))
    assert harness.total() == 7
    harness.scrape(_spend(71, start=gone))
    assert harness.total() == 8


def test_windows_of_the_head_end_with_their_time(harness: LedgerHarness, proxy: Proxy) -> None:
    spare_copy = _spare_copy_after_use(harness, proxy)
    harness.close()
    harness.path.unlink()
    harness.now += timedelta(days=3)
    harness.open(spare_copy)
    assert harness.per_window() == {"day": 0, "week": 5, "month": 5, "year": 5, "lifetime": 5}
    harness.scrape(proxy.spend(2))
    expected = {"day": 2, "week": 7, "month": 7, "year": 7, "lifetime": 7}
    assert harness.per_window() == expected
    harness.reopen()
    assert harness.per_window() == pytest.approx(expected)
    harness.roll(days=1)
    assert harness.per_window() == pytest.approx(expected | {"day": 0})
    harness.roll(days=20)
    harness.reopen()
    assert harness.per_window() == pytest.approx(expected | dict.fromkeys(("day", "week", "month"), 0))


def test_after_a_recovery_a_change_of_zone_keeps_lifetime(harness: LedgerHarness, proxy: Proxy) -> None:
    harness.scrape(proxy.answer())
    harness.scrape(proxy.spend(5))
    _lose(harness, harness.spare_copy())
    for key in ("Asia/Kathmandu", "America/Los_Angeles"):
        harness.zone = ZoneInfo(key)
        harness.ledger.set_zone(harness.zone, now=harness.now)
        harness.agree(proxy)
        harness.scrape(proxy.spend(2), seconds=30 * 3600)
        assert harness.total() == harness.per_window()["month"]
        harness.reopen()
        harness.agree(proxy)


def test_names_are_kept(harness: LedgerHarness) -> None:
    labels = {"team": "t-1", "team_alias": 'The "Kitchen"', "user": "u-1", "user_email": "a@b"}
    harness.scrape(body(family(COST, {series(**labels): 1}), start=OLDER))
    names = {key: member.name for key, member in harness.snapshot.members.items()}
    _lose(harness, harness.spare_copy())
    assert names
    assert {key: member.name for key, member in harness.snapshot.members.items()} == names


def test_the_head_is_the_same_before_and_after_a_restart(harness: LedgerHarness, proxy: Proxy) -> None:
    spare_copy = _spare_copy_after_use(harness, proxy)
    harness.reopen()
    assert harness.spare_copy() == spare_copy


def test_the_head_of_a_recovery_is_the_head_that_it_was_made_from(harness: LedgerHarness, proxy: Proxy) -> None:
    spare_copy = _spare_copy_after_use(harness, proxy)
    _lose(harness, spare_copy)
    assert harness.spare_copy() == spare_copy


def test_a_head_of_the_first_release_is_read(harness: LedgerHarness, proxy: Proxy) -> None:
    spare_copy = _spare_copy_after_use(harness, proxy)
    (saved,) = spare_copy["processes"]
    _, start, last, *_ = saved["row"]
    old = {"start": start, "last_answer": last, "restarted": False, "forgotten": False, "raw": saved["raw"]}
    spare_copy["processes"] = [old]  # type: ignore[list-item]
    _lose(harness, spare_copy)
    harness.scrape(proxy.spend(2))
    assert harness.total() == 7


@pytest.mark.parametrize("broken", ["version", "day", "processes"])
def test_a_head_that_cannot_be_read_is_no_head(harness: LedgerHarness, proxy: Proxy, broken: str) -> None:
    spare_copy = _spare_copy_after_use(harness, proxy)
    spare_copy[broken] = None  # type: ignore[literal-required]
    harness.reopen(spare_copy)
    harness.agree(proxy)
    _lose(harness, spare_copy)
    assert harness.snapshot.recovery is not None
    harness.scrape(proxy.answer())
    harness.scrape(proxy.spend(2))
    assert harness.total() == 2


def test_processes_that_share_a_start_and_take_turns_never_count_too_much_after_the_file_is_lost(
    harness: LedgerHarness,
) -> None:
    values, created = {"a": 100.0, "b": 40.0}, {"a": OLDER + 1, "b": OLDER + 2}

    def scrape(name: str, by: float) -> None:
        values[name] += by
        harness.scrape(body(family(COST, {MODEL: values[name]}, {MODEL: created[name]}), start=OLDER))

    for name in "abab":
        scrape(name, 1)
    assert harness.total() == 2
    for order in ("ab", "ba"):
        before = harness.total()
        _lose(harness, harness.spare_copy())
        for name in order:
            scrape(name, 3)
        assert harness.total() <= before + 6
        before = harness.total()
        for name in order:
            scrape(name, 1)
        assert harness.total() == before + 2


def test_a_process_whose_series_were_all_born_anew_goes_on_after_the_file_is_lost(harness: LedgerHarness) -> None:
    harness.scrape(body(family(COST, {MODEL: 207}, {MODEL: OLDER + 1}), start=OLDER))
    born = harness.now.timestamp() + 30
    harness.scrape(body(family(COST, {MODEL: 359}, {MODEL: born}), start=OLDER))
    assert harness.total() == 359
    _lose(harness, harness.spare_copy())
    harness.scrape(body(family(COST, {MODEL: 361}, {MODEL: born}), start=OLDER))
    assert harness.total() == 361


@pytest.mark.parametrize("start", [OLDER, None], ids=["a start", "no start"])
def test_what_is_called_by_its_model_first_in_the_answer_after_the_file_is_lost_counts_once(
    harness: LedgerHarness, start: float | None
) -> None:
    asked = series(requested_model="new", status_code="200")
    harness.scrape(body(family(REQUESTS, {asked: 3}), start=start))
    harness.scrape(body(family(REQUESTS, {asked: 5}), start=start))
    _lose(harness, harness.spare_copy())
    served = {series(litellm_model_name="gpt-4o", requested_model="new"): 6}
    spent = {series(model="gpt-4o", requested_model="new"): 1}
    answer = family(REQUESTS, {asked: 6}), family(DEPLOYMENT, served), family(COST, spent)
    harness.scrape(body(*answer, start=start))
    assert harness.total("requests") == 3


NO_NUMBERS: tuple[object, ...] = (None, "x", [], {}, float("nan"), float("inf"), 1e30, -5.0)


def _numbers_of(saved: object) -> Iterator[tuple[Any, Any]]:
    """Yield where in a spare copy numbers stand: a list or a mapping, and the place in it."""
    for key, value in saved.items() if isinstance(saved, dict) else enumerate(saved) if isinstance(saved, list) else ():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield saved, key
        yield from _numbers_of(value)


@pytest.mark.parametrize("wrong", NO_NUMBERS, ids=str)
def test_a_spare_copy_with_one_number_damaged_stops_nothing_and_counts_nothing_for_good(
    harness: LedgerHarness, proxy: Proxy, wrong: object
) -> None:
    spare_copy = _spare_copy_after_use(harness, proxy)
    places = [one for one in _numbers_of(spare_copy) if one[0] is not spare_copy or one[1] == "day"]
    # Of those that are alike, one.
    for saved, key in [*places[:25], *places[-25:]]:
        right, saved[key] = saved[key], wrong
        _lose(harness, spare_copy)
        for _ in range(2):
            harness.scrape(proxy.answer())
        assert 0 <= harness.total() <= 5
        saved[key] = right


@pytest.mark.parametrize("damage", ["usage", "members", "attributions", "process", "origin"])
def test_a_spare_copy_that_lacks_what_it_names_or_has_another_type_is_none(
    harness: LedgerHarness, proxy: Proxy, damage: str
) -> None:
    spare_copy = _spare_copy_after_use(harness, proxy)
    number = next(one for one in spare_copy["attributions"] if spare_copy["processes"][0]["raw"][one])
    if damage == "usage":
        del spare_copy["attributions"][number]["usage"]["month"]
    elif damage == "members":
        del spare_copy["attributions"][number]["members"][0]
    elif damage == "process":
        spare_copy["processes"][0]["row"][4] = "x"
    elif damage == "origin":
        spare_copy["origins"]["cost"][0] = None
    else:
        del spare_copy["attributions"][number]
    _lose(harness, spare_copy)
    recovery = harness.snapshot.recovery
    assert recovery is not None
    assert recovery.spare_copy_error is not None
    harness.scrape(proxy.answer())
    harness.scrape(proxy.spend(2))
    assert harness.total() == 2


def test_what_waits_is_that_of_the_same_members_after_the_file_is_lost(harness: LedgerHarness) -> None:
    def answer(value: float, *pids: int) -> bytes:
        users = "".join(f'litellm_total_users{{pid="{pid}"}} 0.0\n' for pid in pids)
        spend = {series(model="a"): value, series(model="b"): 2 * value}
        return body(family(COST, spend), f"# TYPE litellm_total_users gauge\n{users}")

    harness.scrape(answer(1, 1, 2))
    harness.scrape(answer(10, 3, 4))
    spare_copy = harness.spare_copy()
    (process,) = (one for one in spare_copy["processes"] if one["row"][9])
    # Members that were counted together have left gaps between the numbers.
    shifted = {number: str(int(number) + 7) for number in spare_copy["attributions"]}
    older, held, answers = json.loads(str(process["row"][9]))
    process["row"][9] = json.dumps([older, {shifted[one]: values for one, values in held.items()}, answers])
    spare_copy["attributions"] = {shifted[one]: rest for one, rest in spare_copy["attributions"].items()}
    for one in spare_copy["processes"]:
        one["raw"] = {shifted[number]: sums for number, sums in one["raw"].items()}
    _lose(harness, spare_copy)
    for _ in range(12):
        harness.scrape(answer(10, 3, 4))
    assert [harness.total(member=(Dimension.MODEL, name)) for name in "ab"] == [10, 20]
