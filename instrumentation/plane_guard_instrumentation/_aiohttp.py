"""The shell for aiohttp: its connectors, and behind them the requests themselves.

A request is judged when its connector is asked for a connection: below every mock of the session and every middleware,
once for each redirect hop and retry, with nothing to give back after a refusal, and with the way to the server at hand
that a proof must take (resolver, proxy, TLS, unix socket). What is sent without having come that way, or was changed
since, is judged when it is sent.
"""

from __future__ import annotations

import functools
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from plane_guard._paths import might_be_plane
from plane_guard_instrumentation import _aiohttp_probe, _check, _connection, _httpcore, _passage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from aiohttp import ClientRequest, ClientResponse
    from aiohttp.connector import Connection

    Connect = Callable[..., Awaitable[Connection]]
    Send = Callable[..., Awaitable[ClientResponse]]

_JUDGED = "__plane_guard_judged__"
_OF_THE_PROXY = "proxy-authorization"  # the connector adds it to a request that it is about to send
# A method may be wrapped twice when another tool's wrapper hides the first shell: a request is judged once.
_being_judged: ContextVar[object] = ContextVar("plane_guard_aiohttp_judged", default=None)


def guard_connect(original: Connect, layer: str) -> Connect:
    """Judge each request before it gets a connection, which is opened as a guarded client's."""

    @functools.wraps(original)
    async def connect(self: Any, req: ClientRequest, *args: Any, **kwargs: Any) -> Connection:
        __tracebackhide__ = True
        if _being_judged.get() is req or not _concerns_plane(req):
            return await original(self, req, *args, **kwargs)
        with _judging(req), _passage.guarded():
            req.__dict__[_JUDGED] = await _judge(req, layer, functools.partial(original, self))
            return await original(self, req, *args, **kwargs)

    return connect


def guard_send(original: Send, layer: str) -> Send:
    """Judge a request unless a connector has judged it as it is now."""

    @functools.wraps(original)
    async def send(self: ClientRequest, conn: Connection) -> ClientResponse:
        __tracebackhide__ = True
        if _being_judged.get() is self or not _concerns_plane(self):
            return await original(self, conn)
        with _judging(self):
            if self.__dict__.pop(_JUDGED, None) != _sent(self, layer):
                await _judge(self, layer, functools.partial(_connect_beside, conn))
            return await original(self, conn)

    return send


async def _judge(request: ClientRequest, layer: str, connect: Connect) -> _check.Sent:
    __tracebackhide__ = True
    sent = _sent(request, layer)
    await _check.drive_async(_check.judge(sent), lambda probe: _aiohttp_probe.ask(connect, request, probe))
    return sent


async def _connect_beside(connection: Connection, *args: Any) -> Connection:
    """Another connection from the same connector, if this one has one: a mock's need not."""
    return await connection._connector.connect(*args)  # noqa: SLF001  the only way to it


@contextmanager
def _judging(request: ClientRequest) -> Iterator[None]:
    token = _being_judged.set(request)
    try:
        yield
    finally:
        with suppress(ValueError):  # an abandoned coroutine is closed in whatever context
            _being_judged.reset(token)


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
    return bytes(body) if isinstance(body, (bytearray, memoryview)) else _httpcore.body_in_memory(body)
