"""A threaded HTTP/1.1 server on loopback: raw requests in, replies out. It knows nothing of Plane."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import responses
from typing import TYPE_CHECKING, Any

import h11

if TYPE_CHECKING:
    import ssl

READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
MAX_HEAD_BYTES = 1 << 17
RECEIVE_BYTES = 1 << 16
END_OF_HEAD = b"\r\n\r\n"
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request as it arrived. The target is neither decoded nor normalised."""

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
        """Say if the method can change anything. Django upper-cases methods, so `patch` is a write."""
        return self.method.upper() not in READ_METHODS

    @property
    def path(self) -> str:
        """The target without its query string, as sent."""
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        """The body, parsed as JSON; `None` if there is no body."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, a JSON value (`None` for an empty body), and headers."""

    status: int
    value: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """The encoded value."""
        return b"" if self.value is None else json.dumps(self.value).encode()


Answer = Callable[[ReceivedRequest], Reply]


class _Connection(socketserver.BaseRequestHandler):
    """One client connection, kept alive until the client closes it or the server stops."""

    server: HTTPServer

    def setup(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.connections.add(self.request)

    def finish(self) -> None:
        self.server.connections.discard(self.request)
        # A TLS socket replaced the accepted one; `shutdown_request` closes only the latter.
        with contextlib.suppress(OSError):
            self.request.close()

    def handle(self) -> None:
        try:
            self._start_tls()
            self._serve(h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES))
        except OSError:
            return  # the client hung up, or the server is stopping

    def _start_tls(self) -> None:
        if self.server.ssl_context is None:
            return
        # The handshake belongs into this thread: a client that never finishes it must not block the accept loop.
        plain = self.request
        self.request = self.server.ssl_context.wrap_socket(plain, server_side=True)
        self.server.connections.discard(plain)
        self.server.connections.add(self.request)

    def _serve(self, http: h11.Connection) -> None:
        while True:
            try:
                request = self._receive(http)
            except h11.RemoteProtocolError as error:
                self._send(http, Reply(error.error_status_hint, {"error": str(error)}, {"Connection": "close"}), "")
                return
            if request is None:
                return
            self._send(http, self.server.answer(request), request.method)
            if (http.our_state, http.their_state) != (h11.DONE, h11.DONE):
                return
            http.start_next_cycle()

    def _receive(self, http: h11.Connection) -> ReceivedRequest | None:
        # h11 does not expose the bytes of a head. Tests need them, so they are collected alongside.
        raw = bytearray(http.trailing_data[0])
        request: h11.Request | None = None
        body = bytearray()
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                if http.they_are_waiting_for_100_continue:
                    self.request.sendall(http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
                received = self.request.recv(RECEIVE_BYTES)
                raw += received
                http.receive_data(received)
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                return _received(request, bytes(body), bytes(raw))
            else:  # the connection is closed
                return None

    def _send(self, http: h11.Connection, reply: Reply, method: str) -> None:
        if http.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        body = reply.body
        fields = {"Content-Type": "application/json", **reply.headers, "Content-Length": str(len(body))}
        reason = responses.get(reply.status, "")
        response = h11.Response(status_code=reply.status, headers=list(fields.items()), reason=reason)
        events: list[h11.Event] = [response]
        # h11 compares methods as they are spelled, so `head` gets a body, as from any server that does the same.
        if body and method != "HEAD":
            events.append(h11.Data(data=body))
        # One `sendall`, so that a small response leaves in one packet.
        self.request.sendall(b"".join(http.send(event) or b"" for event in [*events, h11.EndOfMessage()]))


class HTTPServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A server on 127.0.0.1 that passes every request to `answer`, one thread per connection."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, answer: Answer, ssl_context: ssl.SSLContext | None = None) -> None:
        """Bind a free port."""
        super().__init__(("127.0.0.1", 0), _Connection)
        self.answer = answer
        self.ssl_context = ssl_context
        self.connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(POLL_SECONDS,), name="fake-plane", daemon=True)

    @property
    def port(self) -> int:
        """The port that was bound."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Serve in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving, and close the connections that clients keep alive."""
        self.shutdown()
        self.server_close()
        self._thread.join()
        for connection in tuple(self.connections):
            # The handler's thread is blocked in `recv`; only a shutdown wakes it.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _received(request: h11.Request, body: bytes, raw: bytes) -> ReceivedRequest:
    head, end, _ = raw.partition(END_OF_HEAD)
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw_items())
    return ReceivedRequest(
        request.method.decode("ascii"), request.target.decode("ascii"), headers, body, head + end, time.time()
    )
