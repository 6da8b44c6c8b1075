"""The peer: litellm-pulse, as PyPI has it, in an environment of its own."""

from pathlib import Path

import environments
from service import HOST, Service


class LiteLLMPulse(Service):
    """A litellm-pulse that scrapes one proxy."""

    title = "litellm-pulse"
    usual_port = 8000

    def __init__(self, state: Path, proxy: str, api_key: str) -> None:
        """Scrape the proxy at this address every two seconds."""
        super().__init__(state)
        self._options = ["--metrics-url", f"{proxy}/metrics/", "--metrics-api-key", api_key, "--scrape-interval", "2"]

    def _command(self) -> list[str | Path]:
        program = environments.prepare("peer").with_name("litellm-pulse")
        return [program, *self._options, "--db-path", "pulse.db", "--host", HOST, "--port", str(self.port)]

    def _ready(self) -> bool:
        return bool(self.request("/health").json() == {"status": "ok"})
