"""What LiteLLM Pulse and this ledger count of the same lives of a proxy; README holds the table.

`./scripts/bench comparison` writes benchmarks/comparison.json and the table anew.
"""

import json
import math
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypedDict, override
from zoneinfo import ZoneInfo

from made_table import replaced
from progress import step
from pulse import LiteLLMPulse

from custom_components.litellm_pulse.core.errors import AnswerError
from custom_components.litellm_pulse.core.ledger import Ledger
from custom_components.litellm_pulse.core.models import TOTAL, Window

from .lifecycles import FIRST, LIFECYCLES, MINUTE, Lifecycle
from .measure import AtMost, Section, Setting, Table, figure, scratch_folder
from .peer import NAME

ROOT = Path(__file__).parent.parent
FIGURES = Path(__file__).with_name("comparison.json")
PAGE = ROOT / "README.md"
BEGIN = "<!-- made by scripts/bench comparison -->"
HEAD = ("what happens", "spent in truth", "LiteLLM Pulse", "here")
SAME = 1e-9
"""US dollars by which two sums may differ."""
AT_ONCE = 4
"""Peers that run at the same time."""
PATIENCE = 60
"""Seconds that a peer gets to make all scrapes of a lifecycle."""


class Row(TypedDict):
    """What was counted of one lifecycle, in US dollars."""

    lifecycle: str
    truth: float
    theirs: float
    ours: float


class Comparison(TypedDict):
    """What a run has found."""

    date: str
    peer: str
    rows: list[Row]


def run(setting: Setting) -> Section:
    """Play every lifecycle through both, keep what they count, and write README's table."""
    with scratch_folder(setting) as folder, ThreadPoolExecutor(AT_ONCE) as pool, _serving() as server:
        theirs = pool.map(lambda one: _theirs(one, folder / f"peer-{one}", server), range(len(LIFECYCLES)))
        rows = [
            Row(lifecycle=one.name, truth=one.truth, theirs=count, ours=ours(one, folder / f"{number}.db"))
            for number, (one, count) in enumerate(zip(LIFECYCLES, theirs, strict=True))
        ]
    found = Comparison(date=datetime.now(UTC).date().isoformat(), peer=NAME, rows=rows)
    FIGURES.write_text(json.dumps(found, indent=2) + "\n")
    PAGE.write_text(render(PAGE.read_text(), found))
    off = max(abs(row["ours"] - row["truth"]) for row in rows)
    return Section(
        title="Lives of a proxy",
        note="The same answers, scrape by scrape: litellm-pulse as a process of its own, asked by its API; our ledger.",
        figures=[figure("what is counted is off by at most", "USD", [off], budget=AtMost(SAME, "USD"))],
        tables=[Table(title="US dollars counted", head=HEAD, rows=_cells(found))],
    )


def ours(lifecycle: Lifecycle, path: Path) -> float:
    """Return the US dollars that a ledger in a new file counts of a lifecycle, a minute between answers."""
    ledger = Ledger.open(path, now=FIRST, zone=ZoneInfo("UTC"))
    for number, answer in enumerate(lifecycle.answers):
        parser = ledger.parser()
        now = FIRST + timedelta(seconds=number * MINUTE)
        try:
            parser.feed(answer)
            ledger.scrape(parser.finish(), now=now, answered_at=now)
        except AnswerError:
            # Nothing is counted from an answer that cannot be believed; the next one makes up for it.
            continue
    ledger.close()
    return ledger.snapshot.value(TOTAL, Window.LIFETIME, "cost")


def kept() -> Comparison:
    """Return what the last run has found."""
    found: Comparison = json.loads(FIGURES.read_text())
    return found


def render(page: str, found: Comparison) -> str:
    """Return a page with the table of a run in its place."""
    lines = [f"| {' | '.join(cells)} |" for cells in (HEAD, ["---", *["---:"] * 3], *_cells(found))]
    return replaced(page, BEGIN, "\n".join(lines))


def _cells(found: Comparison) -> Sequence[Sequence[str]]:
    """Return the rows of the table; what is right stands in bold."""
    return [
        (
            row["lifecycle"],
            f"{row['truth']:.2f}",
            _count(row["theirs"], row["truth"]),
            _count(row["ours"], row["truth"]),
        )
        for row in found["rows"]
    ]


def _count(dollars: float, truth: float) -> str:
    """Return what was counted as people read it."""
    text = f"{dollars:.2f}"
    return f"**{text}**" if math.isclose(dollars, truth, abs_tol=SAME) else text


class _Server(ThreadingHTTPServer):
    """Gives each asker the next answer of the lifecycle whose number its path begins with; the last one stays."""

    def __init__(self) -> None:
        """Take a free port on loopback."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked = [0] * len(LIFECYCLES)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: _Server

    def do_GET(self) -> None:  # the name is the base class's
        """Answer with a body."""
        number = int(self.path.split("/")[1])
        answers = LIFECYCLES[number].answers
        body = answers[min(self.server.asked[number], len(answers) - 1)]
        self.server.asked[number] += 1
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _serving() -> Iterator[_Server]:
    """Run the server."""
    with _Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def _theirs(number: int, state: Path, server: _Server) -> float:
    """Return the US dollars that litellm-pulse counts of a lifecycle, by its own API."""
    with LiteLLMPulse(state, f"http://127.0.0.1:{server.server_port}/{number}", "none") as pulse:
        with step(f"litellm-pulse: {LIFECYCLES[number].name}") as current:
            # It asks once the answer before is taken in.
            while server.asked[number] <= len(LIFECYCLES[number].answers):
                pulse.check_alive()
                if current.seconds > PATIENCE:
                    raise TimeoutError
                threading.Event().wait(0.1)
        return float(pulse.request("/api/v1/metrics").json()["cost"])
