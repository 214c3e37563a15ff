"""A server that answers what a test says: for answers that no real S3 can be brought to give."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Answer:
    """One answer; with `cut`, the connection ends after that many bytes of a body that promised more."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


@dataclass
class CannedServer:
    """Gives the answers in turn, the last one for ever; remembers what was asked."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def next(self, path: str, headers: dict[str, str]) -> Answer:
        self.asked.append((path, headers))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def canned_server() -> Iterator[CannedServer]:
    """Serve on a free port of the loopback for the block."""
    canned = CannedServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = canned.next(self.path, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body[: answer.cut])
            self.close_connection = True

        do_HEAD = do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing: what was asked is remembered."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    canned.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield canned
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
