"""Which process answered: by the `_created` of its series, by its start, by the workers that its gauges name."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ..errors import MissingIdentityError, SurprisingPartError
from ..exposition import PROCESS_START, GaugeSample, split_sample
from .diff import created_family, creation_times
from .origins import CLOCK_STEP
from .process import Process, layout_of
from .processes import Processes
from .replicas import Teller, tellers_of_workers
from .results import Answer
from .series import ROUNDED

_NO_TIME = 1e11
"""A start as late as this, in the year 5138, is no time; nor are NaN and zero."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What an answer says of who gives it."""

    start: float | None
    joined: bool
    """A collector or a federation has joined the answers of several processes."""
    starts: frozenset[float]
    pids: frozenset[str]
    """The workers that its gauges name, or else the one that a header names."""
    names_workers: bool = False
    """Its gauges do."""
    port: str = ""
    """The worker that a header names."""
    tellers: Sequence[Teller] = ()
    """What tells of each process, or of its workers together."""

    @classmethod
    def of(cls, answer: Answer, gauges: Mapping[str, Sequence[GaugeSample]]) -> Identity:
        """Read it off an answer. One that tells its start names no workers: both are told of two that are joined."""
        begun = [one for one in gauges.get(PROCESS_START, ()) if 0 < one.value < _NO_TIME]
        starts = frozenset(one.value for one in begun)
        workers = tellers_of_workers(gauges)
        pids = frozenset[str]().union(*(one.pids for one in workers))
        joined = len(starts) > 1 or len(workers) > 1 or bool(starts and workers)
        tellers = (*(Teller(one.labels, starts=frozenset([one.value])) for one in begun), *workers)
        if joined or starts:
            return cls(None if joined else next(iter(starts)), joined, starts, pids, bool(pids), tellers=tellers)
        told = pids or frozenset({answer.pid} - {""})
        return cls(None, joined, starts, told, bool(pids), answer.pid, tellers)


@dataclass(frozen=True, slots=True)
class Match:
    """The process that answered; `process` is None for one that was not seen before."""

    process: Process | None
    is_proven: bool = False
    """It tells times of creation that are known: whatever has fallen, it goes on."""
    fell_without_identity: bool = False
    """The answer lacks an identity that those before had, and its counters fell: other workers answer now."""


def match(
    identity: Identity, answer: Answer, processes: Processes, families: Collection[str], *, lasting: bool
) -> Match:
    """Find the process that gave an answer.

    Raises MissingIdentityError where it cannot be told, though it could be before, unless that is `lasting`, and
    SurprisingPartError where a part is not enough to tell.
    """
    told = ((family, answer.exposition.get(created_family(family), ())) for family in families)
    # Of zeros, or of what is no number, nothing can be told.
    twins = {family: lines for family, lines in told if any(map(_time, lines))}
    if (joined := next((one for one in processes if one.joined), None)) and (
        identity.joined or _is_alone(identity, answer, joined, processes)
    ):
        return Match(joined)
    if identity.joined:
        return Match(None)
    if identity.start is not None:
        return Match(_by_start(identity.start, answer, processes, families, twins))
    if identity.pids:
        return _by_pids(identity, answer, processes, twins)
    return _without_identity(answer, processes, twins, lasting=lasting)


def is_surely_same(found: Match, answer: Answer) -> bool:
    """Whether it is certain who gave an answer: without an identity only where it has all that was counted before."""
    process = found.process
    if process is None or found.is_proven or not process.has_no_identity:
        return process is not None
    told = {text: value for lines in answer.exposition.values() for text, value in map(split_sample, lines)}
    present = process.present_values().items()
    return all((told.get(text) or 0.0) >= value * ROUNDED for text, value in present)


def _is_alone(identity: Identity, answer: Answer, joined: Process, processes: Processes) -> bool:
    """Whether an answer is of one of those that are joined, while the others are not there.

    One that answered alone, before those it is joined with were there, answers as it did then.
    """
    if not identity.tellers:
        return False
    if joined.replicas.apart and all(joined.replicas.apart <= one.labels.keys() for one in identity.tellers):
        return True
    known = any(one.start == identity.start for one in processes if not one.joined)
    return (identity.start is not None and not known) or _has_series_of(joined, answer)


def _has_series_of(process: Process, answer: Answer) -> bool:
    """Whether a process has any series that an answer has."""
    return any(
        split_sample(line)[0] in counters
        for family, counters in process.counters.items()
        for line in answer.exposition.get(family, ())
    )


