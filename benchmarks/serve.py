"""A static /metrics on loopback: the files named on the command line, one after the other, for ever.

A single file is read anew for each answer. `@scrapes@` in a body stands for the number of answers so far.
After `--gzip` bodies are compressed as prometheus_client, and so LiteLLM, does for who accepts it.
"""

import gzip
import itertools
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import override

COMPRESSED = sys.argv[1] == "--gzip"


def _encoded(body: bytes) -> bytes:
    """Return a body as it is sent."""
    return gzip.compress(body) if COMPRESSED else body


class Handler(BaseHTTPRequestHandler):
    """Answers every GET with the next body."""

    protocol_version = "HTTP/1.1"
    answers = itertools.count(1)
    files = tuple(Path(name) for name in sys.argv[1 + COMPRESSED :])
    bodies = itertools.cycle([_encoded(file.read_bytes()) for file in files])

    def do_GET(self) -> None:  # the name is the base class's
        """Send the next body."""
        body = next(self.bodies)
        if len(self.files) == 1:
            body = _encoded(self.files[0].read_bytes().replace(b"@scrapes@", b"%d.0" % next(self.answers)))
        self.send_response(200)
        if COMPRESSED:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, *_: object) -> None:
        """Stay silent."""


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
