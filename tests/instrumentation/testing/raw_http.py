"""Exact bytes on a raw socket: what no HTTP client would send, and nothing that a client would add."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class RawReply:
    """A response, cut at its seams."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


def send(  # noqa: PLR0913 - each is a part of an HTTP request
    plane: FakePlane,
    method: str,
    target: str,
    body: object = None,
    *,
    kind: str = JSON,
    token: str | None = None,
    headers: tuple[str, ...] = (),
) -> RawReply:
    """Send one request and read the whole answer. A body that is not bytes goes out as JSON."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    key = plane.token if token is None else token
    lines = [
        f"{method} {target} HTTP/1.1",
        *([] if any(header.lower().startswith("host:") for header in headers) else [f"Host: 127.0.0.1:{plane.port}"]),
        "Connection: close",
        f"Content-Length: {len(content)}",
        *([f"X-Api-Key: {key}"] if key else []),
        *([f"Content-Type: {kind}"] if content else []),
        *headers,
    ]
    return exchange(plane, "\r\n".join([*lines, "", ""]).encode("latin-1") + content)


def exchange(plane: FakePlane, sent: bytes) -> RawReply:
    """Send bytes and read until the server hangs up."""
    with socket.create_connection(("127.0.0.1", plane.port), timeout=10) as connection:
        connection.sendall(sent)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    return cut(received)


def cut(received: bytes) -> RawReply:
    """Cut one response into status, headers (lower-case names) and body."""
    head, _, body = received.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return RawReply(int(status_line.split()[1]), {name.lower(): value for name, value in pairs}, body)
