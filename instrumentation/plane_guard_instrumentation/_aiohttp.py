"""The shell for aiohttp: its connectors, and behind them the requests themselves.

A request is judged when its connector is asked for a connection: below every mock of the session and every middleware,
once for each redirect hop and retry, with nothing to give back after a refusal, and with the way to the server at hand
that a proof must take (resolver, proxy, TLS, unix socket). What is sent without having come that way, or was changed
since, is judged when it is sent. In a test process a copy is sent that nobody else holds: its body follows its head
later, and may be changed in between.
"""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING, Any

from plane_guard import _process
from plane_guard._paths import might_be_plane
from plane_guard_instrumentation import _aiohttp_probe, _check, _connection, _httpcore_copy, _passage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import ClientRequest, ClientResponse
    from aiohttp.connector import Connection
    from aiohttp.payload import BytesPayload

    Connect = Callable[..., Awaitable[Connection]]
    Send = Callable[..., Awaitable[ClientResponse]]

_JUDGED = "__plane_guard_judged__"
_OF_THE_PROXY = "proxy-authorization"  # the connector adds it to a request that it is about to send


def guard_connect(original: Connect, layer: str) -> Connect:
    """Judge each request before it gets a connection, which is opened as a guarded client's."""

    @functools.wraps(original)
    async def connect(self: Any, req: ClientRequest, *args: Any, **kwargs: Any) -> Connection:
        __tracebackhide__ = True
        if not _concerns_plane(req):
            return await original(self, req, *args, **kwargs)
        sent = _sent(req, layer)
        with _passage.guarded():
            if _passage.judged_form(req) != sent:
                await _judge(req, sent, functools.partial(original, self))
                req.__dict__[_JUDGED] = sent
            with _passage.judged(req, sent):
                return await original(self, req, *args, **kwargs)

    return connect


def guard_send(original: Send, layer: str) -> Send:
    """Judge a request unless a connector has judged it as it is now."""

    @functools.wraps(original)
    async def send(self: ClientRequest, conn: Connection) -> ClientResponse:
        __tracebackhide__ = True
        if not _concerns_plane(self):
            return await original(self, conn)
        own = _own(self)
        sent = _sent(own, layer)
        if sent not in (self.__dict__.pop(_JUDGED, None), _passage.judged_form(self)):
            await _judge(own, sent, functools.partial(_connect_beside, conn))
        with _passage.judged(own, sent):
            response = await original(own, conn)
        return _as_if_sent_by(self, own, response)

    return send


async def _judge(request: ClientRequest, sent: _check.Sent, connect: Connect) -> None:
    __tracebackhide__ = True
    await _check.drive_async(_check.judge(sent), lambda probe: _aiohttp_probe.ask(connect, request, probe))


async def _connect_beside(connection: Connection, *args: Any) -> Connection:
    """Another connection from the same connector, if this one has one: a mock's need not."""
    return await connection._connector.connect(*args)  # noqa: SLF001  the only way to it


def _own(request: ClientRequest) -> ClientRequest:
    """A copy whose head and body nobody else can change; the request itself in a live process."""
    if not _process.test_evidence():
        return request
    own = copy.copy(request)
    own.headers = request.headers.copy()
    content = _body_in_memory(request.body)
    if isinstance(content, bytes) and request.body:
        own.__dict__["_body" if "_body" in own.__dict__ else "body"] = _payload(content)  # the latter before 3.12
    return own


def _payload(content: bytes) -> BytesPayload:
    """A payload of these bytes; one that is made of many bytes at once warns of itself."""
    from aiohttp.payload import BytesPayload

    payload = BytesPayload(b"")
    payload._value, payload._size = content, len(content)  # noqa: SLF001  see above
    return payload


def _as_if_sent_by(request: ClientRequest, own: ClientRequest, response: ClientResponse) -> ClientResponse:
    """Leave behind in the request what its own `send` would have."""
    if request is not own:
        request.__dict__["response"] = response
        writer = own._writer  # noqa: SLF001  what `close` and `terminate` wait for and cancel
        if writer is not None:
            request._writer = writer  # noqa: SLF001
    return response


def _concerns_plane(request: ClientRequest) -> bool:
    """Whether the request could be a write to Plane, or opens a connection to a known Plane host."""
    if might_be_plane(request.url.raw_path_qs.encode("utf-8", "replace")):
        return True
    return any(map(_connection.plane_host, (request.url.raw_host, request.server_hostname)))


def _sent(request: ClientRequest, layer: str) -> _check.Sent:
    origin = str(request.url.origin())
    return _check.Sent(
        layer=layer,
        method=request.method,
        # What opens a tunnel through a proxy names the host alone, whatever URL it was made for.
        url=origin if request.method == "CONNECT" else origin + request.url.raw_path_qs,
        headers=[_field(name, value) for name, value in request.headers.items() if name.lower() != _OF_THE_PROXY],
        body=_body_in_memory(request.body),
        origin=origin,
    )


def _field(name: object, value: object) -> tuple[bytes, bytes]:
    return f"{name}".encode("utf-8", "surrogatepass"), f"{value}".encode("utf-8", "surrogatepass")


def _body_in_memory(body: object) -> object:
    """The body, if it is one piece of bytes; what it will be read from where it may be a stream."""
    from aiohttp.payload import Payload

    if isinstance(body, Payload) and type(body).__module__ == Payload.__module__:
        body = body._value  # noqa: SLF001  the public `decode` replaces what is not text
    return bytes(body) if isinstance(body, (bytearray, memoryview)) else _httpcore_copy.body_in_memory(body)
