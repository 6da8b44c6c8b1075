"""A stand-in for a LiteLLM proxy: a real HTTP server on loopback whose traffic a test decides."""

import ssl
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from aiohttp import web
from aiohttp.test_utils import TestServer

FIXTURES = Path(__file__).parent / "fixtures"

LISTS = frozenset({"/key/list", "/team/list", "/tag/list"})

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def recording(name: str) -> bytes:
    """Return a body that a real proxy once gave."""
    return (FIXTURES / f"{name}.prom").read_bytes()


FAILED = "litellm_proxy_failed_requests_metric_total"
FAILED_CREATED = "litellm_proxy_failed_requests_metric_created"
"""One family is enough to tell that a process answers alone."""


@dataclass(kw_only=True)
class Traffic:
    """What a proxy has served since it was started."""

    started: datetime = field(default_factory=lambda: datetime(2026, 11, 1, tzinfo=UTC))
    spend: dict[str, float] = field(default_factory=dict)
    """Dollars per model."""
    tokens: dict[str, float] = field(default_factory=dict)
    requests: float = 0
    failed_requests: float = 0
    in_flight: float = 0
    unpublished: frozenset[str] = frozenset()
    """Families that prometheus_metrics_config has removed."""
    workers: int = 1
    """With more than one, the process has no identity and a part of the body is empty."""
    series: dict[str, dict[str, float]] = field(default_factory=dict)
    """More series: family -> labels as they are written -> value."""

    def add(self, family: str, by: float, **labels: str) -> None:
        """Let a series grow."""
        written = ",".join(f'{name}="{value}"' for name, value in labels.items())
        known = self.series.setdefault(family, {})
        known[written] = known.get(written, 0) + by

    def body(self, names: Collection[str] = ()) -> bytes:
        """Return the exposition, or the series of these families, as prometheus_client does."""
        lines = self._lines() if not names else self._part(names)
        return "".join(f"{line}\n" for line in lines).encode()

    def _part(self, names: Collection[str]) -> Iterator[str]:
        """Yield the lines of the families that are named and have series."""
        if self.workers > 1:
            return
        for line in self._lines():
            if not line.startswith("#") and (name := line.partition("{")[0].partition(" ")[0]) in names:
                yield f"# TYPE {name} untyped"
                yield line

    def _lines(self) -> Iterator[str]:
        """Yield the lines, families without series included, as prometheus_client does."""
        if self.workers == 1:
            yield "# TYPE process_start_time_seconds gauge"
            yield f"process_start_time_seconds {self.started.timestamp()}"
        families = self._families()
        for family in dict.fromkeys((*families, *self.series)):
            if family in self.unpublished:
                continue
            yield f"# TYPE {family} {'counter' if family.endswith('_total') else 'gauge'}"
            for labels, value in (families.get(family, {}) | self.series.get(family, {})).items():
                yield f"{family}{{{labels}}} {value}" if labels else f"{family} {value}"
            if family == FAILED and self.workers == 1 and not any(one.endswith("_created") for one in self.series):
                yield f"# TYPE {FAILED_CREATED} gauge"
                yield from (f"{FAILED_CREATED}{{{labels}}} {self.started.timestamp()}" for labels in families[family])

    def _families(self) -> dict[str, dict[str, float]]:
        """Return the usual families: labels as they are written -> value."""
        return {
            "litellm_spend_metric_total": _per_model(self.spend),
            "litellm_total_tokens_metric_total": _per_model(self.tokens),
            "litellm_proxy_total_requests_metric_total": {'route="/v1/chat/completions"': self.requests},
            FAILED: {'exception_status="500"': self.failed_requests},
            "litellm_in_flight_requests": {"": self.in_flight},
        }


def _per_model(values: dict[str, float]) -> dict[str, float]:
    """Return the series of models."""
    return {f'model="{model}",requested_model="{model}"': value for model, value in values.items()}


class Proxy:
    """The server, and what it was asked."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        """Begin with two models that have been used."""
        self._tls = tls
        self.traffic = Traffic(
            spend={"gpt-4o": 1.0, "claude-sonnet": 2.0},
            tokens={"gpt-4o": 100, "claude-sonnet": 200},
            requests=30,
            failed_requests=3,
        )
        self.handler: Handler | None = None
        """Answers instead of the traffic, where it is set."""
        self.refuse_parts: int | None = None
        """The status with which a gateway before the proxy refuses to ask for a part."""
        self.json: dict[str, object] = {}
        """What other paths answer."""
        self.lists: dict[str, object] = {}
        """What the lists of members answer, by path; those that are left out are refused."""
        self.lists_status = 403
        """How they are refused."""
        self.asked_lists: list[str] = []
        self.requests: list[web.Request] = []
        """What was asked besides lists of members."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self.server = TestServer(application, host="127.0.0.1")

    @property
    def url(self) -> str:
        """Return the base address."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.server.port}"

    async def __aenter__(self) -> Self:
        """Start."""
        # Another certificate is shown to another connection only.
        await self.server.start_server(ssl=self._tls, access_log=None, keepalive_timeout=0 if self._tls else 75)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.server.close()

    def answer(self, body: bytes | str = b"", *, status: int = 200, **headers: str) -> None:
        """Answer with this from now on; headers are given as `Retry_After`."""

        async def handler(_: web.Request) -> web.Response:
            data = body.encode() if isinstance(body, str) else body
            return web.Response(body=data, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})

        self.handler = handler

    def restart(self, spend: dict[str, float]) -> None:
        """Begin to count from zero, now, and serve some traffic at once."""
        self.traffic = Traffic(started=datetime.now(UTC), spend=spend)

    def recover(self) -> None:
        """Answer with the traffic again."""
        self.handler = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """Note the request and answer it."""
        if request.path in LISTS | self.lists.keys():
            self.asked_lists.append(request.path)
            found = request.path in self.lists
            return web.json_response(self.lists.get(request.path), status=200 if found else self.lists_status)
        self.requests.append(request)
        if request.path.startswith("/health"):
            found = request.path in self.json
            return web.json_response(self.json.get(request.path), status=200 if found else 404)
        if self.handler:
            return await self.handler(request)
        if self.refuse_parts and "name[]" in request.query:
            return web.Response(status=self.refuse_parts)
        return web.Response(body=self.traffic.body(request.query.getall("name[]", ())), content_type="text/plain")
