"""Labels that say where something was scraped are no part of what is counted."""

from collections.abc import Mapping
from random import Random
from typing import NamedTuple

import pytest

from ..bodies import COST, REQUESTS, START, family, series
from ..conftest import LedgerHarness

OLD = START.timestamp() - 5000


class Usage(NamedTuple):
    """A counter of a model."""

    value: float
    created: float


def answer(labels: Mapping[str, str], usage: Mapping[str, Usage], *, created: bool, start: float | None = OLD) -> bytes:
    """Return an answer that whoever scraped has given these labels."""
    samples = {series(model=model, **labels): one.value for model, one in usage.items()}
    times = {series(model=model, **labels): one.created for model, one in usage.items()} if created else None
    name = f"process_start_time_seconds{series(**labels)}"
    identity = f"# TYPE process_start_time_seconds gauge\n{name} {start!r}\n" if start else ""
    return (identity + family(COST, samples, times) + family(REQUESTS, samples, times)).encode()


@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarts"])
@pytest.mark.parametrize("start", [OLD, None], ids=["a start", "workers"])
@pytest.mark.parametrize("created", [True, False], ids=["created", ""])
@pytest.mark.parametrize(
    "labels",
    [
        [{"prometheus_replica": "p0"}, {"prometheus_replica": "p1"}],
        [{}, {"job": "litellm", "instance": "litellm:4000"}],
        [{"job": "a", "replica": "0"}, {"job": "a", "replica": "1"}, {"replica": "0"}, {}],
    ],
    ids=["federation of a pair", "added and gone", "several"],
)
def test_labels_of_whoever_scrapes_make_no_other_series(
    harness: LedgerHarness, labels: list[Mapping[str, str]], *, created: bool, start: float | None, restarts: bool
) -> None:
    usage = {"gpt-4o": Usage(100.0, OLD + 1), "opus": Usage(50.0, OLD + 2)}
    harness.scrape(answer(labels[0], usage, created=created, start=start))
    truth = 0.0
    for number in range(12):
        usage["gpt-4o"] = usage["gpt-4o"]._replace(value=usage["gpt-4o"].value + 1)
        truth += 1
        if number in {2, 5}:
            usage[f"llama-{number}"] = Usage(7.0, harness.now.timestamp() + 30)
            truth += 7
        harness.scrape(answer(labels[number % 5 % len(labels)], usage, created=created, start=start))
        assert harness.total() == pytest.approx(truth), number
        if restarts:
            harness.reopen()


@pytest.mark.parametrize("label", ["model", "tag_env", "metadata_room", "team", "end_user"])
def test_a_label_of_litellm_makes_another_series(harness: LedgerHarness, label: str) -> None:
    def usage(value: str, amount: float) -> bytes:
        return family(COST, {series(**{"model": "gpt-4o", label: value}): amount}).encode()

    start = f"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {OLD!r}\n".encode()
    harness.scrape(start + usage("one", 5.0))
    harness.scrape(start + usage("another", 6.0))
    assert harness.total() == 6.0


def test_a_restart_under_other_labels_counts_from_zero(harness: LedgerHarness) -> None:
    usage = {"gpt-4o": Usage(100.0, OLD + 1), "opus": Usage(50.0, OLD + 2)}
    harness.scrape(answer({}, usage, created=True))
    born = harness.now.timestamp() + 10
    fresh = {"gpt-4o": Usage(150.0, born + 1), "opus": Usage(60.0, born + 2)}
    harness.scrape(answer({"job": "litellm"}, fresh, created=True, start=born))
    assert harness.total() == 210.0


def test_replicas_under_one_name_are_no_successors(harness: LedgerHarness) -> None:
    usage = {"gpt-4o": Usage(100.0, OLD + 1)}
    harness.scrape(answer({}, usage, created=False))
    labels = [series(model="gpt-4o", instance=name) for name in "ab"]
    starts = "".join(
        f"process_start_time_seconds{series(instance=name)} {OLD + number!r}\n" for number, name in enumerate("ab")
    )
    joined = "# TYPE process_start_time_seconds gauge\n" + starts + family(COST, dict.fromkeys(labels, 900.0))
    harness.scrape(joined.encode())
    assert harness.total() == 0.0


@pytest.mark.parametrize("created", [True, False], ids=["created", ""])
@pytest.mark.parametrize("seed", range(12))
def test_of_a_pair_that_scrapes_at_different_moments_nothing_counts_twice(
    harness: LedgerHarness, *, created: bool, seed: int
) -> None:
    random = Random(seed)  # noqa: S311
    usage = {"gpt-4o": Usage(100.0, OLD + 1), "opus": Usage(50.0, OLD + 2)}
    seen = {"p0": dict(usage), "p1": dict(usage)}
    harness.scrape(answer({"prometheus_replica": "p0"}, usage, created=created))
    truth = 0.0
    for number in range(20):
        for _ in range(random.randint(1, 4)):
            if random.random() < 0.5:
                model = random.choice([*usage, f"llama-{number}"])
                known = usage.get(model, Usage(0.0, harness.now.timestamp() + random.random() * 30))
                usage[model] = known._replace(value=known.value + 5)
                truth += 5
            else:
                seen[random.choice(["p0", "p1"])] = dict(usage)
        replica = random.choice(["p0", "p1"])
        harness.scrape(answer({"prometheus_replica": replica}, seen[replica], created=created))
        assert harness.total() <= truth + 1e-9
        if random.random() < 0.2:
            harness.reopen()
    for _ in range(2):
        for replica in seen:
            harness.scrape(answer({"prometheus_replica": replica}, usage, created=created))
    assert harness.total() == pytest.approx(truth)


