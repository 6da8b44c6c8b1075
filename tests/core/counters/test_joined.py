"""Answers that a collector or a federation has joined of several processes."""

from collections.abc import Mapping
from random import Random

import pytest

from custom_components.litellm_pulse.core.errors import MissingIdentityError

from ..bodies import COST, START, body, family, series
from ..conftest import LedgerHarness

OLD = START.timestamp() - 5000


def joined(replicas: Mapping[str, tuple[float, float]]) -> bytes:
    """Return the answer of replicas: instance -> its start, and what it has spent."""
    starts = "".join(
        f"process_start_time_seconds{series(instance=name)} {start!r}\n" for name, (start, _) in replicas.items()
    )
    spent = {series(model="gpt-4o", instance=name): value for name, (_, value) in replicas.items()}
    return ("# TYPE process_start_time_seconds gauge\n" + starts + family(COST, spent)).encode()


def test_a_replica_goes_on_counting_when_another_is_added(harness: LedgerHarness) -> None:
    harness.scrape(joined({"a": (OLD, 100.0)}))
    harness.scrape(joined({"a": (OLD, 105.0), "b": (OLD + 9, 900.0)}))
    assert harness.total() == 5.0
    harness.reopen()
    harness.scrape(joined({"a": (OLD, 106.0), "b": (OLD + 9, 902.0)}))
    assert harness.total() == 8.0
    # As it was before the other was there.
    harness.scrape(joined({"a": (OLD, 107.0)}))
    assert harness.total() == 9.0


def test_bodies_one_after_the_other_are_baselines(harness: LedgerHarness) -> None:
    def concatenated(*replicas: tuple[float, float]) -> bytes:
        return "".join(
            "# TYPE process_start_time_seconds gauge\n"
            f"process_start_time_seconds {start!r}\n" + family(COST, {series(model="gpt-4o"): value})
            for start, value in replicas
        ).encode()

    harness.scrape(concatenated((OLD, 100.0)))
    harness.scrape(concatenated((OLD + 9, 900.0), (OLD, 105.0)))
    assert harness.total() == 0.0
    # Of one alone it is not told what it has had there.
    for start, value in ((OLD, 106.0), (OLD + 20, 5.0), (OLD, 107.0)):
        harness.scrape(concatenated((start, value)))
        assert harness.total() == 0.0
    harness.scrape(concatenated((harness.now.timestamp() + 30, 4.0)))
    assert harness.total() == 4.0


@pytest.mark.parametrize("restarted", [0, 1], ids=["first", "second"])
def test_of_bodies_one_after_the_other_the_first_counts_by_its_own_times_of_creation(
    harness: LedgerHarness, restarted: int
) -> None:
    labels = series(model="gpt-4o")
    spent, born = [100.0, 900.0], [OLD + 5, OLD + 7]

    def concatenated() -> bytes:
        bodies = [family(COST, {labels: value}, {labels: at}) for value, at in zip(spent, born, strict=True)]
        return "".join(bodies).encode()

    harness.scrape(concatenated())
    spent[restarted], born[restarted] = 3.0, harness.now.timestamp() + 30
    harness.scrape(concatenated())
    truth = 0.0 if restarted else 3.0
    assert harness.total() == truth
    spent = [value + 5.0 for value in spent]
    harness.scrape(concatenated())
    assert harness.total() == truth + 5.0


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("tells_start", [True, False], ids=["start", "no start"])
def test_bodies_one_after_the_other_in_any_order_count_nothing_twice(
    harness: LedgerHarness, seed: int, *, tells_start: bool
) -> None:
    random = Random(seed)  # noqa: S311 - it has to be the same again
    replicas = [{"spent": random.uniform(1, 200), "born": OLD + 9 * number} for number in range(2)]
    truth = 0.0

    def concatenated() -> bytes:
        answering = random.sample(replicas, random.choice([1, 2, 2]))
        starts = "".join(f"process_start_time_seconds {one['born'] - 4!r}\n" for one in answering)
        labels = series(model="gpt-4o")
        bodies = [family(COST, {labels: one["spent"]}, {labels: one["born"]}) for one in answering]
        told = f"# TYPE process_start_time_seconds gauge\n{starts}" if tells_start else ""
        return (told + "".join(bodies)).encode()

    for _ in range(30):
        harness.scrape(concatenated())
        assert harness.total() <= truth + 1e-9
        for one in replicas:
            if random.random() < 0.15:
                one["spent"], one["born"] = 0.0, harness.now.timestamp() + 30
            used = random.choice([0.0, 1.0, 5.0])
            one["spent"], truth = one["spent"] + used, truth + used
    assert harness.total() > 0.0


