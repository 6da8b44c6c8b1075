"""The ledger's own time, made of two clocks of which either may be wrong: ours, and the proxy's.

Our clock is believed as long as it goes on as clocks do. Where it leaps and the proxy's does not,
the proxy's says how much time has passed. Where it leaps and nobody contradicts it is followed,
until it comes back to where it was: then the leap was wrong. Where it steps back by itself, time
stands still for a while, and after ten answers the new time is followed. It may be that one that is
wrong: what was filed before stays where it is until a day has passed by it.
"""

import json
from dataclasses import dataclass
from typing import NamedTuple

SMALL_STEP = 7200.0
"""Seconds that our clock may step back while time stands still until it has caught up."""

LEAP = 1800.0
"""Seconds between two answers from which on it may be a leap of the clock, and not only a pause."""

LONG_LEAP = 10800.0
"""Seconds from which on a leap that turns out to be wrong is undone; a shorter one is waited out."""

DRIFT = 60.0
"""Seconds that two clocks may differ by between answers without one of them having been set."""

DAY = 86400.0
CONFIRMED = 10
"""Answers after which a clock that was set is believed."""


class Tick(NamedTuple):
    """The time of one answer, in Unix seconds."""

    at: float
    is_sure: bool
    """A second answer confirms it: what is older than the retention may be deleted."""
    returned_from: float | None = None
    """The time that was wrong, where that has just been found out: what was filed after `at` belongs there."""
    followed: tuple[float, float] | None = None
    """Where that was doubted for a while: when our clock was followed, and the time until which it was since."""
    stood_since: float | None = None
    """From when on was filed what belongs to `at`, where our clock stepped back then and is followed now."""


