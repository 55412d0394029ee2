"""Patches for `http.client`, which also carries requests, urllib3, httplib2, `urllib.request` and plane-sdk.

A request is checked when its head is complete: below every mock of these libraries, above the socket, once for each
redirect, and before any of it is sent. Bytes that reach the socket in another way are checked as they are sent.
"""

# ruff: noqa: SLF001  the state of an http.client connection has no public name

from __future__ import annotations

import copy
import functools
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from plane_guard import process
from plane_guard.paths import might_be_plane
from plane_guard_instrumentation.clients import gate, http1, self_check
from plane_guard_instrumentation.clients.snapshot import attribute, is_patched
from plane_guard_instrumentation.clients.state import state
from plane_guard_instrumentation.connections import known_hosts
from plane_guard_instrumentation.enforcement import check, request_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plane_guard_instrumentation.enforcement.ownership import LookupRequest, LookupResponse

    Method = Callable[..., object]
    Lookup = Callable[[Any, bytes, LookupRequest], LookupResponse]

_LAYER = "http.client"
_STARTED, _SENT = "Request-started", "Request-sent"
_SWITCHING_PROTOCOLS = 101
_LONGEST_WAIT = 30.0
_LARGEST_HELD_BODY = 4_194_304
_LONGEST_PENDING = 65_536
_WRITING = frozenset(
    {"detach", "dup", "send", "sendall", "sendfile", "sendmsg", "sendmsg_afalg", "sendto", "share", "unwrap", "write"}
)

# The connection that urllib3 is about to send a body over, and that body.
_noted_body: ContextVar[tuple[object, object] | None] = ContextVar("plane_guard_noted_body", default=None)
_sending_over: ContextVar[object] = ContextVar("plane_guard_sending_over", default=None)


def patch_endheaders(original: Method, layer: str) -> Method:
    """Return an `endheaders` that checks each request when its head is complete, before any of it is sent."""

    @functools.wraps(original)
    def endheaders(self: Any, message_body: Any = None, *, encode_chunked: Any = False) -> object:
        __tracebackhide__ = True
        # Out of sequence the original raises the library's own error and sends nothing.
        if _state_of(self) != _STARTED or not _concerns_plane(self):
            return original(self, message_body, encode_chunked=encode_chunked)
        message_body = _private(message_body)
        noted = noted_body(self)
        if message_body is not None:
            body = http1.Body(message_body, encode_chunked)
        elif noted is not None:
            body = http1.Body(noted, framed=True)
        elif process.test_evidence() and _hold(self):
            return None
        else:
            body = http1.NO_BODY
        send = functools.partial(original, self, message_body, encode_chunked=encode_chunked)
        return _check_and_send(self, body, layer, send, _look_up)

    return endheaders


def patch_http2(original: Method, layer: str) -> Method:
    """Return an `endheaders` of urllib3's HTTP/2 connection that checks each request."""

    @functools.wraps(original)
    def endheaders(self: Any, message_body: Any = None) -> object:
        __tracebackhide__ = True
        # Without a stream the original raises the library's own error and sends nothing.
        if getattr(self, "_h2_stream", self) is None or not _concerns_plane(self):
            return original(self, message_body)
        message_body = _private(message_body)
        send = functools.partial(original, self, message_body)
        look_up = functools.partial(_look_up_over_http2, original)
        return _check_and_send(self, http1.Body(message_body, framed=True), layer, send, look_up)

    return endheaders


def patch_send(original: Method, layer: str) -> Method:
    """Return a `send` that checks bytes which did not pass `endheaders`, and completes a request that was held."""

    @functools.wraps(original)
    def send(self: Any, data: Any) -> object:
        __tracebackhide__ = True
        if not process.test_evidence() or (getattr(self, "sock", None) is None and not getattr(self, "auto_open", 0)):
            return original(self, data)
        if state.held and self in state.held:
            return _complete(self, data)
        if not http1.is_in_memory(data) and _state_of(self) != _SENT and not _is_upgraded(self):
            _send_pieces(self, data)
            return None
        data = _private(data)
        _check_bytes(self, data, layer)
        token = _sending_over.set(self)
        try:
            if self.sock is not None:
                return original(self, data)
            with gate.connecting(layer), request_scope.asking():
                return original(self, data)
        finally:
            _sending_over.reset(token)

    return send


