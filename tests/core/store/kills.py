"""A command: scrapes in child processes that are killed at random moments, again and again.

It is run by `test_kill` with the core on the path, and prints what came out as JSON. The proxy
goes through a fixed sequence of answers, with restarts and evictions in it, and stays at each
until it was counted once: so everything it ever tells is knowable, and nothing may be lost.
"""

import json
import mmap
import os
import random
import signal
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bodies import COST, START, TOKENS, body, family, read, series
from core.catalog import Dimension
from core.ledger import Ledger
from core.models import TOTAL, Window

LIFE = 60
"""Answers that one process of the proxy gives."""

SERIES = 12
ZONE = ZoneInfo("Asia/Kathmandu")
LONGEST_LIFE = 0.04
"""Seconds that a child lives at most, and more on a slow machine: until every other one gets to scrape."""


def value(step: int, index: int) -> float | None:
    """Return the counter of a series after a step; every ninth answer of its own it is evicted."""
    turn = (step % LIFE + index) % 9
    return (turn + 1) * (index + 1) * 0.1 if turn else None


def spent(steps: int, index: int) -> float:
    """Return what was ever used in the answers up to `steps`, without what was there at the first."""
    total, before = 0.0, value(0, index) or 0.0
    for step in range(1, steps + 1):
        now = value(step, index) or 0.0
        total += now - (before if step % LIFE and now else 0.0)
        before = now
    return total


def answer(step: int) -> bytes:
    """Return the proxy's answer at a step."""
    values = {index: value(step, index) for index in range(SERIES)}
    samples = {series(model=f"model-{index}"): one for index, one in values.items() if one is not None}
    started = START.timestamp() - 30 + (step // LIFE) * LIFE * 60
    return body(family(COST, samples), family(TOKENS, samples), start=started)


def at(step: int) -> datetime:
    """Return the time of a step."""
    return START + timedelta(minutes=step)


def scrape_until_killed(path: Path, steps: mmap.mmap) -> None:
    """Open the ledger and scrape as fast as it goes; sometimes, close it and open it again."""
    chance = random.Random(os.getpid())  # noqa: S311
    while True:
        step = int.from_bytes(steps[:8])
        ledger = Ledger.open(path, now=at(step), zone=ZONE)
        while chance.random() > 0.02:
            step = int.from_bytes(steps[:8])
            ledger.scrape(read(ledger.parser(), answer(step)), now=at(step), answered_at=at(step))
            steps[:8] = (step + 1).to_bytes(8)
        ledger.close()


def main(path: Path, kills: int) -> None:
    """Kill as many children or more, then compare the totals with the truth."""
    steps = mmap.mmap(-1, 8)
    chance = random.Random(kills)  # noqa: S311
    kill = 0
    # However slow the machine is, on the average every other child gets to scrape.
    while kill < kills or int.from_bytes(steps[:8]) < kills / 2:
        kill += 1
        child = os.fork()
        if not child:
            scrape_until_killed(path, steps)
        slowness = max(1, kill / (int.from_bytes(steps[:8]) + 1))
        time.sleep(chance.uniform(0, LONGEST_LIFE * slowness))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"a child ended by itself: {status}"
    last = int.from_bytes(steps[:8])
    ledger = Ledger.open(path, now=at(last), zone=ZONE)
    recovered = ledger.snapshot.recovery is not None
    snapshot = ledger.scrape(read(ledger.parser(), answer(last)), now=at(last), answered_at=at(last))
    keys = [(Dimension.MODEL, f"model-{index}") for index in range(SERIES)]
    truth = [spent(last, index) for index in range(SERIES)]
    for metric in ("cost", "tokens"):
        counted = [snapshot.value(key, Window.LIFETIME, metric) for key in keys]
        total = snapshot.value(TOTAL, Window.LIFETIME, metric)
        print(json.dumps({"steps": last, "recovered": recovered, "truth": truth, "counted": counted, "total": total}))  # noqa: T201
    ledger.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
