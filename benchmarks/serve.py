"""A static /metrics on loopback: the files named on the command line, one after the other, for ever.

A single file is read anew for each answer. `@scrapes@` in a body stands for the number of answers so far.
After `--gzip` bodies are compressed as prometheus_client, and so LiteLLM, does for who accepts it; who
asks for some names gets these, as LiteLLM with one worker does.
"""

import gzip
import itertools
import sys
from collections.abc import Collection, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import override
from urllib.parse import parse_qs, urlsplit

COMPRESSED = sys.argv[1] == "--gzip"


def _encoded(body: bytes) -> bytes:
    """Return a body as it is sent."""
    return gzip.compress(body) if COMPRESSED else body


def _part(body: bytes, names: Collection[bytes]) -> bytes:
    """Return the samples of these names, each family with its comments; all of the body where there are none."""
    return b"".join(_lines_of(body, names)) if names else body


def _lines_of(body: bytes, names: Collection[bytes]) -> Iterator[bytes]:
    """Yield the lines of a part of a body."""
    comments: list[bytes] = []
    for line in body.splitlines(keepends=True):
        if line.startswith(b"#"):
            comments = [*comments[-1:], line]
        elif line.partition(b" ")[0].partition(b"{")[0] in names:
            yield from comments
            comments.clear()
            yield line


class Handler(BaseHTTPRequestHandler):
    """Answers every GET with the next body."""

    protocol_version = "HTTP/1.1"
    # A small answer would wait 40 ms for the acknowledgment of its headers.
    disable_nagle_algorithm = True
    answers = itertools.count(1)
    files = tuple(Path(name) for name in sys.argv[1 + COMPRESSED :])
    bodies = itertools.cycle([_encoded(file.read_bytes()) for file in files])

    def do_GET(self) -> None:  # the name is the base class's
        """Send the next body."""
        body = next(self.bodies)
        if len(self.files) == 1:
            names = [name.encode() for name in parse_qs(urlsplit(self.path).query).get("name[]", [])]
            told = self.files[0].read_bytes().replace(b"@scrapes@", b"%d.0" % next(self.answers))
            body = _encoded(_part(told, names))
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