def test_one_name_behind_which_there_are_several_counts_none_of_them_again(harness: LedgerHarness) -> None:
    spent = {OLD: 100.0, OLD - 9: 50.0, OLD - 20: 700.0}
    for number in range(12):
        behind = OLD - 20 if number % 3 == 1 else OLD
        harness.scrape(joined({"a": (behind, spent[behind]), "b": (OLD - 9, spent[OLD - 9])}))
        assert harness.total() <= 5.0 * number
        spent = {start: value + 2.5 for start, value in spent.items()}


def test_one_that_answers_alone_without_the_labels_of_those_that_are_joined_is_another(harness: LedgerHarness) -> None:
    harness.scrape(body(family(COST, {series(model="gpt-4o"): 100.0}), start=OLD))
    harness.scrape(joined({"b": (OLD + 9, 50.0), "c": (OLD + 20, 900.0)}))
    harness.scrape(body(family(COST, {series(model="gpt-4o"): 101.0}), start=OLD))
    harness.scrape(joined({"b": (OLD + 9, 52.0), "c": (OLD + 20, 904.0)}))
    assert harness.total() == 1.0 + 2.0 + 4.0


def test_an_answer_whose_starts_were_all_known_is_older_and_no_restart(harness: LedgerHarness) -> None:
    harness.scrape(joined({"a": (OLD, 10.0), "b": (OLD + 9, 900.0)}))
    harness.scrape(joined({"a": (OLD, 12.0), "b": (OLD + 9, 905.0)}))
    harness.reopen()
    harness.scrape(joined({"a": (OLD, 11.0), "b": (OLD + 9, 903.0)}))
    assert harness.total() == 7.0
    # A third is added, and a body from before it comes once more.
    harness.scrape(joined({"a": (OLD, 12.0), "b": (OLD + 9, 905.0), "c": (OLD + 20, 50.0)}))
    harness.scrape(joined({"a": (OLD, 11.0), "b": (OLD + 9, 904.0)}))
    harness.scrape(joined({"a": (OLD, 13.0), "b": (OLD + 9, 905.0), "c": (OLD + 20, 51.0)}))
    assert harness.total() == 9.0


def test_one_that_was_restarted_counts_from_zero_also_after_a_restart_of_home_assistant(harness: LedgerHarness) -> None:
    harness.scrape(joined({"a": (OLD, 10.0), "b": (OLD + 9, 900.0)}))
    harness.reopen()
    harness.scrape(joined({"a": (OLD, 10.0), "b": (harness.now.timestamp(), 4.0)}))
    assert harness.total() == 4.0


def test_a_body_from_before_a_restart_is_older(harness: LedgerHarness) -> None:
    harness.scrape(joined({"a": (OLD, 10.0), "b": (OLD + 9, 900.0)}))
    born = harness.now.timestamp()
    harness.scrape(joined({"a": (OLD, 12.0), "b": (born, 4.0)}))
    harness.scrape(joined({"a": (OLD, 10.0), "b": (OLD + 9, 3.0)}))
    harness.scrape(joined({"a": (OLD, 13.0), "b": (born, 5.0)}))
    assert harness.total() == 3.0 + 5.0


def test_an_answer_that_is_cut_before_all_that_identifies_it_is_refused_though_a_series_began_anew(
    harness: LedgerHarness,
) -> None:
    opus, gpt = series(model="opus", instance="a"), series(model="gpt-4o", instance="b")
    starts = f"process_start_time_seconds{series(instance='a')} {OLD!r}\n"
    starts += f"process_start_time_seconds{series(instance='b')} {OLD + 9!r}\n"

    def answer(of_opus: float, of_gpt: float, born: float) -> bytes:
        counters = family(COST, {opus: of_opus, gpt: of_gpt}, {opus: born, gpt: OLD + 9})
        return (counters + "# TYPE process_start_time_seconds gauge\n" + starts).encode()

    harness.scrape(answer(100.0, 50.0, OLD))
    born = harness.now.timestamp() + 10
    for value in range(1, 30):
        with pytest.raises(MissingIdentityError):
            harness.scrape(body(family(COST, {opus: float(value), gpt: 50.0})), complete=False)
        if value % 5 == 0:
            harness.scrape(answer(float(value), 50.0, born))
            assert harness.total() == value


