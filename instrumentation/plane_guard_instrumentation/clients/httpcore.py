"""The shell for httpx and httpx2: the connection pools of httpcore and httpcore2, sync and async.

This is below every mock and inside OpenTelemetry's client span, sees each redirect hop and each retry of the
application, and is not passed at all by requests that a mock answers.

In a test process the pool gets a copy of a request to Plane that nobody else holds: what a task or a thread changes
while a proof is awaited or a connection is opened changes nothing that is sent.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

from plane_guard import process
from plane_guard.paths import might_be_plane
from plane_guard_instrumentation.clients import httpcore_copy, httpcore_lookup
from plane_guard_instrumentation.connections import known_hosts
from plane_guard_instrumentation.enforcement import check, learning, request_scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpcore

    Sync = Callable[[Any, httpcore.Request], httpcore.Response]
    Async = Callable[[Any, httpcore.Request], Awaitable[httpcore.Response]]

_PORTS = {b"http": 80, b"https": 443}
_CORE_OF = {"httpx": "httpcore", "httpx2": "httpcore2"}


def guard_sync(original: Sync, layer: str) -> Sync:
    """Judge each request of a sync pool before it is sent. The name of the function stays: respx looks at it."""
    core = sys.modules[_CORE_OF[layer]]
    httpcore_lookup.remember_genuine(core)
    copied_read = httpcore_copy.copier_of_reads(core)

    @functools.wraps(original)
    def handle_request(self: Any, request: httpcore.Request) -> httpcore.Response:
        __tracebackhide__ = True
        if not _concerns_plane(request):
            return original(self, request)
        own = copied_read(request)
        sent = None
        if own is None:
            own = _own(request, layer)
            sent = None if check.is_read(own.method, own.headers) else _sent(own, layer)
        with request_scope.connecting():
            if sent is None:
                return original(self, own)
            if request_scope.checked_form(request) != sent:
                check.run_check(
                    check.check_request(sent), lambda probe: httpcore_lookup.ask(original, self, own, probe)
                )
            with request_scope.sending(own, sent):
                return original(self, own)

    return handle_request


def guard_async(original: Async, layer: str) -> Async:
    """Judge each request of an async pool before it is sent; see `guard_sync`."""
    copied_read = httpcore_copy.copier_of_reads(sys.modules[_CORE_OF[layer]])

    @functools.wraps(original)
    async def handle_async_request(self: Any, request: httpcore.Request) -> httpcore.Response:
        __tracebackhide__ = True
        if not _concerns_plane(request):
            return await original(self, request)
        own = copied_read(request)
        sent = None
        if own is None:
            own = _own(request, layer)
            sent = None if check.is_read(own.method, own.headers) else _sent(own, layer)
        with request_scope.connecting():
            if sent is None:
                return await original(self, own)
            if request_scope.checked_form(request) != sent:
                steps = check.check_request(sent)
                await check.run_check_async(steps, lambda probe: httpcore_lookup.ask_async(original, self, own, probe))
            with request_scope.sending(own, sent):
                return await original(self, own)

    return handle_async_request


def _own(request: httpcore.Request, layer: str) -> httpcore.Request:
    """A copy that nobody else can change, of immutable values; the request itself in a live process."""
    __tracebackhide__ = True
    if not process.test_evidence():
        return request
    cause: Exception | None = None
    try:
        return httpcore_copy.copied(request)
    except Exception as error:  # noqa: BLE001  what cannot be read is not sent
        cause = error
    check.refuse_unreadable(layer, cause)
    raise cause  # not reached; whatever happens, the request itself is not sent


def _concerns_plane(request: httpcore.Request) -> bool:
    """Return if the request could be a write to Plane, or opens a connection to a known Plane host."""
    url = request.url
    if might_be_plane(url.target):
        learning.learn_host(_origin(url) + url.target)
        return True
    return bool(known_hosts.plane_host(url.host, url.port or _PORTS.get(url.scheme)))


def _sent(request: httpcore.Request, layer: str) -> check.OutgoingRequest:
    url = request.url
    origin = _origin(url)
    target = url.target if url.target.startswith(b"/") else b"/" + url.target
    return check.OutgoingRequest(
        layer=layer,
        method=request.method.decode("latin-1"),
        url=(origin + target).decode("latin-1"),
        headers=tuple(request.headers),
        body=httpcore_copy.body_in_memory(request.stream),
        origin=origin.decode("latin-1"),
    )


def _origin(url: httpcore.URL) -> bytes:
    port = b"" if url.port is None else b":%d" % url.port
    return url.scheme + b"://" + url.host + port