def patch_connect(original: Method, layer: str) -> Method:
    """Return a `connect` that lets a connection be opened for requests that are checked."""

    @functools.wraps(original)
    def connect(self: Any, *arguments: Any, **options: Any) -> object:
        __tracebackhide__ = True
        # Another stack may stand here under urllib3's name. Its requests are none of ours.
        if not process.test_evidence() or not is_patched(attribute(type(self), "endheaders")):
            return original(self, *arguments, **options)
        if request_scope.is_asking():
            with gate.connecting(layer):
                return original(self, *arguments, **options)
        if _state_of(self) is None:
            return original(self, *arguments, **options)
        with gate.connecting(layer), request_scope.asking():
            result = original(self, *arguments, **options)
        if self.sock is not None and known_hosts.plane_host(*http1.server(self)):
            self.sock = _RequestSocket(self.sock, self)
        return result

    return connect


def patch_asking(original: Method, layer: str) -> Method:  # noqa: ARG001  every patch is called with both
    """Return a method of a client that connects before it composes a request over the connection."""

    @functools.wraps(original)
    def ask(self: Any, *arguments: Any, **options: Any) -> object:
        __tracebackhide__ = True
        with request_scope.asking():
            return original(self, *arguments, **options)

    return ask


def patch_body(original: Method, layer: str) -> Method:  # noqa: ARG001  as above
    """Return a `request` that notes the body which urllib3 sends behind the head, for the check of that head."""

    @functools.wraps(original)
    def request(self: Any, *arguments: Any, **options: Any) -> object:
        __tracebackhide__ = True
        arguments, body = with_private_body(arguments, options)
        with noting_body(self, body):
            return original(self, *arguments, **options)

    return request


def check_audited(connection: Any, data: Any) -> None:
    """Check bytes that `http.client` is about to send, if no patched method of ours is sending them.

    Called for Python's audit event, which even an unpatched copy of the module raises.
    """
    __tracebackhide__ = True
    if _state_of(connection) is not None and _sending_over.get() is not connection:
        _check_bytes(connection, data, _LAYER)


def probe(owner: type) -> None:
    """Send a probe through a connection whose socket is none."""
    connection: Any = owner(self_check.HOST)
    connection.sock = _NoSocket()
    connection.putrequest("POST", self_check.PATH)
    connection.putheader("Content-Length", "2")
    connection.endheaders(b"{}")


def with_private_body(arguments: tuple[Any, ...], options: dict[str, Any]) -> tuple[tuple[Any, ...], Any]:
    """Return the arguments of `request(method, url, body)` with a private copy of the body, and that body."""
    if "body" in options:
        options["body"] = _private(options["body"])
        return arguments, options["body"]
    before, body, after = arguments[:2], arguments[2:3], arguments[3:]
    arguments = (*before, *map(_private, body), *after)
    return arguments, arguments[2] if body else None


@contextmanager
def noting_body(connection: object, body: object) -> Iterator[None]:
    """Note the body that a connection is about to send behind a head."""
    token = _noted_body.set((connection, body))
    try:
        yield
    finally:
        with suppress(ValueError):  # an abandoned coroutine may be closed in another context
            _noted_body.reset(token)


def noted_body(connection: object) -> object:
    """Return the body that follows the head which this connection sends now; ``None`` if there is none."""
    noted = _noted_body.get()
    return noted[1] if noted is not None and noted[0] is connection else None


class _NoSocket:
    """The socket of a probe; it sends nothing."""

    def sendall(self, data: object) -> None:
        """Send nothing."""

    def close(self) -> None:
        """Close nothing."""


