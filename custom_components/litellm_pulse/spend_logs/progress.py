"""How far an import has come: JSON-able, written with the rows it is about, so it resumes anywhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

from .models import Span

KEPT_GAPS = timedelta(days=30)
"""How long it is remembered that the rows of a gap were asked for; asked for again, they change nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The watermark of a source, all times aware and by the source's clock."""

    identity: str = ""
    """Which database, or proxy, the rows are from."""
    through: datetime | None = None
    """The clock at the start of the last complete cycle."""
    reached: datetime | None = None
    """The backfill knows everything from here to its beginning."""
    oldest: datetime | None = None
    """The oldest row when last looked."""
    newest: datetime | None = None
    """The newest row when last looked; it only falls when the database was restored or emptied."""
    sweep: datetime | None = None
    """How far down a sweep has come; None where none is under way."""
    swept_at: datetime | None = None
    looked_back_at: datetime | None = None
    """When 48 hours were last asked for again."""
    restored_at: datetime | None = None
    """When an older database was last noticed; what was known before is kept."""
    gaps: Mapping[datetime, datetime] = field(default_factory=dict)
    """Start of a gap -> when its rows were asked for."""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON's own types."""
        return {
            "identity": self.identity,
            **{name: at.isoformat() for name in _TIMES if (at := getattr(self, name)) is not None},
            "gaps": {start.isoformat(): at.isoformat() for start, at in self.gaps.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return what `to_json` was made from."""
        return cls(
            identity=data.get("identity", ""),
            gaps={datetime.fromisoformat(start): datetime.fromisoformat(at) for start, at in data["gaps"].items()},
            **{name: datetime.fromisoformat(data[name]) for name in _TIMES if name in data},
        )

    def share(self, now: datetime) -> float:
        """Return which part of the backfill is done, 0 to 1."""
        if self.reached is None or self.oldest is None:
            return 0.0
        whole = (now - self.oldest).total_seconds()
        return 1.0 if whole <= 0 else min(1.0, (now - self.reached).total_seconds() / whole)

    def seen(self, *, identity: str, now: datetime, oldest: datetime | None, newest: datetime | None) -> Self:
        """Return it after a look at the source; an older database, or another, is noted and not believed."""
        if self.identity and self.identity != identity:
            # All of it is asked for again; what is known already is kept where less is told.
            return type(self)(identity=identity, oldest=oldest, newest=newest, restored_at=now)
        went_back = self.newest is not None and (newest is None or newest < self.newest)
        restored_at = now if went_back else self.restored_at
        return replace(self, identity=identity, oldest=oldest, newest=newest, restored_at=restored_at)

    def backfilled(self, to: datetime, *, now: datetime) -> Self:
        """Return it after the backfill has come down to a time; its first step begins the watermark."""
        if self.reached is None:
            # Everything up to `now` is this first step's: following begins there.
            return replace(self, reached=to, through=now, looked_back_at=now, swept_at=now)
        return replace(self, reached=to)

    def followed(self, now: datetime, *, looked_back: bool) -> Self:
        """Return it after a complete cycle that began at `now`."""
        return replace(self, through=now, looked_back_at=now if looked_back else self.looked_back_at)

    def swept(self, to: datetime, *, oldest: datetime | None, now: datetime) -> Self:
        """Return it after a sweep has come down to a time, and is over where that is the oldest row's."""
        over = oldest is None or to <= oldest
        return replace(self, sweep=None if over else to, swept_at=now if over else self.swept_at)

    def told(self, gap: Span, *, now: datetime) -> Self:
        """Return it after the rows of a gap were asked for."""
        recent = {start: at for start, at in self.gaps.items() if now - at < KEPT_GAPS}
        return replace(self, gaps={**recent, gap.start: now})


_TIMES = ("through", "reached", "oldest", "newest", "sweep", "swept_at", "looked_back_at", "restored_at")
