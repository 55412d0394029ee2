"""Patches for httpx and httpx2: the pools and connections of httpcore and httpcore2, sync and async.

A pool decides before anything connects, so a refused request opens no connection. A connection of one protocol is the
last method that every request passes: below all mocks, inside OpenTelemetry's client span, once for each redirect and
retry, and also when a connection is used without a pool. Ownership lookups go over that very connection.

In a test process a private copy of a request to Plane is sent, so that a task or thread that changes the request
while a lookup is awaited changes nothing that is sent.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

from plane_guard import process
from plane_guard.paths import might_be_plane
from plane_guard_instrumentation.clients import gate, self_check
from plane_guard_instrumentation.connections import known_hosts
from plane_guard_instrumentation.enforcement import check, request_scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import ModuleType

    import httpcore

    Sync = Callable[[Any, httpcore.Request], httpcore.Response]
    Async = Callable[[Any, httpcore.Request], Awaitable[httpcore.Response]]

_CORES = ("httpcore", "httpcore2")
_STREAM_OWNERS = frozenset({"httpcore", "httpcore2", "httpx", "httpx2"})


def patch_request(original: Sync, layer: str) -> Sync:
    """Return a pool's or connection's `handle_request` that decides first. respx looks for the function by its name."""

    @functools.wraps(original)
    def handle_request(self: Any, request: httpcore.Request) -> httpcore.Response:
        __tracebackhide__ = True
        if not _concerns_plane(request) or _scope_of(request) is not None:
            return original(self, request)
        copy = _private_copy(request, layer)
        with gate.connecting(layer), request_scope.sending(copy) as scope:
            scope.checked = _checked_before_connecting(copy, layer)
            return original(self, copy)

    return handle_request


def patch_async_request(original: Async, layer: str) -> Async:
    """Return the async form of `patch_request`."""

    @functools.wraps(original)
    async def handle_async_request(self: Any, request: httpcore.Request) -> httpcore.Response:
        __tracebackhide__ = True
        if not _concerns_plane(request) or _scope_of(request) is not None:
            return await original(self, request)
        copy = _private_copy(request, layer)
        with gate.connecting(layer), request_scope.sending(copy) as scope:
            scope.checked = _checked_before_connecting(copy, layer)
            return await original(self, copy)

    return handle_async_request


def patch_wire(original: Sync, layer: str) -> Sync:
    """Return a protocol's `handle_request` that checks a request unless it was checked above."""

    @functools.wraps(original)
    def handle_request(self: Any, request: httpcore.Request) -> httpcore.Response:
        __tracebackhide__ = True
        if not _concerns_plane(request):
            return original(self, request)
        scope = _scope_of(request)
        if scope is None:
            request = _private_copy(request, layer)
        if scope is None or scope.checked is None:
            gate.run_check(_outgoing(request, layer), functools.partial(_look_up, original, self, request))
            if scope is not None:
                scope.checked = True  # The pool may send it again over another connection.
        return original(self, request)

    return handle_request


def patch_async_wire(original: Async, layer: str) -> Async:
    """Return the async form of `patch_wire`."""

    @functools.wraps(original)
    async def handle_async_request(self: Any, request: httpcore.Request) -> httpcore.Response:
        __tracebackhide__ = True
        if not _concerns_plane(request):
            return await original(self, request)
        scope = _scope_of(request)
        if scope is None:
            request = _private_copy(request, layer)
        if scope is None or scope.checked is None:
            look_up = functools.partial(_look_up_async, original, self, request)
            await gate.run_check_async(_outgoing(request, layer), look_up)
            if scope is not None:
                scope.checked = True
        return await original(self, request)

    return handle_async_request


def probe(owner: type) -> None:
    """Send a probe through a connection that has no stream."""
    owner.handle_request(object.__new__(owner), _probe_request(owner))  # type: ignore[attr-defined]


def probe_async(owner: type) -> None:
    """Run a probe until it would wait for something."""
    owner.handle_async_request(object.__new__(owner), _probe_request(owner)).send(None)  # type: ignore[attr-defined]


def _probe_request(owner: type) -> httpcore.Request:
    core = sys.modules[owner.__module__.partition(".")[0]]
    request: httpcore.Request = core.Request("POST", f"http://{self_check.HOST}{self_check.PATH}", content=b"{}")
    return request


def _concerns_plane(request: httpcore.Request) -> bool:
    """Return if the request could be for Plane, or opens a connection to a known Plane host."""
    url = request.url
    return might_be_plane(url.target) or bool(known_hosts.plane_host(url.host, url.port))


