"""The shell for aiohttp: its connectors, and behind them the requests themselves.

A request is judged when its connector is asked for a connection: below every mock of the session and every middleware,
once for each redirect hop and retry, with nothing to give back after a refusal, and with the way to the server at hand
that a proof must take (resolver, proxy, TLS, unix socket). What is sent without having come that way, or was changed
since, is judged when it is sent. In a test process a copy is sent that nobody else holds: its body follows its head
later, and may be changed in between.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from yarl import URL

from plane_guard.paths import text_might_be_plane
from plane_guard_instrumentation.clients import aiohttp_copy, aiohttp_lookup
from plane_guard_instrumentation.connections import known_hosts
from plane_guard_instrumentation.enforcement import check, learning, request_scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import ClientRequest, ClientResponse
    from aiohttp.connector import Connection

    Connect = Callable[..., Awaitable[Connection]]
    Send = Callable[..., Awaitable[ClientResponse]]

_JUDGED = "__plane_guard_judged__"
_ELSEWHERE = "__plane_guard_elsewhere__"  # the URL that does not concern Plane, which nobody can change where it is
_OF_THE_PROXY = "proxy-authorization"  # the connector adds it to a request that it is about to send


def guard_connect(original: Connect, layer: str) -> Connect:
    """Judge each request before it gets a connection, which is opened as a guarded client's."""

    @functools.wraps(original)
    async def connect(self: Any, req: ClientRequest, *args: Any, **kwargs: Any) -> Connection:
        __tracebackhide__ = True
        url = req.url
        if not _concerns_plane(req, url):
            if type(url) is URL:
                req.__dict__[_ELSEWHERE] = url
            return await original(self, req, *args, **kwargs)
        if aiohttp_copy.reads(req):
            with request_scope.connecting():
                return await original(self, req, *args, **kwargs)
        sent = _sent(req, layer)
        with request_scope.connecting():
            if request_scope.checked_form(req) != sent:
                await _judge(req, sent, functools.partial(original, self))
                req.__dict__[_JUDGED] = sent
            with request_scope.sending(req, sent):
                return await original(self, req, *args, **kwargs)

    return connect


def guard_send(original: Send, layer: str) -> Send:
    """Judge a request unless a connector has judged it as it is now."""

    @functools.wraps(original)
    async def send(self: ClientRequest, conn: Connection) -> ClientResponse:
        __tracebackhide__ = True
        url = self.url
        if self.__dict__.get(_ELSEWHERE, _ELSEWHERE) is url or not _concerns_plane(self, url):
            return await original(self, conn)
        own = aiohttp_copy.own(self)
        if aiohttp_copy.reads(own):
            return aiohttp_copy.as_if_sent_by(self, own, await original(own, conn))
        sent = _sent(own, layer)
        if sent not in (self.__dict__.pop(_JUDGED, None), request_scope.checked_form(self)):
            await _judge(own, sent, functools.partial(_connect_beside, conn))
        with request_scope.sending(own, sent):
            response = await original(own, conn)
        return aiohttp_copy.as_if_sent_by(self, own, response)

    return send


async def _judge(request: ClientRequest, sent: check.OutgoingRequest, connect: Connect) -> None:
    __tracebackhide__ = True
    await check.run_check_async(check.check_request(sent), lambda probe: aiohttp_lookup.ask(connect, request, probe))


async def _connect_beside(connection: Connection, *args: Any) -> Connection:
    """Another connection from the same connector, if this one has one: a mock's need not."""
    return await connection._connector.connect(*args)  # noqa: SLF001  the only way to it


def _concerns_plane(request: ClientRequest, url: URL) -> bool:
    """Return if the request could be a write to Plane, or opens a connection to a known Plane host."""
    if text_might_be_plane(url.raw_path_qs):
        learning.learn_host(str(url))
        return True
    if known_hosts.plane_host(url.raw_host, url.port):
        return True
    name = request.server_hostname
    return name is not None and bool(known_hosts.plane_host(name, url.port))


def _sent(request: ClientRequest, layer: str) -> check.OutgoingRequest:
    origin = str(request.url.origin())
    return check.OutgoingRequest(
        layer=layer,
        method=request.method,
        # What opens a tunnel through a proxy names the host alone, whatever URL it was made for.
        url=origin if request.method == "CONNECT" else origin + request.url.raw_path_qs,
        headers=[_field(name, value) for name, value in request.headers.items() if name.lower() != _OF_THE_PROXY],
        body=aiohttp_copy.body_in_memory(request.body),
        origin=origin,
    )


def _field(name: object, value: object) -> tuple[bytes, bytes]:
    return f"{name}".encode("utf-8", "surrogatepass"), f"{value}".encode("utf-8", "surrogatepass")
