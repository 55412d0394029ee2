"""A stand-in for a collector: it answers as it is told to, then accepts, and remembers what it was sent."""

from __future__ import annotations

import gzip
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. Status 0 cuts the connection instead."""

    status: int = 200
    body: bytes = b'{"partialSuccess":{}}'
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One request, its body unpacked."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def lines(self) -> int:
        """The number of lines of evidence in it."""
        return len(json.loads(self.body)["resourceSpans"])


@dataclass
class Receiver:
    """Answers from `answers` first; then as `judge` says of each request."""

    answers: list[Answer] = field(default_factory=list)
    judge: Callable[[Request], Answer] = lambda _: Answer()
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Listen on loopback."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                packed = self.headers.get("Content-Encoding") == "gzip"
                request = Request(self.path, dict(self.headers), gzip.decompress(content) if packed else content)
                receiver.requests.append(request)
                answer = receiver.answers.pop(0) if receiver.answers else receiver.judge(request)
                if not answer.status:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for header in (*answer.headers, ("Content-Length", str(len(answer.body)))):
                    self.send_header(*header)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Be quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Stop to listen."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The address to send to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def accepted(self) -> int:
        """The lines in all requests."""
        return sum(request.lines for request in self.requests)