def _by_start(
    start: float,
    answer: Answer,
    processes: Processes,
    families: Collection[str],
    twins: Mapping[str, Sequence[bytes]],
) -> Process | None:
    """Return the process that was started then; of several that share a start, the one with the same series."""
    same = [one for one in processes if one.start == start and not one.joined]
    if not twins:
        if len(same) > 1 and any(answer.exposition.get(family) for family in families):
            raise SurprisingPartError if answer.part else MissingIdentityError
        return max(same, key=lambda one: one.number, default=None) or _found_again(start, answer, processes)
    if (known := _by_created(same, twins).process) is not None:
        return known
    if len(same) == 1 and _repeats_untold(same[0], answer, twins):
        return same[0]
    if same and answer.part:
        raise SurprisingPartError
    if found := next((one for one in processes if not one.joined and _shares_created(one, twins)), None):
        # The same incarnations under another start: it is the start that was told wrong.
        found.start = start
    # Or it shares the start of others; or what had it has lost all of its series, and these are new.
    return found or (None if same else _found_again(start, answer, processes))


def _found_again(start: float, answer: Answer, processes: Processes) -> Process | None:
    """Return the process that lost its start when it was restarted, which tells it now: it goes on from what it had."""
    # Either clock may have been wrong for that answer.
    clock = answer.answered_at - answer.now
    lost = [
        one for one in processes if one.has_lost_identity and start <= max(one.last_answer or 0.0, one.seen + clock)
    ]
    found = next((one for one in lost if not (_has_told_created(one) or _is_below(one, answer))), None)
    if found is not None:
        found.start = start
    return found


def _by_created(processes: Collection[Process], twins: Mapping[str, Sequence[bytes]]) -> Match:
    """Return the process with the same series, or else one of which it is not known when its series were created."""
    verdicts = [(_shares_created(one, twins), one) for one in processes]
    if sharing := [one for shares, one in verdicts if shares]:
        return Match(max(sharing, key=lambda one: one.number), is_proven=True)
    return Match(max((one for shares, one in verdicts if shares is None), key=lambda one: one.number, default=None))


def _shares_created(process: Process, twins: Mapping[str, Sequence[bytes]]) -> bool | None:
    """Whether a process has any of these incarnations; None where nothing is known of its own."""
    if process.sums is None:
        return _has_incarnations(process, twins)
    told = {time for lines in twins.values() for line in lines if (time := _time(line)) is not None}
    if eldest := process.oldest():
        return not eldest.isdisjoint(told)
    # One that had nothing had none of those that are older.
    had_nothing = not process.sums and min(told, default=_NO_TIME) < (process.last_answer or 0.0) - CLOCK_STEP
    return False if had_nothing else None


def _has_incarnations(process: Process, twins: Mapping[str, Sequence[bytes]]) -> bool | None:
    """Whether any counter of a process is one of these incarnations; None where it has not told any."""
    known = False
    for family, lines in twins.items():
        old = process.last.lines.get(created_family(family), ())
        if any(map(_time, old)):
            if lines == old or any(map(_time, {*lines} & {*old})):
                return True
            known = True
            if _share_incarnations(lines, old):
                return True
        # The last answer may have lost those that this one has.
        if counters := process.counters.get(family):
            # An older answer tells of the incarnation before.
            created = {since for one in counters.values() for since in (one.created, one.former) if since is not None}
            known |= bool(created)
            layouts = process.layouts_of(family)
            told = creation_times(family, lines)
            present = {one.created for one in counters.values() if one.missing_since is None} - {None}
            if _are_alike(present, set(told.values())):
                return True
            for text, value in told.items():
                counter = counters.get(text)
                # Where labels come in another order, the time alone has to tell.
                same = {counter.created, counter.former} if counter else frozenset()
                if value in (created if layouts != {layout_of(text)} else same):
                    return True
    return False if known else None


def _share_incarnations(lines: Sequence[bytes], old: Sequence[bytes]) -> bool:
    """Whether two answers tell the same time of any series, however the lines are written."""
    known = {sample for sample in map(split_sample, old) if sample[1] and sample[1] > 0}
    if not known.isdisjoint(map(split_sample, lines)):
        return True
    times, told = {time for _, time in known}, set(map(_time, lines))
    if layout_of(lines[0].rpartition(b" ")[0]) != layout_of(old[0].rpartition(b" ")[0]):
        return not times.isdisjoint(told)
    # Whoever scrapes for others may have given all of them another label.
    return _are_alike(times, told)


