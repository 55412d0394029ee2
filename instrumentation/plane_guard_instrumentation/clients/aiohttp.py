"""Patches for aiohttp: its connectors, and behind them the requests themselves.

A request is checked when its connector is asked for a connection: below every mock of the session and every
middleware, once for each redirect and retry, and with the way to the server at hand that a lookup must take (resolver,
proxy, TLS, unix socket). A request that is sent without having passed a connector, or was changed since, is checked
when it is sent. In a test process a private copy is sent, because the body follows the head later.
"""

from __future__ import annotations

import copy
import functools
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiohttp.client_reqrep import ClientRequest
from aiohttp.payload import BytesPayload, Payload
from yarl import URL

from plane_guard import process
from plane_guard.paths import text_might_be_plane
from plane_guard_instrumentation.clients import gate, self_check
from plane_guard_instrumentation.clients.httpcore import body_in_memory
from plane_guard_instrumentation.connections import known_hosts
from plane_guard_instrumentation.enforcement import check, request_scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import ClientResponse
    from aiohttp.connector import Connection

    Connect = Callable[..., Awaitable[Connection]]
    Send = Callable[..., Awaitable[ClientResponse]]

_CHECKED = "__plane_guard_checked__"
_OF_THE_PROXY = "proxy-authorization"  # the connector adds it to a request that it is about to send
_LONGEST_LOOKUP = 30.0


def patch_connect(original: Connect, layer: str) -> Connect:
    """Return a connector's `connect` that checks each request before it gets a connection."""

    @functools.wraps(original)
    async def connect(self: Any, req: Any, *args: Any, **kwargs: Any) -> Connection:
        __tracebackhide__ = True
        if not _concerns_plane(req):
            return await original(self, req, *args, **kwargs)
        sent = _outgoing(req, layer)
        with gate.connecting(layer):
            if request_scope.checked_form(req) != sent:
                await _check(req, sent, functools.partial(original, self))
                vars(req)[_CHECKED] = sent
            with request_scope.sending(req, sent):
                return await original(self, req, *args, **kwargs)

    return connect


def patch_send(original: Send, layer: str) -> Send:
    """Return a request's `send` that checks it, unless a connector has checked it as it is now."""

    @functools.wraps(original)
    async def send(self: ClientRequest, conn: Connection) -> ClientResponse:
        __tracebackhide__ = True
        if not _concerns_plane(self):
            return await original(self, conn)
        request = _private_copy(self)
        sent = _outgoing(request, layer)
        if sent not in (vars(self).pop(_CHECKED, None), request_scope.checked_form(self)):
            with gate.connecting(layer):
                await _check(request, sent, functools.partial(_connect_alongside, conn))
        with request_scope.sending(request, sent):
            response = await original(request, conn)
        _leave_traces(request, self, response)
        return response

    return send


def probe(owner: type) -> None:
    """Run a probe until it would wait for something."""
    request: Any = object.__new__(owner)
    vars(request).update(method="POST", url=URL(f"http://{self_check.HOST}{self_check.PATH}"), _body=None, body=None)
    vars(request).update(headers=_no_headers(), server_hostname=None)
    request.send(None).send(None)


def _no_headers() -> object:
    from multidict import CIMultiDict

    return CIMultiDict[str]()


async def _check(request: ClientRequest, sent: check.OutgoingRequest, connect: Connect) -> None:
    __tracebackhide__ = True
    self_check.stop_probe()
    gate.refuse_upgrade(request.url.raw_host, request.url.port, sent.headers, sent.layer)
    await gate.run_check_async(sent, functools.partial(_look_up, connect, request))


async def _connect_alongside(connection: Connection, *args: Any) -> Connection:
    """Return another connection from the same connector."""
    return await connection._connector.connect(*args)  # noqa: SLF001  it has no public name


def _concerns_plane(request: Any) -> bool:
    """Return if the request could be for Plane, or opens a connection to a known Plane host.

    Tests hand mocks to a connector, whose `__class__` may be a request's. An object of another type passes untouched.
    A second copy of aiohttp has a request class of its own.
    """
    if not any(cls.__name__ == "ClientRequest" for cls in type(request).__mro__):
        return False
    url, name = request.url, request.server_hostname
    if text_might_be_plane(url.raw_path_qs) or known_hosts.plane_host(url.raw_host, url.port):
        return True
    return name is not None and bool(known_hosts.plane_host(name, url.port))


