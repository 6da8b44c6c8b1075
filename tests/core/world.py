"""The world of the property test: a proxy's processes, and what a ledger can know of them."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import product

from custom_components.litellm_pulse.core.catalog import Dimension
from custom_components.litellm_pulse.core.counters.origins import CLOCK_STEP
from custom_components.litellm_pulse.core.models import TOTAL, MemberKey, Window

from .bodies import COST, OLD_TOKENS, REQUESTS, START, TOKENS, body, family, series

type Key = tuple[str, str, str]
"""Model, team and route of a series."""

type Counters = Mapping[Key, tuple[float, int]]
"""Series -> its incarnation, by when it was created on the proxy's clock, and its value."""

REPEATED = 10
"""Answers of several workers after which the same again is no older answer any more."""

KEYS: list[Key] = list(product(("gpt-4o", "opus", "llama"), ("t-1", "t-2"), ("/a", "/b")))


@dataclass(eq=False)
class Life:
    """A process of the proxy; it counts tokens, requests and hundredths of a dollar alike."""

    start: float | None
    """None for several workers."""
    modern: bool
    """Has the labels and the family names of a later release."""
    tells_created: bool
    counters: Counters = field(default_factory=dict)

    def answer(self, *, torn: bool = False, asked: Collection[str] | None = None) -> bytes:
        """Return what it answers.

        Torn, it has a line in each family that may be any series. Where only a part is `asked`
        for, it leaves out what is not, and what has no series.
        """
        junk = {'{model="op': 5} if torn else {}
        name = TOKENS if self.modern else OLD_TOKENS
        families = [
            self._family(COST, 100, self._labels, junk, asked),
            self._family(name, 1, self._labels, junk, asked),
            self._family(REQUESTS, 1, self._request_labels, junk, asked),
        ]
        return body(*families, start=self.start)

    def _family(
        self,
        name: str,
        size: int,
        labels: Callable[[Key], str],
        junk: Mapping[str, float],
        asked: Collection[str] | None,
    ) -> str:
        """Return a family and its twin, or nothing of them where they are left out."""
        values = {labels(key): value / size for key, (_, value) in self.counters.items()}
        values |= dict(junk)
        created = {labels(key): epoch for key, (epoch, _) in self.counters.items()}
        if asked is not None and not values:
            return ""
        told = self.tells_created and (asked is None or tells_created(asked))
        return family(name, values, created if told else None)

    def _labels(self, key: Key) -> str:
        """Return the labels of a series of a family that names the model."""
        model, team, route = key
        if not self.modern:
            return series(model=model, route=route, team=team)
        return series(model=model, model_id=f"id-{model}", route=route, team=team, team_alias=f"The {team}")

    def _request_labels(self, key: Key) -> str:
        """Return the labels of a series of a family that does not."""
        model, team, route = key
        if not self.modern:
            return series(requested_model=model, route=route, team=team)
        return series(model_id=f"id-{model}", requested_model="chat", route=route, team=team)


def tells_created(asked: Collection[str]) -> bool:
    """Whether a part has the times at which series were created."""
    return any(name.endswith("_created") for name in asked)