def _scope_of(request: httpcore.Request) -> request_scope.Sending | None:
    """Return the scope that a patch above has opened for this request.

    A forwarding proxy makes a new request of the one that it was given, with the absolute URL as its target. The body
    stays the same object.
    """
    scope = request_scope.current()
    if scope is None:
        return None
    above: Any = scope.request
    if above is request:
        return scope
    is_forwarded = (
        getattr(above, "stream", None) is request.stream
        and above.method == request.method
        and request.url.target in {bytes(above.url), above.url.target}
    )
    return scope if is_forwarded else None


def _private_copy(request: httpcore.Request, layer: str) -> httpcore.Request:
    """Return a copy that no one else can change; the request itself in a live process."""
    __tracebackhide__ = True
    if not process.test_evidence():
        return request
    cause: Exception | None = None
    try:
        return _copy(request)
    except Exception as error:  # noqa: BLE001  a request that cannot be read is not sent
        cause = error
    check.refuse_unreadable(layer, cause)
    raise cause  # Not reached. Whatever happens, the request itself is not sent.


def _copy(request: httpcore.Request) -> httpcore.Request:
    """Return a new request. Its class validates the parts, which may have been changed since the first one was made."""
    core, extensions = _core_of(request), dict(request.extensions)
    url = _url_with_target(core, request.url, request.url.target)
    if "target" in extensions:  # it overrides the URL's target where a forwarding proxy is used
        extensions["target"] = url.target
    body: Any = body_in_memory(request.stream)
    copy: httpcore.Request = core.Request(
        request.method, url, headers=list(request.headers), content=body, extensions=extensions
    )
    return copy


def _checked_before_connecting(request: httpcore.Request, layer: str) -> bool | None:
    __tracebackhide__ = True
    gate.refuse_upgrade(request.url.host, request.url.port, request.headers, layer)
    return True if gate.decides_without_lookup(_outgoing(request, layer)) else None


def _outgoing(request: httpcore.Request, layer: str) -> check.OutgoingRequest:
    url = request.url
    port = b"" if url.port is None else b":%d" % url.port
    origin, target = url.scheme + b"://" + url.host + port, url.target
    scheme, separator, rest = target.partition(b"://")
    if separator and scheme.isalpha():  # as a forwarding proxy gets it
        origin, target = scheme + separator + rest.partition(b"/")[0], b"/" + rest.partition(b"/")[2]
    return check.OutgoingRequest(
        layer=layer,
        method=request.method.decode("latin-1"),
        url=(origin + (target if target.startswith(b"/") else b"/" + target)).decode("latin-1"),
        headers=tuple(request.headers),
        body=body_in_memory(request.stream),
        origin=origin.decode("latin-1"),
    )


def body_in_memory(stream: Any) -> object:
    """Return the body if sending it again would send the same bytes; otherwise the stream itself."""
    kind = type(stream)
    if kind.__name__ == "ByteStream" and kind.__module__.partition(".")[0] in _STREAM_OWNERS:
        return b"".join(stream)
    return stream


def _look_up(
    original: Sync, connection: Any, request: httpcore.Request, lookup: check.LookupRequest
) -> check.LookupResponse:
    import time

    time.sleep(lookup.delay)
    response = original(connection, _lookup_request(request, lookup))
    try:
        return gate.response(response.status, response.headers, response.read())
    finally:
        response.close()


async def _look_up_async(
    original: Async, connection: Any, request: httpcore.Request, lookup: check.LookupRequest
) -> check.LookupResponse:
    import anyio

    await anyio.sleep(lookup.delay)
    response = await original(connection, _lookup_request(request, lookup))
    try:
        return gate.response(response.status, response.headers, await response.aread())
    finally:
        await response.aclose()


def _lookup_request(request: httpcore.Request, lookup: check.LookupRequest) -> httpcore.Request:
    core, target = _core_of(request), lookup.path.encode("latin-1")
    scheme, separator, rest = request.url.target.partition(b"://")
    if separator and scheme.isalpha():
        target = scheme + separator + rest.partition(b"/")[0] + target
    url = _url_with_target(core, request.url, target)
    extensions = {"timeout": request.extensions.get("timeout", {})}
    made: httpcore.Request = core.Request(
        lookup.method, url, headers=lookup.headers, content=lookup.content or None, extensions=extensions
    )
    return made


def _url_with_target(core: ModuleType, url: httpcore.URL, target: bytes) -> httpcore.URL:
    made: httpcore.URL = core.URL(scheme=url.scheme, host=url.host, port=url.port, target=target)
    return made


def _core_of(request: httpcore.Request) -> ModuleType:
    """Return httpcore or httpcore2, whichever the request is an instance of."""
    names = (base.__module__.partition(".")[0] for base in type(request).__mro__)
    return sys.modules[next(name for name in names if name in _CORES)]
