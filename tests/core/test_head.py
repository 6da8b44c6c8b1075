"""The head carries the totals on when the file is lost, and what was used since is made up for."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.head import Head

from .bodies import COST, DEPLOYMENT, REQUESTS, START, body, family, series
from .conftest import MODELS, Books, Proxy

MODEL, OTHER = series(model="gpt-4o"), series(model="opus")
OLDER = START.timestamp() - 1000


def _lose(books: Books, head: Head, *, overrides: dict[str, str] | None = None) -> None:
    """Lose the file, and open the ledger with the head."""
    books.close()
    books.path.unlink()
    books.open(head, overrides)


def _spend(*values: float, start: float | None = OLDER) -> bytes:
    """Return the spend of two models."""
    return body(family(COST, dict(zip((MODEL, OTHER), values, strict=False))), start=start)


def test_what_was_used_between_the_head_and_the_loss_is_made_up_for(books: Books, proxy: Proxy) -> None:
    books.scrape(proxy.answer())
    for model in MODELS:
        books.scrape(proxy.spend(3, model))
    head = books.head()
    for model in MODELS:
        books.scrape(proxy.spend(0.7, model))
    _lose(books, head)
    books.scrape(proxy.spend(0.1, "llama"))
    books.agree(proxy)
    assert books.total(member=(Dimension.TEAM, "team of llama")) == pytest.approx(3.8)


def test_a_restart_of_the_proxy_after_the_head_counts_from_zero(books: Books, proxy: Proxy) -> None:
    books.scrape(proxy.answer())
    books.scrape(proxy.spend(5))
    head = books.head()
    proxy.restart(books.now)
    books.scrape(proxy.spend(200))
    books.scrape(proxy.spend(3))
    _lose(books, head)
    books.scrape(proxy.answer())
    books.agree(proxy)
    books.scrape(proxy.spend(2))
    books.agree(proxy)


def test_a_restart_of_the_proxy_after_the_loss_counts_from_zero(books: Books, proxy: Proxy) -> None:
    books.scrape(proxy.answer())
    books.scrape(proxy.spend(5))
    head = books.head()
    _lose(books, head)
    proxy.restart(books.now)
    books.scrape(proxy.spend(200))
    books.agree(proxy)


def test_each_replica_is_made_up_for_when_it_answers(books: Books) -> None:
    replicas = OLDER, OLDER - 5, START.timestamp() + 90
    for start in replicas:
        books.scrape(_spend(10, 20, start=start))
    head = books.head()
    before = books.total()
    for start in replicas:
        books.scrape(_spend(11, 20, start=start))
    _lose(books, head)
    for start in reversed(replicas):
        books.scrape(_spend(13, 21, start=start))
    assert books.total() == before + 3 * 4


def test_a_series_that_was_evicted_since_is_never_counted_twice(books: Books) -> None:
    samples = {series(model="m", route=f"/{index}"): 10.0 for index in range(5)}
    books.scrape(body(family(COST, samples), start=OLDER))
    head = books.head()
    del samples[series(model="m", route="/0")]
    _lose(books, head)
    books.scrape(body(family(COST, samples), start=OLDER))
    assert books.total() == 0
    samples[series(model="m", route="/1")] = 12.0
    books.scrape(body(family(COST, samples), start=OLDER))
    assert books.total() == 2


def test_without_identity_what_goes_on_is_made_up_for(books: Books) -> None:
    books.scrape(_spend(10, 20, start=None))
    head = books.head()
    _lose(books, head)
    books.scrape(_spend(10, 23, start=None))
    assert books.total() == 3


def test_without_identity_any_lower_sum_restarts_the_whole_answer(books: Books) -> None:
    books.scrape(_spend(10, 20, start=None))
    books.scrape(_spend(11, 20, start=None))
    head = books.head()
    _lose(books, head)
    books.scrape(_spend(12, 4, start=None))
    assert books.total() == 1 + 16


def test_without_identity_a_sum_that_has_gone_restarts_the_whole_answer(books: Books) -> None:
    books.scrape(_spend(10, 20, start=None))
    head = books.head()
    _lose(books, head)
    books.scrape(_spend(12, start=None))
    assert books.total() == 12


def test_without_identity_sums_added_in_another_order_are_no_restart(books: Books) -> None:
    values = [0.1 * index for index in range(1, 40)]
    samples = {series(model="m", route=f"/{index}"): value for index, value in enumerate(values)}
    books.scrape(body(family(COST, samples), start=None))
    head = books.head()
    _lose(books, head)
    books.scrape(body(family(COST, dict(reversed(samples.items()))), start=None))
    assert books.total() == pytest.approx(0, abs=1e-9)


def test_a_metric_that_is_mapped_anew_at_a_recovery_begins_with_a_baseline(books: Books) -> None:
    def answer(spend: float, deployments: float) -> bytes:
        return body(family(COST, {MODEL: spend}), family(DEPLOYMENT, {MODEL: deployments}), start=OLDER)

    books.scrape(answer(1, 10))
    head = books.head()
    _lose(books, head, overrides={"cost": DEPLOYMENT})
    books.scrape(answer(2, 500))
    assert (books.total("cost"), books.total("deployment_requests")) == (0, 490)
    books.scrape(answer(3, 501))
    assert books.total("cost") == 1


def test_without_identity_a_metric_that_is_mapped_anew_at_a_recovery_is_no_restart(books: Books) -> None:
    def answer(spend: float, deployments: float) -> bytes:
        return body(family(COST, {MODEL: spend}), family(DEPLOYMENT, {MODEL: deployments}))

    books.scrape(answer(100, 10))
    head = books.head()
    _lose(books, head, overrides={"cost": DEPLOYMENT})
    books.scrape(answer(100, 12))
    assert (books.total("cost"), books.total("deployment_requests")) == (0, 2)


def test_a_model_that_was_found_through_another_family_is_found_again(books: Books) -> None:
    spend = {series(model="openai/gpt-4o", model_id="id-1"): 1.0}
    requests = {series(model_id="id-1", route="/x"): 50.0}
    books.scrape(body(family(COST, spend), family(REQUESTS, requests), start=OLDER))
    # The family that told what the id means is evicted.
    books.scrape(body(family(COST, {}), family(REQUESTS, requests), start=OLDER))
    head = books.head()
    _lose(books, head)
    requests = {labels: value + 2 for labels, value in requests.items()}
    books.scrape(body(family(COST, {}), family(REQUESTS, requests), start=OLDER))
    assert books.total("requests") == 2
    assert books.total("requests", member=(Dimension.MODEL, "openai/gpt-4o")) == 2


def test_a_process_that_was_forgotten_is_a_baseline_on_its_return(books: Books) -> None:
    gone = START.timestamp() + 90
    books.scrape(_spend(1))
    books.scrape(_spend(7, start=gone))
    for _ in range(9):
        books.roll(hours=12)
        books.scrape(_spend(1), seconds=12 * 3600)
    for again in range(3):
        head = books.head()
        _lose(books, head)
        books.scrape(_spend(1))
        assert books.total() == 7, again
    head = books.head()
    _lose(books, head)
    books.scrape(_spend(70, start=gone))
    assert books.total() == 7
    books.scrape(_spend(71, start=gone))
    assert books.total() == 8


def test_windows_of_the_head_end_with_their_time(books: Books, proxy: Proxy) -> None:
    books.scrape(proxy.answer())
    books.scrape(proxy.spend(5))
    head = books.head()
    books.close()
    books.path.unlink()
    books.now += timedelta(days=3)
    books.open(head)
    assert books.per_window() == {"day": 0, "week": 5, "month": 5, "year": 5, "lifetime": 5}
    books.scrape(proxy.spend(2))
    expected = {"day": 2, "week": 7, "month": 7, "year": 7, "lifetime": 7}
    assert books.per_window() == expected
    books.reopen()
    assert books.per_window() == pytest.approx(expected)
    books.roll(days=1)
    assert books.per_window() == pytest.approx(expected | {"day": 0})
    books.roll(days=20)
    books.reopen()
    assert books.per_window() == pytest.approx(expected | dict.fromkeys(("day", "week", "month"), 0))


def test_after_a_recovery_a_change_of_zone_keeps_lifetime(books: Books, proxy: Proxy) -> None:
    books.scrape(proxy.answer())
    books.scrape(proxy.spend(5))
    _lose(books, books.head())
    for key in ("Asia/Kathmandu", "America/Los_Angeles"):
        books.zone = ZoneInfo(key)
        books.ledger.set_zone(books.zone, now=books.now)
        books.agree(proxy)
        books.scrape(proxy.spend(2), seconds=30 * 3600)
        assert books.total() == books.per_window()["month"]
        books.reopen()
        books.agree(proxy)


def test_names_are_kept(books: Books) -> None:
    labels = {"team": "t-1", "team_alias": 'The "Kitchen"', "user": "u-1", "user_email": "a@b"}
    books.scrape(body(family(COST, {series(**labels): 1}), start=OLDER))
    names = {key: member.name for key, member in books.snapshot.members.items()}
    _lose(books, books.head())
    assert names
    assert {key: member.name for key, member in books.snapshot.members.items()} == names


def test_the_head_is_the_same_before_and_after_a_restart(books: Books, proxy: Proxy) -> None:
    books.scrape(proxy.answer())
    books.scrape(proxy.spend(5))
    head = books.head()
    books.reopen()
    assert books.head() == head


def test_the_head_of_a_recovery_is_the_head_that_it_was_made_from(books: Books, proxy: Proxy) -> None:
    books.scrape(proxy.answer())
    books.scrape(proxy.spend(5))
    head = books.head()
    _lose(books, head)
    assert books.head() == head


@pytest.mark.parametrize("broken", ["version", "day", "processes"])
def test_a_head_that_cannot_be_read_is_no_head(books: Books, proxy: Proxy, broken: str) -> None:
    books.scrape(proxy.answer())
    books.scrape(proxy.spend(5))
    head = books.head()
    head[broken] = None  # type: ignore[literal-required]
    books.reopen(head)
    books.agree(proxy)
    _lose(books, head)
    assert books.snapshot.recovery is not None
    books.scrape(proxy.answer())
    books.scrape(proxy.spend(2))
    assert books.total() == 2
