"""The wire of the stand-in server: exact bytes in, a reply out. Knows nothing of Plane."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from io import BufferedIOBase

READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
LONGEST_LINE = 1 << 16


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request exactly as it arrived: nothing decoded, nothing normalised."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    head: bytes
    at: float

    def header(self, name: str) -> str:
        """Return the first value of a header, or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def is_write(self) -> bool:
        """Say whether the method can change anything (Django upper-cases methods)."""
        return self.method.upper() not in READ_METHODS


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: a status, a JSON value (`None` for no body), extra headers."""

    status: int
    value: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def encode(self, *, with_body: bool, close: bool) -> bytes:
        """Return the whole response as one string of bytes, so that it leaves in one packet."""
        body = b"" if self.value is None else json.dumps(self.value).encode()
        fields = {"Content-Type": "application/json", **self.headers, "Content-Length": str(len(body))}
        if close:
            fields["Connection"] = "close"
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}", *(f"{k}: {v}" for k, v in fields.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body if with_body else b"")


class BadRequestError(Exception):
    """The bytes on the wire are not an HTTP request."""


Answer = Callable[[ReceivedRequest], Reply]


class _Connection(socketserver.StreamRequestHandler):
    """One kept-alive connection."""

    disable_nagle_algorithm = True
    server: WireServer

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def handle(self) -> None:
        try:
            while self._one_exchange():
                pass
        except (OSError, ValueError):
            return  # the peer went away, or the server is stopping

    def _one_exchange(self) -> bool:
        try:
            request = read_request(self.rfile, self.wfile)
        except BadRequestError as error:
            self.wfile.write(Reply(400, {"error": str(error)}).encode(with_body=True, close=True))
            return False
        if request is None:
            return False
        reply = self.server.answer(request)
        close = request.header("Connection").lower() == "close" or request.head.split(b"\r\n", 1)[0].endswith(b"/1.0")
        self.wfile.write(reply.encode(with_body=request.method.upper() != "HEAD", close=close))
        return not close


class WireServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A threaded loopback server that hands every request to `answer`."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, answer: Answer) -> None:
        """Bind a free port of the loopback interface."""
        super().__init__(("127.0.0.1", 0), _Connection)
        self.answer = answer
        self.connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="stand-in-plane", daemon=True)

    @property
    def port(self) -> int:
        """Return the port that was bound."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Serve in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and hang up on every client that keeps its connection alive."""
        self.shutdown()
        self.server_close()
        self._thread.join()
        for connection in tuple(self.connections):
            _hang_up(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing on stderr about clients that hang up."""


def read_request(rfile: BufferedIOBase, wfile: BufferedIOBase) -> ReceivedRequest | None:
    """Read one request, or return `None` at the end of the connection."""
    head = _read_head(rfile)
    if not head:
        return None
    request_line, *lines = head.rstrip(b"\r\n").decode("latin-1").split("\r\n")
    words = request_line.split(" ")
    if len(words) != len(("method", "target", "version")) or not words[2].startswith("HTTP/1."):
        message = f"not a request line: {request_line!r}"
        raise BadRequestError(message)
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    lower = {name.lower(): value for name, value in headers}
    if lower.get("expect", "").lower() == "100-continue":
        wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return ReceivedRequest(words[0], words[1], headers, _read_body(rfile, lower), head, time.time())


def _read_head(rfile: BufferedIOBase) -> bytes:
    head = b""
    while line := rfile.readline(LONGEST_LINE):
        head += line
        if head and line == b"\r\n":
            return head
    return b""


def _read_body(rfile: BufferedIOBase, headers: dict[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return b"".join(_chunks(rfile))
    length = headers.get("content-length", "0")
    if not length.isdecimal():
        message = f"not a content length: {length!r}"
        raise BadRequestError(message)
    return rfile.read(int(length))


def _chunks(rfile: BufferedIOBase) -> list[bytes]:
    chunks = []
    while size := int(rfile.readline(LONGEST_LINE).split(b";")[0] or b"0", 16):
        chunks.append(rfile.read(size))
        rfile.readline(LONGEST_LINE)
    while rfile.readline(LONGEST_LINE) not in {b"\r\n", b""}:
        pass
    return chunks


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
