"""A receiver of Plane's webhooks: the signature of each request is checked before anything else is done with it."""

from __future__ import annotations

import hashlib
import hmac
import queue
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

LARGEST_BODY = 5 * 1024 * 1024
SECONDS_A_REQUEST_MAY_TAKE = 15
_OK, _BAD, _FORBIDDEN, _NOT_ALLOWED, _TOO_LARGE = 200, 400, 403, 405, 413


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request with a valid signature."""

    body: bytes
    id: str
    arrived_ns: int


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = SECONDS_A_REQUEST_MAY_TAKE
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            self._end(_BAD)
            return
        if not 0 < length <= LARGEST_BODY:
            self._end(_TOO_LARGE)
            return
        body = self.rfile.read(length)
        if not is_signed(body, self.headers.get("X-Plane-Signature", ""), self.server.secret):
            self.server.refused += 1
            self._end(_FORBIDDEN)
            return
        self.server.deliveries.put(Delivery(body, self.headers.get("X-Plane-Delivery", ""), time.time_ns()))
        self._end(_OK)

    def do_GET(self) -> None:
        self._end(_NOT_ALLOWED)

    def _end(self, status: int) -> None:
        self.close_connection = status != _OK
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing: a request may hold anything."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], secret: str) -> None:
        super().__init__(address, _Handler)
        self.secret = secret
        self.deliveries: queue.Queue[Delivery] = queue.Queue()
        self.refused = 0


class Receiver:
    """Receives webhooks at an address while it is entered."""

    def __init__(self, host: str, port: int, secret: str) -> None:
        """Bind the address; raises `OSError`."""
        self._server = _Server((host, port), secret)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """The address to name in Plane."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/"

    @property
    def refused(self) -> int:
        """The number of requests without a valid signature."""
        return self._server.refused

    def next(self, seconds: float) -> Delivery | None:
        """Return the next delivery, or None if there is none in time."""
        try:
            return self._server.deliveries.get(timeout=seconds)
        except queue.Empty:
            return None


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Return if this is the HMAC-SHA256 of the raw body, in hexadecimal digits."""
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.strip().lower().encode())