def test_what_tells_joined_replicas_apart_is_no_such_label(harness: LedgerHarness) -> None:
    def joined(spent: Mapping[str, float]) -> bytes:
        starts = {series(instance=name): OLD + len(name) for name in spent}
        text = "".join(f"process_start_time_seconds{labels} {start!r}\n" for labels, start in starts.items())
        samples = {series(model="gpt-4o", instance=name): value for name, value in spent.items() if value}
        return f"# TYPE process_start_time_seconds gauge\n{text}{family(COST, samples)}".encode()

    harness.scrape(joined({"a": 100.0, "bb": 0.0}))
    harness.reopen()
    # The first is missing once, in the answer in which the other is used first.
    harness.scrape(joined({"bb": 300.0}))
    harness.scrape(joined({"a": 101.0, "bb": 301.0}))
    assert harness.total() == 2.0


def test_a_series_born_anew_under_other_labels_counts_from_zero(harness: LedgerHarness) -> None:
    usage = {"gpt-4o": Usage(100.0, OLD + 1), "opus": Usage(50.0, OLD + 2), "llama": Usage(1.0, OLD + 3)}
    harness.scrape(answer({"job": "a"}, usage, created=True))
    usage["gpt-4o"] = Usage(101.0, OLD + 1)
    usage["opus"] = Usage(60.0, harness.now.timestamp() + 30)
    harness.scrape(answer({"job": "b"}, usage, created=True))
    assert harness.total() == 61.0


@pytest.mark.parametrize("joined", [False, True], ids=["one proxy", "two that are joined"])
@pytest.mark.parametrize("reopened", [False, True])
def test_what_is_born_anew_counts_once_though_a_pair_of_prometheus_tells_it_in_turn(
    harness: LedgerHarness, *, joined: bool, reopened: bool
) -> None:
    # Real proxies, of which one was restarted, behind the federation of two real Prometheus: 0.66 was told as 0.90.
    names = "ab" if joined else "a"
    spent, starts = dict.fromkeys(names, 100.0), {name: OLD - ord(name) for name in names}
    born = dict.fromkeys(names, OLD + 1)

    def told(replica: int) -> bytes:
        labels = {name: {"instance": name, "prometheus_replica": f"p{replica}"} for name in names}
        begun = "".join(f"process_start_time_seconds{series(**labels[name])} {starts[name]!r}\n" for name in names)
        samples = {name: series(model="gpt-4o", **labels[name]) for name in names}
        counted = family(
            COST, {samples[name]: spent[name] for name in names}, {samples[name]: born[name] for name in names}
        )
        return f"# TYPE process_start_time_seconds gauge\n{begun}{counted}".encode()

    harness.scrape(told(0))
    harness.scrape(told(1))
    truth = 0.0
    for number in range(6):
        if number % 2 == 0:
            # Evicted and made again, or restarted where the others go on.
            spent["a"], born["a"] = 7.0, harness.now.timestamp() + 20
            starts["a"] = born["a"] - 10 if joined else starts["a"]
            truth += 7
        else:
            spent["a"] += 2
            truth += 2
        for replica in range(3):
            harness.scrape(told((replica + number) % 2))
            assert harness.total() == truth
            if reopened:
                harness.reopen()


def _joined(replicas: Mapping[str, Mapping[str, Usage]], *, created: bool) -> bytes:
    """Return what a collector joins that passes on neither starts nor workers: replica -> what it has per model."""
    labelled = {
        series(model=model, instance=name): one for name, of in replicas.items() for model, one in sorted(of.items())
    }
    samples = {labels: one.value for labels, one in labelled.items()}
    times = {labels: one.created for labels, one in labelled.items()}
    return family(COST, samples, times if created else None).encode()


@pytest.mark.parametrize(("created", "crashes"), [(True, True), (True, False), (False, False)])
def test_a_series_that_took_the_place_of_a_gone_replicas_counts_nothing_again_after_a_restart(
    harness: LedgerHarness, *, created: bool, crashes: bool
) -> None:
    first = {"gpt-4o": Usage(500, OLD), "opus": Usage(40, OLD)}
    harness.scrape(_joined({"a": first}, created=created))
    born = harness.now.timestamp()
    second = {"opus": Usage(3, born + 10)}
    harness.scrape(_joined({"a": first, "b": second}, created=created))
    harness.scrape(_joined({"b": second}, created=created))
    second["gpt-4o"] = Usage(600, born + 130)
    harness.scrape(_joined({"b": second}, created=created))
    third = {"llama": Usage(5, born + 190)}
    harness.scrape(_joined({"b": second, "c": third}, created=created))
    # Where nothing tells that it is another's, it has grown from what the one that is gone had.
    counted = 3 + (600 if created else 100) + 5
    assert harness.total() == counted
    if crashes:
        harness.crash()
    else:
        harness.close()
    second["opus"] = Usage(4, born + 10)
    harness.scrape(_joined({"b": second, "c": third}, created=created))
    assert harness.total() == counted + 1


def test_replicas_that_two_collectors_name_differently_are_known_by_when_their_series_were_created(
    harness: LedgerHarness,
) -> None:
    usage = [{"gpt-4o": Usage(500, OLD + 1.5)}, {"gpt-4o": Usage(40, OLD + 3.25)}]
    for number in range(8):
        names = ("a", "b") if number % 2 else ("10.0.0.1:4000", "10.0.0.2:4000")
        harness.scrape(_joined(dict(zip(names, usage, strict=True)), created=True))
        assert harness.total() == 1.25 * number
        if number % 3 == 1:
            harness.reopen()
        usage[0]["gpt-4o"] = usage[0]["gpt-4o"]._replace(value=usage[0]["gpt-4o"].value + 1)
        usage[1]["gpt-4o"] = usage[1]["gpt-4o"]._replace(value=usage[1]["gpt-4o"].value + 0.25)