@dataclass(frozen=True)
class Known:
    """What the answers so far have told."""

    usage: tuple[tuple[datetime, Key, int], ...] = ()
    """What was counted: when, whose it is, and how much."""
    seen: Mapping[Life, Counters] = field(default_factory=dict)
    """The counters of each process at its last answer."""
    forgotten: frozenset[Life] = frozenset()
    """Processes whose counters at their last answer were lost."""
    untold: frozenset[tuple[Life, Key]] = frozenset()
    """Series last counted in an answer that did not tell when they were created."""
    born_anew: frozenset[Life] = frozenset()
    """Processes that lost all of their series at once: as two that share a start, whose sums nobody can tell apart."""
    doubtful: Mapping[Key, int] = field(default_factory=dict)
    """Values that several workers had before a restart which showed: perhaps, what has them had begun since."""
    others: tuple[Mapping[Key, int], ...] = ()
    """What several workers had before a restart that showed, and before others may have been back: who has at least
    that may be those."""
    begun: Mapping[Key, int] = field(default_factory=dict)
    """What they had in the first answer after the last such restart."""
    present: Mapping[Key, int] = field(default_factory=dict)
    """What several workers had in their last answer."""
    modern: frozenset[Key] = frozenset()
    """Which of their series had the labels of a later release when they were last seen."""
    recent: tuple[Mapping[Key, int], ...] = ()
    """What they had in their last answers: who has the same again, and less than at last, may be an older answer."""
    answered: Mapping[Life, datetime] = field(default_factory=dict)
    dated: Mapping[Life, float] = field(default_factory=dict)
    """The proxy's clock at the last answer of each process."""
    last: datetime = START
    """The time of the last scrape."""
    zone: str = "UTC"
    day: int = 0

    def after(  # noqa: PLR0913
        self, life: Life, at: datetime, *, counts: bool, look: float, created: bool, date: float
    ) -> Known:
        """Return what is known after a process has answered.

        `counts` says that what it has more counts, `look` when the ledger looked first, by the proxy's
        clock now, which is `date`, and `created` whether the answer tells when its series were created.
        """
        if life in self.forgotten:
            # What was created since its last answer is new all the same; of the seconds after it that is not certain.
            counts, look = False, max(look, self.dated[life] + CLOCK_STEP)
        before, doubtful = self.seen.get(life, {}) if life not in self.forgotten else {}, dict(self.doubtful)
        others, begun = self.others, self.begun
        if life.start is None:
            # Series that are gone are no restart: whoever answers now goes on from where those before were.
            before = self._of_workers()
            others = self._others_after(life)
            if past := self._past(life, life.counters):
                begun = _values(life.counters)
                before = {key: one for key, one in before.items() if key not in past}
                doubtful |= {key: min(value, doubtful.get(key, value)) for key, value in past.items()}
        goes_on = any(key in before and before[key][0] == epoch for key, (epoch, _) in life.counters.items())
        # Where all have been born anew, it may as well be another process that shares the start.
        is_born_anew = created and bool(before) and bool(life.counters) and not goes_on
        before = {} if is_born_anew else before
        increases: dict[Key, int] = {}
        for key, (epoch, value) in life.counters.items():
            if key in before:
                increases[key] = value - (before[key][1] if before[key][0] == epoch else 0)
            elif epoch > look if created else counts:
                increases[key] = value
        rest = {one: seen for one, seen in self.seen.items() if one.start is not None}
        # Times of creation narrow down the second that the date is in.
        epochs = [epoch for epoch, _ in life.counters.values()] if created else []
        return replace(
            self,
            born_anew=self.born_anew | ({life} if is_born_anew else set()),
            usage=(*self.usage, *((at, key, increase) for key, increase in increases.items() if increase)),
            seen={**rest, life: {**before, **life.counters}},
            forgotten=self.forgotten - {life},
            doubtful={key: value for key, value in doubtful.items() if key not in life.counters},
            others=others,
            begun=begun,
            present=_values(life.counters) if life.start is None else self.present,
            modern=self._modern_after(life) if life.start is None else self.modern,
            recent=(*self.recent[1 - REPEATED :], _values(life.counters)) if life.start is None else self.recent,
            answered={**self.answered, life: at},
            dated={**self.dated, life: max([date, *(one for one in epochs if date < one < date + 1)])},
            last=at,
        )

    def told(self, life: Life, *, created: bool, before: Counters) -> Known:
        """Return what is known of when series were created after a process has answered."""
        if created:
            return replace(self, untold=self.untold - {(life, key) for key in life.counters})
        new = {(life, key) for key, counter in life.counters.items() if before.get(key) != counter}
        return replace(self, untold=self.untold | new)

    def in_file(self, anchored: set[Life]) -> Known:
        """Return what is known to a file in which the sums of a spare copy are not kept."""
        seen = {life: counters for life, counters in self.seen.items() if life not in anchored}
        return replace(self, seen=seen, forgotten=self.forgotten | anchored)

    def can_tell(self, life: Life, counters: Counters, *, created: bool = True) -> bool:
        """Whether the next answer of a process, with these counters, tells what was used since the last."""
        seen = self.seen.get(life, {})
        if life.start is None:
            if self.present != _values(counters) in self.recent:
                return False
            doubtful = {key: value for key, value in self.doubtful.items() if key not in seen}
            if any(key in doubtful and value >= doubtful[key] for key, (_, value) in counters.items()):
                return False
            if self._past(life, counters) and self._may_be_in_turn(_values(counters)):
                return False
            if life not in self.seen:
                return self._shows_restart(life, counters)
        return all(
            key not in seen
            or seen[key][0] == epoch
            or value < seen[key][1]
            or (created and life.tells_created and (life, key) not in self.untold)
            for key, (epoch, value) in counters.items()
        )

    def can_tell_by_sums(self, life: Life) -> bool:
        """Whether that can be told from the sums over the series alone."""
        if life.start is None and life not in self.seen:
            # Of the routes of a model and a team there is one sum.
            before, now = _by_model_and_team(self.used_by_workers()), _by_model_and_team(_values(life.counters))
            return not before or any(now.get(key, used) < used for key, used in before.items())
        seen = self.seen.get(life, {})
        goes_on = all(key in life.counters and life.counters[key][0] == epoch for key, (epoch, _) in seen.items())
        return goes_on and life not in self.born_anew

    def _shows_restart(self, life: Life, counters: Counters) -> bool:
        """Whether several workers that were restarted have anything lower than they had."""
        before = self.used_by_workers()
        return not before or any(self._falls(life, key, value, before) for key, (_, value) in counters.items())

    def _past(self, life: Life, counters: Counters) -> dict[Key, int]:
        """Return what several workers had before a restart that these counters show; nothing where they show none."""
        before = self._of_workers()
        past = {key: value for key, (epoch, value) in before.items() if (counters.get(key) or (0,))[0] != epoch}
        return past if any(self._falls(life, key, value, past) for key, (_, value) in counters.items()) else {}

    def _falls(self, life: Life, key: Key, value: int, before: Mapping[Key, int]) -> bool:
        """Whether a series of several workers is lower than it was; under other labels it is another one."""
        return (key in self.modern) is life.modern and key in before and value < before[key]

    def _modern_after(self, life: Life) -> frozenset[Key]:
        """Return which series of several workers have the labels of a later release once these have answered."""
        return self.modern | life.counters.keys() if life.modern else self.modern - life.counters.keys()

    def _may_be_in_turn(self, now: Mapping[Key, int]) -> bool:
        """Whether several workers that were restarted may as well be others behind the same address."""
        return any(_goes_on(one, now) for one in self.others)

    def _others_after(self, life: Life) -> tuple[Mapping[Key, int], ...]:
        """Return what others may have had once several workers have answered."""
        now, falls = _values(life.counters), bool(self._past(life, life.counters))
        back = [one for one in self.others if _goes_on(one, now) and (falls or not _goes_on(one, self.present))]
        closest = max(back, key=lambda one: sum(one.values()), default=None)
        others = tuple(one for one in self.others if one is not closest)
        lacks = bool(self.others) and not self.present.keys() <= now.keys()
        if back and not falls:
            others = (*others, self.begun)
        return (*others, self.present) if falls or back or lacks else others

    def _of_workers(self) -> dict[Key, tuple[float, int]]:
        """Return the counters of several workers."""
        return {key: one for life, seen in self.seen.items() if life.start is None for key, one in seen.items()}

    def used_by_workers(self) -> dict[Key, int]:
        """Return what several workers were used for."""
        return _values(self._of_workers())

    def truth(self, today: int, day_of: Callable[[datetime], int]) -> Iterator[tuple[MemberKey, Window, int]]:
        """Yield member, window and usage, worked out by the calendar alone."""
        local = date.fromordinal(today)
        begins = {
            Window.DAY: today,
            Window.WEEK: today - local.weekday(),
            Window.MONTH: local.replace(day=1).toordinal(),
            Window.YEAR: local.replace(month=1, day=1).toordinal(),
            Window.LIFETIME: 0,
        }
        used = [(day_of(at), key, amount) for at, key, amount in self.usage]
        for window, begin in begins.items():
            since = [(key, amount) for day, key, amount in used if day >= begin]
            yield TOTAL, window, sum(amount for _, amount in since)
            for model in {key[0] for key in KEYS}:
                yield (Dimension.MODEL, model), window, sum(amount for key, amount in since if key[0] == model)
            for team in {key[1] for key in KEYS}:
                yield (Dimension.TEAM, team), window, sum(amount for key, amount in since if key[1] == team)


def _values(counters: Counters) -> dict[Key, int]:
    """Return the values of counters."""
    return {key: value for key, (_, value) in counters.items()}


def _goes_on(before: Mapping[Key, int], now: Mapping[Key, int]) -> bool:
    """Whether counters may be those of a process that had others before."""
    return bool(before) and all(now.get(key, -1) >= value for key, value in before.items())


def _by_model_and_team(values: Mapping[Key, int]) -> dict[tuple[str, str], int]:
    """Return the sums of what each team used of each model."""
    sums: dict[tuple[str, str], int] = {}
    for (model, team, _), value in values.items():
        sums[model, team] = sums.get((model, team), 0) + value
    return sums
