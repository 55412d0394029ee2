"""Reading what an `http.client` connection is about to put on the wire, in the words of the shared check."""

# ruff: noqa: SLF001  what http.client holds ready has no public name

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from plane_guard import process
from plane_guard.hosts import matches
from plane_guard.paths import might_be_plane
from plane_guard.request import OVERRIDES
from plane_guard.vocabulary import READ_METHODS
from plane_guard_instrumentation.enforcement import check

Fields = tuple[tuple[bytes, bytes], ...]
# A header line has a colon before its first blank, so no header can be taken for a request line.
_REQUEST_LINE = re.compile(rb"^([^\s:]+)[ \t]+(\S[^\r\n]*?)[ \t]+HTTP/\d", re.MULTILINE)
_OVERRIDE = "|".join(
    re.sub("[a-z]", lambda letter: f"[{letter[0]}{letter[0].upper()}]", name) for name in sorted(OVERRIDES)
)
_OVERRIDE_BEGINS = "".join(sorted({letter for name in OVERRIDES for letter in (name[0], name[0].upper())}))
# A head that is a read and nothing else: one request line, then header lines of which none is an override.
_READ = re.compile(
    rf"(?:{'|'.join(sorted(READ_METHODS))}) [!-~]++ HTTP/1\.[01]\r\n"
    rf"(?:(?!(?=[{_OVERRIDE_BEGINS}])(?:{_OVERRIDE}):)[!-9;-~]++:[\t -~]*+\r\n)*+\r\n".encode()
)
_UNFINISHED_LINE = re.compile(rb"[A-Za-z]{0,20}(?: \S*(?: [HTP/\d.]*)?)?\r?")
_ABSOLUTE = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)")
_FOLDED = re.compile(rb"\r?\n[ \t]+")
_HTTPS_PORT = 443
_BYTES = (bytes, bytearray, memoryview)
_STREAM = object()


class Head(NamedTuple):
    """A request line and the header fields behind it."""

    method: bytes
    target: bytes
    fields: Fields


class Body(NamedTuple):
    """What a caller hands over to be sent behind the head; ``encoded``: the client frames it in chunks itself."""

    content: object = None
    encoded: bool = False


class _Last:
    """The head that was last found to be nothing but a read: the same bytes are no more when they are sent."""

    def __init__(self) -> None:
        self.read: bytes | None = None


last = _Last()
NOTHING = Body()
UNREADABLE = Body(_STREAM)


def heads(data: bytes) -> Iterator[Head]:
    """Every request that a server could find in these bytes; one in what `http.client` itself composes."""
    for line in _REQUEST_LINE.finditer(data):
        yield Head(line[1], line[2], _fields(data[line.end() :]))


def reads(head: bytes, body: Body) -> bool:
    """Whether this can be nothing but one read. Judging it would say the same, and take many times as long."""
    if body.content is not None or _READ.fullmatch(head) is None:
        return False
    last.read = head
    return True


def queued(connection: Any) -> list[bytes]:
    """The head that a connection holds ready, line by line; urllib3 keeps that of HTTP/2 in a list of its own."""
    fields: list[tuple[bytes, bytes]] = getattr(connection, "_headers", [])
    lines: list[bytes] = connection._buffer
    if lines or not fields:
        return lines
    pseudo = dict(fields)
    first = b"%s %s HTTP/2" % (pseudo[b":method"], pseudo[b":path"])
    others = [b"%s: %s" % field for field in fields if not field[0].startswith(b":")]
    return [first, b"Host: " + pseudo[b":authority"], *others]


def as_sent(lines: list[bytes]) -> bytes:
    """A head as `http.client` sends it."""
    return b"\r\n".join((*lines, b"", b""))


def in_memory(data: object) -> bytes:
    """The bytes themselves; none of a stream."""
    return bytes(data) if isinstance(data, _BYTES) else b""


def as_judged(head: bytes, body: Body) -> tuple[bytes, bytes]:
    """What may be sent for this head: it alone, or its body with it, as some clients do."""
    return head, head + in_memory(body.content)


def concerns_plane(data: object, *, within_request: bool) -> bool:
    """Whether these bytes start a request that could be for Plane, or could be the first piece of one.

    Within a request they are taken for its body unless they start with a request line.
    """
    if not isinstance(data, _BYTES):
        return not within_request
    if within_request:
        first = _REQUEST_LINE.match(data)
        return first is not None and _could_be_plane(first)
    lines = list(_REQUEST_LINE.finditer(data))
    return any(map(_could_be_plane, lines)) if lines else _is_unfinished(bytes(data))


def sent(connection: Any, head: Head, body: Body, layer: str) -> check.OutgoingRequest:
    """The request as the shared check takes it."""
    origin, url = _where(connection, head.target)
    return check.OutgoingRequest(
        layer=layer,
        method=head.method.decode("latin-1"),
        url=url.decode("latin-1"),
        headers=head.fields,
        body=_body(head.fields, body),
        origin=origin.decode("latin-1"),
    )


def forwarded_to(connection: Any, target: bytes) -> bytes:
    """The origin that a plain proxy is asked to forward to; empty when the connection's own host is meant."""
    absolute = _ABSOLUTE.match(target)
    known = matches(process.fixed().hosts, connection.host, connection.port)
    return absolute[1] if absolute is not None and not known and not connection._tunnel_host else b""


def url_of(connection: Any, target: bytes) -> bytes:
    """Return the URL that a request target means on this connection."""
    return _where(connection, target)[1]


def _where(connection: Any, target: bytes) -> tuple[bytes, bytes]:
    forwarded = forwarded_to(connection, target)
    if forwarded:
        return forwarded, target
    host, port = connection.host, connection.port
    if connection._tunnel_host:
        host, port = connection._tunnel_host, connection._tunnel_port
    scheme = "https" if connection.default_port == _HTTPS_PORT else "http"
    authority = f"[{host.strip('[]')}]" if ":" in host else host
    origin = f"{scheme}://{authority}{'' if port is None else f':{port}'}".encode("utf-8", "surrogateescape")
    return origin, origin + (target if target.startswith(b"/") else b"/" + target)


def _could_be_plane(line: re.Match[bytes]) -> bool:
    return line[1].upper() != b"CONNECT" and might_be_plane(line[2])


def _is_unfinished(data: bytes) -> bool:
    """Whether a request line could begin here and end in what is sent next."""
    return _UNFINISHED_LINE.fullmatch(data.rpartition(b"\n")[2]) is not None and not data.endswith(b"\n")


def _fields(data: bytes) -> Fields:
    block = re.split(rb"\r?\n\r?\n", data.partition(b"\n")[2], maxsplit=1)[0]
    lines = _FOLDED.sub(b" ", block).splitlines()
    return tuple((name.strip(), value.strip()) for name, _, value in (line.partition(b":") for line in lines))


def _body(fields: Fields, body: Body) -> object:
    """The body if all of it is in memory and framed as the fields say, otherwise a stand-in that cannot be read."""
    lengths = [value for name, value in fields if name.lower() == b"content-length"]
    chunked = any(name.lower() == b"transfer-encoding" for name, _ in fields)
    if body.content is None:
        return _STREAM if chunked or any(length != b"0" for length in lengths) else None
    content = body.content.encode() if isinstance(body.content, str) else body.content
    if not isinstance(content, (bytes, bytearray)):
        return _STREAM
    framed = (body.encoded and not lengths) if chunked else lengths == [b"%d" % len(content)]
    return content if framed else _STREAM