def _are_alike(times: AbstractSet[float | None], told: AbstractSet[float | None]) -> bool:
    """Whether times of creation are mostly the same: then the series are, whatever their labels."""
    return 2 * len(times & told) > min(len(times), len(told))


def _repeats_untold(process: Process, answer: Answer, twins: Mapping[str, Sequence[bytes]]) -> bool:
    """Whether a family of which it is never told when its series were created says just the same as before."""
    return any(
        lines and family not in twins and created_family(family) not in process.last.lines and _is_used(lines)
        for family, lines in process.last.lines.items()
        if family in process.counters and answer.exposition.get(family) == lines
    )


def _is_used(lines: Sequence[bytes]) -> bool:
    """Whether any sample is above zero."""
    return any(map(_value, lines))


def _by_pids(identity: Identity, answer: Answer, processes: Processes, twins: Mapping[str, Sequence[bytes]]) -> Match:
    """Return the process that has a worker in common, or the last one where it did not tell its workers.

    Where gauges name workers in some answers only, the header tells which of them belong together.
    """
    found = [one for one in processes if not one.workers.pids.isdisjoint(identity.pids)]
    if not found and identity.port:
        same = [one for one in processes if identity.port in one.workers.ports]
        # The last one, whose gauges were lost, may have been restarted meanwhile: others name its workers then.
        last = [one for one in same if one.workers.is_unnamed and one is processes.newest]
        found = last if identity.names_workers else same
    newest = processes.newest
    if found:
        if newest and newest.has_lost_identity and not twins and any(_is_below(one, answer) for one in found):
            # Those that were restarted, and did not tell who they are then, may have the same numbers again.
            found = found if _is_below(newest, answer) else [newest]
        return _of_several(found, twins)
    return Match(newest if newest and newest.has_no_identity and not newest.workers.pids else None)


def _of_several(processes: Collection[Process], twins: Mapping[str, Sequence[bytes]]) -> Match:
    """Return the one of several that look alike which has the same series; the last one where that is not told."""
    if not twins:
        return Match(max(processes, key=lambda one: one.number))
    return _by_created(processes, twins)


def _without_identity(
    answer: Answer, processes: Processes, twins: Mapping[str, Sequence[bytes]], *, lasting: bool
) -> Match:
    """Return the process that never had an identity, or the one that is proven by its times of creation.

    An answer that lost its identity is refused, unless that is lasting.
    """
    newest = processes.newest
    if newest is None:
        return Match(None)
    known = [one for one in processes if not one.forgotten]
    if proven := [one for one in known if _shares_created(one, twins)]:
        return Match(max(proven, key=lambda one: one.number), is_proven=True)
    if newest.has_no_identity and not newest.workers.pids:
        alike = [one for one in processes if one.has_no_identity and not one.workers.pids]
        if not twins and len(alike) > 1 and not lasting and any(map(_has_told_created, alike)):
            raise SurprisingPartError if answer.part else MissingIdentityError
        return _of_several(alike, twins)
    # Of an answer that was cut, the times of creation may be lost that would tell of series begun anew.
    tells_all = answer.complete or twins or not any(map(_has_told_created, known))
    # Of those that are joined, one that has less says nothing of the others.
    if tells_all and all(_is_below(one, answer) and not one.joined for one in known):
        return Match(None, fell_without_identity=True)
    if lasting:
        return Match(None)
    raise SurprisingPartError if answer.part else MissingIdentityError


def _has_told_created(process: Process) -> bool:
    """Whether it is known when any of its series was created."""
    return any(True for _ in process.created_times())


def _is_below(process: Process, answer: Answer) -> bool:
    """Whether any counter of an answer is lower than a process had it."""
    for family, counters in process.counters.items():
        for line in answer.exposition.get(family, ()):
            text, value = split_sample(line)
            counter = counters.get(text)
            if counter is not None and value is not None and value < counter.value:
                return True
    return False


def ahead(created: Iterable[float], answered_at: float, now: float) -> float | None:
    """Return the seconds from our clock, `now`, to the latest of these times; None where it is not after the answer."""
    latest = max(created, default=0.0)
    return latest - now if latest > answered_at + CLOCK_STEP else None


def _time(line: bytes) -> float | None:
    """Return the time that a line of a twin tells, None where that is none."""
    value = split_sample(line)[1]
    return value if value is not None and value > 0 else None


def _value(line: bytes) -> float | None:
    """Return the value of a line, None where it cannot be read."""
    return split_sample(line)[1]