class Replica:
    """One of those that are joined: several workers, or one that tells its start."""

    def __init__(self, name: str, start: float | None, pids: tuple[int, ...] = ()) -> None:
        """Take what tells it, and begin with something spent."""
        self.name, self.start, self.pids, self.spent = name, start, pids, 100.0

    def restart(self, start: float) -> None:
        """Begin anew; other workers are there then."""
        self.start = self.start and start
        self.pids = tuple(pid + 50 for pid in self.pids)
        self.spent = 0.0


def replicas_of(kinds: str) -> list[Replica]:
    """Return two, of several workers each, that tell their start each, or one of both."""
    return [
        Replica("a", OLD if kinds != "workers" else None, () if kinds != "workers" else (11, 12)),
        Replica("b", OLD - 9 if kinds == "starts" else None, () if kinds == "starts" else (21, 22)),
    ]


def federated(replicas: list[Replica], spent: Mapping[str, float], **labels: str) -> bytes:
    """Return the answer of a Prometheus that has scraped them, and what it knew of each."""
    starts = "".join(
        f"process_start_time_seconds{series(instance=one.name, **labels)} {one.start!r}\n"
        for one in replicas
        if one.start
    )
    pids = "".join(
        f"litellm_total_users{series(instance=one.name, pid=str(pid), **labels)} 0\n"
        for one in replicas
        for pid in one.pids
    )
    values = {series(model="gpt-4o", instance=one.name, **labels): spent[one.name] for one in replicas}
    identity = f"# TYPE process_start_time_seconds untyped\n{starts}# TYPE litellm_total_users untyped\n{pids}"
    return (identity + family(COST, values)).encode()


@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize("pair", [False, True], ids=["one Prometheus", "a pair"])
@pytest.mark.parametrize("restarted", [0, 1])
@pytest.mark.parametrize("kinds", ["workers", "both", "starts"])
def test_one_that_restarts_does_not_count_the_others_again_though_nothing_tells_when_series_were_created(
    harness: LedgerHarness, kinds: str, restarted: int, *, pair: bool, reopened: bool
) -> None:
    # Two real proxies behind two real Prometheus: 1.12 was told as 2.25.
    replicas = replicas_of(kinds)
    truth = 0.0
    for number in range(12):
        if number == 4:
            replicas[restarted].restart(harness.now.timestamp() + 20)
        if number:
            for one in replicas:
                one.spent += 3
                truth += 3
        for turn in range(2):
            label = {"prometheus_replica": f"p{turn * pair}"}
            harness.scrape(federated(replicas, {one.name: one.spent for one in replicas}, **label))
            assert harness.total() == truth
        if reopened:
            harness.reopen()


@pytest.mark.parametrize("kinds", ["workers", "both", "starts"])
def test_of_a_pair_of_which_each_has_asked_one_replica_later_nothing_counts_twice(
    harness: LedgerHarness, kinds: str
) -> None:
    replicas = replicas_of(kinds)
    truth = 0.0
    for number in range(8):
        before = {one.name: one.spent for one in replicas}
        if number:
            for one in replicas:
                one.spent += 3
            truth += 6
        now = {one.name: one.spent for one in replicas}
        for turn, late in enumerate("ab"):
            harness.scrape(federated(replicas, {**now, late: before[late]}, prometheus_replica=f"p{turn}"))
        assert harness.total() == truth
    # One is not reached, and is back with other workers or another start.
    harness.scrape(federated(replicas[1:], {"b": replicas[1].spent}, prometheus_replica="p0"))
    replicas[0].restart(harness.now.timestamp() + 20)
    replicas[0].spent = 7
    harness.scrape(federated(replicas[:1], {"a": 7}, prometheus_replica="p1"))
    assert harness.total() == truth + 7
    harness.scrape(federated(replicas, {"a": 8, "b": replicas[1].spent}, prometheus_replica="p0"))
    assert harness.total() == truth + 8