@dataclass(slots=True)
class LedgerClock:
    """Tells the time of answers; never backwards, but where a time is found to have been wrong."""

    latest: float = 0.0
    """Of the last answer, or of a window that has begun since."""
    ours: float = 0.0
    """Our clock at the last answer."""
    proxys: float = 0.0
    """The proxy's clock then; 0 where it did not tell."""
    pace: float = 60.0
    """Seconds between the last two answers that came as they should."""
    before_leap: float = 0.0
    """The time before our clock leapt; 0 where it did not."""
    since_leap: int = 0
    """Answers since then."""
    contradicted: int = 0
    """Answers in which our clock is not believed, one after the other."""
    stepped: float = 0.0
    """The time at which our clock was set last, or stepped back."""
    doubted: float = 0.0
    """The time before our clock was followed back, while either may be wrong; 0 where it is not doubted."""
    followed: float = 0.0
    """The time at which it was."""

    def tick(self, now: float, answered_at: float | None) -> Tick:
        """Return the time of an answer; both clocks in Unix seconds."""
        ours, proxys = now - self.ours, (answered_at or 0.0) - self.proxys if self.proxys else 0.0
        known = self.ours > 0
        witness = answered_at is not None and self.proxys > 0
        first = Tick(max(now, self.latest), is_sure=False)
        if answered_at is not None and witness and known and self._is_set_right(now, answered_at):
            tick = self._follow(now)
        else:
            tick = self._tick(now, ours, proxys if witness else None) if known else first
        tick = self._resolve(tick)
        sure = tick.is_sure and (answered_at is None or abs(tick.at - answered_at) < DAY)
        self.latest, self.ours, self.proxys = tick.at, now, answered_at or 0.0
        return tick._replace(is_sure=sure)

    def roll(self, now: float) -> None:
        """Note that windows have begun by our clock, with no answer to confirm it."""
        if 0 < now - self.latest < 2 * DAY:
            self.latest = now

    def _tick(self, now: float, ours: float, proxys: float | None) -> Tick:
        """Return the time of an answer; how many seconds each clock says have passed since the last one."""
        if proxys is not None and self._is_contradicted(ours, proxys):
            self.contradicted += 1
            if self.contradicted == 1:
                self.stepped = self.latest
                return Tick(self.latest + proxys, is_sure=False)
        elif self.contradicted:
            self.contradicted += 1
        confirmed = self.contradicted > CONFIRMED and not self._lags(now, proxys)
        if self.contradicted and not confirmed and not self._is_back(now):
            return Tick(self.latest + self._passed(ours, proxys), is_sure=False)
        if self.contradicted:
            return self._follow(now, is_proven=not confirmed)
        if now >= self.latest:
            return self._forward(now, ours)
        if self.before_leap and self._has_returned(now):
            return self._return(now)
        return self._backward(now)

    def _is_set_right(self, now: float, answered_at: float) -> bool:
        """Whether our clock was set, and says the same as the proxy's now, which it did not before."""
        is_strange = not -DRIFT <= now - self.ours <= LEAP
        differed = abs(self.ours - self.proxys) > LEAP
        return differed and abs(now - answered_at) <= LEAP and (is_strange or self.contradicted > 0)

    def _follow(self, now: float, *, is_proven: bool = True) -> Tick:
        """Return the time of our clock, which was contradicted until now; `is_proven` where it is right again."""
        self.contradicted = 0
        if now >= self.latest:
            return Tick(now, is_sure=False)
        if self.latest - now <= DRIFT:
            return Tick(self.latest, is_sure=False)
        return self._return(now) if is_proven else self._step_back(now)

    def _is_contradicted(self, ours: float, proxys: float) -> bool:
        """Whether our clock was set, by the word of the proxy's, which goes on as clocks do."""
        is_strange = not -DRIFT <= ours <= LEAP
        return is_strange and 0 <= proxys <= LEAP and abs(ours - proxys) > LEAP

    def _passed(self, ours: float, proxys: float | None) -> float:
        """Return the seconds since the last answer, while our clock is not believed: no clock's leap is time."""
        passed = ours if proxys is None else proxys
        is_pause = proxys is not None and abs(ours - proxys) <= LEAP
        return max(0.0, passed) if passed <= LEAP or is_pause else self.pace

    def _lags(self, now: float, proxys: float | None) -> bool:
        """Whether our clock was set back, and the proxy's says what ours would: that is believed for three hours."""
        if proxys is None or now >= self.latest or self.contradicted * self.pace > LONG_LEAP:
            return False
        return abs(self.proxys + proxys - self.latest) <= LEAP

    def _is_back(self, now: float) -> bool:
        """Whether our clock says again what it would have said without having been set."""
        return abs(now - self.latest) <= LEAP

    def _forward(self, now: float, ours: float) -> Tick:
        """Return a later time."""
        if ours > LEAP:
            # Where windows have begun meanwhile by our clock, it went on as clocks do.
            self.before_leap, self.since_leap = (self.latest if now - self.latest > LONG_LEAP else 0.0), 0
            return Tick(now, is_sure=ours <= 1.5 * DAY)
        self.since_leap += 1
        if ours > 0:
            self.pace = ours
        return Tick(now, is_sure=True)

    def _has_returned(self, now: float) -> bool:
        """Whether our clock is back where it would be had it not leapt."""
        passed = now - self.before_leap
        usual = (self.since_leap + 3) * 2 * max(self.pace, DRIFT)
        return -DRIFT <= passed <= min(usual, (self.latest - self.before_leap) / 4)

    def _return(self, now: float) -> Tick:
        """Return a time before the latest, which was wrong."""
        wrong, self.before_leap = self.latest, 0.0
        return Tick(now, is_sure=False, returned_from=wrong)

    def _step_back(self, now: float) -> Tick:
        """Return a time before the latest, of which it is not known whether it was wrong."""
        self.doubted, self.followed, self.before_leap = self.latest, now, 0.0
        return Tick(now, is_sure=False, stood_since=self.stepped)

    def _resolve(self, tick: Tick) -> Tick:
        """Find out which time was wrong: this one where it is past the doubted one again, that one after a day."""
        if not self.doubted:
            return tick
        if tick.returned_from is not None or not self.is_doubted(tick.at):
            self.doubted = 0.0
        elif tick.is_sure and tick.at - self.followed >= DAY:
            return self.settle(tick, self.latest)
        return tick

    def is_doubted(self, at: float) -> bool:
        """Whether our clock was followed back, and it is not known yet whether that was right."""
        return at < self.doubted - LEAP

    def settle(self, tick: Tick, until: float) -> Tick:
        """Take the doubted time for the wrong one: what was filed after `until`, and not since, belongs elsewhere."""
        wrong, self.doubted = self.doubted, 0.0
        return tick._replace(returned_from=wrong, followed=(self.followed, until))

    def _backward(self, now: float) -> Tick:
        """Let time stand still while our clock is behind it."""
        if self.latest - now > SMALL_STEP:
            if self.since_leap >= 0:
                self.stepped = self.latest
            self.since_leap -= 1
            if self.since_leap <= -CONFIRMED:
                self.since_leap = 0
                return self._step_back(now)
            self.since_leap = min(self.since_leap, -1)
        return Tick(self.latest, is_sure=False)

    def dump(self) -> str:
        """Return it as text."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def load(cls, text: str) -> LedgerClock:
        """Return what `dump` made text of."""
        return cls(**json.loads(text))
