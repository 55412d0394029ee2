"""Read the bytes that an `http.client` connection is about to send."""

# ruff: noqa: SLF001  the head that http.client holds ready has no public name

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from plane_guard.paths import might_be_plane
from plane_guard_instrumentation.connections import known_hosts
from plane_guard_instrumentation.enforcement import check

if TYPE_CHECKING:
    from collections.abc import Iterator

Fields = tuple[tuple[bytes, bytes], ...]
# A header line has a colon before its first blank, so no header is taken for a request line.
_REQUEST_LINE = re.compile(rb"^([^\s:]+)[ \t]+(\S[^\r\n]*?)[ \t]+HTTP/\d", re.MULTILINE)
_ABSOLUTE = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)")
_FOLDED = re.compile(rb"\r?\n[ \t]+")
_HTTPS_PORT = 443
_LONGEST_LINE = 65_536  # of a request line that servers accept
_BYTES = (bytes, bytearray, memoryview)
_STREAM = object()


class Head(NamedTuple):
    """A request line and the header fields behind it."""

    method: bytes
    target: bytes
    fields: Fields


class Body(NamedTuple):
    """The body that a caller sends behind a head; ``framed`` if the client frames it itself, in chunks or by HTTP/2."""

    content: object = None
    framed: bool = False


NO_BODY = Body()
UNREADABLE = Body(_STREAM)


def heads(data: bytes) -> Iterator[Head]:
    """Yield every request that a server could find in these bytes; one in what `http.client` itself composes."""
    for line in _REQUEST_LINE.finditer(data):
        yield Head(line[1], line[2], _fields(data[line.end() :]))


def queued(connection: Any) -> list[bytes]:
    """Return the head that a connection holds ready, line by line, also if it is one of HTTP/2."""
    fields: list[tuple[bytes, bytes]] = getattr(connection, "_headers", [])
    lines: list[bytes] = connection._buffer
    if lines or not fields:
        return lines
    pseudo = dict(fields)
    first = b"%s %s HTTP/2" % (pseudo[b":method"], pseudo[b":path"])
    others = [b"%s: %s" % field for field in fields if not field[0].startswith(b":")]
    return [first, b"Host: " + pseudo[b":authority"], *others]


def as_sent(lines: list[bytes]) -> bytes:
    """Return a head as `http.client` sends it."""
    return b"\r\n".join((*lines, b"", b""))


def in_memory(data: object) -> bytes:
    """Return bytes in memory as they are; nothing for a stream."""
    return bytes(data) if isinstance(data, _BYTES) else b""


def is_in_memory(data: object) -> bool:
    """Return if the data are bytes in memory."""
    return isinstance(data, _BYTES)


def content_length(head: bytes) -> int | None:
    """Return the length of the body that a head announces, if that body follows at once and in one piece."""
    found = next(heads(head), None)
    fields = [(name.lower(), value) for name, value in found.fields] if found is not None else []
    lengths = [value for name, value in fields if name == b"content-length"]
    separate = not any(name in {b"transfer-encoding", b"expect"} for name, _ in fields)
    return int(lengths[0]) if separate and len(lengths) == 1 and lengths[0].isdigit() else None


def starts_plane_request(data: bytes) -> bool:
    """Return if these bytes start with the request line of a request that could be for Plane."""
    line = _REQUEST_LINE.match(data[:_LONGEST_LINE])
    return line is not None and _could_be_plane(line)


def has_plane_request(data: bytes) -> bool:
    """Return if a server could find a request for Plane anywhere in these bytes."""
    return any(map(_could_be_plane, _REQUEST_LINE.finditer(data)))


def body_behind(data: bytes) -> Body:
    """Return the body that follows a head in the same bytes; unreadable unless the bytes begin with a complete head.

    A bare line feed ends the head for some servers only.
    """
    head, end, content = data.partition(b"\r\n\r\n")
    is_complete = bool(end) and _REQUEST_LINE.match(head + b"\r\n") and b"\n" not in head.replace(b"\r\n", b"")
    return Body(content) if is_complete else UNREADABLE


def outgoing(connection: Any, head: Head, body: Body, layer: str) -> check.OutgoingRequest:
    """Return a request in the form that the check takes."""
    origin, url = _origin_and_url(connection, head.target)
    return check.OutgoingRequest(
        layer=layer,
        method=head.method.decode("latin-1"),
        url=url.decode("latin-1"),
        headers=head.fields,
        body=_readable(head.fields, body),
        origin=origin.decode("latin-1"),
    )


def forwarded_to(connection: Any, target: bytes) -> bytes:
    """Return the origin that a plain proxy is asked to forward to; empty if the connection's own host is meant."""
    absolute = _ABSOLUTE.match(target)
    known = known_hosts.plane_host(connection.host, connection.port)
    return absolute[1] if absolute is not None and not known and not connection._tunnel_host else b""


def server(connection: Any) -> tuple[object, object]:
    """Return host and port of the server that answers, behind a tunnel if there is one."""
    if getattr(connection, "_tunnel_host", None):
        return connection._tunnel_host, connection._tunnel_port
    return getattr(connection, "host", None), getattr(connection, "port", None)


def _origin_and_url(connection: Any, target: bytes) -> tuple[bytes, bytes]:
    forwarded = forwarded_to(connection, target)
    if forwarded:
        return forwarded, target
    host, port = server(connection)
    scheme = "https" if connection.default_port == _HTTPS_PORT else "http"
    authority = f"[{host.strip('[]')}]" if isinstance(host, str) and ":" in host else host
    origin = f"{scheme}://{authority}{'' if port is None else f':{port}'}".encode("utf-8", "surrogateescape")
    return origin, origin + (target if target.startswith(b"/") else b"/" + target)


def _could_be_plane(line: re.Match[bytes]) -> bool:
    return line[1].upper() != b"CONNECT" and might_be_plane(line[2])


def _fields(data: bytes) -> Fields:
    block = re.split(rb"\r?\n\r?\n", data.partition(b"\n")[2], maxsplit=1)[0]
    lines = _FOLDED.sub(b" ", block).splitlines()
    return tuple((name.strip(), value.strip()) for name, _, value in (line.partition(b":") for line in lines))


def _readable(fields: Fields, body: Body) -> object:
    """Return the body if it is in memory and framed as the fields say, otherwise an object that cannot be read."""
    lengths = [value for name, value in fields if name.lower() == b"content-length"]
    chunked = any(name.lower() == b"transfer-encoding" for name, _ in fields)
    if body.content is None:
        return _STREAM if chunked or any(length != b"0" for length in lengths) else None
    content = body.content.encode() if isinstance(body.content, str) else body.content
    if not isinstance(content, (bytes, bytearray)):
        return _STREAM
    is_framed = body.framed if not lengths else not chunked and lengths == [b"%d" % len(content)]
    return content if is_framed else _STREAM