class _RequestSocket:
    """The socket of a connection to a known Plane host that was opened before any request asked for it.

    Only `http.client` itself may write to it, because then `send` checks the bytes.
    """

    def __init__(self, sock: Any, connection: Any) -> None:
        self._socket = sock
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        __tracebackhide__ = True
        if name in _WRITING and _sending_over.get() is not self._connection:
            known_hosts.refuse(*http1.server(self._connection), _LAYER)
        return getattr(self._socket, name)

    def makefile(self, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        """Return a file for reading."""
        __tracebackhide__ = True
        if set(mode) & set("wa+"):
            known_hosts.refuse(*http1.server(self._connection), _LAYER)
        return self._socket.makefile(mode, *arguments, **options)


class _EndingSocket:
    """A socket whose end is an error: urllib3's HTTP/2 would go on reading from it forever."""

    def __init__(self, sock: Any) -> None:
        self._socket = sock
        if sock.gettimeout() is None:
            sock.settimeout(_LONGEST_WAIT)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def recv(self, size: int) -> bytes:
        """Return received bytes, at least one."""
        data: bytes = self._socket.recv(size)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        return data


def _check_and_send(connection: Any, body: http1.Body, layer: str, send: Method, look_up: Lookup) -> object:
    __tracebackhide__ = True
    if not process.test_evidence():
        _note_live(connection, body, layer)
        return send()
    head = _head(connection)
    if request_scope.checked_form(connection) != (head, body):
        _check(connection, head, body, layer, look_up)
    with gate.connecting(layer), request_scope.asking(), request_scope.sending(connection, (head, body)):
        token = _sending_over.set(connection)
        try:
            return send()
        finally:
            _sending_over.reset(token)


def _check(connection: Any, data: bytes, body: http1.Body, layer: str, look_up: Lookup) -> None:
    """Check every request in these bytes. If one is refused, leave the connection as if there had been none."""
    __tracebackhide__ = True
    try:
        before, found = _head(connection), _read(connection, data, body, layer)
        for sent, prefix in found:
            gate.refuse_upgrade(*http1.server(connection), sent.headers, layer)
            gate.run_check(sent, functools.partial(look_up, connection, prefix))
        if (_head(connection), _read(connection, data, body, layer)) != (before, found):
            check.refuse_unreadable(layer)
    except BaseException:
        with suppress(Exception):
            del connection._buffer[:]
            connection.close()
        raise


def _read(connection: Any, data: bytes, body: http1.Body, layer: str) -> list[tuple[check.OutgoingRequest, bytes]]:
    """Return the requests in these bytes; refuse bytes that are no request at all."""
    __tracebackhide__ = True
    cause: Exception | None = None
    found: list[tuple[check.OutgoingRequest, bytes]] = []
    try:
        for head in http1.heads(data):
            prefix = http1.forwarded_to(connection, head.target)
            found.append((http1.outgoing(connection, head, body, layer), prefix))
    except Exception as error:  # noqa: BLE001  bytes that cannot be read are not sent
        cause = error
    if cause is not None or not found:
        check.refuse_unreadable(layer, cause)
    return found


def _note_live(connection: Any, body: http1.Body, layer: str) -> None:
    with suppress(Exception):  # telemetry must not disturb a live process
        for head in http1.heads(_head(connection)):
            sent = http1.outgoing(connection, head, body, layer)
            gate.run_check(sent, functools.partial(_look_up, connection, b""))


def _state_of(connection: object) -> object:
    """Return the state of an `http.client` connection; ``None`` for an object of another kind."""
    return getattr(connection, "_HTTPConnection__state", None)


def _concerns_plane(connection: Any) -> bool:
    try:
        lines = connection._buffer or http1.queued(connection)
        return might_be_plane(lines[0]) or bool(known_hosts.plane_host(*http1.server(connection)))
    except Exception:  # noqa: BLE001  a head that cannot be read might be anything
        return True


def _head(connection: Any) -> bytes:
    """Return the head that is about to be sent; empty, and then refused, if `http.client` did not compose it."""
    try:
        return http1.as_sent(http1.queued(connection))
    except Exception:  # noqa: BLE001  as above
        return b""


def _private(data: Any) -> Any:
    """Return a copy of bytes in memory that another holder could change while a lookup is awaited."""
    is_shared = isinstance(data, (bytearray, memoryview)) and process.test_evidence()
    return bytes(data) if is_shared else data


def _hold(connection: Any) -> bool:
    """Hold a head back whose body the caller sends separately, so that both are checked together."""
    state.held.pop(connection, None)
    length = http1.content_length(_head(connection)) or 0
    if not 0 < length <= _LARGEST_HELD_BODY:
        return False
    # Closing the connection must leave no half of a request behind, so its head leaves the buffer.
    state.held[connection] = (length, [], list(connection._buffer))
    del connection._buffer[:]
    return True


def _complete(connection: Any, data: Any) -> object:
    """Add a piece to the body of a request that is held; send the request when its body is complete."""
    __tracebackhide__ = True
    length, pieces, head = state.held[connection]
    if hasattr(data, "read"):
        pieces.append(data.read())
    elif http1.is_in_memory(data):
        pieces.append(bytes(data))
    else:
        pieces.extend(map(bytes, data))
    if sum(map(len, pieces)) < length:
        return None
    del state.held[connection]
    connection._buffer[:] = head
    return connection.endheaders(b"".join(pieces))


def _check_bytes(connection: Any, data: Any, layer: str) -> None:
    """Check bytes that begin a request, unless that was checked as it is."""
    __tracebackhide__ = True
    checked = request_scope.checked_form(connection)
    if isinstance(checked, tuple) and http1.is_in_memory(data):
        head, body = checked
        if data in {head, head + http1.in_memory(body.content)}:
            return
    unchecked = _unchecked(connection, http1.in_memory(data))
    if unchecked is not None:
        _check(connection, unchecked, http1.body_behind(unchecked), layer, _look_up)


def _unchecked(connection: Any, data: bytes) -> bytes | None:
    """Return the bytes of a request that was not checked; ``None`` for a body, and for traffic that is not Plane's.

    A known Plane host may get nothing else. At another host, bytes that came in pieces are put together until a
    request line shows in them: a server does nothing until a head is complete.
    """
    if _state_of(connection) == _SENT:
        return data if http1.starts_plane_request(data) else None
    if known_hosts.plane_host(*http1.server(connection)):
        return data
    if _is_upgraded(connection):
        return None
    pending = (state.pending.pop(connection, b"") + data)[-_LONGEST_PENDING:]
    if http1.has_plane_request(pending):
        return pending
    state.pending[connection] = pending
    return None


def _is_upgraded(connection: Any) -> bool:
    """Return if the server has switched protocols, so that what follows is no HTTP any more."""
    response = getattr(connection, "_HTTPConnection__response", None)
    known = known_hosts.plane_host(*http1.server(connection))
    return getattr(response, "status", None) == _SWITCHING_PROTOCOLS and not known


def _send_pieces(connection: Any, data: Any) -> None:
    """Send a file or iterable as `http.client` does, so that each piece is checked."""
    __tracebackhide__ = True
    if not hasattr(data, "read"):
        pieces = [bytes(memoryview(data))] if _has_buffer(data) else data
        for piece in pieces:
            connection.send(piece)
        return
    while piece := data.read(connection.blocksize):
        connection.send(piece.encode("iso-8859-1") if isinstance(piece, str) else piece)


def _has_buffer(data: object) -> bool:
    try:
        memoryview(data)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def _look_up(connection: Any, prefix: bytes, lookup: LookupRequest) -> LookupResponse:
    """Send a lookup over a connection of its own, built like the one at hand; ``prefix`` is for a forwarding proxy."""
    import time

    time.sleep(lookup.delay)
    twin, base = _unconnected_copy(connection), _base_class(connection)
    try:
        path = prefix.decode("latin-1") + lookup.path
        base.putrequest(twin, lookup.method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in lookup.headers:
            base.putheader(twin, name, value)
        base.endheaders(twin, lookup.content or None)
        response = base.getresponse(twin)
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
        return gate.response(response.status, fields, response.read())
    finally:
        twin.close()


def _look_up_over_http2(original: Method, connection: Any, _: bytes, lookup: LookupRequest) -> LookupResponse:
    """Send a lookup over the connection at hand, as a stream of its own."""
    import time

    time.sleep(lookup.delay)
    fields, url, sock = connection._headers, connection._request_url, connection.sock
    connection._headers, connection.sock = [], _EndingSocket(sock)
    try:
        connection.putrequest(lookup.method, lookup.path)
        for name, value in lookup.headers:
            if name.lower() not in {b"host", b"connection"}:
                connection.putheader(name, value)
        original(connection, lookup.content or None)
        if lookup.content:
            connection.send(lookup.content)
        response = connection.getresponse()
        answer = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
        return gate.response(response.status, answer, response.data)
    finally:
        connection._headers, connection._request_url, connection.sock = fields, url, sock
        with connection._h2_conn as h2:
            connection._h2_stream = h2.get_next_available_stream_id()


def _base_class(connection: object) -> Any:
    """Return the library's own connection class, also while a mock stands under its name."""
    names = ((cls.__module__, cls.__name__, cls) for cls in type(connection).__mro__)
    return next(cls for module, name, cls in names if module.endswith("http.client") and name == "HTTPConnection")


def _unconnected_copy(connection: Any) -> Any:
    """Return a copy with the same host, tunnel, timeout and TLS settings, of whatever class the connection is."""
    import socket

    twin = copy.copy(connection)
    twin.sock, twin._buffer, twin._method = None, [], None
    twin._HTTPConnection__state, twin._HTTPConnection__response = "Idle", None
    twin.auto_open, twin.debuglevel = 1, 0
    if not isinstance(twin.timeout, (int, float)) and socket.getdefaulttimeout() is None:
        twin.timeout = _LONGEST_WAIT
    return twin