def _private_copy(request: ClientRequest) -> ClientRequest:
    """Return a copy that no one else can change; the request itself in a live process."""
    if not process.test_evidence():
        return request
    copied = copy.copy(request)
    copied.headers = request.headers.copy()
    content = _body_in_memory(request.body) if request.body else None
    if isinstance(content, bytes):
        name = "_body" if "_body" in vars(copied) else "body"  # the latter before aiohttp 3.12
        vars(copied)[name] = _payload(content)
    return copied


def _leave_traces(copied: ClientRequest, request: ClientRequest, response: ClientResponse) -> None:
    """Leave in the request what its own `send` would have left."""
    if request is not copied:
        vars(request)["response"] = response
        writer = copied._writer  # noqa: SLF001  `close` and `terminate` wait for it and cancel it
        if writer is not None:
            request._writer = writer  # noqa: SLF001


def _body_in_memory(body: object) -> object:
    """Return the body if it is one piece of bytes; otherwise what it will be read from."""
    if isinstance(body, Payload) and type(body).__module__ == Payload.__module__:
        body = body._value  # noqa: SLF001  the public `decode` replaces what is not text
    return bytes(body) if isinstance(body, (bytearray, memoryview)) else body_in_memory(body)


def _payload(content: bytes) -> BytesPayload:
    """Return a payload of these bytes; made of many bytes at once, it would warn."""
    payload = BytesPayload(b"")
    payload._value, payload._size = content, len(content)  # noqa: SLF001  as above
    return payload


def _outgoing(request: ClientRequest, layer: str) -> check.OutgoingRequest:
    origin = str(request.url.origin())
    return check.OutgoingRequest(
        layer=layer,
        method=request.method,
        # A request that opens a tunnel through a proxy names the host alone, whatever URL it was made for.
        url=origin if request.method == "CONNECT" else origin + request.url.raw_path_qs,
        headers=[_field(name, value) for name, value in request.headers.items() if name.lower() != _OF_THE_PROXY],
        body=_body_in_memory(request.body),
        origin=origin,
    )


def _field(name: object, value: object) -> tuple[bytes, bytes]:
    return f"{name}".encode("utf-8", "surrogatepass"), f"{value}".encode("utf-8", "surrogatepass")


async def _look_up(connect: Connect, request: ClientRequest, lookup: check.LookupRequest) -> check.LookupResponse:
    """Send a lookup the way of the request, once more if the server had closed a connection that was kept."""
    import asyncio

    import aiohttp

    async with asyncio.timeout(_LONGEST_LOOKUP):
        await asyncio.sleep(lookup.delay)
        with suppress(aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            return await _get(connect, request, lookup)
        return await _get(connect, request, lookup)


async def _get(connect: Connect, request: ClientRequest, lookup: check.LookupRequest) -> check.LookupResponse:
    from aiohttp import ClientTimeout

    question = _lookup_request(request, lookup)
    connection = await connect(question, [], ClientTimeout(total=_LONGEST_LOOKUP))
    try:
        connection.protocol.set_response_params(read_until_eof=True)  # type: ignore[union-attr]
        response = await question.send(connection)
        try:
            await response.start(connection)
            # Not `response.read`, which tests replace.
            return gate.response(response.status, response.raw_headers, await response.content.read())
        finally:
            response.close()
    except BaseException:
        connection.close()
        raise


def _lookup_request(request: ClientRequest, lookup: check.LookupRequest) -> ClientRequest:
    names = [name.decode("utf-8", "surrogatepass") for name, _ in lookup.headers]
    values = [value.decode("utf-8", "surrogatepass") for _, value in lookup.headers]
    return ClientRequest(
        lookup.method,
        request.url.with_path(lookup.path, encoded=True),
        headers=list(zip(names, values, strict=True)),
        data=lookup.content or None,
        skip_auto_headers=["Accept", "User-Agent"],
        version=request.version,
        loop=request.loop,
        ssl=request.ssl,
        server_hostname=request.server_hostname,
        proxy=request.proxy,
        proxy_auth=request.proxy_auth,
        proxy_headers=request.proxy_headers,
    )