@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize("kinds", ["workers", "both", "starts"])
def test_one_that_is_there_alone_at_times_counts_once_though_a_pair_of_prometheus_tells_it_in_turn(
    harness: LedgerHarness, kinds: str, *, reopened: bool
) -> None:
    replicas = replicas_of(kinds)
    truth = 0.0
    for number in range(12):
        there = replicas[: 1 + number // 3 % 2]
        if number == 7:
            replicas[0].restart(harness.now.timestamp() + 20)
        if number:
            # Of the one that comes only now, what it had is a baseline.
            for one in there if number > 3 else replicas[:1]:
                one.spent += 3
                truth += 3
        for turn in range(2):
            spent = {one.name: one.spent for one in there}
            harness.scrape(federated(there, spent, prometheus_replica=f"p{turn}"))
        assert harness.total() == truth, number
        if reopened:
            harness.reopen()


@pytest.mark.parametrize("told", ["start", "workers"])
def test_a_series_that_one_of_them_begins_counts_where_the_one_was_there_before_and_goes_on(
    harness: LedgerHarness, told: str
) -> None:
    spent: dict[str, dict[str, float]] = {"a": {"gpt-4o": 10.0}, "b": {"gpt-4o": 20.0}}
    starts = {"a": OLD, "b": OLD - 9, "c": OLD - 20}
    pids = {"a": 11, "b": 21, "c": 31}

    def scrape() -> float:
        values = {
            series(model=model, instance=name): value for name, one in spent.items() for model, value in one.items()
        }
        if told == "start":
            lines = [f"process_start_time_seconds{series(instance=name)} {starts[name]!r}\n" for name in spent]
        else:
            lines = [f"litellm_total_users{series(instance=name, pid=str(pids[name]))} 0\n" for name in spent]
        name = lines[0].partition("{")[0]
        harness.scrape((f"# TYPE {name} untyped\n" + "".join(lines) + family(COST, values)).encode())
        return harness.total()

    assert scrape() == 0.0
    spent["a"]["opus"] = 5.0
    assert scrape() == 5.0
    # Another is added, which has been there for long.
    spent["c"] = {"opus": 900.0}
    assert scrape() == 5.0
    spent["c"]["llama"] = 3.0
    assert scrape() == 8.0
    # One is restarted: of a series that it did not have before it is not known when it began.
    starts["b"], pids["b"] = harness.now.timestamp() + 30, 71
    spent["b"] = {"gpt-4o": 2.0, "llama": 4.0}
    assert scrape() == 10.0
    spent["b"] |= {"llama": 5.0, "opus": 1.0}
    assert scrape() == 12.0


@pytest.mark.parametrize("alone_before", [False, True])
@pytest.mark.parametrize("kinds", ["workers", "both", "starts"])
def test_what_one_of_a_pair_of_prometheus_tells_still_of_before_a_restart_counts_nothing(
    harness: LedgerHarness, kinds: str, *, alone_before: bool
) -> None:
    first = Replica("a", OLD if kinds == "starts" else None, () if kinds == "starts" else (11, 12))
    second = Replica("b", OLD - 9 if kinds != "workers" else None, () if kinds != "workers" else (21, 22))
    before = Replica("a", first.start, first.pids)
    there = [first] if alone_before else [first, second]
    harness.scrape(federated(there, {"a": 100.0, "b": 100.0}, prometheus_replica="p0"))
    first.restart(harness.now.timestamp() + 20)
    first.spent = 1.0
    harness.scrape(federated([first, second], {"a": 1.0, "b": 103.0}, prometheus_replica="p1"))
    counted = harness.total()
    assert counted <= 1.0 + 3.0
    for _ in range(2):
        harness.scrape(federated([before, second], {"a": 104.0, "b": 103.0}, prometheus_replica="p0"))
        harness.scrape(federated([before], {"a": 105.0}, prometheus_replica="p0"))
        assert harness.total() == counted
    harness.scrape(federated([first, second], {"a": 2.0, "b": 104.0}, prometheus_replica="p1"))
    assert harness.total() == counted + 2.0


def test_one_whose_series_were_all_made_anew_counts_once_when_another_is_joined_with_it(harness: LedgerHarness) -> None:
    def told(spent: float, born: float, label: str, *more: str) -> bytes:
        starts = "".join(
            f"process_start_time_seconds{series(instance=name, prometheus_replica=label)} {OLD + ord(name)!r}\n"
            for name in ("a", *more)
        )
        labels = series(model="gpt-4o", instance="a", prometheus_replica=label)
        counters = family(COST, {labels: spent}, {labels: born})
        return ("# TYPE process_start_time_seconds untyped\n" + starts + counters).encode()

    harness.scrape(told(8.0, OLD + 200, "p0"))
    born = harness.now.timestamp() + 30
    harness.scrape(told(2.0, born, "p1"))
    assert harness.total() == 2.0
    harness.scrape(told(5.0, born, "p0", "b"))
    assert harness.total() == 5.0
